/* SPDX-License-Identifier: Apache-2.0 */
/* mtr as it is built, over a simulated path in a network namespace of each case's own. Most cases
 * run once for each protocol, IP version and kind of socket. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "plug/pathkit.h"

static const json_t *stat(const json_t *j, unsigned ttl, const char *key)
{
	return json_object_get(json_object_get(path_hop(j, ttl), "stats"), key);
}

static void mtr_counts_rounds(void)
{
	netns_enter();
	for (unsigned i = 0; i < PATH_WAYS; i++) {
		struct pathsim sim = { .distance = 4, .once = BIT(2), .silent = BIT(3) };
		struct fakehost *h = path_tool("mtr", &path_ways[i]);
		EXPECT_INT(fakehost_set(h, "packets", "4"), 0);
		EXPECT_INT(fakehost_set(h, "interval", "200ms"), 0);
		pathsim_start(&sim);
		json_t *j = path_run("mtr", h, path_ways[i].target);
		pathsim_stop(&sim);
		path_expect_router(&path_ways[i], j, 1, 4);
		path_expect_router(&path_ways[i], j, 2, 2);
		path_expect_silent(j, 3);
		path_expect_target(&path_ways[i], j, 4, 4);
		EXPECT_INT(json_integer_value(stat(j, 1, "total")), 4);
		EXPECT_INT(json_number_value(stat(j, 1, "loss")), 0);
		EXPECT_INT(json_integer_value(stat(j, 2, "drop")), 2);
		EXPECT_INT(json_number_value(stat(j, 2, "loss")), 50);
		EXPECT_INT(json_number_value(stat(j, 3, "loss")), 100);
		EXPECT(json_is_null(stat(j, 3, "min")) && json_is_null(stat(j, 3, "jAvg")));
		EXPECT(json_number_value(stat(j, 4, "min")) <= json_number_value(stat(j, 4, "avg")));
		EXPECT(json_number_value(stat(j, 4, "avg")) <= json_number_value(stat(j, 4, "max")));
		EXPECT(json_number_value(stat(j, 4, "jMin")) <= json_number_value(stat(j, 4, "jMax")));
		EXPECT(strstr(fakehost_raw(h), "  3.|-- ???"));
		json_decref(j);
		fakehost_free(h);
	}
}

static void mtr_names_autonomous_systems(void)
{
	char file[512], tool_path[512];
	struct pathsim sim = { .distance = 3 };
	struct fakehost *h = path_tool("mtr", &path_ways[0]);

	netns_enter();
	snprintf(file, sizeof(file), "%s/t/plug/mtr_test.mmdb", path_top("top_builddir"));
	snprintf(tool_path, sizeof(tool_path), "%s/t/plug/asn_database", path_top("top_srcdir"));
	netns_run((const char *const[]){ "perl", tool_path, file, "10.2.0.1/32=64500",
	                                 "10.3.0.0/16=4200000000", NULL });
	EXPECT_INT(setenv("SONDE_ASN_DATABASE", file, 1), 0);
	pathsim_start(&sim);
	json_t *j = path_run("mtr", h, path_ways[0].target);
	pathsim_stop(&sim);
	EXPECT_INT(json_integer_value(json_array_get(json_object_get(path_hop(j, 1), "asn"), 0)), 64500);
	EXPECT_INT(path_size_of(path_hop(j, 2), "asn"), 0);
	EXPECT_INT(json_integer_value(json_array_get(json_object_get(path_hop(j, 3), "asn"), 0)),
	           4200000000);
	json_decref(j);
	EXPECT_INT(setenv("SONDE_ASN_DATABASE", "/nonexistent", 1), 0);
	EXPECT_INT(fakehost_run(h, "127.0.0.1"), 0);
	EXPECT_INT(fakehost_failure(h), SONDE_FAIL_NONE);
	EXPECT_STR(fakehost_broken(h), "");
	fakehost_free(h);
}

static void check_has_its_say(void)
{
	struct fakehost *h = path_tool("mtr", &path_ways[PATH_WAY_TCP]);

	EXPECT_INT(fakehost_set(h, "packets", "100"), 0);
	EXPECT_INT(fakehost_set(h, "interval", "200ms"), 0);
	EXPECT_INT(fakehost_set(h, "wait", "5s"), 0);
	EXPECT_INT(fakehost_run(h, "127.0.0.1"), 1);
	EXPECT_STR(fakehost_error(h)->path, "interval");
	EXPECT_INT(fakehost_set(h, "packets", "101"), -1);
	EXPECT_INT(fakehost_set(h, "firstHop", "31"), 0);
	EXPECT_INT(fakehost_run(h, "127.0.0.1"), 1);
	EXPECT_STR(fakehost_error(h)->path, "firstHop");
	fakehost_free(h);
}

/* A round that is lost later than it was sent must not make the next ones late. */
static void rounds_keep_their_time(void)
{
	struct fakehost *h = path_tool("mtr", &path_ways[0]);

	netns_enter();
	netns_blackhole("127.0.0.9");
	fakehost_virtual_clock(h, true);
	EXPECT_INT(fakehost_set(h, "packets", "4"), 0);
	EXPECT_INT(fakehost_set(h, "interval", "500ms"), 0);
	EXPECT_INT(fakehost_set(h, "wait", "2s"), 0);
	json_t *j = path_run("mtr", h, "127.0.0.9");
	EXPECT(json_is_false(json_object_get(j, "reached")));
	EXPECT_INT(path_size_of(j, "hops"), 1);
	EXPECT_INT(json_integer_value(stat(j, 1, "drop")), 4);
	EXPECT_INT(json_number_value(stat(j, 1, "loss")), 100);
	/* Three intervals and one wait; the last round asks five hops. */
	EXPECT_INT(fakehost_took_ns(h) / SONDE_NS_PER_MS, 3501);
	json_decref(j);
	fakehost_free(h);
}

static void hops_have_names(void)
{
	struct pathsim sim = { .distance = 3, .silent = BIT(2) };
	struct fakehost *h = path_tool("mtr", &path_ways[0]);

	netns_enter();
	fakehost_reverse_add(h, "10.2.0.1", "first.example");
	pathsim_start(&sim);
	json_t *j = path_run("mtr", h, path_ways[0].target);
	pathsim_stop(&sim);
	EXPECT_STR(path_text_of(path_hop(j, 1), "resolvedHostname"), "first.example");
	EXPECT(strstr(fakehost_raw(h), "  1.|-- first.example (10.2.0.1) "));
	EXPECT(strstr(fakehost_raw(h), "  2.|-- ??? "));
	EXPECT(strstr(fakehost_raw(h), "  3.|-- " PATHSIM_TARGET4 " "));
	json_decref(j);
	fakehost_free(h);
}

TAP_MAIN(CASE(mtr_counts_rounds), CASE(rounds_keep_their_time),
         CASE(mtr_names_autonomous_systems), CASE(check_has_its_say),
         CASE(hops_have_names))
