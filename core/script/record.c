/* SPDX-License-Identifier: Apache-2.0 */
/* Writing a decision down and putting one back. Owns the params text of a replay. Refuses records
 * that are not complete. Numbers are exact with six digits, because columns hold no finer ones. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "script/policies.h"
#include "script/replay.h"

/* ---- writing ---- */

static bool is_unset(double v, double unset)
{
	return v == unset || (isnan(v) && isnan(unset));
}

static void put_words(const struct sonde_columns *c, struct sonde_json *j, const char *key,
                      const struct sonde_id_list *l)
{
	size_t len;

	if (!l->n)
		return;
	sonde_json_open(j, key, '[');
	for (uint32_t i = 0; i < l->n; i++) {
		const char *word = sonde_intern_text(&c->intern, l->ids[i], &len);
		sonde_json_text(j, NULL, word, len);
	}
	sonde_json_close(j);
}

static void put_cell(const struct sonde_columns *c, struct sonde_json *j, unsigned column,
                     unsigned row)
{
	const struct sonde_column_info *info = &sonde_column_infos[column];
	size_t len;

	if (info->kind == SONDE_KIND_LIST) {
		put_words(c, j, info->name, &c->list[info->slot][row]);
	} else if (info->kind == SONDE_KIND_TEXT) {
		uint32_t id = c->text[info->slot][row];
		const char *text = sonde_intern_text(&c->intern, id, &len);
		if (len)
			sonde_json_text(j, info->name, text, len);
	} else if (column < SONDE_COL_COUNT && !is_unset(c->number[info->slot][row], info->unset)) {
		sonde_json_number(j, info->name, c->number[info->slot][row], 6);
	}
}

/* Past columns hold what this decision saw only if it looked. */
static void put_node(const struct sonde_policies *ps, struct sonde_json *j, unsigned row)
{
	const struct sonde_columns *c = &ps->columns;

	sonde_json_open(j, NULL, '{');
	sonde_json_int(j, "at", row);
	put_cell(c, j, SONDE_COL_NAME, row);
	for (unsigned i = 0; i < SONDE_COL_ALL; i++)
		if (i != SONDE_COL_NAME && (ps->past.used || !sonde_column_is_past(i)))
			put_cell(c, j, i, row);
	sonde_json_close(j);
}

static void put_request(struct sonde_json *j, const struct sonde_request *req)
{
	sonde_json_open(j, "request", '{');
	sonde_json_str(j, "type", req->type);
	sonde_json_str(j, "target", req->target);
	if (req->region)
		sonde_json_str(j, "region", req->region);
	if (req->near_n) {
		sonde_json_open(j, "near", '[');
		for (unsigned i = 0; i < req->near_n && i < SONDE_REPLAY_NEAR; i++)
			sonde_json_str(j, NULL, req->near[i]);
		sonde_json_close(j);
	}
	if (req->tier)
		sonde_json_str(j, "tier", req->tier);
	sonde_json_int(j, "want", req->want);
	sonde_json_close(j);
}

static void put_chain(const struct sonde_policies *ps, struct sonde_json *j, const char *names)
{
	struct sonde_chain chain;

	sonde_json_open(j, "chain", '[');
	sonde_chain_open(ps, names, NULL, &chain, NULL);
	for (unsigned i = 0; i < chain.n; i++) {
		sonde_json_open(j, NULL, '{');
		sonde_json_str(j, "name", chain.policy[i]->name);
		sonde_json_int(j, "version", chain.policy[i]->version);
		sonde_json_close(j);
	}
	sonde_chain_close(&chain);
	sonde_json_close(j);
}

static void put_rows(struct sonde_json *j, const char *key, const unsigned *rows, unsigned n)
{
	sonde_json_open(j, key, '[');
	for (unsigned i = 0; i < n; i++)
		sonde_json_int(j, NULL, rows[i]);
	sonde_json_close(j);
}

void sonde_decision_record(const struct sonde_policies *ps, struct sonde_json *j, const char *names,
                           const struct sonde_request *req, const unsigned *set, unsigned n,
                           unsigned max_nodes, const struct sonde_decision *d)
{
	bool complete = n <= max_nodes && n <= SONDE_REPLAY_NODES && d->turns.n <= SONDE_TAPE;

	sonde_json_str(j, "policy", names);
	put_chain(ps, j, names);
	if (req->params_json)
		sonde_json_raw(j, "params", req->params_json, strlen(req->params_json));
	sonde_json_int(j, "seed", (int64_t)req->seed);
	put_request(j, req);
	sonde_json_int(j, "rows", ps->columns.rows);
	if (d->turns.n)
		put_rows(j, "turns", d->turns.at, d->turns.n < SONDE_TAPE ? d->turns.n : SONDE_TAPE);
	if (!complete)
		sonde_json_bool(j, "complete", false);
	sonde_json_open(j, "nodes", '[');
	for (unsigned i = 0; i < (complete ? n : d->count); i++)
		put_node(ps, j, complete ? set[i] : d->rows[i]);
	sonde_json_close(j);
	put_rows(j, "answer", d->rows, d->count);
	sonde_json_str(j, "reason", d->reason);
	sonde_json_bool(j, "fallback", d->fallback);
	sonde_json_int(j, "tookUs", d->took_us);
}

void sonde_policies_snapshot(struct sonde_policies *ps, struct sonde_json *j, const char *type,
                             const char *target, unsigned most)
{
	const struct sonde_columns *c = &ps->columns;
	const struct sonde_request req = { .type = type ? type : "", .target = target ? target : "" };
	unsigned n = 0, row = 0;

	ps->past.used = type != NULL;
	if (type)
		sonde_history_fill(&ps->history, type, target, &ps->columns);
	sonde_json_str(j, "policy", "");
	put_request(j, &req);
	sonde_json_int(j, "rows", c->rows);
	sonde_json_open(j, "nodes", '[');
	for (; row < c->rows && n < most; row++) {
		if (!c->used[row])
			continue;
		put_node(ps, j, row);
		n++;
	}
	sonde_json_close(j);
	while (row < c->rows && !c->used[row])
		row++;
	sonde_json_bool(j, "truncated", row < c->rows);
}

/* ---- putting back ---- */

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static int set_words(struct sonde_policies *ps, unsigned at, unsigned column, const json_t *list)
{
	const char *words[64];
	unsigned n = 0;
	size_t i;
	json_t *word;

	json_array_foreach(list, i, word)
		if (n < 64 && json_is_string(word))
			words[n++] = json_string_value(word);
	return column == SONDE_COL_TAGS ? sonde_column_tags(ps, at, words, n)
					: sonde_column_types(ps, at, words, n);
}

static int set_node(struct sonde_policies *ps, const json_t *node, unsigned at)
{
	int rc = sonde_column_number(ps, at, SONDE_COL_LOAD, 0);

	for (unsigned i = 0; rc == SONDE_OK && i < SONDE_COL_ALL; i++) {
		const json_t *v = json_object_get(node, sonde_column_infos[i].name);
		if (!v || i == SONDE_COL_PRESSURE || i == SONDE_COL_CAPABILITIES)
			continue;
		if (json_is_array(v) && i >= SONDE_COL_TAGS)
			rc = set_words(ps, at, i, v);
		else if (json_is_number(v) && i < SONDE_COL_FIRST_TEXT)
			rc = sonde_column_number(ps, at, i, json_number_value(v));
		else if (json_is_string(v) && i >= SONDE_COL_FIRST_TEXT && i < SONDE_COL_COUNT)
			rc = sonde_column_text(ps, at, i, json_string_value(v));
		else
			rc = SONDE_EINVAL;
	}
	return rc;
}

enum { ROWS_MAX = 1 << 20 };

static int set_nodes(struct sonde_policies *ps, const json_t *record, struct sonde_replay *r)
{
	json_int_t rows = json_integer_value(json_object_get(record, "rows"));
	json_t *nodes = json_object_get(record, "nodes"), *node;
	size_t i;

	if (!json_is_array(nodes) || json_array_size(nodes) > SONDE_REPLAY_NODES || rows < 0 ||
	    rows > ROWS_MAX)
		return SONDE_EINVAL;
	for (unsigned k = 0; k < ps->columns.rows; k++)
		if (ps->columns.used[k])
			sonde_column_clear(ps, k);
	int rc = rows ? sonde_columns_grow(&ps->columns, (unsigned)rows - 1) : SONDE_OK;
	json_array_foreach(nodes, i, node) {
		json_int_t at = json_integer_value(json_object_get(node, "at"));
		if (rc != SONDE_OK || at < 0 || at >= rows)
			return SONDE_EINVAL;
		rc = set_node(ps, node, (unsigned)at);
		r->rows[r->n++] = (unsigned)at;
	}
	return rc;
}

static unsigned read_rows(const json_t *list, unsigned *out, unsigned max)
{
	unsigned n = 0;
	size_t i;
	json_t *v;

	json_array_foreach(list, i, v)
		if (n < max)
			out[n++] = (unsigned)json_integer_value(v);
	return n;
}

int sonde_replay_open(struct sonde_policies *ps, const json_t *record, struct sonde_replay *r,
                      struct sonde_error *err)
{
	const json_t *req = json_object_get(record, "request"), *params;

	memset(r, 0, offsetof(struct sonde_replay, rows));
	r->n = r->answered = 0;
	r->policy = text_of(record, "policy");
	if (!r->policy || !json_is_object(req) || json_is_false(json_object_get(record, "complete")))
		return sonde_fail(err, SONDE_EINVAL, NULL, "not a complete record of a decision");
	r->request = (struct sonde_request){
		.type = text_of(req, "type"), .target = text_of(req, "target"),
		.region = text_of(req, "region"), .tier = text_of(req, "tier"),
		.want = (unsigned)json_integer_value(json_object_get(req, "want")),
		.seed = (uint64_t)json_integer_value(json_object_get(record, "seed")),
		.replay = &r->turns,
	};
	if (r->request.want > SONDE_REPLAY_NODES)
		return sonde_fail(err, SONDE_EINVAL, "want", "too many");
	const json_t *near = json_object_get(req, "near");
	r->request.near = r->near;
	for (size_t i = 0; i < json_array_size(near) && r->request.near_n < SONDE_REPLAY_NEAR; i++)
		if (json_is_string(json_array_get(near, i)))
			r->near[r->request.near_n++] = json_string_value(json_array_get(near, i));
	params = json_object_get(record, "params");
	if (params)
		r->params = json_dumps(params, JSON_COMPACT);
	r->request.params_json = r->params;
	r->turns.n = read_rows(json_object_get(record, "turns"), r->turns.at, SONDE_TAPE);
	r->answered = read_rows(json_object_get(record, "answer"), r->answer, SONDE_REPLAY_NODES);
	if (set_nodes(ps, record, r) == SONDE_OK)
		return SONDE_OK;
	sonde_replay_close(r);
	return sonde_fail(err, SONDE_EINVAL, "nodes", "not those of a record");
}

void sonde_replay_close(struct sonde_replay *r)
{
	free((char *)r->params);
	r->params = NULL;
}
