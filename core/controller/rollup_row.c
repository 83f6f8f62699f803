/* SPDX-License-Identifier: Apache-2.0 */
/* The stored form of a rollup: a key that sorts by time, and head, schedule, texts and bars as the value. */
#include <string.h>

#include "controller/rollup_private.h"

/* Version 1 knew no schedule. */
enum { WITHOUT_SCHEDULE = 1, VERSION = 2 };

struct __attribute__((packed)) head {
	uint8_t version, type_len, target_len;
	uint16_t bars;
	struct rollup_sums sums;
};

void rollup_sums_add(struct rollup_sums *to, const struct rollup_sums *from)
{
	if (from->timed) {
		to->min = to->timed && to->min < from->min ? to->min : from->min;
		to->max = to->timed && to->max > from->max ? to->max : from->max;
	}
	to->count += from->count;
	to->failed += from->failed;
	to->unmeasured += from->unmeasured;
	to->timed += from->timed;
	to->lossy += from->lossy;
	to->sum += from->sum;
	to->loss += from->loss;
	to->duration += from->duration;
}

/* FNV-1a over type, a zero, target, and the schedule if there is one. */
uint64_t rollup_series(const struct rollup_delta *d)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	const char *target = d->texts + d->type_len;

	for (size_t i = 0; i < d->type_len; i++)
		h = (h ^ (unsigned char)d->texts[i]) * UINT64_C(0x100000001b3);
	h *= UINT64_C(0x100000001b3);
	for (size_t i = 0; i < d->target_len; i++)
		h = (h ^ (unsigned char)target[i]) * UINT64_C(0x100000001b3);
	for (size_t i = 0; i < sizeof(d->schedule.b) && !sonde_id_is_zero(&d->schedule); i++)
		h = (h ^ d->schedule.b[i]) * UINT64_C(0x100000001b3);
	return h;
}

static void put_big(uint8_t *to, uint64_t v, int bytes)
{
	for (int i = bytes; i-- > 0; v >>= 8)
		to[i] = (uint8_t)v;
}

void rollup_key_make(struct rollup_key *k, enum rollup_step step, uint32_t at,
                     const struct sonde_id *node, uint64_t series)
{
	k->step = (uint8_t)step;
	put_big(k->at, at, 4);
	memcpy(k->node, node->b, 16);
	put_big(k->series, series, 8);
}

void rollup_prefix(uint8_t out[ROLLUP_PREFIX], enum rollup_step step, uint32_t at)
{
	out[0] = (uint8_t)step;
	put_big(out + 1, at, 4);
}

uint32_t rollup_key_at(const struct rollup_key *k)
{
	return (uint32_t)k->at[0] << 24 | (uint32_t)k->at[1] << 16 | (uint32_t)k->at[2] << 8 |
	       k->at[3];
}

bool rollup_row_read(struct sonde_slice v, struct rollup_view *out)
{
	struct head h;

	if (v.len < sizeof(h))
		return false;
	memcpy(&h, v.data, sizeof(h));
	size_t texts = (size_t)h.type_len + h.target_len;
	size_t schedule = h.version == VERSION ? sizeof(out->schedule.b) : 0;
	if ((h.version != VERSION && h.version != WITHOUT_SCHEDULE) ||
	    v.len != sizeof(h) + schedule + texts + h.bars * sizeof(struct histogram_bar))
		return false;
	const char *at = (const char *)v.data + sizeof(h);
	out->schedule = (struct sonde_id){ 0 };
	memcpy(out->schedule.b, at, schedule);
	at += schedule;
	out->type = at;
	out->type_len = h.type_len;
	out->target = at + h.type_len;
	out->target_len = h.target_len;
	out->sums = h.sums;
	out->bars = (const struct histogram_bar *)(const void *)(at + texts);
	out->bar_count = h.bars;
	return true;
}

bool rollup_row_is(const struct rollup_view *v, const struct rollup_delta *d)
{
	return v->type_len == d->type_len && v->target_len == d->target_len &&
	       sonde_id_equal(&v->schedule, &d->schedule) &&
	       !memcmp(v->type, d->texts, d->type_len) &&
	       !memcmp(v->target, d->texts + d->type_len, d->target_len);
}

void rollup_row_write(struct sonde_buf *b, const struct rollup_delta *d, const struct rollup_sums *sums,
                      const struct histogram *h)
{
	struct head head = { .version = VERSION, .type_len = d->type_len,
		             .target_len = d->target_len, .bars = h->len, .sums = *sums };

	sonde_buf_reset(b);
	sonde_buf_add(b, &head, sizeof(head));
	sonde_buf_add(b, d->schedule.b, sizeof(d->schedule.b));
	sonde_buf_add(b, d->texts, (size_t)d->type_len + d->target_len);
	sonde_buf_add(b, h->bars, h->len * sizeof(h->bars[0]));
}
