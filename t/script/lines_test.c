/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of a policy: what it says, what befalls it, and their bound. */
#include "room.h"

struct seen {
	unsigned n;
	uint64_t first, last;
	char kind[16], text[256], all[4096];
};

static void note(void *arg, const struct sonde_policy_line *line)
{
	struct seen *s = arg;
	size_t used = strlen(s->all);

	s->first = s->n++ ? s->first : line->number;
	s->last = line->number;
	snprintf(s->kind, sizeof(s->kind), "%s", line->kind);
	snprintf(s->text, sizeof(s->text), "%s", line->text);
	snprintf(s->all + used, sizeof(s->all) - used, "%s ", line->kind);
	EXPECT(line->at_ms > 0);
}

static struct seen lines(struct sonde_policies *ps, uint64_t after, unsigned most)
{
	struct seen s = { .n = 0 };

	EXPECT(sonde_policy_lines(ps, "p", after, most, note, &s) >= s.last);
	return s;
}

static void load(struct sonde_policies *ps, const char *body)
{
	struct sonde_error err = { "", "" };

	if (room_load_pick(ps, "p", "", body, &err) != SONDE_OK)
		tap_fail(__FILE__, __LINE__, "%s", err.text);
}

static void what_it_says_and_what_befalls_it(void)
{
	struct sonde_policies *ps = room_new(2000);
	unsigned rows[1];

	EXPECT_INT(sonde_policy_lines(ps, "p", 0, 9, note, NULL), 0); /* there is none */
	load(ps, "lb.log('two\\nlines ' .. req.type) return {}");
	EXPECT_STR(lines(ps, 0, 100).text, "version 1 decides");
	room_pick(ps, "p", 1, rows);
	EXPECT_STR(lines(ps, 0, 100).text, "two lines ping");
	load(ps, "error('no')");
	for (unsigned i = 0; i < 4; i++)
		room_pick(ps, "p", 1, rows);
	struct seen s = lines(ps, 0, 100);
	EXPECT_STR(s.all, "version log version fault fault fault quarantined ");
	EXPECT_STR(lines(ps, 3, 1).kind, "quarantined");
	EXPECT_INT(lines(ps, 3, 100).n, 4);
	EXPECT_INT(lines(ps, 7, 100).n, 0);
	EXPECT_INT(lines(ps, 9999, 100).n, 7); /* from before a restart */
	sonde_policies_free(ps);
}

static void they_are_bounded(void)
{
	struct sonde_policies *ps = room_new(2000);
	unsigned rows[1];

	load(ps, "for i = 1, 9 do lb.log('line ' .. i) end return {}");
	room_pick(ps, "p", 1, rows);
	EXPECT_INT(lines(ps, 0, 1000).n, 5); /* 4 a decision */
	load(ps, "local s = 'x' for _ = 1, 10 do s = s .. s end lb.log(s) return {}");
	for (unsigned i = 0; i < 500; i++)
		EXPECT(!room_pick(ps, "p", 1, rows).fallback);
	struct seen s = lines(ps, 0, 100000);
	EXPECT_INT(s.n, 128);
	EXPECT_INT(s.last, 506);
	EXPECT_INT(strlen(s.text), 199);
	load(ps, "lb.log('') return {}");
	EXPECT(room_pick(ps, "p", 1, rows).fallback);
	load(ps, "lb.log('a\\0b') return {}");
	EXPECT(room_pick(ps, "p", 1, rows).fallback);
	sonde_policies_free(ps);
}

static void a_policy_taken_over_goes_on_with_its_own(void)
{
	struct sonde_policies *ps = room_new(2000), *from = room_new(2000);
	unsigned rows[1];

	load(ps, "return {}");
	load(from, "lb.log(tostring(view.past_seen[1])) return {}");
	EXPECT_INT(sonde_policy_shadow(ps, from, "p"), SONDE_OK);
	room_pick(ps, "p", 1, rows);
	EXPECT_STR(lines(ps, 0, 100).all, "version shadow "); /* what a shadow says is not heard */
	load(from, "lb.log(tostring(view.past_seen[1])) return {}");
	EXPECT_INT(sonde_policy_adopt(ps, from, "p", 7), SONDE_OK);
	sonde_policies_free(from);
	room_pick(ps, "p", 1, rows);
	EXPECT_STR(lines(ps, 0, 100).text, "0.0");
	EXPECT_STR(lines(ps, 0, 100).all, "version shadow version log ");
	sonde_policies_free(ps);
}

TAP_MAIN(CASE(what_it_says_and_what_befalls_it), CASE(they_are_bounded),
         CASE(a_policy_taken_over_goes_on_with_its_own))
