/* SPDX-License-Identifier: Apache-2.0 */
/* `sonde plugin reload`: asks the controller, then waits until each node that it asked has said
 * what came of it. */
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/cli.h"

enum { WAIT_S = 40, PAUSE_MS = 100 };

static void put_refused(const json_t *node)
{
	const json_t *rows = cli_at(node, "pluginsRefused"), *row;
	size_t i;

	json_array_foreach((json_t *)rows, i, row)
		cli_printf("%s: %s is left out: %s\n", cli_str(node, "name"), cli_str(row, "file"),
		           cli_str(row, "why"));
}

/* Waits for one node; EXIT_OK, EXIT_FAILED (it changed nothing) or EXIT_TIMEOUT. */
static int wait_for(struct cli *cli, const json_t *asked, int64_t deadline)
{
	const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };
	const char *name = cli_str(asked, "name");
	int code;

	for (;;) {
		json_t *node = cli_get(cli, "/v1/nodes", cli_str(asked, "id"), &code);
		if (!node)
			return code;
		const char *state = cli_str(node, "reload.state");
		bool done = !strcmp(state, "done"), failed = !strcmp(state, "failed");
		if (done) {
			cli_printf("%s: %zu types\n", name,
			           json_array_size(cli_at(node, "plugins")));
			put_refused(node);
		} else if (failed) {
			cli_printf("%s: %s\n", name, cli_str(node, "reload.why"));
		}
		json_decref(node);
		if (done || failed)
			return done ? EXIT_OK : EXIT_FAILED;
		if (sonde_boottime_ns() > deadline)
			return cli_fail(EXIT_TIMEOUT, "%s has not answered within %d s", name,
			                WAIT_S);
		nanosleep(&pause, NULL);
	}
}

int cli_plugin_reload(struct cli *cli, const struct cli_args *a)
{
	const char *node = cli_option(a, "node");
	int64_t deadline = sonde_boottime_ns() + WAIT_S * SONDE_NS_PER_S;
	unsigned good = 0, bad = 0;
	const json_t *asked;
	int code, first_bad = EXIT_OK;
	size_t i;

	json_t *answer = cli_send(cli, "POST", "/v1/plugins/reload", node, NULL, &code);
	if (!answer)
		return code;
	json_array_foreach((json_t *)cli_at(answer, "nodes"), i, asked) {
		code = wait_for(cli, asked, deadline);
		good += code == EXIT_OK;
		bad += code != EXIT_OK;
		if (code != EXIT_OK && first_bad == EXIT_OK)
			first_bad = code;
	}
	json_decref(answer);
	if (!good && !bad)
		return cli_fail(EXIT_FAILED,
		                "the controller read its types again, but no node is connected");
	return bad ? good ? EXIT_PARTIAL : first_bad : EXIT_OK;
}
