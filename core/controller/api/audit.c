/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/audit: the newest records first, a page at a time. */
#include "controller/audit.h"

#include <stdlib.h>
#include <string.h>

#include "controller/api/api.h"
#include "controller/members.h"

enum { PAGE = 100, PAGE_MAX = 1000 };

struct page {
	struct sonde_id ids[PAGE_MAX]; /* a ring: what was seen last */
	unsigned count, room;
	struct sonde_id before;
	bool bounded;
};

static int collect(void *arg, struct sonde_slice key, struct sonde_slice value)
{
	struct page *p = arg;

	(void)value;
	if (key.len != sizeof(struct sonde_id))
		return 0;
	if (p->bounded && memcmp(key.data, p->before.b, sizeof(p->before.b)) >= 0)
		return 1;
	memcpy(p->ids[p->count++ % p->room].b, key.data, key.len);
	return 0;
}

static void put_page(struct sonde_read *r, const struct page *p, struct sonde_json *j)
{
	unsigned n = p->count < p->room ? p->count : p->room;

	for (unsigned i = 1; i <= n; i++) {
		const struct sonde_id *id = &p->ids[(p->count - i) % p->room];
		struct sonde_slice value;
		if (sonde_read_get(r, SONDE_TABLE_AUDIT, (struct sonde_slice){ id->b, sizeof(id->b) },
		                   &value) != SONDE_OK || value.len < 2)
			continue;
		sonde_json_open(j, NULL, '{');
		member_id(j, "id", id);
		/* The record is an object of ours: its members follow. */
		sonde_buf_char(j->buf, ',');
		sonde_buf_add(j->buf, (const char *)value.data + 1, value.len - 2);
		sonde_json_close(j);
	}
}

/* ?limit=N, ?before=ID of the last record seen. */
void api_list_audit(struct call *call)
{
	struct page *p = calloc(1, sizeof(*p));
	char text[32];
	struct sonde_read *r;
	struct sonde_buf b;
	struct sonde_json j;

	if (!p || sonde_read_begin(call->c->store, &r) != SONDE_OK) {
		free(p);
		answer_busy(call->c, call->req, SONDE_EIO);
		return;
	}
	p->room = PAGE;
	if (call_query(call, "limit", text, sizeof(text))) {
		char *end;
		long n = strtol(text, &end, 10);
		p->room = *text && !*end && n > 0 && n < PAGE_MAX ? (unsigned)n : PAGE_MAX;
	}
	if (call_query(call, "before", text, sizeof(text)))
		p->bounded = sonde_id_parse(text, strlen(text), &p->before);
	sonde_read_each(r, SONDE_TABLE_AUDIT, (struct sonde_slice){ NULL, 0 }, collect, p);
	sonde_buf_init(&b, REPLY_MAX);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '[');
	put_page(r, p, &j);
	sonde_read_end(r);
	sonde_json_close(&j);
	free(p);
	answer_json(call->c, call->req, 200, &b, NULL);
}
