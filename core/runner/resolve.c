/* SPDX-License-Identifier: Apache-2.0 */
/* Lookups. c-ares cannot take back one query, so that a stopped lookup stays until its answer
 * comes and is freed then; answers are always given from an alarm, never from inside c-ares,
 * because a callback may start or stop lookups. Refuses names and addresses that the guard
 * refuses. */
#include "runner/resolve.h"

#include <ares.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/log.h"

enum { ADDRS_MAX = 16, TIMEOUT_MS = 1500, TRIES = 3, WHY_BYTES = 400 };

struct dns_watch {
	struct sonde_fdwatch watch;
	struct sonde_resolver *resolver;
	TAILQ_ENTRY(dns_watch) link;
};

struct sonde_resolver {
	struct sonde_poller *poller;
	const struct sonde_guard *guard;
	ares_channel channel;
	struct sonde_alarm alarm;
	TAILQ_HEAD(, dns_watch) watches;
};

struct sonde_lookup {
	struct sonde_alarm answer;
	struct sonde_resolver *resolver;
	struct sonde_resolver *own; /* NULL, or `resolver`, made for this lookup alone */
	sonde_looked_fn *fn; /* NULL: stopped */
	void *arg;
	int family;
	int64_t started, took;
	bool asked; /* c-ares holds a pointer to this */
	enum sonde_failure failure;
	unsigned count;
	struct sonde_addr addrs[ADDRS_MAX];
	char why[WHY_BYTES], name[256];
};

static struct sonde_resolver *resolver_of(struct sonde_alarm *a)
{
	return (struct sonde_resolver *)((char *)a - offsetof(struct sonde_resolver, alarm));
}

static void set_alarm(struct sonde_resolver *r);

static void on_alarm(struct sonde_alarm *a)
{
	struct sonde_resolver *r = resolver_of(a);

	ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	set_alarm(r);
}

static void set_alarm(struct sonde_resolver *r)
{
	struct timeval tv;

	if (!ares_timeout(r->channel, NULL, &tv)) {
		sonde_poller_disarm(r->poller, &r->alarm);
		return;
	}
	int64_t in = tv.tv_sec * SONDE_NS_PER_S + tv.tv_usec * INT64_C(1000);
	if (sonde_poller_alarm(r->poller, &r->alarm, sonde_boottime_ns() + in, on_alarm))
		sonde_log(SONDE_LOG_ERROR, "resolve", "out of memory");
}

static void on_socket(struct sonde_fdwatch *w, unsigned events)
{
	struct dns_watch *d = (struct dns_watch *)w;
	struct sonde_resolver *r = d->resolver;
	int fd = w->fd;

	/* d may be gone after this. */
	ares_process_fd(r->channel, events & SONDE_READABLE ? fd : ARES_SOCKET_BAD,
	                events & SONDE_WRITABLE ? fd : ARES_SOCKET_BAD);
	set_alarm(r);
}

static struct dns_watch *find_watch(struct sonde_resolver *r, int fd)
{
	struct dns_watch *d;

	TAILQ_FOREACH(d, &r->watches, link)
		if (d->watch.fd == fd)
			return d;
	return NULL;
}

static void on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct sonde_resolver *r = arg;
	struct dns_watch *d = find_watch(r, fd);
	unsigned events = (readable ? SONDE_READABLE : 0) | (writable ? SONDE_WRITABLE : 0);

	if (d && events) {
		sonde_poller_change(r->poller, &d->watch, events);
	} else if (d) {
		sonde_poller_unwatch(r->poller, &d->watch);
		TAILQ_REMOVE(&r->watches, d, link);
		free(d);
	} else if (events) {
		d = calloc(1, sizeof(*d));
		if (!d || sonde_poller_watch(r->poller, &d->watch, fd, events, on_socket)) {
			free(d); /* the query times out */
			return;
		}
		d->resolver = r;
		TAILQ_INSERT_HEAD(&r->watches, d, link);
	}
}

/* lookups: files and name servers in their order, as ares_init_options takes it. */
static int make_resolver(struct sonde_poller *poller, const struct sonde_guard *guard,
                         const char *servers, const char *lookups, struct sonde_resolver **out,
                         struct sonde_error *e)
{
	struct sonde_resolver *r = calloc(1, sizeof(*r));
	struct ares_options options = {
		.flags = ARES_FLAG_NOSEARCH,
		.timeout = TIMEOUT_MS,
		.tries = TRIES,
		.lookups = (char *)lookups,
		.sock_state_cb = on_socket_state,
		.sock_state_cb_data = r,
	};
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
	           ARES_OPT_SOCK_STATE_CB;

	if (!r)
		return sonde_fail(e, SONDE_ENOMEM, NULL, "out of memory");
	r->poller = poller;
	r->guard = guard;
	TAILQ_INIT(&r->watches);
	int rc = ares_library_init(ARES_LIB_INIT_ALL);
	if (!rc)
		rc = ares_init_options(&r->channel, &options, mask);
	if (!rc && servers && *servers) {
		rc = ares_set_servers_ports_csv(r->channel, servers);
		if (rc)
			ares_destroy(r->channel);
	}
	if (rc) {
		free(r);
		return sonde_fail(e, SONDE_EIO, NULL, "the resolver: %s", ares_strerror(rc));
	}
	*out = r;
	return SONDE_OK;
}

int sonde_resolver_new(struct sonde_poller *poller, const struct sonde_guard *guard,
                       const char *servers, struct sonde_resolver **out,
                       struct sonde_error *e)
{
	return make_resolver(poller, guard, servers, "fb", out, e);
}

void sonde_resolver_free(struct sonde_resolver *r)
{
	if (!r)
		return;
	ares_destroy(r->channel); /* answers what is pending with ARES_EDESTRUCTION */
	ares_library_cleanup();
	sonde_poller_disarm(r->poller, &r->alarm);
	while (!TAILQ_EMPTY(&r->watches)) {
		struct dns_watch *d = TAILQ_FIRST(&r->watches);
		sonde_poller_unwatch(r->poller, &d->watch);
		TAILQ_REMOVE(&r->watches, d, link);
		free(d);
	}
	free(r);
}

static const char *family_name(int family)
{
	return family == AF_INET ? "IPv4" : family == AF_INET6 ? "IPv6" : "IP";
}

static const void *raw_address(const struct sockaddr *sa)
{
	return sa->sa_family == AF_INET ? (const void *)&((const struct sockaddr_in *)sa)->sin_addr
	                                : (const void *)&((const struct sockaddr_in6 *)sa)->sin6_addr;
}

/* Adds the address when the guard allows it, otherwise notes the refusal. */
static void take_addr(struct sonde_lookup *l, const struct sockaddr *sa, socklen_t len)
{
	if (l->count == ADDRS_MAX || len > sizeof(l->addrs[0].sa))
		return;
	if (sonde_guard_allows(l->resolver->guard, sa, len)) {
		memcpy(&l->addrs[l->count].sa, sa, len);
		l->addrs[l->count++].len = len;
		return;
	}
	if (l->failure)
		return;
	char text[INET6_ADDRSTRLEN] = "?";
	inet_ntop(sa->sa_family, raw_address(sa), text, sizeof(text));
	l->failure = SONDE_FAIL_GUARD;
	if (strcmp(text, l->name))
		snprintf(l->why, sizeof(l->why), "%s is %s, which may not be probed from here",
		         l->name, text);
	else
		snprintf(l->why, sizeof(l->why), "%s may not be probed from here", text);
}

static void settle(struct sonde_lookup *l)
{
	if (l->count) {
		l->failure = SONDE_FAIL_NONE;
		l->why[0] = '\0';
	} else if (!l->failure) {
		l->failure = SONDE_FAIL_RESOLVE;
		snprintf(l->why, sizeof(l->why), "%s has no %s address", l->name,
		         family_name(l->family));
	}
}

static void free_lookup(struct sonde_lookup *l)
{
	sonde_resolver_free(l->own);
	free(l);
}

static void give_answer(struct sonde_alarm *a)
{
	struct sonde_lookup *l = (struct sonde_lookup *)a;

	if (l->fn)
		l->fn(l->arg, l->failure, l->addrs, l->count, l->took, l->why);
	free_lookup(l);
}

static void answer_soon(struct sonde_lookup *l)
{
	settle(l);
	sonde_poller_alarm(l->resolver->poller, &l->answer, 0, give_answer);
}

static void drop(struct sonde_lookup *l)
{
	sonde_poller_disarm(l->resolver->poller, &l->answer);
	free_lookup(l);
}

static void explain(struct sonde_lookup *l, int status)
{
	l->failure = SONDE_FAIL_RESOLVE;
	if (status == ARES_ENOTFOUND)
		snprintf(l->why, sizeof(l->why), "%s does not exist", l->name);
	else if (status == ARES_ENODATA)
		snprintf(l->why, sizeof(l->why), "%s has no %s address", l->name,
		         family_name(l->family));
	else if (status == ARES_ETIMEOUT)
		snprintf(l->why, sizeof(l->why), "no name server answered for %s", l->name);
	else
		snprintf(l->why, sizeof(l->why), "%s could not be resolved: %s", l->name,
		         ares_strerror(status));
}

static void on_addrinfo(void *arg, int status, int timeouts, struct ares_addrinfo *result)
{
	struct sonde_lookup *l = arg;

	l->asked = false;
	if (status == ARES_EDESTRUCTION || !l->fn) {
		ares_freeaddrinfo(result);
		if (!l->own) /* whose stop frees both */
			drop(l);
		return;
	}
	l->took = sonde_boottime_ns() - l->started;
	if (status != ARES_SUCCESS)
		explain(l, status);
	for (struct ares_addrinfo_node *n = result ? result->nodes : NULL; n; n = n->ai_next)
		take_addr(l, n->ai_addr, n->ai_addrlen);
	ares_freeaddrinfo(result);
	answer_soon(l);
}

static void answer_literal(struct sonde_lookup *l, const struct sonde_target *t)
{
	bool wrong = l->family != AF_UNSPEC && l->family != t->sa.ss_family;

	if (wrong) {
		l->failure = SONDE_FAIL_RESOLVE;
		snprintf(l->why, sizeof(l->why), "%s is not an %s address", l->name,
		         family_name(l->family));
	} else {
		take_addr(l, (const struct sockaddr *)&t->sa, t->len);
	}
	settle(l);
	give_answer(&l->answer);
}

static void ask(struct sonde_lookup *l)
{
	struct ares_addrinfo_hints hints = { .ai_family = l->family, .ai_socktype = SOCK_STREAM };

	l->started = sonde_boottime_ns();
	l->asked = true;
	struct sonde_resolver *r = l->resolver;
	ares_getaddrinfo(r->channel, l->name, NULL, &hints, on_addrinfo, l);
	set_alarm(r);
}

/* From here on *out, or the answer, is on its way; a lookup that could not be made is freed. */
static int begin(struct sonde_lookup *l, const char *name, struct sonde_lookup **out)
{
	struct sonde_resolver *r = l->resolver;
	struct sonde_target target;
	struct sonde_error e = { 0 };

	bool valid = !sonde_target_parse(name, strlen(name), &target, &e);
	snprintf(l->name, sizeof(l->name), "%s", valid ? target.text : name);
	if (valid && target.kind != SONDE_TARGET_NAME) {
		answer_literal(l, &target);
		return SONDE_OK;
	}
	/* The alarm's place is taken now, so that setting it cannot fail later. */
	if (sonde_poller_alarm(r->poller, &l->answer, INT64_MAX, give_answer)) {
		free_lookup(l);
		return SONDE_ENOMEM;
	}
	*out = l;
	if (l->failure) {
		answer_soon(l);
	} else if (!valid) {
		l->failure = SONDE_FAIL_RESOLVE;
		snprintf(l->why, sizeof(l->why), "%s", e.text);
		answer_soon(l);
	} else if (!sonde_guard_allows_name(r->guard, target.text)) {
		l->failure = SONDE_FAIL_GUARD;
		snprintf(l->why, sizeof(l->why), "%s may not be probed from here", l->name);
		answer_soon(l);
	} else {
		ask(l);
	}
	return SONDE_OK;
}

static struct sonde_lookup *make_lookup(struct sonde_resolver *r, int family, sonde_looked_fn *fn,
                                        void *arg)
{
	struct sonde_lookup *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->resolver = r;
	l->fn = fn;
	l->arg = arg;
	l->family = family;
	return l;
}

int sonde_lookup_start(struct sonde_resolver *r, const char *name, int family, sonde_looked_fn *fn,
                       void *arg, struct sonde_lookup **out)
{
	struct sonde_lookup *l = make_lookup(r, family, fn, arg);

	*out = NULL;
	return l ? begin(l, name, out) : SONDE_ENOMEM;
}

int sonde_lookup_start_by(struct sonde_resolver *r, const struct sockaddr *server, const char *name,
                          int family, sonde_looked_fn *fn, void *arg, struct sonde_lookup **out)
{
	struct sonde_lookup *l = make_lookup(r, family, fn, arg);
	char text[INET6_ADDRSTRLEN] = "?";
	struct sonde_error e = { 0 };

	*out = NULL;
	if (!l)
		return SONDE_ENOMEM;
	inet_ntop(server->sa_family, raw_address(server), text, sizeof(text));
	socklen_t len = server->sa_family == AF_INET ? sizeof(struct sockaddr_in)
	                                             : sizeof(struct sockaddr_in6);
	if (!sonde_guard_allows(r->guard, server, len)) {
		l->failure = SONDE_FAIL_GUARD;
		snprintf(l->why, sizeof(l->why), "the resolver %s may not be asked from here", text);
	} else if (make_resolver(r->poller, r->guard, text, "b", &l->own, &e)) {
		l->failure = SONDE_FAIL_OVERLOAD;
		snprintf(l->why, sizeof(l->why), "%s", e.text);
	} else {
		l->resolver = l->own;
	}
	return begin(l, name, out);
}

void sonde_lookup_stop(struct sonde_lookup *l)
{
	l->fn = NULL;
	if (!l->asked || l->own)
		drop(l);
}

struct name_question {
	sonde_name_fn *fn;
	void *arg;
};

static void on_host(void *arg, int status, int timeouts, struct hostent *host)
{
	struct name_question *q = arg;

	q->fn(q->arg, status == ARES_SUCCESS && host ? host->h_name : NULL);
	free(q);
}

void sonde_resolver_ask_name(struct sonde_resolver *r, const struct sockaddr *sa,
                             sonde_name_fn *fn, void *arg)
{
	struct name_question *q = malloc(sizeof(*q));

	if (!q) {
		fn(arg, NULL);
		return;
	}
	*q = (struct name_question){ fn, arg };
	ares_gethostbyaddr(r->channel, raw_address(sa), sa->sa_family == AF_INET ? 4 : 16,
	                   sa->sa_family, on_host, q);
	set_alarm(r);
}
