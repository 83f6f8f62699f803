/* SPDX-License-Identifier: Apache-2.0 */
/* Password hashing off the loop: a bounded queue in front of a few workers of libuv's pool. One
 * hash takes 19 MiB and tens of milliseconds, so both the memory and the share of the machine that
 * it takes are set by how many run at once. */
#pragma once
#include <stdbool.h>
#include <uv.h>

#include "base/secret.h"

enum { PASSWORDS_WAITING_MAX = 1024 };

/* What a worker is asked and what it says; embedded in the asker's own struct. */
struct password_job {
	char password[SONDE_PASSWORD_MAX + 1];
	size_t len;
	char hash[SONDE_PASSWORD_TEXT]; /* in: to verify against, "" = none; out: the new one */
	bool verify;                    /* first */
	bool make;                      /* then, when it held: a new hash (when it is old, or asked) */
	bool always_make;
	bool matched, made;
	void (*done)(struct password_job *); /* on the loop; the job is the asker's again */
	struct passwords *owner;
	struct password_job *next;
	uv_work_t work;
};

struct passwords {
	uv_loop_t *loop;
	struct password_job *first, **last;
	unsigned waiting, running, running_max;
	uint64_t hashed, refused;
};

void passwords_init(struct passwords *, uv_loop_t *, unsigned running_max);
/* Nothing more is started; those that wait are done without a match. */
void passwords_stop(struct passwords *);
/* SONDE_EFULL when PASSWORDS_WAITING_MAX wait already. The password is wiped before done. */
int passwords_submit(struct passwords *, struct password_job *);
/* Why a new password is refused, or NULL: its length, a NUL byte, the user's name, or a word of the list
 * of common ones, whatever its case and with at most six digits and signs behind it. */
const char *password_refusal(const char *password, size_t len, const char *user);
