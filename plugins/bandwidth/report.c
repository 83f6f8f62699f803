/* SPDX-License-Identifier: Apache-2.0 */
/* What a test tells. A direction that was not asked for is null, never zero. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

#include "bandwidth.h"
#include "connect/say.h"

#define MS(ns) ((double)(ns) / 1e6)

static void put_address(struct sonde_probe *p)
{
	const struct bw_state *s = p->state;
	const struct sockaddr_storage *sa = &s->peer.sa;
	const void *raw = sa->ss_family == AF_INET ?
		(const void *)&((const struct sockaddr_in *)sa)->sin_addr :
		(const void *)&((const struct sockaddr_in6 *)sa)->sin6_addr;
	char text[INET6_ADDRSTRLEN] = "";
	const struct bandwidth_args *a = p->args;

	inet_ntop(sa->ss_family, raw, text, sizeof(text));
	p->host->put_text(p, "resolvedAddress", text, __builtin_strlen(text));
	p->host->put_int(p, "port", a->port);
	sonde_say(p, "%s %.255s (%s) port %d, %d stream%s\n",
	      a->role == BW_SEND ? "Bandwidth to" : "Receiving from", p->target, text, (int)a->port,
	      (int)a->streams, a->streams == 1 ? "" : "s");
}

struct way {
	double rate, mean;
	int64_t bytes, ns;
};

static void put_way(struct sonde_probe *p, const char *name, const struct way *w)
{
	const struct sonde_host *h = p->host;

	if (!w->bytes) {
		h->put_null(p, name);
		return;
	}
	h->open(p, name, '{');
	h->put_number(p, "bitsPerSecond", w->rate, 0);
	h->put_number(p, "meanBitsPerSecond", w->mean, 0);
	h->put_int(p, "bytes", w->bytes);
	h->put_number(p, "duration", MS(w->ns), 3);
	h->close(p);
	sonde_say(p, "%-4s  %9.2f MBytes in %9.3f ms  %10.2f Mbits/sec (%.2f over all)\n", name,
	      (double)w->bytes / 1e6, MS(w->ns), w->rate / 1e6, w->mean / 1e6);
}

static struct way way_of(const struct rate_meter *m)
{
	return (struct way){ rate_meter_steady(m), rate_meter_mean(m), (int64_t)m->bytes,
		             m->last_ns - m->first_ns };
}

static void put_rtt(struct sonde_probe *p, const char *name, const struct bw_rtt *r)
{
	const struct sonde_host *h = p->host;

	if (!r->count) {
		h->put_null(p, name);
		return;
	}
	h->open(p, name, '{');
	h->put_number(p, "min", MS(r->min), 3);
	h->put_number(p, "avg", MS(r->sum) / r->count, 3);
	h->put_number(p, "max", MS(r->max), 3);
	h->put_int(p, "count", r->count);
	h->close(p);
	sonde_say(p, "rtt %-6s min/avg/max = %.3f/%.3f/%.3f ms (%u)\n", name, MS(r->min),
	          MS(r->sum) / r->count, MS(r->max), r->count);
}

void bw_report(struct sonde_probe *p)
{
	struct bw_state *s = p->state;
	struct way up = { (double)s->got.rate, 0, s->got.bytes, s->got.ns };
	struct way down = way_of(&s->in.meter);

	up.mean = up.ns > 0 ? (double)up.bytes * 8e9 / (double)up.ns : 0;
	p->host->put_text(p, "role", "send", 4);
	put_address(p);
	put_way(p, "up", &up);
	put_way(p, "down", &down);
	p->host->put_int(p, "retransmits", s->retransmits_up);
	p->host->open(p, "rtt", '{');
	put_rtt(p, "idle", &s->idle);
	put_rtt(p, "loaded", &s->loaded);
	p->host->close(p);
	bw_close_all(p);
	p->host->done(p, SONDE_FAIL_NONE, NULL);
}

void bw_report_receiver(struct sonde_probe *p)
{
	struct bw_state *s = p->state;
	struct way up = way_of(&s->in.meter);

	p->host->put_text(p, "role", "receive", 7);
	put_address(p);
	put_way(p, "up", &up);
	bw_close_all(p);
	p->host->done(p, SONDE_FAIL_NONE, NULL);
}
