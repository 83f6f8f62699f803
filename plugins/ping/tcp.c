/* SPDX-License-Identifier: Apache-2.0 */
/* The ping plugin with TCP: the course of the connections is that of connect/series.h; each fills
 * the row of a packet, so that the result is the one of ICMP but for the time to live. A refused
 * connection is no reply: what answers there may be a firewall in front of the target. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ping/ping.h"
#include "connect/errno.h"

static void head(struct sonde_probe *p)
{
	struct ping_state *s = p->state;

	snprintf(s->address, sizeof(s->address), "%s", s->series->address);
	ping_print_head(p);
}

static void ended(struct sonde_probe *p, unsigned i)
{
	struct ping_state *s = p->state;
	const struct sonde_attempt *a = &s->series->attempts[i];
	struct ping_packet *k = &s->packets[i];

	k->ttl = -1;
	k->rtt = a->rtt;
	k->user_stamp = a->by_user;
	if (a->status == SONDE_ATTEMPT_UP) {
		k->status = PING_REPLY;
		ping_print_reply(p, i + 1, k, 0);
		return;
	}
	k->status = a->status == SONDE_ATTEMPT_LOST ? PING_LOST : PING_ERROR;
	k->note = a->status == SONDE_ATTEMPT_LOST ? NULL : sonde_errno_phrase(a->error);
	ping_print_error(p, i + 1, s->address, sonde_errno_phrase(a->error));
}

static void over(struct sonde_probe *p)
{
	struct ping_state *s = p->state;
	const struct sonde_attempt *bad = sonde_series_worst(s->series);
	unsigned replies = 0;
	char why[160];

	for (unsigned i = 0; i < s->series->tried; i++)
		replies += s->packets[i].status == PING_REPLY;
	if (replies || !bad) {
		ping_end(p, SONDE_FAIL_NONE, NULL);
		return;
	}
	snprintf(why, sizeof(why), "%s port %d: %s", s->address, s->series->port,
	         sonde_errno_phrase(bad->error));
	ping_end(p, sonde_errno_failure(bad->error), why);
}

static const struct sonde_series_ops ops = { head, ended, over };

int ping_tcp_start(struct sonde_probe *p, const struct sonde_addr *addrs, unsigned count)
{
	const struct ping_args *a = ping_args_of(p);
	struct ping_state *s = p->state;
	struct sonde_series *x = p->host->alloc(p, sizeof(*x));

	s->packets = x ? p->host->alloc(p, (size_t)a->packets * sizeof(*s->packets)) : NULL;
	if (!s->packets)
		return -1;
	x->ops = &ops;
	x->count = (unsigned)a->packets;
	x->port = (uint16_t)a->port;
	x->interval = a->interval;
	x->wait = a->wait;
	x->options = (struct sonde_stream_options){
		.source = s->source,
		.ttl = (int)a->ttl,
		.tos = (int)a->tos,
		.dont_fragment = a->dont_fragment,
	};
	s->series = x;
	s->sent = x->count;
	s->started_at = p->host->now(p);
	if (!sonde_series_start(p, x, addrs, count))
		return 0;
	s->packets = NULL;
	return -1;
}
