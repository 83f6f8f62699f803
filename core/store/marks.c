/* SPDX-License-Identifier: Apache-2.0 */
/* High-water marks of the nodes, all of them in memory of the writer so that a result needs no
 * look-up on disk. A transaction moves marks here at once and writes each touched one a single time
 * before its commit; an abort puts the committed values back. */
#include "store/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A later mark of an epoch has all that an earlier one has, so the sum of both is the later. */
static uint64_t sum(const struct sonde_spans *s)
{
	uint64_t n = s->cum;

	for (unsigned i = 0; i < s->count; i++)
		n += s->at[i].to - s->at[i].from + 1;
	return n;
}

bool sonde_mark_above(uint64_t epoch, const struct sonde_spans *have, uint64_t other_epoch,
                      const struct sonde_spans *other)
{
	return epoch > other_epoch || (epoch == other_epoch && sum(have) > sum(other));
}

bool sonde_mark_read(const MDB_val *value, uint64_t *epoch, struct sonde_spans *have)
{
	struct mark_value v;
	size_t n = (value->mv_size - MARK_HEAD) / sizeof(v.spans[0]);

	if (value->mv_size < MARK_HEAD || n > SONDE_SPANS ||
	    value->mv_size != MARK_HEAD + n * sizeof(v.spans[0]))
		return false;
	memcpy(&v, value->mv_data, value->mv_size);
	*epoch = v.epoch;
	have->cum = v.seq;
	have->count = (unsigned)n;
	memcpy(have->at, v.spans, n * sizeof(v.spans[0]));
	return true;
}

struct sonde_mark *sonde_mark_take(struct sonde_store *s, const struct sonde_id *node)
{
	/* Results come in runs of one node. */
	if (s->last_mark && sonde_id_equal(&s->last_mark->node, node))
		return s->last_mark;
	struct sonde_mark *m = sonde_map_get(&s->marks, node->b, sizeof(node->b));
	if (!m) {
		m = calloc(1, sizeof(*m));
		if (!m)
			return NULL;
		m->node = *node;
		if (sonde_map_put(&s->marks, node->b, sizeof(node->b), m) != SONDE_OK) {
			free(m);
			return NULL;
		}
	}
	return s->last_mark = m;
}

int sonde_marks_load(struct sonde_store *s, MDB_txn *txn, MDB_dbi dbi)
{
	MDB_cursor *c;
	MDB_val key, value;
	struct sonde_spans have;
	struct sonde_id node;
	uint64_t epoch;
	int rc = mdb_cursor_open(txn, dbi, &c);

	if (rc)
		return sonde_mdb_fail(rc, "marks");
	while ((rc = mdb_cursor_get(c, &key, &value, MDB_NEXT)) == 0) {
		if (key.mv_size != sizeof(node.b) || !sonde_mark_read(&value, &epoch, &have))
			continue;
		memcpy(node.b, key.mv_data, sizeof(node.b));
		struct sonde_mark *m = sonde_mark_take(s, &node);
		if (!m) {
			rc = ENOMEM;
			break;
		}
		if (sonde_mark_above(epoch, &have, m->epoch, &m->have)) {
			m->epoch = epoch;
			m->have = have;
		}
	}
	mdb_cursor_close(c);
	return rc == MDB_NOTFOUND ? SONDE_OK : sonde_mdb_fail(rc, "marks");
}

void sonde_marks_deinit(struct sonde_store *s)
{
	struct sonde_mark *m;
	size_t at = 0;

	while ((m = sonde_map_next(&s->marks, &at)))
		free(m);
	sonde_map_deinit(&s->marks);
	free(s->touched);
	s->touched = NULL;
}

int sonde_mark_touch(struct sonde_store *s, struct sonde_mark *m)
{
	if (m->touched)
		return SONDE_OK;
	if (s->touched_count == s->touched_cap) {
		size_t cap = s->touched_cap ? s->touched_cap * 2 : 256;
		void *more = realloc(s->touched, cap * sizeof(s->touched[0]));
		if (!more)
			return SONDE_ENOMEM;
		s->touched = more;
		s->touched_cap = cap;
	}
	s->touched[s->touched_count++] = m;
	m->was_epoch = m->epoch;
	m->was = m->have;
	m->touched = true;
	return SONDE_OK;
}

int sonde_marks_write(struct sonde_store *s, MDB_txn *txn, MDB_dbi dbi)
{
	for (size_t i = 0; i < s->touched_count; i++) {
		struct sonde_mark *m = s->touched[i];
		struct mark_value v = { .epoch = m->epoch, .seq = m->have.cum };
		size_t spans = m->have.count * sizeof(v.spans[0]);
		MDB_val key = { sizeof(m->node.b), m->node.b }, value = { MARK_HEAD + spans, &v };
		memcpy(v.spans, m->have.at, spans);
		int rc = mdb_put(txn, dbi, &key, &value, 0);
		if (rc)
			return rc;
	}
	return 0;
}

void sonde_marks_settle(struct sonde_store *s, bool committed)
{
	for (size_t i = 0; i < s->touched_count; i++) {
		struct sonde_mark *m = s->touched[i];
		m->touched = false;
		if (!committed) {
			m->epoch = m->was_epoch;
			m->have = m->was;
		}
	}
	s->touched_count = 0;
}
