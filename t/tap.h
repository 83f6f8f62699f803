/* SPDX-License-Identifier: Apache-2.0 */
/* A tiny TAP emitter for C tests. Each case runs in a process of its own with a time limit, so
 * that a crash, a hang or a leak names its case.
 *
 *	static void adds(void) { EXPECT(1 + 1 == 2); }
 *	TAP_MAIN(CASE(adds)) */
#pragma once
#include <stdio.h>
#include <string.h>

struct tap_case {
	const char *name;
	void (*run)(void);
};

#define CASE(fn) { #fn, fn }
#define TAP_MAIN(...) \
	int main(int argc, char **argv) \
	{ \
		static const struct tap_case cases[] = { __VA_ARGS__ }; \
		return tap_run(cases, sizeof(cases) / sizeof(cases[0]), argc > 1 ? argv[1] : NULL); \
	}

/* Runs all cases, or only the one named (in this process, for a debugger); exit code. */
int tap_run(const struct tap_case *, unsigned count, const char *only);
/* Ends the running case with a diagnostic. */
void tap_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), noreturn));
/* The running case is skipped with a reason. */
void tap_skip(const char *why) __attribute__((noreturn));
/* Seconds a case may take; default 20 (sanitizers on a busy machine). */
void tap_limit(unsigned seconds);

#define EXPECT(cond) ((cond) ? (void)0 : tap_fail(__FILE__, __LINE__, "%s", #cond))
#define EXPECT_INT(got, want) \
	do { \
		long long g_ = (got), w_ = (want); \
		if (g_ != w_) \
			tap_fail(__FILE__, __LINE__, "%s is %lld, expected %lld", #got, g_, w_); \
	} while (0)
#define EXPECT_STR(got, want) \
	do { \
		const char *g_ = (got), *w_ = (want); \
		if (!g_ || strcmp(g_, w_)) \
			tap_fail(__FILE__, __LINE__, "%s is \"%s\", expected \"%s\"", #got, \
			         g_ ? g_ : "(null)", w_); \
	} while (0)
