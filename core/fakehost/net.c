/* SPDX-License-Identifier: Apache-2.0 */
/* Names, the guard and sockets of a fake host: names come from a list, the guard refuses a list of
 * addresses, sockets are real ones. Refuses what a real host refuses, and notes it. */
#include "fakehost/internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

bool fakehost_parse_address(const char *text, struct sonde_addr *out)
{
	struct sockaddr_in *v4 = (void *)&out->sa;
	struct sockaddr_in6 *v6 = (void *)&out->sa;

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		out->len = sizeof(*v4);
		return true;
	}
	if (inet_pton(AF_INET6, text, &v6->sin6_addr) != 1)
		return false;
	v6->sin6_family = AF_INET6;
	out->len = sizeof(*v6);
	return true;
}

static bool same_host(const struct sockaddr *a, const struct sockaddr_storage *b)
{
	if (a->sa_family != b->ss_family)
		return false;
	if (a->sa_family == AF_INET)
		return !memcmp(&((const struct sockaddr_in *)a)->sin_addr,
		               &((const struct sockaddr_in *)b)->sin_addr, 4);
	return !memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr,
	               &((const struct sockaddr_in6 *)b)->sin6_addr, 16);
}

static bool is_loopback(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)sa)->sin_addr.s_addr) >> 24 == 127;
	return sa->sa_family == AF_INET6 &&
	       IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)sa)->sin6_addr);
}

int fakehost_allowed(struct sonde_probe *p, const struct sockaddr *sa, socklen_t len)
{
	const struct fakehost *h = fakehost_of(p);

	if (h->only_loopback && !is_loopback(sa))
		return 0;
	for (unsigned i = 0; i < h->n_refused; i++)
		if (same_host(sa, &h->refused[i].addr.sa))
			return 0;
	return 1;
}

static void answer(struct fakehost *h, int64_t took)
{
	struct sonde_probe *p = &h->probe;

	h->resolving = false;
	for (unsigned i = 0; i < h->n_found; i++) {
		if (fakehost_allowed(p, (struct sockaddr *)&h->found[i].sa, h->found[i].len))
			continue;
		h->resolved(p, h->resolved_arg, SONDE_FAIL_GUARD, NULL, 0, took,
		            "the guard refuses the address");
		return;
	}
	if (h->n_found)
		h->resolved(p, h->resolved_arg, SONDE_FAIL_NONE, h->found, h->n_found, took,
		            NULL);
	else
		h->resolved(p, h->resolved_arg, SONDE_FAIL_RESOLVE, NULL, 0, took, "no such name");
}

static void answer_later(struct sonde_probe *p, void *arg)
{
	answer(fakehost_of(p), fakehost_of(p)->resolve_delay);
}

static bool knows(const struct fakehost_name *n, const struct sockaddr *server)
{
	return server ? n->server.len && same_host(server, &n->server.sa) : !n->server.len;
}

static int look_up(struct sonde_probe *p, const struct sockaddr *server, const char *name,
                   int family, sonde_resolved_fn *fn, void *arg)
{
	struct fakehost *h = fakehost_of(p);
	struct sonde_addr literal;

	if (h->resolving)
		fakehost_note(h, "two pending lookups");
	if (!(h->plug.desc.needs & SONDE_NEED_RESOLVE))
		fakehost_note(h, "resolve without SONDE_NEED_RESOLVE");
	if (h->is_done || h->resolving || !(h->plug.desc.needs & SONDE_NEED_RESOLVE))
		return -1;
	h->resolved = fn;
	h->resolved_arg = arg;
	h->resolving = true;
	h->n_found = 0;
	if (fakehost_parse_address(name, &literal)) {
		if (family == AF_UNSPEC || family == literal.sa.ss_family)
			h->found[h->n_found++] = literal;
		answer(h, 0);
		return 0;
	}
	for (unsigned i = 0; i < h->n_names; i++)
		if (!strcasecmp(name, h->names[i].name) && knows(&h->names[i], server) &&
		    (family == AF_UNSPEC || family == h->names[i].addr.sa.ss_family))
			h->found[h->n_found++] = h->names[i].addr;
	return fakehost_timer_start(p, h->resolve_delay, answer_later, NULL) ? 0 : -1;
}

int fakehost_resolve(struct sonde_probe *p, const char *name, int family, sonde_resolved_fn *fn,
                     void *arg)
{
	return look_up(p, NULL, name, family, fn, arg);
}

int fakehost_resolve_by(struct sonde_probe *p, const struct sockaddr *server, socklen_t len,
                        const char *name, int family, sonde_resolved_fn *fn, void *arg)
{
	if (!fakehost_allowed(p, server, len))
		fakehost_note(fakehost_of(p), "resolve_by with a server that the guard refuses");
	return look_up(p, server, name, family, fn, arg);
}

struct reverse {
	sonde_named_fn *fn;
	void *arg;
	const char *name;
};

static void tell_name(struct sonde_probe *p, void *arg)
{
	struct reverse *r = arg;

	fakehost_of(p)->reversing--;
	r->fn(p, r->arg, r->name);
}

/* Without a delay before this returns, which a real host does with a name it has kept. */
int fakehost_reverse(struct sonde_probe *p, const struct sockaddr *sa, socklen_t len,
                     sonde_named_fn *fn, void *arg)
{
	struct fakehost *h = fakehost_of(p);
	struct reverse *r = NULL;

	if (!(h->plug.desc.needs & SONDE_NEED_RESOLVE))
		fakehost_note(h, "reverse without SONDE_NEED_RESOLVE");
	if (!h->is_done && h->plug.desc.needs & SONDE_NEED_RESOLVE &&
	    h->reversing < SONDE_REVERSE_MAX)
		r = sonde_pool_alloc(&h->pool, sizeof(*r));
	if (!r)
		return -1;
	*r = (struct reverse){ .fn = fn, .arg = arg };
	for (unsigned i = 0; i < h->n_reverse; i++)
		if (same_host(sa, &h->reverse[i].addr.sa))
			r->name = h->reverse[i].name;
	h->reversing++;
	if (!h->resolve_delay) {
		tell_name(p, r);
		return 0;
	}
	if (fakehost_timer_start(p, h->resolve_delay, tell_name, r))
		return 0;
	h->reversing--;
	return -1;
}

int fakehost_socket(struct sonde_probe *p, int domain, int type, int protocol, int *is_raw)
{
	struct fakehost *h = fakehost_of(p);
	int raw = 0;

	if (h->is_done)
		return -ECANCELED;
	if (!sonde_plug_may_open(h->plug.desc.needs, domain, type, protocol))
		fakehost_note(h, "a socket of a kind that `needs` does not declare");
	int fd = sonde_plug_socket(h->plug.desc.needs, h->icmp, domain, type, protocol, &raw);
	if (fd < 0)
		return fd;
	if (is_raw)
		*is_raw = raw;
	if (h->on_socket)
		h->on_socket(h->on_socket_arg, fd, raw);
	return fd;
}
