/* SPDX-License-Identifier: Apache-2.0 */
/* What a tcp probe tells: fields of the result and the text. Absent round trips are left out,
 * never written as zero. */
#include "tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MS(ns) ((double)(ns) / 1e6)

static void print(struct sonde_probe *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void print(struct sonde_probe *p, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n > 0)
		p->host->print(p, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

static const char *address(const struct tcp_state *s, char out[INET6_ADDRSTRLEN])
{
	const struct sockaddr_storage *sa = &s->addrs[s->addr].sa;
	const void *raw = sa->ss_family == AF_INET
	                          ? (const void *)&((const struct sockaddr_in *)sa)->sin_addr
	                          : (const void *)&((const struct sockaddr_in6 *)sa)->sin6_addr;

	return inet_ntop(sa->ss_family, raw, out, INET6_ADDRSTRLEN) ? out : "?";
}

void tcp_print_head(struct sonde_probe *p)
{
	const struct tcp_args *a = p->args;
	char text[INET6_ADDRSTRLEN];

	print(p, "TCP connect to %.255s (%s) port %d\n", p->target, address(p->state, text),
	      (int)a->port);
}

static const char *phrase(const struct tcp_conn *c)
{
	switch (c->failure) {
	case SONDE_FAIL_REFUSED:
		return "connection refused";
	case SONDE_FAIL_TIMEOUT:
		return "no answer";
	default:
		return strerror(c->error);
	}
}

void tcp_print_conn(struct sonde_probe *p, const struct tcp_conn *c)
{
	const struct tcp_args *a = p->args;
	char text[INET6_ADDRSTRLEN];

	if (c->state == TCP_UP)
		print(p, "connected to %s port %d: seq=%u time=%.3f ms\n",
		      address(p->state, text), (int)a->port, c->seq, MS(c->rtt));
	else
		print(p, "%s port %d: seq=%u %s\n", address(p->state, text), (int)a->port, c->seq,
		      phrase(c));
}

struct tcp_stats {
	unsigned up;
	int64_t min, max, sum; /* ns */
};

static struct tcp_stats sum_up(const struct tcp_state *s)
{
	struct tcp_stats out = { .min = INT64_MAX };

	for (unsigned i = 0; i < s->started; i++) {
		const struct tcp_conn *c = &s->conns[i];
		if (c->state != TCP_UP)
			continue;
		out.up++;
		out.sum += c->rtt;
		out.min = c->rtt < out.min ? c->rtt : out.min;
		out.max = c->rtt > out.max ? c->rtt : out.max;
	}
	return out;
}

static void put_stats(struct sonde_probe *p, const struct tcp_stats *t)
{
	const struct sonde_host *h = p->host;
	const struct tcp_state *s = p->state;
	double loss = s->started ? 100.0 * (s->started - t->up) / s->started : 0;

	h->open(p, "stats", '{');
	if (t->up) {
		h->put_number(p, "min", MS(t->min), 3);
		h->put_number(p, "avg", MS((double)t->sum / t->up), 3);
		h->put_number(p, "max", MS(t->max), 3);
	}
	h->put_int(p, "total", s->started);
	h->put_int(p, "rcv", t->up);
	h->put_int(p, "drop", s->started - t->up);
	h->put_number(p, "loss", loss, 2);
	h->close(p);
	print(p, "\n--- %.255s tcp statistics ---\n%u connections tried, %u established, %.4g%% loss\n",
	      p->target, s->started, t->up, loss);
	if (t->up)
		print(p, "rtt min/avg/max = %.3f/%.3f/%.3f ms\n", MS(t->min),
		      MS((double)t->sum / t->up), MS(t->max));
}

/* Of several failures, the one that says most about the target. */
static const struct tcp_conn *worst(const struct tcp_state *s)
{
	static const enum sonde_failure order[] = {
		SONDE_FAIL_REFUSED, SONDE_FAIL_UNREACHABLE, SONDE_FAIL_CONNECT, SONDE_FAIL_OVERLOAD,
		SONDE_FAIL_TIMEOUT,
	};

	for (unsigned i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		for (unsigned j = 0; j < s->started; j++)
			if (s->conns[j].state == TCP_FAILED && s->conns[j].failure == order[i])
				return &s->conns[j];
	return NULL;
}

void tcp_report(struct sonde_probe *p)
{
	const struct sonde_host *h = p->host;
	const struct tcp_state *s = p->state;
	const struct tcp_args *a = p->args;
	char text[INET6_ADDRSTRLEN], why[160];
	const char *addr = address(s, text);
	struct tcp_stats t = sum_up(s);

	h->put_text(p, "resolvedAddress", addr, strlen(addr));
	if (s->resolve_ns)
		h->put_text(p, "resolvedHostname", p->target, strlen(p->target));
	else
		h->put_null(p, "resolvedHostname");
	h->put_int(p, "port", a->port);
	if (s->resolve_ns)
		h->put_number(p, "resolveTime", MS(s->resolve_ns), 3);
	h->open(p, "timings", '[');
	for (unsigned i = 0; i < s->started; i++) {
		if (s->conns[i].state != TCP_UP)
			continue;
		h->open(p, NULL, '{');
		h->put_number(p, "rtt", MS(s->conns[i].rtt), 3);
		h->close(p);
	}
	h->close(p);
	put_stats(p, &t);
	const struct tcp_conn *bad = t.up ? NULL : worst(s);
	if (!bad) {
		h->done(p, SONDE_FAIL_NONE, NULL);
		return;
	}
	snprintf(why, sizeof(why), "%s port %d: %s", addr, (int)a->port, phrase(bad));
	h->done(p, bad->failure, why);
}
