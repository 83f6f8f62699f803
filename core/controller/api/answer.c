/* SPDX-License-Identifier: Apache-2.0 */
/* Answers and what all handlers read the same way. */
#include <string.h>
#include <strings.h>

#include "controller/api/api.h"

enum { HEADERS_MAX = 24 };

/* What every answer has, into headers; counted and recorded. */
static void begin(struct controller *c, struct sonde_req *req, struct sonde_reply *r,
                  struct sonde_header headers[HEADERS_MAX + 2])
{
	struct trace *t = sonde_req_room(req);
	unsigned n = 0;

	for (const struct sonde_header *h = r->headers; h && h->name && n < HEADERS_MAX; h++)
		headers[n++] = *h;
	if (*t->id)
		headers[n++] = (struct sonde_header){ "X-Request-Id", t->id };
	headers[n].name = NULL;
	r->headers = headers;
	c->requests.by_class[r->status / 100 < 6 ? r->status / 100 : 0]++;
	audit_end(c, t, r->status);
}

void answer_reply(struct controller *c, struct sonde_req *req, const struct sonde_reply *given)
{
	struct sonde_header headers[HEADERS_MAX + 2];
	struct sonde_reply r = *given;

	begin(c, req, &r, headers);
	sonde_req_reply(req, &r);
}

void answer_stream(struct controller *c, struct sonde_req *req, const struct sonde_reply *head,
                   const struct sonde_stream *stream)
{
	struct sonde_header headers[HEADERS_MAX + 2];
	struct sonde_reply r = *head;

	begin(c, req, &r, headers);
	sonde_req_stream(req, &r, stream);
}

void answer_json(struct controller *c, struct sonde_req *req, unsigned status, struct sonde_buf *body,
                const struct sonde_header *headers)
{
	static const struct sonde_header no_store[] = { { "Cache-Control", "private, no-store" },
		                                        { NULL } };
	/* Made here, so that it needs no memory: an answer that fails is out of that. */
	static const char broken[] =
		"{\"error\":{\"type\":\"api_error\",\"message\":\"Internal Server Error.\"},"
		"\"links\":{\"documentation\":\"/v1/spec.yaml\"}}";

	if (body->failed)
		answer_reply(c, req, &(struct sonde_reply){
			.status = 500, .type = "application/json; charset=utf-8", .body = broken,
			.len = sizeof(broken) - 1, .headers = no_store });
	else
		answer_reply(c, req, &(struct sonde_reply){
			.status = status, .type = "application/json; charset=utf-8",
			.body = body->data, .len = body->len,
			.headers = headers ? headers : no_store });
	sonde_buf_deinit(body);
}

void answer_empty(struct controller *c, struct sonde_req *req, unsigned status)
{
	answer_reply(c, req, &(struct sonde_reply){ .status = status });
}

static void answer_with(struct controller *c, struct sonde_req *req, unsigned status, const char *type,
                        const char *message, const json_t *params,
                        const struct sonde_header *headers)
{
	const char *path;
	json_t *text;
	struct sonde_buf b;
	struct sonde_json j;

	sonde_buf_init(&b, 1 << 16);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '{');
	sonde_json_open(&j, "error", '{');
	sonde_json_str(&j, "type", type);
	sonde_json_str(&j, "message", message);
	if (params)
		sonde_json_open(&j, "params", '{');
	json_object_foreach((json_t *)params, path, text) {
		/* The path may hold a key of the request: it is text like any other. */
		if (j.comma)
			sonde_buf_char(&b, ',');
		sonde_json_quote(&b, path, strlen(path));
		sonde_buf_char(&b, ':');
		j.comma = false;
		sonde_json_str(&j, NULL, json_string_value(text));
	}
	if (params)
		sonde_json_close(&j);
	const struct trace *t = sonde_req_room(req);
	if (*t->id)
		sonde_json_str(&j, "requestId", t->id);
	sonde_json_close(&j);
	sonde_json_open(&j, "links", '{');
	sonde_json_str(&j, "documentation", "/v1/spec.yaml");
	sonde_json_close(&j);
	sonde_json_close(&j);
	answer_json(c, req, status, &b, headers);
}

void answer_refused(struct controller *c, struct sonde_req *req, unsigned status, const char *type,
                    const char *message, const struct sonde_header *headers)
{
	answer_with(c, req, status, type, message, NULL, headers);
}

void answer_later(struct controller *c, struct sonde_req *req, unsigned seconds)
{
	char text[16], message[80];
	const struct sonde_header headers[] = { { "Retry-After", text },
		                                { "Cache-Control", "private, no-store" }, { NULL } };

	snprintf(text, sizeof(text), "%u", seconds);
	snprintf(message, sizeof(message), "Too many requests. Please retry in %u second%s.", seconds,
	         seconds == 1 ? "" : "s");
	answer_with(c, req, 429, "too_many_requests", message, NULL, headers);
}

void answer_error(struct controller *c, struct sonde_req *req, unsigned status, const char *type,
                 const char *message, const char *path, const char *text)
{
	json_t *params = path ? json_object() : NULL;

	/* Unchecked: a path that was cut may end inside a letter; it is escaped when it is written. */
	if (path)
		json_object_set_new_nocheck(params, *path ? path : "body", json_string_nocheck(text));
	answer_with(c, req, status, type, message, params, NULL);
	json_decref(params);
}

void answer_invalid_all(struct call *call, const json_t *wrong)
{
	answer_with(call->c, call->req, 400, "validation_error", "Parameter validation failed.", wrong,
	            NULL);
}

/* Rows answer with what must hold. */
void error_sentence(const struct sonde_error *e, char text[ERROR_SENTENCE])
{
	snprintf(text, ERROR_SENTENCE, *e->text == '"' || !*e->path ? "%.0s%s" : "\"%s\" %s", e->path,
	         e->text);
}

void answer_invalid(struct call *call, const struct sonde_error *e)
{
	char text[ERROR_SENTENCE];

	error_sentence(e, text);
	answer_error(call->c, call->req, 400, "validation_error", "Parameter validation failed.",
	            e->path, text);
}

void answer_busy(struct controller *c, struct sonde_req *req, int status)
{
	static const struct sonde_header headers[] = { { "Retry-After", "1" }, { NULL } };
	static const struct {
		unsigned status;
		const char *type, *message;
	} answers[] = {
		{ 507, "storage_error", "The store did not take it; try again." },
		{ 503, "overloaded", "Too much waits already; try again." },
		{ 507, "storage_full", "The controller's disk or store is full: it "
		  "reads and deletes, and takes nothing new." },
		{ 503, "stopping", "The controller is stopping." },
	};
	/* What a thread of the pool ends last is answered when the store is closed already. */
	int i = c->stopping ? 3 : sonde_store_full(c->store) ? 2 : status == SONDE_EFULL ? 1 : 0;

	answer_with(c, req, answers[i].status, answers[i].type, answers[i].message, NULL, headers);
}

void answer_not_found(struct call *call, const char *what)
{
	char message[96];

	snprintf(message, sizeof(message), "Couldn't find the requested %s.", what);
	answer_error(call->c, call->req, 404, "not_found", message, NULL, NULL);
}

/* application/json or application/…+json, with parameters or without; nothing said is taken for it. */
static bool says_json(const struct call *call)
{
	char type[512];

	if (sonde_req_header(call->req, "content-type", type, sizeof(type)) <= 0)
		return true;
	type[strcspn(type, "; \t")] = '\0';
	size_t len = strlen(type);
	return !strcasecmp(type, "application/json") ||
	       (len > 5 && !strncasecmp(type, "application/", 12) &&
	        !strcasecmp(type + len - 5, "+json"));
}

json_t *call_body(struct call *call)
{
	struct sonde_error e;

	if (!says_json(call)) {
		answer_error(call->c, call->req, 415, "unsupported_media_type",
		             "The body must be JSON; send Content-Type: application/json.", NULL, NULL);
		return NULL;
	}
	json_t *doc = sonde_json_load(call->view->body, call->view->body_len, &e);

	if (!doc) {
		answer_error(call->c, call->req, 400, "api_error", e.text, NULL, NULL);
		return NULL;
	}
	if (!json_is_object(doc) && !json_is_array(doc)) {
		json_decref(doc);
		answer_error(call->c, call->req, 400, "api_error", "The body must be a JSON object.",
		            NULL, NULL);
		return NULL;
	}
	return doc;
}

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' :
	       (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

bool call_query(const struct call *call, const char *name, char *out, size_t room)
{
	size_t len = strlen(name);

	for (const char *p = call->view->query; *p; p += strcspn(p, "&"), p += *p == '&') {
		if (strncmp(p, name, len) || p[len] != '=')
			continue;
		size_t n = 0;
		for (p += len + 1; *p && *p != '&' && n + 1 < room; p++) {
			int high = *p == '%' ? hex(p[1]) : -1, low = high >= 0 ? hex(p[2]) : -1;
			out[n++] = low >= 0 ? (char)(high << 4 | low) : *p == '+' ? ' ' : *p;
			p += low >= 0 ? 2 : 0;
		}
		out[n] = '\0';
		return true;
	}
	return false;
}
