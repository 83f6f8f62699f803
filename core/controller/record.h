/* SPDX-License-Identifier: Apache-2.0 */
/* The stored form of a measurement: little-endian numbers and counted texts, read in place. */
#pragma once
#include "base/buf.h"
#include "base/id.h"
#include "store/store.h"
#include "wire/wire.h"

#define RECORD_ANONYMOUS "-" /* owner of what was asked without an account */

struct record {
	struct sonde_text type, target;
	struct sonde_text options;   /* JSON object, leaves that differ from their defaults */
	struct sonde_text locations; /* JSON as given, empty when none */
	struct sonde_text policy, reason;
	uint32_t policy_version;
	uint64_t seed;
	uint32_t decided_us;
	uint32_t limit;              /* 0 = default */
	uint32_t timeout_ms;
	uint8_t timeout_given, ip_version, progress, fallback;
	uint8_t pairs;               /* the second half of the tasks answers the first half */
	struct sonde_text schedule;  /* 16 bytes of id, empty when it is no run of a schedule */
	uint64_t due_ms;             /* of such a run */
	uint8_t priority;            /* 1 to 100 */
	uint8_t reused;              /* the nodes of an earlier one, also those that are away */
	uint32_t count;              /* tasks */
	struct sonde_text sealed;    /* options with their secrets, encrypted; empty when none */
	struct sonde_text owner;     /* id of the user who asked; empty: the controller's or an operator's */
	struct sonde_text params;    /* JSON of the policy's params, empty when none */
	struct sonde_text exclude;   /* JSON as given, empty when none */
	uint8_t family;              /* of addresses that its nodes must have; 0 = none in particular */
	struct sonde_text needs;     /* JSON of the requirements, empty when none */
	const uint8_t *nodes;        /* count ids of 16 bytes */
};

void record_write(struct sonde_buf *, const struct record *);
/* Texts and nodes point into data. SONDE_EINVAL when cut short or of another version. */
int record_read(struct record *, const void *data, size_t len);
/* Tasks that measure: all, or the first half. */
uint32_t record_probes(const struct record *);
void record_node(const struct record *, uint32_t task, struct sonde_id *);
