/* SPDX-License-Identifier: Apache-2.0 */
/* Settings, keys, bans and commands of nodes over REST. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "controller/api/api.h"
#include "controller/change.h"
#include "controller/life.h"
#include "controller/link.h"
#include "wire/settings.h"

static struct node *find(struct call *call)
{
	struct node *node = nodes_find(&call->c->nodes, call->param);

	if (!node)
		answer_not_found(call, "node");
	return node;
}

static void answer_node(struct controller *c, struct sonde_req *req, struct node *node)
{
	struct sonde_buf b;
	struct sonde_json j;

	sonde_buf_init(&b, 1 << 20);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '{');
	node_describe(&c->nodes, node, &j, true);
	sonde_json_close(&j);
	answer_json(c, req, 200, &b, NULL);
}

static void answer_status(struct controller *c, struct sonde_req *req, int status)
{
	if (status == SONDE_ENOENT)
		answer_error(c, req, 404, "not_found", "Couldn't find the requested node.", NULL, NULL);
	else if (status == SONDE_EGONE)
		answer_error(c, req, 409, "node_offline", "The node is not connected.", NULL, NULL);
	else
		answer_busy(c, req, status);
}

/* ---- settings ---- */

enum { SETTINGS_DEPTH = 3 }; /* plugins.TYPE.GROUP */

/* RFC 7386 down to the options' groups: null takes away. */
static void put_over(json_t *settings, const json_t *patch, int depth)
{
	const char *key;
	json_t *value, *inner;

	json_object_foreach((json_t *)patch, key, value) {
		inner = json_object_get(settings, key);
		if (json_is_null(value)) {
			json_object_del(settings, key);
		} else if (depth && json_is_object(value)) {
			if (!json_is_object(inner))
				json_object_set_new(settings, key, inner = json_object());
			put_over(inner, value, depth - 1);
		} else {
			json_object_set(settings, key, value);
		}
	}
}

/* doc holds the one option `name`, in its group when it has one. */
static int check_option(const struct type *type, const char *name, const json_t *doc,
                        struct sonde_error *e)
{
	union { double number; int64_t integer; const void *pointer; } slot = { 0 };
	struct sonde_param rows[2] = { { 0 } };
	struct sonde_pool pool;

	/* A secret would be shown with the settings. */
	if (!sonde_row_find(type->params, name, &rows[0]) ||
	    rows[0].flags & (SONDE_PARAM_INTERNAL | SONDE_PARAM_SECRET))
		return sonde_fail(e, SONDE_EINVAL, "plugins", "%.64s has no option %.64s that can be set",
		                  type->name, name);
	rows[0].offset = 0;
	rows[0].flags &= ~(uint32_t)SONDE_PARAM_REQUIRED;
	sonde_pool_init(&pool, 1 << 16);
	int rc = doc ? sonde_rows_fill(SONDE_ROWS(rows), doc, &slot, &pool, e) : SONDE_ENOMEM;
	sonde_pool_deinit(&pool);
	if (rc != SONDE_OK)
		sonde_error_nest(e, "plugins", -1);
	return rc;
}

static int check_group(const struct type *type, const char *name, json_t *value,
                       struct sonde_error *e)
{
	struct sonde_param row;
	char full[130];
	const char *inner;
	json_t *one;

	if (!json_is_object(value) || sonde_row_find(type->params, name, &row)) {
		json_t *doc = json_pack("{s:O}", name, value);
		int rc = check_option(type, name, doc, e);
		json_decref(doc);
		return rc;
	}
	json_object_foreach(value, inner, one) {
		snprintf(full, sizeof(full), "%.64s.%.64s", name, inner);
		json_t *doc = json_pack("{s:{s:O}}", name, inner, one);
		int rc = check_option(type, full, doc, e);
		json_decref(doc);
		if (rc != SONDE_OK)
			return rc;
	}
	return SONDE_OK;
}

/* The options of each type as the type's own rows take them. */
static int check_options(const struct controller *c, const json_t *plugins, struct sonde_error *e)
{
	const char *name, *option;
	json_t *options, *value;

	json_object_foreach((json_t *)plugins, name, options) {
		const struct type *type = types_find(&c->types, name, strlen(name));
		if (!type)
			return sonde_fail(e, SONDE_EINVAL, "plugins", "there is no type %.64s", name);
		json_object_foreach(options, option, value) {
			int rc = check_group(type, option, value, e);
			if (rc != SONDE_OK)
				return rc;
		}
	}
	return SONDE_OK;
}

static void configured(struct controller *c, struct node *node, void *arg, int status)
{
	if (status != SONDE_OK) {
		answer_status(c, arg, status);
		return;
	}
	life_send_settings(node);
	answer_node(c, arg, node);
}

static json_t *settings_patch(const struct node *node, const json_t *settings)
{
	char *text = json_dumps(settings, JSON_COMPACT);
	json_t *patch = text ? json_pack("{s:s, s:I}", "settings", text, "settingsVersion",
	                                 (json_int_t)node->facts.settings_version + 1) : NULL;

	free(text);
	return patch;
}

void api_configure_node(struct call *call)
{
	struct node *node = find(call);
	json_t *body = node ? call_body(call) : NULL;
	struct sonde_settings settings;
	struct sonde_error e = { "", "" };

	if (!body)
		return;
	const char *have = node->facts.settings;
	json_t *next = have && *have ? sonde_json_load(have, strlen(have), &e) : json_object();
	if (json_is_object(body))
		put_over(next, body, SETTINGS_DEPTH);
	int rc = json_is_object(body) ? sonde_settings_read(next, &settings, &e) :
					sonde_fail(&e, SONDE_EINVAL, "", "must be an object");
	if (rc == SONDE_OK)
		rc = check_options(call->c, json_object_get(next, "plugins"), &e);
	json_t *patch = rc == SONDE_OK ? settings_patch(node, next) : NULL;
	if (patch)
		rc = node_change_check(&call->c->nodes, node, patch, &e);
	json_decref(next);
	json_decref(body);
	if (rc != SONDE_OK) {
		json_decref(patch);
		answer_invalid(call, &e);
		return;
	}
	node_change(call->c, node, patch, configured, call->req);
}

void api_sync_node(struct call *call)
{
	struct node *node = find(call);

	if (!node)
		return;
	if (!node->conn) {
		answer_status(call->c, call->req, SONDE_EGONE);
		return;
	}
	life_send_settings(node);
	answer_node(call->c, call->req, node);
}

/* ---- keys ---- */

struct rotation {
	struct sonde_req *req;
	int64_t serial;
	char key[SONDE_SECRET_TEXT];
};

static void rotated(struct controller *c, struct node *node, void *arg, int status)
{
	struct rotation *r = arg;
	struct sonde_msg m = { .kind = SONDE_MSG_KEY,
		               .key = { (uint64_t)r->serial, { r->key, strlen(r->key) } } };

	if (status == SONDE_OK && !link_send(node, &m))
		status = SONDE_EGONE;
	if (status == SONDE_OK)
		answer_node(c, r->req, node);
	else
		answer_status(c, r->req, status);
	sonde_secret_wipe(r, sizeof(*r));
	free(r);
}

void api_rotate_key(struct call *call)
{
	struct node *node = find(call);
	uint8_t hash[SONDE_HASH_BYTES];
	char hex[2 * SONDE_HASH_BYTES + 1];

	if (!node)
		return;
	struct rotation *r = node->conn ? calloc(1, sizeof(*r)) : NULL;
	if (!r) {
		answer_status(call->c, call->req, node->conn ? SONDE_ENOMEM : SONDE_EGONE);
		return;
	}
	r->req = call->req;
	r->serial = sonde_wall_ms();
	sonde_secret_make("node", r->key);
	sonde_secret_hash(r->key, strlen(r->key), hash);
	for (int i = 0; i < SONDE_HASH_BYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", hash[i]);
	node_change(call->c, node, json_pack("{s:s, s:I, s:b}", "nextKeyHash", hex, "nextKeyMs",
	                                     (json_int_t)r->serial, "nextKeyKept", 0), rotated, r);
}

/* ---- bans ---- */

struct ban {
	const char *reason;
	int64_t for_ns;
};

#define ROW(n, t, m, h, ...) \
	{ .name = n, .type = SONDE_TYPE_##t, .offset = offsetof(struct ban, m), .help = h, __VA_ARGS__ }

static const struct sonde_param ban_rows[] = {
	ROW("reason", STRING, reason, "told to the node", .max = 80),
	ROW("for", DURATION, for_ns, "how long; for good when not given",
	    .max = INT64_C(1000) * 86400 * 3650),
	{ 0 },
};

static void banned(struct controller *c, struct node *node, void *arg, int status)
{
	if (status != SONDE_OK) {
		answer_status(c, arg, status);
		return;
	}
	if (node_is_banned(node))
		life_send_away(c, node);
	answer_node(c, arg, node);
}

void api_ban_node(struct call *call)
{
	struct node *node = find(call);
	struct ban ban = { 0 };
	struct sonde_pool pool;
	struct sonde_error e;

	json_t *body = !node ? NULL : call->view->body_len ? call_body(call) : json_object();
	if (!body)
		return;
	sonde_pool_init(&pool, 4096);
	int rc = sonde_rows_fill(SONDE_ROWS(ban_rows), body, &ban, &pool, &e);
	int64_t until = ban.for_ns ? sonde_wall_ms() + ban.for_ns / SONDE_NS_PER_MS : 0;
	json_t *patch = json_pack("{s:b, s:s, s:I}", "banned", 1, "banReason", ban.reason ? ban.reason : "",
	                          "banUntilMs", (json_int_t)until);
	sonde_pool_deinit(&pool);
	json_decref(body);
	if (rc == SONDE_OK) {
		node_change(call->c, node, patch, banned, call->req);
		return;
	}
	json_decref(patch);
	answer_invalid(call, &e);
}

void api_unban_node(struct call *call)
{
	struct node *node = find(call);

	if (node)
		node_change(call->c, node, json_pack("{s:b, s:s, s:i}", "banned", 0, "banReason", "",
		                                     "banUntilMs", 0), banned, call->req);
}

/* ---- commands ---- */

static void put_lines(struct sonde_text text, struct sonde_json *j)
{
	sonde_json_open(j, "lines", '[');
	while (text.len) {
		const char *end = memchr(text.s, '\n', text.len);
		size_t n = end ? (size_t)(end - text.s) : text.len;
		sonde_json_text(j, NULL, text.s, n);
		text.s += n + (end != NULL);
		text.len -= n + (end != NULL);
	}
	sonde_json_close(j);
}

static void commanded(struct controller *c, void *arg, const struct sonde_msg_answer *a,
                      const char *why)
{
	struct sonde_buf b;
	struct sonde_json j;
	char problem[256];

	if (!a || a->problem.len) {
		snprintf(problem, sizeof(problem), "%.*s", a ? (int)a->problem.len : (int)strlen(why),
		         a ? a->problem.s : why);
		answer_error(c, arg, a ? 409 : 504, a ? "node_refused" : "node_silent", problem, NULL, NULL);
		return;
	}
	sonde_buf_init(&b, REPLY_MAX);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '{');
	sonde_json_int(&j, "next", (int64_t)a->next);
	put_lines(a->text, &j);
	sonde_json_close(&j);
	answer_json(c, arg, 200, &b, NULL);
}

static void command(struct call *call, const struct sonde_msg_command *m)
{
	struct node *node = find(call);

	if (!node)
		return;
	int rc = commands_send(call->c, node, m, commanded, call->req);
	if (rc != SONDE_OK)
		answer_status(call->c, call->req, rc);
}

static uint64_t number_of(const struct call *call, const char *name, uint64_t otherwise)
{
	char text[24], *end;

	if (!call_query(call, name, text, sizeof(text)) || *text < '0' || *text > '9')
		return otherwise;
	unsigned long long v = strtoull(text, &end, 10);
	return *end || v > UINT64_C(1) << 53 ? otherwise : v;
}

void api_node_logs(struct call *call)
{
	uint64_t lines = number_of(call, "lines", 100);

	command(call, &(struct sonde_msg_command){ .what = SONDE_TEXT("logs"),
	        .after = number_of(call, "after", 0),
	        .lines = lines > 1000 ? 1000 : (uint32_t)lines });
}

void api_restart_runner(struct call *call)
{
	command(call, &(struct sonde_msg_command){ .what = SONDE_TEXT("restart-runner") });
}

void api_self_test(struct call *call)
{
	command(call, &(struct sonde_msg_command){ .what = SONDE_TEXT("selftest") });
}
