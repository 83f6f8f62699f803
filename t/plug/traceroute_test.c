/* SPDX-License-Identifier: Apache-2.0 */
/* traceroute as it is built, over a simulated path in a network namespace of each case's own. Most
 * cases run once for each protocol, IP version and kind of socket. */
#include <string.h>

#include "base/clock.h"
#include "plug/pathkit.h"

static json_t *trace(struct fakehost *h, const struct path_way *w)
{
	printf("# %s to %s, socket %d\n", w->protocol, w->target, w->sockets);
	return path_run("traceroute", h, w->target);
}

/* All TTLs are in flight before the first answer comes: the simulated path holds its answers back
 * until it has seen the last one. */
static void thirty_hops_are_asked_at_once(void)
{
	netns_enter();
	for (unsigned i = 0; i < PATH_WAYS; i++) {
		struct pathsim sim = { .distance = 30, .barrier = 30 };
		struct fakehost *h = path_tool("traceroute", &path_ways[i]);
		EXPECT_INT(fakehost_set(h, "maxHops", "30"), 0);
		EXPECT_INT(fakehost_set(h, "wait", "5s"), 0);
		pathsim_start(&sim);
		json_t *j = trace(h, &path_ways[i]);
		pathsim_stop(&sim);
		for (unsigned ttl = 1; ttl < 30; ttl++)
			path_expect_router(&path_ways[i], j, ttl, 2);
		path_expect_target(&path_ways[i], j, 30, 2);
		EXPECT_INT(sim.seen[30], 2);
		EXPECT(strncmp(fakehost_raw(h), "traceroute to ", 14) == 0);
		json_decref(j);
		fakehost_free(h);
	}
}

/* On a busy machine the simulated path may not be near; once in many times it is. */
static void a_near_target_is_not_overshot(void)
{
	unsigned beyond = 1;

	netns_enter();
	for (int tries = 0; tries < 50 && beyond; tries++) {
		struct pathsim sim = { .distance = 5 };
		struct fakehost *h = path_tool("traceroute", &path_ways[0]);
		pathsim_start(&sim);
		json_t *j = trace(h, &path_ways[0]);
		pathsim_stop(&sim);
		path_expect_target(&path_ways[0], j, 5, 2);
		EXPECT_STR(path_text_of(j, "timestamps"), "kernel");
		beyond = sim.seen[6] + sim.seen[7] + sim.seen[20];
		json_decref(j);
		fakehost_free(h);
	}
	EXPECT_INT(beyond, 0);
}

static void silent_hops_are_null(void)
{
	netns_enter();
	for (unsigned i = 0; i < PATH_WAYS; i++) {
		struct pathsim sim = { .distance = 6, .silent = BIT(2) | BIT(4) };
		struct fakehost *h = path_tool("traceroute", &path_ways[i]);
		EXPECT_INT(fakehost_set(h, "wait", "1s"), 0);
		pathsim_start(&sim);
		json_t *j = trace(h, &path_ways[i]);
		pathsim_stop(&sim);
		path_expect_router(&path_ways[i], j, 1, 2);
		path_expect_silent(j, 2);
		path_expect_router(&path_ways[i], j, 3, 2);
		path_expect_silent(j, 4);
		path_expect_target(&path_ways[i], j, 6, 2);
		EXPECT_INT(path_int_of(json_object_get(j, "summary"), "silent"), 2);
		EXPECT_INT(sim.seen[2], 3); /* two, and one more later */
		EXPECT(strstr(fakehost_raw(h), "\n 2  * *\n"));
		json_decref(j);
		fakehost_free(h);
	}
}

/* On the virtual clock, exactly: the moment for the stamps, two pauses, one wait. */
static void a_silent_path_costs_one_wait(void)
{
	struct fakehost *h = path_tool("traceroute", &path_ways[0]);

	netns_enter();
	netns_blackhole("127.0.0.9");
	fakehost_virtual_clock(h, true);
	EXPECT_INT(fakehost_set(h, "wait", "2s"), 0);
	json_t *j = path_run("traceroute", h, "127.0.0.9");
	EXPECT(json_is_false(json_object_get(j, "reached")));
	EXPECT_INT(path_size_of(j, "hops"), 20);
	path_expect_silent(j, 1);
	path_expect_silent(j, 20);
	EXPECT(json_is_null(json_object_get(json_object_get(j, "summary"), "maxLatency")));
	EXPECT(json_is_null(json_object_get(json_object_get(j, "summary"), "bottleneckHop")));
	EXPECT(json_is_null(json_object_get(j, "timestamps")));
	EXPECT_INT(fakehost_took_ns(h) / SONDE_NS_PER_MS, 2002);
	json_decref(j);
	fakehost_free(h);
}

static void a_limited_router_is_asked_once_more(void)
{
	struct pathsim sim = { .distance = 3, .once = BIT(2) };
	struct fakehost *h = path_tool("traceroute", &path_ways[0]);

	netns_enter();
	pathsim_start(&sim);
	json_t *j = trace(h, &path_ways[0]);
	pathsim_stop(&sim);
	path_expect_router(&path_ways[0], j, 2, 2);
	EXPECT_INT(sim.seen[2], 3);
	EXPECT_INT(path_int_of(path_hop(j, 2), "sent"), 3);
	json_decref(j);
	fakehost_free(h);
}

static void the_flow_is_stable(void)
{
	netns_enter();
	for (unsigned i = 0; i < PATH_WAYS; i++) {
		struct pathsim sim = { .distance = 12, .parted = ~UINT64_C(0) };
		struct fakehost *h = path_tool("traceroute", &path_ways[i]);
		bool tcp = path_is_one_of(&path_ways[i], TCP | V4 | V6);
		pathsim_start(&sim);
		json_t *j = trace(h, &path_ways[i]);
		pathsim_stop(&sim);
		EXPECT_STR(path_text_of(j, "flow"), tcp ? "varied" : "stable");
		EXPECT(tcp ? sim.flows > 8 : sim.flows == 1);
		for (unsigned ttl = 1; !tcp && ttl < 12; ttl++)
			EXPECT_INT(path_size_of(path_hop(j, ttl), "addresses"), 1);
		json_decref(j);
		fakehost_free(h);
	}
}

static void labels_are_told(void)
{
	netns_enter();
	for (unsigned i = 0; i < PATH_WAYS; i++) {
		struct pathsim sim = { .distance = 4, .labelled = BIT(2),
		                       .old_labelled = path_ways[i].v6 ? 0 : BIT(3) };
		struct fakehost *h = path_tool("traceroute", &path_ways[i]);
		pathsim_start(&sim);
		json_t *j = trace(h, &path_ways[i]);
		pathsim_stop(&sim);
		EXPECT_INT(path_size_of(path_hop(j, 1), "mpls"), 0);
		for (unsigned ttl = 2; ttl <= (path_ways[i].v6 ? 2 : 3); ttl++) {
			path_expect_router(&path_ways[i], j, ttl, 2);
			EXPECT_INT(path_size_of(path_hop(j, ttl), "mpls"), 2);
			const json_t *top = json_array_get(json_object_get(path_hop(j, ttl), "mpls"), 0);
			EXPECT_INT(path_int_of(top, "label"), 12345);
			EXPECT_INT(path_int_of(top, "tc"), 5);
			EXPECT(json_is_false(json_object_get(top, "bottom")));
			EXPECT_INT(path_int_of(top, "ttl"), 1);
		}
		EXPECT(strstr(fakehost_raw(h), "<MPLS:L=12345,E=5,S=0,T=1/L=99,E=0,S=1,T=7>"));
		json_decref(j);
		fakehost_free(h);
	}
}

static void short_quotes_are_matched(void)
{
	netns_enter();
	for (unsigned i = 0; i < PATH_WAYS; i++) {
		struct pathsim sim = { .distance = 6, .short_quotes = true };
		if (path_ways[i].v6)
			continue;
		struct fakehost *h = path_tool("traceroute", &path_ways[i]);
		pathsim_start(&sim);
		json_t *j = trace(h, &path_ways[i]);
		pathsim_stop(&sim);
		for (unsigned ttl = 1; ttl < 6; ttl++)
			path_expect_router(&path_ways[i], j, ttl, 2);
		path_expect_target(&path_ways[i], j, 6, 2);
		if (path_is_one_of(&path_ways[i], UDP | V4))
			EXPECT_STR(path_text_of(j, "flow"), "mixed");
		json_decref(j);
		fakehost_free(h);
	}
}

static void expect_nobody(unsigned which, enum pathsim_forgery forgery, bool short_quotes)
{
	netns_enter();
	for (unsigned i = 0; i < PATH_WAYS; i++) {
		struct pathsim sim = { .distance = short_quotes ? 30 : 3, .forgery = forgery,
		                       .short_quotes = short_quotes };
		if (!path_is_one_of(&path_ways[i], which))
			continue;
		struct fakehost *h = path_tool("traceroute", &path_ways[i]);
		EXPECT_INT(fakehost_set(h, "wait", "1s"), 0);
		EXPECT_INT(fakehost_set(h, "maxHops", "5"), 0);
		pathsim_start(&sim);
		json_t *j = trace(h, &path_ways[i]);
		pathsim_stop(&sim);
		EXPECT(json_is_false(json_object_get(j, "reached")));
		EXPECT_INT(path_size_of(j, "hops"), 5);
		for (unsigned ttl = forgery == PATHSIM_SOURCE ? 3 : 1; ttl <= 5; ttl++)
			path_expect_silent(j, ttl);
		json_decref(j);
		fakehost_free(h);
	}
}

static void answers_without_the_cookie_are_ignored(void)
{
	expect_nobody(V4 | V6 | ICMP | RAW | UDP, PATHSIM_COOKIE, false);
}

static void answers_with_another_number_are_ignored(void)
{
	expect_nobody(V4 | V6 | ICMP | RAW, PATHSIM_SEQUENCE, false);
}

static void replies_from_elsewhere_are_ignored(void)
{
	expect_nobody(V4 | V6 | ICMP | RAW, PATHSIM_SOURCE, false);
}

static void short_quotes_with_another_checksum_are_ignored(void)
{
	expect_nobody(V4 | ICMP | RAW, PATHSIM_CHECKSUM, true);
}

static void errors_about_another_target_are_ignored(void)
{
	struct pathsim sim = { .distance = 30, .forgery = PATHSIM_ELSEWHERE };
	struct fakehost *h = path_tool("traceroute", &path_ways[PATH_WAY_RAW]);
	EXPECT_INT(fakehost_set(h, "wait", "1s"), 0);

	netns_enter();
	EXPECT_INT(fakehost_set(h, "maxHops", "5"), 0);
	pathsim_start(&sim);
	json_t *j = trace(h, &path_ways[PATH_WAY_RAW]);
	pathsim_stop(&sim);
	path_expect_silent(j, 1);
	path_expect_silent(j, 5);
	json_decref(j);
	fakehost_free(h);
}

static void a_path_that_stops_says_why(void)
{
	netns_enter();
	for (unsigned i = 0; i < PATH_WAYS; i++) {
		struct pathsim sim = { .distance = 9, .stop = 3 };
		struct fakehost *h = path_tool("traceroute", &path_ways[i]);
		EXPECT_INT(fakehost_set(h, "wait", "1s"), 0);
		pathsim_start(&sim);
		json_t *j = trace(h, &path_ways[i]);
		pathsim_stop(&sim);
		EXPECT(json_is_false(json_object_get(j, "reached")));
		EXPECT_INT(path_size_of(j, "hops"), 4);
		EXPECT_STR(path_text_of(path_hop(j, 4), "note"),
		           path_ways[i].v6 ? "address unreachable" : "host unreachable");
		EXPECT(json_is_null(json_object_get(path_hop(j, 3), "note")));
		EXPECT(json_is_null(json_object_get(json_object_get(j, "summary"), "hops")));
		EXPECT(strstr(fakehost_raw(h), " ms !H"));
		json_decref(j);
		fakehost_free(h);
	}
}

static void loops_and_distant_first_hops_are_told(void)
{
	struct pathsim sim = { .distance = 40, .loop = 4 };
	struct fakehost *h = path_tool("traceroute", &path_ways[0]);
	EXPECT_INT(fakehost_set(h, "wait", "1s"), 0);

	netns_enter();
	EXPECT_INT(fakehost_set(h, "firstHop", "3"), 0);
	EXPECT_INT(fakehost_set(h, "maxHops", "9"), 0);
	pathsim_start(&sim);
	json_t *j = trace(h, &path_ways[0]);
	pathsim_stop(&sim);
	EXPECT_INT(path_size_of(j, "hops"), 7);
	EXPECT_INT(path_int_of(path_hop(j, 1), "ttl"), 3);
	EXPECT_STR(path_text_of(path_hop(j, 1), "resolvedAddress"), "10.2.0.3");
	EXPECT_STR(path_text_of(path_hop(j, 5), "resolvedAddress"), "10.2.0.5");
	EXPECT_INT(path_int_of(json_object_get(j, "summary"), "loopHop"), 4);
	EXPECT_INT(sim.seen[1] + sim.seen[2] + sim.seen[10], 0);
	json_decref(j);
	fakehost_free(h);
}

static void tcp_reaches_open_and_closed_ports(void)
{
	netns_enter();
	for (unsigned i = PATH_WAY_TCP; i < PATH_WAYS; i++) {
		for (int open = 0; open < 2; open++) {
			struct pathsim sim = { .distance = 3, .open_port = open };
			struct fakehost *h = path_tool("traceroute", &path_ways[i]);
			EXPECT_INT(fakehost_set(h, "port", "443"), 0);
			pathsim_start(&sim);
			json_t *j = trace(h, &path_ways[i]);
			pathsim_stop(&sim);
			path_expect_router(&path_ways[i], j, 1, 2);
			path_expect_target(&path_ways[i], j, 3, 2);
			EXPECT_INT(path_int_of(j, "port"), 443);
			json_decref(j);
			fakehost_free(h);
		}
	}
}

static void names_guard_memory_and_routes_fail_as_such(void)
{
	struct fakehost *h = path_tool("traceroute", &path_ways[0]);

	netns_enter();
	fakehost_resolve_add(h, "both.test", "::1");
	fakehost_resolve_add(h, "both.test", "127.0.0.1");
	json_t *j = path_run("traceroute", h, "both.test");
	EXPECT_STR(path_text_of(j, "resolvedAddress"), "127.0.0.1");
	EXPECT_STR(path_text_of(j, "resolvedHostname"), "both.test");
	json_decref(j);
	EXPECT_INT(fakehost_run(h, "other.test"), 0);
	EXPECT_INT(fakehost_failure(h), SONDE_FAIL_RESOLVE);
	fakehost_refuse(h, "127.0.0.7");
	EXPECT_INT(fakehost_run(h, "127.0.0.7"), 0);
	EXPECT_INT(fakehost_failure(h), SONDE_FAIL_GUARD);
	EXPECT_INT(fakehost_run(h, "192.0.2.1"), 0);
	EXPECT_INT(fakehost_failure(h), SONDE_FAIL_UNREACHABLE);
	EXPECT_STR(fakehost_why(h), "network unreachable, says this host");
	for (size_t bytes = 64; bytes < 200000; bytes *= 2) {
		fakehost_memory(h, bytes);
		EXPECT_INT(fakehost_run(h, "127.0.0.1"), 0);
		EXPECT_STR(fakehost_broken(h), "");
		if (fakehost_failure(h))
			EXPECT_INT(fakehost_failure(h), SONDE_FAIL_OVERLOAD);
	}
	EXPECT_INT(fakehost_failure(h), SONDE_FAIL_NONE);
	fakehost_free(h);
}

static void a_cancelled_trace_reports_what_it_has(void)
{
	struct pathsim sim = { .distance = 9, .silent = ~BIT(1) };

	netns_enter();
	pathsim_start(&sim);
	for (unsigned i = 0; i < PATH_WAYS; i++) {
		struct fakehost *h = path_tool("traceroute", &path_ways[i]);
		EXPECT_INT(fakehost_set(h, "wait", "10s"), 0);
		fakehost_cancel_at(h, 500 * SONDE_NS_PER_MS, SONDE_WHY_CANCELLED);
		EXPECT_INT(fakehost_run(h, path_ways[i].target), 0);
		EXPECT_INT(fakehost_failure(h), SONDE_FAIL_CANCELLED);
		EXPECT_STR(fakehost_broken(h), "");
		json_t *j = json_loads(fakehost_json(h), 0, NULL);
		path_expect_router(&path_ways[i], j, 1, 2);
		json_decref(j);
		fakehost_free(h);
	}
	pathsim_stop(&sim);
}

static void check_has_its_say(void)
{
	struct fakehost *h = path_tool("traceroute", &path_ways[0]);

	EXPECT_INT(fakehost_set(h, "maxHops", "65"), -1);
	EXPECT_INT(fakehost_run(h, ""), 1);
	EXPECT_STR(fakehost_error(h)->path, "target");
	EXPECT_INT(fakehost_set(h, "firstHop", "21"), 0);
	EXPECT_INT(fakehost_run(h, "127.0.0.1"), 1);
	EXPECT_STR(fakehost_error(h)->path, "firstHop");
	EXPECT_INT(fakehost_set(h, "firstHop", "1"), 0);
	EXPECT_INT(fakehost_set(h, "protocol", "TCP"), 0);
	EXPECT_INT(fakehost_set(h, "maxHops", "64"), 0);
	EXPECT_INT(fakehost_set(h, "queries", "5"), 0);
	EXPECT_INT(fakehost_run(h, "127.0.0.1"), 1);
	EXPECT_STR(fakehost_error(h)->path, "queries");
	fakehost_free(h);
}

static void hops_have_names(void)
{
	struct pathsim sim = { .distance = 3 };

	netns_enter();
	pathsim_start(&sim);
	for (unsigned i = 0; i < PATH_WAYS; i++) {
		for (int slow = 0; slow < 2; slow++) {
			struct fakehost *h = path_tool("traceroute", &path_ways[i]);
			const char *router = path_ways[i].v6 ? "fd02::1" : "10.2.0.1";
			char line[128];
			fakehost_reverse_add(h, router, "first.example");
			fakehost_reverse_add(h, path_ways[i].target, "last.example");
			fakehost_resolve_delay(h, slow * 30 * SONDE_NS_PER_MS);
			json_t *j = trace(h, &path_ways[i]);
			EXPECT_STR(path_text_of(path_hop(j, 1), "resolvedAddress"), router);
			EXPECT_STR(path_text_of(path_hop(j, 1), "resolvedHostname"), "first.example");
			EXPECT(json_is_null(json_object_get(path_hop(j, 2), "resolvedHostname")));
			EXPECT_STR(path_text_of(path_hop(j, 3), "resolvedHostname"), "last.example");
			snprintf(line, sizeof(line), "\n 1  first.example (%s)  ", router);
			EXPECT(strstr(fakehost_raw(h), line));
			EXPECT(strstr(fakehost_raw(h),
			              path_ways[i].v6 ? " fd02::2 (fd02::2) " : " 10.2.0.2 (10.2.0.2) "));
			json_decref(j);
			fakehost_free(h);
		}
	}
	pathsim_stop(&sim);
}

static void names_may_be_left_out(void)
{
	struct fakehost *h = path_tool("traceroute", &path_ways[0]);

	netns_enter();
	fakehost_reverse_add(h, "127.0.0.1", "first.example");
	EXPECT_INT(fakehost_set(h, "names", "false"), 0);
	json_t *j = path_run("traceroute", h, "127.0.0.1");
	EXPECT(json_is_null(json_object_get(path_hop(j, 1), "resolvedHostname")));
	EXPECT(strstr(fakehost_raw(h), "\n 1  127.0.0.1  "));
	json_decref(j);
	EXPECT_INT(fakehost_set(h, "names", "true"), 0);
	fakehost_host_size(h, offsetof(struct sonde_host, reverse));
	j = path_run("traceroute", h, "127.0.0.1");
	EXPECT(json_is_null(json_object_get(path_hop(j, 1), "resolvedHostname")));
	EXPECT(strstr(fakehost_raw(h), "\n 1  127.0.0.1 (127.0.0.1)  "));
	json_decref(j);
	fakehost_free(h);
}

/* On the virtual clock: what is waited for a resolver that sleeps, and that the path is not lost
 * when the time of the task ends meanwhile. */
static void slow_names_are_not_waited_for_long(void)
{
	struct fakehost *h = path_tool("traceroute", &path_ways[0]);

	netns_enter();
	fakehost_virtual_clock(h, true);
	fakehost_reverse_add(h, "127.0.0.1", "first.example");
	fakehost_resolve_delay(h, 9 * SONDE_NS_PER_S);
	for (int early = 0; early < 2; early++) {
		if (early)
			fakehost_cancel_at(h, 700 * SONDE_NS_PER_MS, SONDE_WHY_TIMEOUT);
		json_t *j = path_run("traceroute", h, "127.0.0.1");
		EXPECT(json_is_true(json_object_get(j, "reached")));
		EXPECT(json_is_null(json_object_get(path_hop(j, 1), "resolvedHostname")));
		EXPECT_INT(fakehost_took_ns(h) / (100 * SONDE_NS_PER_MS), early ? 7 : 10);
		json_decref(j);
	}
	fakehost_free(h);
}

TAP_MAIN(CASE(thirty_hops_are_asked_at_once), CASE(a_near_target_is_not_overshot),
         CASE(silent_hops_are_null), CASE(a_silent_path_costs_one_wait),
         CASE(a_limited_router_is_asked_once_more), CASE(the_flow_is_stable),
         CASE(labels_are_told), CASE(short_quotes_are_matched),
         CASE(answers_without_the_cookie_are_ignored),
         CASE(answers_with_another_number_are_ignored),
         CASE(replies_from_elsewhere_are_ignored),
         CASE(short_quotes_with_another_checksum_are_ignored),
         CASE(errors_about_another_target_are_ignored), CASE(a_path_that_stops_says_why),
         CASE(loops_and_distant_first_hops_are_told),
         CASE(tcp_reaches_open_and_closed_ports),
         CASE(names_guard_memory_and_routes_fail_as_such),
         CASE(a_cancelled_trace_reports_what_it_has), CASE(check_has_its_say),
         CASE(hops_have_names), CASE(names_may_be_left_out),
         CASE(slow_names_are_not_waited_for_long))
