/* SPDX-License-Identifier: Apache-2.0 */
/* sonde: the client. The first ^C stops waiting and prints what arrived, the second ends at once. */
#include <signal.h>
#include <stddef.h>

#include "cli/cli.h"

volatile sig_atomic_t cli_interrupted;

static void on_interrupt(int number)
{
	cli_interrupted = 1;
	signal(number, SIG_DFL);
}

int main(int argc, char **argv)
{
	struct sigaction act = { .sa_handler = on_interrupt };

	sigaction(SIGINT, &act, NULL);
	signal(SIGPIPE, SIG_IGN);
	return cli_main(argc, argv);
}
