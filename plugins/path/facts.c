/* SPDX-License-Identifier: Apache-2.0 */
/* What traceroute and mtr both say of a path. Reads the table, changes nothing. A value that was
 * not measured is null, never 0. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "path/path.h"

enum { DIGITS = 3 };

static const char *const protocols[] = { [PATH_ICMP] = "ICMP", [PATH_TCP] = "TCP",
	                                 [PATH_UDP] = "UDP" };

static void put_string(struct sonde_probe *p, const char *key, const char *text)
{
	p->host->put_text(p, key, text, strlen(text));
}

void path_put_ms(struct sonde_probe *p, const char *key, bool known, double ms)
{
	if (known)
		p->host->put_number(p, key, ms, DIGITS);
	else
		p->host->put_null(p, key);
}

static void put_int(struct sonde_probe *p, const char *key, bool known, int64_t v)
{
	if (known)
		p->host->put_int(p, key, v);
	else
		p->host->put_null(p, key);
}

/* inet_ntop prints by printf; addresses are a good part of a short trace's cost. */
static char *put_byte(char *p, unsigned v)
{
	if (v >= 100)
		*p++ = (char)('0' + v / 100);
	if (v >= 10)
		*p++ = (char)('0' + v / 10 % 10);
	*p++ = (char)('0' + v % 10);
	return p;
}

const char *path_text(const struct path *s, const uint8_t *address, char out[PATH_ADDRESS_TEXT])
{
	char *p = out;

	for (unsigned i = 0; s->family == AF_INET && i < 4; i++) {
		p = put_byte(p, address[i]);
		*p++ = i < 3 ? '.' : '\0';
	}
	if (s->family == AF_INET)
		return out;
	return inet_ntop(s->family, address, out, PATH_ADDRESS_TEXT) ? out : "?";
}

struct path_sum path_sum(const struct path *s, unsigned ttl)
{
	struct path_sum u = { .min = INT64_MAX };

	for (unsigned i = 0; i < s->slots; i++) {
		const struct path_probe *k = path_slot(s, ttl, i);
		u.sent += path_was_asked(k);
		if (k->status != PATH_ANSWERED)
			continue;
		if (!u.first || k->arrived_at < u.first->arrived_at)
			u.first = k;
		u.rcv++;
		u.sum += (double)k->rtt;
		u.min = k->rtt < u.min ? k->rtt : u.min;
		u.max = k->rtt > u.max ? k->rtt : u.max;
	}
	return u;
}

unsigned path_last(const struct path *s, bool trim)
{
	unsigned sent = s->config.first - 1, heard = sent;

	for (unsigned ttl = s->config.first; ttl <= s->config.last; ttl++) {
		struct path_sum u = path_sum(s, ttl);
		sent = u.sent ? ttl : sent;
		heard = u.rcv ? ttl : heard;
	}
	if (s->end)
		return s->end;
	return trim && heard < sent ? heard + 1 : sent;
}

/* kernel, mixed or user; NULL when nothing was measured. flow: whether own sockets were used. */
static const char *clocks(const struct path *s, bool *own)
{
	unsigned all = 0, user = 0;

	*own = false;
	for (unsigned i = 0; i < s->sent; i++) {
		const struct path_probe *k = &s->probes[s->order[i]];
		*own |= k->socket != &s->main;
		all += k->status == PATH_ANSWERED;
		user += k->status == PATH_ANSWERED && k->user_stamp;
	}
	return !all ? NULL : !user ? "kernel" : user == all ? "user" : "mixed";
}

void path_put_head(struct sonde_probe *p, const struct path *s)
{
	bool own, tcp = s->config.protocol == PATH_TCP;
	const char *stamps = clocks(s, &own);

	put_string(p, "resolvedAddress", s->address);
	if (strcmp(s->address, p->target))
		put_string(p, "resolvedHostname", p->target);
	else
		p->host->put_null(p, "resolvedHostname");
	put_string(p, "protocol", protocols[s->config.protocol]);
	put_int(p, "port", s->config.protocol != PATH_ICMP, s->config.port);
	put_string(p, "flow", tcp ? "varied" : own ? "mixed" : "stable");
	p->host->put_bool(p, "reached", s->reached);
	if (stamps)
		put_string(p, "timestamps", stamps);
	else
		p->host->put_null(p, "timestamps");
}

static bool same(const struct path *s, const struct path_probe *a, const struct path_probe *b)
{
	return !memcmp(a->from, b->from, s->family == AF_INET ? 4 : 16);
}

unsigned path_addresses(const struct path *s, unsigned ttl, const uint8_t *out[PATH_ADDRESSES])
{
	unsigned n = 0, bytes = s->family == AF_INET ? 4 : 16;

	for (unsigned i = 0; i < s->slots && n < PATH_ADDRESSES; i++) {
		const struct path_probe *k = path_slot(s, ttl, i);
		unsigned j = 0;
		if (k->status != PATH_ANSWERED || !k->has_from)
			continue;
		while (j < n && memcmp(out[j], k->from, bytes))
			j++;
		if (j == n)
			out[n++] = k->from;
	}
	return n;
}

static void put_addresses(struct sonde_probe *p, const struct path *s, unsigned ttl)
{
	const uint8_t *from[PATH_ADDRESSES];
	unsigned n = path_addresses(s, ttl, from);
	char text[PATH_ADDRESS_TEXT];

	p->host->open(p, "addresses", '[');
	for (unsigned i = 0; i < n; i++)
		put_string(p, NULL, path_text(s, from[i], text));
	p->host->close(p);
}

const struct path_label *path_stack(const struct path *s, unsigned ttl, unsigned *n)
{
	*n = 0;
	for (unsigned i = 0; i < s->slots; i++) {
		const struct path_probe *k = path_slot(s, ttl, i);
		if (k->status != PATH_ANSWERED || !k->n_labels)
			continue;
		*n = k->n_labels;
		return k->labels;
	}
	return NULL;
}

static void put_labels(struct sonde_probe *p, const struct path *s, unsigned ttl)
{
	unsigned n;
	const struct path_label *l = path_stack(s, ttl, &n);

	p->host->open(p, "mpls", '[');
	for (unsigned i = 0; i < n; i++) {
		p->host->open(p, NULL, '{');
		p->host->put_int(p, "label", l[i].label);
		p->host->put_int(p, "tc", l[i].tc);
		p->host->put_bool(p, "bottom", l[i].bottom);
		p->host->put_int(p, "ttl", l[i].ttl);
		p->host->close(p);
	}
	p->host->close(p);
}

void path_put_hop(struct sonde_probe *p, const struct path *s, unsigned ttl)
{
	const struct path_probe *k = path_sum(s, ttl).first;
	char text[PATH_ADDRESS_TEXT];

	if (k && k->has_from) {
		path_text(s, k->from, text);
		put_string(p, "resolvedAddress", text);
	} else {
		p->host->put_null(p, "resolvedAddress");
	}
	const char *name = k && k->has_from ? path_name(s, k->from) : NULL;
	if (name)
		put_string(p, "resolvedHostname", name);
	else
		p->host->put_null(p, "resolvedHostname");
	p->host->put_int(p, "ttl", ttl);
	put_addresses(p, s, ttl);
	put_int(p, "icmpType", k && k->type, k ? k->type : 0);
	put_int(p, "icmpCode", k && k->type, k ? k->code : 0);
	if (k && k->answer == PATH_STOPPED)
		put_string(p, "note", sonde_icmp_phrase(s->family, k->type, k->code));
	else
		p->host->put_null(p, "note");
	put_labels(p, s, ttl);
}

void path_mark(const struct path *s, const struct path_probe *k, char out[16])
{
	static const struct {
		uint8_t v6, code;
		const char *mark;
	} marks[] = {
		{ 0, 0, " !N" }, { 0, 1, " !H" }, { 0, 2, " !P" }, { 0, 4, " !F" }, { 0, 5, " !S" },
		{ 0, 6, " !N" }, { 0, 7, " !H" }, { 0, 9, " !X" }, { 0, 10, " !X" }, { 0, 13, " !X" },
		{ 0, 14, " !V" }, { 0, 15, " !C" }, { 1, 0, " !N" }, { 1, 1, " !X" }, { 1, 2, " !S" },
		{ 1, 3, " !H" }, { 1, 5, " !X" }, { 1, 6, " !X" },
	};
	bool v6 = s->family == AF_INET6;

	out[0] = 0;
	if (k->answer == PATH_EXCEEDED || k->type != (v6 ? 1 : 3) || k->code == (v6 ? 4 : 3))
		return;
	snprintf(out, 16, " !<%u>", k->code);
	for (unsigned i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (marks[i].v6 == v6 && marks[i].code == k->code)
			snprintf(out, 16, "%s", marks[i].mark);
}

struct facts {
	unsigned silent, slowest, bottleneck, loop;
	int64_t max, rise;
};

/* Routers answer late for reasons of their own; only what all later hops have too is the path's. So
 * the delay at a hop is the least of it and all later ones, and the bottleneck its largest step. */
static void find_bottleneck(const struct path *s, unsigned last, struct facts *f)
{
	int64_t least = INT64_MAX, at[PATH_TTL_MAX + 1], before = 0;
	bool heard[PATH_TTL_MAX + 1];

	for (unsigned ttl = last; ttl >= s->config.first; ttl--) {
		int64_t min = path_sum(s, ttl).min;
		heard[ttl] = min != INT64_MAX;
		least = min < least ? min : least;
		at[ttl] = least;
	}
	for (unsigned ttl = s->config.first; ttl <= last; ttl++) {
		if (!heard[ttl])
			continue;
		if (!f->bottleneck || at[ttl] - before > f->rise) {
			f->bottleneck = ttl;
			f->rise = at[ttl] - before;
		}
		before = at[ttl];
	}
}

static void find_loop(const struct path *s, unsigned last, struct facts *f)
{
	const struct path_probe *hops[PATH_TTL_MAX + 1];

	for (unsigned ttl = s->config.first; ttl <= last; ttl++)
		hops[ttl] = path_sum(s, ttl).first;
	for (unsigned a = s->config.first; a <= last && !f->loop; a++) {
		const struct path_probe *first = hops[a];
		for (unsigned b = a + 2; first && first->has_from && b <= last; b++) {
			const struct path_probe *later = hops[b];
			const struct path_probe *between = hops[b - 1];
			if (later && between && later->has_from && same(s, first, later) &&
			    !same(s, first, between) && later->answer == PATH_EXCEEDED)
				f->loop = a;
		}
	}
}

void path_put_summary(struct sonde_probe *p, const struct path *s, unsigned last)
{
	struct facts f = { 0 };
	unsigned quiet = 0;

	for (unsigned ttl = s->config.first; ttl <= last; ttl++) {
		struct path_sum u = path_sum(s, ttl);
		quiet += !u.rcv;
		if (!u.rcv)
			continue;
		f.silent += quiet;
		quiet = 0;
		if (!f.slowest || u.max > f.max) {
			f.slowest = ttl;
			f.max = u.max;
		}
	}
	find_bottleneck(s, last, &f);
	find_loop(s, last, &f);
	p->host->open(p, "summary", '{');
	put_int(p, "hops", s->reached, s->end);
	p->host->put_int(p, "silent", f.silent);
	path_put_ms(p, "maxLatency", f.slowest, (double)f.max / 1e6);
	put_int(p, "maxLatencyHop", f.slowest, f.slowest);
	put_int(p, "bottleneckHop", f.bottleneck, f.bottleneck);
	path_put_ms(p, "bottleneckLatency", f.bottleneck, (double)f.rise / 1e6);
	put_int(p, "loopHop", f.loop, f.loop);
	p->host->close(p);
}
