/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes as the API shows them: Globalping's public facts, and all that an administrator sees. */
#include "controller/nodes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "controller/magic.h"
#include "controller/members.h"
#include "controller/places.h"
#include "controller/users.h"

void node_put_tags(const struct node *node, struct sonde_json *j)
{
	const char *list = node->facts.tags;

	sonde_json_open(j, "tags", '[');
	while (list && *list) {
		size_t len = strcspn(list, ",");
		if (len)
			sonde_json_text(j, NULL, list, len);
		list += len + (list[len] == ',');
	}
	sonde_json_close(j);
}

static void put_text(struct sonde_json *j, const char *key, const char *text)
{
	sonde_json_str(j, key, text ? text : "");
}

void node_location(const struct node *node, struct sonde_json *j)
{
	const struct node_facts *f = &node->facts;
	const struct place *country = place_find(f->country);

	put_text(j, "continent", node_continent(node));
	put_text(j, "region", f->region && *f->region ? f->region : country ? place_region(country)->name : "");
	put_text(j, "country", f->country);
	sonde_json_str(j, "state", f->state && *f->state ? f->state : NULL);
	put_text(j, "city", f->city);
	sonde_json_int(j, "asn", f->asn);
	put_text(j, "network", f->network);
	sonde_json_number(j, "latitude", f->latitude, 4);
	sonde_json_number(j, "longitude", f->longitude, 4);
}

static void describe_live(const struct node *node, struct sonde_json *j)
{
	const struct sonde_msg_beat *b = &node->beat;

	sonde_json_open(j, "live", '{');
	sonde_json_str(j, "address", node->peer);
	sonde_json_number(j, "load", b->load, 3);
	sonde_json_number(j, "responseMs", b->response_ms, 3);
	sonde_json_number(j, "errorRate", b->error_rate, 4);
	sonde_json_int(j, "probesRun", (int64_t)b->probes);
	sonde_json_int(j, "active", b->active);
	sonde_json_int(j, "queued", node->queued.count);
	sonde_json_int(j, "capacity", node->capacity);
	sonde_json_int(j, "spoolBytes", (int64_t)b->spool_bytes);
	sonde_json_int(j, "spoolCount", (int64_t)b->spool_count);
	sonde_json_number(j, "rttMs", node->rtt_ms, 3);
	sonde_json_number(j, "clockOffsetMs", node->offset_ms, 3);
	sonde_json_int(j, "resultsStored", (int64_t)node->results);
	sonde_json_int(j, "resultsLost", (int64_t)node->lost);
	sonde_json_int(j, "lastSeenMs",
	               node->beat_ns ? (sonde_boottime_ns() - node->beat_ns) / SONDE_NS_PER_MS : -1);
	sonde_json_close(j);
}

static void describe_plugins(const struct node *node, struct sonde_json *j)
{
	json_t *plugin;
	size_t i;

	sonde_json_open(j, "plugins", '[');
	json_array_foreach(node->plugins, i, plugin) {
		sonde_json_open(j, NULL, '{');
		sonde_json_str(j, "name", json_string_value(json_object_get(plugin, "name")));
		sonde_json_str(j, "version", json_string_value(json_object_get(plugin, "version")));
		sonde_json_close(j);
	}
	sonde_json_close(j);
}

static void describe_ban(const struct node *node, struct sonde_json *j)
{
	if (!node_is_banned(node))
		return;
	sonde_json_open(j, "ban", '{');
	sonde_json_str(j, "reason", node->facts.ban_reason ? node->facts.ban_reason : "");
	member_time_or_null(j, "until", node->facts.ban_until_ms);
	sonde_json_close(j);
}

static void describe_settings(const struct node *node, struct sonde_json *j)
{
	const struct node_facts *f = &node->facts;

	sonde_json_open(j, "config", '{');
	sonde_json_int(j, "version", f->settings_version);
	sonde_json_int(j, "acknowledged", (int64_t)node->settings_have);
	sonde_json_str(j, "problem", *node->settings_problem ? node->settings_problem : NULL);
	if (f->settings && *f->settings)
		sonde_json_raw(j, "settings", f->settings, strlen(f->settings));
	else
		sonde_json_raw(j, "settings", "{}", 2);
	sonde_json_close(j);
}

static void describe_key(const struct node *node, struct sonde_json *j)
{
	const struct node_facts *f = &node->facts;
	bool under_way = f->next_key_hash && *f->next_key_hash;

	sonde_json_open(j, "key", '{');
	sonde_json_bool(j, "rotating", under_way);
	sonde_json_bool(j, "kept", under_way && f->next_key_kept);
	member_time_or_null(j, "madeAt", under_way ? f->next_key_ms : 0);
	sonde_json_close(j);
}

/* All that somebody who looks at the list should know, in a few words. */
static void put_note(const struct node *node, bool misplaced, struct sonde_json *j)
{
	bool busy = node->queued.count || node->active.count;
	const struct {
		bool is;
		const char *text;
	} notes[] = {
		{ node->facts.draining, busy ? "draining" : "drained" },
		{ node->uplink == SONDE_UPLINK_DOWN, "uplink down" },
		{ node->storage == SONDE_STORAGE_FULL, "spool full" },
		{ node->storage == SONDE_STORAGE_FAILS, "disk cannot be written" },
		{ misplaced, "impossible location" },
		{ *node->settings_problem, "settings not used" },
		{ *node->sent_away, "refused" },
		{ node->insecure, "not encrypted" },
	};
	char text[160];
	size_t n = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < sizeof(notes) / sizeof(notes[0]); i++)
		if (notes[i].is && n < sizeof(text))
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", n ? ", " : "",
			                      notes[i].text);
	sonde_json_str(j, "note", text);
}

static void describe_life(const struct nodes *n, const struct node *node, struct sonde_json *j)
{
	static const char *const uplinks[SONDE_UPLINKS] = { "unknown", "up", "down" };
	double far = node_too_far_km(n, node);
	const struct node *peer;
	double apart = node_too_far_from_peer_km(n, node, &peer);
	char text[256];

	sonde_json_str(j, "tier", node->facts.tier && *node->facts.tier ? node->facts.tier : NULL);
	sonde_json_bool(j, "draining", node->facts.draining);
	sonde_json_bool(j, "insecure", node->insecure);
	sonde_json_bool(j, "drained", node->facts.draining &&
	                              !node->queued.count && !node->active.count);
	put_note(node, far > 0 || apart > 0, j);
	describe_ban(node, j);
	sonde_json_str(j, "refused", *node->sent_away ? node->sent_away : NULL);
	sonde_json_str(j, "updateAvailable", *node->version && n->newest &&
	               version_compare(node->version, n->newest) < 0 ? n->newest : NULL);
	sonde_json_str(j, "locationBy", node->facts.placed ? "operator" : "node");
	snprintf(text, sizeof(text), "%.0f km farther than light goes in fibre in its fastest round trip, %.0f ms",
	         far, node->rtt_min_ms);
	if (far <= 0 && apart > 0)
		snprintf(text, sizeof(text),
		         "%.0f km farther from %s than light goes in fibre in their fastest round trip, "
		         "%.3f ms", apart, peer->facts.name, node->pair_ms);
	sonde_json_str(j, "locationProblem", far > 0 || apart > 0 ? text : NULL);
	sonde_json_str(j, "uplink", uplinks[node->uplink]);
	describe_settings(node, j);
	describe_key(node, j);
	char *health = node->health ? json_dumps(node->health, JSON_COMPACT) : NULL;
	if (health)
		sonde_json_raw(j, "selfTest", health, strlen(health));
	free(health);
}

static void put_known(struct sonde_json *j, const char *key, bool known, bool value)
{
	if (known)
		sonde_json_bool(j, key, value);
	else
		sonde_json_null(j, key);
}

static void describe_machine(const struct node *node, struct sonde_json *j)
{
	const struct node_machine *m = &node->machine;

	sonde_json_number(j, "cpus", m->cpus ? (double)m->cpus : NAN, 0);
	sonde_json_number(j, "memoryMiB", m->memory_mib ? (double)m->memory_mib : NAN, 0);
	sonde_json_number(j, "uptime", node_uptime(node), 4);
}

static void describe_reload(const struct node *node, struct sonde_json *j)
{
	static const char *const states[] = { NULL, "asked", "done", "failed" };
	json_t *row;
	size_t i;

	if (node->refused) {
		sonde_json_open(j, "pluginsRefused", '[');
		json_array_foreach(node->refused, i, row) {
			sonde_json_open(j, NULL, '{');
			put_text(j, "file", json_string_value(json_object_get(row, "file")));
			put_text(j, "why", json_string_value(json_object_get(row, "why")));
			sonde_json_close(j);
		}
		sonde_json_close(j);
	}
	if (node->reload == NODE_RELOAD_NONE)
		return;
	sonde_json_open(j, "reload", '{');
	sonde_json_str(j, "state", states[node->reload]);
	sonde_json_str(j, "why", node->reload_why);
	sonde_json_close(j);
}

void node_describe(const struct nodes *n, const struct node *node, struct sonde_json *j, bool full)
{
	member_id(j, "id", &node->id);
	put_text(j, "name", node->facts.name);
	sonde_json_str(j, "status", node_status_name(node_status(n, node)));
	sonde_json_int(j, "priority", node->facts.priority);
	sonde_json_str(j, "version", node->version);
	member_time(j, "createdAt", node->facts.created_ms);
	sonde_json_open(j, "location", '{');
	node_location(node, j);
	sonde_json_close(j);
	node_put_tags(node, j);
	describe_plugins(node, j);
	put_known(j, "ipv4", node->machine.known, node->machine.ipv4);
	put_known(j, "ipv6", node->machine.known, node->machine.ipv6);
	node_resolvers(node, j);
	if (full) {
		describe_machine(node, j);
		sonde_json_bool(j, "approved", node->facts.approved);
		sonde_json_bool(j, "disabled", node->facts.disabled);
		sonde_json_bool(j, "trusted", node->facts.trusted);
		sonde_json_str(j, "owner", node->facts.owner);
		sonde_json_str(j, "ownerName", users_name(n->users, node->facts.owner));
		sonde_json_str(j, "contact", node->facts.contact);
		sonde_json_str(j, "remarks", node->facts.remarks);
		sonde_json_str(j, "registrationToken", node->facts.token);
		describe_life(n, node, j);
		describe_reload(node, j);
		sonde_json_str(j, "advertised", node->facts.address);
		describe_live(node, j);
	}
}
