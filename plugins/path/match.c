/* SPDX-License-Identifier: Apache-2.0 */
/* The receiving half of the path engine: reads a socket and ends the probes that the answers are
 * of. An answer counts when it returns what only our probe had (the kernel matches ports and ids,
 * the payload a random cookie) and the probe still waits. All else is ignored. */
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>

#include "path/path.h"

enum { BURST = 64 }; /* a flood must not hold the loop */
#define SLACK_NS INT64_C(1000000)

static bool is_target(const struct path *s, const uint8_t *address)
{
	if (s->family == AF_INET)
		return !memcmp(address, &((const struct sockaddr_in *)&s->target.sa)->sin_addr, 4);
	return !memcmp(address, &((const struct sockaddr_in6 *)&s->target.sa)->sin6_addr, 16);
}

static const uint8_t *target_bytes(const struct path *s)
{
	if (s->family == AF_INET)
		return (const uint8_t *)&((const struct sockaddr_in *)&s->target.sa)->sin_addr;
	return (const uint8_t *)&((const struct sockaddr_in6 *)&s->target.sa)->sin6_addr;
}

/* The waiting probe of a sequence number, NULL when there is none. */
static struct path_probe *by_seq(struct path *s, int seq)
{
	if (seq < 1 || (unsigned)seq > s->slots * (s->config.last - s->config.first + 1))
		return NULL;
	struct path_probe *k = &s->probes[seq - 1];
	return k->status == PATH_PENDING ? k : NULL;
}

/* The oldest waiting probe of a socket with a TTL above `over`. */
static struct path_probe *oldest_of(struct path *s, const struct path_socket *so, unsigned over)
{
	for (unsigned i = s->oldest; i < s->sent; i++) {
		struct path_probe *k = &s->probes[s->order[i]];
		if (k->status == PATH_PENDING && k->socket == so && k->ttl > over)
			return k;
	}
	return NULL;
}

/* Round trip by the best pair of stamps there is. A pair that says more time than passed between
 * our own send and read, or less than none, has met a clock step and is not used. */
static void measure(struct path_probe *k)
{
	int64_t passed = k->arrived_at - k->sent_at;
	int64_t bound = passed + SLACK_NS;

	k->rtt = k->rx - k->tx;
	if (k->tx && k->rx && k->rtt >= 0 && k->rtt <= bound)
		return;
	k->user_stamp = 1;
	k->rtt = k->rx - k->user_tx;
	if (!k->rx || k->rtt < 0 || k->rtt > bound)
		k->rtt = passed;
}

static void arrive(struct sonde_probe *p, struct path_probe *k, const struct path_rx *rx,
                   enum path_answer answer, const uint8_t *from)
{
	k->status = PATH_ARRIVED;
	k->answer = answer;
	k->arrived_at = p->host->now(p);
	k->rx = rx->stamp;
	if (from)
		memcpy(k->from, from, k->socket->s.family == AF_INET ? 4 : 16);
	k->has_from = from != NULL;
}

static enum path_answer answer_of(const struct path *s, uint8_t type, uint8_t code,
                                  const uint8_t *from)
{
	bool v4 = s->family == AF_INET;
	bool exceeded = type == (v4 ? 11 : 3);
	bool port = v4 ? type == 3 && code == 3 : type == 1 && code == 4;

	if (exceeded)
		return PATH_EXCEEDED;
	return (port && s->config.protocol != PATH_ICMP) || (from && is_target(s, from))
		? PATH_TARGET : PATH_STOPPED;
}

static void take_error(struct sonde_probe *p, struct path *s, struct path_probe *k,
                       const struct path_rx *rx)
{
	const uint8_t *from = rx->has_from ? rx->from : NULL;

	arrive(p, k, rx, answer_of(s, rx->type, rx->code, from), from);
	k->type = rx->type;
	k->code = rx->code;
}

/* ICMP: echo replies, and errors where the socket is raw. */
static void take_icmp(struct sonde_probe *p, struct path_socket *so, struct path_rx *rx)
{
	struct path *s = so->path;
	bool ip_header = so->s.raw && s->family == AF_INET;
	struct sonde_icmp_msg m;

	if (!sonde_icmp_parse(s->family, ip_header, rx->data, rx->len, &m))
		return;
	if (ip_header)
		memcpy(rx->from, rx->data + 12, 4);
	rx->has_from |= ip_header;
	struct path_probe *k = by_seq(s, path_echo_seq(s->family, &m, so->s.id, s->cookie));
	if (!k)
		return;
	if (m.kind == SONDE_ICMP_REPLY) {
		if (m.len >= 4 + PATH_COOKIE && rx->has_from && is_target(s, rx->from))
			arrive(p, k, rx, PATH_TARGET, rx->from);
		return;
	}
	if (m.kind == SONDE_ICMP_OTHER || !m.dst || !is_target(s, m.dst))
		return;
	size_t at = ip_header ? (size_t)(rx->data[0] & 15) * 4 : 0;
	rx->type = m.type;
	rx->code = m.code;
	take_error(p, s, k, rx);
	k->n_labels = (uint8_t)path_labels_of_icmp(s->family, rx->data + at, rx->len - at, k->labels);
}

/* UDP: what the target says does not tell which probe made it; the nearest TTL that may have
 * reached it. */
static void take_datagram(struct sonde_probe *p, struct path_socket *so, const struct path_rx *rx)
{
	struct path *s = so->path;
	struct path_probe *k = oldest_of(s, so, s->heard);

	if (k)
		arrive(p, k, rx, PATH_TARGET, target_bytes(s));
}

static struct path_probe *quoted_icmp(struct path_socket *so, const struct path_rx *rx)
{
	struct path *s = so->path;
	struct sonde_icmp_msg m;

	if (!sonde_icmp_parse_quoted(s->family, rx->type, rx->code, rx->data, rx->len, &m) ||
	    m.kind == SONDE_ICMP_OTHER || !is_target(s, rx->to))
		return NULL;
	return by_seq(s, path_echo_seq(s->family, &m, so->s.id, s->cookie));
}

static struct path_probe *quoted_udp(struct path_socket *so, const struct path_rx *rx)
{
	struct path *s = so->path;
	int seq = path_payload_seq(rx->data, rx->len, s->cookie);

	if (seq)
		return seq > 0 ? by_seq(s, seq) : NULL;
	if (so->ttl)
		return oldest_of(s, so, 0);
	s->unsigned_quotes = true; /* the engine asks otherwise */
	return NULL;
}

/* The kernel says a lost SYN again after a second, and an answer does not tell which it is of: then
 * the first is as good as lost. */
static bool is_resent(const struct path_socket *so)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	return so->path->config.protocol == PATH_TCP &&
		!getsockopt(so->s.fd, IPPROTO_TCP, TCP_INFO, &info, &len) && info.tcpi_total_retrans;
}

static void give_up(struct sonde_probe *p, struct path_socket *so, struct path_probe *k)
{
	k->status = PATH_LOST;
	so->path->pending--;
	path_close(p, so); /* it would wake us again and again */
}

static void take_queued(struct sonde_probe *p, struct path_socket *so, const struct path_rx *rx)
{
	/* How much of the quoted datagram comes before what the kernel returns. */
	static const size_t beyond_ip[] = { [PATH_ICMP] = 0, [PATH_UDP] = 8, [PATH_TCP] = 0 };
	struct path *s = so->path;
	struct path_probe *k = so->probe;

	if (s->config.protocol == PATH_ICMP)
		k = quoted_icmp(so, rx);
	else if (s->config.protocol == PATH_UDP)
		k = quoted_udp(so, rx);
	if (!k || k->status != PATH_PENDING)
		return;
	if (is_resent(so)) {
		give_up(p, so, k);
		return;
	}
	take_error(p, s, k, rx);
	k->n_labels = (uint8_t)path_labels_of_quote(
		s->family, rx->data, rx->len, 20 + beyond_ip[s->config.protocol], rx->extension,
		k->labels);
}

static void take_stamp(struct path *s, const struct path_socket *so, const struct path_rx *rx)
{
	/* Newest first: after a rekey an old probe may bear the same key. */
	for (unsigned i = s->sent; i > 0; i--) {
		struct path_probe *k = &s->probes[s->order[i - 1]];
		if (k->socket != so || k->key != rx->key || rx->stamp < k->user_tx)
			continue;
		if (!k->tx)
			k->tx = rx->stamp;
		return;
	}
}

static bool read_data(struct sonde_probe *p, struct path_socket *so)
{
	struct path_batch b;
	struct path_rx rx;
	unsigned n = PATH_BATCH, got = 0;

	for (; n == PATH_BATCH && got < BURST; got += n) {
		n = path_read(so, 0, &b);
		for (unsigned i = 0; i < n; i++) {
			path_get(&b, 0, i, &rx);
			if (so->path->config.protocol == PATH_ICMP)
				take_icmp(p, so, &rx);
			else
				take_datagram(p, so, &rx);
		}
	}
	return got > 0;
}

static void read_errors(struct sonde_probe *p, struct path_socket *so)
{
	struct path_batch b;
	struct path_rx rx;
	unsigned n = PATH_BATCH;

	for (unsigned got = 0; n == PATH_BATCH && got < BURST; got += n) {
		n = path_read(so, MSG_ERRQUEUE, &b);
		for (unsigned i = 0; i < n; i++) {
			path_get(&b, MSG_ERRQUEUE, i, &rx);
			if (rx.kind == PATH_RX_STAMP)
				take_stamp(so->path, so, &rx);
			else if (rx.kind == PATH_RX_ERROR)
				take_queued(p, so, &rx);
		}
	}
}

/* TCP: what became of the handshake. The kernel has no stamp of it, but a measure of its own. */
static void read_handshake(struct sonde_probe *p, struct path_socket *so, struct path_probe *k)
{
	const struct path_rx none = { .kind = PATH_RX_NONE };
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info), error_len = sizeof(int);
	int error = 0;

	if (getsockopt(so->s.fd, SOL_SOCKET, SO_ERROR, &error, &error_len))
		error = errno;
	if (getsockopt(so->s.fd, IPPROTO_TCP, TCP_INFO, &info, &len) || info.tcpi_state == TCP_SYN_SENT)
		return;
	if ((error && error != ECONNREFUSED && error != ECONNRESET) || info.tcpi_total_retrans) {
		give_up(p, so, k);
		return;
	}
	arrive(p, k, &none, PATH_TARGET, target_bytes(so->path));
	if (!error && info.tcpi_rtt) {
		k->tx = k->user_tx;
		k->rx = k->user_tx + (int64_t)info.tcpi_rtt * 1000;
	}
}

static void drain_tcp(struct sonde_probe *p, struct path_socket *so)
{
	struct path_probe *k = so->probe;

	if (!k || k->status != PATH_PENDING)
		return;
	read_errors(p, so);
	if (k->status == PATH_PENDING)
		read_handshake(p, so, k);
}

/* Answers first, then the error queue, then the sums: an answer's send stamp was queued before the
 * answer was, so that by then it has been read. */
void path_drain(struct sonde_probe *p, struct path_socket *so, unsigned events)
{
	struct path *s = so->path;
	int64_t now = p->host->now(p);

	if (s->config.protocol == PATH_TCP) {
		drain_tcp(p, so);
	} else {
		bool any = events & SONDE_READABLE && read_data(p, so);
		if (any || events & SONDE_ERRQUEUE)
			read_errors(p, so);
	}
	for (unsigned i = s->oldest; i < s->sent; i++) {
		struct path_probe *k = &s->probes[s->order[i]];
		if (k->status != PATH_ARRIVED)
			continue;
		measure(k);
		path_settle(p, s, k, now);
	}
}
