/* SPDX-License-Identifier: Apache-2.0 */
/* The single checks of the self-test. They block, for a worker thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { SONDE_CHECK_WHY = 160, SONDE_CHECK_UPLINKS = 8, SONDE_CHECK_UPLINK_MS = 3000 };

struct sonde_check {
	bool ok;
	char why[SONDE_CHECK_WHY]; /* a sentence; may be "" when ok */
};

void sonde_check_icmp(struct sonde_check *);
void sonde_check_ipv6(struct sonde_check *);
/* The host of http://host:port or http://[v6]:port. */
void sonde_check_host(const char *url, char *host, size_t room);
/* host: a name, or an address, which needs no lookup. */
void sonde_check_dns(struct sonde_check *, const char *host);
/* Whether the kernel calls its clock synchronised. */
bool sonde_check_kernel_clock(void);
void sonde_check_clock(struct sonde_check *, bool known, long long offset_ms);
/* How many of the comma list answered a connection within 3 s; *count = how many were asked. */
unsigned sonde_check_uplinks(const char *list, unsigned *count);
