/* SPDX-License-Identifier: Apache-2.0 */
/* The first and the last steps of a path: from the target's name to the table and the main socket,
 * and the end by cancel() and finish(). */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "path/path.h"

static int take_memory(struct sonde_probe *p, struct path *s)
{
	const struct path_config *c = &s->config;
	unsigned n;
	uint64_t r = p->host->random(p);

	memcpy(s->cookie, &r, sizeof(s->cookie));
	s->slots = path_in_rounds(s) ? c->queries : 2 * c->queries;
	n = s->slots * (c->last - c->first + 1);
	if (n > UINT16_MAX - 1)
		return -1;
	s->order = p->host->alloc(p, n * sizeof(*s->order));
	s->probes = s->order ? p->host->alloc(p, n * sizeof(*s->probes)) : NULL;
	return s->probes ? path_names_init(p, s) : -1;
}

static void choose(struct path *s, const struct sonde_addr *addrs, unsigned count)
{
	const struct sonde_addr *best = &addrs[0];

	for (unsigned i = 0; i < count && best->sa.ss_family != AF_INET; i++)
		if (addrs[i].sa.ss_family == AF_INET)
			best = &addrs[i];
	s->target = *best;
	s->family = best->sa.ss_family;
	if (s->family == AF_INET)
		inet_ntop(AF_INET, &((struct sockaddr_in *)&s->target.sa)->sin_addr, s->address,
		          sizeof(s->address));
	else
		inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&s->target.sa)->sin6_addr, s->address,
		          sizeof(s->address));
}

static void resolved(struct sonde_probe *p, void *arg, enum sonde_failure failure,
                     const struct sonde_addr *addrs, unsigned count, int64_t took_ns,
                     const char *why)
{
	struct path *s = arg;

	if (s->is_over)
		return;
	if (failure || !count) {
		path_end_with(p, s, failure ? failure : SONDE_FAIL_RESOLVE,
		         why ? why : "the name has no address");
		return;
	}
	choose(s, addrs, count);
	if (take_memory(p, s)) {
		path_end_with(p, s, SONDE_FAIL_OVERLOAD, "the probe's memory limit is too small");
		return;
	}
	int error = path_open_main(p, s);
	if (error) {
		path_send_failed(s, error);
		path_conclude(p, s);
		return;
	}
	s->cursor = s->config.first;
	s->round_at = s->due = p->host->now(p) + SONDE_ICMP_SETTLE_NS;
	path_arm(p, s, p->host->now(p));
}

static void begin(struct sonde_probe *p, void *arg)
{
	static const int families[] = { AF_UNSPEC, AF_INET, AF_INET6 };
	struct path *s = arg;

	s->timer = NULL;
	if (p->host->resolve(p, p->target,
	                     families[p->ip_version == 4 ? 1 : p->ip_version == 6 ? 2 : 0], resolved, s))
		path_end_with(p, s, SONDE_FAIL_INTERNAL, "the lookup could not be started");
}

int path_start(struct sonde_probe *p, struct path *s, const struct path_config *c,
               path_over_fn *over)
{
	s->config = *c;
	s->over = over;
	s->main.s.fd = -1;
	s->timer = p->host->timer_start(p, 0, begin, s);
	return s->timer ? 0 : -1;
}

void path_cancel(struct sonde_probe *p, struct path *s, enum sonde_why why)
{
	if (s->naming)
		path_names_over(p, s); /* the path is known */
	else if (why == SONDE_WHY_TIMEOUT)
		path_end_with(p, s, s->address[0] ? SONDE_FAIL_TIMEOUT : SONDE_FAIL_RESOLVE,
		         s->address[0] ? "the time for the measurement was over"
		                       : "the name was not resolved in time");
	else
		path_end_with(p, s, SONDE_FAIL_CANCELLED, why == SONDE_WHY_SHUTDOWN
		         ? "the node shut down" : "the measurement was cancelled");
}

void path_close_all(struct sonde_probe *p, struct path *s)
{
	while (s->sockets)
		path_close(p, s->sockets);
	s->main.path = s;
	path_close(p, &s->main);
}

void path_finish(struct sonde_probe *p, struct path *s)
{
	if (s->timer)
		p->host->timer_stop(p, s->timer);
	path_close_all(p, s);
}
