/* SPDX-License-Identifier: Apache-2.0 */
/* The sweep plugin as it is built, against this kernel in a network namespace of each case's own,
 * and its target parser. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "plug/fakehost.h"
#include "plug/netns.h"
#include "sweep/sweep.h"
#include "tap.h"

static struct fakehost *sweep(const char *list)
{
	struct fakehost *h = fakehost_new("plugins/sweep/.libs/sweep.so");

	EXPECT_INT(fakehost_set(h, "list", list), 0);
	EXPECT_INT(fakehost_set(h, "wait", "100ms"), 0);
	return h;
}

static json_t *run(struct fakehost *h, const char *target)
{
	EXPECT_INT(fakehost_run(h, target), 0);
	if (fakehost_failure(h))
		tap_fail(__FILE__, __LINE__, "failure %d: %s", fakehost_failure(h), fakehost_why(h));
	EXPECT_STR(fakehost_broken(h), "");
	json_t *j = json_loads(fakehost_json(h), JSON_REJECT_DUPLICATES, NULL);
	EXPECT(j);
	return j;
}

static long long stat_int(const json_t *j, const char *key)
{
	const json_t *v = json_object_get(json_object_get(j, "stats"), key);
	EXPECT(json_is_integer(v));
	return json_integer_value(v);
}

static double stat_ms(const json_t *j, const char *key)
{
	const json_t *v = json_object_get(json_object_get(j, "stats"), key);
	EXPECT(json_is_number(v));
	return json_number_value(v);
}

static const char *address_at(const json_t *j, size_t i)
{
	return json_string_value(json_array_get(json_array_get(json_object_get(j, "hosts"), i), 0));
}

static const json_t *rtt_at(const json_t *j, size_t i)
{
	return json_array_get(json_array_get(json_object_get(j, "hosts"), i), 1);
}

static void expect_all_alive(int which)
{
	struct fakehost *h = sweep("alive");

	netns_enter();
	fakehost_icmp_sockets(h, which);
	json_t *j = run(h, "127.0.4.0/22,::1,127.0.0.1");
	EXPECT_INT(stat_int(j, "targets"), 1026);
	EXPECT_INT(stat_int(j, "sent"), 1026);
	EXPECT_INT(stat_int(j, "alive"), 1026);
	EXPECT_INT(stat_int(j, "lost"), 0);
	EXPECT_INT(json_array_size(json_object_get(j, "hosts")), 1026);
	EXPECT_STR(address_at(j, 0), "127.0.4.0");
	EXPECT_STR(address_at(j, 257), "127.0.5.1");
	EXPECT_STR(address_at(j, 1024), "::1");
	EXPECT_STR(address_at(j, 1025), "127.0.0.1");
	for (size_t i = 0; i < 1026; i++)
		EXPECT(json_number_value(rtt_at(j, i)) > 0);
	EXPECT_STR(json_string_value(json_object_get(j, "timestamps")), "kernel");
	EXPECT(stat_ms(j, "min") > 0 && stat_ms(j, "min") <= stat_ms(j, "p50"));
	EXPECT(stat_ms(j, "p50") <= stat_ms(j, "p95") && stat_ms(j, "p95") <= stat_ms(j, "p99"));
	EXPECT(stat_ms(j, "p99") <= stat_ms(j, "max") && stat_ms(j, "avg") <= stat_ms(j, "max"));
	json_decref(j);
	fakehost_free(h);
}

static void all_alive_by_ping_socket(void)
{
	expect_all_alive(FAKEHOST_PING_SOCKET);
}

static void all_alive_by_raw_socket(void)
{
	expect_all_alive(FAKEHOST_RAW_SOCKET);
}

static void the_dead_are_lost_and_asked_again(void)
{
	struct fakehost *h = sweep("all");

	netns_enter();
	netns_blackhole("127.0.0.8/30");
	EXPECT_INT(fakehost_set(h, "retries", "2"), 0);
	json_t *j = run(h, "127.0.0.0/28");
	EXPECT_INT(stat_int(j, "targets"), 16);
	EXPECT_INT(stat_int(j, "sent"), 16 + 2 * 4);
	EXPECT_INT(stat_int(j, "alive"), 12);
	EXPECT_INT(stat_int(j, "lost"), 4);
	for (size_t i = 0; i < 16; i++)
		EXPECT(json_is_null(rtt_at(j, i)) == (i >= 8 && i < 12));
	json_decref(j);
	EXPECT_INT(fakehost_set(h, "list", "alive"), 0);
	j = run(h, "127.0.0.0/28");
	EXPECT_INT(json_array_size(json_object_get(j, "hosts")), 12);
	json_decref(j);
	EXPECT_INT(fakehost_set(h, "list", "none"), 0);
	j = run(h, "127.0.0.8/30");
	EXPECT(!json_object_get(j, "hosts"));
	EXPECT_INT(stat_int(j, "alive"), 0);
	EXPECT(json_is_null(json_object_get(json_object_get(j, "stats"), "p50")));
	json_decref(j);
	fakehost_free(h);
}

static void a_retry_finds_who_was_unlucky(void)
{
	struct fakehost *h = sweep("alive");

	netns_enter();
	netns_run((const char *const[]){ "nft", "table inet t { chain c { type filter hook prerouting "
	          "priority 0; icmp type echo-request numgen inc mod 3 0 drop; }; }", NULL });
	EXPECT_INT(fakehost_set(h, "retries", "3"), 0);
	json_t *j = run(h, "127.0.0.0/26");
	EXPECT_INT(stat_int(j, "alive") + stat_int(j, "lost"), 64);
	EXPECT(stat_int(j, "alive") >= 62);
	EXPECT_INT(json_array_size(json_object_get(j, "hosts")), stat_int(j, "alive"));
	json_decref(j);
	fakehost_free(h);
}

static void no_route_is_unsent_and_the_rest_goes_on(void)
{
	struct fakehost *h = sweep("alive");

	netns_enter();
	json_t *j = run(h, "127.0.0.0/30,192.0.2.0/30,127.0.1.0/30");
	EXPECT_INT(stat_int(j, "alive"), 8);
	EXPECT_INT(stat_int(j, "lost"), 4);
	EXPECT_INT(stat_int(j, "unsent"), 4);
	EXPECT_STR(json_string_value(json_object_get(j, "timestamps")), "kernel");
	EXPECT_STR(address_at(j, 4), "127.0.1.0");
	json_decref(j);
	fakehost_free(h);
}

static void a_refused_address_stops_all(void)
{
	struct fakehost *h = sweep("alive");

	netns_enter();
	fakehost_refuse(h, "127.0.5.7");
	EXPECT_INT(fakehost_run(h, "127.0.4.0/22"), 0);
	EXPECT_INT(fakehost_failure(h), SONDE_FAIL_GUARD);
	EXPECT_STR(fakehost_why(h), "the guard does not allow 127.0.5.7");
	EXPECT_STR(fakehost_json(h), "{}");
	EXPECT_STR(fakehost_broken(h), "");
	fakehost_free(h);
}

static void the_rate_is_kept(void)
{
	struct fakehost *h = sweep("none");

	netns_enter();
	EXPECT_INT(fakehost_set(h, "rate", "2000"), 0);
	json_t *j = run(h, "127.0.0.0/25");
	EXPECT_INT(stat_int(j, "alive"), 128);
	EXPECT(fakehost_took_ns(h) >= 127 * SONDE_NS_PER_S / 2000);
	json_decref(j);
	fakehost_free(h);
}

static void a_cancel_tells_what_was_reached(void)
{
	struct fakehost *h = sweep("all");

	netns_enter();
	EXPECT_INT(fakehost_set(h, "rate", "100"), 0);
	fakehost_timeout(h, 200 * SONDE_NS_PER_MS);
	EXPECT_INT(fakehost_run(h, "127.0.0.0/16"), 0);
	EXPECT_INT(fakehost_failure(h), SONDE_FAIL_TIMEOUT);
	EXPECT_STR(fakehost_broken(h), "");
	json_t *j = json_loads(fakehost_json(h), 0, NULL);
	EXPECT(stat_int(j, "alive") + stat_int(j, "lost") <= stat_int(j, "sent"));
	EXPECT(stat_int(j, "sent") < 65536);
	json_decref(j);
	fakehost_free(h);
}

static void the_largest_set_fits(void)
{
	struct fakehost *h = sweep("none");

	netns_enter();
	fakehost_memory(h, 2 << 20);
	json_t *j = run(h, "127.7.0.0/16");
	EXPECT_INT(stat_int(j, "sent"), 65536);
	EXPECT(stat_int(j, "alive") > 65000); /* a busy machine may be late with some */
	json_decref(j);
	fakehost_free(h);
}

static void too_little_memory_is_overload(void)
{
	struct fakehost *h = sweep("none");

	netns_enter();
	for (size_t bytes = 0; bytes < 400000; bytes += 7001) {
		fakehost_memory(h, bytes);
		EXPECT_INT(fakehost_run(h, "127.0.0.1,::1"), 0);
		EXPECT_STR(fakehost_broken(h), "");
		if (!fakehost_failure(h))
			break;
		EXPECT_INT(fakehost_failure(h), SONDE_FAIL_OVERLOAD);
	}
	EXPECT_INT(fakehost_failure(h), SONDE_FAIL_NONE);
	fakehost_free(h);
}

static void bad_targets_are_refused_with_a_sentence(void)
{
	static const struct {
		const char *target, *text;
	} rows[] = {
		{ "", "must be a comma list of addresses and prefixes" },
		{ ",", "must be a comma list of addresses and prefixes" },
		{ "127.0.0.1,", "must be a comma list of addresses and prefixes" },
		{ "127.0.0.1 127.0.0.2", "expected a comma after \"127.0.0.1\"" },
		{ "example.com", "\"example.com\" is not an address" },
		{ "127.1", "\"127.1\" is not an address" },
		{ "10.0.0.0/15", "10.0.0.0/15 is more than 65536 addresses" },
		{ "10.0.0.0/33", "the prefix length of 10.0.0.0 must be 0 to 32" },
		{ "10.0.0.0/08", "the prefix length of 10.0.0.0 must be 0 to 32" },
		{ "10.0.0.0/", "the prefix length of 10.0.0.0 must be 0 to 32" },
		{ "10.0.0.1/24", "10.0.0.1/24 has bits set beyond its prefix" },
		{ "10.0.0.0/16,10.1.0.0", "more than 65536 addresses" },
		{ "::/111", "::/111 is more than 65536 addresses" },
	};
	struct sonde_error e;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sweep_set set = { .ranges = NULL };
		EXPECT_INT(sweep_set_parse(rows[i].target, &set, &e), -1);
		EXPECT_STR(e.path, "target");
		EXPECT_STR(e.text, rows[i].text);
	}
}

static void a_set_is_what_was_written(void)
{
	const char *text = "10.0.0.0/23, fd00::/120,192.0.2.255";
	struct sweep_range ranges[3];
	struct sweep_set set = { .ranges = ranges };
	uint32_t near = 0;
	uint8_t bytes[16];

	EXPECT_INT(sweep_set_room(text), 3);
	EXPECT_INT(sweep_set_parse(text, &set, NULL), 0);
	EXPECT_INT(set.n_targets, 512 + 256 + 1);
	EXPECT(set.v4 && set.v6);
	EXPECT_INT(sweep_address(sweep_set_find(&set, 768, &near), 768, bytes), 4);
	EXPECT_INT(bytes[3], 255);
	EXPECT_INT(sweep_address(sweep_set_find(&set, 511, &near), 511, bytes), 4);
	EXPECT_INT(bytes[2], 1);
	EXPECT_INT(bytes[3], 255);
	EXPECT_INT(sweep_address(sweep_set_find(&set, 767, &near), 767, bytes), 16);
	EXPECT_INT(bytes[0], 0xfd);
	EXPECT_INT(bytes[15], 255);
	EXPECT_INT(sweep_set_find(&set, 0, &near)->first, 0);
}

TAP_MAIN(CASE(all_alive_by_ping_socket), CASE(all_alive_by_raw_socket),
         CASE(the_dead_are_lost_and_asked_again), CASE(a_retry_finds_who_was_unlucky),
         CASE(no_route_is_unsent_and_the_rest_goes_on), CASE(a_refused_address_stops_all),
         CASE(the_rate_is_kept), CASE(a_cancel_tells_what_was_reached), CASE(the_largest_set_fits),
         CASE(too_little_memory_is_overload), CASE(bad_targets_are_refused_with_a_sentence),
         CASE(a_set_is_what_was_written))
