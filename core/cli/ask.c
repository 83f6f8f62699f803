/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to the controller, and its errors as sentences and an exit code. The answer belongs to
 * the caller, request texts to this file. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

enum { URL_MAX = 4096, DOWNLOAD_MS = 12 * 3600 * 1000 };

struct question {
	const char *method, *path, *name;
	const json_t *body;
	char *etag;
	FILE *file; /* for the body of a good answer; NULL = it is JSON */
};

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

static int refused(const struct cli *cli, const struct sonde_fetch_reply *reply)
{
	json_t *doc = read_body(&reply->body), *text;
	json_t *params = json_object_get(json_object_get(doc, "error"), "params");
	const char *message = cli_str(doc, "error.message"), *path;
	int code = code_of(reply->status);

	json_object_foreach(params, path, text)
		if (json_is_string(text))
			cli_fail(code, "%s", json_string_value(text));
	if (!json_object_size(params) && !*message)
		cli_fail(code, "%s answered %d", cli->url, reply->status);
	else if (!json_object_size(params))
		cli_fail(code, "%s%s", message, reply->status == 401 ?
		         " The token comes from sonde login, SONDE_TOKEN or --token-file." : "");
	if (reply->retry_after)
		cli_fail(code, "try again in %u s", reply->retry_after);
	json_decref(doc);
	return code;
}

/* The path is ours; the name is one segment of it, whatever it holds. */
static int make_url(const struct cli *cli, const struct question *q, struct sonde_buf *url)
{
	size_t len = strlen(cli->url);

	if (q->name && (!*q->name || !strcmp(q->name, ".") || !strcmp(q->name, "..")))
		return cli_fail(EXIT_USAGE, "'%s' is no name", q->name);
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
	return url->failed ? cli_fail(EXIT_USAGE, "the address is longer than %d bytes", URL_MAX) :
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
	cli_progress_end(cli);
	*code = good ? cli_fail(EXIT_FAILED, "the answer of %s is not JSON", cli->url) :
		       refused(cli, reply);
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
		return cli_fail(EXIT_FAILED, "out of memory");
	struct sonde_fetch_request request = {
		.method = q->method, .url = url, .token = cli->token[0] ? cli->token : NULL,
		.body = text, .len = text ? strlen(text) : 0, .ca_file = cli->ca_file,
		.etag = q->etag && q->etag[0] ? q->etag : NULL,
		.sink = q->file ? keep : NULL, .sink_arg = q->file,
		.timeout_ms = q->file ? DOWNLOAD_MS : 0,
	};
	int rc = sonde_fetch(cli->fetcher, &request, reply, &e);
	free(text);
	if (rc == SONDE_OK)
		return EXIT_OK;
	cli_progress_end(cli);
	if (rc == SONDE_EINVAL)
		return cli_fail(EXIT_USAGE, "cannot ask %s: %s", cli->url, e.text);
	return cli_fail(rc == SONDE_ENOMEM ? EXIT_FAILED : EXIT_UNREACHABLE, "no answer from %s: %s",
	                cli->url, e.text);
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

json_t *cli_get_changed(struct cli *cli, const char *path, const char *name, char *etag, int *code)
{
	return ask(cli, &(struct question){ "GET", path, name, NULL, etag }, code);
}

int cli_download(struct cli *cli, const char *method, const char *path, FILE *file)
{
	int code;

	json_decref(ask(cli, &(struct question){ .method = method, .path = path, .file = file }, &code));
	return code;
}
