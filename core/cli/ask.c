/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to the controller, and its errors as one sentence and an exit code. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

static int code_of(int status)
{
	switch (status) {
	case 401:
	case 403:
		return EXIT_AUTH;
	case 404:
		return EXIT_NOT_FOUND;
	case 400:
		return EXIT_USAGE;
	default:
		return EXIT_FAILED;
	}
}

static int explain(int status, const struct sonde_buf *body)
{
	json_t *doc = json_loadb(body->data ? body->data : "", body->len, 0, NULL), *text;
	json_t *error = json_object_get(doc, "error");
	const char *message = json_string_value(json_object_get(error, "message"));
	const char *path;
	int code = code_of(status);

	json_object_foreach(json_object_get(error, "params"), path, text) {
		message = json_string_value(text);
		break;
	}
	if (status == 401)
		cli_fail(code, "%s (set SONDE_TOKEN or --token-file)", message ? message : "unauthorized");
	else if (message)
		cli_fail(code, "%s", message);
	else
		cli_fail(code, "the controller answered %d", status);
	json_decref(doc);
	return code;
}

static json_t *ask(struct cli *cli, const char *method, const char *path, json_t *body, char *etag,
                   int *code)
{
	struct sonde_fetch_reply reply;
	struct sonde_error e;
	char url[1024];
	json_t *out = NULL;

	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	snprintf(url, sizeof(url), "%.*s%s", (int)(strlen(cli->url) - (strlen(cli->url) &&
	         cli->url[strlen(cli->url) - 1] == '/')), cli->url, path);
	struct sonde_fetch_request request = {
		.method = method, .url = url, .token = cli->token[0] ? cli->token : NULL, .body = text,
		.len = text ? strlen(text) : 0, .ca_file = cli->ca_file,
		.etag = etag && etag[0] ? etag : NULL,
	};
	int rc = sonde_fetch(cli->fetcher, &request, &reply, &e);
	free(text);
	if (rc != SONDE_OK) {
		*code = rc == SONDE_EINVAL ? EXIT_USAGE : EXIT_UNREACHABLE;
		cli_fail(*code, "no answer from %s: %s", cli->url, e.text);
		return NULL;
	}
	*code = EXIT_OK;
	if (etag)
		snprintf(etag, SONDE_FETCH_ETAG, "%s", reply.etag);
	if (reply.status >= 400)
		*code = explain(reply.status, &reply.body);
	else if (reply.status == 204)
		out = json_null();
	else if (reply.status != 304 && !(out = json_loadb(reply.body.data ? reply.body.data : "",
	                                                   reply.body.len, 0, NULL)))
		*code = cli_fail(EXIT_FAILED, "the answer of %s is not JSON", cli->url);
	sonde_fetch_reply_deinit(&reply);
	return out;
}

json_t *cli_ask(struct cli *cli, const char *method, const char *path, json_t *body, int *code)
{
	return ask(cli, method, path, body, NULL, code);
}

json_t *cli_ask_again(struct cli *cli, const char *path, char *etag, int *code)
{
	return ask(cli, "GET", path, NULL, etag, code);
}
