/* SPDX-License-Identifier: Apache-2.0 */
/* Many decisions and what came of them. Owns a set of policies of its own, so that nothing of the
 * running ones is touched; runs on any thread. Refuses nothing but too many nodes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "script/policies.h"
#include "script/replay.h"

enum { COSTS = 65536, CHANGES = 20, WALL_MS = 50, SHOWN = 50, SECONDS_MAX = 20 };

struct count {
	char *name;
	uint64_t n;
};

struct counts {
	struct sonde_map map;
	uint64_t total;
};

struct sonde_simulation {
	struct sonde_policies *policies;
	char name[SONDE_POLICY_NAME + 1]; /* "" = each record's own */
	char *params;
	struct sonde_replay replay;
	unsigned rows[SONDE_REPLAY_NODES];
	struct counts nodes, regions;
	uint64_t decisions, places;
	unsigned fallbacks, changed, skipped, costs, changes;
	uint32_t cost[COSTS];
	int64_t end_ns; /* nothing is decided after it */
	struct sonde_buf text; /* of the changes, JSON */
	struct sonde_json json;
};

int sonde_simulation_new(const char *name, const char *text, size_t len, const char *dir,
                         struct sonde_simulation **out, struct sonde_error *err)
{
	struct sonde_policy_limits limits = { .wall_ms = WALL_MS };
	struct sonde_simulation *s = calloc(1, sizeof(*s));
	char file[SONDE_POLICY_NAME + 8];

	if (!s)
		return sonde_fail(err, SONDE_ENOMEM, NULL, "out of memory");
	sonde_map_init(&s->nodes.map);
	sonde_map_init(&s->regions.map);
	sonde_buf_init(&s->text, 1 << 20);
	sonde_json_init(&s->json, &s->text);
	sonde_json_open(&s->json, NULL, '[');
	int rc = sonde_policies_new(&limits, &s->policies);
	if (rc == SONDE_OK && dir)
		rc = sonde_policy_load_dir(s->policies, dir, err);
	if (rc == SONDE_OK && text) {
		snprintf(s->name, sizeof(s->name), "%s", name);
		snprintf(file, sizeof(file), "%s.lua", name);
		rc = sonde_policy_load(s->policies, name, file, text, len, err);
	}
	if (rc != SONDE_OK) {
		sonde_simulation_free(s);
		return rc;
	}
	s->end_ns = sonde_boottime_ns() + SECONDS_MAX * SONDE_NS_PER_S;
	*out = s;
	return SONDE_OK;
}

void sonde_simulation_params(struct sonde_simulation *s, const char *params_json)
{
	free(s->params);
	s->params = params_json ? strdup(params_json) : NULL;
}

static void free_counts(struct counts *c)
{
	struct count *one;

	for (size_t at = 0; (one = sonde_map_next(&c->map, &at));) {
		free(one->name);
		free(one);
	}
	sonde_map_deinit(&c->map);
}

void sonde_simulation_free(struct sonde_simulation *s)
{
	if (!s)
		return;
	free_counts(&s->nodes);
	free_counts(&s->regions);
	sonde_policies_free(s->policies);
	sonde_buf_deinit(&s->text);
	free(s->params);
	free(s);
}

/* ---- deciding ---- */

static void add(struct counts *c, const char *name)
{
	struct count *one = sonde_map_get(&c->map, name, strlen(name));

	if (!one) {
		one = calloc(1, sizeof(*one));
		if (!one)
			return;
		one->name = strdup(name);
		if (!one->name || sonde_map_put(&c->map, name, strlen(name), one) != SONDE_OK) {
			free(one->name);
			free(one);
			return;
		}
	}
	one->n++;
	c->total++;
}

static const char *text_at(const struct sonde_simulation *s, unsigned row, enum sonde_column column)
{
	return sonde_column_peek_text(s->policies, row, column);
}

static void decide(struct sonde_simulation *s, const char *names, const struct sonde_request *req,
                   const unsigned *set, unsigned n, struct sonde_decision *d)
{
	d->rows = s->rows;
	sonde_policy_pick(s->policies, names, req, set, n, d);
	s->decisions++;
	s->fallbacks += d->fallback;
	if (s->costs < COSTS)
		s->cost[s->costs++] = d->took_us;
	for (unsigned i = 0; i < d->count; i++) {
		add(&s->nodes, text_at(s, d->rows[i], SONDE_COL_NAME));
		add(&s->regions, text_at(s, d->rows[i], SONDE_COL_REGION));
	}
}

static void put_names(struct sonde_simulation *s, const char *key, const unsigned *rows, unsigned n)
{
	sonde_json_open(&s->json, key, '[');
	for (unsigned i = 0; i < n && i < SHOWN; i++)
		sonde_json_str(&s->json, NULL, text_at(s, rows[i], SONDE_COL_NAME));
	sonde_json_close(&s->json);
}

void sonde_simulation_replay(struct sonde_simulation *s, const json_t *record)
{
	struct sonde_replay *r = &s->replay;
	struct sonde_decision d;

	if (sonde_boottime_ns() > s->end_ns) {
		s->skipped++;
		return;
	}
	if (sonde_replay_open(s->policies, record, r, NULL) != SONDE_OK) {
		sonde_replay_close(r);
		s->skipped++;
		return;
	}
	if (s->name[0])
		r->request.params_json = s->params;
	decide(s, s->name[0] ? s->name : r->policy, &r->request, r->rows, r->n, &d);
	if (d.count != r->answered || memcmp(d.rows, r->answer, d.count * sizeof(*d.rows))) {
		s->changed++;
		if (s->changes++ < CHANGES) {
			sonde_json_open(&s->json, NULL, '{');
			put_names(s, "recorded", r->answer, r->answered);
			put_names(s, "now", d.rows, d.count);
			sonde_json_str(&s->json, "reason", d.reason);
			sonde_json_close(&s->json);
		}
	}
	sonde_replay_close(r);
}

/* ---- invented nodes ---- */

static const struct {
	const char *region, *continent, *country, *city;
	double latitude, longitude;
} places[] = {
	{ "europe", "EU", "DE", "Berlin", 52.52, 13.4 }, { "europe", "EU", "FR", "Paris", 48.86, 2.35 },
	{ "europe", "EU", "SE", "Stockholm", 59.33, 18.07 },
	{ "north-america", "NA", "US", "Ashburn", 39.04, -77.49 },
	{ "north-america", "NA", "US", "Dallas", 32.78, -96.8 },
	{ "north-america", "NA", "CA", "Toronto", 43.65, -79.38 },
	{ "asia", "AS", "JP", "Tokyo", 35.68, 139.69 }, { "asia", "AS", "SG", "Singapore", 1.35, 103.82 },
	{ "asia", "AS", "IN", "Mumbai", 19.08, 72.88 }, { "oceania", "OC", "AU", "Sydney", -33.87, 151.21 },
	{ "south-america", "SA", "BR", "Sao Paulo", -23.55, -46.63 },
	{ "africa", "AF", "ZA", "Johannesburg", -26.2, 28.05 },
	{ "middle-east", "AS", "AE", "Dubai", 25.2, 55.27 },
};
enum { PLACES = sizeof(places) / sizeof(places[0]) };

static int invent_node(struct sonde_policies *ps, struct sonde_rng *rng, unsigned at)
{
	unsigned p = (unsigned)sonde_rng_below(rng, PLACES);
	const struct {
		enum sonde_column column;
		double v;
	} numbers[] = {
		{ SONDE_COL_LOAD, (double)sonde_rng_below(rng, 1000) / 1000 },
		{ SONDE_COL_RTT, 1 + (double)sonde_rng_below(rng, 250) },
		{ SONDE_COL_ERROR_RATE, (double)sonde_rng_below(rng, 50) / 1000 },
		{ SONDE_COL_RESPONSE, 20 + (double)sonde_rng_below(rng, 400) },
		{ SONDE_COL_PRIORITY, 10 + 20 * (double)sonde_rng_below(rng, 5) },
		{ SONDE_COL_CAPACITY, 100 },
		{ SONDE_COL_LATITUDE, places[p].latitude }, { SONDE_COL_LONGITUDE, places[p].longitude },
		{ SONDE_COL_ASN, 64500 + (double)sonde_rng_below(rng, 40) },
	};
	static const char *const types[] = { "ping", "dns", "http", "mtr", "tcp", "traceroute" };
	static const char *const tags[] = { "datacenter", "ipv6" };
	char name[32];

	snprintf(name, sizeof(name), "node-%u", at);
	int rc = sonde_column_text(ps, at, SONDE_COL_NAME, name);
	for (unsigned i = 0; rc == SONDE_OK && i < sizeof(numbers) / sizeof(numbers[0]); i++)
		rc = sonde_column_number(ps, at, numbers[i].column, numbers[i].v);
	if (rc != SONDE_OK)
		return rc;
	sonde_column_text(ps, at, SONDE_COL_REGION, places[p].region);
	sonde_column_text(ps, at, SONDE_COL_CONTINENT, places[p].continent);
	sonde_column_text(ps, at, SONDE_COL_COUNTRY, places[p].country);
	sonde_column_text(ps, at, SONDE_COL_CITY, places[p].city);
	sonde_column_types(ps, at, types, 6);
	return sonde_column_tags(ps, at, tags, (unsigned)sonde_rng_below(rng, 3));
}

int sonde_simulation_invent(struct sonde_simulation *s, const struct sonde_request *req,
                            unsigned nodes, unsigned count, struct sonde_error *err)
{
	struct sonde_request one = *req;
	struct sonde_decision d;
	struct sonde_rng rng;
	int rc = SONDE_OK;

	if (nodes > SONDE_REPLAY_NODES || req->want > SONDE_REPLAY_NODES)
		return sonde_fail(err, SONDE_EINVAL, "nodes", "at most %d", SONDE_REPLAY_NODES);
	sonde_rng_seed(&rng, req->seed);
	for (unsigned i = 0; rc == SONDE_OK && i < nodes; i++) {
		s->replay.rows[i] = i;
		rc = invent_node(s->policies, &rng, i);
	}
	if (rc != SONDE_OK)
		return sonde_fail(err, rc, NULL, "out of memory");
	one.params_json = s->params;
	for (unsigned i = 0; i < count; i++) {
		if (sonde_boottime_ns() > s->end_ns) {
			s->skipped += count - i;
			break;
		}
		one.seed = sonde_rng_next(&rng) >> 11;
		decide(s, s->name, &one, s->replay.rows, nodes, &d);
	}
	return SONDE_OK;
}

/* ---- reporting ---- */

static int by_count(const void *a, const void *b)
{
	const struct count *const *x = a, *const *y = b;

	if ((*x)->n != (*y)->n)
		return (*x)->n < (*y)->n ? 1 : -1;
	return strcmp((*x)->name, (*y)->name);
}

static void put_shares(struct sonde_json *j, const char *key, const struct counts *c)
{
	struct count *one, **all = calloc(c->map.len + 1, sizeof(struct count *));
	size_t n = 0;

	for (size_t at = 0; all && (one = sonde_map_next(&c->map, &at));)
		all[n++] = one;
	if (n)
		qsort(all, n, sizeof(struct count *), by_count);
	sonde_json_open(j, key, '[');
	for (size_t i = 0; i < n && i < SHOWN; i++) {
		sonde_json_open(j, NULL, '{');
		sonde_json_str(j, "name", all[i]->name);
		sonde_json_int(j, "count", (int64_t)all[i]->n);
		sonde_json_number(j, "share", (double)all[i]->n / (double)c->total, 4);
		sonde_json_close(j);
	}
	sonde_json_close(j);
	free(all);
}

static int by_cost(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

static void put_costs(struct sonde_simulation *s, struct sonde_json *j)
{
	unsigned n = s->costs;

	qsort(s->cost, n, sizeof(s->cost[0]), by_cost);
	sonde_json_open(j, "us", '{');
	sonde_json_int(j, "p50", n ? s->cost[n / 2] : 0);
	sonde_json_int(j, "p99", n ? s->cost[(size_t)n * 99 / 100] : 0);
	sonde_json_int(j, "max", n ? s->cost[n - 1] : 0);
	sonde_json_close(j);
}

void sonde_simulation_report(struct sonde_simulation *s, struct sonde_json *j, const char *key)
{
	sonde_json_close(&s->json);
	sonde_json_open(j, key, '{');
	sonde_json_int(j, "decisions", (int64_t)s->decisions);
	sonde_json_int(j, "fallbacks", s->fallbacks);
	sonde_json_int(j, "changed", s->changed);
	sonde_json_int(j, "skipped", s->skipped);
	put_costs(s, j);
	put_shares(j, "regions", &s->regions);
	put_shares(j, "nodes", &s->nodes);
	sonde_json_raw(j, "changes", s->text.data, s->text.len);
	sonde_json_close(j);
}
