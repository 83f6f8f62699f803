/* SPDX-License-Identifier: Apache-2.0 */
/* The table of types. Owns each type with its rows; a plugin whose description is bad is left out
 * with a log line, the others serve. Descriptions of nodes are as foreign as any request: rows are
 * checked as they are parsed, memory and number are bounded, and they never change a type of the
 * controller's own directories. */
#include "controller/types.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "controller/describe.h"

enum { DESCRIBE_MAX = 4 << 20, POOL_MAX = 1 << 20, NAME_MAX_BYTES = 64 };

static enum type_target target_kind(const json_t *plugin)
{
	static const char *const names[] = { "host", "list", "text", "node" };
	const char *kind = json_string_value(json_object_get(plugin, "target"));

	for (unsigned i = 0; kind && i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(kind, names[i]))
			return i;
	return TYPE_TARGET_HOST;
}

static void type_free(struct type *type)
{
	if (!type)
		return;
	json_decref(type->described);
	sonde_pool_deinit(&type->pool);
	free(type);
}

static int read_type(struct type *type, struct sonde_error *e)
{
	type->name = json_string_value(json_object_get(type->described, "name"));
	if (!type->name || !*type->name || strlen(type->name) > NAME_MAX_BYTES ||
	    type->name[strspn(type->name, "abcdefghijklmnopqrstuvwxyz0123456789_")])
		return sonde_fail(e, SONDE_EINVAL, "name", "is not the name of a type");
	type->version = json_string_value(json_object_get(type->described, "version"));
	type->summary = json_string_value(json_object_get(type->described, "summary"));
	type->target = target_kind(type->described);
	int rc = sonde_rows_parse(json_object_get(type->described, "params"), &type->pool,
	                          &type->params, &type->args_size, e);
	if (rc != SONDE_OK)
		return rc;
	void *args = sonde_pool_alloc(&type->pool, type->args_size + 1);
	if (args && sonde_rows_fill(type->params, NULL, args, &type->pool, NULL) == SONDE_OK)
		type->defaults = args;
	return SONDE_OK;
}

static struct type *type_new(json_t *plugin, struct sonde_error *e)
{
	struct type *type = calloc(1, sizeof(*type));

	if (!type) {
		sonde_fail(e, SONDE_ENOMEM, "", "out of memory");
		return NULL;
	}
	sonde_pool_init(&type->pool, POOL_MAX);
	type->described = json_incref(plugin);
	if (read_type(type, e) == SONDE_OK)
		return type;
	type_free(type);
	return NULL;
}

static struct type *find(const struct types *t, const char *name)
{
	return name ? sonde_map_get(&t->by_name, name, strlen(name)) : NULL;
}

static void drop(struct types *t, struct type *type)
{
	sonde_map_take(&t->by_name, type->name, strlen(type->name));
	t->learned -= type->learned;
	type_free(type);
}

/* Takes the type; the one of its name goes. */
static void put(struct types *t, struct type *type)
{
	struct type *old = find(t, type->name);

	if (old)
		drop(t, old);
	if (sonde_map_put(&t->by_name, type->name, strlen(type->name), type) != SONDE_OK)
		type_free(type);
	else
		t->learned += type->learned;
}

static int by_name(const void *a, const void *b)
{
	const struct type *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static void list_plugins(struct types *t)
{
	struct type **all = calloc(t->by_name.len + 1, sizeof(struct type *)), *type;
	json_t *plugins = json_array();
	size_t at = 0, n = 0;

	while (all && (type = sonde_map_next(&t->by_name, &at)))
		all[n++] = type;
	if (n)
		qsort(all, n, sizeof(*all), by_name);
	for (size_t i = 0; i < n; i++)
		json_array_append(plugins, all[i]->described);
	free(all);
	json_decref(t->plugins);
	t->plugins = plugins;
}

/* ---- the own directories ---- */

static void keep_refused(struct types *t, const json_t *refused)
{
	const json_t *row;
	char name[NAME_MAX_BYTES + 1];
	size_t i;

	json_array_foreach(refused, i, row) {
		const char *path = json_string_value(json_object_get(row, "file"));
		const char *why = json_string_value(json_object_get(row, "why"));
		const char *slash = path ? strrchr(path, '/') : NULL;
		const char *file = slash ? slash + 1 : path ? path : "";
		size_t n = strcspn(file, ".");
		struct type *type = NULL;
		if (n < sizeof(name)) {
			memcpy(name, file, n);
			name[n] = '\0';
			type = find(t, name);
		}
		sonde_log(SONDE_LOG_WARN, "types", "%s: %s%s", file, why ? why : "",
		          type && !type->stays && !type->learned ? "; the type stays as it was" : "");
		if (type)
			type->stays = true;
	}
}

static void drop_gone(struct types *t)
{
	struct type *type;
	size_t at = 0;

	while ((type = sonde_map_next(&t->by_name, &at)))
		if (!type->stays && !type->learned)
			drop(t, type);
}

int types_take(struct types *t, const char *text, size_t len, struct sonde_error *e)
{
	json_t *plugin, *doc = sonde_json_load(text, len, e);
	struct type *type;
	size_t i, at = 0;

	if (!doc)
		return SONDE_EINVAL;
	while ((type = sonde_map_next(&t->by_name, &at)))
		type->stays = false;
	json_array_foreach(json_object_get(doc, "plugins"), i, plugin) {
		struct sonde_error why;
		type = type_new(plugin, &why);
		if (!type) {
			sonde_log(SONDE_LOG_WARN, "types", "plugin %zu left out: %s %s", i, why.path,
			          why.text);
			continue;
		}
		type->stays = true;
		put(t, type);
	}
	keep_refused(t, json_object_get(doc, "refused"));
	drop_gone(t);
	list_plugins(t);
	json_decref(doc);
	return SONDE_OK;
}

int types_parse(struct types *t, const char *text, size_t len, struct sonde_error *e)
{
	sonde_map_init(&t->by_name);
	return types_take(t, text, len, e);
}

int types_load(struct types *t, const char *runner, const char *dirs, struct sonde_error *e)
{
	struct sonde_buf out;

	sonde_buf_init(&out, DESCRIBE_MAX);
	int rc = describe_plugins(runner, dirs, &out, e);
	if (rc == SONDE_OK)
		rc = types_parse(t, out.data, out.len, e);
	sonde_buf_deinit(&out);
	return rc;
}

/* ---- nodes ---- */

static bool is_news(const struct types *t, json_t *plugin)
{
	const struct type *have = find(t, json_string_value(json_object_get(plugin, "name")));

	if (!have)
		return t->learned < TYPES_LEARNED_MAX;
	return have->learned && !json_equal(have->described, plugin);
}

void types_learn(struct types *t, const json_t *plugins)
{
	json_t *plugin;
	bool changed = false;
	size_t i;

	json_array_foreach((json_t *)plugins, i, plugin) {
		struct sonde_error e;
		struct type *type = is_news(t, plugin) ? type_new(plugin, &e) : NULL;
		if (!type)
			continue;
		sonde_log(SONDE_LOG_INFO, "types", "%s %s is known now, from a node", type->name,
		          type->version ? type->version : "");
		type->learned = changed = true;
		put(t, type);
	}
	if (changed)
		list_plugins(t);
}

void types_forget(struct types *t, bool (*keep)(void *, const struct type *), void *arg)
{
	struct type *type;
	size_t at = 0;

	while ((type = sonde_map_next(&t->by_name, &at)))
		if (type->learned && !keep(arg, type))
			drop(t, type);
	list_plugins(t);
}

void types_deinit(struct types *t)
{
	struct type *type;
	size_t at = 0;

	while ((type = sonde_map_next(&t->by_name, &at)))
		drop(t, type);
	json_decref(t->plugins);
	sonde_map_deinit(&t->by_name);
}

const struct type *types_find(const struct types *t, const char *name, size_t len)
{
	return sonde_map_get(&t->by_name, name, len);
}

const char *types_nearest(const struct types *t, const char *name)
{
	const char *names[65] = { NULL };
	const struct type *type;
	size_t at = 0, n = 0;

	while (n < 64 && (type = sonde_map_next(&t->by_name, &at)))
		names[n++] = type->name;
	return sonde_nearest(name, names);
}
