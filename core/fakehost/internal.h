/* SPDX-License-Identifier: Apache-2.0 */
/* Inside fakehost/ only: one host with at most one probe at a time. setup.c makes and sets it,
 * table.c is what the plugin calls, net.c the part of that about names and sockets, run.c the life
 * of a probe. */
#pragma once
#include <sonde/fakehost.h>

#include "base/buf.h"
#include "base/pool.h"
#include "base/rng.h"
#include "plug/plugset.h"
#include "plug/result.h"
#include "plug/socket.h"

enum {
	FAKEHOST_WATCHES = 64,
	FAKEHOST_NAMES = 16,
	FAKEHOST_CALLS = 16,
	FAKEHOST_ROWS = 256,
};

struct sonde_timer {
	struct sonde_timer *next;
	int64_t due;
	uint64_t order; /* timers of one instant run in the order they were started */
	sonde_timer_fn *fn;
	void *arg;
};

struct sonde_watch {
	int fd;
	unsigned events;
	sonde_watch_fn *fn;
	void *arg;
	bool used;
};

struct fakehost_name {
	char name[128];
	struct sonde_addr addr;
	struct sonde_addr server; /* who knows it; len 0: the node's own resolver */
};

struct fakehost_call {
	int64_t at;
	void (*fn)(void *);
	void *arg;
	bool ran;
};

struct fakehost {
	struct sonde_probe probe; /* first: the plugin's pointer is ours */
	struct sonde_plug plug;

	/* settings */
	void *args;
	struct sonde_pool arg_pool;
	bool given[FAKEHOST_ROWS]; /* the row has a value */
	struct fakehost_name names[FAKEHOST_NAMES], refused[FAKEHOST_NAMES];
	struct fakehost_name reverse[FAKEHOST_NAMES];
	unsigned n_names, n_refused, n_reverse;
	struct sonde_host table; /* when it is an older host's */
	struct fakehost_call calls[FAKEHOST_CALLS];
	unsigned n_calls;
	int64_t timeout, cancel_at, step, resolve_delay;
	enum sonde_why cancel_why; /* 0 = only at the timeout */
	bool virtual_clock, only_loopback, leaves_uncounted;
	enum sonde_icmp icmp;
	void (*on_socket)(void *, int, int);
	void *on_socket_arg;
	size_t memory;
	uint64_t seed;

	/* the running probe */
	struct sonde_pool pool;
	struct sonde_rng rng;
	struct sonde_timer *timers;
	struct sonde_watch watches[FAKEHOST_WATCHES];
	uint64_t order;
	int64_t clock, start, cancel_due;
	enum sonde_why why_due;
	bool cancelled, resolving;
	struct sonde_addr found[FAKEHOST_NAMES];
	unsigned n_found;
	sonde_resolved_fn *resolved;
	void *resolved_arg;
	unsigned reversing;

	/* what it came to */
	bool is_done, has_result;
	int64_t end;
	enum sonde_failure failure;
	char why[256], broken[256];
	struct sonde_error error;
	struct sonde_result result;
	struct sonde_buf raw;
	const char *json; /* in result, or "" */
};

extern const struct sonde_host fakehost_table;

static inline struct fakehost *fakehost_of(struct sonde_probe *p)
{
	return (struct fakehost *)p;
}

/* Remember the first breach of the contract. */
void fakehost_note(struct fakehost *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* One sentence, and the end of the process. */
void fakehost_die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/* table.c */
int64_t fakehost_now(struct sonde_probe *);
struct sonde_timer *fakehost_timer_start(struct sonde_probe *, int64_t delay, sonde_timer_fn *,
                                         void *arg);
void fakehost_timer_stop(struct sonde_probe *, struct sonde_timer *);

/* net.c: members of the table, and the parser of literal addresses. */
bool fakehost_parse_address(const char *text, struct sonde_addr *);
int fakehost_allowed(struct sonde_probe *, const struct sockaddr *, socklen_t);
int fakehost_resolve(struct sonde_probe *, const char *name, int family, sonde_resolved_fn *,
                     void *arg);
int fakehost_resolve_by(struct sonde_probe *, const struct sockaddr *server, socklen_t,
                        const char *name, int family, sonde_resolved_fn *, void *arg);
int fakehost_reverse(struct sonde_probe *, const struct sockaddr *, socklen_t, sonde_named_fn *,
                     void *arg);
int fakehost_socket(struct sonde_probe *, int domain, int type, int protocol, int *is_raw);
