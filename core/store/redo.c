/* SPDX-License-Identifier: Apache-2.0 */
/* The redo record: one flush of the disk for a small commit of state.mdb instead of two.
 *
 * LMDB makes a commit durable in two steps that must follow each other: flush the new pages, then
 * write the meta page that points to them and flush again. A lone submission waits for both. So a
 * group whose writes fit is also written down as a list of operations, in the unused part of a
 * meta page of the same file (LMDB uses the first 152 bytes of each of the two; the record starts
 * at a sector of its own). LMDB's flush of the pages makes that record durable too, and the meta
 * page is left to the flush of the next commit (MDB_NOMETASYNC). After a power cut the file may be
 * one commit behind; then opening it applies the record. A larger group is committed in LMDB's two
 * steps.
 *
 * Why it holds, with N the number of a commit: N's flush makes meta N-1 and record N durable.
 * Record N is in meta page N mod 2, so that record N-1 stays until meta N-1 is durable. LMDB never
 * reuses pages of the last two commits: whichever meta is found points to a whole tree. */
#include "store/internal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

#define MAGIC UINT64_C(0x6f646572646e6f73)

enum { SLOT_AT = 512, OP_PUT = 1, OP_DELETE = 2 };

struct __attribute__((packed)) redo_head {
	uint64_t magic, txn, sum; /* of txn, len and what follows */
	uint32_t len;
};

struct __attribute__((packed)) op_head {
	uint8_t op, table;
	uint16_t key;
	uint32_t value;
};

_Static_assert(sizeof(struct redo_head) == SONDE_REDO_HEAD, "redo head");

static uint64_t sum_of(const uint8_t *slot, const struct redo_head *h)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325) ^ h->txn ^ (uint64_t)h->len << 32;

	for (uint32_t i = 0; i < h->len; i++)
		sum = (sum ^ slot[SONDE_REDO_HEAD + i]) * UINT64_C(0x100000001b3);
	return sum;
}

static off_t slot_at(const struct sonde_store *s, uint64_t txn)
{
	return (off_t)((txn & 1) * s->state.page + SLOT_AT);
}

void sonde_redo_reset(struct sonde_redo *r)
{
	r->len = SONDE_REDO_HEAD;
	r->over = false;
}

static void note(struct sonde_redo *r, uint8_t op, enum sonde_table table, struct sonde_slice key,
                 struct sonde_slice value)
{
	struct op_head h = { op, table, key.len, value.len };

	/* Keys are at most 511 bytes: LMDB has taken this one. */
	if (r->over || value.len + key.len + sizeof(h) > sizeof(r->slot) - r->len) {
		r->over = true;
		return;
	}
	memcpy(r->slot + r->len, &h, sizeof(h));
	r->len += sizeof(h);
	memcpy(r->slot + r->len, key.data, key.len);
	r->len += key.len;
	if (value.len)
		memcpy(r->slot + r->len, value.data, value.len);
	r->len += value.len;
}

void sonde_redo_put(struct sonde_redo *r, enum sonde_table table, struct sonde_slice key,
                    struct sonde_slice value)
{
	note(r, OP_PUT, table, key, value);
}

void sonde_redo_delete(struct sonde_redo *r, enum sonde_table table, struct sonde_slice key)
{
	note(r, OP_DELETE, table, key, (struct sonde_slice){ NULL, 0 });
}

static bool seal(struct sonde_store *s, uint64_t txn, int fd)
{
	struct sonde_redo *r = &s->redo;
	struct redo_head h = { .magic = MAGIC, .txn = txn, .len = r->len - SONDE_REDO_HEAD };

	h.sum = sum_of(r->slot, &h);
	memcpy(r->slot, &h, sizeof(h));
	return pwrite(fd, r->slot, r->len, slot_at(s, txn)) == (ssize_t)r->len;
}

int sonde_redo_commit(struct sonde_store *s, MDB_txn *txn)
{
	static const uint8_t nothing[SONDE_REDO_HEAD];
	uint64_t id = mdb_txn_id(txn);
	MDB_env *env = s->state.env;
	int fd;

	if (s->redo.over || s->redo.len == SONDE_REDO_HEAD || mdb_env_get_fd(env, &fd) ||
	    !seal(s, id, fd))
		return mdb_txn_commit(txn);
	mdb_env_set_flags(env, MDB_NOMETASYNC, 1);
	int rc = mdb_txn_commit(txn);
	mdb_env_set_flags(env, MDB_NOMETASYNC, 0);
	/* The group is reported as failed: it must not come back after a power cut. */
	if (rc && pwrite(fd, nothing, sizeof(nothing), slot_at(s, id)) != sizeof(nothing))
		return EIO;
	return rc;
}

static int replay_op(MDB_txn *txn, const struct op_head *h, uint8_t *data)
{
	MDB_val key = { h->key, data }, value = { h->value, data + h->key };
	MDB_dbi dbi;

	if (h->table >= SONDE_TABLE_COUNT)
		return MDB_CORRUPTED;
	int rc = mdb_dbi_open(txn, sonde_table_name(h->table), 0, &dbi);
	if (rc)
		return rc;
	if (h->op == OP_PUT)
		return mdb_put(txn, dbi, &key, &value, 0);
	rc = mdb_del(txn, dbi, &key, NULL);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int replay(struct sonde_store *s, uint8_t *data, size_t len)
{
	struct op_head h;
	MDB_txn *txn;
	int rc = mdb_txn_begin(s->state.env, NULL, 0, &txn);

	if (rc)
		return rc;
	while (len && !rc) {
		if (len < sizeof(h)) {
			rc = MDB_CORRUPTED;
			break;
		}
		memcpy(&h, data, sizeof(h));
		data += sizeof(h);
		len -= sizeof(h);
		if ((uint64_t)h.key + h.value > len) {
			rc = MDB_CORRUPTED;
			break;
		}
		rc = replay_op(txn, &h, data);
		data += h.key + h.value;
		len -= h.key + h.value;
	}
	if (rc) {
		mdb_txn_abort(txn);
		return rc;
	}
	return mdb_txn_commit(txn);
}

/* Applies record `txn` when its slot holds it whole. */
static int replay_slot(struct sonde_store *s, uint64_t txn, bool *applied)
{
	struct sonde_redo *r = &s->redo;
	struct redo_head h;
	int fd, rc = mdb_env_get_fd(s->state.env, &fd);

	*applied = false;
	if (rc)
		return rc;
	ssize_t n = pread(fd, r->slot, sizeof(r->slot), slot_at(s, txn));
	if (n < (ssize_t)sizeof(h))
		return n < 0 ? errno : 0;
	memcpy(&h, r->slot, sizeof(h));
	if (h.magic != MAGIC || h.txn != txn || h.len > n - sizeof(h))
		return 0;
	if (sum_of(r->slot, &h) != h.sum)
		return 0;
	sonde_log(SONDE_LOG_WARN, "store", "applying the last commit again");
	rc = replay(s, r->slot + sizeof(h), h.len);
	*applied = !rc;
	return rc;
}

int sonde_redo_open(struct sonde_store *s)
{
	MDB_envinfo info;
	bool applied = true;
	int rc = 0;

	/* At most two: the one whose meta was lost, and one whose flush had just ended. */
	for (int i = 0; i < 2 && !rc && applied; i++) {
		rc = mdb_env_info(s->state.env, &info);
		if (!rc)
			rc = replay_slot(s, info.me_last_txnid + 1, &applied);
		if (rc == MDB_MAP_FULL && !(rc = sonde_env_grow(&s->state)))
			rc = replay_slot(s, info.me_last_txnid + 1, &applied);
	}
	return rc;
}
