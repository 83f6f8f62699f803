/* SPDX-License-Identifier: Apache-2.0 */
/* Requirements: a table of rows, each with the fact of a node that it looks at. Refuses what it does
 * not know, naming what there is. Owns nothing; texts are the pool's. */
#include "controller/needs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/status.h"
#include "controller/nodes.h"

enum { WORD_MAX = 128, TEXT_MAX = 8 << 10 };

static double memory_of(const struct node *n) { return (double)n->machine.memory_mib; }
static double cpus_of(const struct node *n) { return (double)n->machine.cpus; }
static double capacity_of(const struct node *n) { return n->capacity; }
static double priority_of(const struct node *n) { return (double)n->facts.priority; }
static double trusted_of(const struct node *n) { return n->facts.trusted != 0; }
static double ipv4_of(const struct node *n) { return node_has_family(n, 4); }
static double ipv6_of(const struct node *n) { return node_has_family(n, 6); }
static double load_of(const struct node *n) { return n->beat.load; }
static double error_rate_of(const struct node *n) { return n->beat.error_rate; }

static bool type_in(const struct node *n, const char *word)
{
	return node_has_type(n, word, strlen(word));
}

static bool tag_in(const struct node *n, const char *word)
{
	return node_has_tag(n, word, strlen(word));
}

enum kind { AT_LEAST, AT_MOST, EQUAL, ALL_OF, VERSION };

static const struct row {
	const char *name;
	enum kind kind;
	double (*number)(const struct node *);
	bool (*has)(const struct node *, const char *word);
	double max;
	bool moves;
} rows[] = {
	{ "cpus", AT_LEAST, cpus_of, .max = 65536 },
	{ "memoryMiB", AT_LEAST, memory_of, .max = 1 << 30 },
	{ "capacity", AT_LEAST, capacity_of, .max = 10000 },
	{ "priority", AT_LEAST, priority_of, .max = 100 },
	{ "uptime", AT_LEAST, node_uptime, .max = 1, .moves = true },
	{ "load", AT_MOST, load_of, .max = 10000, .moves = true },
	{ "errorRate", AT_MOST, error_rate_of, .max = 1, .moves = true },
	{ "ipv4", EQUAL, ipv4_of, .max = 1 },
	{ "ipv6", EQUAL, ipv6_of, .max = 1 },
	{ "trusted", EQUAL, trusted_of, .max = 1 },
	{ "types", ALL_OF, .has = type_in },
	{ "tags", ALL_OF, .has = tag_in },
	{ "version", VERSION },
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

_Static_assert((int)ROWS <= (int)NEEDS_MAX, "each row may be asked for once");

const char *need_name(const struct need *need)
{
	return rows[need->row].name;
}

void needs_missed(const struct needs *needs, const struct nodes *nodes, char *out, size_t len)
{
	unsigned missed[NEEDS_MAX] = { 0 };
	size_t n = 0;

	for (unsigned i = 0; i < nodes->len; i++) {
		const struct node *node = nodes->all[i];
		int unmet = node && node_is_ready(nodes, node) ? needs_unmet(needs, node) : NEED_FAMILY;
		if (unmet != NEED_FAMILY && unmet < (int)needs->count)
			missed[unmet]++;
	}
	*out = '\0';
	for (unsigned i = 0; i < needs->count && n < len; i++)
		if (missed[i])
			n += (size_t)snprintf(out + n, len - n, "%s%s: %u node%s", n ? "; " : "",
			                      need_name(&needs->items[i]), missed[i],
			                      missed[i] == 1 ? "" : "s");
}

/* All there are, "cpus, memoryMiB, ..."; at most len - 1 bytes. */
static void put_names(char *out, size_t len)
{
	size_t n = 0;

	*out = '\0';
	for (unsigned i = 0; i < ROWS && n < len; i++)
		n += (size_t)snprintf(out + n, len - n, "%s%s", i ? ", " : "", rows[i].name);
}

/* ---- reading ---- */

static int wrong(struct sonde_error *e, const char *key, const char *must)
{
	char path[64];

	snprintf(path, sizeof(path), "requirements.%.32s", key);
	return sonde_fail(e, SONDE_EINVAL, path, "\"%s\" %s", path, must);
}

static int read_number(const struct row *row, struct need *need, const json_t *v,
                       struct sonde_error *e)
{
	const char *text = json_string_value(v);
	char *end = NULL, must[80];

	need->number = text ? strtod(text, &end) : json_number_value(v);
	if ((json_is_number(v) || (text && *text && !*end)) && need->number >= 0 &&
	    need->number <= row->max)
		return SONDE_OK;
	snprintf(must, sizeof(must), "must be a number from 0 to %.15g", row->max);
	return wrong(e, row->name, must);
}

static int read_bool(const struct row *row, struct need *need, const json_t *v,
                     struct sonde_error *e)
{
	const char *text = json_string_value(v);
	bool yes = json_is_true(v) || (text && !strcmp(text, "true"));
	bool no = json_is_false(v) || (text && !strcmp(text, "false"));

	need->number = yes;
	return yes || no ? SONDE_OK : wrong(e, row->name, "must be true or false");
}

static bool add_word(struct need *need, struct sonde_pool *pool, const char *word, size_t len)
{
	if (!len || len > WORD_MAX || need->word_count == NEED_WORDS)
		return false;
	need->words[need->word_count] = sonde_pool_strndup(pool, word, len);
	return need->words[need->word_count++] != NULL;
}

static int read_words(const struct row *row, struct need *need, const json_t *v,
                      struct sonde_pool *pool, struct sonde_error *e)
{
	const char *text = json_string_value(v);
	bool good = text || json_is_array(v);
	const json_t *word;
	size_t i, len;

	for (; good && text && *text; text += len + (text[len] == ',')) {
		len = strcspn(text, ",");
		good = add_word(need, pool, text, len);
	}
	json_array_foreach((json_t *)v, i, word)
		good = good && json_is_string(word) &&
		       add_word(need, pool, json_string_value(word), json_string_length(word));
	return good && need->word_count ? SONDE_OK :
		wrong(e, row->name, "must be an array of 1 to 32 texts");
}

/* ">=1.2": the sign, then a number of parts. */
static size_t sign_of(const char *text)
{
	static const char *const signs[] = { ">=", "<=", ">", "<", "=" };

	for (unsigned i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		if (!strncmp(text, signs[i], strlen(signs[i])))
			return strlen(signs[i]);
	return 0;
}

static int read_version(const struct row *row, struct need *need, const json_t *v,
                        struct sonde_pool *pool, struct sonde_error *e)
{
	const char *text = json_string_value(v), *number = text ? text + sign_of(text) : "";
	size_t len = strlen(number);

	if (len && len <= 32 && strspn(number, "0123456789.") == len && *number != '.' &&
	    add_word(need, pool, text, strlen(text)))
		return SONDE_OK;
	return wrong(e, row->name, "must be a version, such as >=0.2");
}

static int read_one(const struct row *row, struct need *need, const json_t *v,
                    struct sonde_pool *pool, struct sonde_error *e)
{
	switch (row->kind) {
	case ALL_OF:
		return read_words(row, need, v, pool, e);
	case VERSION:
		return read_version(row, need, v, pool, e);
	case EQUAL:
		return read_bool(row, need, v, e);
	default:
		return read_number(row, need, v, e);
	}
}

static void write_one(const struct need *need, struct sonde_json *j)
{
	const struct row *row = &rows[need->row];

	if (row->kind == VERSION) {
		sonde_json_str(j, row->name, need->words[0]);
	} else if (row->kind == EQUAL) {
		sonde_json_bool(j, row->name, need->number != 0);
	} else if (row->kind != ALL_OF) {
		sonde_json_number(j, row->name, need->number, 6);
	} else {
		sonde_json_open(j, row->name, '[');
		for (unsigned i = 0; i < need->word_count; i++)
			sonde_json_str(j, NULL, need->words[i]);
		sonde_json_close(j);
	}
}

/* In the order of the table, so that the same requirements are the same text. */
static int write_text(struct needs *n, struct sonde_pool *pool)
{
	struct sonde_buf b;
	struct sonde_json j;

	if (!n->count)
		return SONDE_OK;
	sonde_buf_init(&b, TEXT_MAX);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '{');
	for (unsigned i = 0; i < n->count; i++)
		write_one(&n->items[i], &j);
	sonde_json_close(&j);
	n->text = b.failed ? NULL : sonde_pool_strndup(pool, b.data, b.len);
	sonde_buf_deinit(&b);
	return n->text ? SONDE_OK : SONDE_ENOMEM;
}

static int unknown(const char *key, struct sonde_error *e)
{
	char names[160], must[240];

	put_names(names, sizeof(names));
	snprintf(must, sizeof(must), "is not known; there are %s", names);
	return wrong(e, key, must);
}

static bool is_row(const char *key)
{
	for (unsigned i = 0; i < ROWS; i++)
		if (!strcmp(rows[i].name, key))
			return true;
	return false;
}

int needs_read(struct needs *n, const json_t *object, struct sonde_pool *pool, struct sonde_error *e)
{
	const char *key;
	json_t *v;

	n->count = 0;
	n->moves = false;
	n->text = NULL;
	if (!json_is_object(object))
		return sonde_fail(e, SONDE_EINVAL, "requirements", "\"requirements\" must be an object");
	json_object_foreach((json_t *)object, key, v)
		if (!is_row(key))
			return unknown(key, e);
	for (unsigned i = 0; i < ROWS; i++) {
		v = json_object_get(object, rows[i].name);
		if (!v)
			continue;
		struct need *need = &n->items[n->count];
		need->row = i;
		need->number = 0;
		need->word_count = 0;
		int rc = read_one(&rows[i], need, v, pool, e);
		if (rc != SONDE_OK)
			return rc;
		n->moves |= rows[i].moves;
		n->count++;
	}
	int rc = write_text(n, pool);
	return rc == SONDE_OK ? rc : sonde_fail(e, SONDE_EINVAL, "requirements",
	                                        "\"requirements\" is too long");
}

/* ---- asking ---- */

static bool version_fits(const char *have, const char *want)
{
	size_t sign = sign_of(want);
	int order = version_compare(have, want + sign);

	if (!*have)
		return false;
	if (!sign || *want == '=')
		return !order;
	return (order > 0 && *want == '>') || (order < 0 && *want == '<') || (!order && sign == 2);
}

static bool meets(const struct need *need, const struct node *node)
{
	const struct row *row = &rows[need->row];

	switch (row->kind) {
	case AT_LEAST:
		return row->number(node) >= need->number;
	case AT_MOST:
		return row->number(node) <= need->number;
	case EQUAL:
		return row->number(node) == need->number;
	case VERSION:
		return version_fits(node->version, need->words[0]);
	case ALL_OF:
		break;
	}
	for (unsigned i = 0; i < need->word_count; i++)
		if (!row->has(node, need->words[i]))
			return false;
	return true;
}

int needs_unmet(const struct needs *n, const struct node *node)
{
	if (!node_has_family(node, n->family))
		return NEED_FAMILY;
	for (unsigned i = 0; i < n->count; i++)
		if (!meets(&n->items[i], node))
			return (int)i;
	return (int)n->count;
}
