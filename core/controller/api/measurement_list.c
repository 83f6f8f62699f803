/* SPDX-License-Identifier: Apache-2.0 */
/* Measurements together: the list, newest first, by pages; cancelling and running again. A page ends
 * at its limit or after SCAN_MAX records, whatever comes first, so that a filter that fits nothing
 * does not hold the loop; `next` goes on from there. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "controller/api/api.h"
#include "controller/members.h"
#include "controller/retain.h"

enum { PAGE = 50, PAGE_MAX = 1000, SCAN_MAX = 20000 };

enum status_filter { STATUS_ANY, STATUS_OPEN, STATUS_FINISHED };

struct page {
	struct controller *c;
	struct sonde_json *j;
	enum status_filter status;
	char type[64], target[256];
	const struct user *owner; /* of whom; NULL = of all */
	int64_t since_ms, limit;
	unsigned shown, scanned;
	struct sonde_id last;
	struct retention retention;
	bool more;
};

static void refuse_other(struct call *call)
{
	answer_error(call->c, call->req, 403, "forbidden", "The measurement is another user's.", NULL,
	             NULL);
}

static void put_one(struct page *p, const struct sonde_id *id, const struct record *r, bool open)
{
	sonde_json_open(p->j, NULL, '{');
	member_id(p->j, "id", id);
	sonde_json_text(p->j, "type", r->type.s, r->type.len);
	sonde_json_text(p->j, "target", r->target.s, r->target.len);
	sonde_json_str(p->j, "status", open ? "in-progress" : "finished");
	member_time(p->j, "createdAt", sonde_id_wall_ms(id));
	sonde_json_int(p->j, "probesCount", record_probes(r));
	const struct user *owner = record_owner(p->c, r);
	sonde_json_str(p->j, "user", owner ? owner->facts.name : NULL);
	sonde_json_close(p->j);
}

static bool is_text(const char *want, struct sonde_text t)
{
	return !*want || (strlen(want) == t.len && !strncasecmp(want, t.s, t.len));
}

static int on_record(void *arg, struct sonde_slice key, struct sonde_slice value)
{
	struct page *p = arg;
	struct record r;
	struct sonde_id id;

	if (key.len != sizeof(id.b) || record_read(&r, value.data, value.len) != SONDE_OK)
		return 0;
	memcpy(id.b, key.data, sizeof(id.b));
	if (sonde_id_wall_ms(&id) < p->since_ms)
		return 1;
	if (p->shown >= p->limit || p->scanned >= SCAN_MAX) {
		p->more = true;
		return 1;
	}
	p->scanned++;
	p->last = id;
	bool open = tasks_find(&p->c->tasks, &id) != NULL;
	if (p->status && open != (p->status == STATUS_OPEN))
		return 0;
	if (p->owner && record_owner(p->c, &r) != p->owner)
		return 0;
	if (!retention_keeps(&p->retention, &id, &r))
		return 0;
	if (!is_text(p->type, r.type) || !is_text(p->target, r.target))
		return 0;
	p->shown++;
	put_one(p, &id, &r, open);
	return 0;
}

/* Others see their own only. */
static bool read_owner(struct call *call, struct page *p)
{
	char name[USER_NAME_MAX + 1];
	bool all = role_may(call->who.role, ROLE_WATCH);

	p->owner = all ? NULL : call->who.user;
	if (!call_query(call, "user", name, sizeof(name)))
		return true;
	const struct user *user = users_find(&call->c->accounts.users, name);
	if (user && (all || user == call->who.user)) {
		p->owner = user;
		return true;
	}
	return call_wrong(call, "user", all ? "must be the name of a user" : "must be your own name");
}

static bool read_page(struct call *call, struct page *p, struct sonde_id *from, bool *has_from)
{
	char text[64];
	int64_t until;

	call_query(call, "type", p->type, sizeof(p->type));
	call_query(call, "target", p->target, sizeof(p->target));
	if (call_query(call, "status", text, sizeof(text))) {
		p->status = !strcmp(text, "in-progress") ? STATUS_OPEN :
			    !strcmp(text, "finished") ? STATUS_FINISHED : STATUS_ANY;
		if (!p->status)
			return call_wrong(call, "status", "must be in-progress or finished");
	}
	if (!call_number(call, "limit", 1, PAGE_MAX, PAGE, &p->limit) ||
	    !call_time(call, "since", 0, &p->since_ms) || !call_time(call, "until", -1, &until))
		return false;
	*has_from = call_query(call, "cursor", text, sizeof(text));
	if (*has_from && !sonde_id_parse(text, strlen(text), from))
		return call_wrong(call, "cursor", "must be the \"next\" of an answer");
	if (*has_from || until < 0)
		return true;
	*has_from = true;
	memset(from, 0, sizeof(*from));
	for (int i = 0; i < 6; i++)
		from->b[i] = (uint8_t)(until >> (40 - 8 * i));
	return true;
}

void api_list_measurements(struct call *call)
{
	struct page p = { .c = call->c };
	struct sonde_read *read;
	struct sonde_id from;
	struct sonde_buf b;
	struct sonde_json j;
	char next[SONDE_ID_TEXT];
	bool has_from;

	if (!read_owner(call, &p) || !read_page(call, &p, &from, &has_from))
		return;
	int rc = sonde_read_begin(call->c->store, &read);
	if (rc != SONDE_OK) {
		answer_busy(call->c, call->req, rc);
		return;
	}
	sonde_buf_init(&b, REPLY_MAX);
	sonde_json_init(&j, &b);
	p.j = &j;
	sonde_json_open(&j, NULL, '{');
	retention_init(&p.retention, call->c);
	sonde_json_open(&j, "measurements", '[');
	sonde_read_each_back(read, SONDE_TABLE_MEASUREMENTS,
	                     (struct sonde_slice){ from.b, has_from ? sizeof(from.b) : 0 }, on_record,
	                     &p);
	sonde_read_end(read);
	sonde_json_close(&j);
	if (p.more)
		sonde_id_format(&p.last, next);
	sonde_json_str(&j, "next", p.more ? next : NULL);
	sonde_json_close(&j);
	answer_json(call->c, call->req, 200, &b, NULL);
}

/* ---- cancel ---- */

/* Its texts are the store's, valid while it is read. */
static bool find_record(const struct controller *c, struct sonde_read *read,
                        const struct sonde_id *id, struct record *r)
{
	struct retention retention;
	struct sonde_slice value;

	retention_init(&retention, c);
	return sonde_read_get(read, SONDE_TABLE_MEASUREMENTS,
	                      (struct sonde_slice){ id->b, sizeof(id->b) }, &value) == SONDE_OK &&
	       record_read(r, value.data, value.len) == SONDE_OK &&
	       retention_keeps(&retention, id, r);
}

void api_cancel_measurement(struct call *call)
{
	struct sonde_read *read;
	struct record record;
	struct sonde_id id;
	struct sonde_buf b;
	struct sonde_json j;

	if (!sonde_id_parse(call->param, strlen(call->param), &id) ||
	    sonde_read_begin(call->c->store, &read) != SONDE_OK) {
		answer_not_found(call, "measurement");
		return;
	}
	bool stored = find_record(call->c, read, &id, &record), own = stored && call_owns(call, &record);
	sonde_read_end(read);
	if (!own) {
		if (stored)
			refuse_other(call);
		else
			answer_not_found(call, "measurement");
		return;
	}
	struct measurement *m = tasks_find(&call->c->tasks, &id);
	if (!m) {
		answer_error(call->c, call->req, 409, "conflict", "The measurement is finished.", NULL,
		             NULL);
		return;
	}
	unsigned n = tasks_cancel(&call->c->tasks, m);
	tasks_flush(&call->c->tasks);
	sonde_buf_init(&b, 1024);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '{');
	sonde_json_str(&j, "id", call->param);
	sonde_json_int(&j, "cancelled", n);
	sonde_json_close(&j);
	answer_json(call->c, call->req, 200, &b, NULL);
}

/* ---- run again ---- */

static json_t *text_of(struct sonde_text t)
{
	return json_stringn(t.s, t.len);
}

static bool is_host_name(struct sonde_text t)
{
	return memchr(t.s, '.', t.len) && !memchr(t.s, ':', t.len) &&
	       strspn(t.s, "0123456789.") < t.len;
}

/* With their secrets, which the new one seals again; NULL when they cannot be read. */
static json_t *options_of(const struct controller *c, const struct record *r)
{
	size_t len = r->sealed.len > SONDE_SEAL_EXTRA ? r->sealed.len - SONDE_SEAL_EXTRA : 0;
	char *text = len ? malloc(len) : NULL;
	json_t *options = NULL;

	if (!len)
		return json_loadb(r->options.s, r->options.len, 0, NULL);
	if (text && sonde_secret_open(c->accounts.keys.seal, r->sealed.s, r->sealed.len, (uint8_t *)text))
		options = json_loadb(text, len, 0, NULL);
	if (text)
		sonde_secret_wipe(text, len);
	free(text);
	return options;
}

/* The request that a measurement came from, as far as it is remembered. */
static json_t *request_of(const struct controller *c, const struct record *r, const char *same)
{
	json_t *options = options_of(c, r), *body = json_object();

	json_object_set_new(body, "type", text_of(r->type));
	json_object_set_new(body, "target", text_of(r->target));
	if (!options && r->sealed.len) {
		json_decref(body);
		return NULL;
	}
	if (!options)
		options = json_object();
	if (r->ip_version && is_host_name(r->target))
		json_object_set_new(options, "ipVersion", json_integer(r->ip_version));
	json_object_set_new(body, "measurementOptions", options);
	if (r->needs.len)
		json_object_set_new(body, "requirements", json_loadb(r->needs.s, r->needs.len, 0, NULL));
	if (same)
		json_object_set_new(body, "locations", json_string(same));
	else if (r->locations.len)
		json_object_set_new(body, "locations",
		                    json_loadb(r->locations.s, r->locations.len, 0, NULL));
	if (r->limit)
		json_object_set_new(body, "limit", json_integer(r->limit));
	if (r->timeout_given)
		json_object_set_new(body, "timeout", json_integer(r->timeout_ms / 1000));
	json_object_set_new(body, "inProgressUpdates", json_boolean(r->progress));
	if (r->exclude.len && !same)
		json_object_set_new(body, "exclude", json_loadb(r->exclude.s, r->exclude.len, 0, NULL));
	json_object_set_new(body, "policy", text_of(r->policy));
	if (r->params.len)
		json_object_set_new(body, "policyParams", json_loadb(r->params.s, r->params.len, 0, NULL));
	json_object_set_new(body, "priority", json_integer(r->priority ? r->priority : 50));
	return body;
}

/* ?nodes=same: at the very nodes of the first time. */
void api_rerun_measurement(struct call *call)
{
	struct sonde_read *read;
	struct record record;
	struct sonde_id id;
	char nodes[16] = "";
	json_t *body = NULL;
	bool own = true;

	call_query(call, "nodes", nodes, sizeof(nodes));
	if (!sonde_id_parse(call->param, strlen(call->param), &id) ||
	    sonde_read_begin(call->c->store, &read) != SONDE_OK) {
		answer_not_found(call, "measurement");
		return;
	}
	bool found = find_record(call->c, read, &id, &record);
	if (found) {
		own = call_owns(call, &record);
		if (own)
			body = request_of(call->c, &record,
			                  !strcmp(nodes, "same") ? call->param : NULL);
	}
	sonde_read_end(read);
	if (body)
		measurements_submit(call, body);
	else if (!own)
		refuse_other(call);
	else if (found)
		answer_error(call->c, call->req, 409, "conflict",
		             "The secrets of the measurement cannot be read any more.", NULL, NULL);
	else
		answer_not_found(call, "measurement");
}
