/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for a measurement to be over. Owns the measurement as it was seen last, until it is shown. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/cli.h"

/* The longest a node may be given is 300 s. */
enum { WAIT_DEFAULT = 320, WAIT_MAX = 3600, POLL_MS = 500 };

int cli_read_max_wait(const struct cli_args *a, unsigned *seconds)
{
	const char *wait = cli_option(a, "max-wait");
	char *end = NULL;

	errno = 0;
	long n = wait ? strtol(wait, &end, 10) : WAIT_DEFAULT;
	if (errno || (wait && (!*wait || *end)) || n < 1 || n > WAIT_MAX)
		return cli_fail(EXIT_USAGE, "--max-wait must be 1 to %d seconds, not '%s'", WAIT_MAX,
		                wait);
	*seconds = (unsigned)n;
	return EXIT_OK;
}

static void show_progress(struct cli *cli, const json_t *measurement, int64_t started)
{
	const json_t *result, *results = json_object_get(measurement, "results");
	unsigned done = 0;
	size_t i;

	json_array_foreach(results, i, result)
		done += strcmp(cli_str(result, "result.status"), "in-progress") != 0;
	cli_progress(cli, "%u of %zu nodes, %.1f s", done, json_array_size(results),
	             (double)(sonde_boottime_ns() - started) / 1e9);
}

void cli_nap(unsigned ms)
{
	struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };

	nanosleep(&t, NULL);
}

/* Whether there is nothing more to wait for; *code says why when it is not the end. */
static bool is_over(const struct cli *cli, const json_t *measurement, int64_t started, unsigned max_wait,
                    int *code)
{
	if (*code != EXIT_OK || !strcmp(cli_str(measurement, "status"), "finished"))
		return true;
	if (*cli->interrupt->seen)
		*code = EXIT_INTERRUPTED;
	else if (sonde_boottime_ns() - started > max_wait * SONDE_NS_PER_S)
		*code = EXIT_TIMEOUT;
	return *code != EXIT_OK;
}

/* The measurement as it was seen last, owned; NULL when never. */
static json_t *wait_for(struct cli *cli, const char *id, unsigned max_wait, int *code)
{
	char etag[SONDE_FETCH_ETAG] = "";
	int64_t started = sonde_boottime_ns();
	json_t *measurement = NULL;

	cli->interrupt->watch();
	/* The controller answers at the end, or after this time; more often it does not want to be asked. */
	for (;;) {
		int64_t asked = sonde_boottime_ns();
		json_t *now = cli_get_changed(cli, "/v1/measurements", id, "wait=500ms", etag, code);
		if (now) {
			json_decref(measurement);
			measurement = now;
		}
		if (is_over(cli, measurement, started, max_wait, code))
			break;
		show_progress(cli, measurement, started);
		int64_t took = (sonde_boottime_ns() - asked) / SONDE_NS_PER_MS;
		if (took < POLL_MS)
			cli_nap((unsigned)(POLL_MS - took));
	}
	cli_progress_end(cli);
	return measurement;
}

int cli_wait(struct cli *cli, const char *id, unsigned max_wait, bool latency_only)
{
	int code = EXIT_OK;

	json_t *measurement = wait_for(cli, id, max_wait, &code);
	int shown = measurement ? cli_show_results(cli, measurement, latency_only) : EXIT_FAILED;
	if (code == EXIT_TIMEOUT || code == EXIT_INTERRUPTED)
		cli_fail(code, "not all results are there; later: sonde measurement show %s", id);
	json_decref(measurement);
	return code == EXIT_OK ? shown : code;
}
