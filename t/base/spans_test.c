/* SPDX-License-Identifier: Apache-2.0 */
/* The set of sequence numbers against a plain array of flags, and its text. */
#include <string.h>

#include "base/rng.h"
#include "base/spans.h"
#include "tap.h"

enum { MAX = 200 };

static void check(const struct sonde_spans *s, const bool *model)
{
	for (unsigned i = 1; i < MAX; i++)
		if (sonde_spans_has(s, i) != model[i])
			tap_fail(__FILE__, __LINE__, "%u is %s", i, model[i] ? "missing" : "there");
	uint64_t above = s->cum;
	for (unsigned i = 0; i < s->count; i++) {
		EXPECT(s->at[i].from > above + 1 && s->at[i].to >= s->at[i].from);
		above = s->at[i].to;
	}
}

static void random_ranges_are_a_set(void)
{
	struct sonde_rng rng;

	sonde_rng_seed(&rng, 7);
	for (unsigned round = 0; round < 2000; round++) {
		struct sonde_spans s = { 0 }, back = { 0 };
		bool model[MAX] = { true };
		char text[SONDE_SPANS_TEXT];
		for (unsigned i = 0; i < 40; i++) {
			uint64_t from = 1 + sonde_rng_below(&rng, MAX - 2);
			uint64_t to = from + sonde_rng_below(&rng, 6);
			if (to >= MAX || !sonde_spans_fits(&s, from, to))
				continue;
			sonde_spans_add(&s, from, to);
			memset(model + from, 1, to - from + 1);
			check(&s, model);
		}
		back.cum = s.cum;
		sonde_spans_format(&s, text);
		EXPECT(sonde_spans_parse(&back, text, strlen(text)));
		check(&back, model);
	}
}

static void full_means_full(void)
{
	struct sonde_spans s = { .cum = 10 };

	for (unsigned i = 0; i < SONDE_SPANS; i++)
		sonde_spans_add(&s, 20 + 10 * i, 21 + 10 * i);
	EXPECT(!sonde_spans_fits(&s, 500, 500));
	EXPECT(sonde_spans_fits(&s, 11, 11) && sonde_spans_fits(&s, 22, 25) &&
	       sonde_spans_fits(&s, 18, 19));
	sonde_spans_add(&s, 11, 89);
	EXPECT_INT(s.cum, 91);
	EXPECT_INT(s.count, 0);
}

static void bad_texts_are_refused(void)
{
	static const char *const bad[] = { "1", "5-", "-5", "5-4", "11-12", "20-30,25-40", "20-30,,40-50",
		                           "20-30,31-40", "a-b", "20-30;40-50",
		                           "20-99999999999999999999" };

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct sonde_spans s = { .cum = 10 };
		if (sonde_spans_parse(&s, bad[i], strlen(bad[i])))
			tap_fail(__FILE__, __LINE__, "%s is taken", bad[i]);
	}
}

TAP_MAIN(CASE(random_ranges_are_a_set), CASE(full_means_full), CASE(bad_texts_are_refused))
