/* SPDX-License-Identifier: Apache-2.0 */
/* What a tcp probe tells: fields of the result and the text. What was not measured is null. */
#include <stdio.h>
#include <string.h>

#include "connect/bytes.h"
#include "connect/errno.h"
#include "tcp/tcp.h"

enum { SHOW_TEXT = 200 };

void tcp_print_head(struct sonde_probe *p)
{
	const struct tcp_state *s = p->state;

	sonde_say(p, "TCP connect to %.255s (%s) port %d\n", p->target, s->series.address,
	          s->series.port);
}

void tcp_print_attempt(struct sonde_probe *p, unsigned i)
{
	const struct tcp_state *s = p->state;
	const struct sonde_attempt *a = &s->series.attempts[i];
	char took[SONDE_MS_TEXT];

	if (a->status == SONDE_ATTEMPT_UP)
		sonde_say(p, "connected to %s port %d: seq=%u time=%s ms\n", s->series.address,
		          s->series.port, i + 1, sonde_ms_text((double)a->rtt, took));
	else
		sonde_say(p, "%s port %d: seq=%u %s\n", s->series.address, s->series.port, i + 1,
		          sonde_errno_phrase(a->error));
}

static void print_tls(struct sonde_probe *p, const struct tcp_talk *t)
{
	if (!t->secured)
		return;
	sonde_say(p, "%s %s in %.3f ms, certificate valid until %s: %s\n", t->facts.protocol,
	          t->facts.cipher ? t->facts.cipher : "?", (double)t->tls_ns / 1e6,
	          *t->facts.expires ? t->facts.expires : "?",
	          t->facts.authorized ? "trusted" : t->facts.error);
}

/* Both directions as telnet and a protocol trace show them. */
static void print_steps(struct sonde_probe *p, const struct tcp_state *s)
{
	static const char marks[] = { '>', '>', '<', '<', '*' };
	const struct dialogue_run *r = s->talk.run;
	char line[SHOW_TEXT];

	for (unsigned i = 0; i < r->step; i++) {
		enum dialogue_kind kind = s->dialogue.steps[i].kind;
		if (kind == DIALOGUE_STARTTLS)
			sonde_say(p, "* TLS begins\n");
		else
			sonde_say(p, "%c %s\n", marks[kind],
			          sonde_bytes_show((const uint8_t *)r->show[i], r->seen[i].len, line,
			                           sizeof(line)));
	}
}

void tcp_print_talk(struct sonde_probe *p)
{
	const struct tcp_state *s = p->state;
	const struct tcp_args *a = p->args;
	const struct tcp_talk *t = &s->talk;
	char line[SHOW_TEXT];

	print_tls(p, t);
	if (t->run && !a->banner)
		print_steps(p, s);
	else if (t->run && t->run->greeted)
		sonde_say(p, "< %s\n", sonde_bytes_show((const uint8_t *)t->run->greeting,
		                                        t->run->greeting_len, line, sizeof(line)));
	if (t->failure)
		sonde_say(p, "%s\n", t->why);
}

static struct sonde_sums sum_up(const struct sonde_series *x)
{
	struct sonde_sums u = { .total = x->tried };

	for (unsigned i = 0; i < x->tried; i++)
		if (x->attempts[i].status == SONDE_ATTEMPT_UP)
			sonde_sums_add(&u, (double)x->attempts[i].rtt);
	return u;
}

static void put_timings(struct sonde_probe *p, const struct sonde_series *x)
{
	p->host->open(p, "timings", '[');
	for (unsigned i = 0; i < x->tried; i++) {
		if (x->attempts[i].status != SONDE_ATTEMPT_UP)
			continue;
		p->host->open(p, NULL, '{');
		sonde_put_ms(p, "rtt", true, (double)x->attempts[i].rtt);
		p->host->close(p);
	}
	p->host->close(p);
}

static void put_connections(struct sonde_probe *p, const struct sonde_series *x)
{
	p->host->open(p, "connections", '[');
	for (unsigned i = 0; i < x->tried; i++) {
		const struct sonde_attempt *a = &x->attempts[i];
		bool up = a->status == SONDE_ATTEMPT_UP;
		p->host->open(p, NULL, '{');
		p->host->put_int(p, "seq", i + 1);
		sonde_put_str(p, "status", up ? "connected"
		                  : a->status == SONDE_ATTEMPT_LOST ? "lost" : "error");
		sonde_put_ms(p, "rtt", up, (double)a->rtt);
		sonde_put_str(p, "stamp", !up ? NULL : a->by_user ? "user" : "kernel");
		sonde_put_str(p, "note", a->status == SONDE_ATTEMPT_ERROR
		                  ? sonde_errno_phrase(a->error) : NULL);
		p->host->close(p);
	}
	p->host->close(p);
}

static void put_tls(struct sonde_probe *p, const struct tcp_talk *t)
{
	const struct tls_facts *f = &t->facts;

	if (!t->secured) {
		p->host->put_null(p, "tls");
		return;
	}
	p->host->open(p, "tls", '{');
	p->host->put_bool(p, "authorized", f->authorized);
	sonde_put_str(p, "error", f->error);
	sonde_put_str(p, "protocol", f->protocol);
	sonde_put_str(p, "cipherName", f->cipher);
	sonde_put_str(p, "expiresAt", *f->expires ? f->expires : NULL);
	sonde_put_str(p, "chainExpiresAt", *f->chain_expires ? f->chain_expires : NULL);
	sonde_put_ms(p, "handshakeTime", true, (double)t->tls_ns);
	p->host->close(p);
}

static void put_steps(struct sonde_probe *p, const struct tcp_state *s)
{
	const struct dialogue_run *r = s->talk.run;

	p->host->open(p, "dialogue", '[');
	for (unsigned i = 0; i < r->step; i++) {
		enum dialogue_kind kind = s->dialogue.steps[i].kind;
		p->host->open(p, NULL, '{');
		sonde_put_str(p, "step", dialogue_kind_name(kind));
		if (kind == DIALOGUE_STARTTLS)
			p->host->put_null(p, "text");
		else
			p->host->put_text(p, "text", r->show[i], r->seen[i].len);
		sonde_put_ms(p, "time", true, (double)(r->seen[i].at - s->talk.started));
		p->host->close(p);
	}
	p->host->close(p);
}

static void put_talk(struct sonde_probe *p, const struct tcp_state *s)
{
	const struct tcp_args *a = p->args;
	const struct dialogue_run *r = s->talk.run;

	put_tls(p, &s->talk);
	if (r && r->greeted)
		p->host->put_text(p, "banner", r->greeting, r->greeting_len);
	else
		p->host->put_null(p, "banner");
	if (r)
		p->host->put_int(p, "received", (int64_t)r->read);
	else
		p->host->put_null(p, "received");
	if (r && !a->banner)
		put_steps(p, s);
	else
		p->host->put_null(p, "dialogue");
}

static void print_tail(struct sonde_probe *p, const struct sonde_sums *u)
{
	char text[4][SONDE_MS_TEXT];

	sonde_say(p, "\n--- %.255s tcp statistics ---\n"
	             "%u connections tried, %u established, %s%% loss\n",
	          p->target, u->total, u->rcv, sonde_loss_text(u->total, u->rcv, text[0]));
	if (u->rcv)
		sonde_say(p, "rtt min/avg/max/mdev = %s/%s/%s/%s ms\n",
		          sonde_ms_text(u->min, text[0]),
		          sonde_ms_text(u->sum / u->rcv, text[1]), sonde_ms_text(u->max, text[2]),
		          sonde_ms_text(sonde_sums_deviation(u), text[3]));
}

void tcp_put_result(struct sonde_probe *p)
{
	const struct tcp_state *s = p->state;
	struct sonde_sums u = sum_up(&s->series);

	sonde_put_target(p, s->series.address);
	p->host->put_int(p, "port", s->series.port);
	sonde_put_ms(p, "resolveTime", s->resolve_ns > 0, (double)s->resolve_ns);
	put_timings(p, &s->series);
	put_connections(p, &s->series);
	sonde_put_stats(p, &u);
	put_talk(p, s);
	print_tail(p, &u);
}
