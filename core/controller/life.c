/* SPDX-License-Identifier: Apache-2.0 */
/* See life.h. Owns nothing: facts change through node_change, live members lie in struct node. What a
 * node says is believed only about itself. */
#include "controller/life.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "controller/change.h"
#include "controller/controller.h"
#include "controller/link.h"

/* ---- who may connect ---- */

static bool hash_is(const uint8_t hash[SONDE_HASH_BYTES], const char *hex)
{
	uint8_t have[SONDE_HASH_BYTES];

	if (!hex || strlen(hex) != 2 * SONDE_HASH_BYTES)
		return false;
	for (int i = 0; i < SONDE_HASH_BYTES; i++) {
		char two[3] = { hex[2 * i], hex[2 * i + 1], 0 };
		have[i] = (uint8_t)strtoul(two, NULL, 16);
	}
	return sonde_secret_equal(hash, have);
}

static bool overlap_is_over(const struct node_facts *f)
{
	return f->next_key_hash && *f->next_key_hash && f->next_key_kept &&
	       sonde_wall_ms() > f->next_key_ms + LIFE_OVERLAP_MS;
}

int life_key(const struct node *node, struct sonde_text key)
{
	const struct node_facts *f = &node->facts;
	uint8_t hash[SONDE_HASH_BYTES];

	sonde_secret_hash(key.s, key.len, hash);
	if (hash_is(hash, f->next_key_hash))
		return 2;
	return hash_is(hash, f->key_hash) && !overlap_is_over(f);
}

static void say_ban(const struct node_facts *f, char *why, size_t room)
{
	char when[SONDE_TIME_TEXT] = "";

	if (f->ban_until_ms)
		sonde_format_time(when, f->ban_until_ms);
	snprintf(why, room, "Banned%s%.19s: %.80s", *when ? " until " : "", when,
	         f->ban_reason && *f->ban_reason ? f->ban_reason : "no reason given");
}

unsigned life_refusal(struct controller *c, struct node *node, struct sonde_text version, char *why,
                      size_t room)
{
	const char *least = c->options.node_version_min;
	char have[33];

	snprintf(have, sizeof(have), "%.*s", (int)version.len, version.s);
	if (node_is_banned(node)) {
		say_ban(&node->facts, why, room);
		return LIFE_BANNED;
	}
	if (least && *least && version_compare(have, least) < 0) {
		snprintf(why, room, "Version %s is too old: at least %.32s is needed. Update sonde-node.",
		         have, least);
		memcpy(node->version, have, sizeof(node->version));
		return LIFE_OUTDATED;
	}
	return 0;
}

void life_send_away(struct controller *c, struct node *node)
{
	char why[124];

	say_ban(&node->facts, why, sizeof(why));
	link_close(node, LIFE_BANNED, why);
	if (node->conn)
		link_forget(node);
	tasks_node_gone(&c->tasks, node);
	tasks_node_idle(&c->tasks, node, "The node was banned.");
	tasks_flush(&c->tasks);
	commands_node_gone(c, node);
}

/* ---- settings ---- */

bool life_send_settings(struct node *node)
{
	const char *text = node->facts.settings;
	struct sonde_msg m = { .kind = SONDE_MSG_CONFIG };

	if (!node->conn || !node->facts.settings_version)
		return false;
	m.config.version = (uint64_t)node->facts.settings_version;
	m.config.settings = (struct sonde_text){ text ? text : "{}", text ? strlen(text) : 2 };
	return link_send(node, &m);
}

static void on_configured(struct node *node, const struct sonde_msg_confirm *m)
{
	snprintf(node->settings_problem, sizeof(node->settings_problem), "%.*s", (int)m->problem.len,
	         m->problem.len ? m->problem.s : "");
	if (!m->problem.len)
		node->settings_have = m->serial;
	else
		sonde_log(SONDE_LOG_WARN, "nodes", "%s does not use its settings: %s", node->facts.name,
		          node->settings_problem);
}

/* ---- keys ---- */

static void end_rotation(struct controller *c, struct node *node, bool promote)
{
	json_t *patch = json_pack("{s:s, s:i, s:b}", "nextKeyHash", "", "nextKeyMs", 0, "nextKeyKept", 0);

	if (patch && promote)
		json_object_set_new(patch, "keyHash", json_string(node->facts.next_key_hash));
	sonde_log(SONDE_LOG_INFO, "nodes", promote ? "%s uses its new key" : "%s keeps its old key",
	          node->facts.name);
	node_change(c, node, patch, NULL, NULL);
}

static void on_keyed(struct controller *c, struct node *node, const struct sonde_msg_confirm *m)
{
	const struct node_facts *f = &node->facts;

	if (!f->next_key_hash || !*f->next_key_hash || m->serial != (uint64_t)f->next_key_ms)
		return;
	if (!m->problem.len) {
		node_change(c, node, json_pack("{s:b}", "nextKeyKept", 1), NULL, NULL);
		return;
	}
	sonde_log(SONDE_LOG_ERROR, "nodes", "%s cannot keep its new key: %.*s", f->name,
	          (int)m->problem.len, m->problem.s);
	end_rotation(c, node, false);
}

/* ---- what comes from the node ---- */

static void on_health(struct nodes *nodes, struct node *node, struct sonde_text report)
{
	json_t *doc = sonde_json_load(report.s, report.len, NULL);

	if (!doc)
		return;
	node_set_machine(nodes, node, json_object_get(doc, "machine"));
	json_object_del(doc, "machine");
	json_decref(node->health);
	node->health = doc;
}

bool life_message(struct controller *c, struct node *node, const struct sonde_msg *m)
{
	switch (m->kind) {
	case SONDE_MSG_CONFIGURED:
		on_configured(node, &m->confirm);
		return true;
	case SONDE_MSG_KEYED:
		on_keyed(c, node, &m->confirm);
		return true;
	case SONDE_MSG_ANSWER:
		commands_answer(c, node, &m->answer);
		return true;
	case SONDE_MSG_HEALTH:
		on_health(&c->nodes, node, m->report);
		return true;
	default:
		return false;
	}
}

/* The newest events are kept: one node must not push all others out. */
static bool may_tell(struct node *node)
{
	int64_t now = sonde_boottime_ns();

	if (now - node->told_ns > 60 * SONDE_NS_PER_S) {
		node->told_ns = now;
		node->told = 0;
	}
	return node->told++ < NODE_EVENTS_A_MINUTE;
}

static void tell(struct controller *c, struct node *node, const char *kind, bool bad,
                 const char *what)
{
	if (!may_tell(node))
		return;
	struct event e = { .kind = kind, .severity = bad ? "warning" : "info", .node = &node->id };

	snprintf(e.text, sizeof(e.text), "%.64s %s.", node->facts.name ? node->facts.name : "", what);
	event_raise(&c->events, &e);
}

/* Placement goes by both. */
static void set_uplink(struct controller *c, struct node *node, enum sonde_uplink now)
{
	bool down = now == SONDE_UPLINK_DOWN;

	if (now == node->uplink)
		return;
	if (down || node->uplink == SONDE_UPLINK_DOWN)
		tell(c, node, "node.uplink", down,
		     down ? "fails its own uplink check: it is given nothing, and accuses nobody" :
		            "passes its uplink check again");
	node->uplink = now;
	c->nodes.generation++;
	bus_publish(&c->bus, TOPIC_NODE, node);
}

static void set_storage(struct controller *c, struct node *node, enum sonde_storage now)
{
	static const char *const said[SONDE_STORAGES] = {
		"keeps results again", "has as many results waiting as it may keep: it is given nothing",
		"cannot write its results to disk: it is given nothing",
	};

	if (now == node->storage)
		return;
	tell(c, node, "node.storage", now != SONDE_STORAGE_OK, said[now]);
	node->storage = now;
	c->nodes.generation++;
	bus_publish(&c->bus, TOPIC_NODE, node);
}

void life_beat(struct controller *c, struct node *node, const struct sonde_msg_beat *b, double rtt_ms)
{
	if (b->capacity)
		node->capacity = b->capacity > 10000 ? 10000 : b->capacity;
	set_uplink(c, node, b->uplink < SONDE_UPLINKS ? (enum sonde_uplink)b->uplink :
	                                                SONDE_UPLINK_UNKNOWN);
	set_storage(c, node, b->storage < SONDE_STORAGES ? (enum sonde_storage)b->storage :
	                                                   SONDE_STORAGE_OK);
	if (rtt_ms < 0)
		return;
	if (rtt_ms < 1)
		rtt_ms = 1; /* what the clocks can tell */
	if (node->rtt_min_ms <= 0 || rtt_ms < node->rtt_min_ms)
		node->rtt_min_ms = rtt_ms;
}

void life_welcomed(struct controller *c, struct node *node, const struct sonde_msg_hello *h, int key)
{
	const struct node_facts *f = &node->facts;

	node->sent_away[0] = '\0';
	node->settings_have = h->config;
	if (f->settings_version && h->config != (uint64_t)f->settings_version)
		life_send_settings(node);
	if (key == 2)
		end_rotation(c, node, true);
	else if (f->next_key_hash && *f->next_key_hash && !f->next_key_kept)
		end_rotation(c, node, false);
}

void life_tick(struct controller *c, int64_t now)
{
	for (unsigned i = 0; i < c->nodes.len; i++) {
		struct node *node = c->nodes.all[i];
		if (node && overlap_is_over(&node->facts))
			end_rotation(c, node, true);
	}
}

void life_quota(struct controller *c, struct node *node)
{
	tell(c, node, "node.quota", true, "says more of itself than is kept of a node: it is sent away");
}
