/* SPDX-License-Identifier: Apache-2.0 */
/* One table drives writing and reading, so that the two cannot disagree. */
#include "controller/record.h"

#include <string.h>

#include "base/status.h"

enum { VERSION = 7, U8 = 1, U32 = 4, U64 = 8, TEXT = 100 };

static const struct {
	size_t offset;
	int kind;
	int since; /* version */
} rows[] = {
	{ offsetof(struct record, type), TEXT },
	{ offsetof(struct record, target), TEXT },
	{ offsetof(struct record, options), TEXT },
	{ offsetof(struct record, locations), TEXT },
	{ offsetof(struct record, policy), TEXT },
	{ offsetof(struct record, reason), TEXT },
	{ offsetof(struct record, policy_version), U32 },
	{ offsetof(struct record, seed), U64 },
	{ offsetof(struct record, decided_us), U32 },
	{ offsetof(struct record, limit), U32 },
	{ offsetof(struct record, timeout_ms), U32 },
	{ offsetof(struct record, timeout_given), U8 },
	{ offsetof(struct record, ip_version), U8 },
	{ offsetof(struct record, progress), U8 },
	{ offsetof(struct record, fallback), U8 },
	{ offsetof(struct record, pairs), U8, 2 },
	{ offsetof(struct record, count), U32 },
	{ offsetof(struct record, params), TEXT, 3 },
	{ offsetof(struct record, schedule), TEXT, 3 },
	{ offsetof(struct record, due_ms), U64, 3 },
	{ offsetof(struct record, priority), U8, 4 },
	{ offsetof(struct record, reused), U8, 4 },
	{ offsetof(struct record, owner), TEXT, 5 },
	{ offsetof(struct record, sealed), TEXT, 5 },
	{ offsetof(struct record, exclude), TEXT, 6 },
	{ offsetof(struct record, family), U8, 7 },
	{ offsetof(struct record, needs), TEXT, 7 },
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static void put_number(struct sonde_buf *b, const void *from, int bytes)
{
	uint64_t v = 0;
	char out[8];

	memcpy(&v, from, (size_t)bytes); /* little-endian hosts only, checked in configure */
	for (int i = 0; i < bytes; i++)
		out[i] = (char)(v >> (8 * i));
	sonde_buf_add(b, out, (size_t)bytes);
}

void record_write(struct sonde_buf *b, const struct record *r)
{
	sonde_buf_char(b, VERSION);
	for (int i = 0; i < ROWS; i++) {
		const void *from = (const char *)r + rows[i].offset;
		if (rows[i].kind != TEXT) {
			put_number(b, from, rows[i].kind);
			continue;
		}
		const struct sonde_text *t = from;
		uint32_t len = (uint32_t)t->len;
		put_number(b, &len, U32);
		sonde_buf_add(b, t->s, t->len);
	}
	sonde_buf_add(b, r->nodes, (size_t)r->count * 16);
}

struct cursor {
	const uint8_t *p, *end;
};

static int get_number(struct cursor *c, void *to, int bytes)
{
	uint64_t v = 0;

	if (c->end - c->p < bytes)
		return SONDE_EINVAL;
	for (int i = 0; i < bytes; i++)
		v |= (uint64_t)*c->p++ << (8 * i);
	memcpy(to, &v, (size_t)bytes);
	return SONDE_OK;
}

static int get_text(struct cursor *c, struct sonde_text *t)
{
	uint32_t len;

	if (get_number(c, &len, U32) != SONDE_OK || len > (size_t)(c->end - c->p))
		return SONDE_EINVAL;
	*t = (struct sonde_text){ (const char *)c->p, len };
	c->p += len;
	return SONDE_OK;
}

int record_read(struct record *r, const void *data, size_t len)
{
	struct cursor c = { data, (const uint8_t *)data + len };

	memset(r, 0, sizeof(*r));
	int version = len ? *c.p++ : 0;
	if (version < 1 || version > VERSION)
		return SONDE_EINVAL;
	for (int i = 0; i < ROWS; i++) {
		if (rows[i].since > version)
			continue;
		void *to = (char *)r + rows[i].offset;
		int rc = rows[i].kind == TEXT ? get_text(&c, to) : get_number(&c, to, rows[i].kind);
		if (rc != SONDE_OK)
			return rc;
	}
	if ((size_t)(c.end - c.p) != (size_t)r->count * 16)
		return SONDE_EINVAL;
	r->nodes = c.p;
	return SONDE_OK;
}

uint32_t record_probes(const struct record *r)
{
	return r->pairs ? r->count / 2 : r->count;
}

void record_node(const struct record *r, uint32_t task, struct sonde_id *id)
{
	memcpy(id->b, r->nodes + (size_t)task * 16, 16);
}
