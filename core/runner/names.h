/* SPDX-License-Identifier: Apache-2.0 */
/* Names of addresses, kept for a while, so that the routers that many traces pass are asked for
 * once. At most SONDE_NAMES_KEPT are kept and SONDE_NAMES_ASKED are asked for at once. */
#pragma once
#include <stdbool.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "runner/poller.h"
#include "runner/resolve.h"

enum { SONDE_NAMES_KEPT = 2048, SONDE_NAMES_ASKED = 512 };

struct sonde_names;
struct sonde_kept_name;

/* Embedded in its owner's memory, which may not move while it waits. */
struct sonde_name_wait {
	struct sonde_kept_name *of; /* NULL: waits for nothing */
	TAILQ_ENTRY(sonde_name_wait) link;
	void (*run)(struct sonde_name_wait *, const char *name);
};

/* Resolver and poller are borrowed. SONDE_OK or SONDE_ENOMEM. */
int sonde_names_new(struct sonde_poller *, struct sonde_resolver *, struct sonde_names **out);
/* After sonde_resolver_free. Who still waits is not called. */
void sonde_names_free(struct sonde_names *);

/* Calls run once with the name or NULL, at once when it is kept; false, without a call, for an
 * address that is neither IPv4 nor IPv6 and where there is no room. */
bool sonde_names_ask(struct sonde_names *, const struct sockaddr *, socklen_t,
                     struct sonde_name_wait *,
                     void (*run)(struct sonde_name_wait *, const char *name));
void sonde_names_stop(struct sonde_name_wait *); /* no-op when it waits for nothing */
