/* SPDX-License-Identifier: Apache-2.0 */
/* Policies as the controller has them: what it answers about them, and what changes them. */
#include "cli/policy.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
enum { FILE_MAX = 256 << 10, FOLLOW_MS = 1000 };

/* ---- files ---- */

char *cli_policy_file(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rbe");
	char *text = f ? malloc(FILE_MAX + 1) : NULL;

	*len = text ? fread(text, 1, FILE_MAX + 1, f) : 0;
	bool ok = text && !ferror(f) && *len <= FILE_MAX;
	if (!ok)
		cli_fail(EXIT_FAILED, "%s: %s", path,
		         text && *len > FILE_MAX ? "larger than 256 KiB" : strerror(errno));
	if (f)
		fclose(f);
	if (!ok) {
		free(text);
		return NULL;
	}
	text[*len] = '\0';
	return text;
}

bool cli_policy_name(const char *path, char out[64])
{
	const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
	size_t n = strlen(file);

	if (n <= 4 || n > 67 || strcmp(file + n - 4, ".lua") ||
	    (n > 6 && !strcmp(file + n - 6, ".t.lua")))
		return cli_fail(EXIT_USAGE, "%s: a policy is a file NAME.lua", path), false;
	snprintf(out, 64, "%.*s", (int)(n - 4), file);
	return true;
}

int cli_policy_temporary(char path[32], const char *text)
{
	snprintf(path, 32, "/tmp/sonde-policy-XXXXXX");
	int fd = mkstemp(path);
	FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;

	if (!f)
		return cli_fail(EXIT_FAILED, "no temporary file: %s", strerror(errno));
	fputs(text, f);
	return fclose(f) ? cli_fail(EXIT_FAILED, "no temporary file: %s", strerror(errno)) : EXIT_OK;
}

/* ---- looking ---- */

static bool is_name(const char *name)
{
	return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == strlen(name) &&
	       strlen(name) <= 63;
}

/* NULL = the active one. */
static bool is_version(const char *version)
{
	return !version || (strlen(version) <= 10 && !version[strspn(version, "0123456789")]);
}

json_t *cli_policy_get(struct cli *cli, const char *name, const char *version, int *code)
{
	char path[192];

	if (!is_name(name) || !is_version(version)) {
		*code = cli_fail(EXIT_USAGE, "that is no name or version of a policy");
		return NULL;
	}
	snprintf(path, sizeof(path), "/v1/policies/%s%s%s", name, version ? "?version=" : "",
	         version ? version : "");
	return cli_get(cli, path, NULL, code);
}

int cli_policy_ls(struct cli *cli, const struct cli_args *a)
{
	static const struct cli_column columns[] = {
		{ "POLICY", "policy", "name" },
		{ "VERSION", "version", "version" },
		{ "ANSWERS", "entries", "entries" },
		{ "RUNS", "decisions", "stats.decisions" },
		{ "FAULTS", "faults", "stats.faults" },
		{ "QUARANTINED", "quarantined", "stats.quarantined" },
		{ "SUMMARY", "summary", "summary" },
	};

	return cli_list(cli, "/v1/policies", columns, COUNT(columns));
}

static void print_shadow(const json_t *shadow)
{
	const json_t *text;
	size_t i;

	if (!shadow)
		return;
	cli_printf("-- shadow: %lld decisions, %lld differ, %lld faults %s\n",
	           (long long)json_integer_value(json_object_get(shadow, "decisions")),
	           (long long)json_integer_value(json_object_get(shadow, "differs")),
	           (long long)json_integer_value(json_object_get(shadow, "faults")),
	           cli_str(shadow, "last_error"));
	json_array_foreach(json_object_get(shadow, "differences"), i, text)
		cli_printf("--   %s\n", json_string_value(text));
}

int cli_policy_show(struct cli *cli, const struct cli_args *a)
{
	const json_t *v;
	size_t i;
	int code;

	json_t *doc = cli_policy_get(cli, a->words[0], cli_option(a, "version"), &code);
	if (!doc)
		return code;
	if (!cli_print_json(cli, doc)) {
		cli_printf("-- %s, version %lld", cli_str(doc, "name"),
		           (long long)json_integer_value(json_object_get(doc, "version")));
		json_array_foreach(json_object_get(doc, "versions"), i, v)
			cli_printf("%s%lld of %s", i ? ", " : "; stored: ",
			           (long long)json_integer_value(json_object_get(v, "version")),
			           cli_str(v, "createdAt"));
		putchar('\n');
		print_shadow(cli_at(doc, "shadow"));
		cli_printf("%s", cli_str(doc, "source"));
	}
	json_decref(doc);
	return EXIT_OK;
}

static void print_lines(const json_t *answer)
{
	json_t *line;
	size_t i;

	json_array_foreach(json_object_get(answer, "lines"), i, line)
		cli_printf("%s %-11s %s\n", cli_str(line, "at"), cli_str(line, "kind"), cli_str(line, "text"));
	fflush(stdout);
}

int cli_policy_logs(struct cli *cli, const struct cli_args *a)
{
	const char *lines = cli_option(a, "lines"), *name = a->words[0];
	const struct timespec pause = { .tv_nsec = FOLLOW_MS * 1000000L };
	bool follow = cli_option(a, "follow") != NULL;
	json_int_t after = 0;
	char path[192];
	int code = EXIT_OK;

	if (!is_name(name))
		return cli_fail(EXIT_USAGE, "that is no name of a policy");
	if (lines && (!*lines || lines[strspn(lines, "0123456789")] || strlen(lines) > 4))
		return cli_fail(EXIT_USAGE, "--lines must be a number up to 1000");
	for (;;) {
		snprintf(path, sizeof(path), "/v1/policies/%s/logs?lines=%s&after=%lld", name,
		         after ? "1000" : lines ? lines : "100", (long long)after);
		json_t *answer = cli_get(cli, path, NULL, &code);
		if (!answer)
			return code;
		if (follow || !cli_print_json(cli, answer))
			print_lines(answer);
		after = json_integer_value(json_object_get(answer, "next"));
		json_decref(answer);
		if (!follow)
			return EXIT_OK;
		nanosleep(&pause, NULL);
	}
}

/* ---- changing ---- */

/* diff(1) knows how to show two texts; its codes are 0 the same, 1 different. */
int cli_policy_diff(struct cli *cli, const struct cli_args *a)
{
	char name[64], label[96], path[32] = "";
	pid_t pid;
	int code, status = 0;

	if (!cli_policy_name(a->words[0], name))
		return EXIT_USAGE;
	json_t *doc = cli_policy_get(cli, name, NULL, &code);
	if (!doc)
		return code;
	snprintf(label, sizeof(label), "%s, version %lld", name,
	         (long long)json_integer_value(json_object_get(doc, "version")));
	code = cli_policy_temporary(path, cli_str(doc, "source"));
	const char *const words[] = { "diff", "-u", "--label", label, "--label", a->words[0], path,
		                      a->words[0], NULL };
	fflush(stdout);
	if (code == EXIT_OK && posix_spawnp(&pid, "diff", NULL, NULL, (char *const *)words, environ))
		code = cli_fail(EXIT_FAILED, "diff is not installed");
	else if (code == EXIT_OK && waitpid(pid, &status, 0) == pid)
		code = WIFEXITED(status) && WEXITSTATUS(status) < 2 ? EXIT_OK : EXIT_FAILED;
	if (*path)
		unlink(path);
	json_decref(doc);
	return code;
}

static int print_applied(struct cli *cli, json_t *doc)
{
	if (cli_print_json(cli, doc))
		;
	else if (json_is_true(json_object_get(doc, "dry")))
		cli_printf("%s is good\n", cli_str(doc, "name"));
	else if (json_is_true(json_object_get(doc, "shadow")))
		cli_printf("%s decides beside the active version now\n", cli_str(doc, "name"));
	else
		cli_printf("%s is version %lld now\n", cli_str(doc, "name"),
		           (long long)json_integer_value(json_object_get(doc, "version")));
	json_decref(doc);
	return EXIT_OK;
}

int cli_policy_apply(struct cli *cli, const struct cli_args *a)
{
	char name[64], path[160], test_path[4096];
	size_t len, test_len;
	struct stat st;
	int code;

	if (!cli_policy_name(a->words[0], name))
		return EXIT_USAGE;
	char *source = cli_policy_file(a->words[0], &len);
	if (!source)
		return EXIT_FAILED;
	json_t *body = json_pack("{s:s%}", "source", source, len);
	free(source);
	/* Its tests decide too, when it has some. */
	snprintf(test_path, sizeof(test_path), "%.*s.t.lua", (int)strlen(a->words[0]) - 4, a->words[0]);
	char *tests = stat(test_path, &st) ? NULL : cli_policy_file(test_path, &test_len);
	if (tests && body)
		json_object_set_new(body, "tests", json_stringn(tests, test_len));
	free(tests);
	if (!body)
		return cli_fail(EXIT_FAILED, "%s is not UTF-8", a->words[0]);
	snprintf(path, sizeof(path), "/v1/policies/%s%s", name,
	         cli_option(a, "dry-run") ? "?dry=1" : cli_option(a, "shadow") ? "?shadow=1" : "");
	json_t *doc = cli_send(cli, "PUT", path, NULL, body, &code);
	json_decref(body);
	return doc ? print_applied(cli, doc) : code;
}

int cli_policy_rollback(struct cli *cli, const struct cli_args *a)
{
	const char *version = cli_option(a, "version"), *name = a->words[0];
	char path[192];
	int code;

	if (!is_name(name) || !is_version(version))
		return cli_fail(EXIT_USAGE, "that is no name or version of a policy");
	snprintf(path, sizeof(path), "/v1/policies/%s/rollback%s%s", name, version ? "?version=" : "",
	         version ? version : "");
	json_t *body = json_object();
	json_t *doc = cli_send(cli, "POST", path, NULL, body, &code);
	json_decref(body);
	return doc ? print_applied(cli, doc) : code;
}
