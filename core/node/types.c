/* SPDX-License-Identifier: Apache-2.0 */
/* Comparing descriptions, and leaving types out of them. They come from processes that run plugins:
 * read strictly, bounded by the wire's limit of their size. Owns nothing beyond a call. */
#include "node/types.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "param/param.h"

static json_t *load(struct sonde_text text)
{
	struct sonde_error e;

	return sonde_json_load(text.s, text.len, &e);
}

static bool has_type(const json_t *doc, const char *name, size_t len)
{
	const json_t *plugin;
	size_t i;

	json_array_foreach(json_object_get(doc, "plugins"), i, plugin) {
		const char *have = json_string_value(json_object_get(plugin, "name"));
		if (have && strlen(have) == len && !memcmp(have, name, len))
			return true;
	}
	return false;
}

static int check_refused(const json_t *now, const json_t *next, struct sonde_error *e)
{
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(next, "refused"), i, row) {
		const char *path = json_string_value(json_object_get(row, "file"));
		const char *why = json_string_value(json_object_get(row, "why"));
		const char *slash = path ? strrchr(path, '/') : NULL;
		const char *file = slash ? slash + 1 : path ? path : "";
		size_t n = strlen(file);
		if (n <= 3 || strcmp(file + n - 3, ".so"))
			continue;
		if (has_type(now, file, n - 3) && !has_type(next, file, n - 3))
			return sonde_fail(e, SONDE_EINVAL, NULL,
			                  "%s is broken, so that the plugins stay as they were: %s",
			                  file, why ? why : "");
	}
	return SONDE_OK;
}

int sonde_types_check(struct sonde_text now, struct sonde_text next, struct sonde_error *e)
{
	json_t *old = load(now), *new = load(next);

	int rc = json_is_array(json_object_get(new, "plugins")) ?
	                 check_refused(old, new, e) :
	                 sonde_fail(e, SONDE_EINVAL, NULL, "the runner described no plugins");
	json_decref(old);
	json_decref(new);
	return rc;
}

unsigned sonde_types_count(struct sonde_text text)
{
	json_t *doc = load(text);
	size_t n = json_array_size(json_object_get(doc, "plugins"));

	json_decref(doc);
	return (unsigned)n;
}

static void refuse(json_t *doc, const char *name, int64_t seconds)
{
	json_t *refused = json_object_get(doc, "refused"), *row = json_object();
	char file[128], why[96];

	if (!json_is_array(refused)) {
		refused = json_array();
		json_object_set_new(doc, "refused", refused);
	}
	snprintf(file, sizeof(file), "%s.so", name);
	snprintf(why, sizeof(why), "it crashed %d times within a minute: disabled for %lld s",
	         SONDE_CRASH_LIMIT, (long long)seconds);
	json_object_set_new(row, "file", json_string(file));
	json_object_set_new(row, "why", json_string(why));
	json_array_append_new(refused, row);
}

int sonde_types_without(struct sonde_text text, const struct sonde_crashes *crashes, int64_t now_ns,
                        struct sonde_buf *out)
{
	json_t *doc = load(text), *plugins = json_object_get(doc, "plugins");

	for (size_t i = 0; i < json_array_size(plugins);) {
		const json_t *plugin = json_array_get(plugins, i);
		const char *name = json_string_value(json_object_get(plugin, "name"));
		struct sonde_text type = { name, name ? strlen(name) : 0 };
		int64_t left = name ? sonde_crashes_left(crashes, type, now_ns) : 0;
		if (!left) {
			i++;
			continue;
		}
		refuse(doc, name, left);
		json_array_remove(plugins, i);
	}
	char *dump = doc ? json_dumps(doc, JSON_COMPACT) : NULL;
	json_decref(doc);
	if (!dump)
		return SONDE_EINVAL;
	sonde_buf_str(out, dump);
	free(dump);
	return SONDE_OK;
}
