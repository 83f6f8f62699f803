/* SPDX-License-Identifier: Apache-2.0 */
/* libyaml's events onto a stack of open containers; no recursion. A container is put into its parent
 * when it opens, so that the root owns everything from the first moment. */
#include "config/document.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

enum { LEVELS = 32, TEXT_MAX = 1 << 20, NUMBER_MAX = 40 };

struct builder {
	const char *file;
	struct sonde_error *err;
	json_t *root;
	struct {
		json_t *value; /* borrowed from its parent */
		char *key;     /* of a map, waiting for its value; owned */
	} open[LEVELS];
	unsigned depth, documents;
	yaml_mark_t at;
};

static int refuse(struct builder *b, const char *what)
{
	return sonde_fail(b->err, SONDE_EINVAL, "", "%.100s:%zu:%zu: %s", b->file, b->at.line + 1,
	                  b->at.column + 1, what);
}

/* Takes the value. */
static int put(struct builder *b, json_t *value)
{
	if (!value)
		return refuse(b, "does not fit into memory, or is not UTF-8");
	if (!b->depth) {
		b->root = value;
		return SONDE_OK;
	}
	json_t *parent = b->open[b->depth - 1].value;
	char **key = &b->open[b->depth - 1].key;
	int rc = json_is_array(parent) ? json_array_append_new(parent, value) :
					 json_object_set_new(parent, *key, value);
	free(*key);
	*key = NULL;
	return rc ? refuse(b, "does not fit into memory, or is not UTF-8") : SONDE_OK;
}

static bool is_one_of(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (!strcmp(text, *words))
			return true;
	return false;
}

static json_t *number_of(const char *text)
{
	const char *p = text + (*text == '-' || *text == '+');
	char *end;

	if (!(*p >= '0' && *p <= '9') || strlen(text) >= NUMBER_MAX ||
	    strspn(p, "0123456789.eE+-") != strlen(p))
		return NULL;
	errno = 0;
	long long i = strtoll(text, &end, 10);
	if (!*end && !errno)
		return json_integer(i);
	double d = strtod(text, &end);
	return !*end && isfinite(d) ? json_real(d) : NULL;
}

static json_t *scalar_of(const char *text, size_t len, bool plain)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
	static const char *const yes[] = { "true", "True", "TRUE", NULL };
	static const char *const no[] = { "false", "False", "FALSE", NULL };

	if (plain && strlen(text) == len) {
		json_t *number = number_of(text);
		if (number)
			return number;
		if (is_one_of(text, nulls))
			return json_null();
		if (is_one_of(text, yes) || is_one_of(text, no))
			return json_boolean(is_one_of(text, yes));
	}
	return json_stringn(text, len);
}

static bool wants_key(const struct builder *b)
{
	return b->depth && json_is_object(b->open[b->depth - 1].value) && !b->open[b->depth - 1].key;
}

static int on_scalar(struct builder *b, const yaml_event_t *e)
{
	const char *text = (const char *)e->data.scalar.value;
	size_t len = e->data.scalar.length;

	if (e->data.scalar.anchor || e->data.scalar.tag)
		return refuse(b, "anchors and tags are not allowed");
	if (!wants_key(b))
		return put(b, scalar_of(text, len, e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE));
	if (strlen(text) != len || !len)
		return refuse(b, "a key must be a text");
	if (json_object_get(b->open[b->depth - 1].value, text))
		return refuse(b, "the key occurs twice");
	b->open[b->depth - 1].key = strdup(text);
	return b->open[b->depth - 1].key ? SONDE_OK : refuse(b, "does not fit into memory");
}

static int on_open(struct builder *b, json_t *value, bool decorated)
{
	if (decorated || wants_key(b) || b->depth == LEVELS) {
		json_decref(value);
		return refuse(b, decorated ? "anchors and tags are not allowed" :
		              b->depth == LEVELS ? "is nested too deeply" : "a key must be a text");
	}
	int rc = put(b, value);
	if (rc != SONDE_OK)
		return rc;
	b->open[b->depth].key = NULL;
	b->open[b->depth++].value = value;
	return SONDE_OK;
}

static int on_event(struct builder *b, const yaml_event_t *e)
{
	b->at = e->start_mark;
	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		return b->documents++ ? refuse(b, "only one document is allowed") : SONDE_OK;
	case YAML_SCALAR_EVENT:
		return on_scalar(b, e);
	case YAML_SEQUENCE_START_EVENT:
		return on_open(b, json_array(), e->data.sequence_start.anchor ||
		                                e->data.sequence_start.tag);
	case YAML_MAPPING_START_EVENT:
		return on_open(b, json_object(), e->data.mapping_start.anchor ||
		                                 e->data.mapping_start.tag);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		b->depth--;
		return SONDE_OK;
	case YAML_ALIAS_EVENT:
		return refuse(b, "aliases are not allowed");
	default:
		return SONDE_OK;
	}
}

static int syntax(struct builder *b, const yaml_parser_t *parser)
{
	b->at = parser->problem_mark;
	return refuse(b, parser->problem ? parser->problem : "is no YAML");
}

json_t *sonde_yaml_document(const char *file, const char *text, size_t len, struct sonde_error *err)
{
	struct builder b = { .file = file, .err = err };
	yaml_parser_t parser;
	yaml_event_t event;
	bool ended = false;

	if (len > TEXT_MAX || !yaml_parser_initialize(&parser)) {
		sonde_fail(err, SONDE_EINVAL, "", "%.100s: is larger than 1 MiB", file);
		return NULL;
	}
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	int rc = SONDE_OK;
	while (rc == SONDE_OK && !ended) {
		if (!yaml_parser_parse(&parser, &event)) {
			rc = syntax(&b, &parser);
			break;
		}
		rc = on_event(&b, &event);
		ended = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	for (unsigned i = 0; i < LEVELS; i++)
		free(b.open[i].key);
	if (rc == SONDE_OK && b.root)
		return b.root;
	if (rc == SONDE_OK)
		sonde_fail(err, SONDE_EINVAL, "", "%.100s: is empty", file);
	json_decref(b.root);
	return NULL;
}
