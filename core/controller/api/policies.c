/* SPDX-License-Identifier: Apache-2.0 */
/* Policies over REST: list, show with versions, lines, columns, apply, roll back. What compiles or
 * tests runs on libuv's pool; the request waits, the loop does not. */
#include <stdlib.h>
#include <string.h>

#include "controller/api/api.h"
#include "controller/api/policy.h"
#include "controller/members.h"
#include "script/replay.h"

/* What one turn of the loop may take. */
enum { COLUMNS_NODES = 2000, COLUMNS_BYTES = 8 << 20 };

void answer_policy_invalid(struct controller *c, struct sonde_req *req, const struct sonde_error *err)
{
	answer_error(c, req, 422, "policy_invalid", err->text, NULL, NULL);
}

void api_list_policies(struct call *call)
{
	struct sonde_buf b;
	struct sonde_json j;

	sonde_buf_init(&b, REPLY_MAX);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '[');
	sonde_policies_describe(call->c->policies, &j);
	sonde_json_close(&j);
	answer_json(call->c, call->req, 200, &b, NULL);
}

/* ---- one policy ---- */

struct wanted {
	struct sonde_json *j;
	uint32_t version; /* whose source is asked for */
	bool found;
	struct policy_version best; /* roll back: the newest before `version` */
};

static int put_version(void *arg, const struct policy_version *v)
{
	struct wanted *w = arg;

	sonde_json_open(w->j, NULL, '{');
	sonde_json_int(w->j, "version", v->version);
	member_time(w->j, "createdAt", v->created_ms);
	sonde_json_int(w->j, "bytes", (int64_t)v->len);
	sonde_json_close(w->j);
	return 0;
}

static int put_source_of(void *arg, const struct policy_version *v)
{
	struct wanted *w = arg;

	if (v->version != w->version)
		return 0;
	w->found = true;
	sonde_json_int(w->j, "version", v->version);
	sonde_json_text(w->j, "source", v->source, v->len);
	return 1;
}

static uint32_t version_asked(const struct call *call)
{
	char text[16], *end;

	if (!call_query(call, "version", text, sizeof(text)))
		return 0;
	unsigned long v = strtoul(text, &end, 10);
	return *text && !*end && v <= UINT32_MAX ? (uint32_t)v : 0;
}

void api_get_policy(struct call *call)
{
	struct controller *c = call->c;
	struct wanted w = { .version = version_asked(call) };
	struct sonde_read *read;
	struct sonde_buf b;
	struct sonde_json j;
	uint32_t live = 0;
	size_t len = 0;

	const char *source = sonde_policy_peek_text(c->policies, call->param, &len, &live);
	if (!source || sonde_read_begin(c->store, &read) != SONDE_OK) {
		answer_not_found(call, "policy");
		return;
	}
	sonde_buf_init(&b, REPLY_MAX);
	sonde_json_init(&j, &b);
	w.j = &j;
	sonde_json_open(&j, NULL, '{');
	sonde_json_str(&j, "name", call->param);
	if (!w.version || w.version == live) {
		sonde_json_int(&j, "version", live);
		sonde_json_text(&j, "source", source, len);
		w.found = true;
	} else {
		policies_versions(&c->changes, read, call->param, put_source_of, &w);
	}
	sonde_policy_describe_shadow(c->policies, call->param, &j);
	sonde_json_open(&j, "versions", '[');
	policies_versions(&c->changes, read, call->param, put_version, &w);
	sonde_json_close(&j);
	sonde_json_close(&j);
	sonde_read_end(read);
	if (w.found) {
		answer_json(c, call->req, 200, &b, NULL);
		return;
	}
	sonde_buf_deinit(&b);
	answer_not_found(call, "version");
}

/* ---- its lines ---- */

static void put_line(void *arg, const struct sonde_policy_line *line)
{
	struct sonde_json *j = arg;

	sonde_json_open(j, NULL, '{');
	sonde_json_int(j, "number", (int64_t)line->number);
	member_time(j, "at", line->at_ms);
	sonde_json_str(j, "kind", line->kind);
	sonde_json_text(j, "text", line->text, strlen(line->text));
	sonde_json_close(j);
}

/* 0 when it is not there; false when it is no number up to `max`. */
static bool number_asked(const struct call *call, const char *key, uint64_t max, uint64_t *out)
{
	char text[24], *end;

	*out = 0;
	if (!call_query(call, key, text, sizeof(text)))
		return true;
	if (!*text || text[strspn(text, "0123456789")] || strlen(text) > 18)
		return false;
	*out = strtoull(text, &end, 10);
	return *out <= max;
}

void api_policy_logs(struct call *call)
{
	struct sonde_policies *all = call->c->policies;
	uint64_t after, lines;
	struct sonde_buf b;
	struct sonde_json j;

	if (!number_asked(call, "after", INT64_MAX, &after) ||
	    !number_asked(call, "lines", 1000, &lines)) {
		answer_invalid(call, &(struct sonde_error){ .path = "after",
			.text = "and lines must be numbers, lines up to 1000" });
		return;
	}
	if (!sonde_policy_exists(all, call->param)) {
		answer_not_found(call, "policy");
		return;
	}
	sonde_buf_init(&b, REPLY_MAX);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '{');
	sonde_json_open(&j, "lines", '[');
	uint64_t last = sonde_policy_lines(all, call->param, after, lines ? (unsigned)lines : 100,
	                                   put_line, &j);
	sonde_json_close(&j);
	sonde_json_int(&j, "next", (int64_t)last);
	sonde_json_close(&j);
	answer_json(call->c, call->req, 200, &b, NULL);
}

/* ---- what they see ---- */

void api_get_columns(struct call *call)
{
	char type[65] = "", target[257] = "";
	struct sonde_buf b;
	struct sonde_json j;

	call_query(call, "type", type, sizeof(type));
	call_query(call, "target", target, sizeof(target));
	sonde_buf_init(&b, COLUMNS_BYTES);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '{');
	sonde_policies_snapshot(call->c->policies, &j, *type ? type : NULL, *target ? target : NULL,
	                        COLUMNS_NODES);
	sonde_json_close(&j);
	answer_json(call->c, call->req, 200, &b, NULL);
}

/* ---- apply and roll back ---- */

enum how { APPLY, DRY, SHADOW };

struct applying {
	struct controller *c;
	struct sonde_req *req;
	char name[PATH_PARAM_MAX];
	enum how how;
};

static void applied(void *arg, int status, uint32_t version, const struct sonde_error *err)
{
	struct applying *a = arg;
	struct sonde_buf b;
	struct sonde_json j;

	if (status == SONDE_EINVAL) {
		answer_policy_invalid(a->c, a->req, err);
	} else if (status == SONDE_ENOENT) {
		answer_error(a->c, a->req, 404, "not_found", "There is no active version to shadow.", NULL,
		             NULL);
	} else if (status != SONDE_OK) {
		answer_busy(a->c, a->req, status);
	} else {
		sonde_buf_init(&b, 4096);
		sonde_json_init(&j, &b);
		sonde_json_open(&j, NULL, '{');
		sonde_json_str(&j, "name", a->name);
		sonde_json_bool(&j, "dry", a->how == DRY);
		if (a->how == SHADOW)
			sonde_json_bool(&j, "shadow", true);
		if (a->how == APPLY)
			sonde_json_int(&j, "version", version);
		sonde_json_close(&j);
		answer_json(a->c, a->req, 200, &b, NULL);
	}
	free(a);
}

static void apply(struct call *call, const char *source, size_t len, const char *tests, enum how how)
{
	struct policies *p = &call->c->changes;
	int rc = SONDE_ENOMEM;
	struct applying *a = calloc(1, sizeof(*a));

	if (a) {
		a->c = call->c;
		a->req = call->req;
		a->how = how;
		memcpy(a->name, call->param, sizeof(a->name));
	}
	if (a && how == SHADOW)
		rc = policies_shadow(p, call->param, source, len, tests, applied, a);
	else if (a)
		rc = policies_apply(p, call->param, source, len, tests, how == DRY, applied, a);
	if (rc == SONDE_OK)
		return;
	free(a);
	answer_busy(call->c, call->req, SONDE_ENOMEM);
}

static bool is_json(struct call *call)
{
	char type[64];

	return sonde_req_header(call->req, "content-type", type, sizeof(type)) > 0 &&
	       !strncmp(type, "application/json", 16);
}

static void put_json(struct call *call, enum how how)
{
	json_t *body = call_body(call);

	if (!body)
		return;
	const json_t *source = json_object_get(body, "source"), *tests = json_object_get(body, "tests");
	if (!json_is_string(source) || (tests && !json_is_string(tests)))
		answer_invalid(call, &(struct sonde_error){ .path = "source",
			.text = "must be a text, and \"tests\" too when it is there" });
	else
		apply(call, json_string_value(source), json_string_length(source),
		      json_string_value(tests), how);
	json_decref(body);
}

void api_put_policy(struct call *call)
{
	char dry[8] = "", shadow[8] = "";

	call_query(call, "dry", dry, sizeof(dry));
	call_query(call, "shadow", shadow, sizeof(shadow));
	enum how how = !strcmp(dry, "1") ? DRY : !strcmp(shadow, "1") ? SHADOW : APPLY;
	if (!policy_name_is_good(call->param, strlen(call->param)))
		answer_invalid(call, &(struct sonde_error){ .path = "name",
			.text = "must be 1 to 63 of a-z, 0-9, '_' and '-'" });
	else if (is_json(call))
		put_json(call, how);
	else
		apply(call, call->view->body, call->view->body_len, NULL, how);
}

static int note_before(void *arg, const struct policy_version *v)
{
	struct wanted *w = arg;

	if (w->found ? v->version == w->version : v->version < w->version)
		w->best = *v;
	return 0;
}

/* found: version is the one to go back to; else the newest before it. */
void api_rollback_policy(struct call *call)
{
	struct controller *c = call->c;
	struct wanted w = { .j = NULL };
	struct sonde_read *read;
	size_t len;

	if (!sonde_policy_peek_text(c->policies, call->param, &len, &w.version) ||
	    sonde_read_begin(c->store, &read) != SONDE_OK) {
		answer_not_found(call, "policy");
		return;
	}
	uint32_t asked = version_asked(call);
	if (asked) {
		w.version = asked;
		w.found = true;
	}
	policies_versions(&c->changes, read, call->param, note_before, &w);
	/* It becomes the newest version, so that the history only grows. */
	if (w.best.version)
		apply(call, w.best.source, w.best.len, NULL, APPLY);
	else
		answer_not_found(call, "version");
	sonde_read_end(read);
}

void api_end_shadow(struct call *call)
{
	if (!sonde_policy_exists(call->c->policies, call->param)) {
		answer_not_found(call, "policy");
		return;
	}
	sonde_policy_unshadow(call->c->policies, call->param);
	answer_empty(call->c, call->req, 204);
}
