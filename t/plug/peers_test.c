/* SPDX-License-Identifier: Apache-2.0 */
/* The plugins tcp, udp, ntp and ping over TCP under the fake host: time (on its virtual clock), ends
 * that come early, limits of memory, and the contract of the host. Peers are sockets of the case's
 * own network namespace, or nobody. */
#include <arpa/inet.h>
#include <jansson.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "plug/fakehost.h"
#include "plug/netns.h"
#include "tap.h"

static const char *const types[] = { "tcp", "udp", "ntp", "ping" };
enum { TYPES = 4 };

static struct fakehost *host(const char *type)
{
	char path[64];

	snprintf(path, sizeof(path), "plugins/%s/.libs/%s.so", type, type);
	struct fakehost *h = fakehost_new(path);
	if (!strcmp(type, "ping"))
		EXPECT_INT(fakehost_set(h, "protocol", "TCP"), 0);
	if (!strcmp(type, "udp"))
		EXPECT_INT(fakehost_set(h, "port", "9"), 0);
	return h;
}

static json_t *result(struct fakehost *h)
{
	json_t *j = json_loads(fakehost_json(h), JSON_REJECT_DUPLICATES, NULL);

	EXPECT(j);
	EXPECT_STR(fakehost_broken(h), "");
	return j;
}

static void expect_stat(const json_t *j, const char *key, double want)
{
	const json_t *v = json_object_get(json_object_get(j, "stats"), key);

	EXPECT(json_is_number(v));
	EXPECT_INT(json_number_value(v), want);
}

static void expect_no_times(const json_t *j)
{
	static const char *const keys[] = { "min", "avg", "max", "stddev" };

	for (unsigned i = 0; i < 4; i++)
		EXPECT(json_is_null(json_object_get(json_object_get(j, "stats"), keys[i])));
	EXPECT_INT(json_array_size(json_object_get(j, "timings")), 0);
}

/* All that is sent to 127.0.0.9 vanishes, at prerouting: a sender is not told. */
static void silence(void)
{
	netns_run((const char *const[]){ "nft", "table inet t { chain c { type filter hook prerouting "
	                                        "priority 0; ip daddr 127.0.0.9 drop; }; }", NULL });
}

/* A listener that nobody serves: connections are established, and nothing is said. */
static void listen_on(struct fakehost *h, char port[8])
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(any);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	EXPECT(!bind(fd, (struct sockaddr *)&any, len) && !listen(fd, 64));
	EXPECT(!getsockname(fd, (struct sockaddr *)&any, &len));
	snprintf(port, 8, "%u", ntohs(any.sin_port));
	EXPECT_INT(fakehost_set(h, "port", port), 0);
}

static void connections_keep_their_interval(void)
{
	struct fakehost *h = host("tcp");
	char port[8];

	netns_enter();
	listen_on(h, port);
	fakehost_virtual_clock(h, true);
	EXPECT_INT(fakehost_set(h, "count", "5"), 0);
	EXPECT_INT(fakehost_run(h, "127.0.0.1"), 0);
	EXPECT_INT(fakehost_failure(h), SONDE_FAIL_NONE);
	EXPECT_INT(fakehost_took_ns(h) / SONDE_NS_PER_MS, 2000);
	json_t *j = result(h);
	expect_stat(j, "rcv", 5);
	EXPECT_INT(json_array_size(json_object_get(j, "timings")), 5);
	EXPECT(json_is_null(json_object_get(j, "tls")) && json_is_null(json_object_get(j, "banner")));
	json_decref(j);
	fakehost_free(h);
}

static void silence_is_lost_after_wait(void)
{
	struct fakehost *h = host("tcp");

	netns_enter();
	silence();
	fakehost_virtual_clock(h, true);
	EXPECT_INT(fakehost_run(h, "127.0.0.9"), 0);
	EXPECT_INT(fakehost_failure(h), SONDE_FAIL_TIMEOUT);
	EXPECT_STR(fakehost_why(h), "127.0.0.9 port 80: no answer");
	EXPECT_INT(fakehost_took_ns(h) / SONDE_NS_PER_MS, 4000); /* two intervals and the wait */
	json_t *j = result(h);
	expect_stat(j, "drop", 3);
	expect_no_times(j);
	json_decref(j);
	fakehost_free(h);
}

static void loss_is_a_result_of_ping(void)
{
	struct fakehost *h = host("ping");

	netns_enter();
	silence();
	fakehost_virtual_clock(h, true);
	EXPECT_INT(fakehost_run(h, "127.0.0.9"), 0);
	EXPECT_INT(fakehost_failure(h), SONDE_FAIL_NONE);
	json_t *j = result(h);
	expect_stat(j, "loss", 100);
	expect_no_times(j);
	json_decref(j);
	fakehost_free(h);
}

static void refusal_is_told_in_both_versions(void)
{
	static const char *const targets[] = { "127.0.0.1", "::1" };
	netns_enter();
	for (unsigned i = 0; i < 2 * TYPES; i++) {
		struct fakehost *h = host(types[i / 2]);
		fakehost_virtual_clock(h, true);
		EXPECT_INT(fakehost_run(h, targets[i % 2]), 0);
		EXPECT_INT(fakehost_failure(h), SONDE_FAIL_REFUSED);
		json_t *j = result(h);
		EXPECT_STR(json_string_value(json_object_get(j, "resolvedAddress")), targets[i % 2]);
		expect_no_times(j);
		json_decref(j);
		fakehost_free(h);
	}
}

static void a_talk_has_a_time_of_its_own(void)
{
	struct fakehost *h = host("tcp");
	char port[8];

	netns_enter();
	listen_on(h, port);
	fakehost_virtual_clock(h, true);
	EXPECT_INT(fakehost_set(h, "banner", "true"), 0);
	EXPECT_INT(fakehost_set(h, "count", "1"), 0);
	EXPECT_INT(fakehost_run(h, "127.0.0.1"), 0);
	EXPECT_INT(fakehost_failure(h), SONDE_FAIL_TIMEOUT);
	EXPECT(strstr(fakehost_why(h), "the time was over before the banner"));
	EXPECT_INT(fakehost_took_ns(h) / SONDE_NS_PER_MS, 5000);
	json_t *j = result(h);
	expect_stat(j, "rcv", 1);
	EXPECT(json_is_null(json_object_get(j, "banner")));
	json_decref(j);
	EXPECT_INT(fakehost_set(h, "banner", "false"), 0);
	EXPECT_INT(fakehost_set(h, "tls", "true"), 0);
	EXPECT_INT(fakehost_run(h, "127.0.0.1"), 0);
	EXPECT_INT(fakehost_failure(h), SONDE_FAIL_TIMEOUT);
	EXPECT(strstr(fakehost_why(h), "during the TLS handshake"));
	json_decref(result(h));
	fakehost_free(h);
}

static void an_end_may_come_at_any_time(void)
{
	static const struct {
		enum sonde_why why;
		enum sonde_failure failure;
	} ends[] = {
		{ SONDE_WHY_TIMEOUT, SONDE_FAIL_TIMEOUT },
		{ SONDE_WHY_CANCELLED, SONDE_FAIL_CANCELLED },
		{ SONDE_WHY_SHUTDOWN, SONDE_FAIL_CANCELLED },
	};

	netns_enter();
	silence();
	for (unsigned i = 0; i < TYPES * 3; i++) {
		struct fakehost *h = host(types[i % TYPES]);
		fakehost_virtual_clock(h, true);
		fakehost_cancel_at(h, 300 * SONDE_NS_PER_MS, ends[i / TYPES].why);
		EXPECT_INT(fakehost_run(h, "127.0.0.9"), 0);
		EXPECT_INT(fakehost_failure(h), ends[i / TYPES].failure);
		EXPECT_INT(fakehost_took_ns(h) / SONDE_NS_PER_MS, 300);
		json_t *j = result(h);
		expect_no_times(j);
		json_decref(j);
		fakehost_free(h);
	}
}

static void memory_has_a_limit(void)
{
	netns_enter();
	for (unsigned i = 0; i < TYPES; i++) {
		struct fakehost *h = host(types[i]);
		fakehost_memory(h, 16);
		EXPECT_INT(fakehost_run(h, "127.0.0.1"), 0);
		EXPECT_INT(fakehost_failure(h), SONDE_FAIL_OVERLOAD);
		EXPECT_STR(fakehost_broken(h), "");
		fakehost_free(h);
	}
}

static void the_guard_and_the_resolver_decide(void)
{
	netns_enter();
	for (unsigned i = 0; i < TYPES; i++) {
		struct fakehost *h = host(types[i]);
		fakehost_refuse(h, "127.0.0.1");
		fakehost_resolve_add(h, "name.test", "127.0.0.1");
		EXPECT_INT(fakehost_run(h, "127.0.0.1"), 0);
		EXPECT_INT(fakehost_failure(h), SONDE_FAIL_GUARD);
		EXPECT_INT(fakehost_run(h, "name.test"), 0);
		EXPECT_INT(fakehost_failure(h), SONDE_FAIL_GUARD);
		EXPECT_INT(fakehost_run(h, "nosuch.test"), 0);
		EXPECT_INT(fakehost_failure(h), SONDE_FAIL_RESOLVE);
		EXPECT_STR(fakehost_broken(h), "");
		fakehost_free(h);
	}
}

static void parameters_are_checked(void)
{
	static const struct {
		const char *type, *name, *value, *path;
	} bad[] = {
		{ "tcp", "source", "lo", "source" },
		{ "tcp", "dialogue", "say hello", "dialogue" },
		{ "tcp", "ca", "no certificate", "ca" },
		{ "udp", "send", "\\q", "send" },
		{ "udp", "hex", "0", "hex" },
		{ "udp", "expect", "(", "expect" },
		{ "ntp", "source", "::g", "source" },
		{ "ping", "packets", "65", "packets" },
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct fakehost *h = host(bad[i].type);
		EXPECT_INT(fakehost_set(h, bad[i].name, bad[i].value), 0);
		EXPECT_INT(fakehost_run(h, "127.0.0.1"), 1);
		EXPECT_STR(fakehost_error(h)->path, bad[i].path);
		EXPECT(*fakehost_error(h)->text);
		fakehost_free(h);
	}
}

static void a_source_decides_the_version(void)
{
	netns_enter();
	for (unsigned i = 0; i < TYPES; i++) {
		struct fakehost *h = host(types[i]);
		fakehost_resolve_add(h, "both.test", "127.0.0.1");
		fakehost_resolve_add(h, "both.test", "::1");
		EXPECT_INT(fakehost_set(h, "source", "::1"), 0);
		EXPECT_INT(fakehost_run(h, "both.test"), 0);
		EXPECT_INT(fakehost_failure(h), SONDE_FAIL_REFUSED);
		json_t *j = result(h);
		EXPECT_STR(json_string_value(json_object_get(j, "resolvedAddress")), "::1");
		EXPECT_STR(json_string_value(json_object_get(j, "resolvedHostname")), "both.test");
		json_decref(j);
		fakehost_ip_version(h, 4);
		EXPECT_INT(fakehost_run(h, "both.test"), 0);
		EXPECT_INT(fakehost_failure(h), SONDE_FAIL_INTERNAL);
		EXPECT_STR(fakehost_broken(h), "");
		fakehost_free(h);
	}
}

TAP_MAIN(
	CASE(connections_keep_their_interval),
	CASE(silence_is_lost_after_wait),
	CASE(loss_is_a_result_of_ping),
	CASE(refusal_is_told_in_both_versions),
	CASE(a_talk_has_a_time_of_its_own),
	CASE(an_end_may_come_at_any_time),
	CASE(memory_has_a_limit),
	CASE(the_guard_and_the_resolver_decide),
	CASE(parameters_are_checked),
	CASE(a_source_decides_the_version)
)
