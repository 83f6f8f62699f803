/* SPDX-License-Identifier: Apache-2.0 */
/* Limits: windows, delays, notes, the keys they share and what is one address. */
#include <stdio.h>

#include "base/clock.h"
#include "controller/limits.h"
#include "tap.h"

static void windows(void)
{
	struct limits l;
	int64_t now = SONDE_NS_PER_S;

	limits_init(&l);
	EXPECT(limits_use(&l, "a", 3, 5, 10, now));
	EXPECT(!limits_use(&l, "a", 3, 5, 10, now));
	EXPECT(limits_use(&l, "a", 2, 5, 10, now));
	EXPECT_INT(limits_look(&l, "a", 5, now).remaining, 0);
	EXPECT_INT(limits_look(&l, "a", 5, now).reset_s, 10);
	EXPECT_INT(limits_look(&l, "b", 5, now).reset_s, 0);
	limits_return(&l, "a", 1, now);
	EXPECT_INT(limits_look(&l, "a", 5, now).remaining, 1);
	EXPECT(limits_use(&l, "a", 5, 5, 10, now + 10 * SONDE_NS_PER_S));
	limits_deinit(&l);
}

/* A flood of keys takes no more room than the table has, and shuts nobody out. */
static void many_keys(void)
{
	struct limits l;
	int64_t now = SONDE_NS_PER_S;
	char name[32];

	limits_init(&l);
	EXPECT(limits_use(&l, "first", 1, 2, 3600, now));
	for (unsigned i = 0; i < 3 * LIMIT_KEYS_MAX; i++) {
		snprintf(name, sizeof(name), "target %u", i);
		EXPECT(limits_use(&l, name, 1, 600, 3600, now));
	}
	EXPECT(l.by_key.len <= LIMIT_KEYS_MAX + LIMIT_SHARED);
	EXPECT(limits_use(&l, "first", 1, 2, 3600, now));
	EXPECT(!limits_use(&l, "first", 1, 2, 3600, now));
	EXPECT(limits_use(&l, "last", 1, 600, 3600, now));
	EXPECT(limits_look(&l, "last", 600, now).remaining < 600);
	limits_failed(&l, "one more", now);
	limits_failed(&l, "one more", now);
	limits_failed(&l, "one more", now);
	EXPECT_INT(limits_wait(&l, "one more", now), 0);
	EXPECT(limits_use(&l, "later", 1, 5, 10, now + 3700 * SONDE_NS_PER_S));
	EXPECT_INT(l.by_key.len, 1);
	limits_deinit(&l);
}

static void delays(void)
{
	struct limits l;
	int64_t now = SONDE_NS_PER_S;
	unsigned tries = 0, longest = 0;

	limits_init(&l);
	for (int64_t end = now + 300 * SONDE_NS_PER_S; now < end; tries++) {
		unsigned wait = limits_wait(&l, "a", now);
		longest = wait > longest ? wait : longest;
		now += wait * SONDE_NS_PER_S;
		if (now < end)
			limits_failed(&l, "a", now);
	}
	EXPECT(tries <= 11); /* the last of the loop comes after the five minutes */
	for (int i = 0; i < 30; i++) {
		limits_failed(&l, "a", now);
		longest = limits_wait(&l, "a", now);
		EXPECT(longest <= 900);
		now += longest * SONDE_NS_PER_S;
	}
	EXPECT_INT(longest, 900);
	EXPECT_INT(limits_wait(&l, "b", now), 0);
	limits_forget(&l, "a");
	EXPECT_INT(limits_wait(&l, "a", now), 0);
	limits_deinit(&l);
}

/* A note is of one key and no other, also where keys share counters. */
static void notes(void)
{
	struct limits l;
	char name[32];
	int64_t now = SONDE_NS_PER_S;

	limits_init(&l);
	EXPECT(!limits_is_noted(&l, "a", now));
	limits_note(&l, "a", 10, now);
	EXPECT(limits_is_noted(&l, "a", now + 9 * SONDE_NS_PER_S));
	EXPECT(!limits_is_noted(&l, "a", now + 10 * SONDE_NS_PER_S));
	limits_note(&l, "a", 1000, now);
	for (int i = 0; i < LIMIT_KEYS_MAX + 5000; i++) {
		snprintf(name, sizeof(name), "k%d", i);
		limits_use(&l, name, 1, 5, 100, now);
	}
	EXPECT(limits_is_noted(&l, "a", now));
	limits_note(&l, "b", 1000, now);
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		EXPECT(!limits_is_noted(&l, name, now));
	}
	EXPECT(!limits_is_noted(&l, "b", now));
	limits_deinit(&l);
}

static void addresses(void)
{
	char out[64];

	limit_address("192.0.2.7", out);
	EXPECT_STR(out, "192.0.2.7");
	limit_address("2001:db8:1:2:3:4:5:6", out);
	EXPECT_STR(out, "2001:db8:1:2::/64");
	limit_address("::ffff:192.0.2.7", out);
	EXPECT_STR(out, "192.0.2.7");
}

TAP_MAIN(CASE(windows), CASE(many_keys), CASE(delays), CASE(notes), CASE(addresses))
