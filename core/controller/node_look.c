/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at nodes: which there are and who may use them, what one can do, whether it is where it says.
 * Owns nothing; changes nothing but what is noted of two nodes that cannot both be where they say. */
#include "controller/nodes.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "controller/places.h"

/* ---- finding ---- */

struct node *nodes_by_id(const struct nodes *n, const struct sonde_id *id)
{
	return sonde_map_get(&n->by_id, id->b, sizeof(id->b));
}

bool node_in_reach(const struct node *n, const struct node_reach *r)
{
	const struct node_facts *f = &n->facts;

	if (r->trusted && !f->trusted)
		return false;
	if (r->all)
		return true;
	return f->priority <= r->priority && (!f->tier || !*f->tier || !strcmp(f->tier, r->tier));
}

int nodes_out_of_reach(const struct nodes *n, const struct node_reach *r, struct node ***out,
                       unsigned *count)
{
	*count = 0;
	*out = NULL;
	if (r->all && !r->trusted)
		return SONDE_OK;
	*out = malloc((n->len + 1) * sizeof(**out));
	if (!*out)
		return SONDE_ENOMEM;
	for (unsigned i = 0; i < n->len; i++)
		if (n->all[i] && !node_in_reach(n->all[i], r))
			(*out)[(*count)++] = n->all[i];
	return SONDE_OK;
}

struct node *nodes_find(const struct nodes *n, const char *text)
{
	struct node *prefix = NULL;
	char id[SONDE_ID_TEXT];
	size_t len = strlen(text);
	unsigned fits = 0;

	for (unsigned i = 0; i < n->len; i++) {
		struct node *node = n->all[i];
		if (!node)
			continue;
		if (node->facts.name && !strcmp(node->facts.name, text))
			return node;
		sonde_id_format(&node->id, id);
		if (len >= 4 && len < SONDE_ID_TEXT && !strncmp(id, text, len)) {
			prefix = node;
			fits++;
		}
	}
	return fits == 1 ? prefix : NULL;
}

const char *node_status_name(enum node_status s)
{
	static const char *const names[] = { "pending", "online",   "stale",
		                             "offline", "disabled", "deregistered",
		                             "banned" };
	return names[s];
}

enum node_status node_status(const struct nodes *n, const struct node *node)
{
	int64_t silent = sonde_boottime_ns() - node->beat_ns, beat = node_beat_ns(n, node);

	if (node_is_banned(node))
		return NODE_BANNED;
	if (!node->facts.approved)
		return NODE_PENDING;
	if (node->facts.disabled)
		return NODE_DISABLED;
	if (node->conn)
		return silent > 2 * beat + beat / 2 ? NODE_STALE : NODE_ONLINE;
	if (node->facts.goodbye)
		return NODE_DEREGISTERED;
	return node->beat_ns && silent < 4 * beat ? NODE_STALE : NODE_OFFLINE;
}

bool node_is_ready(const struct nodes *n, const struct node *node)
{
	return node->conn && node->facts.approved && !node->facts.disabled && !node->facts.draining &&
	       !node_is_banned(node) && node->plugins;
}

bool node_has_type(const struct node *node, const char *type, size_t len)
{
	json_t *plugin;
	size_t i;

	json_array_foreach(node->plugins, i, plugin) {
		const char *name = json_string_value(json_object_get(plugin, "name"));
		if (name && strlen(name) == len && !memcmp(name, type, len))
			return true;
	}
	return false;
}

bool node_has_tag(const struct node *node, const char *tag, size_t len)
{
	const char *p = node->facts.tags;

	while (p && *p) {
		size_t n = strcspn(p, ",");
		if (n == len && !strncasecmp(p, tag, len))
			return true;
		p += n + (p[n] == ',');
	}
	return false;
}

/* ---- judging ---- */

bool node_is_banned(const struct node *node)
{
	const struct node_facts *f = &node->facts;

	return f->banned && (!f->ban_until_ms || sonde_wall_ms() < f->ban_until_ms);
}

int64_t node_beat_ns(const struct nodes *n, const struct node *node)
{
	return node->own_beat_ns > n->beat_ns ? node->own_beat_ns : n->beat_ns;
}

#define FIBRE_KM_PER_MS (299.792458 * 2 / 3)
enum { PLACE_KM = 50 }; /* a place is a city, not a rack */

static bool has_place(const struct node_facts *f)
{
	return f->latitude != 0 || f->longitude != 0;
}

double node_too_far_km(const struct nodes *n, const struct node *node)
{
	const struct node_facts *f = &node->facts;

	if (!has_place(f) || (n->latitude == 0 && n->longitude == 0) || node->rtt_min_ms <= 0)
		return 0;
	double km = place_distance(f->latitude, f->longitude, n->latitude, n->longitude);
	/* The clocks' resolution is a millisecond at each end. */
	double reach = (node->rtt_min_ms + 2) / 2 * FIBRE_KM_PER_MS + PLACE_KM;
	return km > reach ? km - reach : 0;
}

static double pair_km(const struct node_facts *a, const struct node_facts *b, double rtt_ms)
{
	if (!has_place(a) || !has_place(b))
		return 0;
	double km = place_distance(a->latitude, a->longitude, b->latitude, b->longitude);
	double reach = rtt_ms / 2 * FIBRE_KM_PER_MS + PLACE_KM;
	return km > reach ? km - reach : 0;
}

static void note_pair(struct node *node, const struct node *peer, double rtt_ms)
{
	if (node->pair_ms > 0 && !memcmp(&node->pair, &peer->id, sizeof(peer->id)) &&
	    node->pair_ms <= rtt_ms)
		return;
	node->pair = peer->id;
	node->pair_ms = rtt_ms;
}

void nodes_pair_seen(struct node *a, struct node *b, double rtt_ms)
{
	if (pair_km(&a->facts, &b->facts, rtt_ms) <= 0)
		return;
	note_pair(a, b, rtt_ms);
	note_pair(b, a, rtt_ms);
}

double node_too_far_from_peer_km(const struct nodes *n, const struct node *node, const struct node **peer)
{
	*peer = node->pair_ms > 0 ? nodes_by_id(n, &node->pair) : NULL;
	if (!*peer || (node->facts.placed && !(*peer)->facts.placed))
		return 0;
	return pair_km(&node->facts, &(*peer)->facts, node->pair_ms);
}

int version_compare(const char *a, const char *b)
{
	while (*a || *b) {
		char *after_a, *after_b;
		unsigned long x = strtoul(a, &after_a, 10), y = strtoul(b, &after_b, 10);
		if (x != y)
			return x < y ? -1 : 1;
		a = after_a + strcspn(after_a, ".");
		b = after_b + strcspn(after_b, ".");
		a += *a == '.';
		b += *b == '.';
	}
	return 0;
}
