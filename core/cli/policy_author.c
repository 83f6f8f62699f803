/* SPDX-License-Identifier: Apache-2.0 */
/* What a policy's author does: sonde-policy does it, which knows Lua and runs as a child. This asks
 * for its arguments, shows its reports and lends it what the controller knows. Owns the child and the
 * temporary files until it ends. */
#include "cli/policy.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
enum { REPORT_MAX = 16 << 20, WORDS = 64 };

/* ---- the tool ---- */

/* Its exit codes are ours. With `out`, what it prints goes there and not to our stdout. */
static int run_tool(const char *const *words, struct sonde_buf *out)
{
	posix_spawn_file_actions_t actions;
	int fd[2] = { -1, -1 }, status = 0;
	char beside[CLI_PATH];
	const char *program =
		cli_program("SONDE_POLICY_TOOL", SONDE_LIBEXECDIR "/sonde-policy", beside);
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
	int rc = posix_spawn(&pid, program, &actions, NULL, (char *const *)words, environ);
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
		return cli_fail(EXIT_FAILED, "%s: %s", program, strerror(rc));
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

	char *source = cli_policy_file(a->words[0], &len);
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

	if (!cli_policy_name(a->words[0], name))
		return EXIT_USAGE;
	if (!cli_option(a, "from-store") == !cli_option(a, "nodes"))
		return cli_fail(EXIT_USAGE, "give one of --nodes N and --from-store");
	return cli_option(a, "nodes") ? simulate_invented(cli, a) : simulate_from_store(cli, a, name);
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
		code = text ? cli_policy_temporary(path, text) : EXIT_FAILED;
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

	if (is_file && !cli_policy_name(a->words[0], name))
		return EXIT_USAGE;
	if (!is_file) {
		snprintf(name, sizeof(name), "%s", a->words[0]);
		json_t *doc = cli_policy_get(cli, a->words[0], NULL, &code);
		if (!doc)
			return code;
		code = cli_policy_temporary(source, cli_str(doc, "source"));
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
