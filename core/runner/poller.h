/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors and due times of all probes behind one epoll descriptor, which the loop watches.
 * Own epoll, because libuv does not tell an error queue from a hang-up; own timers, because its
 * are milliseconds. Entries are embedded in their owner's memory and borrowed. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/heap.h"
#include "base/status.h"

struct sonde_fdwatch;
typedef void sonde_fdwatch_fn(struct sonde_fdwatch *, unsigned events);

struct sonde_fdwatch {
	int fd; /* -1: not watched */
	uint32_t generation;
	unsigned events; /* SONDE_READABLE | ...; 0 = paused */
	sonde_fdwatch_fn *run;
};

struct sonde_alarm;
typedef void sonde_alarm_fn(struct sonde_alarm *);

struct sonde_alarm {
	struct sonde_heap_entry entry; /* key: boottime ns */
	sonde_alarm_fn *run;
};

struct sonde_poller {
	int epoll, timer;
	struct sonde_heap due;
	int64_t armed; /* what the timer descriptor is set to; 0 = off */
	struct sonde_fdwatch **by_fd;
	unsigned fds;
	uint32_t generation;
};

int sonde_poller_init(struct sonde_poller *); /* SONDE_OK, ENOMEM, EIO */
void sonde_poller_deinit(struct sonde_poller *);

/* The watch must not be active. A watch that another owner forgot on a descriptor that was closed
 * since is replaced. SONDE_OK, or SONDE_EIO when the kernel refuses the descriptor. */
int sonde_poller_watch(struct sonde_poller *, struct sonde_fdwatch *, int fd, unsigned events,
                       sonde_fdwatch_fn *);
int sonde_poller_change(struct sonde_poller *, struct sonde_fdwatch *, unsigned events);
void sonde_poller_unwatch(struct sonde_poller *, struct sonde_fdwatch *); /* no-op when inactive */

/* Run once at `at_ns`; an active alarm is moved. SONDE_OK or SONDE_ENOMEM. */
int sonde_poller_alarm(struct sonde_poller *, struct sonde_alarm *, int64_t at_ns,
                       sonde_alarm_fn *);
void sonde_poller_disarm(struct sonde_poller *, struct sonde_alarm *); /* no-op when inactive */

/* Handle what is ready and due now. Callbacks may do anything with watches and alarms. */
void sonde_poller_turn(struct sonde_poller *);
/* Before the loop sleeps: set the timer descriptor to the earliest due time. */
void sonde_poller_before_sleep(struct sonde_poller *);
