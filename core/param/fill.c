/* SPDX-License-Identifier: Apache-2.0 */
/* A JSON object into an args struct. The object is walked once with a stack of our own, at most as
 * deep as row names have groups; a key that no row knows is refused where it stands. Strings go
 * into the caller's pool. */
#include "param/value.h"

#include <stdio.h>
#include <string.h>

/* One open group of the input. */
struct level {
	json_t *object;
	void *at;    /* iterator */
	size_t path; /* length of walk.path inside this group */
};

struct walk {
	struct sonde_rows rows;
	void *args;
	struct sonde_pool *pool;
	struct sonde_error *err;
	uint8_t seen[SONDE_ROWS_MAX / 8];
	struct level levels[SONDE_ROW_GROUPS + 1];
	unsigned depth;
	char path[SONDE_ROW_NAME + 2];
};

static int unknown(struct walk *w, const char *key)
{
	const char *names[SONDE_ROWS_MAX + 1];
	struct sonde_param row;
	char path[sizeof(w->err->path)];
	unsigned n = 0;

	for (; sonde_row_at(w->rows, n, &row); n++)
		names[n] = row.name;
	names[n] = NULL;
	size_t inside = w->levels[w->depth - 1].path;
	snprintf(path, sizeof(path), "%.*s%s", (int)inside, w->path, key);
	/* The name is right, only its writing is not: a suggestion would repeat it. */
	if (strchr(key, '.') && sonde_row_find(w->rows, path, &row))
		return sonde_fail(w->err, SONDE_EINVAL, path, "must be written as nested objects");
	const char *near = sonde_nearest(path, names);
	if (near)
		return sonde_fail(w->err, SONDE_EINVAL, path, "is unknown, did you mean \"%s\"?",
		                  near);
	return sonde_fail(w->err, SONDE_EINVAL, path, "is unknown");
}

int sonde_rows_defaults(struct sonde_rows rows, void *args, struct sonde_pool *pool,
                        struct sonde_error *err)
{
	struct sonde_param row;

	for (unsigned i = 0; sonde_row_at(rows, i, &row); i++) {
		int rc = row.def ? sonde_row_set_text(&row, args, row.def, pool, err) : 0;
		if (rc)
			return rc;
	}
	return SONDE_OK;
}

static int set_leaf(struct walk *w, const json_t *value, bool *found)
{
	struct sonde_param row;

	*found = false;
	for (unsigned i = 0; sonde_row_at(w->rows, i, &row); i++) {
		if (*row.name != *w->path || strcmp(row.name, w->path))
			continue;
		*found = true;
		w->seen[i / 8] |= 1u << i % 8;
		return sonde_row_set_json(&row, w->args, value, w->pool, w->err);
	}
	return SONDE_OK;
}

static bool is_group(struct walk *w, size_t len)
{
	struct sonde_param row;

	for (unsigned i = 0; sonde_row_at(w->rows, i, &row); i++)
		if (!strncmp(row.name, w->path, len) && row.name[len] == '.')
			return true;
	return false;
}

static int enter(struct walk *w, json_t *value, size_t len)
{
	if (!json_is_object(value))
		return sonde_fail(w->err, SONDE_EINVAL, w->path, "must be an object");
	w->path[len++] = '.';
	w->levels[w->depth++] = (struct level){ value, json_object_iter(value), len };
	return SONDE_OK;
}

static int take_member(struct walk *w, const char *key, json_t *value)
{
	struct level *in = &w->levels[w->depth - 1];
	size_t n = strlen(key);
	bool found;

	/* A dot inside a key would reach past its group. */
	if (in->path + n > SONDE_ROW_NAME || strchr(key, '.'))
		return unknown(w, key);
	memcpy(w->path + in->path, key, n + 1);
	int rc = set_leaf(w, value, &found);
	if (rc || found)
		return rc;
	if (n && is_group(w, in->path + n))
		return enter(w, value, in->path + n);
	return unknown(w, key);
}

static int walk_object(struct walk *w, const json_t *object)
{
	json_t *root = (json_t *)object; /* jansson's iterator takes no const */

	w->levels[0] = (struct level){ root, json_object_iter(root), 0 };
	w->depth = 1;
	while (w->depth) {
		struct level *in = &w->levels[w->depth - 1];
		void *at = in->at;
		if (!at) {
			w->depth--;
			continue;
		}
		in->at = json_object_iter_next(in->object, at);
		int rc = take_member(w, json_object_iter_key(at), json_object_iter_value(at));
		if (rc)
			return rc;
	}
	return SONDE_OK;
}

int sonde_rows_fill_over(struct sonde_rows rows, const json_t *object, void *args,
                         struct sonde_pool *pool, struct sonde_error *err)
{
	struct walk w = { .rows = rows, .args = args, .pool = pool, .err = err };
	struct sonde_param row;

	if (object && !json_is_object(object))
		return sonde_fail(err, SONDE_EINVAL, "", "must be an object");
	int rc = object ? walk_object(&w, object) : SONDE_OK;
	for (unsigned i = 0; !rc && sonde_row_at(rows, i, &row); i++)
		if (row.flags & SONDE_PARAM_REQUIRED && !(w.seen[i / 8] & 1u << i % 8))
			rc = sonde_fail(err, SONDE_EINVAL, row.name, "is required");
	return rc;
}

int sonde_rows_fill(struct sonde_rows rows, const json_t *object, void *args,
                    struct sonde_pool *pool, struct sonde_error *err)
{
	int rc = sonde_rows_defaults(rows, args, pool, err);

	return rc ? rc : sonde_rows_fill_over(rows, object, args, pool, err);
}
