/* SPDX-License-Identifier: Apache-2.0 */
/* The writer's transaction: tables of state.mdb, and results of today's segment. Each file's LMDB
 * transaction begins when a job first needs it, so that a group that touches one file pays for the
 * sync of one file. Refuses nothing but broken input; the first LMDB failure dooms the group.
 *
 * Keys mostly arrive in order. A key above the last of its table is put with MDB_APPEND: no
 * comparisons on the way down, and pages are filled instead of split in half. */
#include "store/internal.h"
#include "base/fault.h"

#include <errno.h>
#include <string.h>

void sonde_write_begin(struct sonde_write *w, struct sonde_store *s)
{
	*w = (struct sonde_write){ .store = s, .next = s->next };
	sonde_redo_reset(&s->redo);
}

static int lost(struct sonde_write *w, int rc, struct sonde_env *env)
{
	if (!w->failed)
		w->failed = rc;
	if (rc == MDB_MAP_FULL && !w->full)
		w->full = env;
	return sonde_mdb_status(rc);
}

/* ---- state ---- */

static int cursor_of(struct sonde_write *w, enum sonde_table table, MDB_cursor **out)
{
	struct sonde_store *s = w->store;
	int rc = w->failed;

	if (!rc && !w->txn)
		rc = mdb_txn_begin(s->state.env, NULL, 0, &w->txn);
	if (!rc && !w->cursors[table])
		rc = mdb_cursor_open(w->txn, s->tables[table], &w->cursors[table]);
	if (rc)
		return lost(w, rc, &s->state);
	*out = w->cursors[table];
	return SONDE_OK;
}

int sonde_write_get(struct sonde_write *w, enum sonde_table table, struct sonde_slice k,
                    struct sonde_slice *v)
{
	MDB_cursor *c;
	MDB_val key = { k.len, (void *)k.data }, value;
	int status = cursor_of(w, table, &c);

	if (status != SONDE_OK)
		return status;
	int rc = mdb_cursor_get(c, &key, &value, MDB_SET_KEY);
	if (rc == MDB_NOTFOUND || rc == MDB_BAD_VALSIZE)
		return sonde_mdb_status(rc);
	if (rc)
		return lost(w, rc, &w->store->state);
	*v = (struct sonde_slice){ value.mv_data, value.mv_size };
	return SONDE_OK;
}

static int put(struct sonde_write *w, enum sonde_table table, struct sonde_slice k,
               struct sonde_slice v, unsigned flags)
{
	MDB_cursor *c;
	MDB_val key = { k.len, (void *)k.data }, value = { v.len, (void *)v.data };
	int status = cursor_of(w, table, &c);

	if (status != SONDE_OK)
		return status;
	int rc = mdb_cursor_put(c, &key, &value, flags);
	if (rc == MDB_KEYEXIST || rc == MDB_BAD_VALSIZE)
		return sonde_mdb_status(rc);
	if (rc)
		return lost(w, rc, &w->store->state);
	sonde_redo_put(&w->store->redo, table, k, v);
	w->dirty = true;
	w->bytes += k.len + v.len + 16;
	return SONDE_OK;
}

int sonde_write_put(struct sonde_write *w, enum sonde_table table, struct sonde_slice key,
                    struct sonde_slice value)
{
	return put(w, table, key, value, 0);
}

int sonde_write_insert(struct sonde_write *w, enum sonde_table table, struct sonde_slice key,
                       struct sonde_slice value)
{
	return put(w, table, key, value, MDB_NOOVERWRITE);
}

int sonde_write_delete(struct sonde_write *w, enum sonde_table table, struct sonde_slice k)
{
	MDB_cursor *c;
	MDB_val key = { k.len, (void *)k.data };
	int status = cursor_of(w, table, &c);

	if (status != SONDE_OK)
		return status;
	int rc = mdb_del(w->txn, w->store->tables[table], &key, NULL);
	if (rc == MDB_NOTFOUND || rc == MDB_BAD_VALSIZE)
		return sonde_mdb_status(rc);
	if (rc)
		return lost(w, rc, &w->store->state);
	sonde_redo_delete(&w->store->redo, table, k);
	w->dirty = true;
	w->bytes += k.len;
	return SONDE_OK;
}

/* ---- results ---- */

void sonde_task_key(struct task_key *k, const struct sonde_id *measurement, uint32_t task)
{
	uint8_t *b = k->b + sizeof(measurement->b);

	memcpy(k->b, measurement->b, sizeof(measurement->b));
	b[0] = task >> 24;
	b[1] = task >> 16;
	b[2] = task >> 8;
	b[3] = task;
}

static int segment_begin(struct sonde_write *w)
{
	MDB_val key, value;
	int rc = w->failed;

	if (rc || w->seg_txn)
		return rc;
	rc = sonde_segment_current(w->store, &w->seg);
	if (!rc)
		rc = mdb_txn_begin(w->seg->env.env, NULL, 0, &w->seg_txn);
	if (!rc)
		rc = mdb_cursor_open(w->seg_txn, w->seg->dbi[SEG_RESULTS], &w->results);
	if (!rc)
		rc = mdb_cursor_open(w->seg_txn, w->seg->dbi[SEG_TASKS], &w->tasks);
	if (rc)
		return rc;
	rc = mdb_cursor_get(w->tasks, &key, &value, MDB_LAST);
	w->has_last = !rc && key.mv_size == sizeof(w->last);
	if (w->has_last)
		memcpy(&w->last, key.mv_data, sizeof(w->last));
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int append(struct sonde_write *w, const struct sonde_result *r)
{
	struct result_head head = {
		.epoch = r->epoch,
		.seq = r->seq,
		.received_ms = r->received_ms,
		.task = r->task,
		.attempt = r->attempt,
		.failure = r->failure,
		.late = r->late,
	};
	uint64_t ingest = w->next;
	MDB_val key = { sizeof(ingest), &ingest }, value = { sizeof(head) + r->body.len, NULL };

	memcpy(head.node, r->node.b, sizeof(head.node));
	memcpy(head.measurement, r->measurement.b, sizeof(head.measurement));
	int rc = mdb_cursor_put(w->results, &key, &value, MDB_APPEND | MDB_RESERVE);
	if (rc)
		return rc;
	memcpy(value.mv_data, &head, sizeof(head));
	if (r->body.len)
		memcpy((char *)value.mv_data + sizeof(head), r->body.data, r->body.len);
	w->seg_bytes += sizeof(ingest) + value.mv_size + 16;
	return 0;
}

static int index_task(struct sonde_write *w, const struct sonde_result *r)
{
	struct task_key k;
	uint64_t ingest = w->next;
	MDB_val key = { sizeof(k), &k }, value = { sizeof(ingest), &ingest };

	if (r->late || sonde_id_is_zero(&r->measurement))
		return 0;
	sonde_task_key(&k, &r->measurement, r->task);
	bool above = !w->has_last || memcmp(&k, &w->last, sizeof(k)) > 0;
	int rc = mdb_cursor_put(w->tasks, &key, &value, above ? MDB_APPEND : MDB_NOOVERWRITE);
	if (rc)
		return rc == MDB_KEYEXIST ? 0 : rc; /* the first one counts */
	if (above) {
		w->last = k;
		w->has_last = true;
	}
	w->seg_bytes += sizeof(k) + sizeof(ingest) + 16;
	return 0;
}

static uint64_t last_seq(const struct sonde_result *r)
{
	return r->lost ? r->seq + (r->lost - 1) : r->seq;
}

static enum sonde_ingest judge(const struct sonde_mark *m, const struct sonde_result *r)
{
	static const struct sonde_spans none;
	const struct sonde_spans *have = r->epoch > m->epoch ? &none : &m->have;

	if (r->epoch < m->epoch || sonde_spans_end(have, r->seq) >= last_seq(r))
		return SONDE_BUG(2) ? SONDE_INGEST_STORED : SONDE_INGEST_DUPLICATE;
	return sonde_spans_fits(have, r->seq, last_seq(r)) ? SONDE_INGEST_STORED : SONDE_INGEST_GAP;
}

static void move_mark(struct sonde_mark *m, const struct sonde_result *r)
{
	if (r->epoch > m->epoch) {
		m->epoch = r->epoch;
		m->have = (struct sonde_spans){ 0 };
	}
	sonde_spans_add(&m->have, r->seq, last_seq(r));
}

int sonde_write_result(struct sonde_write *w, const struct sonde_result *r, enum sonde_ingest *out)
{
	struct sonde_store *s = w->store;

	if (!r->epoch || !r->seq || r->lost > UINT64_MAX / 2 - r->seq || r->body.len > UINT32_MAX - sizeof(struct result_head))
		return SONDE_EINVAL;
	if (w->failed)
		return sonde_mdb_status(w->failed);
	struct sonde_mark *m = sonde_mark_take(s, &r->node);
	if (!m)
		return lost(w, ENOMEM, NULL);
	*out = judge(m, r);
	if (*out != SONDE_INGEST_STORED) {
		*(*out == SONDE_INGEST_GAP ? &w->gaps : &w->duplicates) += 1;
		return SONDE_OK;
	}
	int rc = segment_begin(w);
	if (!rc)
		rc = append(w, r);
	if (!rc)
		rc = index_task(w, r);
	if (!rc && sonde_mark_touch(s, m) != SONDE_OK)
		rc = ENOMEM;
	if (rc)
		return lost(w, rc, w->seg ? &w->seg->env : NULL);
	move_mark(m, r);
	w->next++;
	w->results_n++;
	return SONDE_OK;
}

int sonde_write_mark(struct sonde_write *w, const struct sonde_id *node, uint64_t *epoch,
                     struct sonde_spans *have)
{
	const struct sonde_mark *m = sonde_map_get(&w->store->marks, node->b, sizeof(node->b));

	*epoch = m ? m->epoch : 0;
	*have = m ? m->have : (struct sonde_spans){ 0 };
	return SONDE_OK;
}

/* ---- the end of a group ---- */

/* A commit needs pages of its own (free lists, table roots). When state.mdb could run out of them
 * after the segment was committed, half a group would be stored: so look before either. */
static bool has_room(const struct sonde_env *e, size_t bytes)
{
	return e->map - sonde_env_used(e) > bytes * 2 + 64 * e->page;
}

static int commit_segment(struct sonde_write *w)
{
	struct sonde_store *s = w->store;

	if (!w->results_n) {
		mdb_txn_abort(w->seg_txn);
		w->seg_txn = NULL;
		return 0;
	}
	int rc = SONDE_BUG(7) ? 0 : sonde_marks_write(s, w->seg_txn, w->seg->dbi[SEG_MARKS]);
	if (rc) {
		lost(w, rc, &w->seg->env);
		return rc;
	}
	SONDE_EDGE("store.before_commit");
	rc = mdb_txn_commit(w->seg_txn);
	w->seg_txn = NULL;
	SONDE_EDGE("store.committed");
	if (rc) {
		lost(w, rc, &w->seg->env);
		return rc;
	}
	s->next = w->next;
	sonde_marks_settle(s, true);
	s->tally.syncs++;
	return 0;
}

static void close_cursors(struct sonde_write *w)
{
	for (int i = 0; i < SONDE_TABLE_COUNT; i++)
		if (w->cursors[i])
			mdb_cursor_close(w->cursors[i]);
	if (w->results)
		mdb_cursor_close(w->results);
	if (w->tasks)
		mdb_cursor_close(w->tasks);
	memset(w->cursors, 0, sizeof(w->cursors));
	w->results = w->tasks = NULL;
}

int sonde_write_commit(struct sonde_write *w)
{
	struct sonde_store *s = w->store;
	int rc = w->failed;

	if (!rc && w->seg_txn && w->dirty && !has_room(&s->state, w->bytes)) {
		rc = MDB_MAP_FULL;
		lost(w, rc, &s->state);
	}
	if (rc)
		return rc;
	close_cursors(w);
	if (w->seg_txn)
		rc = commit_segment(w);
	if (!rc && w->txn) {
		rc = sonde_redo_commit(s, w->txn);
		w->txn = NULL;
		s->tally.syncs += w->dirty && !rc;
		if (rc)
			lost(w, rc, &s->state);
	}
	return rc;
}

void sonde_write_abort(struct sonde_write *w)
{
	close_cursors(w);
	if (w->txn)
		mdb_txn_abort(w->txn);
	if (w->seg_txn)
		mdb_txn_abort(w->seg_txn);
	w->txn = w->seg_txn = NULL;
	sonde_marks_settle(w->store, false);
}
