/* SPDX-License-Identifier: Apache-2.0 */
/* `sonde TYPE TARGET from LOCATIONS`: options by the type's rows, live progress, results. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/cli.h"

static const struct cli_option own_options[] = {
	{ "from", 'F', "LOCATION", "where from, as after the word from" },
	{ "limit", 'L', "N", "how many nodes" },
	{ "deadline", 0, "SECONDS", "time for each node" },
	{ "ipv4", '4', NULL, "IPv4 only" },
	{ "ipv6", '6', NULL, "IPv6 only" },
	{ "policy", 0, "NAME", "placement policy" },
	{ "latency", 0, NULL, "only the average latency of each node" },
	{ "no-wait", 0, NULL, "print the id and leave" },
};

enum { OWN = sizeof(own_options) / sizeof(own_options[0]), ROWS_MAX = 128 };

struct measure {
	struct cli *cli;
	const char *type;
	json_t *plugin; /* borrowed from plugins */
	json_t *plugins;
	struct cli_option rows[ROWS_MAX];
	unsigned row_count;
	struct cli_args args;
};

static int find_type(struct measure *m)
{
	const char *names[65] = { NULL };
	json_t *plugin;
	size_t i;
	int code;

	m->plugins = cli_ask(m->cli, "GET", "/v1/plugins", NULL, &code);
	if (!m->plugins)
		return code;
	json_array_foreach(m->plugins, i, plugin) {
		if (i < 64)
			names[i] = cli_text(plugin, "name");
		if (!strcmp(cli_text(plugin, "name"), m->type))
			m->plugin = plugin;
	}
	if (m->plugin)
		return EXIT_OK;
	const char *near = sonde_nearest(m->type, names);
	return cli_fail(EXIT_USAGE, "'%s' is neither a command nor a type%s%s%s; see sonde help",
	                m->type, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static void collect_rows(struct measure *m)
{
	json_t *row;
	size_t i;

	memcpy(m->rows, own_options, sizeof(own_options));
	m->row_count = OWN;
	json_array_foreach(json_object_get(m->plugin, "params"), i, row) {
		if (m->row_count == ROWS_MAX)
			return;
		bool is_switch = !strcmp(cli_text(row, "type"), "bool");
		m->rows[m->row_count++] = (struct cli_option){
			json_string_value(json_object_get(row, "name")), 0,
			is_switch ? NULL : cli_text(row, "type"),
			json_string_value(json_object_get(row, "help")) };
	}
}

static int help(const struct measure *m)
{
	printf("usage: sonde %s TARGET [from LOCATION[,LOCATION...]] [options]\n%s\n\noptions:\n",
	       m->type, cli_text(m->plugin, "summary"));
	for (unsigned i = 0; i < m->row_count; i++)
		printf("  --%-12s %-8s %s\n", m->rows[i].name, m->rows[i].value ? m->rows[i].value : "",
		       m->rows[i].help ? m->rows[i].help : "");
	for (const struct cli_option *o = cli_global_options; o->name; o++)
		printf("  --%-12s %-8s %s\n", o->name, o->value ? o->value : "", o->help);
	return EXIT_OK;
}

static void add_locations(json_t *request, const char *list)
{
	json_t *locations = json_array();
	size_t len;

	for (const char *p = list; *p; p += len + (p[len] == ',')) {
		len = strcspn(p, ",");
		if (len)
			json_array_append_new(locations, json_pack("{s:s%}", "magic", p, len));
	}
	if (json_array_size(locations))
		json_object_set(request, "locations", locations);
	json_decref(locations);
}

/* Options of the type go as text: the controller's rows check and convert them. */
static void add_options(const struct measure *m, json_t *request)
{
	json_t *options = json_object();

	for (unsigned i = 0; i < m->args.option_count; i++) {
		const char *name = m->args.options[i].name, *value = m->args.options[i].value;
		for (unsigned r = OWN; r < m->row_count; r++) {
			if (strcmp(m->rows[r].name, name))
				continue;
			json_object_set_new(options, name,
			                    m->rows[r].value ? json_string(value) : json_true());
		}
	}
	if (cli_option(&m->args, "ipv4") || cli_option(&m->args, "ipv6"))
		json_object_set_new(options, "ipVersion",
		                    json_integer(cli_option(&m->args, "ipv6") ? 6 : 4));
	if (json_object_size(options))
		json_object_set(request, "measurementOptions", options);
	json_decref(options);
}

/* The words: TARGET, then "from" and the rest joined with spaces ("from New York"). */
static int build(const struct measure *m, json_t *request)
{
	const struct cli_args *a = &m->args;
	const char *limit = cli_option(a, "limit"), *deadline = cli_option(a, "deadline");
	char from[1024] = "";

	if (!a->word_count)
		return cli_fail(EXIT_USAGE, "what should %s measure? sonde %s TARGET [from LOCATION]",
		                m->type, m->type);
	if (a->word_count > 1 && strcmp(a->words[1], "from"))
		return cli_fail(EXIT_USAGE, "after the target comes 'from', not '%s'", a->words[1]);
	for (unsigned i = 2; i < a->word_count; i++) {
		size_t n = strlen(from);
		snprintf(from + n, sizeof(from) - n, "%s%s", i > 2 ? " " : "", a->words[i]);
	}
	if (cli_option(a, "from"))
		snprintf(from, sizeof(from), "%s", cli_option(a, "from"));
	json_object_set_new(request, "type", json_string(m->type));
	json_object_set_new(request, "target", json_string(a->words[0]));
	add_locations(request, from);
	if (limit)
		json_object_set_new(request, "limit", json_string(limit));
	if (deadline)
		json_object_set_new(request, "timeout", json_string(deadline));
	if (cli_option(a, "policy"))
		json_object_set_new(request, "policy", json_string(cli_option(a, "policy")));
	add_options(m, request);
	return EXIT_OK;
}

static void progress(const json_t *measurement, int64_t started, bool end)
{
	json_t *result, *results = json_object_get(measurement, "results");
	unsigned done = 0;
	size_t i;

	if (!isatty(STDERR_FILENO))
		return;
	json_array_foreach(results, i, result)
		done += strcmp(cli_text(result, "result.status"), "in-progress") != 0;
	if (end)
		fputs("\r\033[K", stderr);
	else
		fprintf(stderr, "\r\033[K%u/%zu nodes, %.1f s", done, json_array_size(results),
		        (double)(sonde_boottime_ns() - started) / 1e9);
}

static void nap(unsigned ms)
{
	struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };
	nanosleep(&t, NULL);
}

/* Poll until finished, the deadline (the controller's own plus ten seconds), or ^C. */
static json_t *wait_for(struct cli *cli, const char *id, int *code)
{
	char path[128], etag[SONDE_FETCH_ETAG] = "";
	int64_t started = sonde_boottime_ns();
	json_t *m = NULL;
	unsigned pause = 50;

	snprintf(path, sizeof(path), "/v1/measurements/%s", id);
	for (;;) {
		json_t *now = cli_ask_again(cli, path, etag, code);
		if (*code != EXIT_OK)
			break;
		if (now) {
			json_decref(m);
			m = now;
		}
		progress(m, started, false);
		if (!strcmp(cli_text(m, "status"), "finished"))
			break;
		if (cli_interrupted) {
			*code = EXIT_INTERRUPTED;
			break;
		}
		if (sonde_boottime_ns() - started > 320 * SONDE_NS_PER_S) {
			*code = EXIT_TIMEOUT;
			break;
		}
		nap(pause);
		pause = pause < 500 ? pause * 3 / 2 : 500;
	}
	progress(m, started, true);
	return m;
}

static int latency(const json_t *measurement)
{
	json_t *result;
	size_t i;

	json_array_foreach(json_object_get(measurement, "results"), i, result)
		printf("%s %s ms\n", cli_text(result, "probe.name"),
		       *cli_text(result, "result.stats.avg") ? cli_text(result, "result.stats.avg") : "-");
	return EXIT_OK;
}

static int run(struct measure *m)
{
	json_t *request = json_object();
	int code = build(m, request);
	json_t *created = code == EXIT_OK ?
		cli_ask(m->cli, "POST", "/v1/measurements", request, &code) : NULL;

	json_decref(request);
	if (!created)
		return code;
	char id[64];
	snprintf(id, sizeof(id), "%s", cli_text(created, "id"));
	json_decref(created);
	if (cli_option(&m->args, "no-wait"))
		return puts(id), EXIT_OK;
	json_t *measurement = wait_for(m->cli, id, &code);
	if (measurement) {
		int shown = cli_option(&m->args, "latency") ? latency(measurement) :
							      cli_show_measurement(m->cli, measurement);
		code = code == EXIT_OK ? shown : code;
	}
	json_decref(measurement);
	return code;
}

int cli_measure(struct cli *cli, const char *type, int argc, char **argv)
{
	static struct measure m;

	m.cli = cli;
	m.type = type;
	int code = find_type(&m);
	if (code == EXIT_OK) {
		collect_rows(&m);
		code = cli_parse(&m.args, argc, argv, m.rows, m.row_count);
	}
	if (code == EXIT_OK)
		code = cli_option(&m.args, "help") ? help(&m) : run(&m);
	json_decref(m.plugins);
	return code;
}
