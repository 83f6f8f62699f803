/* SPDX-License-Identifier: Apache-2.0 */
/* One job of the store with up to PUTS_MAX records; owns them until its end. */
#include "controller/puts.h"

#include <stdlib.h>
#include <string.h>

#include "controller/api/api.h"

enum { VALUE_MAX = 1 << 17 };

static int apply(struct sonde_write *w, struct sonde_job *job)
{
	struct puts *p = (struct puts *)job;
	int rc = SONDE_OK;

	for (unsigned i = 0; rc == SONDE_OK && i < p->count; i++) {
		struct put *row = &p->rows[i];
		struct sonde_slice key = { row->key, row->key_len };
		struct sonde_slice value = { row->value.data, row->value.len };
		if (row->value.failed)
			return SONDE_ENOMEM;
		if (row->remove)
			rc = sonde_write_delete(w, row->table, key);
		else if (row->insert)
			rc = sonde_write_insert(w, row->table, key, value);
		else
			rc = sonde_write_put(w, row->table, key, value);
		if (row->remove && rc == SONDE_ENOENT)
			rc = SONDE_OK;
	}
	return rc;
}

static void done(struct sonde_job *job, int status)
{
	struct puts *p = (struct puts *)job;

	p->done(p, status);
	puts_free(p);
}

struct puts *puts_new(struct controller *c, struct sonde_req *req, puts_fn *fn, size_t pool_max)
{
	struct puts *p = calloc(1, sizeof(*p));

	if (!p) {
		if (req)
			answer_busy(c, req, SONDE_ENOMEM);
		return NULL;
	}
	p->job.apply = apply;
	p->job.done = done;
	p->c = c;
	p->req = req;
	p->done = fn;
	sonde_pool_init(&p->pool, pool_max);
	return p;
}

static struct put *add(struct puts *p, enum sonde_table table, const void *key, size_t len)
{
	struct put *row = &p->rows[p->count++];

	row->table = table;
	row->key_len = len < PUT_KEY_MAX ? len : PUT_KEY_MAX;
	memcpy(row->key, key, row->key_len);
	sonde_buf_init(&row->value, VALUE_MAX);
	return row;
}

struct sonde_buf *puts_add(struct puts *p, enum sonde_table table, const void *key, size_t len,
                           bool insert)
{
	struct put *row = add(p, table, key, len);

	row->insert = insert;
	return &row->value;
}

void puts_remove(struct puts *p, enum sonde_table table, const void *key, size_t len)
{
	add(p, table, key, len)->remove = true;
}

void puts_submit(struct puts *p)
{
	int rc = sonde_store_submit(p->c->store, &p->job);

	if (rc != SONDE_OK)
		done(&p->job, rc);
}

void puts_free(struct puts *p)
{
	for (unsigned i = 0; i < p->count; i++)
		sonde_buf_deinit(&p->rows[i].value);
	sonde_pool_deinit(&p->pool);
	free(p);
}
