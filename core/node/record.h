/* SPDX-License-Identifier: Apache-2.0 */
/* What the spool and the journal write: framed records with a checksum, and the two payloads.
 * Pure functions over memory; the fuzz target.
 *
 * Record, little endian: length u32 (of the payload), crc32c u32 (of length, seq and payload),
 * seq u64, payload. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "wire/wire.h"

enum {
	SONDE_RECORD_HEAD = 16,
	SONDE_RECORD_MAX = 1 << 20, /* bytes of a payload */
};

struct sonde_record {
	uint64_t seq;
	const uint8_t *payload; /* borrowed from the bytes given */
	uint32_t len;
	size_t size;   /* bytes from the position given to the end of this record */
	uint64_t skipped; /* so many damaged records lie before it */
	uint64_t lost; /* of the spool's reader: not 0 = no record, seq .. seq + lost - 1 are gone */
};

/* CRC-32C (Castagnoli) of n more bytes; start with crc 0. */
uint32_t sonde_crc32c(uint32_t crc, const void *, size_t n);
/* The same without the processor's instruction. */
uint32_t sonde_crc32c_portable(uint32_t crc, const void *, size_t n);

/* Append one record; len at most SONDE_RECORD_MAX. */
void sonde_record_write(struct sonde_buf *, uint64_t seq, const void *payload, size_t len);
/* The record at `bytes`, which must carry `seq`. Damaged ones are stepped over to the next that is
 * whole, whatever of them is damaged. SONDE_OK; SONDE_ENOENT at the end (n is 0);
 * SONDE_EINVAL when what is there is torn or damaged. */
int sonde_record_read(const uint8_t *bytes, size_t n, uint64_t seq, struct sonde_record *);

/* Names one attempt at one task. Without padding: it is also a map key. */
struct sonde_task_key {
	struct sonde_id measurement;
	uint32_t task, attempt;
};

/* A result as the spool's payload. Texts longer than 65,535 bytes (why) are cut; the caller has
 * checked that the body fits into SONDE_RECORD_MAX. */
void sonde_result_pack(struct sonde_buf *, const struct sonde_msg_result *);
/* Back; texts are borrowed from the payload, seq is left alone. SONDE_EINVAL when malformed. */
int sonde_result_unpack(const void *payload, size_t len, struct sonde_msg_result *);
enum { SONDE_RESULT_HEAD = 44 }; /* bytes of a packed result before its texts */

/* A line of the journal. */
enum sonde_journal_op {
	SONDE_JOURNAL_ACCEPT = 1,
	SONDE_JOURNAL_DONE = 2,
};

struct sonde_journal_line {
	uint8_t op;
	struct sonde_task_key key;
	int64_t wall_ms;
};

enum { SONDE_JOURNAL_LINE = 33 };
void sonde_journal_pack(uint8_t out[SONDE_JOURNAL_LINE], const struct sonde_journal_line *);
int sonde_journal_unpack(const void *payload, size_t len, struct sonde_journal_line *);
