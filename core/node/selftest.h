/* SPDX-License-Identifier: Apache-2.0 */
/* What this node can do, with reasons: ICMP, IPv6, names, its clock, its uplink; and its machine. The checks run on a
 * worker, one round at a time, at the start, regularly and on demand. A node whose uplink is down
 * knows that what it measures says nothing about a target. */
#pragma once
#include <stdbool.h>
#include <uv.h>

#include "wire/wire.h"

struct sonde_selftest;

struct sonde_selftest_options {
	const char *controller; /* URL; its host is looked up when there is no other name. Borrowed */
	const char *name;       /* to look up; NULL or "" = the controller's */
	const char *uplinks;    /* "host:port,host:port": connected to, at most 8; "" = not checked */
	int64_t quorum;         /* how many of them must answer; 0 = more than half */
	int64_t every_ns;
};

/* A round is over; the report and the uplink are new. */
typedef void sonde_selftest_done_fn(void *arg);

/* The first round starts at once. */
int sonde_selftest_new(uv_loop_t *, const struct sonde_selftest_options *, sonde_selftest_done_fn *,
                       void *arg, struct sonde_selftest **);
void sonde_selftest_every(struct sonde_selftest *, int64_t every_ns);
/* The node's clock against the controller's, as far as the link can tell. */
void sonde_selftest_clock(struct sonde_selftest *, int64_t offset_ms);
void sonde_selftest_run(struct sonde_selftest *);
/* Addresses or routes are others now: a round that began before is followed by one more. */
void sonde_selftest_changed(struct sonde_selftest *);
/* A JSON object, "" before the first round has ended. */
struct sonde_text sonde_selftest_report(const struct sonde_selftest *);
enum sonde_uplink sonde_selftest_uplink(const struct sonde_selftest *);
/* No callback comes after this; freed when the worker is back and the loop has run. */
void sonde_selftest_close(struct sonde_selftest *);
