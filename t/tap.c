/* SPDX-License-Identifier: Apache-2.0 */
/* Runner of C test cases: fork, wait, one TAP line each. */
#include "tap.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_SKIP = 77, LIMIT_S = 20 };

/* TAP_SLOW multiplies every limit: under valgrind a case takes ten times as long. */
void tap_limit(unsigned seconds)
{
	const char *slow = getenv("TAP_SLOW");
	unsigned long times = slow ? strtoul(slow, NULL, 10) : 1;

	alarm(seconds * (times >= 1 && times <= 100 ? (unsigned)times : 1));
}

void tap_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	printf("# %s:%d: ", file, line);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	_exit(1);
}

void tap_skip(const char *why)
{
	printf("# SKIP %s\n", why);
	fflush(stdout);
	_exit(EXIT_SKIP);
}

static int run_case(const struct tap_case *c)
{
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		tap_limit(LIMIT_S);
		c->run();
		fflush(stdout);
		exit(0); /* exit, not _exit: the leak check runs at exit */
	}
	int status = 0;
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	if (WIFSIGNALED(status))
		printf("# %s: killed by signal %d%s\n", c->name, WTERMSIG(status),
		       WTERMSIG(status) == SIGALRM ? " (time limit)" : "");
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int tap_run(const struct tap_case *cases, unsigned count, const char *only)
{
	int failed = 0;

	if (!only)
		printf("1..%u\n", count);
	for (unsigned i = 0; i < count; i++) {
		if (only && strcmp(only, cases[i].name))
			continue;
		if (only) {
			cases[i].run();
			return 0;
		}
		int rc = run_case(&cases[i]);
		failed += rc != 0 && rc != EXIT_SKIP;
		printf("%sok %u - %s%s\n", rc == 0 || rc == EXIT_SKIP ? "" : "not ", i + 1,
		       cases[i].name, rc == EXIT_SKIP ? " # SKIP" : "");
	}
	return failed ? 1 : 0;
}
