/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of a node's settings. Owns nothing; refuses what no row names. */
#include "wire/settings.h"

#include <string.h>

#define ROW(n, t, m, h, ...) \
	{ .name = n, .type = SONDE_TYPE_##t, .offset = offsetof(struct sonde_settings, m), .help = h, \
	  __VA_ARGS__ }

static const char *const levels[] = { "own", "error", "warn", "info", "debug", NULL };

static const struct sonde_param rows[] = {
	ROW("capacity", INT, capacity, "tasks at once, 0 = the node's own limit", .max = 10000),
	ROW("packetsPerSecond", INT, packets_per_second,
	    "limit of options measured in packets/s, 0 = the node's own limit", .unit = "packets/s",
	    .max = 10000000),
	ROW("beat", DURATION, beat_ns, "between heartbeats, 0 = as all nodes", .max = 300000),
	ROW("selfTest", DURATION, self_test_ns, "between self-tests, 0 = the node's own setting",
	    .max = 86400000),
	ROW("logLevel", ENUM, log_level, "least important lines to log", .def = "own",
	    .names = levels),
	{ 0 },
};

enum { POOL_MAX = 16 << 10 };

static struct sonde_rows settings_rows(void)
{
	return SONDE_ROWS(rows);
}

static int check_plugins(const json_t *plugins, struct sonde_error *e)
{
	const char *type;
	json_t *options;

	if (plugins && !json_is_object(plugins))
		return sonde_fail(e, SONDE_EINVAL, "plugins", "must be an object");
	json_object_foreach((json_t *)plugins, type, options)
		if (!json_is_object(options))
			return sonde_fail(e, SONDE_EINVAL, "plugins", "must hold an object for each type");
	return SONDE_OK;
}

int sonde_settings_read(const json_t *doc, struct sonde_settings *out, struct sonde_error *e)
{
	struct sonde_pool pool;

	memset(out, 0, sizeof(*out));
	if (!json_is_object(doc))
		return sonde_fail(e, SONDE_EINVAL, "", "must be an object");
	int rc = check_plugins(json_object_get(doc, "plugins"), e);
	json_t *own = rc == SONDE_OK ? json_copy((json_t *)doc) : NULL;
	if (!own)
		return rc == SONDE_OK ? SONDE_ENOMEM : rc;
	json_object_del(own, "plugins");
	sonde_pool_init(&pool, POOL_MAX);
	rc = sonde_rows_fill(settings_rows(), own, out, &pool, e);
	sonde_pool_deinit(&pool);
	json_decref(own);
	if (rc == SONDE_OK && out->beat_ns && out->beat_ns < INT64_C(500000000))
		return sonde_fail(e, SONDE_EINVAL, "beat", "must be 0 or at least 500ms");
	if (rc == SONDE_OK && out->self_test_ns && out->self_test_ns < INT64_C(1000000000))
		return sonde_fail(e, SONDE_EINVAL, "selfTest", "must be 0 or at least 1s");
	return rc;
}

int sonde_settings_log_level(const struct sonde_settings *s, int own)
{
	static const int levels_of_syslog[] = { 0, 3, 4, 6, 7 };

	return s->log_level == SONDE_SETTINGS_OWN ? own : levels_of_syslog[s->log_level];
}
