/* SPDX-License-Identifier: Apache-2.0 */
/* SONDE_TYPE_MAP: names and texts of the user's own choice, as HTTP headers are. Input is a JSON
 * object of strings, or lines "name: text" as people type them. Refuses anything but strings, empty
 * names, names given twice, and what is over its limits. The pairs live in the caller's pool. */
#include "param/value.h"

#include <stdio.h>
#include <string.h>

struct pairs {
	const struct sonde_param *row;
	struct sonde_pool *pool;
	struct sonde_error *err;
	struct sonde_pair *list;
	unsigned n;
};

static int refuse(const struct pairs *p, const char *name, size_t len, const char *what)
{
	char path[sizeof(((struct sonde_error *)0)->path)];

	snprintf(path, sizeof(path), "%s.%.*s", p->row->name, len > 64 ? 64 : (int)len, name);
	return sonde_fail(p->err, SONDE_EINVAL, path, "%s", what);
}

static int begin(struct pairs *p, size_t count)
{
	if (count > SONDE_ROW_PAIRS)
		return sonde_fail(p->err, SONDE_EINVAL, p->row->name,
		                  "must have at most %d entries", SONDE_ROW_PAIRS);
	p->list = sonde_pool_alloc(p->pool, (count + 1) * sizeof(*p->list));
	return p->list ? SONDE_OK
	               : sonde_fail(p->err, SONDE_ENOMEM, p->row->name, "does not fit into memory");
}

static int add(struct pairs *p, const char *name, size_t name_len, const char *value, size_t len)
{
	size_t max = p->row->max > 0 ? (size_t)p->row->max : SONDE_ROW_PAIR_VALUE;
	struct sonde_pair *pair = &p->list[p->n];

	if (!name_len)
		return refuse(p, "", 0, "must not have an empty name");
	if (name_len > SONDE_ROW_PAIR_NAME)
		return refuse(p, name, name_len, "has a name that is too long");
	if (len > max)
		return sonde_fail(p->err, SONDE_EINVAL, p->row->name,
		                  "must have values of at most %zu bytes", max);
	if (!sonde_is_utf8(name, name_len) || !sonde_is_utf8(value, len))
		return sonde_fail(p->err, SONDE_EINVAL, p->row->name, "must be valid UTF-8");
	*pair = (struct sonde_pair){ sonde_pool_strndup(p->pool, name, name_len),
		                     sonde_pool_strndup(p->pool, value, len) };
	if (!pair->name || !pair->value)
		return sonde_fail(p->err, SONDE_ENOMEM, p->row->name, "does not fit into memory");
	for (unsigned i = 0; i < p->n; i++)
		if (!strcmp(p->list[i].name, pair->name))
			return refuse(p, name, name_len, "is given twice");
	p->n++;
	return SONDE_OK;
}

int sonde_pairs_json(const struct sonde_param *row, void *to, const json_t *v,
                       struct sonde_pool *pool, struct sonde_error *err)
{
	struct pairs p = { .row = row, .pool = pool, .err = err };
	json_t *object = (json_t *)v; /* jansson's iterator takes no const */
	const char *name;
	json_t *value;

	if (!json_is_object(v))
		return sonde_fail(err, SONDE_EINVAL, row->name, "must be an object of strings");
	int rc = begin(&p, json_object_size(v));
	if (rc)
		return rc;
	json_object_foreach(object, name, value) {
		if (!json_is_string(value))
			return refuse(&p, name, strlen(name), "must be a string");
		rc = add(&p, name, strlen(name), json_string_value(value),
		         json_string_length(value));
		if (rc)
			return rc;
	}
	memcpy(to, &p.list, sizeof(p.list));
	return SONDE_OK;
}

static size_t count_lines(const char *text)
{
	size_t n = 1;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* One line of `len` bytes without its end; an empty one is no entry. */
static int add_line(struct pairs *p, const char *line, size_t len)
{
	while (len && strchr(" \t\r", line[len - 1]))
		len--;
	if (!len)
		return SONDE_OK;
	const char *colon = memchr(line, ':', len);
	if (!colon)
		return sonde_fail(p->err, SONDE_EINVAL, p->row->name,
		                  "must be an object of strings, or lines \"name: text\"");
	const char *value = colon + 1;
	while (value < line + len && (*value == ' ' || *value == '\t'))
		value++;
	return add(p, line, (size_t)(colon - line), value, (size_t)(line + len - value));
}

int sonde_pairs_text(const struct sonde_param *row, void *to, const char *text,
                       struct sonde_pool *pool, struct sonde_error *err)
{
	struct pairs p = { .row = row, .pool = pool, .err = err };

	if (*text == '{') {
		struct sonde_error why = { "", "" };
		json_t *v = sonde_json_load(text, strlen(text), &why);
		int rc = v ? sonde_pairs_json(row, to, v, pool, err)
		           : sonde_fail(err, SONDE_EINVAL, row->name, "is no JSON: %s", why.text);
		json_decref(v);
		return rc;
	}
	int rc = begin(&p, count_lines(text));
	while (!rc && *text) {
		size_t n = strcspn(text, "\n");
		rc = add_line(&p, text, n);
		text += n + (text[n] == '\n');
	}
	if (!rc)
		memcpy(to, &p.list, sizeof(p.list));
	return rc;
}

void sonde_pairs_put(const struct sonde_param *row, const void *from, struct sonde_json *j,
                       const char *key)
{
	const struct sonde_pair *pair;

	memcpy(&pair, from, sizeof(pair));
	sonde_json_open(j, key, '{');
	for (; pair && pair->name; pair++)
		sonde_json_str(j, pair->name, pair->value);
	sonde_json_close(j);
}
