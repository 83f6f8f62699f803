/* SPDX-License-Identifier: Apache-2.0 */
/* What an account may use. free, pro and premium are built in; an administrator changes them and
 * adds others. */
#pragma once
#include "base/json.h"
#include "base/map.h"
#include "param/param.h"
#include "store/store.h"

enum { TIER_NAME_MAX = 32, TIERS_MAX = 64 };

struct tier_facts {
	const char *name;
	int64_t per_hour;     /* tests (one on one node) that cost nothing; 0 = none */
	int64_t nodes;        /* of one measurement */
	int64_t concurrent;   /* measurements that are not over */
	const char *types;    /* comma list of types; NULL or "" = all */
	const char *policy;   /* used when a request names none; NULL = the controller's */
	int64_t priority;     /* the highest node priority it reaches */
	int64_t interval_ns;  /* shortest of a schedule */
	int64_t planned;      /* tests an hour that all schedules of an owner may plan; 0 = no limit */
	int64_t retain_days;  /* 0 = as the controller */
};

struct tier {
	struct tier_facts facts;
	struct sonde_pool pool;
	bool built_in;
};

struct tiers {
	struct sonde_map by_name;
};

int tiers_init(struct tiers *);
void tiers_deinit(struct tiers *);
int tiers_load(struct tiers *, struct sonde_store *, struct sonde_error *);
/* NULL names the first; an unknown name is treated as free. */
const struct tier *tiers_get(const struct tiers *, const char *name);
struct tier *tiers_find(const struct tiers *, const char *name);
/* SONDE_OK when name is NULL or that of a tier; otherwise a sentence that names those there are. */
int tiers_check(const struct tiers *, const char *name, struct sonde_error *);
struct tier *tiers_put(struct tiers *, const struct tier_facts *);
void tiers_remove(struct tiers *, const char *name);
bool tier_has_type(const struct tier *, const char *type);
struct sonde_rows tier_rows(void);
void tier_write(const struct tier_facts *, struct sonde_json *);
