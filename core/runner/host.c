/* SPDX-License-Identifier: Apache-2.0 */
/* The function table of struct sonde_host: what a plugin may ask for. Every call is of a plugin
 * that may be wrong: after done() nothing has an effect, and a socket of a kind that the plugin
 * did not declare is refused. Handles live in the probe's pool; dead ones are used again. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/rng.h"
#include "plug/socket.h"
#include "runner/probe.h"

static int64_t host_now(struct sonde_probe *p)
{
	return sonde_boottime_ns();
}

/* A timer may read a connection, too: libcurl goes on with a fast one from a timer of 0 ms. */
static bool must_wait(struct sonde_run *run, struct sonde_timer *t)
{
	struct sonde_watch *w;
	int64_t paid = 0;

	LIST_FOREACH(w, &run->watches, link) {
		int64_t at = sonde_pace_paid_at(&run->runner->pace, w);
		if (at > paid)
			paid = at;
	}
	return paid && !sonde_poller_alarm(&run->runner->poller, &t->alarm, paid, t->alarm.run);
}

static void on_timer(struct sonde_alarm *a)
{
	struct sonde_timer *t = (struct sonde_timer *)a;
	struct sonde_run *run = t->run;
	sonde_timer_fn *fn = t->fn;
	void *arg = t->arg;

	if (must_wait(run, t))
		return;
	LIST_REMOVE(t, link);
	LIST_INSERT_HEAD(&run->old_timers, t, link);
	sonde_run_enter(run);
	fn(&run->probe, arg);
	sonde_run_leave(run);
}

static struct sonde_timer *host_timer_start(struct sonde_probe *p, int64_t delay_ns,
                                            sonde_timer_fn *fn, void *arg)
{
	struct sonde_run *run = sonde_run_of(p);
	struct sonde_timer *t = LIST_FIRST(&run->old_timers);

	if (run->over)
		return NULL;
	if (t)
		LIST_REMOVE(t, link);
	else
		t = sonde_pool_alloc(&run->pool, sizeof(*t));
	if (!t)
		return NULL;
	*t = (struct sonde_timer){ .run = run, .fn = fn, .arg = arg };
	int64_t now = sonde_boottime_ns();
	if (delay_ns < 0)
		delay_ns = 0;
	int64_t at = delay_ns > INT64_MAX - now ? INT64_MAX : now + delay_ns;
	if (sonde_poller_alarm(&run->runner->poller, &t->alarm, at, on_timer)) {
		LIST_INSERT_HEAD(&run->old_timers, t, link);
		return NULL;
	}
	LIST_INSERT_HEAD(&run->timers, t, link);
	return t;
}

static void host_timer_stop(struct sonde_probe *p, struct sonde_timer *t)
{
	struct sonde_run *run = sonde_run_of(p);

	if (run->over || !t || !t->alarm.entry.at)
		return;
	sonde_poller_disarm(&run->runner->poller, &t->alarm);
	LIST_REMOVE(t, link);
	LIST_INSERT_HEAD(&run->old_timers, t, link);
}

static void on_watch(struct sonde_fdwatch *fdwatch, unsigned events)
{
	struct sonde_watch *w = (struct sonde_watch *)fdwatch;
	struct sonde_run *run = w->run;

	if (sonde_pace_holds(&run->runner->pace, w))
		return;
	sonde_run_enter(run);
	w->fn(&run->probe, w->arg, fdwatch->fd, events);
	sonde_run_leave(run);
}

static struct sonde_watch *host_watch_start(struct sonde_probe *p, int fd, unsigned events,
                                            sonde_watch_fn *fn, void *arg)
{
	struct sonde_run *run = sonde_run_of(p);
	struct sonde_watch *w = LIST_FIRST(&run->old_watches);

	if (run->over)
		return NULL;
	if (w)
		LIST_REMOVE(w, link);
	else
		w = sonde_pool_alloc(&run->pool, sizeof(*w));
	if (!w)
		return NULL;
	*w = (struct sonde_watch){ .run = run, .fn = fn, .arg = arg };
	if (sonde_poller_watch(&run->runner->poller, &w->watch, fd, events, on_watch)) {
		LIST_INSERT_HEAD(&run->old_watches, w, link);
		return NULL;
	}
	LIST_INSERT_HEAD(&run->watches, w, link);
	return w;
}

static int host_watch_change(struct sonde_probe *p, struct sonde_watch *w, unsigned events)
{
	struct sonde_run *run = sonde_run_of(p);

	if (run->over || !w)
		return -1;
	if (w->held) {
		sonde_pace_change(w, events);
		return 0;
	}
	return sonde_poller_change(&run->runner->poller, &w->watch, events);
}

static void host_watch_stop(struct sonde_probe *p, struct sonde_watch *w)
{
	struct sonde_run *run = sonde_run_of(p);

	if (run->over || !w || w->run != run)
		return;
	sonde_pace_forget(&run->runner->pace, w);
	sonde_poller_unwatch(&run->runner->poller, &w->watch);
	w->run = NULL;
	LIST_REMOVE(w, link);
	LIST_INSERT_HEAD(&run->old_watches, w, link);
}

static void on_looked(void *arg, enum sonde_failure failure, const struct sonde_addr *addrs,
                      unsigned count, int64_t took_ns, const char *why)
{
	struct sonde_run *run = arg;

	run->lookup = NULL;
	run->resolving = false;
	sonde_run_enter(run);
	run->resolved(&run->probe, run->resolved_arg, failure, addrs, count, took_ns, why);
	sonde_run_leave(run);
}

/* server NULL: the node's own. */
static int look_up(struct sonde_run *run, const struct sockaddr *server, const char *name,
                   int family, sonde_resolved_fn *fn, void *arg)
{
	struct sonde_resolver *r = run->runner->resolver;

	if (run->over || run->resolving || !name ||
	    !(run->plug->desc.needs & SONDE_NEED_RESOLVE) ||
	    (family != AF_INET && family != AF_INET6 && family != AF_UNSPEC))
		return -1;
	run->resolving = true;
	run->resolved = fn;
	run->resolved_arg = arg;
	int status = server ? sonde_lookup_start_by(r, server, name, family, on_looked, run,
	                                            &run->lookup)
	                    : sonde_lookup_start(r, name, family, on_looked, run, &run->lookup);
	if (status)
		run->resolving = false;
	return status;
}

static int host_resolve(struct sonde_probe *p, const char *name, int family,
                        sonde_resolved_fn *fn, void *arg)
{
	return look_up(sonde_run_of(p), NULL, name, family, fn, arg);
}

static bool is_whole(const struct sockaddr *sa, socklen_t len)
{
	return (sa->sa_family == AF_INET && len >= sizeof(struct sockaddr_in)) ||
	       (sa->sa_family == AF_INET6 && len >= sizeof(struct sockaddr_in6));
}

static int host_resolve_by(struct sonde_probe *p, const struct sockaddr *server, socklen_t len,
                           const char *name, int family, sonde_resolved_fn *fn, void *arg)
{
	return is_whole(server, len) ? look_up(sonde_run_of(p), server, name, family, fn, arg) : -1;
}

static int host_allowed(struct sonde_probe *p, const struct sockaddr *sa, socklen_t len)
{
	return sonde_guard_allows(sonde_run_of(p)->runner->guard, sa, len);
}

static int host_socket(struct sonde_probe *p, int domain, int type, int protocol, int *is_raw)
{
	struct sonde_run *run = sonde_run_of(p);

	if (run->over)
		return -ECANCELED;
	int fd = sonde_plug_socket(run->plug->desc.needs, SONDE_ICMP_ANY, domain, type, protocol,
	                           is_raw);
	sonde_pace_socket(&run->runner->pace, fd, type);
	return fd;
}

static void *host_alloc(struct sonde_probe *p, size_t size)
{
	return sonde_pool_alloc(&sonde_run_of(p)->pool, size);
}

/* The result of a probe that still runs, NULL otherwise. */
static struct sonde_result *result_of(struct sonde_probe *p)
{
	struct sonde_run *run = sonde_run_of(p);
	return run->over ? NULL : &run->result;
}

static void host_open(struct sonde_probe *p, const char *key, char bracket)
{
	if (result_of(p))
		sonde_result_open(result_of(p), key, bracket);
}

static void host_close(struct sonde_probe *p)
{
	if (result_of(p))
		sonde_result_close(result_of(p));
}

static void host_put_int(struct sonde_probe *p, const char *key, int64_t v)
{
	if (result_of(p))
		sonde_result_int(result_of(p), key, v);
}

static void host_put_number(struct sonde_probe *p, const char *key, double v, int digits)
{
	if (result_of(p))
		sonde_result_number(result_of(p), key, v, digits);
}

static void host_put_text(struct sonde_probe *p, const char *key, const char *text, size_t len)
{
	if (!result_of(p))
		return;
	if (text)
		sonde_result_text(result_of(p), key, text, len);
	else
		sonde_result_null(result_of(p), key);
}

static void host_put_bool(struct sonde_probe *p, const char *key, int v)
{
	if (result_of(p))
		sonde_result_bool(result_of(p), key, v);
}

static void host_put_null(struct sonde_probe *p, const char *key)
{
	if (result_of(p))
		sonde_result_null(result_of(p), key);
}

static void host_put_raw(struct sonde_probe *p, const char *key, const char *json, size_t len)
{
	if (result_of(p))
		sonde_result_raw(result_of(p), key, json ? json : "", json ? len : 0);
}

static void host_print(struct sonde_probe *p, const char *text, size_t len)
{
	if (!result_of(p) || !text)
		return;
	sonde_result_print(result_of(p), text, len);
	sonde_run_talk(sonde_run_of(p));
}

static void host_log(struct sonde_probe *p, int level, const char *text)
{
	sonde_log(level, sonde_run_of(p)->plug->desc.name, "%s", text ? text : "");
}

static void host_done(struct sonde_probe *p, enum sonde_failure failure, const char *why)
{
	sonde_run_over(sonde_run_of(p), failure, why);
}

static uint64_t host_random(struct sonde_probe *p)
{
	struct sonde_runner *r = sonde_run_of(p)->runner;
	uint64_t v;

	/* Kernel randomness, because ports and ids of queries must not be guessed. */
	if (r->random_at + sizeof(v) > sizeof(r->random)) {
		sonde_random_bytes(r->random, sizeof(r->random));
		r->random_at = 0;
	}
	memcpy(&v, r->random + r->random_at, sizeof(v));
	r->random_at += sizeof(v);
	return v;
}

static void on_named(struct sonde_name_wait *w, const char *name)
{
	struct sonde_naming *n = (struct sonde_naming *)w;
	struct sonde_run *run = n->run;
	sonde_named_fn *fn = n->fn;
	void *arg = n->arg;

	LIST_REMOVE(n, link);
	LIST_INSERT_HEAD(&run->old_namings, n, link);
	run->naming--;
	sonde_run_enter(run);
	fn(&run->probe, arg, name);
	sonde_run_leave(run);
}

static int host_reverse(struct sonde_probe *p, const struct sockaddr *sa, socklen_t len,
                        sonde_named_fn *fn, void *arg)
{
	struct sonde_run *run = sonde_run_of(p);
	struct sonde_naming *n = LIST_FIRST(&run->old_namings);

	if (run->over || run->naming >= SONDE_REVERSE_MAX ||
	    !(run->plug->desc.needs & SONDE_NEED_RESOLVE))
		return -1;
	if (n)
		LIST_REMOVE(n, link);
	else
		n = sonde_pool_alloc(&run->pool, sizeof(*n));
	if (!n)
		return -1;
	*n = (struct sonde_naming){ .run = run, .fn = fn, .arg = arg };
	LIST_INSERT_HEAD(&run->namings, n, link);
	run->naming++;
	if (sonde_names_ask(run->runner->names, sa, len, &n->wait, on_named))
		return 0;
	LIST_REMOVE(n, link);
	LIST_INSERT_HEAD(&run->old_namings, n, link);
	run->naming--;
	return -1;
}

const struct sonde_host sonde_runner_host = {
	.size = sizeof(struct sonde_host),
	.now = host_now,
	.timer_start = host_timer_start,
	.timer_stop = host_timer_stop,
	.watch_start = host_watch_start,
	.watch_change = host_watch_change,
	.watch_stop = host_watch_stop,
	.resolve = host_resolve,
	.allowed = host_allowed,
	.socket = host_socket,
	.alloc = host_alloc,
	.open = host_open,
	.close = host_close,
	.put_int = host_put_int,
	.put_number = host_put_number,
	.put_text = host_put_text,
	.put_bool = host_put_bool,
	.put_null = host_put_null,
	.put_raw = host_put_raw,
	.print = host_print,
	.log = host_log,
	.done = host_done,
	.random = host_random,
	.reverse = host_reverse,
	.resolve_by = host_resolve_by,
};
