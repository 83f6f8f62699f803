/* SPDX-License-Identifier: Apache-2.0 */
/* Secret options of a schedule. A spec never holds them in clear: they stand beside its other members
 * as one encrypted text, which comes along wherever the spec goes and is shown nowhere. A change of
 * what is measured must give them again, so that nobody who cannot read a secret can have it sent to
 * another place. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/controller.h"
#include "controller/sealed.h"

enum { PATH_SEGMENT = 65 };

/* The object that holds the last name of "a.b.c", and that name; NULL when it is not there and is not
 * to be made. */
static json_t *holder(json_t *object, const char *path, bool make, const char **last)
{
	char key[PATH_SEGMENT];

	for (const char *dot; (dot = strchr(path, '.')); path = dot + 1) {
		snprintf(key, sizeof(key), "%.*s", (int)(dot - path), path);
		if (make && !json_object_get(object, key))
			json_object_set_new(object, key, json_object());
		object = json_object_get(object, key);
	}
	*last = path;
	return object;
}

static bool is_nothing(const json_t *v)
{
	return json_is_null(v) || (json_is_string(v) && !json_string_length(v)) ||
	       (json_is_object(v) && !json_object_size(v));
}

/* Moves the secret members; *given when there was one, even an empty one. A new object. */
static json_t *take(const struct type *type, json_t *options, bool *given)
{
	json_t *taken = json_object();
	struct sonde_param row;
	const char *last;

	for (unsigned i = 0; sonde_row_at(type->params, i, &row); i++) {
		json_t *from = row.flags & SONDE_PARAM_SECRET ? holder(options, row.name, false, &last) : NULL;
		json_t *v = from ? json_object_get(from, last) : NULL;
		if (!v)
			continue;
		*given = true;
		if (!is_nothing(v)) {
			json_t *to = holder(taken, row.name, true, &last);
			json_object_set(to, last, v);
		}
		json_object_del(from, last);
	}
	return taken;
}

static bool measures_the_same(const json_t *a, const json_t *b)
{
	static const char *const members[] = { "type", "target", "measurementOptions" };
	bool same = true;

	for (unsigned i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		const json_t *x = json_object_get(a, members[i]), *y = json_object_get(b, members[i]);
		same &= !x == !y && (!x || json_equal(x, y));
	}
	return same;
}

static int put(const struct controller *c, json_t *spec, const json_t *taken, const json_t *before)
{
	json_t *old = before ? schedule_secrets(c, before) : NULL;
	char *text = NULL, *plain = NULL;
	bool same = old && json_equal(old, taken);

	json_decref(old);
	if (same)
		return json_object_set(spec, SCHEDULE_SEALED, json_object_get(before, SCHEDULE_SEALED)) ?
		       SONDE_ENOMEM : SONDE_OK;
	plain = json_dumps(taken, JSON_COMPACT);
	if (plain) {
		struct sonde_buf b = { .data = plain, .len = strlen(plain) };
		text = sealed_make(c->accounts.keys.seal, &b);
		sonde_secret_wipe(plain, b.len);
		free(plain);
	}
	int rc = text && !json_object_set_new(spec, SCHEDULE_SEALED, json_string(text)) ? SONDE_OK :
										     SONDE_ENOMEM;
	free(text);
	return rc;
}

int schedule_seal(struct controller *c, json_t *spec, const json_t *before, struct sonde_error *e)
{
	const char *name = json_string_value(json_object_get(spec, "type"));
	const struct type *type = name ? types_find(&c->types, name, strlen(name)) : NULL;
	json_t *options = json_object_get(spec, "measurementOptions");
	bool given = false;
	int rc = SONDE_OK;

	json_t *taken = type && json_is_object(options) ? take(type, options, &given) : NULL;
	if (given && json_object_size(taken))
		rc = put(c, spec, taken, before);
	else if (given)
		json_object_del(spec, SCHEDULE_SEALED);
	else if (before && json_object_get(before, SCHEDULE_SEALED) && !measures_the_same(before, spec))
		rc = sonde_fail(e, SONDE_EINVAL, "measurementOptions",
		                "\"measurementOptions\" must give its secrets again (\"\" = none), because what "
		                "they are for has changed");
	json_decref(taken);
	return rc;
}

json_t *schedule_secrets(const struct controller *c, const json_t *spec)
{
	const char *text = json_string_value(json_object_get(spec, SCHEDULE_SEALED));

	return text ? sealed_open(c->accounts.keys.seal, text) : NULL;
}

void schedule_secret_names(const struct controller *c, const json_t *spec, struct sonde_json *j)
{
	const char *name = json_string_value(json_object_get(spec, "type")), *last;
	const struct type *type = name ? types_find(&c->types, name, strlen(name)) : NULL;
	json_t *doc = type ? schedule_secrets(c, spec) : NULL;
	struct sonde_param row;

	if (!doc)
		return;
	sonde_json_open(j, "secrets", '[');
	for (unsigned i = 0; sonde_row_at(type->params, i, &row); i++) {
		json_t *in = row.flags & SONDE_PARAM_SECRET ? holder(doc, row.name, false, &last) : NULL;
		if (in && json_object_get(in, last))
			sonde_json_str(j, NULL, row.name);
	}
	sonde_json_close(j);
	json_decref(doc);
}
