/* SPDX-License-Identifier: Apache-2.0 */
/* `sonde apply -f FILE`: makes the controller's schedules what a file says. A schedule is known by
 * its name; what the file does not name is left alone unless --prune. The difference is shown
 * before anything is sent; with --dry-run nothing is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "config/document.h"

struct apply {
	struct cli *cli;
	json_t *wanted, *have; /* arrays of schedules */
	json_t *plugins;       /* which options are secret */
	json_t *changes;       /* what is done, for -o json */
	bool dry, prune;
	unsigned same;
};

#define HIDDEN "(secret)"

/* Members that the controller adds. */
static const char *const derived[] = { "id", "owner", "ownerName", "revision", "createdAt",
	                               "updatedAt", "nodesCount", "expected", "received", "missing", "problem",
	                               "members", "secrets", NULL };

static bool is_derived(const char *key)
{
	for (unsigned i = 0; derived[i]; i++)
		if (!strcmp(derived[i], key))
			return true;
	return false;
}

static const json_t *by_name(const json_t *list, const char *name)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
		if (!strcmp(cli_str(one, "name"), name))
			return one;
	return NULL;
}

/* ---- reading ---- */

static int check_names(const json_t *list, const char *path)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one) {
		const char *name = cli_str(one, "name");
		if (!*name)
			return cli_fail(EXIT_USAGE, "%s: schedules[%zu] has no name", path, i);
		if (by_name(list, name) != one)
			return cli_fail(EXIT_USAGE, "%s: two schedules are named %s", path, name);
	}
	return EXIT_OK;
}

static int read_wanted(struct apply *ap, const char *path)
{
	struct sonde_error e = { "", "" };
	struct sonde_buf text;
	const char *key;
	json_t *v;

	sonde_buf_init(&text, CLI_FILE_MAX);
	int code = cli_read_file(path, &text);
	json_t *doc = code == EXIT_OK ? sonde_yaml_document(path, text.data ? text.data : "", text.len,
	                                                    &e) : NULL;
	sonde_buf_deinit(&text);
	if (code == EXIT_OK && !doc)
		return cli_fail(EXIT_USAGE, "%s", e.text);
	json_object_foreach(doc, key, v)
		if (strcmp(key, "schedules"))
			code = cli_fail(EXIT_USAGE, "%s: '%s' is unknown; schedules is a list", path, key);
	ap->wanted = json_incref(json_object_get(doc, "schedules"));
	json_decref(doc);
	if (code == EXIT_OK && !json_is_array(ap->wanted))
		return cli_fail(EXIT_USAGE, "%s: must hold a list named schedules", path);
	return code == EXIT_OK ? check_names(ap->wanted, path) : code;
}

/* ---- the difference ---- */

static char *shown(const json_t *v)
{
	return v ? json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT) : strdup("nothing");
}

static void print_change(const char *key, const json_t *from, const json_t *to)
{
	char *old = shown(from), *new = shown(to);

	cli_printf("    %s: %s -> %s\n", key, old ? old : "", new ? new : "");
	free(old);
	free(new);
}

/* What must be sent so that `have` becomes `want`; whether a schedule is paused stays when the file
 * does not say. */
static json_t *difference(const json_t *want, const json_t *have)
{
	json_t *patch = json_object(), *v;
	const char *key;

	json_object_foreach((json_t *)want, key, v)
		if (!json_is_null(v) && !json_equal(v, json_object_get(have, key)))
			json_object_set(patch, key, v);
	json_object_foreach((json_t *)have, key, v) {
		const json_t *new = json_object_get(want, key);
		if (!is_derived(key) && strcmp(key, "paused") && (!new || json_is_null(new)))
			json_object_set_new(patch, key, json_null());
	}
	return patch;
}

/* ---- secrets ---- */

/* A copy of a spec or a patch of a type with `word` in place of each secret option; NULL = without. */
static json_t *masked(const struct apply *ap, const char *type, const json_t *body, const char *word)
{
	const json_t *plugin = by_name(ap->plugins, type), *row;
	json_t *copy = json_deep_copy(body), *options = json_object_get(copy, "measurementOptions");
	size_t i;

	json_array_foreach(cli_at(plugin, "params"), i, row) {
		const char *name = cli_str(row, "name"), *dot = strrchr(name, '.');
		char group[65] = "";
		if (!json_is_true(cli_at(row, "secret")) || !cli_at(options, name))
			continue;
		if (word) {
			cli_set_at(options, name, json_string(word));
			continue;
		}
		snprintf(group, sizeof(group), "%.*s", dot ? (int)(dot - name) : 0, name);
		json_object_del(dot ? (json_t *)cli_at(options, group) : options, dot ? dot + 1 : name);
	}
	return copy;
}

static bool only_secrets(const struct apply *ap, const json_t *want, const json_t *have, const json_t *patch)
{
	json_t *bare = masked(ap, cli_str(want, "type"), patch, NULL);
	bool only = json_object_size(patch) == 1 && json_object_get(patch, "measurementOptions") &&
		    json_equal(json_object_get(bare, "measurementOptions"), json_object_get(have, "measurementOptions"));

	json_decref(bare);
	return only;
}

static void note(struct apply *ap, const char *what, const char *name, const json_t *body)
{
	json_array_append_new(ap->changes, json_pack("{s:s,s:s,s:O*}", "action", what, "name", name,
	                                             "change", body));
	if (ap->cli->format == FORMAT_JSON || ap->cli->format == FORMAT_JSONL)
		return;
	cli_printf("%s %s\n", !strcmp(what, "create") ? "+" : !strcmp(what, "remove") ? "-" : "~", name);
}

static int send_change(struct apply *ap, const char *method, const char *name, const json_t *body)
{
	int code = EXIT_OK;

	if (!ap->dry)
		json_decref(cli_send(ap->cli, method, "/v1/schedules", name, body, &code));
	return code;
}

/* Whether they are others only the controller can tell: it makes no new revision of the same. */
static int give_secrets(struct apply *ap, const json_t *have, const json_t *patch)
{
	const char *name = cli_str(have, "name");
	int code = EXIT_OK;

	json_t *now = ap->dry ? NULL : cli_send(ap->cli, "PATCH", "/v1/schedules", name, patch, &code);
	if (now && json_equal(cli_at(now, "revision"), cli_at(have, "revision"))) {
		ap->same++;
	} else if (ap->dry || now) {
		note(ap, "change", name, NULL);
		if (ap->cli->format == FORMAT_TABLE)
			cli_printf("    secrets: given%s\n", ap->dry ? ", perhaps the same" : " anew");
	}
	json_decref(now);
	return code;
}

static int change_one(struct apply *ap, const json_t *want, const json_t *have)
{
	const char *name = cli_str(want, "name"), *key;
	json_t *patch = difference(want, have), *v;
	int code = EXIT_OK;

	if (!json_object_size(patch)) {
		ap->same++;
	} else if (only_secrets(ap, want, have, patch)) {
		code = give_secrets(ap, have, patch);
	} else {
		json_t *seen = masked(ap, cli_str(want, "type"), patch, HIDDEN);
		note(ap, "change", name, seen);
		if (ap->cli->format == FORMAT_TABLE)
			json_object_foreach(seen, key, v)
				print_change(key, json_object_get(have, key), json_is_null(v) ? NULL : v);
		json_decref(seen);
		code = send_change(ap, "PATCH", name, patch);
	}
	json_decref(patch);
	return code;
}

static int create_one(struct apply *ap, const json_t *want)
{
	json_t *seen = masked(ap, cli_str(want, "type"), want, HIDDEN), *v;
	const char *key;

	note(ap, "create", cli_str(want, "name"), seen);
	if (ap->cli->format == FORMAT_TABLE)
		json_object_foreach(seen, key, v) {
			char *text = strcmp(key, "name") ? shown(v) : NULL;
			if (text)
				cli_printf("    %s: %s\n", key, text);
			free(text);
		}
	json_decref(seen);
	return send_change(ap, "POST", NULL, want);
}

static int apply_all(struct apply *ap)
{
	const json_t *one;
	int code = EXIT_OK;
	size_t i;

	json_array_foreach(ap->wanted, i, one) {
		const json_t *have = by_name(ap->have, cli_str(one, "name"));
		int rc = have ? change_one(ap, one, have) : create_one(ap, one);
		if (rc != EXIT_OK)
			code = cli_fail(rc, "%s was not applied", cli_str(one, "name"));
	}
	json_array_foreach(ap->have, i, one) {
		if (!ap->prune || by_name(ap->wanted, cli_str(one, "name")))
			continue;
		note(ap, "remove", cli_str(one, "name"), NULL);
		int rc = send_change(ap, "DELETE", cli_str(one, "name"), NULL);
		code = rc == EXIT_OK ? code : rc;
	}
	return code;
}

int cli_apply(struct cli *cli, const struct cli_args *a)
{
	struct apply ap = { .cli = cli, .dry = cli_option(a, "dry-run"),
		            .prune = cli_option(a, "prune") };
	const char *path = cli_option(a, "file");
	int code;

	if (!path)
		return cli_fail(EXIT_USAGE, "which file? sonde apply -f FILE");
	code = read_wanted(&ap, path);
	if (code == EXIT_OK)
		ap.have = cli_get(cli, "/v1/schedules", NULL, &code);
	if (ap.have)
		ap.plugins = cli_get(cli, "/v1/plugins", NULL, &code);
	ap.changes = json_array();
	if (ap.plugins)
		code = apply_all(&ap);
	if (ap.plugins && !cli_print_json(cli, ap.changes))
		cli_printf("%zu to change%s, %u as they should be\n", json_array_size(ap.changes),
		           ap.dry ? " (nothing was done)" : "", ap.same);
	json_decref(ap.changes);
	json_decref(ap.wanted);
	json_decref(ap.have);
	json_decref(ap.plugins);
	return code;
}
