/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets a connection: so many in all, so many from one address (IPv6: one /64, which is what one
 * customer has). Refuses at accept, with a 503 where the peer can read it, so that a full house
 * still has a descriptor for each of its own files. Owns the counts of the addresses; one goes with
 * its last connection. */
#include "net/private.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"

enum { KEY_BYTES = 16, PREFIX_BYTES = 8, TELL_EVERY_S = 60 };

struct address {
	unsigned char key[KEY_BYTES];
	unsigned count;
};

static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

static void key_of(const struct sockaddr_storage *sa, unsigned char key[KEY_BYTES])
{
	memset(key, 0, KEY_BYTES);
	if (sa->ss_family == AF_INET) {
		memcpy(key, mapped, sizeof(mapped));
		memcpy(key + 12, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
	} else if (sa->ss_family == AF_INET6) {
		const struct in6_addr *a = &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
		bool whole = !memcmp(a, mapped, sizeof(mapped)) || IN6_IS_ADDR_LOOPBACK(a);
		memcpy(key, a, whole ? KEY_BYTES : PREFIX_BYTES);
	}
}

static bool is_loopback(const unsigned char key[KEY_BYTES])
{
	static const struct in6_addr one = IN6ADDR_LOOPBACK_INIT;

	return (!memcmp(key, mapped, sizeof(mapped)) && key[12] == 127) || !memcmp(key, &one, KEY_BYTES);
}

static struct address *address_of(struct sonde_net *net, const unsigned char key[KEY_BYTES])
{
	struct address *a = sonde_map_get(&net->addresses, key, KEY_BYTES);

	if (a)
		return a;
	a = calloc(1, sizeof(*a));
	if (!a)
		return NULL;
	memcpy(a->key, key, KEY_BYTES);
	if (sonde_map_put(&net->addresses, key, KEY_BYTES, a) == SONDE_OK)
		return a;
	free(a);
	return NULL;
}

static void release(struct sonde_net *net, struct address *a)
{
	net->counts.open--;
	if (--a->count)
		return;
	sonde_map_take(&net->addresses, a->key, KEY_BYTES);
	free(a);
}

/* What the peer sent already is read away: closing over it would reset the answer away too. */
static int send_away(struct listener *l, int fd, int64_t *told_ns, const char *why)
{
	static const char text[] =
		"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 10\r\nConnection: close\r\n"
		"Content-Type: application/json\r\nContent-Length: 82\r\n\r\n"
		"{\"error\":{\"type\":\"service_unavailable\",\"message\":\"too many connections are open\"}}";
	int64_t now = sonde_boottime_ns();
	char bin[4096];

	if (!l->tls && send(fd, text, sizeof(text) - 1, MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
		shutdown(fd, SHUT_WR);
		while (recv(fd, bin, sizeof(bin), MSG_DONTWAIT) == (ssize_t)sizeof(bin))
			;
	}
	if (!*told_ns || now - *told_ns > TELL_EVERY_S * SONDE_NS_PER_S) {
		*told_ns = now;
		sonde_log(SONDE_LOG_WARN, "net", "connections are refused: %s", why);
	}
	return -1;
}

bool admit_upgrade(const struct sonde_net *net)
{
	unsigned max = net->options.max_conns;

	return !max || net->counts.open + net->upgraded < max;
}

int admit_arrival(struct listener *l, const struct lws_filter_network_conn_args *came)
{
	struct sonde_net *net = l->net;
	const struct sonde_net_options *o = &net->options;
	unsigned char key[KEY_BYTES];

	if (net->arriving) { /* the one before failed before it was made */
		release(net, net->arriving);
		net->arriving = NULL;
	}
	if (!admit_upgrade(net)) {
		net->counts.refused_full++;
		return send_away(l, came->accept_fd, &net->full_told_ns, "as many as are allowed are open");
	}
	key_of(&came->cli_addr, key);
	struct address *a = address_of(net, key);
	if (!a)
		return -1;
	if (o->max_per_address && a->count >= o->max_per_address &&
	    !(o->spare_loopback && is_loopback(key))) {
		net->counts.refused_address++;
		return send_away(l, came->accept_fd, &net->address_told_ns, "one address has as many as it may have");
	}
	a->count++;
	net->counts.open++;
	net->arriving = a;
	return 0;
}

void admit_made(struct sonde_req *s)
{
	s->from = s->net->arriving;
	s->net->arriving = NULL;
}

void admit_gone(struct sonde_req *s, struct sonde_net *net)
{
	if (s->from)
		release(net, s->from);
	s->from = NULL;
}

void admit_deinit(struct sonde_net *net)
{
	struct address *a;

	for (size_t at = 0; (a = sonde_map_next(&net->addresses, &at));)
		free(a);
	sonde_map_deinit(&net->addresses);
}

const struct sonde_net_counts *sonde_net_counts(const struct sonde_net *net)
{
	return &net->counts;
}
