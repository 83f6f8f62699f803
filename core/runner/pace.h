/* SPDX-License-Identifier: Apache-2.0 */
/* The owner's bits per second, over all TCP connections of all probes, both directions. The kernel
 * counts the bytes of each connection; when more were moved than the limit gives, connections are not
 * looked at until that is paid off, and TCP itself slows the other side down. */
#pragma once
#include "runner/poller.h"

struct sonde_watch;

struct sonde_pace {
	struct sonde_poller *poller;
	int64_t bits_per_s; /* 0 = no limit */
	double owed;        /* bytes */
	int64_t at_ns;
	struct sonde_alarm alarm;
	struct sonde_watch *held; /* wait for the alarm */
};

void sonde_pace_init(struct sonde_pace *, struct sonde_poller *, int64_t bits_per_s);
/* Small buffers, so that not much is moved before it is counted. */
void sonde_pace_socket(const struct sonde_pace *, int fd, int type);
/* Count what the watch's connection moved. When the connection may move more, boottime ns; 0 = now. */
int64_t sonde_pace_paid_at(struct sonde_pace *, struct sonde_watch *);
/* True when the watch must wait; it is held then. */
bool sonde_pace_holds(struct sonde_pace *, struct sonde_watch *);
/* A held watch gets other events; any watch ends (its descriptor is open still). */
void sonde_pace_change(struct sonde_watch *, unsigned events);
void sonde_pace_forget(struct sonde_pace *, struct sonde_watch *);

/* moved.c: bytes of a connection since it began, both ways; false when it is no TCP connection. */
bool sonde_pace_moved(int fd, uint64_t *bytes);
