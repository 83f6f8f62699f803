/* SPDX-License-Identifier: Apache-2.0 */
/* What a node tells of its machine, so that measurements go where they can be made.
 *
 * A family of addresses is there when the kernel has a route of it to the world, or an address of it
 * beyond loopback and link-local: a closed network has no route to the world and is measured all the
 * same. A machine without either in both families (nothing but loopback, as in a test) has the families
 * of its loopback. Targets on loopback ask for no family at all: see placement. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

enum { SONDE_MACHINE_RESOLVERS = 8, SONDE_MACHINE_ADDRESS = 46 };

struct sonde_machine {
	bool ipv4, ipv6;
	unsigned cpus;      /* that this process may use; at least 1 */
	int64_t memory_mib; /* of the machine; 0 = not known */
	/* What it asks names of, in order, each once: public addresses, and "private" for all others. */
	char resolvers[SONDE_MACHINE_RESOLVERS][SONDE_MACHINE_ADDRESS];
	unsigned resolver_count;
};

/* Sends nothing; fast enough for the loop. */
void sonde_machine_look(struct sonde_machine *);
/* {"ipv4":true,"ipv6":false,"cpus":2,"memoryMiB":1024,"resolvers":["private"]} */
void sonde_machine_write(const struct sonde_machine *, const char *key, struct sonde_json *);
/* The "nameserver" lines of a resolv.conf; none there is the resolver of this machine. */
void sonde_machine_resolvers(struct sonde_machine *, const char *text);
