/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to the controller, and its errors as sentences and an exit code. The answer belongs to
 * the caller, request texts to this file. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

enum { URL_MAX = 4096, DOWNLOAD_MS = 12 * 3600 * 1000 };

struct question {
	const char *method, *path, *name;
	const json_t *body;
	char *etag;
	FILE *file; /* for the body of a good answer; NULL = it is JSON */
	const char *query; /* ours, as it stands in a URL; NULL = none */
};

static int fail(const struct cli *, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int fail(const struct cli *cli, int code, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!cli->why)
		return cli_fail(code, "%s", text);
	if (!*cli->why)
		snprintf(cli->why, CLI_WHY, "%s", text);
	return code;
}

static int code_of(int status)
{
	static const struct {
		int status, code;
	} table[] = { { 400, EXIT_USAGE }, { 401, EXIT_AUTH }, { 403, EXIT_AUTH },
		      { 404, EXIT_NOT_FOUND } };

	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].status == status)
			return table[i].code;
	return EXIT_FAILED;
}

static json_t *read_body(const struct sonde_buf *body)
{
	return json_loadb(body->data ? body->data : "", body->len, 0, NULL);
}

/* What was not found, as the controller calls it, and the command that lists what there is. */
static const struct {
	const char *what, *list;
} lists[] = {
	{ "node", "node ls" },         { "measurement", "measurement ls" },
	{ "policy", "policy ls" },     { "schedule", "schedule ls" },
	{ "silence", "event silence" }, { "open problem", "event ls --open" },
	{ "registration token", "token ls" }, { "user", "user ls" },
};

/* The name in the question: its own, or what follows /v1/nodes/ and the like in the path. */
static void name_of(const struct question *q, char *out, size_t room)
{
	const char *name = q->name ? q->name : q->path;

	for (unsigned i = 0; !q->name && i < 3; i++)
		name += strcspn(name, "/") + (name[strcspn(name, "/")] == '/');
	snprintf(out, room, "%.*s", (int)(q->name ? strlen(name) : strcspn(name, "/?")), name);
}

static int not_found(const struct cli *cli, const struct question *q, const char *message)
{
	static const char before[] = "Couldn't find the requested ";
	const char *what = message + sizeof(before) - 1;
	char name[128];

	if (strncmp(message, before, sizeof(before) - 1))
		return fail(cli, EXIT_NOT_FOUND, "%s", message);
	name_of(q, name, sizeof(name));
	for (unsigned i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (!strncmp(what, lists[i].what, strlen(lists[i].what)) &&
		    !strcmp(what + strlen(lists[i].what), "."))
			return fail(cli, EXIT_NOT_FOUND, "there is no %s '%s'; see sonde %s",
			            lists[i].what, name, lists[i].list);
	return fail(cli, EXIT_NOT_FOUND, "%s", message);
}

/* What to do about it, behind the controller's sentence. */
static const char *advice(const struct cli *cli, const json_t *error, int status)
{
	bool bare = !strcmp(cli_str(error, "message"), "Unauthorized.");

	if (status == 401 && bare && cli->ended[0])
		return " The session has ended: log in again with sonde login ";
	if (status == 401 && bare)
		return cli->token[0] ? " The token, from sonde login, SONDE_TOKEN or --token-file, is not good." :
				       " It needs a token: sonde login, SONDE_TOKEN or --token-file.";
	return !strcmp(cli_str(error, "type"), "no_probes_found") ?
		" sonde node ls tells which nodes there are." : "";
}

/* "measurementOptions.x" of the request is the option x of the command line. */
static void complain(const struct cli *cli, int code, const char *text)
{
	static const char before[] = "\"measurementOptions.";
	const char *name = text + sizeof(before) - 1;
	size_t len = strncmp(text, before, sizeof(before) - 1) ? 0 : strcspn(name, "\"");

	if (len && name[len])
		fail(cli, code, "option %.*s%s", (int)len, name, name + len + 1);
	else
		fail(cli, code, "%s", text);
}

static int refused(const struct cli *cli, const struct question *q,
                   const struct sonde_fetch_reply *reply)
{
	json_t *doc = read_body(&reply->body), *error = json_object_get(doc, "error"), *text;
	json_t *params = json_object_get(error, "params");
	const char *message = cli_str(error, "message"), *path;
	int code = code_of(reply->status);

	json_object_foreach(params, path, text)
		if (json_is_string(text))
			complain(cli, code, json_string_value(text));
	if (!json_object_size(params) && !*message)
		fail(cli, code, "%s answered %d", cli->url, reply->status);
	else if (!json_object_size(params) && code == EXIT_NOT_FOUND)
		not_found(cli, q, message);
	else if (!json_object_size(params))
		fail(cli, code, "%s%s%s", message, advice(cli, error, reply->status),
		     code == EXIT_AUTH && reply->status == 401 ? cli->ended : "");
	if (reply->retry_after)
		fail(cli, code, "try again in %u s", reply->retry_after);
	json_decref(doc);
	return code;
}

/* The path is ours; the name is one segment of it, whatever it holds. */
static int make_url(const struct cli *cli, const struct question *q, struct sonde_buf *url)
{
	size_t len = strlen(cli->url);

	if (q->name && (!*q->name || !strcmp(q->name, ".") || !strcmp(q->name, "..")))
		return fail(cli, EXIT_USAGE, "'%s' is no name", q->name);
	while (len && cli->url[len - 1] == '/')
		len--;
	sonde_buf_add(url, cli->url, len);
	sonde_buf_str(url, q->path);
	if (q->name)
		sonde_buf_char(url, '/');
	for (const unsigned char *p = (const unsigned char *)q->name; p && *p; p++) {
		if (*p < 0x80 && (isalnum(*p) || strchr("-._~", *p)))
			sonde_buf_char(url, (char)*p);
		else
			sonde_buf_printf(url, "%%%02X", *p);
	}
	if (q->query)
		sonde_buf_printf(url, "?%s", q->query);
	return url->failed ? fail(cli, EXIT_USAGE, "the address is longer than %d bytes", URL_MAX) :
			     EXIT_OK;
}

static json_t *take(struct cli *cli, const struct question *q, struct sonde_fetch_reply *reply,
                    int *code)
{
	if (q->etag)
		memcpy(q->etag, reply->etag, sizeof(reply->etag));
	if (reply->status == 304)
		return NULL;
	bool good = reply->status >= 200 && reply->status < 300;
	if (reply->status == 204 || (good && q->file))
		return json_null();
	json_t *answer = good ? read_body(&reply->body) : NULL;
	if (answer)
		return answer;
	if (!cli->why)
		cli_progress_end(cli);
	*code = good ? fail(cli, EXIT_FAILED, "the answer of %s is not JSON", cli->url) :
		       refused(cli, q, reply);
	return NULL;
}

static bool keep(void *file, const char *data, size_t len)
{
	return fwrite(data, 1, len, file) == len;
}

static int send_question(struct cli *cli, const struct question *q, const char *url,
                         struct sonde_fetch_reply *reply)
{
	struct sonde_error e;
	char *text = q->body ? json_dumps(q->body, JSON_COMPACT) : NULL;

	if (q->body && !text)
		return fail(cli, EXIT_FAILED, "out of memory");
	struct sonde_fetch_request request = {
		.method = q->method, .url = url, .token = cli->token[0] ? cli->token : NULL,
		.body = text, .len = text ? strlen(text) : 0, .ca_file = cli->ca_file,
		.pins = cli->pins,
		.etag = q->etag && q->etag[0] ? q->etag : NULL,
		.sink = q->file ? keep : NULL, .sink_arg = q->file,
		.timeout_ms = q->file ? DOWNLOAD_MS : 0, .stop = cli->stop,
	};
	int rc = sonde_fetch(cli->fetcher, &request, reply, &e);
	free(text);
	if (rc == SONDE_OK)
		return EXIT_OK;
	if (!cli->why)
		cli_progress_end(cli);
	if (rc == SONDE_EINVAL)
		return fail(cli, EXIT_USAGE, "cannot ask %s: %s", cli->url, e.text);
	if (rc == SONDE_ENOMEM)
		return fail(cli, EXIT_FAILED, "no answer from %s: %s", cli->url, e.text);
	return fail(cli, EXIT_UNREACHABLE, "no answer from %s (--url, SONDE_URL): %s%s", cli->url, e.text,
	            strstr(e.text, "wrong version number") ? "; that port speaks no TLS: http://?" : "");
}

static json_t *ask(struct cli *cli, const struct question *q, int *code)
{
	struct sonde_fetch_reply reply;
	struct sonde_buf url;
	json_t *answer = NULL;

	sonde_buf_init(&url, URL_MAX);
	*code = make_url(cli, q, &url);
	if (*code == EXIT_OK)
		*code = send_question(cli, q, sonde_buf_cstr(&url), &reply);
	sonde_buf_deinit(&url);
	if (*code == EXIT_OK) {
		answer = take(cli, q, &reply, code);
		sonde_fetch_reply_deinit(&reply);
	}
	return answer;
}

json_t *cli_get(struct cli *cli, const char *path, const char *name, int *code)
{
	return ask(cli, &(struct question){ "GET", path, name }, code);
}

json_t *cli_send(struct cli *cli, const char *method, const char *path, const char *name,
                 const json_t *body, int *code)
{
	return ask(cli, &(struct question){ method, path, name, body }, code);
}

json_t *cli_get_changed(struct cli *cli, const char *path, const char *name, const char *query,
                        char *etag, int *code)
{
	return ask(cli, &(struct question){ .method = "GET", .path = path, .name = name,
	                                    .query = query, .etag = etag }, code);
}

int cli_download(struct cli *cli, const char *method, const char *path, FILE *file)
{
	int code;

	json_decref(ask(cli, &(struct question){ .method = method, .path = path, .file = file }, &code));
	return code;
}
