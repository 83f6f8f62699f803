/* SPDX-License-Identifier: Apache-2.0 */
/* The registry of nodes. It owns the memory of nodes and their texts, knows nothing of tasks but
 * the two list heads, and writes nothing to the store itself: callers do, and then change memory
 * here after the commit. */
#include "controller/nodes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "wire/settings.h"

#define ROW(n, t, m, h, ...) \
	{ .name = n, .type = SONDE_TYPE_##t, .offset = offsetof(struct node_facts, m), .help = h, \
	  __VA_ARGS__ }
/* Stands encrypted in the store (node_store.c). */
#define SENSITIVE .flags = SONDE_PARAM_SECRET
#define PUBLIC_ROWS \
	ROW("name", STRING, name, "name shown to people", .max = 64), \
	ROW("region", STRING, region, "operator's region", .max = 64), \
	ROW("country", STRING, country, "ISO 3166-1 alpha-2", .max = 2), \
	ROW("city", STRING, city, "city", .max = 128), \
	ROW("state", STRING, state, "US state, two letters", .max = 2), \
	ROW("continent", STRING, continent, "AF AN AS EU NA OC SA", .max = 2), \
	ROW("network", STRING, network, "name of the network", .max = 128), \
	ROW("tags", STRING, tags, "comma list", .max = 2048), \
	ROW("asn", INT, asn, "autonomous system", .max = 4294967295), \
	ROW("latitude", NUMBER, latitude, "degrees north", .min = -90, .max = 90), \
	ROW("longitude", NUMBER, longitude, "degrees east", .min = -180, .max = 180), \
	ROW("contact", STRING, contact, "who looks after it", .max = 256, SENSITIVE), \
	ROW("remarks", STRING, remarks, "for operators", .max = 2048, SENSITIVE), \
	ROW("priority", INT, priority, "1 to 100, higher first", .def = "50", .min = 1, .max = 100)

static const struct sonde_param public_rows[] = { PUBLIC_ROWS, { 0 } };

static const struct sonde_param rows[] = {
	PUBLIC_ROWS,
	ROW("approved", BOOL, approved, ""),
	ROW("disabled", BOOL, disabled, ""),
	ROW("removed", BOOL, removed, ""),
	ROW("goodbye", BOOL, goodbye, ""),
	ROW("keyHash", STRING, key_hash, "", .max = 64),
	ROW("token", STRING, token, "", .max = 26),
	ROW("owner", STRING, owner, "", .max = 26, SENSITIVE),
	ROW("trusted", BOOL, trusted, ""),
	ROW("address", STRING, address, "", .max = 255, SENSITIVE),
	ROW("createdMs", INT, created_ms, "", .max = INT64_MAX),
	ROW("goodbyeMs", INT, goodbye_ms, "", .max = INT64_MAX),
	ROW("tier", STRING, tier, "", .max = 64),
	ROW("draining", BOOL, draining, ""),
	ROW("placed", BOOL, placed, ""),
	ROW("banned", BOOL, banned, ""),
	ROW("banReason", STRING, ban_reason, "", .max = 100),
	ROW("banUntilMs", INT, ban_until_ms, "", .max = INT64_MAX),
	ROW("settings", STRING, settings, "", .max = 16 << 10),
	ROW("settingsVersion", INT, settings_version, "", .max = INT64_MAX),
	ROW("nextKeyHash", STRING, next_key_hash, "", .max = 64),
	ROW("nextKeyMs", INT, next_key_ms, "", .max = INT64_MAX),
	ROW("nextKeyKept", BOOL, next_key_kept, ""),
	{ 0 },
};

enum { NODE_POOL = 64 << 10 };

struct sonde_rows node_fact_rows(void)
{
	return SONDE_ROWS(rows);
}

struct sonde_rows node_public_rows(void)
{
	return SONDE_ROWS(public_rows);
}

int nodes_init(struct nodes *n, struct sonde_policies *policies, struct bus *bus)
{
	int64_t boot_ms = sonde_boottime_ns() / SONDE_NS_PER_MS;

	*n = (struct nodes){ .policies = policies, .bus = bus, .generation = 1,
		             .clock_offset_ms = sonde_wall_ms() - boot_ms, .clock_since_ms = boot_ms };
	sonde_map_init(&n->by_id);
	return SONDE_OK;
}

static void node_free(struct node *n)
{
	json_decref(n->plugins);
	json_decref(n->refused);
	json_decref(n->health);
	sonde_pool_deinit(&n->pool);
	free(n);
}

void nodes_deinit(struct nodes *n)
{
	for (unsigned i = 0; i < n->len; i++)
		if (n->all[i])
			node_free(n->all[i]);
	free(n->all);
	sonde_map_deinit(&n->by_id);
}

int node_join_tags(json_t *body, struct sonde_error *err)
{
	json_t *tags = json_object_get(body, "tags"), *tag;
	struct sonde_buf b;
	size_t i;

	if (!json_is_array(tags))
		return SONDE_OK;
	sonde_buf_init(&b, 2048);
	json_array_foreach(tags, i, tag) {
		const char *text = json_string_value(tag);
		if (!text || !*text || strchr(text, ',')) {
			sonde_buf_deinit(&b);
			return sonde_fail(err, SONDE_EINVAL, "tags", "must be texts without commas");
		}
		if (i)
			sonde_buf_char(&b, ',');
		sonde_buf_str(&b, text);
	}
	bool failed = b.failed;
	json_object_set_new(body, "tags", json_string(sonde_buf_cstr(&b)));
	sonde_buf_deinit(&b);
	return failed ? sonde_fail(err, SONDE_EINVAL, "tags", "are longer than 2048 bytes in all") :
			SONDE_OK;
}

static const char *copy_text(struct sonde_pool *pool, const char *s)
{
	return s ? sonde_pool_strndup(pool, s, strlen(s)) : NULL;
}

static void copy_facts(struct node_facts *to, struct sonde_pool *pool, const struct node_facts *from)
{
	*to = *from;
	for (const struct sonde_param *p = rows; p->type != SONDE_TYPE_END; p++) {
		if (p->type != SONDE_TYPE_STRING)
			continue;
		const char **text = (const char **)((char *)to + p->offset);
		*text = copy_text(pool, *text);
	}
}

/* What of its settings the controller itself goes by. */
static void read_settings(struct node *node)
{
	struct sonde_settings s = { 0 };
	const char *text = node->facts.settings;
	json_t *doc = text && *text ? sonde_json_load(text, strlen(text), NULL) : NULL;

	if (doc)
		sonde_settings_read(doc, &s, NULL);
	node->own_beat_ns = s.beat_ns;
	json_decref(doc);
}

enum { TAGS_MAX = 64 };

static unsigned split(char *list, const char **out, unsigned max)
{
	unsigned n = 0;
	char *save;

	for (char *t = strtok_r(list, ",", &save); t && n < max; t = strtok_r(NULL, ",", &save))
		out[n++] = t;
	return n;
}

static void refresh_facts(struct nodes *n, struct node *node)
{
	const struct node_facts *f = &node->facts;
	const char *tags[TAGS_MAX], *types[TAGS_MAX];
	char list[2049] = "";
	unsigned count = 0;
	json_t *plugin;
	size_t i;

	if (f->tags)
		memcpy(list, f->tags, strnlen(f->tags, sizeof(list) - 1));
	sonde_column_tags(n->policies, node->row, tags, split(list, tags, TAGS_MAX));
	json_array_foreach(node->plugins, i, plugin)
		if (count < TAGS_MAX)
			types[count++] = json_string_value(json_object_get(plugin, "name"));
	sonde_column_types(n->policies, node->row, types, count);
	sonde_column_number(n->policies, node->row, SONDE_COL_PRIORITY, (double)f->priority);
	sonde_column_number(n->policies, node->row, SONDE_COL_LATITUDE, f->latitude);
	sonde_column_number(n->policies, node->row, SONDE_COL_LONGITUDE, f->longitude);
	sonde_column_number(n->policies, node->row, SONDE_COL_ASN, (double)f->asn);
	sonde_column_number(n->policies, node->row, SONDE_COL_DRAINING, f->draining);
	sonde_column_text(n->policies, node->row, SONDE_COL_REGION, f->region ? f->region : "");
	sonde_column_text(n->policies, node->row, SONDE_COL_CONTINENT,
	                  f->continent ? f->continent : "");
	sonde_column_text(n->policies, node->row, SONDE_COL_COUNTRY, f->country ? f->country : "");
	sonde_column_text(n->policies, node->row, SONDE_COL_CITY, f->city ? f->city : "");
	sonde_column_text(n->policies, node->row, SONDE_COL_NAME, f->name ? f->name : "");
	n->generation++;
}

void node_refresh(struct nodes *n, struct node *node)
{
	sonde_column_number(n->policies, node->row, SONDE_COL_LOAD, node->beat.load);
	sonde_column_number(n->policies, node->row, SONDE_COL_RTT, node->rtt_ms);
	sonde_column_number(n->policies, node->row, SONDE_COL_ERROR_RATE, node->beat.error_rate);
	sonde_column_number(n->policies, node->row, SONDE_COL_RESPONSE, node->beat.response_ms);
	sonde_column_number(n->policies, node->row, SONDE_COL_CAPACITY, node->capacity);
	sonde_column_number(n->policies, node->row, SONDE_COL_ACTIVE,
	                    node->active.count + node->queued.count);
	sonde_column_number(n->policies, node->row, SONDE_COL_SPOOL, (double)node->beat.spool_count);
	sonde_column_number(n->policies, node->row, SONDE_COL_UPLINK,
	                    node->uplink == SONDE_UPLINK_UNKNOWN ? NAN : node->uplink == SONDE_UPLINK_UP);
}

void node_machine_columns(struct nodes *n, struct node *node)
{
	const struct node_machine *m = &node->machine;
	const struct {
		enum sonde_column column;
		double value;
		bool known;
	} cells[] = {
		{ SONDE_COL_IPV4, m->ipv4, m->known },
		{ SONDE_COL_IPV6, m->ipv6, m->known },
		{ SONDE_COL_CPUS, (double)m->cpus, m->cpus > 0 },
		{ SONDE_COL_MEMORY, (double)m->memory_mib, m->memory_mib > 0 },
	};

	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++)
		sonde_column_number(n->policies, node->row, cells[i].column,
		                    cells[i].known ? cells[i].value : NAN);
}

static int free_row(struct nodes *n)
{
	for (unsigned i = n->len; i-- > 0;)
		if (!n->all[i])
			return (int)i;
	if (n->len == n->cap) {
		unsigned cap = n->cap ? n->cap * 2 : 64;
		void *all = realloc(n->all, cap * sizeof(*n->all));
		if (!all)
			return -1;
		n->all = all;
		n->cap = cap;
	}
	n->all[n->len] = NULL;
	return (int)n->len++;
}

struct node *nodes_add(struct nodes *n, const struct sonde_id *id, const struct node_facts *facts)
{
	struct node *node = calloc(1, sizeof(*node));
	int row = node ? free_row(n) : -1;

	if (row < 0 || sonde_map_put(&n->by_id, id->b, sizeof(id->b), node) != SONDE_OK) {
		free(node);
		return NULL;
	}
	node->id = *id;
	node->row = (unsigned)row;
	n->all[row] = node;
	sonde_pool_init(&node->pool, NODE_POOL);
	copy_facts(&node->facts, &node->pool, facts);
	read_settings(node);
	node->shown = node_status(n, node);
	node->known_ns = sonde_boottime_ns();
	node_machine_columns(n, node);
	refresh_facts(n, node);
	node_refresh(n, node);
	return node;
}

int node_set_facts(struct nodes *n, struct node *node, const struct node_facts *facts)
{
	struct sonde_pool pool;

	/* The new texts first: `facts` may point into the old pool. */
	sonde_pool_init(&pool, NODE_POOL);
	struct node_facts copy;
	copy_facts(&copy, &pool, facts);
	sonde_pool_deinit(&node->pool);
	node->pool = pool;
	node->facts = copy;
	read_settings(node);
	refresh_facts(n, node);
	node_announce(n, node);
	return SONDE_OK;
}

void nodes_remove(struct nodes *n, struct node *node)
{
	sonde_map_take(&n->by_id, node->id.b, sizeof(node->id.b));
	sonde_column_clear(n->policies, node->row);
	n->all[node->row] = NULL;
	n->generation++;
	node_free(node);
}

void node_set_plugins(struct nodes *n, struct node *node, json_t *plugins)
{
	json_decref(node->plugins);
	node->plugins = plugins;
	refresh_facts(n, node);
}

void node_announce(struct nodes *n, struct node *node)
{
	enum node_status now = node_status(n, node);

	if (now == node->shown)
		return;
	sonde_log(SONDE_LOG_INFO, "nodes", "%s is %s (was %s)", node->facts.name,
	          node_status_name(now), node_status_name(node->shown));
	node->shown = now;
	n->generation++;
	bus_publish(n->bus, TOPIC_NODE, node);
}
