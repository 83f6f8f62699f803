/* SPDX-License-Identifier: Apache-2.0 */
/* Policies: what the controller does with them, by REST; what their author does, by sonde-policy,
 * which knows Lua. Owns the child it starts. */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
enum { FILE_MAX = 256 << 10, REPORT_MAX = 16 << 20, WORDS = 64, FOLLOW_MS = 1000 };

extern char **environ;

/* ---- files ---- */

/* NUL-terminated, the caller's; NULL after a sentence. */
static char *read_file(const char *path, size_t *len)
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

static bool name_of(const char *path, char out[64])
{
	const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
	size_t n = strlen(file);

	if (n <= 4 || n > 67 || strcmp(file + n - 4, ".lua") ||
	    (n > 6 && !strcmp(file + n - 6, ".t.lua")))
		return cli_fail(EXIT_USAGE, "%s: a policy is a file NAME.lua", path), false;
	snprintf(out, 64, "%.*s", (int)(n - 4), file);
	return true;
}

/* ---- the tool ---- */

/* Installed, or beside this program in a build tree. */
static const char *tool(void)
{
	static char beside[4096];
	const char *path = getenv("SONDE_POLICY_TOOL");

	if (path && *path)
		return path;
	ssize_t n = readlink("/proc/self/exe", beside, sizeof(beside) - 16);
	while (n > 0 && beside[n - 1] != '/')
		n--;
	if (access(SONDE_LIBEXECDIR "/sonde-policy", X_OK) && n > 0) {
		memcpy(beside + n, "sonde-policy", sizeof("sonde-policy"));
		return beside;
	}
	return SONDE_LIBEXECDIR "/sonde-policy";
}

/* Its exit codes are ours. With `out`, what it prints goes there and not to our stdout. */
static int run_tool(const char *const *words, struct sonde_buf *out)
{
	posix_spawn_file_actions_t actions;
	int fd[2] = { -1, -1 }, status = 0;
	pid_t pid;

	if (out && pipe(fd))
		return cli_fail(EXIT_FAILED, "no pipe: %s", strerror(errno));
	posix_spawn_file_actions_init(&actions);
	if (out) {
		posix_spawn_file_actions_adddup2(&actions, fd[1], STDOUT_FILENO);
		posix_spawn_file_actions_addclose(&actions, fd[0]);
		posix_spawn_file_actions_addclose(&actions, fd[1]);
	}
	fflush(stdout);
	int rc = posix_spawn(&pid, tool(), &actions, NULL, (char *const *)words, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (out) {
		char piece[65536];
		ssize_t n;
		close(fd[1]);
		while (!rc && (n = read(fd[0], piece, sizeof(piece))) > 0)
			sonde_buf_add(out, piece, (size_t)n);
		close(fd[0]);
	}
	if (rc)
		return cli_fail(EXIT_FAILED, "%s: %s", tool(), strerror(rc));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED;
}

static int run_with_words(const char *command, const struct cli_args *a)
{
	const char *words[WORDS + 3] = { "sonde-policy", command };

	for (unsigned i = 0; i < a->word_count && i < WORDS; i++)
		words[2 + i] = a->words[i];
	return run_tool(words, NULL);
}

int cli_policy_new(struct cli *cli, const struct cli_args *a)
{
	return run_with_words("new", a);
}

int cli_policy_check(struct cli *cli, const struct cli_args *a)
{
	return run_with_words("check", a);
}

int cli_policy_test(struct cli *cli, const struct cli_args *a)
{
	return run_with_words("test", a);
}

/* ---- simulate ---- */

static void print_shares(const struct cli *cli, const json_t *report, const char *key, const char *title)
{
	const struct cli_column columns[] = { { title, NULL, "name" }, { "COUNT", NULL, "count" },
		                              { "SHARE", NULL, "share" } };

	putchar('\n');
	cli_print_rows(cli, columns, COUNT(columns), json_object_get(report, key));
}

static void print_names(const json_t *names)
{
	struct sonde_buf b;

	sonde_buf_init(&b, 1 << 16);
	cli_add_value(&b, names);
	cli_printf("%s", b.len ? sonde_buf_cstr(&b) : "nobody");
	sonde_buf_deinit(&b);
}

static int print_report(struct cli *cli, const json_t *report)
{
	const json_t *us = json_object_get(report, "us"), *change;
	size_t i;

	if (cli_print_json(cli, report))
		return EXIT_OK;
	cli_printf("%lld decisions, %lld fell back, %lld differ from what was recorded, %lld skipped\n",
	           (long long)json_integer_value(json_object_get(report, "decisions")),
	           (long long)json_integer_value(json_object_get(report, "fallbacks")),
	           (long long)json_integer_value(json_object_get(report, "changed")),
	           (long long)json_integer_value(json_object_get(report, "skipped")));
	cli_printf("each took %lld us (median), %lld us (99th percentile), %lld us at most\n",
	           (long long)json_integer_value(json_object_get(us, "p50")),
	           (long long)json_integer_value(json_object_get(us, "p99")),
	           (long long)json_integer_value(json_object_get(us, "max")));
	print_shares(cli, report, "regions", "REGION");
	print_shares(cli, report, "nodes", "NODE");
	json_array_foreach(json_object_get(report, "changes"), i, change) {
		cli_printf("%s", i ? "" : "\nwhat differs:\n");
		cli_printf("  recorded ");
		print_names(json_object_get(change, "recorded"));
		cli_printf(", now ");
		print_names(json_object_get(change, "now"));
		cli_printf(" (%s)\n", cli_str(change, "reason"));
	}
	return EXIT_OK;
}

static int simulate_from_store(struct cli *cli, const struct cli_args *a, const char *name)
{
	char path[128];
	size_t len;
	int code;

	char *source = read_file(a->words[0], &len);
	if (!source)
		return EXIT_FAILED;
	json_t *body = json_pack("{s:s%}", "source", source, len);
	free(source);
	if (!body)
		return cli_fail(EXIT_FAILED, "%s is not UTF-8", a->words[0]);
	if (cli_option(a, "since"))
		json_object_set_new(body, "since", json_string(cli_option(a, "since")));
	if (cli_option(a, "params"))
		json_object_set_new(body, "params", json_loads(cli_option(a, "params"), 0, NULL));
	snprintf(path, sizeof(path), "/v1/policies/%s/simulate", name);
	json_t *report = cli_send(cli, "POST", path, NULL, body, &code);
	json_decref(body);
	if (!report)
		return code;
	code = print_report(cli, report);
	json_decref(report);
	return code;
}

static int simulate_invented(struct cli *cli, const struct cli_args *a)
{
	static const char *const names[] = { "nodes", "count", "want", "region", "type", "params" };
	const char *words[32] = { "sonde-policy", "simulate", a->words[0] };
	char flags[COUNT(names)][16];
	unsigned n = 3;
	struct sonde_buf out;

	for (unsigned i = 0; i < COUNT(names); i++) {
		if (!cli_option(a, names[i]))
			continue;
		snprintf(flags[i], sizeof(flags[i]), "--%s", names[i]);
		words[n++] = flags[i];
		words[n++] = cli_option(a, names[i]);
	}
	sonde_buf_init(&out, REPORT_MAX);
	int code = run_tool(words, &out);
	json_t *report = code ? NULL : json_loadb(out.data, out.len, 0, NULL);
	sonde_buf_deinit(&out);
	if (!report)
		return code ? code : cli_fail(EXIT_FAILED, "the report is not JSON");
	code = print_report(cli, report);
	json_decref(report);
	return code;
}

int cli_policy_simulate(struct cli *cli, const struct cli_args *a)
{
	char name[64];

	if (!name_of(a->words[0], name))
		return EXIT_USAGE;
	if (!cli_option(a, "from-store") == !cli_option(a, "nodes"))
		return cli_fail(EXIT_USAGE, "give one of --nodes N and --from-store");
	return cli_option(a, "nodes") ? simulate_invented(cli, a) : simulate_from_store(cli, a, name);
}

/* ---- the controller's ---- */

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
	int code;

	json_t *doc = cli_get(cli, "/v1/policies", NULL, &code);
	if (!doc)
		return code;
	if (!cli_print_json(cli, doc))
		cli_print_rows(cli, columns, COUNT(columns), doc);
	json_decref(doc);
	return EXIT_OK;
}

/* The policy, or one version of it; NULL after a sentence. */
static json_t *get_policy(struct cli *cli, const char *name, const char *version, int *code)
{
	char path[192];

	if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != strlen(name) || strlen(name) > 63 ||
	    (version && (strlen(version) > 10 || strspn(version, "0123456789") != strlen(version)))) {
		*code = cli_fail(EXIT_USAGE, "that is no name or version of a policy");
		return NULL;
	}
	snprintf(path, sizeof(path), "/v1/policies/%s%s%s", name, version ? "?version=" : "",
	         version ? version : "");
	return cli_get(cli, path, NULL, code);
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

	json_t *doc = get_policy(cli, a->words[0], cli_option(a, "version"), &code);
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

static int write_temporary(char path[32], const char *text)
{
	snprintf(path, 32, "/tmp/sonde-policy-XXXXXX");
	int fd = mkstemp(path);
	FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;

	if (!f)
		return cli_fail(EXIT_FAILED, "no temporary file: %s", strerror(errno));
	fputs(text, f);
	return fclose(f) ? cli_fail(EXIT_FAILED, "no temporary file: %s", strerror(errno)) : EXIT_OK;
}

/* diff(1) knows how to show two texts; its codes are 0 the same, 1 different. */
int cli_policy_diff(struct cli *cli, const struct cli_args *a)
{
	char name[64], label[96], path[32] = "";
	pid_t pid;
	int code, status = 0;

	if (!name_of(a->words[0], name))
		return EXIT_USAGE;
	json_t *doc = get_policy(cli, name, NULL, &code);
	if (!doc)
		return code;
	snprintf(label, sizeof(label), "%s, version %lld", name,
	         (long long)json_integer_value(json_object_get(doc, "version")));
	code = write_temporary(path, cli_str(doc, "source"));
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

	if (!name_of(a->words[0], name))
		return EXIT_USAGE;
	char *source = read_file(a->words[0], &len);
	if (!source)
		return EXIT_FAILED;
	json_t *body = json_pack("{s:s%}", "source", source, len);
	free(source);
	/* Its tests decide too, when it has some. */
	snprintf(test_path, sizeof(test_path), "%.*s.t.lua", (int)strlen(a->words[0]) - 4, a->words[0]);
	char *tests = stat(test_path, &st) ? NULL : read_file(test_path, &test_len);
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

/* ---- a prompt ---- */

/* The nodes as the policies see them now, in a temporary file. */
static int write_snapshot(struct cli *cli, const struct cli_args *a, char path[32])
{
	const char *target = cli_option(a, "target");
	struct sonde_buf where;
	int code;

	sonde_buf_init(&where, 4096);
	sonde_buf_str(&where, "/v1/columns");
	cli_add_query(&where, "type", cli_option(a, "type") ? cli_option(a, "type") : "ping");
	cli_add_query(&where, "target", target ? target : "example.com");
	json_t *doc = cli_get(cli, sonde_buf_cstr(&where), NULL, &code);
	sonde_buf_deinit(&where);
	char *text = doc ? json_dumps(doc, JSON_COMPACT) : NULL;
	if (doc)
		code = text ? write_temporary(path, text) : EXIT_FAILED;
	free(text);
	json_decref(doc);
	return code;
}

static int converse(const struct cli_args *a, const char *name, const char *file, const char *snapshot)
{
	static const char *const names[] = { "want", "type", "target", "region", "params" };
	const char *words[24] = { "sonde-policy", "console", file, "--snapshot", snapshot, "--name", name };
	char flags[COUNT(names)][16], history[CLI_PATH];
	unsigned n = 7;

	if (cli_own_file(history, "console.history", true)) {
		words[n++] = "--history";
		words[n++] = history;
	}
	/* ^C is for the line that is typed; this program stays to clear away its files. */
	if (isatty(STDIN_FILENO))
		signal(SIGINT, SIG_IGN);
	for (unsigned i = 0; i < COUNT(names); i++) {
		if (!cli_option(a, names[i]))
			continue;
		snprintf(flags[i], sizeof(flags[i]), "--%s", names[i]);
		words[n++] = flags[i];
		words[n++] = cli_option(a, names[i]);
	}
	return run_tool(words, NULL);
}

/* A name with a dot or a slash is a file. */
int cli_policy_console(struct cli *cli, const struct cli_args *a)
{
	bool is_file = strpbrk(a->words[0], "./") != NULL;
	char name[64], source[32] = "", snapshot[32] = "";
	int code = EXIT_OK;

	if (is_file && !name_of(a->words[0], name))
		return EXIT_USAGE;
	if (!is_file) {
		snprintf(name, sizeof(name), "%s", a->words[0]);
		json_t *doc = get_policy(cli, a->words[0], NULL, &code);
		if (!doc)
			return code;
		code = write_temporary(source, cli_str(doc, "source"));
		json_decref(doc);
	}
	if (code == EXIT_OK)
		code = write_snapshot(cli, a, snapshot);
	if (code == EXIT_OK)
		code = converse(a, name, is_file ? a->words[0] : source, snapshot);
	if (*source)
		unlink(source);
	if (*snapshot)
		unlink(snapshot);
	return code;
}

/* ---- its lines ---- */

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

	if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != strlen(name) || strlen(name) > 63)
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

int cli_policy_rollback(struct cli *cli, const struct cli_args *a)
{
	const char *version = cli_option(a, "version"), *name = a->words[0];
	char path[192];
	int code;

	if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != strlen(name) || strlen(name) > 63 ||
	    (version && (strlen(version) > 10 || strspn(version, "0123456789") != strlen(version))))
		return cli_fail(EXIT_USAGE, "that is no name or version of a policy");
	snprintf(path, sizeof(path), "/v1/policies/%s/rollback%s%s", name, version ? "?version=" : "",
	         version ? version : "");
	json_t *body = json_object();
	json_t *doc = cli_send(cli, "POST", path, NULL, body, &code);
	json_decref(body);
	return doc ? print_applied(cli, doc) : code;
}
