/* SPDX-License-Identifier: Apache-2.0 */
/* Administration of nodes over REST, and the public list. A change is stored first and shows in
 * memory after the commit. */
#include "controller/nodes.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "controller/api/api.h"
#include "controller/change.h"
#include "controller/link.h"

static void put_node(struct call *call, const struct node *node, struct sonde_json *j)
{
	sonde_json_open(j, NULL, '{');
	node_describe(&call->c->nodes, node, j, role_may(call->who.role, ROLE_WATCH));
	sonde_json_close(j);
}

static bool is_listed(const struct controller *c, const struct node *node)
{
	return node_status(&c->nodes, node) != NODE_DEREGISTERED ||
	       sonde_wall_ms() - node->facts.goodbye_ms < c->nodes.deregistered_ms;
}

void api_list_nodes(struct call *call)
{
	const struct nodes *nodes = &call->c->nodes;
	struct sonde_buf b;
	struct sonde_json j;

	sonde_buf_init(&b, REPLY_MAX);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '[');
	for (unsigned i = 0; i < nodes->len; i++)
		if (nodes->all[i] && is_listed(call->c, nodes->all[i]))
			put_node(call, nodes->all[i], &j);
	sonde_json_close(&j);
	answer_json(call->c, call->req, 200, &b, NULL);
}

void api_get_node(struct call *call)
{
	const struct node *node = nodes_find(&call->c->nodes, call->param);
	struct sonde_buf b;
	struct sonde_json j;

	if (!node) {
		answer_not_found(call, "node");
		return;
	}
	sonde_buf_init(&b, REPLY_MAX);
	sonde_json_init(&j, &b);
	put_node(call, node, &j);
	answer_json(call->c, call->req, 200, &b, NULL);
}

static void removed(struct controller *c, struct node *node, void *req, int status)
{
	if (status != SONDE_OK) {
		answer_busy(c, req, status);
		return;
	}
	commands_node_gone(c, node);
	link_close(node, 4401, "The node was removed.");
	if (node->conn)
		link_forget(node);
	tasks_node_removed(&c->tasks, node);
	nodes_remove(&c->nodes, node);
	tasks_flush(&c->tasks);
	answer_empty(c, req, 204);
}

static void changed(struct controller *c, struct node *node, void *req, int status)
{
	struct call call = { .c = c, .who = { .role = ROLE_OPERATOR } };
	struct sonde_buf b;
	struct sonde_json j;

	if (status != SONDE_OK) {
		answer_busy(c, req, status);
		return;
	}
	if (node->facts.disabled || node->facts.draining)
		tasks_node_idle(&c->tasks, node, "The node takes no new tasks.");
	tasks_touch(&c->tasks, node);
	tasks_flush(&c->tasks);
	sonde_buf_init(&b, 1 << 20);
	sonde_json_init(&j, &b);
	put_node(&call, node, &j);
	answer_json(c, req, 200, &b, NULL);
}

static bool is_place(const char *key)
{
	static const char *const keys[] = { "region", "country", "city", "state", "continent",
		                            "latitude", "longitude" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!strcmp(key, keys[i]))
			return true;
	return false;
}

/* The owner is given by name or id and kept by id. */
static int take_owner(const struct controller *c, json_t *patch, struct sonde_error *e)
{
	const json_t *owner = json_object_get(patch, "owner");
	const char *text = json_string_value(owner);

	if (!owner || (text && !*text))
		return SONDE_OK;
	const struct user *user = text ? users_find(&c->accounts.users, text) : NULL;
	if (!user)
		return sonde_fail(e, SONDE_EINVAL, "owner", "is not the name of a user");
	json_object_set_new(patch, "owner", json_string(user->facts.id));
	return SONDE_OK;
}

/* Names what can be changed, so that a misspelt one is found. */
static int no_such_member(const char *key, struct sonde_error *e)
{
	struct sonde_param row;
	char names[160] = "";
	size_t n = 0;

	for (unsigned i = 0; n < sizeof(names) && sonde_row_at(node_public_rows(), i, &row); i++)
		n += (size_t)snprintf(names + n, sizeof(names) - n, " %s", row.name);
	return sonde_fail(e, SONDE_EINVAL, key, "cannot be changed; what can:%s owner tier trusted enabled",
	                  names);
}

/* Members a PATCH may carry: the public facts, and what only an operator says. */
static int check_patch(const struct controller *c, json_t *patch, struct sonde_error *e)
{
	json_t *enabled = json_object_get(patch, "enabled"), *value;
	struct sonde_param row;
	bool placed = false;
	const char *key;

	if (enabled) {
		if (!json_is_boolean(enabled))
			return sonde_fail(e, SONDE_EINVAL, "enabled", "must be true or false");
		json_object_set_new(patch, "disabled", json_boolean(!json_is_true(enabled)));
		json_object_del(patch, "enabled");
	}
	json_object_foreach(patch, key, value) {
		placed |= is_place(key);
		if (!strcmp(key, "approved") || !strcmp(key, "disabled") || !strcmp(key, "draining") ||
		    !strcmp(key, "tier") || !strcmp(key, "trusted") || !strcmp(key, "owner") ||
		    sonde_row_find(node_public_rows(), key, &row))
			continue;
		return no_such_member(key, e);
	}
	if (placed)
		json_object_set_new(patch, "placed", json_true());
	int rc = take_owner(c, patch, e);
	return rc == SONDE_OK ? node_join_tags(patch, e) : rc;
}

void api_patch_node(struct call *call)
{
	const struct node *node = nodes_find(&call->c->nodes, call->param);
	struct sonde_error e;

	if (!node) {
		answer_not_found(call, "node");
		return;
	}
	json_t *patch = call_body(call);
	if (!patch)
		return;
	int rc = json_is_object(patch) ? check_patch(call->c, patch, &e) :
					 sonde_fail(&e, SONDE_EINVAL, "", "must be an object");
	if (rc == SONDE_OK)
		rc = node_change_check(&call->c->nodes, node, patch, &e);
	if (rc == SONDE_OK) {
		node_change(call->c, node, patch, changed, call->req);
		return;
	}
	json_decref(patch);
	answer_invalid(call, &e);
}

void api_delete_node(struct call *call)
{
	const struct node *node = nodes_find(&call->c->nodes, call->param);

	if (node)
		node_change(call->c, node, json_pack("{s:b}", "removed", 1), removed, call->req);
	else
		answer_not_found(call, "node");
}

/* ---- public view ---- */

void api_list_probes(struct call *call)
{
	static const struct sonde_header headers[] = {
		{ "Cache-Control", "public, max-age=1, stale-while-revalidate=1, stale-if-error=60" },
		{ NULL },
	};
	const struct nodes *nodes = &call->c->nodes;
	struct sonde_buf b;
	struct sonde_json j;

	sonde_buf_init(&b, REPLY_MAX);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '[');
	for (unsigned i = 0; i < nodes->len; i++) {
		const struct node *n = nodes->all[i];
		if (!n || node_status(nodes, n) != NODE_ONLINE)
			continue;
		sonde_json_open(&j, NULL, '{');
		sonde_json_str(&j, "version", n->version);
		sonde_json_open(&j, "location", '{');
		node_location(n, &j);
		sonde_json_close(&j);
		node_put_tags(n, &j);
		node_resolvers(n, &j);
		sonde_json_close(&j);
	}
	sonde_json_close(&j);
	answer_json(call->c, call->req, 200, &b, headers);
}
