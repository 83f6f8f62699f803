/* SPDX-License-Identifier: Apache-2.0 */
/* `sonde TYPE TARGET from LOCATIONS`. The options of a type are the rows that the controller tells:
 * the command line is looked at once for the global ones, and parsed when the rows are there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

enum { FROM_MAX = 8192, NAMES_MAX = 128 };

const struct cli_option cli_measure_options[] = {
	{ "from", 'F', "LOCATION", "where from, as after the word from" },
	{ "limit", 'L', "N", "how many nodes" },
	{ "deadline", 0, "SECONDS", "time for each node" },
	{ "ipv4", '4', NULL, "IPv4 only" },
	{ "ipv6", '6', NULL, "IPv6 only" },
	{ "policy", 0, "NAME", "placement policy, or several: regional,least_load" },
	{ "policy-params", 0, "JSON", "its parameters" },
	{ "require", 0, "KEY=VALUE", "what each node must have, such as cpus=2; may be given again" },
	{ "latency", 0, NULL, "only the average latency of each node" },
	{ "no-wait", 0, NULL, "print the id and leave" },
	{ "max-wait", 0, "SECONDS", "print what arrived by then (default 320), exit code 124" },
	{ NULL },
};

enum { OWN = sizeof(cli_measure_options) / sizeof(cli_measure_options[0]) - 1, ROWS_MAX = 128 };

struct measure {
	struct cli *cli;
	const char *type;
	json_t *plugins;      /* owned; rows point into it */
	const json_t *plugin; /* in plugins */
	struct cli_option rows[ROWS_MAX + 1];
	struct cli_args args;
	unsigned max_wait; /* seconds */
};

/* ---- the type and its rows ---- */

static int no_such_type(const struct measure *m)
{
	const char *names[NAMES_MAX + 1] = { NULL };
	const json_t *plugin;
	unsigned n = 0;
	size_t i;

	for (const struct cli_command *c = cli_commands; c->group && n < NAMES_MAX / 2; c++)
		names[n++] = c->group;
	json_array_foreach(m->plugins, i, plugin)
		if (n < NAMES_MAX)
			names[n++] = cli_str(plugin, "name");
	const char *near = sonde_nearest(m->type, names);
	return cli_fail(EXIT_USAGE, "'%s' is neither a command nor a type%s%s%s sonde help", m->type,
	                near ? "; did you mean '" : "", near ? near : "", near ? "'? See" : "; see");
}

/* The controller did not tell the types: that is enough, unless it looks like a command misspelt. */
static int unknown_word(const struct measure *m, int code)
{
	const char *names[NAMES_MAX + 1] = { NULL };
	unsigned n = 0;

	for (const struct cli_command *c = cli_commands; c->group && n < NAMES_MAX; c++)
		names[n++] = c->group;
	const char *near = sonde_nearest(m->type, names);
	return near ? cli_fail(code, "did you mean sonde %s?", near) : code;
}

static int find_type(struct measure *m)
{
	const json_t *plugin;
	size_t i;
	int code;

	m->plugins = cli_get(m->cli, "/v1/plugins", NULL, &code);
	if (!m->plugins)
		return unknown_word(m, code);
	json_array_foreach(m->plugins, i, plugin)
		if (!strcmp(cli_str(plugin, "name"), m->type))
			m->plugin = plugin;
	return m->plugin ? EXIT_OK : no_such_type(m);
}

static void collect_rows(struct measure *m)
{
	unsigned n = OWN;
	const json_t *row;
	size_t i;

	memcpy(m->rows, cli_measure_options, sizeof(cli_measure_options));
	json_array_foreach(cli_at(m->plugin, "params"), i, row) {
		const char *type = cli_str(row, "type");
		if (n == ROWS_MAX || !*cli_str(row, "name"))
			continue;
		m->rows[n++] = (struct cli_option){ .name = cli_str(row, "name"),
			                            .value = strcmp(type, "bool") ? type : NULL };
	}
	m->rows[n] = (struct cli_option){ NULL };
}

static int help_type(const struct measure *m)
{
	cli_printf("usage: sonde %s TARGET [from LOCATION[,LOCATION...]] [options]\n%s\n\noptions:\n",
	           m->type, cli_str(m->plugin, "summary"));
	cli_help_options(cli_measure_options);
	cli_printf("\noptions of %s:\n", m->type);
	cli_help_params(cli_at(m->plugin, "params"), true);
	puts("\noptions of every command:");
	cli_help_options(cli_global_options);
	return EXIT_OK;
}

bool cli_is_secret(const json_t *plugin, const char *name)
{
	const json_t *row;
	size_t i;

	json_array_foreach(cli_at(plugin, "params"), i, row)
		if (!strcmp(cli_str(row, "name"), name))
			return json_is_true(cli_at(row, "secret"));
	return false;
}

/* ---- the request ---- */

/* "from A,B": -F, or the words after "from" joined with blanks ("from New York"). */
static int join_from(const struct cli_args *a, struct sonde_buf *from)
{
	const char *option = cli_option(a, "from");

	if (a->word_count > 1 && strcmp(a->words[1], "from"))
		return cli_fail(EXIT_USAGE, "after the target comes 'from', not '%s'", a->words[1]);
	if (a->word_count == 2)
		return cli_fail(EXIT_USAGE, "'from' needs a location");
	if (option && a->word_count > 2)
		return cli_fail(EXIT_USAGE, "either 'from' or --from, not both");
	if (option)
		sonde_buf_str(from, option);
	for (unsigned i = 2; i < a->word_count; i++) {
		sonde_buf_str(from, i > 2 ? " " : "");
		sonde_buf_str(from, a->words[i]);
	}
	return from->failed ? cli_fail(EXIT_USAGE, "the locations are longer than %d bytes", FROM_MAX) :
			      EXIT_OK;
}

static void add_locations(json_t *request, const char *list)
{
	json_t *locations = json_array();
	size_t len;

	for (const char *p = list; *p; p += len + (p[len] == ',')) {
		p += strspn(p, " ");
		len = strcspn(p, ",");
		size_t n = len;
		while (n && p[n - 1] == ' ')
			n--;
		if (n)
			json_array_append_new(locations, json_pack("{s:s%}", "magic", p, n));
	}
	if (json_array_size(locations))
		json_object_set(request, "locations", locations);
	json_decref(locations);
}

/* Options of the type go as text: the controller's rows check and convert them. A secret one may
 * stand in a file, because arguments can be seen by everybody on the machine. */
static int add_options(const struct measure *m, json_t *request)
{
	json_t *options = json_object(), *v;
	bool ipv4 = cli_option(&m->args, "ipv4"), ipv6 = cli_option(&m->args, "ipv6");
	int code = EXIT_OK;

	for (const struct cli_option *o = m->rows + OWN; o->name && code == EXIT_OK; o++) {
		const char *value = cli_option(&m->args, o->name);
		if (!value)
			continue;
		if (*value == '@' && cli_is_secret(m->plugin, o->name))
			code = cli_read_value(value + 1, &v);
		else
			v = o->value ? json_string(value) : json_true();
		if (code == EXIT_OK)
			cli_set_at(options, o->name, v);
	}
	if (ipv4 || ipv6)
		json_object_set_new(options, "ipVersion", json_integer(ipv6 ? 6 : 4));
	if (json_object_size(options))
		json_object_set(request, "measurementOptions", options);
	json_decref(options);
	return code;
}

/* "https://host:8443/path?query" as target and options; what was said by an option wins. A
 * target that is no URL, or a type that has no use for one, is left alone. */
static void add_url(const struct measure *m, json_t *request)
{
	const json_t *row, *rows = cli_at(m->plugin, "params");
	struct cli_url u;
	bool takes = false;
	size_t i;

	json_array_foreach(rows, i, row)
		takes |= !strcmp(cli_str(row, "name"), "request.path");
	if (!takes || !cli_split_url(m->args.words[0], &u))
		return;
	const char *const parts[][2] = { { "protocol", u.protocol }, { "port", u.port },
		                         { "request.path", u.path }, { "request.query", u.query } };
	json_t *options = json_object_get(request, "measurementOptions");
	if (!options) {
		options = json_object();
		json_object_set_new(request, "measurementOptions", options);
	}
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (*parts[i][1] && !cli_option(&m->args, parts[i][0]))
			cli_set_at(options, parts[i][0], json_string(parts[i][1]));
	json_object_set_new(request, "target", json_string(u.host));
}

static int add_params(const struct measure *m, json_t *request)
{
	const char *text = cli_option(&m->args, "policy-params");
	json_t *params = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;

	if (text && !params)
		return cli_fail(EXIT_USAGE, "--policy-params must be JSON, such as {\"strict\":true}");
	if (params)
		json_object_set_new(request, "policyParams", params);
	return EXIT_OK;
}

static int fill(const struct measure *m, const char *from, json_t *request)
{
	static const char *const texts[][2] = { { "limit", "limit" }, { "deadline", "timeout" },
		                                { "policy", "policy" } };

	json_object_set_new(request, "type", json_string(m->type));
	json_object_set_new(request, "target", json_string(m->args.words[0]));
	add_locations(request, from);
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (cli_option(&m->args, texts[i][0]))
			json_object_set_new(request, texts[i][1],
			                    json_string(cli_option(&m->args, texts[i][0])));
	int code = add_options(m, request);
	add_url(m, request);
	return code;
}

static int check(struct measure *m)
{
	if (!m->args.word_count)
		return cli_fail(EXIT_USAGE, "what should %s measure? sonde %s TARGET [from LOCATION]",
		                m->type, m->type);
	if (cli_option(&m->args, "ipv4") && cli_option(&m->args, "ipv6"))
		return cli_fail(EXIT_USAGE, "either -4 or -6, not both");
	return cli_read_max_wait(&m->args, &m->max_wait);
}

/* The id of the new measurement, owned JSON text; NULL with *code. */
static json_t *create(struct measure *m, int *code)
{
	struct sonde_buf from;
	json_t *request = json_object(), *created = NULL, *id = NULL;

	sonde_buf_init(&from, FROM_MAX);
	*code = join_from(&m->args, &from);
	if (*code == EXIT_OK) {
		*code = fill(m, sonde_buf_cstr(&from), request);
		if (*code == EXIT_OK)
			*code = add_params(m, request);
		if (*code == EXIT_OK)
			*code = cli_add_pairs(request, "requirements", "require", &m->args);
	}
	if (*code == EXIT_OK) {
		created = cli_send(m->cli, "POST", "/v1/measurements", NULL, request, code);
	}
	if (created && *cli_str(created, "id"))
		id = json_incref(json_object_get(created, "id"));
	else if (created)
		*code = cli_fail(EXIT_FAILED, "the answer of %s has no id", m->cli->url);
	json_decref(created);
	json_decref(request);
	sonde_buf_deinit(&from);
	return id;
}

static int run(struct measure *m)
{
	int code = check(m);
	json_t *id = code == EXIT_OK ? create(m, &code) : NULL;

	if (!id)
		return code;
	if (cli_option(&m->args, "no-wait")) {
		cli_printf("%s\n", json_string_value(id));
	} else {
		code = cli_wait(m->cli, json_string_value(id), m->max_wait,
		                cli_option(&m->args, "latency"));
	}
	json_decref(id);
	return code;
}

int cli_measure(struct cli *cli, int argc, char **argv, bool help)
{
	struct measure m = { .cli = cli, .type = argv[0] };

	int code = cli_parse(&m.args, argc - 1, argv + 1, cli_measure_options, true);
	if (code == EXIT_OK)
		code = cli_set_up(cli, &m.args);
	if (code == EXIT_OK)
		code = find_type(&m);
	if (code == EXIT_OK) {
		collect_rows(&m);
		code = cli_parse(&m.args, argc - 1, argv + 1, m.rows, false);
	}
	if (code == EXIT_OK)
		code = help || cli_option(&m.args, "help") ? help_type(&m) : run(&m);
	json_decref(m.plugins);
	return code;
}
