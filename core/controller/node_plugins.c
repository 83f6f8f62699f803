/* SPDX-License-Identifier: Apache-2.0 */
/* A node's plugins are kept as names and versions only: all that is asked of them, and a tenth of
 * the memory. A reload describes the own directories on a thread of libuv's pool, since that runs
 * a program; then the nodes are asked. Owns the reload until its request was answered. */
#include "controller/node_plugins.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "controller/api/api.h"
#include "controller/controller.h"
#include "controller/describe.h"
#include "controller/life.h"
#include "controller/link.h"
#include "controller/members.h"

enum { DESCRIBE_MAX = 4 << 20, REFUSED_MAX = 32, FILE_TEXT = 128, WHY_TEXT = 300 };

/* ---- from nodes ---- */

static void copy_text(json_t *to, const char *name, const json_t *from)
{
	if (json_is_string(from))
		json_object_set(to, name, (json_t *)from);
}

static bool fits(const json_t *plugin, const char *member, size_t max)
{
	const json_t *text = json_object_get(plugin, member);

	return !text || (json_is_string(text) && json_string_length(text) <= max);
}

/* What a node may have so many of; all of it is kept in memory. */
static bool within_quota(const json_t *plugins)
{
	json_t *plugin;
	size_t i;

	if (json_array_size(plugins) > NODE_PLUGINS_MAX)
		return false;
	json_array_foreach((json_t *)plugins, i, plugin)
		if (!fits(plugin, "name", NODE_PLUGIN_NAME) || !fits(plugin, "version", NODE_PLUGIN_VERSION) ||
		    json_dumpb(plugin, NULL, 0, JSON_COMPACT) > NODE_PLUGIN_BYTES)
			return false;
	return true;
}

static void add_cut(json_t *to, const char *name, const char *text, size_t max)
{
	size_t len = strnlen(text, max);

	while (len && ((unsigned char)text[len] & 0xc0) == 0x80)
		len--;
	json_object_set_new(to, name, json_stringn(text, len));
}

static json_t *summary_of(const json_t *plugins)
{
	json_t *out = json_array(), *plugin;
	size_t i;

	json_array_foreach((json_t *)plugins, i, plugin) {
		if (!json_is_string(json_object_get(plugin, "name")))
			continue;
		json_t *one = json_object();
		copy_text(one, "name", json_object_get(plugin, "name"));
		copy_text(one, "version", json_object_get(plugin, "version"));
		json_array_append_new(out, one);
	}
	return out;
}

/* NULL when nothing was refused. The path on the node is its own business: the file's name only. */
static json_t *refused_of(const json_t *rows)
{
	json_t *out = NULL, *row;
	size_t i;

	json_array_foreach((json_t *)rows, i, row) {
		const char *path = json_string_value(json_object_get(row, "file"));
		const char *slash = path ? strrchr(path, '/') : NULL;
		if (i == REFUSED_MAX)
			break;
		if (!path)
			continue;
		json_t *one = json_object();
		const char *why = json_string_value(json_object_get(row, "why"));
		add_cut(one, "file", slash ? slash + 1 : path, FILE_TEXT);
		if (why)
			add_cut(one, "why", why, WHY_TEXT);
		out = out ? out : json_array();
		json_array_append_new(out, one);
	}
	return out;
}

int node_plugins_take(struct controller *c, struct node *node, struct sonde_text description)
{
	struct sonde_error e;
	json_t *doc = sonde_json_load(description.s, description.len, &e);
	json_t *plugins = json_object_get(doc, "plugins");

	if (!json_is_array(plugins)) {
		json_decref(doc);
		return SONDE_EINVAL;
	}
	if (!within_quota(plugins)) {
		json_decref(doc);
		life_quota(c, node);
		return SONDE_EFULL;
	}
	json_decref(node->refused);
	node->refused = refused_of(json_object_get(doc, "refused"));
	node_set_plugins(&c->nodes, node, summary_of(plugins));
	if (node->facts.approved)
		types_learn(&c->types, plugins);
	json_decref(doc);
	return SONDE_OK;
}

static void log_refused(const struct node *node)
{
	json_t *row;
	size_t i;

	json_array_foreach(node->refused, i, row) {
		const char *why = json_string_value(json_object_get(row, "why"));
		sonde_log(SONDE_LOG_WARN, "link", "%s: %s: %.300s", node->facts.name,
		          json_string_value(json_object_get(row, "file")), why ? why : "");
	}
}

int node_plugins_on_types(struct controller *c, struct node *node, const struct sonde_msg_types *m)
{
	int rc = node_plugins_take(c, node, m->plugins);

	if (rc != SONDE_OK)
		return rc;
	if (m->asked) {
		size_t n = m->why.len < sizeof(node->reload_why) ? m->why.len :
		                                                   sizeof(node->reload_why) - 1;
		node->reload = n ? NODE_RELOAD_FAILED : NODE_RELOAD_DONE;
		memcpy(node->reload_why, m->why.s ? m->why.s : "", n);
		node->reload_why[n] = '\0';
	}
	sonde_log(m->why.len ? SONDE_LOG_WARN : SONDE_LOG_INFO, "link", "%s has %zu plugins%s%.*s",
	          node->facts.name, json_array_size(node->plugins), m->why.len ? ": " : "",
	          (int)m->why.len, m->why.s ? m->why.s : "");
	log_refused(node);
	tasks_touch(&c->tasks, node);
	tasks_flush(&c->tasks);
	return SONDE_OK;
}

void node_plugins_approved(struct controller *c, struct node *node)
{
	const struct sonde_msg m = { .kind = SONDE_MSG_RELOAD };
	const json_t *plugin;
	size_t i;

	json_array_foreach(node->plugins, i, plugin) {
		const char *name = json_string_value(json_object_get(plugin, "name"));
		const struct type *type = name ? types_find(&c->types, name, strlen(name)) : NULL;
		if (type && !type->learned)
			continue;
		if (node->conn)
			link_send_tasks(c, node, &m);
		return;
	}
}

/* ---- reload ---- */

struct reload {
	uv_work_t work;
	struct controller *c;
	struct sonde_req *req;
	struct sonde_id node;
	bool all;
	struct sonde_buf described;
	struct sonde_error error;
	int rc;
};

static void describe(uv_work_t *work)
{
	struct reload *r = work->data;

	r->rc = describe_plugins(r->c->options.runner, r->c->options.plugins, &r->described,
	                         &r->error);
}

static bool some_node_has(void *arg, const struct type *type)
{
	const struct nodes *nodes = arg;

	for (unsigned i = 0; i < nodes->len; i++)
		if (nodes->all[i] && node_has_type(nodes->all[i], type->name, strlen(type->name)))
			return true;
	return false;
}

static void ask(struct controller *c, struct node *node, struct sonde_json *j)
{
	const struct sonde_msg m = { .kind = SONDE_MSG_RELOAD };

	if (!link_send_tasks(c, node, &m))
		return;
	node->reload = NODE_RELOAD_ASKED;
	node->reload_why[0] = '\0';
	sonde_json_open(j, NULL, '{');
	member_id(j, "id", &node->id);
	sonde_json_str(j, "name", node->facts.name ? node->facts.name : "");
	sonde_json_close(j);
}

static void answer(struct reload *r)
{
	struct controller *c = r->c;
	struct sonde_buf b;
	struct sonde_json j;

	sonde_buf_init(&b, REPLY_MAX);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '{');
	sonde_json_int(&j, "types", (int64_t)c->types.by_name.len);
	sonde_json_open(&j, "nodes", '[');
	for (unsigned i = 0; i < c->nodes.len; i++) {
		struct node *node = c->nodes.all[i];
		if (node && node->conn && (r->all || sonde_id_equal(&node->id, &r->node)))
			ask(c, node, &j);
	}
	sonde_json_close(&j);
	sonde_json_close(&j);
	answer_json(c, r->req, 202, &b, NULL);
}

static void described(uv_work_t *work, int status)
{
	struct reload *r = work->data;
	struct controller *c = r->c;

	if (r->rc == SONDE_OK)
		r->rc = types_take(&c->types, r->described.data, r->described.len, &r->error);
	if (r->rc == SONDE_OK)
		types_forget(&c->types, some_node_has, &c->nodes);
	else
		sonde_log(SONDE_LOG_ERROR, "types", "the types stay as they were: %s", r->error.text);
	/* An answer is owed also when the controller ends meanwhile. */
	if (c->stopping)
		answer_busy(c, r->req, SONDE_EGONE);
	else if (r->rc == SONDE_OK)
		answer(r);
	else
		answer_error(c, r->req, 500, "api_error", r->error.text, NULL, NULL);
	sonde_buf_deinit(&r->described);
	free(r);
}

void plugins_reload(struct controller *c, struct sonde_req *req, const struct node *node)
{
	struct reload *r = calloc(1, sizeof(*r));

	if (!r) {
		answer_busy(c, req, SONDE_ENOMEM);
		return;
	}
	r->work.data = r;
	r->c = c;
	r->req = req;
	r->all = !node;
	if (node)
		r->node = node->id;
	sonde_buf_init(&r->described, DESCRIBE_MAX);
	if (uv_queue_work(&c->loop, &r->work, describe, described)) {
		free(r);
		answer_busy(c, req, SONDE_ENOMEM);
	}
}
