/* SPDX-License-Identifier: Apache-2.0 */
/* Names into addresses that the guard allows: c-ares on the runner's poller, one channel for all
 * probes. /etc/hosts and resolv.conf hold; search domains do not, because a target means the same
 * on every node. */
#pragma once
#include <sonde/plugin.h>
#include <stdint.h>

#include "base/error.h"
#include "guard/guard.h"
#include "runner/poller.h"

struct sonde_resolver;
struct sonde_lookup;

/* servers: name servers ("192.0.2.1:5353,[2001:db8::1]:53") in place of resolv.conf's, NULL for
 * those. Guard and poller are borrowed. */
int sonde_resolver_new(struct sonde_poller *, const struct sonde_guard *, const char *servers,
                       struct sonde_resolver **out, struct sonde_error *);
/* Pending lookups end without their callback. */
void sonde_resolver_free(struct sonde_resolver *);

/* As sonde_resolved_fn: addrs and why are gone after the call. */
typedef void sonde_looked_fn(void *arg, enum sonde_failure, const struct sonde_addr *,
                             unsigned count, int64_t took_ns, const char *why);

/* Exactly one callback, unless stopped. A literal answers before this returns, with *out NULL; all
 * else later. SONDE_OK or SONDE_ENOMEM. */
int sonde_lookup_start(struct sonde_resolver *, const char *name, int family, sonde_looked_fn *,
                       void *arg, struct sonde_lookup **out);
/* The same, but by the name server at that address (port 53) alone and without /etc/hosts. */
int sonde_lookup_start_by(struct sonde_resolver *, const struct sockaddr *server, const char *name,
                          int family, sonde_looked_fn *, void *arg, struct sonde_lookup **out);
void sonde_lookup_stop(struct sonde_lookup *);

/* The name of an IPv4 or IPv6 address, NULL when there is none; gone after the call, which may come
 * before ask returns and comes, without a name, from sonde_resolver_free for those that pend. No
 * guard is asked: the question goes to the resolver only. names.h is what to use. */
typedef void sonde_name_fn(void *arg, const char *name);
void sonde_resolver_ask_name(struct sonde_resolver *, const struct sockaddr *, sonde_name_fn *,
                             void *arg);
