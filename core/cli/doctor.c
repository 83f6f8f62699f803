/* SPDX-License-Identifier: Apache-2.0 */
/* `sonde doctor`: a line for each thing that must hold, from here to the controller: ok, warn or FAIL,
 * and how to mend it. What concerns the controller's machine its own program looks at, when it is
 * installed here. Exit code 1 when a line says FAIL. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/finding.h"
#include "cli/cli.h"

enum { ANSWER_MS = 10000, CLOCK_WARN_MS = 2000 };

struct doctor {
	struct cli *cli;
	struct sonde_findings said;
	json_t *lines; /* what was said, where it is printed at the end; NULL = at once */
};

static void take_line(void *arg, enum sonde_finding v, const char *what, const char *text)
{
	const char *word = sonde_finding_words[v], *fix = sonde_finding_fix(text);
	struct doctor *d = arg;

	if (d->lines) {
		size_t len = fix ? (size_t)(fix - text) - strlen("; ") : strlen(text);
		json_array_append_new(d->lines, json_pack("{s:s, s:s, s:s%, s:s}", "check", what,
			"verdict", word, "text", text, len, "fix", fix ? fix : ""));
		return;
	}
	printf("%-5s %-9s ", word, what);
	cli_put(stdout, text, false);
	putchar('\n');
	fflush(stdout);
}

/* The status and the body, which is the caller's; 0 and a sentence in the body when there is no
 * answer. */
static int ask(struct doctor *d, const char *path, struct sonde_buf *body)
{
	struct sonde_fetch_reply reply;
	struct sonde_error e;
	char url[4096];

	sonde_buf_init(body, SONDE_FETCH_BODY_MAX);
	snprintf(url, sizeof(url), "%.*s%s", (int)strcspn(d->cli->url, " "), d->cli->url, path);
	struct sonde_fetch_request request = { .url = url, .ca_file = d->cli->ca_file, .pins = d->cli->pins,
		                               .timeout_ms = ANSWER_MS,
		                               .token = d->cli->token[0] ? d->cli->token : NULL };
	if (sonde_fetch(d->cli->fetcher, &request, &reply, &e) != SONDE_OK) {
		sonde_buf_str(body, e.text);
		return 0;
	}
	sonde_buf_deinit(body);
	*body = reply.body;
	return reply.status;
}

static json_t *ask_json(struct doctor *d, const char *path, int *status)
{
	struct sonde_buf b;

	*status = ask(d, path, &b);
	json_t *doc = *status ? json_loadb(b.data ? b.data : "", b.len, 0, NULL) : NULL;
	sonde_buf_deinit(&b);
	return doc;
}

/* ---- the looks ---- */

static bool look_at_controller(struct doctor *d)
{
	struct sonde_buf b;
	int status = ask(d, "/health", &b);

	if (!status)
		say(d, BAD, "answers", "%s: %s; start sonde-controller there, or mend --url, SONDE_URL or "
		    "the context", d->cli->url, sonde_buf_cstr(&b));
	else if (status != 200 && status != 401)
		say(d, BAD, "answers", "%s answers %d; is that a controller?", d->cli->url, status);
	else
		say(d, GOOD, "answers", "%s", d->cli->url);
	sonde_buf_deinit(&b);
	return status != 0;
}

static void look_at_ready(struct doctor *d)
{
	struct sonde_buf b;
	int status = ask(d, "/ready", &b);

	if (status == 503)
		say(d, BAD, "ready", "%s; make room on its disk, or raise --store-map", sonde_buf_cstr(&b));
	else if (status == 200)
		say(d, GOOD, "ready", "it takes work");
	sonde_buf_deinit(&b);
}

static void look_at_version(struct doctor *d)
{
	char version[33] = "";
	struct sonde_buf b;

	int status = ask(d, "/v1/spec.yaml", &b);
	const char *line = status == 200 ? strstr(sonde_buf_cstr(&b), "\n  version: '") : NULL;
	if (line)
		snprintf(version, sizeof(version), "%.*s", (int)strcspn(line + 13, "'"), line + 13);
	sonde_buf_deinit(&b);
	if (status == 401)
		return;
	if (!*version)
		say(d, WARN, "version", "the controller does not tell its own; update it");
	else if (strcmp(version, SONDE_VERSION))
		say(d, WARN, "version", "the controller is %s, this is %s; use the same", version,
		    SONDE_VERSION);
	else
		say(d, GOOD, "version", "%s, as here", version);
}

static bool look_at_token(struct doctor *d)
{
	int status = 0;
	json_t *me = d->cli->token[0] ? ask_json(d, "/v1/auth/me", &status) : NULL;

	if (!d->cli->token[0])
		say(d, WARN, "token", "there is none; sonde login, SONDE_TOKEN or --token-file");
	else if (status == 200)
		say(d, GOOD, "token", "of %s, role %s", cli_str(me, "name"), cli_str(me, "role"));
	else if (status == 401)
		say(d, BAD, "token", "it is not valid any more; sonde login, or a new one");
	else if (status)
		say(d, WARN, "token", "it may not ask who it belongs to (%d)", status);
	json_decref(me);
	return status == 200;
}

static void look_at_clock(struct doctor *d)
{
	int64_t then = sonde_wall_ms(), at;
	int status;
	json_t *stats = ask_json(d, "/v1/stats", &status);
	const char *text = cli_str(stats, "at");

	if (status == 200 && sonde_parse_time(text, strlen(text), &at)) {
		int64_t now = sonde_wall_ms(), off = at < then ? at - then : at > now ? at - now : 0;
		say(d, llabs(off) > CLOCK_WARN_MS ? WARN : GOOD, "clock", "%s",
		    llabs(off) <= CLOCK_WARN_MS ? "as the controller's" :
		    off < 0 ? "the controller's is seconds behind; run chrony on both" :
		    "the controller's is seconds ahead; run chrony on both");
	}
	json_decref(stats);
}

static void look_at_nodes(struct doctor *d)
{
	unsigned online = 0, other = 0, clear = 0;
	const json_t *node;
	int status;
	size_t i;

	json_t *nodes = ask_json(d, "/v1/nodes", &status);
	json_array_foreach(nodes, i, node) {
		bool up = !strcmp(cli_str(node, "status"), "online");
		clear += json_is_true(cli_at(node, "insecure"));
		online += up;
		other += !up;
	}
	if (status == 200 && !online)
		say(d, WARN, "nodes", "none of %u is online; sonde node ls, and the log of sonde-node", other);
	else if (status == 200)
		say(d, GOOD, "nodes", "%u online, %u not", online, other);
	if (clear)
		say(d, WARN, "nodes", "%u are not encrypted (insecure in sonde node show); give the controller "
		    "--cert and --key, and them https://", clear);
	json_decref(nodes);
}

/* As a node on this machine would find it. */
static void look_at_icmp(struct doctor *d)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP);
	bool plain = fd >= 0;

	if (!plain)
		fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	if (fd < 0)
		say(d, WARN, "icmp", "a node of this user could not ping; sysctl "
		    "net.ipv4.ping_group_range=\"0 2147483647\", or give sonde-runner CAP_NET_RAW");
	else
		say(d, GOOD, "icmp", plain ? "permitted" : "permitted by CAP_NET_RAW");
	if (fd >= 0)
		close(fd);
}

/* A line as sonde-controller prints it: its verdict, what it is about, the text. */
static void repeat_line(struct doctor *d, char *line)
{
	unsigned v = GOOD;
	char *rest = line;

	line[strcspn(line, "\n")] = '\0';
	const char *word = strsep(&rest, " ");
	while (v < BAD && strcmp(word, sonde_finding_words[v]) != 0)
		v++;
	rest = rest ? rest + strspn(rest, " ") : rest;
	const char *what = rest ? strsep(&rest, " ") : NULL;
	if (rest)
		say(d, v, what, "%s", rest + strspn(rest, " "));
	else
		say(d, v == BAD ? BAD : WARN, "machine", "%s", line);
}

/* Starts argv with its standard output in a pipe that *out reads. */
static int start(const char *const *argv, pid_t *pid, FILE **out)
{
	posix_spawn_file_actions_t actions;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return errno;
	int rc = posix_spawn_file_actions_init(&actions);
	if (!rc) {
		rc = posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
		if (!rc)
			rc = posix_spawn(pid, argv[0], &actions, NULL, (char *const *)argv, environ);
		posix_spawn_file_actions_destroy(&actions);
	}
	close(ends[1]);
	*out = rc ? NULL : fdopen(ends[0], "r");
	if (!*out)
		close(ends[0]);
	return rc;
}

/* What it prints, until its end; whether that was a good one. */
static bool repeat(struct doctor *d, pid_t pid, FILE *from)
{
	char *line = NULL;
	size_t room = 0;
	int status = 0;

	while (from && getline(&line, &room, from) >= 0)
		repeat_line(d, line);
	free(line);
	if (from)
		fclose(from);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

static void look_at_machine(struct doctor *d, const struct cli_args *a)
{
	char beside[CLI_PATH];
	const char *argv[8] = { cli_controller_program(beside), "doctor" };
	const char *state = cli_option(a, "state"), *config = cli_option(a, "config");
	FILE *from = NULL;
	unsigned n = 2;
	pid_t pid;

	/* Nothing said, and no controller was ever started here: there is nothing to look at. */
	if (access(argv[0], X_OK) ||
	    (!state && !config && access(SONDE_STATEDIR "/controller", F_OK)))
		return;
	if (state) {
		argv[n++] = "--state";
		argv[n++] = state;
	}
	if (config) {
		argv[n++] = "--config";
		argv[n++] = config;
	}
	int rc = start(argv, &pid, &from);
	if (rc)
		say(d, BAD, "machine", "%s: %s", argv[0], strerror(rc));
	else
		d->said.failed |= !repeat(d, pid, from);
}

static void print_lines(const struct cli *cli, const json_t *lines)
{
	static const struct cli_column columns[] = {
		{ "CHECK", "check", "check" }, { "VERDICT", "verdict", "verdict" },
		{ "TEXT", "text", "text" }, { "FIX", "fix", "fix" },
	};

	if (!cli_print_json(cli, lines))
		cli_print_rows(cli, columns, sizeof(columns) / sizeof(columns[0]), lines);
}

int cli_doctor(struct cli *cli, const struct cli_args *a)
{
	struct doctor d = { .cli = cli, .lines = cli->format != FORMAT_TABLE ? json_array() : NULL };

	d.said = (struct sonde_findings){ .take = take_line, .arg = &d };
	if (look_at_controller(&d)) {
		look_at_ready(&d);
		look_at_version(&d);
		if (look_at_token(&d)) {
			look_at_clock(&d);
			look_at_nodes(&d);
		}
	}
	look_at_icmp(&d);
	look_at_machine(&d, a);
	if (d.lines)
		print_lines(cli, d.lines);
	json_decref(d.lines);
	return d.said.failed ? EXIT_FAILED : EXIT_OK;
}
