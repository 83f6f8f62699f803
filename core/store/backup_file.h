/* SPDX-License-Identifier: Apache-2.0 */
/* The file of a backup: a start, records, an end, and the sum of all that stands before it. A record
 * is a head, its key, its value. FILE and TABLE have the name as key and say where the RECORDs behind
 * them belong. */
#pragma once
#include "store/backup.h"
#include "store/internal.h"

#define BACKUP_MAGIC "sonde backup 1\n"
#define BACKUP_ORDER UINT64_C(0x0102030405060708)
#define BACKUP_SUM UINT64_C(0xcbf29ce484222325)

enum backup_kind { BACKUP_FILE = 1, BACKUP_TABLE, BACKUP_RECORD, BACKUP_END };

/* The largest key of LMDB, and more than any value is. */
enum { BACKUP_KEY_MAX = 511, BACKUP_VALUE_MAX = 64 << 20 };

struct __attribute__((packed)) backup_start {
	char magic[16];
	uint64_t order; /* of bytes, as in LMDB's own files */
	uint64_t format;
	int64_t made_ms;
};

struct __attribute__((packed)) backup_head {
	uint8_t kind, zero;
	uint16_t key;
	uint32_t value;
};

static inline uint64_t backup_sum(uint64_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ p[i]) * UINT64_C(0x100000001b3);
	return sum;
}
