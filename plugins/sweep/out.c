/* SPDX-License-Identifier: Apache-2.0 */
/* Sending of a sweep: a batch of prebuilt requests, in which only the sequence number, the index
 * of the target and the checksum change, goes out with one sendmmsg. A request's payload is the
 * sweep's random cookie, the index, and the round. The memory is the probe's. */
#include "sweep/sweep.h"

#include <errno.h>
#include <string.h>

enum { AT_CHECK = 2, AT_SEQ = 6, AT_COOKIE = 8, AT_INDEX = 16, AT_ROUND = 20 };

struct packet_slot {
	struct sockaddr_in6 to; /* or a sockaddr_in */
	uint32_t index;
};

struct sweep_out {
	struct mmsghdr *msgs;
	struct iovec *iov;
	struct packet_slot *slot;
	uint8_t *bytes;   /* SWEEP_BATCH requests */
	size_t len;       /* of one */
	int family;       /* the requests are built for */
	uint32_t base_sum;
};

/* Build all requests of the batch for a family; what changes later is zero here. */
static void build(struct sonde_probe *p, int family)
{
	struct sweep_state *s = p->state;
	struct sweep_out *o = s->out;
	uint8_t cookie[SONDE_ICMP_COOKIE] = { 0 };

	memcpy(cookie, &s->cookie, sizeof(s->cookie));
	o->family = family;
	for (unsigned i = 0; i < SWEEP_BATCH; i++) {
		uint8_t *bytes = o->bytes + i * o->len;
		sonde_icmp_build(family, bytes, sweep_lane_of(s, family)->socket.id, 0, cookie,
		                 o->len - SONDE_ICMP_HEADER);
		memset(bytes + AT_CHECK, 0, 2);
		memset(&o->slot[i].to, 0, sizeof(o->slot[i].to));
		o->slot[i].to.sin6_family = (sa_family_t)family;
		o->msgs[i].msg_hdr.msg_namelen = family == AF_INET ? sizeof(struct sockaddr_in)
		                                                   : sizeof(struct sockaddr_in6);
	}
	o->base_sum = sonde_icmp_sum(0, o->bytes, o->len);
}

int sweep_out_init(struct sonde_probe *p)
{
	struct sweep_state *s = p->state;
	const struct sweep_args *a = p->args;
	struct sweep_out *o = p->host->alloc(p, sizeof(*o));

	if (!o)
		return -1;
	s->out = o;
	o->len = SONDE_ICMP_HEADER + (size_t)a->size;
	o->msgs = p->host->alloc(p, SWEEP_BATCH * sizeof(*o->msgs));
	o->iov = p->host->alloc(p, SWEEP_BATCH * sizeof(*o->iov));
	o->slot = p->host->alloc(p, SWEEP_BATCH * sizeof(*o->slot));
	o->bytes = p->host->alloc(p, SWEEP_BATCH * o->len);
	if (!o->msgs || !o->iov || !o->slot || !o->bytes)
		return -1;
	for (unsigned i = 0; i < SWEEP_BATCH; i++) {
		o->iov[i] = (struct iovec){ o->bytes + i * o->len, o->len };
		o->msgs[i].msg_hdr.msg_iov = &o->iov[i];
		o->msgs[i].msg_hdr.msg_iovlen = 1;
		o->msgs[i].msg_hdr.msg_name = &o->slot[i].to;
	}
	return 0;
}

static void aim(struct sweep_state *s, unsigned slot, const struct sweep_range *r, uint32_t index)
{
	struct sweep_out *o = s->out;
	uint8_t *bytes = o->bytes + slot * o->len;
	uint16_t seq = htons((uint16_t)index);
	uint32_t sum = o->base_sum + seq + (index & 0xffff) + (index >> 16) + s->round;

	o->slot[slot].index = index;
	if (r->family == AF_INET)
		sweep_address(r, index, (uint8_t *)&((struct sockaddr_in *)&o->slot[slot].to)->sin_addr);
	else
		sweep_address(r, index, (uint8_t *)&o->slot[slot].to.sin6_addr);
	memcpy(bytes + AT_SEQ, &seq, sizeof(seq));
	memcpy(bytes + AT_INDEX, &index, sizeof(index));
	memcpy(bytes + AT_ROUND, &s->round, sizeof(s->round));
	uint16_t check = sonde_icmp_fold(sum);
	memcpy(bytes + AT_CHECK, &check, sizeof(check));
}

/* Fill the batch from s->next on with targets of one family; next is moved by the caller. */
static unsigned fill(struct sonde_probe *p, unsigned most, struct sweep_lane **lane)
{
	struct sweep_state *s = p->state;
	unsigned n = 0;

	for (uint32_t i = s->next; i < s->set.n_targets && n < most; i++) {
		if (s->rtt[i] && s->round)
			continue;
		const struct sweep_range *r = sweep_set_find(&s->set, i, &s->near);
		if (n && r->family != s->out->family)
			break;
		if (r->family != s->out->family)
			build(p, r->family);
		*lane = sweep_lane_of(s, r->family);
		aim(s, n++, r, i);
	}
	return n;
}

static void note_sent(struct sweep_state *s, struct sweep_lane *lane, unsigned n, int64_t wall)
{
	for (unsigned i = 0; i < n; i++) {
		uint32_t index = s->out->slot[i].index;
		lane->keys[lane->socket.next_key++ % SWEEP_KEYS] = index;
		s->tx[index] = wall | 1;
	}
	s->pending += n;
	s->packets += n;
}

/* The first target of the batch could not be sent to. */
static unsigned failed(struct sweep_state *s, struct sweep_lane *lane, int error)
{
	sonde_icmp_rekey(&lane->socket);
	if (error == EAGAIN || error == ENOBUFS || error == EINTR || error == ENOMEM)
		return 0;
	s->rtt[s->out->slot[0].index] = SWEEP_RTT_UNSENT;
	s->next = s->out->slot[0].index + 1;
	return 1;
}

unsigned sweep_out_send(struct sonde_probe *p, unsigned most)
{
	struct sweep_state *s = p->state;
	struct sweep_lane *lane = NULL;
	unsigned n = fill(p, most < SWEEP_BATCH ? most : SWEEP_BATCH, &lane);

	if (!n) {
		s->next = s->set.n_targets;
		return 0;
	}
	int64_t wall = sonde_icmp_wall_ns();
	int sent = sendmmsg(lane->socket.fd, s->out->msgs, n, 0);
	if (sent <= 0)
		return failed(s, lane, errno);
	note_sent(s, lane, (unsigned)sent, wall);
	s->next = s->out->slot[sent - 1].index + 1;
	return (unsigned)sent;
}

uint32_t sweep_out_match(const struct sweep_state *s, const struct sonde_icmp_msg *m)
{
	const uint8_t *request = m->data - SONDE_ICMP_HEADER;
	uint32_t index;
	uint16_t round;

	if (m->len < SONDE_ICMP_COOKIE || memcmp(request + AT_COOKIE, &s->cookie, sizeof(s->cookie)))
		return UINT32_MAX;
	memcpy(&index, request + AT_INDEX, sizeof(index));
	memcpy(&round, request + AT_ROUND, sizeof(round));
	return index < s->set.n_targets && round == s->round && m->seq == (uint16_t)index
		? index : UINT32_MAX;
}
