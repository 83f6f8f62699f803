/* SPDX-License-Identifier: Apache-2.0 */
/* What the two files of the notifiers share. */
#pragma once
#include <stdatomic.h>
#include <uv.h>

#include "controller/notify.h"
#include "fetch/fetch.h"
#include "fetch/mail.h"

enum notify_kind { NOTIFY_WEBHOOK, NOTIFY_SMTP, NOTIFY_COMMAND };
enum { NOTIFY_TEXT = 512, NOTIFY_TIMEOUT_MS = 10000 };

struct notifier {
	enum notify_kind kind;
	char where[NOTIFY_TEXT]; /* URL or program */
	char secret[NOTIFY_TEXT], password[NOTIFY_TEXT]; /* read from files */
	char from[NOTIFY_TEXT], to[NOTIFY_TEXT], user[NOTIFY_TEXT], ca[NOTIFY_TEXT];
	char pins[NOTIFY_TEXT], insecure[NOTIFY_TEXT];
	char shown[NOTIFY_TEXT]; /* where, without what may be secret in a URL */
	int least; /* severity */
	struct sonde_fetcher *fetcher;
	uv_thread_t thread;
	uv_mutex_t lock;
	uv_cond_t changed;
	bool started, running;
	atomic_bool stop;
	/* under the lock: */
	char *queue[NOTIFY_QUEUE];
	unsigned first, waiting;
	uint64_t sent, failed, retried, dropped;
};

/* One try, on the notifier's thread. SONDE_EINVAL: another try is no use. */
int notify_try(struct notifier *, const char *json, struct sonde_error *);
