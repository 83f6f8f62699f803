/* SPDX-License-Identifier: Apache-2.0 */
/* The ping plugin as it is built, against this kernel in a network namespace of each case's own. */
#include <arpa/inet.h>
#include <jansson.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "plug/fakehost.h"
#include "plug/netns.h"
#include "tap.h"

static struct fakehost *ping(void)
{
	struct fakehost *h = fakehost_new("plugins/ping/.libs/ping.so");

	EXPECT_INT(fakehost_set(h, "interval", "2ms"), 0);
	EXPECT_INT(fakehost_set(h, "wait", "1s"), 0);
	return h;
}

static json_t *result(struct fakehost *h)
{
	json_t *j = json_loads(fakehost_json(h), JSON_REJECT_DUPLICATES, NULL);

	EXPECT(j);
	EXPECT_STR(fakehost_broken(h), "");
	return j;
}

static json_t *run(struct fakehost *h, const char *target)
{
	EXPECT_INT(fakehost_run(h, target), 0);
	if (fakehost_failure(h))
		tap_fail(__FILE__, __LINE__, "failure %d: %s", fakehost_failure(h), fakehost_why(h));
	return result(h);
}

static long long stat_int(const json_t *j, const char *key)
{
	return json_integer_value(json_object_get(json_object_get(j, "stats"), key));
}

static int stat_is_null(const json_t *j, const char *key)
{
	return json_is_null(json_object_get(json_object_get(j, "stats"), key));
}

static const char *text_of(const json_t *j, const char *key)
{
	return json_string_value(json_object_get(j, key));
}

static const json_t *row(const json_t *j, const char *list, size_t i)
{
	const json_t *r = json_array_get(json_object_get(j, list), i);
	EXPECT(r);
	return r;
}

static void expect_three_replies(struct fakehost *h, const char *target, int ttl)
{
	json_t *j = run(h, target);

	EXPECT_STR(text_of(j, "resolvedAddress"), target);
	EXPECT_STR(text_of(j, "timestamps"), "kernel");
	EXPECT_INT(json_array_size(json_object_get(j, "timings")), 3);
	for (size_t i = 0; i < 3; i++) {
		EXPECT(json_number_value(json_object_get(row(j, "timings", i), "rtt")) > 0);
		EXPECT_INT(json_integer_value(json_object_get(row(j, "timings", i), "ttl")), ttl);
		EXPECT_STR(text_of(row(j, "packets", i), "status"), "reply");
	}
	EXPECT_INT(stat_int(j, "total"), 3);
	EXPECT_INT(stat_int(j, "rcv"), 3);
	EXPECT_INT(stat_int(j, "drop"), 0);
	EXPECT(!stat_is_null(j, "stddev") && !stat_is_null(j, "jitter"));
	EXPECT(strstr(fakehost_raw(h), "3 packets transmitted, 3 received, 0% packet loss"));
	json_decref(j);
	fakehost_free(h);
}

static void replies_by_ping_socket_v4(void)
{
	struct fakehost *h = ping();
	netns_enter();
	fakehost_icmp_sockets(h, FAKEHOST_PING_SOCKET);
	expect_three_replies(h, "127.0.0.1", 64);
}

static void replies_by_raw_socket_v4(void)
{
	struct fakehost *h = ping();
	netns_enter();
	netns_run((const char *const[]){ "sysctl", "-qw", "net.ipv4.ip_default_ttl=77", NULL });
	fakehost_icmp_sockets(h, FAKEHOST_RAW_SOCKET);
	expect_three_replies(h, "127.0.0.1", 77);
}

static void replies_by_ping_socket_v6(void)
{
	struct fakehost *h = ping();
	netns_enter();
	fakehost_icmp_sockets(h, FAKEHOST_PING_SOCKET);
	expect_three_replies(h, "::1", 64);
}

static void replies_by_raw_socket_v6(void)
{
	struct fakehost *h = ping();
	netns_enter();
	fakehost_icmp_sockets(h, FAKEHOST_RAW_SOCKET);
	expect_three_replies(h, "::1", 64);
}

static void every_size_comes_back(void)
{
	static const char *const sizes[] = { "0", "1", "15", "16", "17", "1471", "65000" };
	struct fakehost *h = ping();
	char want[64];

	netns_enter();
	EXPECT_INT(fakehost_set(h, "packets", "1"), 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (int which = FAKEHOST_PING_SOCKET; which <= FAKEHOST_RAW_SOCKET; which++) {
			EXPECT_INT(fakehost_set(h, "size", sizes[i]), 0);
			fakehost_icmp_sockets(h, which);
			json_t *j = run(h, i & 1 ? "::1" : "127.0.0.1");
			EXPECT_INT(stat_int(j, "rcv"), 1);
			snprintf(want, sizeof(want), "\n%lld bytes from ", atoll(sizes[i]) + 8);
			EXPECT(strstr(fakehost_raw(h), want));
			EXPECT(stat_is_null(j, "jitter"));
			json_decref(j);
		}
	}
	fakehost_free(h);
}

static void total_loss_is_a_result(void)
{
	struct fakehost *h = ping();

	netns_enter();
	netns_blackhole("127.0.0.9");
	fakehost_virtual_clock(h, true);
	EXPECT_INT(fakehost_set(h, "interval", "500ms"), 0);
	EXPECT_INT(fakehost_set(h, "wait", "2s"), 0);
	json_t *j = run(h, "127.0.0.9");
	EXPECT_INT(stat_int(j, "total"), 3);
	EXPECT_INT(stat_int(j, "drop"), 3);
	EXPECT_INT(stat_int(j, "loss"), 100);
	EXPECT(stat_is_null(j, "min") && stat_is_null(j, "avg") && stat_is_null(j, "max"));
	EXPECT(stat_is_null(j, "stddev") && stat_is_null(j, "jitter"));
	EXPECT(json_is_null(json_object_get(j, "timestamps")));
	EXPECT_INT(json_array_size(json_object_get(j, "timings")), 0);
	EXPECT_STR(text_of(row(j, "packets", 2), "status"), "lost");
	/* Two intervals, one wait, and the moment for the stamps: on the virtual clock, exactly. */
	EXPECT_INT(fakehost_took_ns(h) / SONDE_NS_PER_MS, 3000);
	json_decref(j);
	fakehost_free(h);
}

static void lost_packets_have_no_timing(void)
{
	struct fakehost *h = ping();

	netns_enter();
	netns_run((const char *const[]){ "nft", "table inet t { chain c { type filter hook prerouting "
	          "priority 0; icmp type echo-request numgen inc mod 2 0 drop; }; }", NULL });
	EXPECT_INT(fakehost_set(h, "packets", "4"), 0);
	EXPECT_INT(fakehost_set(h, "wait", "50ms"), 0);
	json_t *j = run(h, "127.0.0.1");
	EXPECT_INT(stat_int(j, "rcv"), 2);
	EXPECT_INT(stat_int(j, "loss"), 50);
	EXPECT_INT(json_array_size(json_object_get(j, "timings")), 2);
	EXPECT_INT(json_array_size(json_object_get(j, "packets")), 4);
	EXPECT(json_is_null(json_object_get(row(j, "packets", 0), "rtt")) !=
	       json_is_null(json_object_get(row(j, "packets", 1), "rtt")));
	json_decref(j);
	fakehost_free(h);
}

static void expect_unreachable(int which)
{
	struct fakehost *h = ping();

	netns_enter();
	/* The kernel answers "unreachable" at a limited rate. */
	netns_run((const char *const[]){ "sysctl", "-qw", "net.ipv4.icmp_ratemask=0", NULL });
	netns_run((const char *const[]){ "nft", "table inet t { chain c { type filter hook input "
	          "priority 0; ip daddr 127.0.0.9 icmp type echo-request reject with icmp "
	          "host-unreachable; }; }", NULL });
	fakehost_icmp_sockets(h, which);
	EXPECT_INT(fakehost_run(h, "127.0.0.9"), 0);
	EXPECT_INT(fakehost_failure(h), SONDE_FAIL_UNREACHABLE);
	EXPECT_STR(fakehost_why(h), "host unreachable, says 127.0.0.9");
	json_t *j = result(h);
	EXPECT_INT(stat_int(j, "drop"), 3);
	EXPECT_STR(text_of(row(j, "packets", 1), "status"), "error");
	EXPECT_STR(text_of(row(j, "packets", 1), "note"), "host unreachable");
	json_decref(j);
	fakehost_free(h);
}

static void unreachable_by_ping_socket(void)
{
	expect_unreachable(FAKEHOST_PING_SOCKET);
}

static void unreachable_by_raw_socket(void)
{
	expect_unreachable(FAKEHOST_RAW_SOCKET);
}

static void no_route_is_unreachable(void)
{
	struct fakehost *h = ping();

	netns_enter();
	EXPECT_INT(fakehost_run(h, "192.0.2.1"), 0);
	EXPECT_INT(fakehost_failure(h), SONDE_FAIL_UNREACHABLE);
	EXPECT_STR(fakehost_why(h), "network unreachable, says this host");
	EXPECT_STR(fakehost_broken(h), "");
	fakehost_free(h);
}

static void too_big_is_an_error_row(void)
{
	struct fakehost *h = ping();

	netns_enter();
	netns_run((const char *const[]){ "ip", "link", "set", "lo", "mtu", "1500", NULL });
	EXPECT_INT(fakehost_set(h, "size", "2000"), 0);
	EXPECT_INT(fakehost_set(h, "dontFragment", "true"), 0);
	json_t *j = run(h, "127.0.0.1");
	EXPECT_INT(stat_int(j, "rcv"), 0);
	EXPECT_STR(text_of(row(j, "packets", 0), "note"), "packet too big");
	json_decref(j);
	EXPECT_INT(fakehost_set(h, "dontFragment", "false"), 0);
	j = run(h, "127.0.0.1");
	EXPECT_INT(stat_int(j, "rcv"), 3);
	json_decref(j);
	fakehost_free(h);
}

/* A tap on lo and a sender of replies. */

struct forger {
	int tap, raw;
	const char *source; /* of the forged reply */
	int cookie_at;      /* payload byte to spoil, -1 none */
	int copies;
	int seen_ttl;
	struct fakehost *host;
	int64_t at; /* when it looks */
};

static int find_request(struct forger *f, uint8_t *p, size_t cap)
{
	ssize_t n;

	while ((n = recv(f->tap, p, cap, MSG_DONTWAIT)) > 0)
		if (n >= 14 + 20 + 8 + 16 && p[14 + 9] == 1 && p[14 + 20] == 8)
			return (int)n;
	return -1;
}

static void forge(void *arg)
{
	struct forger *f = arg;
	struct sockaddr_in from = { .sin_family = AF_INET }, to = from;
	uint8_t p[256];
	int n = find_request(f, p, sizeof(p));

	if (n < 0) { /* not sent yet: a slow machine, or memcheck */
		f->at += 10 * SONDE_NS_PER_MS;
		EXPECT(f->at < 10 * SONDE_NS_PER_S);
		fakehost_at(f->host, f->at, forge, f);
		return;
	}
	uint8_t *icmp = p + 34;
	f->seen_ttl = p[14 + 8];
	icmp[0] = 0;
	icmp[2] = icmp[3] = 0;
	if (f->cookie_at >= 0)
		icmp[8 + f->cookie_at] ^= 1;
	uint32_t sum = 0;
	for (int i = 0; i < n - 34; i += 2)
		sum += (uint32_t)(icmp[i] << 8) + (i + 1 < n - 34 ? icmp[i + 1] : 0);
	while (sum >> 16)
		sum = (sum >> 16) + (sum & 0xffff);
	icmp[2] = (uint8_t)(~sum >> 8);
	icmp[3] = (uint8_t)~sum;
	inet_pton(AF_INET, f->source, &from.sin_addr);
	inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
	EXPECT(!bind(f->raw, (struct sockaddr *)&from, sizeof(from)));
	for (int i = 0; i < f->copies; i++)
		EXPECT(sendto(f->raw, icmp, (size_t)n - 34, 0, (struct sockaddr *)&to,
		              sizeof(to)) > 0);
}

static json_t *run_forged(struct forger *f, int which)
{
	struct fakehost *h = ping();

	netns_enter();
	netns_blackhole("127.0.0.9");
	f->tap = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_IP));
	f->raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	if (f->tap < 0 || f->raw < 0)
		tap_skip("no right to raw sockets");
	fakehost_icmp_sockets(h, which);
	EXPECT_INT(fakehost_set(h, "packets", "2"), 0);
	EXPECT_INT(fakehost_set(h, "ttl", "33"), 0);
	EXPECT_INT(fakehost_set(h, "interval", "50ms"), 0);
	EXPECT_INT(fakehost_set(h, "wait", "1s"), 0);
	f->host = h;
	f->at = 20 * SONDE_NS_PER_MS;
	fakehost_at(h, f->at, forge, f);
	json_t *j = run(h, "127.0.0.9");
	EXPECT_INT(f->seen_ttl, 33);
	fakehost_free(h);
	close(f->tap);
	close(f->raw);
	return j;
}

static void expect_ignored(const char *source, int cookie_at)
{
	struct forger f = { .source = source, .cookie_at = cookie_at, .copies = 1 };
	json_t *j = run_forged(&f, FAKEHOST_RAW_SOCKET);

	EXPECT_INT(stat_int(j, "rcv"), 0);
	EXPECT_INT(stat_int(j, "dup"), 0);
	json_decref(j);
	j = run_forged(&f, FAKEHOST_PING_SOCKET);
	EXPECT_INT(stat_int(j, "rcv"), 0);
	json_decref(j);
}

static void a_true_reply_by_hand_is_taken_and_its_copies_are_duplicates(void)
{
	struct forger f = { .source = "127.0.0.9", .cookie_at = -1, .copies = 3 };
	json_t *j = run_forged(&f, FAKEHOST_RAW_SOCKET);

	EXPECT_INT(stat_int(j, "rcv"), 1);
	EXPECT_INT(stat_int(j, "dup"), 2);
	EXPECT_STR(text_of(row(j, "packets", 3), "status"), "duplicate");
	EXPECT_INT(json_array_size(json_object_get(j, "timings")), 1);
	json_decref(j);
}

static void a_reply_from_another_address_is_ignored(void)
{
	expect_ignored("127.0.0.8", -1);
}

static void a_reply_with_another_cookie_is_ignored(void)
{
	expect_ignored("127.0.0.9", 0);
}

static void a_reply_with_a_spoilt_last_cookie_byte_is_ignored(void)
{
	expect_ignored("127.0.0.9", 15);
}

static void names_are_resolved_and_v4_is_preferred(void)
{
	struct fakehost *h = ping();

	netns_enter();
	fakehost_resolve_add(h, "both.test", "::1");
	fakehost_resolve_add(h, "both.test", "127.0.0.1");
	json_t *j = run(h, "both.test");
	EXPECT_STR(text_of(j, "resolvedAddress"), "127.0.0.1");
	EXPECT_STR(text_of(j, "resolvedHostname"), "both.test");
	json_decref(j);
	fakehost_ip_version(h, 6);
	j = run(h, "both.test");
	EXPECT_STR(text_of(j, "resolvedAddress"), "::1");
	json_decref(j);
	fakehost_free(h);
}

static void no_name_no_guard_no_memory_fail_as_such(void)
{
	struct fakehost *h = ping();

	netns_enter();
	EXPECT_INT(fakehost_run(h, "nowhere.test"), 0);
	EXPECT_INT(fakehost_failure(h), SONDE_FAIL_RESOLVE);
	fakehost_refuse(h, "127.0.0.7");
	EXPECT_INT(fakehost_run(h, "127.0.0.7"), 0);
	EXPECT_INT(fakehost_failure(h), SONDE_FAIL_GUARD);
	for (size_t bytes = 0; bytes < 70000; bytes += 97) {
		fakehost_memory(h, bytes);
		EXPECT_INT(fakehost_set(h, "packets", "1"), 0);
		EXPECT_INT(fakehost_run(h, "127.0.0.1"), 0);
		EXPECT_STR(fakehost_broken(h), "");
		if (!fakehost_failure(h))
			break;
		EXPECT_INT(fakehost_failure(h), SONDE_FAIL_OVERLOAD);
	}
	EXPECT_INT(fakehost_failure(h), SONDE_FAIL_NONE);
	fakehost_free(h);
}

static void a_cancelled_probe_reports_what_it_has(void)
{
	struct fakehost *h = ping();

	netns_enter();
	fakehost_virtual_clock(h, true);
	EXPECT_INT(fakehost_set(h, "packets", "1000"), 0);
	EXPECT_INT(fakehost_set(h, "interval", "1s"), 0);
	fakehost_timeout(h, 2500 * SONDE_NS_PER_MS);
	EXPECT_INT(fakehost_run(h, "127.0.0.1"), 0);
	EXPECT_INT(fakehost_failure(h), SONDE_FAIL_TIMEOUT);
	json_t *j = result(h);
	EXPECT_INT(stat_int(j, "total"), stat_int(j, "rcv"));
	EXPECT_INT(stat_int(j, "rcv"), 3);
	json_decref(j);
	fakehost_cancel_at(h, 1500 * SONDE_NS_PER_MS, SONDE_WHY_CANCELLED);
	EXPECT_INT(fakehost_run(h, "127.0.0.1"), 0);
	EXPECT_INT(fakehost_failure(h), SONDE_FAIL_CANCELLED);
	EXPECT_STR(fakehost_broken(h), "");
	fakehost_free(h);
}

static void check_has_its_say(void)
{
	struct fakehost *h = ping();

	EXPECT_INT(fakehost_run(h, ""), 1);
	EXPECT_STR(fakehost_error(h)->path, "target");
	EXPECT_INT(fakehost_set(h, "packets", "1001"), -1);
	EXPECT_INT(fakehost_set(h, "protocol", "icmp"), 0);
	EXPECT_INT(fakehost_set(h, "packets", "17"), 0);
	EXPECT_INT(fakehost_set(h, "size", "1473"), 0);
	EXPECT_INT(fakehost_run(h, "127.0.0.1"), 1);
	EXPECT_STR(fakehost_error(h)->path, "size");
	fakehost_free(h);
}

static void a_source_is_sent_from(void)
{
	static const int sockets[] = { FAKEHOST_PING_SOCKET, FAKEHOST_RAW_SOCKET };

	netns_enter();
	for (unsigned i = 0; i < 2; i++) {
		struct fakehost *h = ping();
		fakehost_icmp_sockets(h, sockets[i]);
		EXPECT_INT(fakehost_set(h, "source", "127.0.0.5"), 0);
		json_t *j = run(h, "127.0.0.1");
		EXPECT_INT(stat_int(j, "rcv"), 3);
		EXPECT_STR(text_of(j, "timestamps"), "kernel");
		json_decref(j);
		EXPECT_INT(fakehost_set(h, "source", "192.0.2.1"), 0);
		EXPECT_INT(fakehost_run(h, "127.0.0.1"), 0);
		EXPECT_INT(fakehost_failure(h), SONDE_FAIL_INTERNAL);
		EXPECT_STR(fakehost_why(h), "the source is no address of this node");
		EXPECT_STR(fakehost_broken(h), "");
		fakehost_free(h);
	}
}

TAP_MAIN(CASE(replies_by_ping_socket_v4), CASE(replies_by_raw_socket_v4),
         CASE(replies_by_ping_socket_v6), CASE(replies_by_raw_socket_v6),
         CASE(every_size_comes_back), CASE(total_loss_is_a_result),
         CASE(lost_packets_have_no_timing), CASE(unreachable_by_ping_socket),
         CASE(unreachable_by_raw_socket), CASE(no_route_is_unreachable),
         CASE(too_big_is_an_error_row),
         CASE(a_true_reply_by_hand_is_taken_and_its_copies_are_duplicates),
         CASE(a_reply_from_another_address_is_ignored),
         CASE(a_reply_with_another_cookie_is_ignored),
         CASE(a_reply_with_a_spoilt_last_cookie_byte_is_ignored),
         CASE(names_are_resolved_and_v4_is_preferred),
         CASE(no_name_no_guard_no_memory_fail_as_such),
         CASE(a_cancelled_probe_reports_what_it_has), CASE(check_has_its_say),
         CASE(a_source_is_sent_from))
