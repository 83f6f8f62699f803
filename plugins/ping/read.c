/* SPDX-License-Identifier: Apache-2.0 */
/* The receiving half of the ping plugin: reads replies and the error queue and ends the requests
 * they are about. A reply counts when it comes from the target and returns id, sequence number and
 * cookie; an ICMP error when it quotes a request of ours to the target. All else is ignored. */
#include "ping/ping.h"

#include <arpa/inet.h>
#include <string.h>

#define SLACK_NS INT64_C(1000000) /* of the two clocks' readings against each other */

static size_t cookie_len(const struct sonde_probe *p)
{
	int64_t size = ping_args_of(p)->size;
	return size < SONDE_ICMP_COOKIE ? (size_t)size : SONDE_ICMP_COOKIE;
}

void ping_cookie_of(const struct ping_state *s, unsigned seq, uint8_t out[SONDE_ICMP_COOKIE])
{
	memcpy(out, s->cookie, SONDE_ICMP_COOKIE);
	out[0] ^= seq >> 8;
	out[1] ^= seq & 255;
}

static bool is_target(const struct ping_state *s, const uint8_t *address)
{
	if (!address)
		return false;
	if (s->socket.family == AF_INET)
		return !memcmp(address, &((const struct sockaddr_in *)&s->target.sa)->sin_addr, 4);
	return !memcmp(address, &((const struct sockaddr_in6 *)&s->target.sa)->sin6_addr, 16);
}

static struct ping_packet *match(struct sonde_probe *p, const struct sonde_icmp_msg *m, size_t need)
{
	struct ping_state *s = p->state;
	uint8_t cookie[SONDE_ICMP_COOKIE];

	if (m->id != s->socket.id || m->seq == 0 || m->seq > s->sent || m->len < need)
		return NULL;
	ping_cookie_of(s, m->seq, cookie);
	return memcmp(m->data, cookie, need) ? NULL : &s->packets[m->seq - 1];
}

/* Round trip by the best pair of stamps there is. A pair that says more time than passed between
 * our own send and read, or less than none, has met a clock step and is not used. */
static void measure(struct ping_packet *k, int64_t now)
{
	int64_t bound = now - k->sent_at + SLACK_NS;

	k->rtt = k->rx - k->tx;
	if (k->tx && k->rx && k->tx >= k->user_tx && k->rtt >= 0 && k->rtt <= bound)
		return;
	k->user_stamp = 1;
	k->rtt = k->rx - k->user_tx;
	if (!k->rx || k->rtt < 0 || k->rtt > bound)
		k->rtt = now - k->sent_at;
}

static void take_duplicate(struct sonde_probe *p, unsigned seq, const struct ping_packet *first,
                           const struct sonde_icmp_rx *rx, int ttl)
{
	struct ping_state *s = p->state;
	struct ping_packet copy = *first;

	copy.rx = rx->stamp;
	copy.ttl = (int16_t)ttl;
	measure(&copy, p->host->now(p));
	ping_print_reply(p, seq, &copy, 1);
	if (s->n_duplicates < PING_MAX_DUPLICATES)
		s->duplicates[s->n_duplicates] =
			(struct ping_duplicate){ (uint16_t)seq, copy.ttl, copy.rtt };
	s->n_duplicates++;
}

static void take_reply(struct sonde_probe *p, const struct sonde_icmp_msg *m,
                       const struct sonde_icmp_rx *rx)
{
	struct ping_state *s = p->state;
	struct ping_packet *k = match(p, m, cookie_len(p));
	int ttl = m->ttl >= 0 ? m->ttl : rx->ttl;

	if (!k || !is_target(s, rx->from))
		return;
	if (k->status == PING_REPLY || k->status == PING_ARRIVED) {
		take_duplicate(p, m->seq, k, rx, ttl);
		return;
	}
	if (k->status != PING_PENDING)
		return;
	k->status = PING_ARRIVED;
	k->ttl = (int16_t)ttl;
	k->rx = rx->stamp;
	k->arrived_at = p->host->now(p);
	k->bytes = (uint32_t)(rx->full - (size_t)(m->data - SONDE_ICMP_HEADER - rx->data));
}

static void take_error(struct sonde_probe *p, const struct sonde_icmp_msg *m,
                       const uint8_t *from)
{
	struct ping_state *s = p->state;
	size_t need = cookie_len(p);
	/* Old routers quote the echo header and nothing after it. */
	struct ping_packet *k = match(p, m, m->len < need ? m->len : need);
	char text[PING_ADDRESS_TEXT] = "?";

	if (!k || k->status != PING_PENDING)
		return;
	k->status = PING_ERROR;
	k->note = sonde_icmp_phrase(s->socket.family, m->type, m->code);
	if (from)
		inet_ntop(s->socket.family, from, text, sizeof(text));
	if (m->kind == SONDE_ICMP_UNREACHABLE) {
		s->unreachable = k->note;
		memcpy(s->says, text, sizeof(text));
	}
	ping_print_error(p, m->seq, text, k->note);
}

static unsigned read_replies(struct sonde_probe *p)
{
	struct ping_state *s = p->state;
	unsigned n = sonde_icmp_recv(&s->socket, s->batch);
	bool ip_header = s->socket.raw && s->socket.family == AF_INET;

	for (unsigned i = 0; i < n; i++) {
		struct sonde_icmp_rx rx;
		struct sonde_icmp_msg m;
		sonde_icmp_get(s->batch, i, &rx);
		if (!sonde_icmp_parse(s->socket.family, ip_header, rx.data, rx.len, &m))
			continue;
		if (m.kind == SONDE_ICMP_REPLY)
			take_reply(p, &m, &rx);
		else if (is_target(s, m.dst))
			take_error(p, &m, rx.from);
	}
	return n;
}

static void take_stamp(struct ping_state *s, const struct sonde_icmp_err *e)
{
	/* Newest first: after a rekey an old packet may bear the same key. */
	for (unsigned i = s->sent; i > 0; i--) {
		struct ping_packet *k = &s->packets[i - 1];
		if (k->key == e->key && k->user_tx) {
			if (!k->tx && e->stamp >= k->user_tx)
				k->tx = e->stamp;
			return;
		}
	}
}

static unsigned read_errors(struct sonde_probe *p)
{
	struct ping_state *s = p->state;
	unsigned n = sonde_icmp_recv_errors(&s->socket, s->batch);

	for (unsigned i = 0; i < n; i++) {
		struct sonde_icmp_err e;
		struct sonde_icmp_msg m;
		if (!sonde_icmp_get_error(s->batch, i, &e))
			continue;
		if (e.is_stamp)
			take_stamp(s, &e);
		else if (sonde_icmp_parse_quoted(s->socket.family, e.type, e.code, e.data, e.len,
		                                 &m) &&
		         is_target(s, e.to))
			take_error(p, &m, e.from);
	}
	return n;
}

void ping_drain(struct sonde_probe *p)
{
	struct ping_state *s = p->state;
	unsigned rounds = 0;
	bool more;

	do {
		more = read_replies(p) == PING_BATCH;
		more |= read_errors(p) == PING_BATCH;
		for (unsigned i = s->oldest; i < s->sent; i++) {
			struct ping_packet *k = &s->packets[i];
			if (k->status != PING_ARRIVED)
				continue;
			k->status = PING_REPLY;
			measure(k, k->arrived_at);
			ping_print_reply(p, i + 1, k, 0);
		}
	} while (more && ++rounds < 16); /* a flood must not hold the loop */
}
