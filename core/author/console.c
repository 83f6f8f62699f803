/* SPDX-License-Identifier: Apache-2.0 */
/* console: a prompt in a policy's sandbox. Lines from stdin (prompt.c), answers to stdout, errors to
 * stderr. Owns the texts it reads. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "author/author.h"
#include "author/prompt.h"
#include "param/param.h"
#include "script/console.h"
#include "script/replay.h"

enum { OUT_MAX = 1 << 20 };

struct options {
	const char *file, *snapshot, *name, *history;
	struct sonde_request request;
};

static const char help[] =
	"an expression shows its value, a statement runs; names you assign stay\n"
	"  set     the candidates        view.COLUMN  what is known of them\n"
	"  req     the request           lb.HELPER    as in a policy\n"
	"  policy  the policy's functions: policy.pick(req, set, view)\n"
	"  :pick   the decision that the controller would make\n"
	"  :help   this    :quit or ctrl-D  the end\n"
#ifdef SONDE_LIBEDIT
	"  arrows  earlier lines, to be changed; ctrl-R finds one, ctrl-C takes the line away\n"
#endif
	;

static int read_one(int argc, char **argv, int *i, struct options *o)
{
	const struct {
		const char *name, **to;
	} texts[] = {
		{ "snapshot", &o->snapshot }, { "name", &o->name }, { "type", &o->request.type },
		{ "target", &o->request.target }, { "region", &o->request.region },
		{ "params", &o->request.params_json }, { "history", &o->history },
	};
	const char *v = author_option(argc, argv, i, "want");
	char *end = NULL;

	if (v) {
		long n = strtol(v, &end, 10);
		if (!*v || *end || n < 1 || n > SONDE_REPLAY_NODES)
			return author_fail(AUTHOR_USAGE, "--want must be 1 to %d", SONDE_REPLAY_NODES);
		o->request.want = (unsigned)n;
		return AUTHOR_OK;
	}
	for (unsigned k = 0; k < sizeof(texts) / sizeof(texts[0]); k++)
		if ((v = author_option(argc, argv, i, texts[k].name))) {
			*texts[k].to = v;
			return AUTHOR_OK;
		}
	if (argv[*i][0] == '-' || o->file)
		return author_fail(AUTHOR_USAGE, "%s is not understood", argv[*i]);
	o->file = argv[*i];
	return AUTHOR_OK;
}

/* Whether there is more to read. */
static bool answer(struct sonde_console *c, const char *line, size_t len)
{
	struct sonde_buf out;
	int rc = SONDE_OK;

	sonde_buf_init(&out, OUT_MAX);
	if (!strcmp(line, ":quit") || !strcmp(line, ":q"))
		return false;
	if (!strcmp(line, ":help"))
		fputs(help, stdout);
	else if (!strcmp(line, ":pick"))
		sonde_console_decide(c, &out);
	else if (*line == ':')
		fprintf(stderr, "%s is no command; :help lists them\n", line);
	else if (len)
		rc = sonde_console_run(c, line, len, &out);
	if (out.len)
		fprintf(rc == SONDE_OK ? stdout : stderr, "%s\n", sonde_buf_cstr(&out));
	fflush(stdout);
	sonde_buf_deinit(&out);
	return true;
}

static int converse(struct sonde_console *c, const char *name, const char *history)
{
	struct author_prompt *prompt = author_prompt_new(history);
	const char *line = "";
	size_t len;

	if (!prompt)
		return author_fail(AUTHOR_FAILED, "out of memory");
	if (author_prompt_person(prompt))
		printf("%s on %u nodes; :help says what there is\n", name, sonde_console_nodes(c));
	while ((line = author_prompt_line(prompt, &len)) && answer(c, line, len))
		;
	if (author_prompt_person(prompt) && !line)
		putchar('\n');
	author_prompt_free(prompt);
	return AUTHOR_OK;
}

static int open_console(const struct options *o, const char *name, const json_t *snapshot)
{
	struct sonde_error err = { { 0 }, { 0 } };
	struct sonde_console *c = NULL;
	size_t len;

	char *text = author_read(o->file, &len, &err);
	if (!text)
		return author_fail(AUTHOR_FAILED, "%s", err.text);
	int rc = sonde_console_new(name, o->file, text, len, snapshot, &o->request, &c, &err);
	free(text);
	if (rc != SONDE_OK)
		return author_fail(AUTHOR_FAILED, "%s%s%s", err.path, *err.path ? ": " : "", err.text);
	int code = converse(c, name, o->history);
	sonde_console_free(c);
	return code;
}

int author_console(int argc, char **argv)
{
	struct options o = { .request = { .type = "ping", .target = "example.com", .want = 1, .seed = 1 } };
	struct sonde_error err = { { 0 }, { 0 } };
	char name[64];
	size_t len;

	for (int i = 0; i < argc; i++) {
		int code = read_one(argc, argv, &i, &o);
		if (code != AUTHOR_OK)
			return code;
	}
	if (!o.file || !o.snapshot)
		return author_fail(AUTHOR_USAGE, "usage: console FILE --snapshot NODES [--want N] [--type TYPE] "
		                   "[--target TARGET] [--region REGION] [--params JSON]");
	if (o.name)
		snprintf(name, sizeof(name), "%s", o.name);
	else if (!author_name(o.file, name))
		return author_fail(AUTHOR_USAGE, "%s: a policy is a file NAME.lua", o.file);
	char *text = author_read(o.snapshot, &len, &err);
	json_t *snapshot = text ? sonde_json_load(text, len, &err) : NULL;
	free(text);
	if (!snapshot)
		return author_fail(AUTHOR_FAILED, "%s: %s", o.snapshot, err.text);
	int code = open_console(&o, name, snapshot);
	json_decref(snapshot);
	return code;
}
