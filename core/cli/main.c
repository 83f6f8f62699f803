/* SPDX-License-Identifier: Apache-2.0 */
/* sonde, the client. Owns what belongs to the process: the locale that decodes UTF-8, ^C, and the
 * check that everything printed has left. */
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>

#include "cli/cli.h"

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
	interrupted = 1;
}

/* SA_RESETHAND: the second ^C ends the program. Without SA_RESTART it also ends a nap. */
static void watch(void)
{
	struct sigaction now, act = { .sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND };

	if (!sigaction(SIGINT, NULL, &now) && now.sa_handler != SIG_IGN)
		sigaction(SIGINT, &act, NULL);
}

int main(int argc, char **argv)
{
	const struct cli_interrupt interrupt = { watch, &interrupted };

	/* What is printed is UTF-8 whatever the user's locale; numbers stay those of "C". */
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		setlocale(LC_CTYPE, "");
	signal(SIGPIPE, SIG_IGN);
	int code = cli_main(argc, argv, &interrupt);
	errno = 0;
	if ((fflush(stdout) || ferror(stdout)) && errno != EPIPE)
		return cli_fail(EXIT_FAILED, "cannot write the output: %s", strerror(errno));
	return code;
}
