/* SPDX-License-Identifier: Apache-2.0 */
/* The YAML file as a stream of libyaml's events, never as a tree: a stack of open maps (as deep as
 * row names have groups), at most one open list. Everything that could make a file mean something
 * else than it shows (anchors, aliases, tags, a second document, a repeated key) is refused where
 * it stands. Values go into the rows as text; the pool holds the strings. */
#include "config/yaml.h"

#include <stdio.h>
#include <string.h>

#include <yaml.h>

#include "base/buf.h"

enum { NAME_MAX_BYTES = 64, LEVELS = 5, LIST_MAX = 64 * 1024 };

struct reader {
	struct sonde_rows rows;
	void *args;
	struct sonde_pool *pool;
	struct sonde_error *err;
	const char *file;
	struct sonde_config_seen *seen;          /* rows that got a value */
	struct sonde_config_seen keyed;          /* rows whose key was read */
	struct sonde_config_seen opened[LEVELS]; /* groups, by their first row */
	char path[NAME_MAX_BYTES + 2];           /* dotted name of what is being read */
	size_t inside[LEVELS];                   /* length of path within each open map */
	unsigned depth, documents;
	bool has_key, in_list;
	unsigned row; /* of the open list */
	yaml_mark_t at, list_at;
	struct sonde_buf list;
};

/* "file:line:column: "path" sentence"; the dotted path also stands in the error's own member. */
static int refuse_at(struct reader *r, yaml_mark_t at, const char *path, const char *what)
{
	char full[sizeof(r->err->text)];

	snprintf(full, sizeof(full), "%.100s:%zu:%zu: %s%.64s%s%s", r->file, at.line + 1,
	         at.column + 1, path ? "\"" : "", path ? path : "", path ? "\" " : "", what);
	return sonde_fail(r->err, SONDE_EINVAL, path, "%s", full);
}

static int refuse(struct reader *r, const char *what)
{
	return refuse_at(r, r->at, NULL, what);
}

static int unknown_key(struct reader *r)
{
	const char *names[SONDE_CONFIG_ROWS + 1];
	struct sonde_param row;
	char what[160];
	unsigned n = 0;

	for (; sonde_row_at(r->rows, n, &row); n++)
		names[n] = row.name;
	names[n] = NULL;
	const char *near = sonde_nearest(r->path, names);
	if (near)
		snprintf(what, sizeof(what), "is unknown, did you mean \"%s\"?", near);
	return refuse_at(r, r->at, r->path, near ? what : "is unknown");
}

/* The row named by the path, or the first row of the group it names. */
enum meaning { MEANS_NOTHING, MEANS_ROW, MEANS_GROUP };

static enum meaning find(struct reader *r, unsigned *index, struct sonde_param *row)
{
	size_t n = strlen(r->path);

	for (unsigned i = 0; sonde_row_at(r->rows, i, row); i++) {
		bool same = !strncmp(row->name, r->path, n);
		*index = i;
		if (same && !row->name[n])
			return MEANS_ROW;
		if (same && row->name[n] == '.')
			return MEANS_GROUP;
	}
	return MEANS_NOTHING;
}

static int take_key(struct reader *r, const char *text, size_t len)
{
	size_t inside = r->inside[r->depth - 1];
	struct sonde_param row;
	unsigned i;

	if (!len || inside + len > NAME_MAX_BYTES || memchr(text, '\0', len))
		return refuse(r, "a key must have 1 to 64 bytes");
	memcpy(r->path + inside, text, len);
	r->path[inside + len] = '\0';
	if (memchr(text, '.', len))
		return refuse_at(r, r->at, r->path, "must be written as nested maps, without dots");
	enum meaning m = find(r, &i, &row);
	if (m == MEANS_NOTHING)
		return unknown_key(r);
	struct sonde_config_seen *seen = m == MEANS_ROW ? &r->keyed : &r->opened[r->depth - 1];
	if (sonde_config_has(seen, i))
		return refuse_at(r, r->at, r->path, "stands here for the second time");
	sonde_config_mark(seen, i);
	r->has_key = true;
	return SONDE_OK;
}

static int set_row(struct reader *r, unsigned i, const char *text, yaml_mark_t at)
{
	struct sonde_error why = { "", "" };
	struct sonde_param row;

	sonde_row_at(r->rows, i, &row);
	int rc = sonde_row_set_text(&row, r->args, text, r->pool, &why);
	if (rc)
		refuse_at(r, at, row.name, why.text);
	else
		sonde_config_mark(r->seen, i);
	return rc;
}

static bool is_null(const yaml_event_t *ev)
{
	static const char *const words[] = { "", "~", "null", "Null", "NULL" };

	if (ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return false;
	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp((const char *)ev->data.scalar.value, words[i]))
			return true;
	return false;
}

static int take_value(struct reader *r, const yaml_event_t *ev)
{
	const char *text = (const char *)ev->data.scalar.value;
	struct sonde_param row;
	unsigned i;
	enum meaning m = find(r, &i, &row);

	r->has_key = false;
	/* A key whose value was left out keeps its default; so does a group of comments. */
	if (is_null(ev))
		return SONDE_OK;
	if (m == MEANS_GROUP)
		return refuse_at(r, r->at, r->path, "must be a map");
	return set_row(r, i, text, r->at);
}

static int take_item(struct reader *r, const yaml_event_t *ev)
{
	const char *text = (const char *)ev->data.scalar.value;

	if (is_null(ev) || !*text || strchr(text, ','))
		return refuse_at(r, r->at, r->path,
		                 "has a list item that is empty or holds a comma");
	if (r->list.len)
		sonde_buf_char(&r->list, ',');
	sonde_buf_str(&r->list, text);
	return r->list.failed ? refuse_at(r, r->at, r->path, "has a list that is too long") : 0;
}

static int on_scalar(struct reader *r, const yaml_event_t *ev)
{
	const char *text = (const char *)ev->data.scalar.value;
	size_t len = ev->data.scalar.length;

	if (ev->data.scalar.anchor || ev->data.scalar.tag)
		return refuse(r, "anchors and tags are not taken");
	if (memchr(text, '\0', len))
		return refuse(r, "a NUL byte is not taken");
	if (r->in_list)
		return take_item(r, ev);
	if (!r->depth)
		return is_null(ev) ? SONDE_OK : refuse(r, "the file must be a map");
	return r->has_key ? take_value(r, ev) : take_key(r, text, len);
}

static int on_map(struct reader *r, const yaml_event_t *ev)
{
	struct sonde_param row;
	unsigned i;

	if (ev->data.mapping_start.anchor || ev->data.mapping_start.tag)
		return refuse(r, "anchors and tags are not taken");
	if (r->in_list)
		return refuse_at(r, r->at, r->path, "must be a list of plain values");
	if (r->depth && !r->has_key)
		return refuse(r, "a key must be a plain value");
	if (r->depth && find(r, &i, &row) == MEANS_ROW)
		return refuse_at(r, r->at, r->path, "must be a plain value, not a map");
	size_t n = r->depth ? strlen(r->path) : 0;
	/* The rows have no deeper groups, so that find() said so before this could happen. */
	if (r->depth == LEVELS || n + 1 >= sizeof(r->path))
		return refuse(r, "maps are nested too deep");
	if (r->depth)
		r->path[n++] = '.';
	r->inside[r->depth++] = n;
	r->has_key = false;
	return SONDE_OK;
}

static int on_map_end(struct reader *r)
{
	r->depth--;
	r->has_key = false;
	return SONDE_OK;
}

static int on_list(struct reader *r, const yaml_event_t *ev)
{
	struct sonde_param row;

	if (ev->data.sequence_start.anchor || ev->data.sequence_start.tag)
		return refuse(r, "anchors and tags are not taken");
	if (r->in_list)
		return refuse_at(r, r->at, r->path, "must be a list of plain values");
	if (!r->depth)
		return refuse(r, "the file must be a map");
	if (!r->has_key)
		return refuse(r, "a key must be a plain value");
	if (find(r, &r->row, &row) != MEANS_ROW || row.type != SONDE_TYPE_STRING)
		return refuse_at(r, r->at, r->path, "must not be a list");
	r->in_list = true;
	r->has_key = false;
	r->list_at = r->at;
	sonde_buf_reset(&r->list);
	return SONDE_OK;
}

static int on_list_end(struct reader *r)
{
	r->in_list = false;
	return set_row(r, r->row, sonde_buf_cstr(&r->list), r->list_at);
}

static int on_document(struct reader *r, const yaml_event_t *ev)
{
	const yaml_tag_directive_t *tags = ev->data.document_start.tag_directives.start;

	if (tags && tags != ev->data.document_start.tag_directives.end)
		return refuse(r, "anchors and tags are not taken");
	return r->documents++ ? refuse(r, "a second document is not taken") : SONDE_OK;
}

static int on_event(struct reader *r, const yaml_event_t *ev)
{
	r->at = ev->start_mark;
	switch (ev->type) {
	case YAML_DOCUMENT_START_EVENT:
		return on_document(r, ev);
	case YAML_SCALAR_EVENT:
		return on_scalar(r, ev);
	case YAML_MAPPING_START_EVENT:
		return on_map(r, ev);
	case YAML_MAPPING_END_EVENT:
		return on_map_end(r);
	case YAML_SEQUENCE_START_EVENT:
		return on_list(r, ev);
	case YAML_SEQUENCE_END_EVENT:
		return on_list_end(r);
	case YAML_ALIAS_EVENT:
		return refuse(r, "anchors and tags are not taken");
	default:
		return SONDE_OK;
	}
}

static int syntax(struct reader *r, const yaml_parser_t *parser)
{
	if (parser->error == YAML_MEMORY_ERROR)
		return sonde_fail(r->err, SONDE_ENOMEM, "", "%.100s: out of memory", r->file);
	/* The reader counts bytes only: its mark has not moved to what it could not decode. */
	yaml_mark_t at = parser->error == YAML_READER_ERROR ? parser->mark : parser->problem_mark;
	return refuse_at(r, at, NULL, parser->problem ? parser->problem : "not YAML");
}

static int read_events(struct reader *r, yaml_parser_t *parser)
{
	yaml_event_t ev;
	bool end = false;
	int rc = SONDE_OK;

	while (!end && !rc) {
		if (!yaml_parser_parse(parser, &ev))
			return syntax(r, parser);
		rc = on_event(r, &ev);
		end = ev.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&ev);
	}
	return rc;
}

int sonde_config_yaml(struct sonde_rows rows, void *args, struct sonde_pool *pool, const char *file,
                      const char *text, size_t len, struct sonde_config_seen *seen,
                      struct sonde_error *err)
{
	struct reader r = {
		.rows = rows,
		.args = args,
		.pool = pool,
		.file = file,
		.seen = seen,
		.err = err,
	};
	yaml_parser_t parser;

	if (len > SONDE_CONFIG_FILE_MAX)
		return sonde_fail(err, SONDE_EINVAL, "", "%.100s: more than %d bytes", file,
		                  SONDE_CONFIG_FILE_MAX);
	if (!yaml_parser_initialize(&parser))
		return sonde_fail(err, SONDE_ENOMEM, "", "%.100s: out of memory", file);
	sonde_buf_init(&r.list, LIST_MAX);
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	int rc = read_events(&r, &parser);
	yaml_parser_delete(&parser);
	sonde_buf_deinit(&r.list);
	return rc;
}
