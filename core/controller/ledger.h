/* SPDX-License-Identifier: Apache-2.0 */
/* Credits: entries that are only ever added. A user's balance is the sum of his entries; memory
 * holds that sum, and the API adds it up again to show that it is so. */
#pragma once
#include "controller/users.h"

enum ledger_kind { LEDGER_GRANT, LEDGER_EARN, LEDGER_SPEND };

struct ledger_entry {
	const char *user;     /* id */
	uint32_t kind;
	int64_t amount;       /* negative when spent */
	const char *note;     /* why, or the measurement */
	const char *by;       /* who granted it */
};

struct controller;
/* The users' balances from the entries; a bad entry is logged and does not count. */
int ledger_load(struct users *, struct sonde_store *, struct sonde_error *);
void ledger_write(const struct ledger_entry *, struct sonde_buf *);
/* SONDE_EINVAL: not what ledger_write makes. Texts go into the pool. */
int ledger_read(struct ledger_entry *, struct sonde_pool *, const void *data, size_t len);
const char *ledger_kind_name(uint32_t kind); /* never NULL */
/* A node of this user finished a task. Stored with others every few seconds. */
void ledger_earn(struct user *, int64_t amount);
/* Store what was earned since. */
void ledger_flush(struct controller *);
