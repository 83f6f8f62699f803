/* SPDX-License-Identifier: Apache-2.0 */
/* What the ping plugin says: the result object and the text of the classic tool. Reads the state,
 * changes nothing. A value that was not measured is null, never 0. */
#include "ping/ping.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "connect/say.h"

enum { DIGITS = 6 };

struct sums {
	unsigned total, rcv, user;
	unsigned pairs; /* of neighbouring replies */
	double min, max, sum, squares, steps, last; /* ms */
};

static double ms(int64_t ns)
{
	return (double)ns / 1e6;
}

void ping_print_head(struct sonde_probe *p)
{
	const struct ping_args *a = p->args;
	const struct ping_state *s = p->state;

	if (s->series)
		sonde_say(p, "PING %.255s (%s) on port %d.\n", p->target, s->address, (int)a->port);
	else if (s->socket.family == AF_INET)
		sonde_say(p, "PING %.255s (%s) %d(%d) bytes of data.\n", p->target, s->address,
		          (int)a->size, (int)a->size + 28);
	else
		sonde_say(p, "PING %.255s(%s) %d data bytes\n", p->target, s->address,
		          (int)a->size);
}

void ping_print_reply(struct sonde_probe *p, unsigned seq, const struct ping_packet *k,
                      int duplicate)
{
	const struct ping_state *s = p->state;
	char ttl[16] = "";

	if (s->series) {
		sonde_say(p, "Reply from %s on port %d: tcp_conn=%u time=%.3f ms\n", s->address,
		          s->series->port, seq, ms(k->rtt));
		return;
	}
	if (k->ttl >= 0)
		snprintf(ttl, sizeof(ttl), " ttl=%d", k->ttl);
	sonde_say(p, "%u bytes from %s: icmp_seq=%u%s time=%.3f ms%s\n", k->bytes, s->address, seq,
	          ttl, ms(k->rtt), duplicate ? " (DUP!)" : "");
}

void ping_print_error(struct sonde_probe *p, unsigned seq, const char *from, const char *phrase)
{
	const struct ping_state *s = p->state;

	if (s->series)
		sonde_say(p, "No connection to %s on port %d: tcp_conn=%u %s\n", s->address,
		          s->series->port, seq, phrase);
	else
		sonde_say(p, "From %s icmp_seq=%u %s\n", from, seq, phrase);
}

static int is_over(const struct ping_packet *k)
{
	return k->status == PING_REPLY || k->status == PING_LOST || k->status == PING_ERROR;
}

static void add_reply(struct sums *u, const struct ping_packet *k)
{
	double rtt = ms(k->rtt);

	if (!u->rcv || rtt < u->min)
		u->min = rtt;
	if (!u->rcv || rtt > u->max)
		u->max = rtt;
	if (u->rcv) {
		u->steps += fabs(rtt - u->last);
		u->pairs++;
	}
	u->last = rtt;
	u->sum += rtt;
	u->squares += rtt * rtt;
	u->user += k->user_stamp;
	u->rcv++;
}

static struct sums add_up(const struct ping_state *s)
{
	struct sums u = { 0 };

	for (unsigned i = 0; i < s->sent; i++) {
		const struct ping_packet *k = &s->packets[i];
		u.total += is_over(k);
		if (k->status == PING_REPLY)
			add_reply(&u, k);
	}
	return u;
}

static double deviation(const struct sums *u)
{
	double mean = u->sum / u->rcv;
	double variance = u->squares / u->rcv - mean * mean;

	return variance > 0 ? sqrt(variance) : 0;
}

static void put_ms(struct sonde_probe *p, const char *key, int known, double v)
{
	if (known)
		p->host->put_number(p, key, v, DIGITS);
	else
		p->host->put_null(p, key);
}

static void put_ttl(struct sonde_probe *p, int ttl)
{
	if (ttl >= 0)
		p->host->put_int(p, "ttl", ttl);
	else
		p->host->put_null(p, "ttl");
}

static void put_string(struct sonde_probe *p, const char *key, const char *text)
{
	p->host->put_text(p, key, text, strlen(text));
}

static void write_timings(struct sonde_probe *p)
{
	const struct ping_state *s = p->state;

	p->host->open(p, "timings", '[');
	for (unsigned i = 0; i < s->sent; i++) {
		if (s->packets[i].status != PING_REPLY)
			continue;
		p->host->open(p, NULL, '{');
		put_ms(p, "rtt", 1, ms(s->packets[i].rtt));
		if (!s->series)
			put_ttl(p, s->packets[i].ttl);
		p->host->close(p);
	}
	p->host->close(p);
}

static void write_packet(struct sonde_probe *p, unsigned seq, const struct ping_packet *k)
{
	static const char *const names[] = {
		[PING_REPLY] = "reply", [PING_LOST] = "lost", [PING_ERROR] = "error",
	};
	int replied = k->status == PING_REPLY;

	p->host->open(p, NULL, '{');
	p->host->put_int(p, "seq", seq);
	put_string(p, "status", names[k->status]);
	put_ms(p, "rtt", replied, ms(k->rtt));
	put_ttl(p, replied ? k->ttl : -1);
	if (k->note)
		put_string(p, "note", k->note);
	if (replied && k->user_stamp)
		put_string(p, "stamp", "user");
	p->host->close(p);
}

static void write_packets(struct sonde_probe *p)
{
	const struct ping_state *s = p->state;

	p->host->open(p, "packets", '[');
	for (unsigned i = 0; i < s->sent; i++)
		if (is_over(&s->packets[i]))
			write_packet(p, i + 1, &s->packets[i]);
	for (unsigned i = 0; i < s->n_duplicates && i < PING_MAX_DUPLICATES; i++) {
		p->host->open(p, NULL, '{');
		p->host->put_int(p, "seq", s->duplicates[i].seq);
		put_string(p, "status", "duplicate");
		put_ms(p, "rtt", 1, ms(s->duplicates[i].rtt));
		put_ttl(p, s->duplicates[i].ttl);
		p->host->close(p);
	}
	p->host->close(p);
}

static void write_stats(struct sonde_probe *p, const struct sums *u)
{
	const struct ping_state *s = p->state;
	int any = u->rcv > 0;

	p->host->open(p, "stats", '{');
	put_ms(p, "min", any, u->min);
	put_ms(p, "avg", any, any ? u->sum / u->rcv : 0);
	put_ms(p, "max", any, u->max);
	put_ms(p, "stddev", any, any ? deviation(u) : 0);
	put_ms(p, "jitter", u->pairs > 0, u->pairs ? u->steps / u->pairs : 0);
	p->host->put_int(p, "total", u->total);
	p->host->put_int(p, "rcv", u->rcv);
	p->host->put_int(p, "drop", u->total - u->rcv);
	p->host->put_int(p, "dup", s->n_duplicates);
	if (u->total)
		p->host->put_number(p, "loss", 100.0 * (u->total - u->rcv) / u->total, 2);
	else
		p->host->put_null(p, "loss");
	p->host->close(p);
}

static void print_tail(struct sonde_probe *p, const struct sums *u)
{
	const struct ping_state *s = p->state;
	char extra[48] = "";

	if (s->n_duplicates)
		snprintf(extra, sizeof(extra), " +%u duplicates,", s->n_duplicates);
	sonde_say(p, "\n--- %.255s ping statistics ---\n"
	          "%u packets transmitted, %u received,%s %.4g%% packet loss, time %.0fms\n",
	          p->target, u->total, u->rcv, extra,
	          u->total ? 100.0 * (u->total - u->rcv) / u->total : 0.0,
	          ms(p->host->now(p) - s->started_at));
	if (u->rcv)
		sonde_say(p, "rtt min/avg/max/mdev = %.3f/%.3f/%.3f/%.3f ms\n", u->min,
		          u->sum / u->rcv, u->max, deviation(u));
}

void ping_write_result(struct sonde_probe *p)
{
	const struct ping_state *s = p->state;
	struct sums u = add_up(s);

	put_string(p, "resolvedAddress", s->address);
	if (strcmp(s->address, p->target))
		put_string(p, "resolvedHostname", p->target);
	else
		p->host->put_null(p, "resolvedHostname");
	if (u.rcv)
		put_string(p, "timestamps", !u.user ? "kernel" : u.user == u.rcv ? "user" : "mixed");
	else
		p->host->put_null(p, "timestamps");
	write_timings(p);
	write_packets(p);
	write_stats(p, &u);
	print_tail(p, &u);
}
