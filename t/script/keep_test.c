/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept from decision to decision answers as if nothing were: named sets against unnamed ones,
 * while columns change. */
#include <math.h>

#include "base/rng.h"
#include "room.h"

enum { NODES = 3000, WANT = 16 };

struct scene {
	struct sonde_policies *ps;
	struct sonde_rng rng;
	unsigned set[NODES], n;
	uint64_t id;
	unsigned kinds; /* how many different values */
};

static void set_one(struct scene *s, unsigned row)
{
	double v = (double)sonde_rng_below(&s->rng, s->kinds) / 100;

	sonde_column_number(s->ps, row, SONDE_COL_LOAD, v);
	sonde_column_number(s->ps, row, SONDE_COL_RTT, sonde_rng_below(&s->rng, 50) ? v * 30 : NAN);
	sonde_column_number(s->ps, row, SONDE_COL_ACTIVE, (double)sonde_rng_below(&s->rng, s->kinds));
}

static void name_set(struct scene *s)
{
	s->id++;
	s->n = 0;
	for (unsigned i = 0; i < NODES; i++)
		if (sonde_rng_below(&s->rng, 5))
			s->set[s->n++] = i;
}

static struct scene begin(unsigned kinds)
{
	struct scene s = { .ps = room_new(2000), .kinds = kinds };
	struct sonde_error err;

	sonde_rng_seed(&s.rng, kinds);
	for (unsigned i = 0; i < NODES; i++) {
		char name[16];
		snprintf(name, sizeof(name), "n%u", i);
		sonde_column_text(s.ps, i, SONDE_COL_NAME, name);
		set_one(&s, i);
	}
	EXPECT_INT(room_load(s.ps, "rule", "return { api = 1, summary = 's', pick = 'least_load' }", &err), 0);
	EXPECT_INT(room_load_pick(s.ps, "top", "", "return lb.top(set, view.load, req.want)", &err), 0);
	EXPECT_INT(room_load_pick(s.ps, "least", "", "return lb.least(set, view.rtt, req.want, view.load)", &err), 0);
	name_set(&s);
	return s;
}

static void compare(struct scene *s, const char *name, unsigned want)
{
	unsigned kept[WANT], plain[WANT];
	struct sonde_request req = { .type = "ping", .want = want, .seed = sonde_rng_next(&s->rng) >> 1,
		                     .set_id = s->id };
	struct sonde_decision a = { .rows = kept }, b = { .rows = plain };

	sonde_policy_pick(s->ps, name, &req, s->set, s->n, &a);
	req.set_id = 0;
	sonde_policy_pick(s->ps, name, &req, s->set, s->n, &b);
	if (a.fallback || a.count != want || b.count != want || memcmp(kept, plain, want * sizeof(*kept)))
		tap_fail(__FILE__, __LINE__, "%s of %u kinds answers %u otherwise when it is kept", name,
		         s->kinds, want);
}

static void go_through(unsigned kinds)
{
	static const char *const names[] = { "rule", "top", "least" };
	struct scene s = begin(kinds);

	for (unsigned round = 0; round < 1500; round++) {
		for (unsigned i = 0; i < 3; i++)
			compare(&s, names[i], 1 + (unsigned)sonde_rng_below(&s.rng, WANT));
		for (uint64_t n = sonde_rng_below(&s.rng, 30); n--;)
			set_one(&s, (unsigned)sonde_rng_below(&s.rng, NODES));
		if (round % 400 == 399)
			name_set(&s);
		if (round % 300 == 299) { /* the node is gone; its row is another's */
			sonde_column_clear(s.ps, 7);
			sonde_column_text(s.ps, 7, SONDE_COL_NAME, "another");
			set_one(&s, 7);
		}
	}
	sonde_policies_free(s.ps);
}

static void hardly_two_are_alike(void)
{
	tap_limit(120);
	go_through(1000000);
}

static void many_are_alike(void)
{
	tap_limit(120);
	go_through(400);
}

static void nearly_all_are_alike(void)
{
	tap_limit(120);
	go_through(3);
}

/* A column that Lua has read follows the nodes, in a shadow too. */
static void a_shadow_sees_changes(void)
{
	struct sonde_policies *ps = room_new(2000), *from = room_new(2000);
	struct sonde_error err;
	unsigned rows[1];
	static const char scan[] = "local best = set[1] for _, p in ipairs(set) do "
				   "if view.load[p] < view.load[best] then best = p end end return best";

	EXPECT_INT(room_load_pick(ps, "p", "", scan, &err), SONDE_OK);
	EXPECT_INT(room_load_pick(from, "p", "", scan, &err), SONDE_OK);
	EXPECT_INT(sonde_policy_shadow(ps, from, "p"), SONDE_OK);
	sonde_policies_free(from);
	for (unsigned i = 0; i < 6; i++) {
		sonde_column_number(ps, i, SONDE_COL_LOAD, -1.0 - i);
		EXPECT_INT(room_pick(ps, "p", 1, rows).count, 1);
		EXPECT_INT(rows[0], i);
	}
	struct sonde_buf b;
	struct sonde_json j;
	sonde_buf_init(&b, 4096);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '{');
	sonde_policy_describe_shadow(ps, "p", &j);
	sonde_json_close(&j);
	EXPECT(strstr(sonde_buf_cstr(&b), "\"decisions\":6,\"differs\":0"));
	sonde_buf_deinit(&b);
	sonde_policies_free(ps);
}

TAP_MAIN(CASE(hardly_two_are_alike), CASE(many_are_alike), CASE(nearly_all_are_alike),
         CASE(a_shadow_sees_changes))
