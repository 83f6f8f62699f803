/* SPDX-License-Identifier: Apache-2.0 */
/* Framing of the spool's and the journal's records. Owns no memory and does no I/O; refuses
 * everything whose checksum, length or sequence number is not what it must be. Callers own the
 * bytes, records point into them. */
#include "node/record.h"

#include <string.h>

_Static_assert(sizeof(struct sonde_task_key) == 24, "a map key must have no padding");

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = v >> (8 * i);
}

static void put64(uint8_t *p, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		p[i] = v >> (8 * i);
}

static uint32_t get32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t get64(const uint8_t *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

/* Remainders of the 16 possible low nibbles for the reflected polynomial 0x82f63b78. */
static const uint32_t nibble[16] = {
	0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
	0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
	0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

uint32_t sonde_crc32c_portable(uint32_t crc, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	crc = ~crc;
	while (n--) {
		crc ^= *p++;
		crc = crc >> 4 ^ nibble[crc & 15];
		crc = crc >> 4 ^ nibble[crc & 15];
	}
	return ~crc;
}

#if defined(__x86_64__)
/* A start after an outage reads the whole spool; the instruction makes that a matter of the disk. */
__attribute__((target("sse4.2"))) static uint32_t crc32c_sse(uint32_t crc, const uint8_t *p,
                                                             size_t n)
{
	uint64_t sum = (uint32_t)~crc;

	for (; n >= 8; p += 8, n -= 8) {
		uint64_t word;
		memcpy(&word, p, sizeof(word));
		sum = __builtin_ia32_crc32di(sum, word);
	}
	for (; n; p++, n--)
		sum = __builtin_ia32_crc32qi(sum, *p);
	return ~(uint32_t)sum;
}
#endif

uint32_t sonde_crc32c(uint32_t crc, const void *bytes, size_t n)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("sse4.2"))
		return crc32c_sse(crc, bytes, n);
#endif
	return sonde_crc32c_portable(crc, bytes, n);
}

static uint32_t record_sum(const uint8_t *head, const void *payload, size_t len)
{
	uint32_t crc = sonde_crc32c(0, head, 4);
	crc = sonde_crc32c(crc, head + 8, 8);
	return sonde_crc32c(crc, payload, len);
}

void sonde_record_write(struct sonde_buf *b, uint64_t seq, const void *payload, size_t len)
{
	uint8_t head[SONDE_RECORD_HEAD];

	if (len > SONDE_RECORD_MAX) {
		b->failed = true;
		return;
	}
	put32(head, len);
	put64(head + 8, seq);
	put32(head + 4, record_sum(head, payload, len));
	sonde_buf_add(b, head, sizeof(head));
	sonde_buf_add(b, payload, len);
}

/* True when a whole record with this seq begins here. */
static bool record_at(const uint8_t *bytes, size_t n, uint64_t seq, struct sonde_record *out)
{
	if (n < SONDE_RECORD_HEAD)
		return false;
	uint32_t len = get32(bytes);
	if (len > SONDE_RECORD_MAX || len > n - SONDE_RECORD_HEAD || get64(bytes + 8) != seq)
		return false;
	const uint8_t *payload = bytes + SONDE_RECORD_HEAD;
	if (get32(bytes + 4) != record_sum(bytes, payload, len))
		return false;
	*out = (struct sonde_record){
		.seq = seq, .payload = payload, .len = len, .size = SONDE_RECORD_HEAD + len
	};
	return true;
}

/* The first whole record behind a damaged one. Its length may be what is damaged, so every byte is
 * tried; `seq` and the sum must fit, and each record between takes at least its head. */
static bool record_behind(const uint8_t *bytes, size_t n, uint64_t seq, struct sonde_record *out)
{
	for (size_t at = SONDE_RECORD_HEAD; at + SONDE_RECORD_HEAD <= n; at++) {
		uint64_t found = get64(bytes + at + 8);
		if (found <= seq || found - seq > at / SONDE_RECORD_HEAD ||
		    !record_at(bytes + at, n - at, found, out))
			continue;
		out->size += at;
		out->skipped = found - seq;
		return true;
	}
	return false;
}

int sonde_record_read(const uint8_t *bytes, size_t n, uint64_t seq, struct sonde_record *out)
{
	if (n == 0)
		return SONDE_ENOENT;
	if (record_at(bytes, n, seq, out) || record_behind(bytes, n, seq, out))
		return SONDE_OK;
	return SONDE_EINVAL;
}

static void key_pack(uint8_t *p, const struct sonde_task_key *key)
{
	memcpy(p, key->measurement.b, 16);
	put32(p + 16, key->task);
	put32(p + 20, key->attempt);
}

static void key_unpack(const uint8_t *p, struct sonde_task_key *key)
{
	memcpy(key->measurement.b, p, 16);
	key->task = get32(p + 16);
	key->attempt = get32(p + 20);
}

/* key 24, failure u8, reserved u8, length of why u16, started_ms 8, took_us 8; why; body. */
void sonde_result_pack(struct sonde_buf *b, const struct sonde_msg_result *r)
{
	uint8_t head[SONDE_RESULT_HEAD] = { 0 };
	struct sonde_task_key key = { r->measurement, r->task, r->attempt };
	size_t why = r->why.len > UINT16_MAX ? UINT16_MAX : r->why.len;

	key_pack(head, &key);
	head[24] = r->failure;
	head[26] = why;
	head[27] = why >> 8;
	put64(head + 28, r->started_ms);
	put64(head + 36, r->took_us);
	sonde_buf_add(b, head, sizeof(head));
	sonde_buf_add(b, r->why.s, why);
	sonde_buf_add(b, r->body.s, r->body.len);
}

int sonde_result_unpack(const void *payload, size_t len, struct sonde_msg_result *out)
{
	const uint8_t *p = payload;
	struct sonde_task_key key;

	if (len < SONDE_RESULT_HEAD)
		return SONDE_EINVAL;
	size_t why = p[26] | (size_t)p[27] << 8;
	if (why > len - SONDE_RESULT_HEAD || p[24] > SONDE_FAIL_INTERNAL)
		return SONDE_EINVAL;
	key_unpack(p, &key);
	out->measurement = key.measurement;
	out->task = key.task;
	out->attempt = key.attempt;
	out->failure = p[24];
	out->started_ms = (int64_t)get64(p + 28);
	out->took_us = (int64_t)get64(p + 36);
	out->why = (struct sonde_text){ (const char *)p + SONDE_RESULT_HEAD, why };
	out->body = (struct sonde_text){ out->why.s + why, len - SONDE_RESULT_HEAD - why };
	return SONDE_OK;
}

void sonde_journal_pack(uint8_t out[SONDE_JOURNAL_LINE], const struct sonde_journal_line *line)
{
	out[0] = line->op;
	key_pack(out + 1, &line->key);
	put64(out + 25, line->wall_ms);
}

int sonde_journal_unpack(const void *payload, size_t len, struct sonde_journal_line *out)
{
	const uint8_t *p = payload;

	if (len != SONDE_JOURNAL_LINE)
		return SONDE_EINVAL;
	if (p[0] != SONDE_JOURNAL_ACCEPT && p[0] != SONDE_JOURNAL_DONE)
		return SONDE_EINVAL;
	out->op = p[0];
	key_unpack(p + 1, &out->key);
	out->wall_ms = (int64_t)get64(p + 25);
	return SONDE_OK;
}
