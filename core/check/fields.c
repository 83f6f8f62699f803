/* SPDX-License-Identifier: Apache-2.0 */
/* Holds a result against the field rows: every value must be described by a row of its path
 * ("stats.min", "timings[].rtt"), or lie inside of a list or object that is described as a whole.
 * The walk has a stack of its own; the JSON's depth is bounded by its writer. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "check/internal.h"

enum { PATH = 512 };

struct level {
	json_t *value;
	void *member; /* iterator of an object */
	size_t item;  /* next of an array */
	size_t path;  /* length of its own path */
};

static const struct sonde_field *row_at(const struct check *c, unsigned i)
{
	const char *first = (const char *)c->plug.desc.fields;
	const struct sonde_field *f = (const void *)(first + (size_t)i * c->plug.desc.field_size);
	return f->type == SONDE_TYPE_END ? NULL : f;
}

static const struct sonde_field *find(const struct check *c, const char *path, size_t len)
{
	const struct sonde_field *f;

	for (unsigned i = 0; (f = row_at(c, i)); i++)
		if (strlen(f->name) == len && !memcmp(f->name, path, len))
			return f;
	return NULL;
}

/* Whether the list or object at the path has rows for what is inside. */
static bool has_inner_rows(const struct check *c, const char *path, size_t len)
{
	const struct sonde_field *f;

	for (unsigned i = 0; (f = row_at(c, i)); i++)
		if (!strncmp(f->name, path, len) && (f->name[len] == '.' || f->name[len] == '['))
			return true;
	return false;
}

static bool inside_of_a_whole(const struct check *c, const char *path)
{
	for (size_t i = 1; path[i]; i++)
		if ((path[i] == '.' || path[i] == '[') && find(c, path, i) &&
		    !has_inner_rows(c, path, i))
			return true;
	return false;
}

static bool fits(uint32_t type, const json_t *v)
{
	switch (type) {
	case SONDE_TYPE_BOOL:
		return json_is_boolean(v);
	case SONDE_TYPE_INT:
		return json_is_integer(v);
	case SONDE_TYPE_NUMBER:
	case SONDE_TYPE_DURATION:
		return json_is_number(v);
	case SONDE_TYPE_STRING:
	case SONDE_TYPE_ENUM:
		return json_is_string(v);
	case SONDE_TYPE_ROWS:
		return json_is_array(v);
	default:
		return json_is_object(v);
	}
}

static void check_value(struct check *c, const char *path, const json_t *v)
{
	const struct sonde_field *f = find(c, path, strlen(path));
	bool scalar = !json_is_object(v) && !json_is_array(v);

	if (f && !json_is_null(v) && !fits(f->type, v))
		check_say(c, CHECK_ERROR, "the result's %.100s is not of the type of its row", path);
	if (!f && scalar && !inside_of_a_whole(c, path))
		check_say(c, CHECK_ERROR, "the result's %.100s has no field row", path);
}

/* The next value inside of a level, its path appended; NULL at the end. */
static json_t *next(struct level *l, char *path)
{
	if (json_is_array(l->value)) {
		snprintf(path + l->path, PATH - l->path, "[]");
		return json_array_get(l->value, l->item++);
	}
	l->member = l->member ? json_object_iter_next(l->value, l->member)
	                      : json_object_iter(l->value);
	if (!l->member)
		return NULL;
	snprintf(path + l->path, PATH - l->path, "%s%s", l->path ? "." : "",
	         json_object_iter_key(l->member));
	return json_object_iter_value(l->member);
}

static void walk(struct check *c, json_t *root)
{
	struct level stack[SONDE_JSON_DEPTH + 1] = { { .value = root } };
	unsigned depth = 1;
	char path[PATH] = "";

	while (depth) {
		json_t *v = next(&stack[depth - 1], path);
		if (!v) {
			depth--;
			continue;
		}
		check_value(c, path, v);
		if ((json_is_object(v) && json_object_size(v)) || json_is_array(v)) {
			if (depth == SONDE_JSON_DEPTH)
				return;
			stack[depth++] = (struct level){ .value = v, .path = strlen(path) };
		}
	}
}

void check_fields(struct check *c, const char *json)
{
	json_error_t e;
	json_t *root = json_loads(json, JSON_REJECT_DUPLICATES, &e);

	if (!root) {
		check_say(c, CHECK_ERROR, "the result is not JSON: %.100s", e.text);
		return;
	}
	walk(c, root);
	json_decref(root);
}
