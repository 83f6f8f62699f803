/* SPDX-License-Identifier: Apache-2.0 */
/* Tiers in memory and stored. The built-in ones exist without a record and cannot be removed. */
#include "controller/tiers.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

enum { TIER_POOL = 8192 };

#define ROW(n, t, m, h, ...) \
	{ .name = n, .type = SONDE_TYPE_##t, .offset = offsetof(struct tier_facts, m), .help = h, \
	  __VA_ARGS__ }

static const struct sonde_param rows[] = {
	ROW("name", STRING, name, "its name", .max = TIER_NAME_MAX),
	ROW("perHour", INT, per_hour, "tests an hour that cost nothing", .def = "500",
	    .max = 100000000),
	ROW("nodes", INT, nodes, "nodes of one measurement", .def = "100", .min = 1, .max = 500),
	ROW("concurrent", INT, concurrent, "measurements that run at once", .def = "20", .min = 1,
	    .max = 1000000),
	ROW("types", STRING, types, "comma list of types; nothing is all", .max = 1024),
	ROW("policy", STRING, policy, "placement policy when a request names none", .max = 64),
	ROW("priority", INT, priority, "highest node priority that it reaches", .def = "100",
	    .min = 1, .max = 100),
	ROW("interval", DURATION, interval_ns, "shortest interval of a schedule", .def = "1m",
	    .max = INT64_C(1000) * 86400 * 365),
	ROW("planned", INT, planned,
	    "tests an hour that all schedules of an account may plan; 0 is no limit",
	    .max = 1000000000),
	ROW("retain", INT, retain_days, "days that results are kept; 0 is as the controller",
	    .unit = "days", .max = 36500),
	{ 0 },
};

static const struct tier_facts built_in[] = {
	{ .name = "free", .per_hour = 500, .nodes = 100, .concurrent = 20, .priority = 100,
	  .interval_ns = 60 * SONDE_NS_PER_S, .planned = 6000 },
	{ .name = "pro", .per_hour = 10000, .nodes = 300, .concurrent = 200, .priority = 100,
	  .interval_ns = 10 * SONDE_NS_PER_S, .planned = 360000 },
	{ .name = "premium", .per_hour = 250000, .nodes = 500, .concurrent = 5000, .priority = 100,
	  .interval_ns = SONDE_NS_PER_S },
};

struct sonde_rows tier_rows(void)
{
	return SONDE_ROWS(rows);
}

static const char *copy(struct sonde_pool *pool, const char *s)
{
	return s ? sonde_pool_strndup(pool, s, strlen(s)) : NULL;
}

struct tier *tiers_find(const struct tiers *t, const char *name)
{
	return name ? sonde_map_get(&t->by_name, name, strlen(name)) : NULL;
}

const struct tier *tiers_get(const struct tiers *t, const char *name)
{
	const struct tier *tier = tiers_find(t, name);

	return tier ? tier : tiers_find(t, built_in[0].name);
}

static int by_name(const void *a, const void *b)
{
	const struct tier *const *x = a, *const *y = b;

	return strcmp((*x)->facts.name, (*y)->facts.name);
}

int tiers_check(const struct tiers *t, const char *name, struct sonde_error *e)
{
	const struct tier *all[TIERS_MAX], *tier;
	char names[200] = "";
	size_t n = 0, at = 0, len = 0;

	if (!name || tiers_find(t, name))
		return SONDE_OK;
	while (n < TIERS_MAX && (tier = sonde_map_next(&t->by_name, &at)))
		all[n++] = tier;
	qsort(all, n, sizeof(all[0]), by_name);
	for (size_t i = 0; i < n && len < sizeof(names); i++)
		len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", i ? ", " : "",
		                        all[i]->facts.name);
	return sonde_fail(e, SONDE_EINVAL, "tier", "must be one of %s", names);
}

struct tier *tiers_put(struct tiers *t, const struct tier_facts *f)
{
	struct tier *tier = tiers_find(t, f->name);
	struct sonde_pool pool;

	if (!tier) {
		tier = calloc(1, sizeof(*tier));
		if (!tier || sonde_map_put(&t->by_name, f->name, strlen(f->name), tier) != SONDE_OK) {
			free(tier);
			return NULL;
		}
	}
	sonde_pool_init(&pool, TIER_POOL);
	struct tier_facts mine = *f;
	mine.name = copy(&pool, f->name);
	mine.types = copy(&pool, f->types);
	mine.policy = copy(&pool, f->policy);
	sonde_pool_deinit(&tier->pool);
	tier->pool = pool;
	tier->facts = mine;
	return tier;
}

void tiers_remove(struct tiers *t, const char *name)
{
	struct tier *tier = sonde_map_take(&t->by_name, name, strlen(name));

	if (tier)
		sonde_pool_deinit(&tier->pool);
	free(tier);
}

int tiers_init(struct tiers *t)
{
	sonde_map_init(&t->by_name);
	for (unsigned i = 0; i < sizeof(built_in) / sizeof(built_in[0]); i++) {
		struct tier *tier = tiers_put(t, &built_in[i]);
		if (!tier)
			return SONDE_ENOMEM;
		tier->built_in = true;
	}
	return SONDE_OK;
}

void tiers_deinit(struct tiers *t)
{
	struct tier *tier;
	size_t at = 0;

	while ((tier = sonde_map_next(&t->by_name, &at))) {
		sonde_pool_deinit(&tier->pool);
		free(tier);
	}
	sonde_map_deinit(&t->by_name);
}

static int load_one(void *arg, struct sonde_slice key, struct sonde_slice value)
{
	struct tier_facts facts = { 0 };
	struct sonde_pool pool;
	struct sonde_error e;

	(void)key;
	sonde_pool_init(&pool, TIER_POOL);
	json_t *doc = sonde_json_load(value.data, value.len, &e);
	if (doc && sonde_rows_fill(tier_rows(), doc, &facts, &pool, &e) == SONDE_OK && facts.name)
		tiers_put(arg, &facts);
	else
		sonde_log(SONDE_LOG_ERROR, "tiers", "a stored tier is bad and was left out");
	json_decref(doc);
	sonde_pool_deinit(&pool);
	return 0;
}

int tiers_load(struct tiers *t, struct sonde_store *store, struct sonde_error *e)
{
	struct sonde_read *r;
	int rc = sonde_read_begin(store, &r);

	if (rc != SONDE_OK)
		return sonde_fail(e, rc, "state", "cannot read the tiers");
	sonde_read_each(r, SONDE_TABLE_TIERS, (struct sonde_slice){ NULL, 0 }, load_one, t);
	sonde_read_end(r);
	return SONDE_OK;
}

bool tier_has_type(const struct tier *tier, const char *type)
{
	const char *list = tier->facts.types;
	size_t len = strlen(type);

	if (!list || !*list)
		return true;
	while (*list) {
		list += strspn(list, ", ");
		size_t n = strcspn(list, ", ");
		if (n == len && !memcmp(list, type, n))
			return true;
		list += n;
	}
	return false;
}

void tier_write(const struct tier_facts *f, struct sonde_json *j)
{
	char text[24];

	sonde_json_str(j, "name", f->name);
	sonde_json_int(j, "perHour", f->per_hour);
	sonde_json_int(j, "nodes", f->nodes);
	sonde_json_int(j, "concurrent", f->concurrent);
	sonde_json_str(j, "types", f->types ? f->types : "");
	if (f->policy)
		sonde_json_str(j, "policy", f->policy);
	sonde_json_int(j, "priority", f->priority);
	snprintf(text, sizeof(text), "%lldms", (long long)(f->interval_ns / SONDE_NS_PER_MS));
	sonde_json_str(j, "interval", text);
	sonde_json_int(j, "planned", f->planned);
	sonde_json_int(j, "retain", f->retain_days);
}
