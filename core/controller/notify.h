/* SPDX-License-Identifier: Apache-2.0 */
/* Tells others of events. Each notifier has a thread and a bounded queue of its own, so that neither
 * the loop nor another notifier ever waits for one. In YAML:
 *
 *	notify:
 *	  - webhook https://hooks.example/sonde secret=/etc/sonde/hook.secret severity=warning
 *	  - smtp smtp://mail.example:587 from=sonde@example.org to=noc@example.org user=u password=FILE
 *	  - command /usr/local/bin/page severity=error
 *
 * severity is the least that is told (info, warning, error; default warning); what clears a problem
 * is told where the problem was. An event that is silenced is told nobody. A failed try is repeated
 * after 1, 2, 4, 8 and 16 s, unless the other side says that it is no use. An answer to a webhook
 * with secret is signed: X-Sonde-Signature: t=SECONDS,v1=HEX, HEX = HMAC-SHA256 of "SECONDS.BODY". */
#pragma once
#include <stdint.h>

struct controller;
struct notify;
struct sonde_buf;
struct sonde_error;

enum { NOTIFIERS_MAX = 8, NOTIFY_QUEUE = 256 };

/* spec: the list, joined with commas; NULL or "" = nobody, *out is NULL then. */
int notify_start(struct notify **out, struct controller *, const char *spec, struct sonde_error *);
/* Ends the threads; what still waits is dropped and logged. NULL is fine. */
void notify_free(struct notify *);
/* Prometheus lines. NULL is fine. */
void notify_metrics(struct notify *, struct sonde_buf *);
