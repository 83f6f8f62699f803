/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: the record of the last commit that a power cut may leave in a meta page of the store.
 * Its head is made right, so that its operations are what is tried; after a first byte that is even
 * it is as the input has it. */
#include "fuzz_dir.h"

#include "base/log.h"
#include "store/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PAGE = 4096, SLOT_AT = 512 };

struct __attribute__((packed)) head {
	uint64_t magic, txn, sum;
	uint32_t len;
};

static void open_and_close(const char *dir)
{
	struct sonde_store_options o = { .dir = dir, .map_bytes = 1 << 24, .queue_max = 16 };
	struct sonde_store *s;
	struct sonde_error e = { "", "" };

	if (sonde_store_open(&o, &s, &e) == 0)
		sonde_store_close(s);
	else if (!e.text[0])
		abort();
}

static uint64_t last_commit(const char *path)
{
	MDB_env *env;
	MDB_envinfo info = { 0 };

	if (mdb_env_create(&env) || mdb_env_set_maxdbs(env, 32) ||
	    mdb_env_open(env, path, MDB_NOSUBDIR | MDB_RDONLY, 0600) || mdb_env_info(env, &info))
		abort();
	mdb_env_close(env);
	return info.me_last_txnid;
}

/* The sum of the record's head, as redo.c has it. */
static uint64_t sum_of(const struct head *h, const uint8_t *data)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325) ^ h->txn ^ (uint64_t)h->len << 32;

	for (uint32_t i = 0; i < h->len; i++)
		sum = (sum ^ data[i]) * UINT64_C(0x100000001b3);
	return sum;
}

/* A store that was closed well: its only file that matters. */
static uint8_t *made(size_t *len, uint64_t *txn)
{
	static uint8_t *bytes;
	static size_t size;
	static uint64_t last;
	char path[128];

	if (!bytes) {
		open_and_close(fuzz_dir());
		snprintf(path, sizeof(path), "%s/state.mdb", fuzz_dir());
		last = last_commit(path);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		size = (size_t)lseek(fd, 0, SEEK_END);
		bytes = malloc(size);
		if (!bytes || pread(fd, bytes, size, 0) != (ssize_t)size)
			abort();
		close(fd);
		fuzz_dir_empty();
	}
	*len = size;
	*txn = last;
	return bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t txn;
	size_t len;

	if (!size || size > PAGE - SLOT_AT - sizeof(struct head))
		return 0;
	sonde_log_level(-1);
	uint8_t *file = made(&len, &txn), *slot = file + ((txn + 1) & 1) * PAGE + SLOT_AT;
	struct head h = { UINT64_C(0x6f646572646e6f73), txn + 1, 0, (uint32_t)size - 1 };
	h.sum = sum_of(&h, data + 1);
	memset(slot, 0, PAGE - SLOT_AT);
	if (data[0] & 1) {
		memcpy(slot, &h, sizeof(h));
		slot += sizeof(h);
	}
	memcpy(slot, data + 1, size - 1);
	fuzz_dir_write("state.mdb", file, len, 0600);
	open_and_close(fuzz_dir());
	fuzz_dir_empty();
	return 0;
}
