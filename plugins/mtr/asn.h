/* SPDX-License-Identifier: Apache-2.0 */
/* Which autonomous system an address is of, by a MaxMind database that the operator named in
 * SONDE_ASN_DATABASE. Without one, nothing is known. */
#pragma once
#include <sonde/plugin.h>
#include <stdint.h>
#include <sys/socket.h>

struct asn;

/* From the probe's memory; NULL when there is no database to be had. What is wrong with a named one
 * goes into the log. */
struct asn *asn_open(struct sonde_probe *);
void asn_close(struct asn *); /* NULL is fine */
/* 0 when not known; asn may be NULL. */
uint32_t asn_find(struct asn *, int family, const uint8_t *address);
