/* SPDX-License-Identifier: Apache-2.0 */
/* `sonde schedule ...` and `sonde event ls`. What a schedule may say is the controller's to check:
 * values go as they were typed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define PATH "/v1/schedules"

/* ---- columns ---- */

static void add_when(const json_t *s, struct sonde_buf *b)
{
	const json_t *interval = cli_at(s, "interval");

	if (json_is_true(cli_at(s, "paused")))
		sonde_buf_str(b, "paused, ");
	if (interval)
		sonde_buf_str(b, "every ");
	cli_add_value(b, interval ? interval : cli_at(s, "cron"));
	if (json_is_number(interval))
		sonde_buf_str(b, "s");
}

static void add_target(const json_t *s, struct sonde_buf *b)
{
	const char *target = cli_str(s, "target");

	sonde_buf_str(b, *target ? target : cli_at(s, "targets") ? "nodes" : "");
}

static const struct cli_column schedule_columns[] = {
	{ "NAME", "name", "name" },
	{ "TYPE", "type", "type" },
	{ "TARGET", "target", .text = add_target },
	{ "WHEN", "when", .text = add_when },
	{ "NODES", "nodes", "nodesCount" },
	{ "EXPECTED", "expected", "expected" },
	{ "RECEIVED", "received", "received" },
	{ "MISSING", "missing", "missing" },
	{ "PROBLEM", "problem", "problem" },
	{ "ID", "id", "id" },
};

static const struct cli_column member_columns[] = {
	{ "NODE", "node", "name" },
	{ "STATUS", "status", "status" },
	{ "ROLE", "role", "role" },
	{ "SYNCED", "synced", "synced" },
	{ "PHASE", "phase_s", "phaseS", " s" },
	{ "EXPECTED", "expected", "expected" },
	{ "RECEIVED", "received", "received" },
	{ "MISSING", "missing", "missing" },
	{ "LAST DUE", "last_due", "lastDueAt" },
	{ "NEXT DUE", "next_due", "nextDueAt" },
	{ "WHY", "reason", "reason" },
	{ NULL, "id", "id" },
	{ NULL, "last_run", "lastRun" },
};

int cli_schedule_ls(struct cli *cli, const struct cli_args *a)
{
	return cli_list(cli, PATH, schedule_columns, COUNT(schedule_columns));
}

static void print_head(const json_t *s)
{
	static const char *const shown[] = { "description", "target", "targets", "interval", "cron",
		"zone", "start", "until", "spread", "windows", "timeout", "retries", "priority", "grace",
		"locations", "limit", "nodes", "policy", "policyParams", "requirements", "peers", "measurementOptions", "secrets", "problem", "updatedAt" };
	struct sonde_buf b;

	sonde_buf_init(&b, 1 << 16);
	cli_printf("%s: %s%s, revision %lld\n", cli_str(s, "name"), cli_str(s, "type"),
	           json_is_true(cli_at(s, "paused")) ? ", paused" : "",
	           (long long)json_integer_value(cli_at(s, "revision")));
	for (unsigned i = 0; i < COUNT(shown); i++) {
		const json_t *v = json_object_get(s, shown[i]);
		char *text = v && !json_is_string(v) ? json_dumps(v, JSON_ENCODE_ANY) : NULL;
		if (v)
			cli_printf("%s: %s\n", shown[i], text ? text : json_string_value(v));
		free(text);
	}
	cli_printf("expected %lld, received %lld, missing %lld\n\n",
	           (long long)json_integer_value(cli_at(s, "expected")),
	           (long long)json_integer_value(cli_at(s, "received")),
	           (long long)json_integer_value(cli_at(s, "missing")));
	sonde_buf_deinit(&b);
}

int cli_schedule_show(struct cli *cli, const struct cli_args *a)
{
	int code;

	json_t *s = cli_get(cli, PATH, a->words[0], &code);
	if (!s)
		return code;
	if (!cli_print_json(cli, s)) {
		if (cli->format != FORMAT_CSV)
			print_head(s);
		cli_print_rows(cli, member_columns, COUNT(member_columns), cli_at(s, "members"));
	}
	json_decref(s);
	return EXIT_OK;
}

static int tell(struct cli *cli, json_t *s, int code)
{
	if (!s)
		return code;
	if (!cli_print_json(cli, s)) {
		json_t *rows = json_pack("[O]", s);
		cli_print_rows(cli, schedule_columns, COUNT(schedule_columns), rows);
		json_decref(rows);
	}
	json_decref(s);
	return EXIT_OK;
}

/* ---- add ---- */

/* Options that are members of the same name. */
static const char *const plain[] = { "interval", "cron", "zone", "start", "until", "spread",
	"timeout", "retries", "priority", "grace", "policy", "limit", "description" };

static void add_list(json_t *body, const char *key, const char *member, const struct cli_args *a)
{
	json_t *values = json_array();

	for (unsigned i = 0; i < a->option_count; i++)
		if (!strcmp(a->options[i].name, key))
			json_array_append_new(values, json_string(a->options[i].value));
	if (json_array_size(values))
		json_object_set(body, member, values);
	json_decref(values);
}

static void add_targets(json_t *body, const struct cli_args *a)
{
	json_t *filter = json_object();

	add_list(filter, "to-region", "regions", a);
	add_list(filter, "to-tag", "tags", a);
	json_object_set_new(body, "targets", json_object_size(filter) ?
	                    json_pack("{s:O}", "nodes", filter) : json_string("nodes"));
	json_decref(filter);
}

static void add_locations(json_t *body, const char *from)
{
	json_t *locations = json_array();
	size_t len;

	for (const char *p = from; *p; p += len + (p[len] == ',')) {
		p += strspn(p, " ");
		len = strcspn(p, ",");
		if (len)
			json_array_append_new(locations, json_pack("{s:s%}", "magic", p, len));
	}
	json_object_set_new(body, "locations", locations);
}

/* request.password=@FILE, for the secret options of the type. */
static int read_secrets(struct cli *cli, json_t *body, const struct cli_args *a)
{
	json_t *plugins = NULL, *v;
	const json_t *plugin = NULL, *one;
	int code = EXIT_OK;
	char key[65];
	size_t n;

	for (unsigned i = 0; i < a->option_count && code == EXIT_OK; i++) {
		const char *at = strcmp(a->options[i].name, "option") ? NULL : strstr(a->options[i].value, "=@");
		if (!at || at - a->options[i].value > 64)
			continue;
		if (!plugins)
			plugins = cli_get(cli, "/v1/plugins", NULL, &code);
		json_array_foreach(plugins, n, one)
			if (!strcmp(cli_str(one, "name"), a->words[1]))
				plugin = one;
		snprintf(key, sizeof(key), "%.*s", (int)(at - a->options[i].value), a->options[i].value);
		if (code == EXIT_OK && cli_is_secret(plugin, key) &&
		    (code = cli_read_value(at + 2, &v)) == EXIT_OK)
			cli_set_at(json_object_get(body, "measurementOptions"), key, v);
	}
	json_decref(plugins);
	return code;
}

int cli_schedule_add(struct cli *cli, const struct cli_args *a)
{
	const char *target = a->word_count > 2 ? a->words[2] : "nodes";
	json_t *body = json_pack("{s:s,s:s}", "name", a->words[0], "type", a->words[1]);

	if (strcmp(target, "nodes"))
		json_object_set_new(body, "target", json_string(target));
	else
		add_targets(body, a);
	for (unsigned i = 0; i < COUNT(plain); i++)
		if (cli_option(a, plain[i]))
			json_object_set_new(body, plain[i], json_string(cli_option(a, plain[i])));
	if (cli_option(a, "paused"))
		json_object_set_new(body, "paused", json_true());
	if (cli_option(a, "exclusive"))
		json_object_set_new(body, "exclusive", json_true());
	if (cli_option(a, "from"))
		add_locations(body, cli_option(a, "from"));
	add_list(body, "node", "nodes", a);
	int code = cli_add_pairs(body, "measurementOptions", "option", a);
	if (code == EXIT_OK)
		code = read_secrets(cli, body, a);
	if (code == EXIT_OK)
		code = cli_add_pairs(body, "requirements", "require", a);
	json_t *s = code == EXIT_OK ? cli_send(cli, "POST", PATH, NULL, body, &code) : NULL;
	json_decref(body);
	return tell(cli, s, code);
}

/* ---- change ---- */

/* KEY=VALUE into the patch: JSON where it is some, text otherwise, nothing takes the member away.
 * "a.b" changes one member of an object, which is sent whole. */
static int set_one(json_t *patch, const json_t *now, const char *word)
{
	const char *equals = strchr(word, '='), *dot = strchr(word, '.');
	char key[65], inner[65] = "";

	if (!equals || equals == word || equals - word > 64)
		return cli_fail(EXIT_USAGE, "'%s' is not KEY=VALUE", word);
	if (dot && dot > equals)
		dot = NULL;
	snprintf(key, sizeof(key), "%.*s", (int)((dot ? dot : equals) - word), word);
	if (dot)
		snprintf(inner, sizeof(inner), "%.*s", (int)(equals - dot - 1), dot + 1);
	json_t *value = json_loads(equals + 1, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
	if (!value)
		value = equals[1] ? json_string(equals + 1) : json_null();
	if (!dot) {
		json_object_set_new(patch, key, value);
		return EXIT_OK;
	}
	json_t *object = json_object_get(patch, key);
	if (!object) {
		object = json_deep_copy(json_object_get(now, key));
		object = object ? object : json_object();
		json_object_set_new(patch, key, object);
	}
	if (json_is_null(value))
		json_object_del(object, inner);
	else
		json_object_set(object, inner, value);
	json_decref(value);
	return EXIT_OK;
}

int cli_schedule_edit(struct cli *cli, const struct cli_args *a)
{
	json_t *patch = json_object(), *s = NULL;
	int code;

	json_t *now = cli_get(cli, PATH, a->words[0], &code);
	for (unsigned i = 1; now && code == EXIT_OK && i < a->word_count; i++)
		code = set_one(patch, now, a->words[i]);
	if (now && code == EXIT_OK)
		s = cli_send(cli, "PATCH", PATH, a->words[0], patch, &code);
	json_decref(now);
	json_decref(patch);
	return tell(cli, s, code);
}

/* POST to what stands under the schedule. Its id makes the path: a name may hold anything. */
static json_t *post(struct cli *cli, const char *name, const char *verb, int *code)
{
	char path[96];

	json_t *s = cli_get(cli, PATH, name, code);
	if (!s)
		return NULL;
	snprintf(path, sizeof(path), PATH "/%.40s/%s", cli_str(s, "id"), verb);
	json_decref(s);
	return cli_send(cli, "POST", path, NULL, NULL, code);
}

int cli_schedule_pause(struct cli *cli, const struct cli_args *a)
{
	int code;
	json_t *s = post(cli, a->words[0], "pause", &code);

	return tell(cli, s, code);
}

int cli_schedule_resume(struct cli *cli, const struct cli_args *a)
{
	int code;
	json_t *s = post(cli, a->words[0], "resume", &code);

	return tell(cli, s, code);
}

int cli_schedule_rm(struct cli *cli, const struct cli_args *a)
{
	int code;

	json_decref(cli_send(cli, "DELETE", PATH, a->words[0], NULL, &code));
	return code;
}

int cli_schedule_run(struct cli *cli, const struct cli_args *a)
{
	int code;
	size_t i;
	const json_t *one;

	json_t *made = post(cli, a->words[0], "run", &code);
	if (!made)
		return code;
	if (!cli_print_json(cli, made)) {
		if (json_is_object(made))
			cli_printf("%s\n", cli_str(made, "id"));
		json_array_foreach(made, i, one)
			cli_printf("%s\n", cli_str(one, "id"));
	}
	json_decref(made);
	return EXIT_OK;
}
