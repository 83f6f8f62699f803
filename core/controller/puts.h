/* SPDX-License-Identifier: Apache-2.0 */
/* A few small records written in one transaction, and what happens after it: the shape of nearly
 * every administrative change. */
#pragma once
#include "base/buf.h"
#include "controller/controller.h"

enum { PUTS_MAX = 4, PUT_KEY_MAX = 80 };

struct puts;
/* After the commit, or with the reason why there was none; the job is freed behind it. */
typedef void puts_fn(struct puts *, int status);

struct put {
	enum sonde_table table;
	char key[PUT_KEY_MAX];
	size_t key_len;
	struct sonde_buf value;
	bool insert, remove;
};

struct puts {
	struct sonde_job job;
	struct controller *c;
	struct sonde_req *req; /* may be NULL */
	puts_fn *done;
	unsigned count;
	struct put rows[PUTS_MAX];
	struct sonde_pool pool; /* for the owner's texts */
	void *arg;              /* the owner's */
};

/* NULL when out of memory: 507 was answered where there is a req. */
struct puts *puts_new(struct controller *, struct sonde_req *, puts_fn *, size_t pool_max);
/* A buffer to write the value into. insert: SONDE_EEXIST when the key is there. */
struct sonde_buf *puts_add(struct puts *, enum sonde_table, const void *key, size_t len, bool insert);
void puts_remove(struct puts *, enum sonde_table, const void *key, size_t len);
/* Takes the job; when the store does not, `done` runs at once. */
void puts_submit(struct puts *);
/* Instead of submitting. */
void puts_free(struct puts *);
