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
	json_t *changes;       /* what is done, for -o json */
	bool dry, prune;
	unsigned same;
};

/* Members that the controller adds. */
static const char *const derived[] = { "id", "owner", "ownerName", "revision", "createdAt",
	                               "updatedAt", "nodesCount", "expected", "received", "missing", "problem",
	                               "members", NULL };

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

static int change_one(struct apply *ap, const json_t *want, const json_t *have)
{
	const char *name = cli_str(want, "name"), *key;
	json_t *patch = difference(want, have), *v;
	int code = EXIT_OK;

	if (!json_object_size(patch)) {
		ap->same++;
	} else {
		note(ap, "change", name, patch);
		if (ap->cli->format == FORMAT_TABLE)
			json_object_foreach(patch, key, v)
				print_change(key, json_object_get(have, key), json_is_null(v) ? NULL : v);
		code = send_change(ap, "PATCH", name, patch);
	}
	json_decref(patch);
	return code;
}

static int create_one(struct apply *ap, const json_t *want)
{
	const char *key;
	json_t *v;

	note(ap, "create", cli_str(want, "name"), want);
	if (ap->cli->format == FORMAT_TABLE)
		json_object_foreach((json_t *)want, key, v) {
			char *text = strcmp(key, "name") ? shown(v) : NULL;
			if (text)
				cli_printf("    %s: %s\n", key, text);
			free(text);
		}
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
	ap.changes = json_array();
	if (ap.have)
		code = apply_all(&ap);
	if (ap.have && !cli_print_json(cli, ap.changes))
		cli_printf("%zu to change%s, %u as they should be\n", json_array_size(ap.changes),
		           ap.dry ? " (nothing was done)" : "", ap.same);
	json_decref(ap.changes);
	json_decref(ap.wanted);
	json_decref(ap.have);
	return code;
}
