/* SPDX-License-Identifier: Apache-2.0 */
/* simulate: a policy against invented nodes, or against records of decisions as explain gives
 * them. The report is JSON on stdout. Owns nothing. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "author/author.h"
#include "param/param.h"
#include "script/replay.h"

enum { COUNT = 1000, COUNT_MAX = 1000000 };

struct options {
	const char *file, *input, *params;
	long nodes, count;
	struct sonde_request request;
};

static bool number(const char *text, long max, long *out)
{
	char *end;

	*out = strtol(text, &end, 10);
	return *text && !*end && *out >= 1 && *out <= max;
}

static int read_one(int argc, char **argv, int *i, struct options *o)
{
	const char *v;
	long n;

	if ((v = author_option(argc, argv, i, "nodes")))
		return number(v, SONDE_REPLAY_NODES, &o->nodes) ? AUTHOR_OK :
			author_fail(AUTHOR_USAGE, "--nodes must be 1 to %d", SONDE_REPLAY_NODES);
	if ((v = author_option(argc, argv, i, "count")))
		return number(v, COUNT_MAX, &o->count) ? AUTHOR_OK :
			author_fail(AUTHOR_USAGE, "--count must be 1 to %d", COUNT_MAX);
	if ((v = author_option(argc, argv, i, "want"))) {
		bool ok = number(v, SONDE_REPLAY_NODES, &n);
		o->request.want = (unsigned)n;
		return ok ? AUTHOR_OK :
			author_fail(AUTHOR_USAGE, "--want must be 1 to %d", SONDE_REPLAY_NODES);
	}
	if ((v = author_option(argc, argv, i, "params")))
		o->params = v;
	else if ((v = author_option(argc, argv, i, "region")))
		o->request.region = v;
	else if ((v = author_option(argc, argv, i, "type")))
		o->request.type = v;
	else if ((v = author_option(argc, argv, i, "target")))
		o->request.target = v;
	else if ((v = author_option(argc, argv, i, "input")))
		o->input = v;
	else if (argv[*i][0] != '-' && !o->file)
		o->file = argv[*i];
	else
		return author_fail(AUTHOR_USAGE, "%s is not understood", argv[*i]);
	return AUTHOR_OK;
}

/* One line a record: the answer of explain, or a decision of it. */
static int replay_line(struct sonde_simulation *s, const char *line, size_t len)
{
	struct sonde_error err = { { 0 }, { 0 } };
	json_t *doc = sonde_json_load(line, len, &err), *step;
	size_t i;

	if (!doc)
		return author_fail(AUTHOR_FAILED, "a record is not JSON: %s", err.text);
	const json_t *steps = json_object_get(doc, "steps");
	if (!json_is_array(steps))
		sonde_simulation_replay(s, doc);
	json_array_foreach((json_t *)steps, i, step)
		sonde_simulation_replay(s, json_object_get(step, "decision"));
	json_decref(doc);
	return AUTHOR_OK;
}

static int replay_file(struct sonde_simulation *s, const char *path)
{
	struct sonde_error err;
	size_t len;
	char *text = author_read(path, &len, &err);
	int code = AUTHOR_OK;

	if (!text)
		return author_fail(AUTHOR_FAILED, "%s", err.text);
	for (const char *at = text; *at && code == AUTHOR_OK;) {
		size_t n = strcspn(at, "\n");
		if (n)
			code = replay_line(s, at, n);
		at += n + (at[n] == '\n');
	}
	free(text);
	return code;
}

static int run(struct sonde_simulation *s, const struct options *o)
{
	struct sonde_error err = { { 0 }, { 0 } };
	struct sonde_buf b;
	struct sonde_json j;
	int code = AUTHOR_OK;

	sonde_simulation_params(s, o->params);
	if (o->input)
		code = replay_file(s, o->input);
	else if (sonde_simulation_invent(s, &o->request, (unsigned)o->nodes, (unsigned)o->count,
	                                 &err) != SONDE_OK)
		code = author_fail(AUTHOR_FAILED, "%s", err.text);
	if (code != AUTHOR_OK)
		return code;
	sonde_buf_init(&b, 4 << 20);
	sonde_json_init(&j, &b);
	sonde_simulation_report(s, &j, NULL);
	printf("%s\n", sonde_buf_cstr(&b));
	sonde_buf_deinit(&b);
	return AUTHOR_OK;
}

int author_simulate(int argc, char **argv)
{
	struct options o = { .count = COUNT, .request = { .type = "ping", .target = "example.com",
		                                          .want = 1, .seed = 1 } };
	struct sonde_error err = { { 0 }, { 0 } };
	struct sonde_simulation *s = NULL;
	char name[64];
	size_t len;

	for (int i = 0; i < argc; i++) {
		int code = read_one(argc, argv, &i, &o);
		if (code != AUTHOR_OK)
			return code;
	}
	if (!o.file || !o.nodes == !o.input || !author_name(o.file, name))
		return author_fail(AUTHOR_USAGE, "usage: simulate FILE --nodes N | --input RECORDS");
	char *text = author_read(o.file, &len, &err);
	if (!text)
		return author_fail(AUTHOR_FAILED, "%s", err.text);
	int code = AUTHOR_FAILED;
	if (sonde_simulation_new(name, text, len, NULL, &s, &err) == SONDE_OK)
		code = run(s, &o);
	else
		author_fail(code, "%s", err.text);
	sonde_simulation_free(s);
	free(text);
	return code;
}
