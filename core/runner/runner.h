/* SPDX-License-Identifier: Apache-2.0 */
/* The runner's inside. One thread, one loop; one probe is one task with memory of its own. It
 * talks to the node over one stream socket in frames (wire/wire.h): tasks, cancel and quit come
 * in; ready, progress and outcome go out. `ready` is sent when the plugins are loaded and then
 * every second, with empty text, as the sign of life: a plugin that spins keeps it from going
 * out, and the node ends the runner. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uv.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/pool.h"
#include "guard/guard.h"
#include "plug/plugset.h"
#include "plug/result.h"
#include "runner/names.h"
#include "runner/pace.h"
#include "runner/poller.h"
#include "runner/resolve.h"
#include "wire/wire.h"

enum {
	SONDE_OUT_HIGH = 4 << 20, /* unsent bytes over which no task is read and no outcome added */
	SONDE_OUT_MAX = 2 * SONDE_OUT_HIGH + (1 << 20),
	SONDE_RANDOM_BATCH = 512,
};

/* Frames over the stream socket. */
struct sonde_channel {
	int fd;
	struct sonde_buf in, out;
	size_t sent;  /* of out */
	bool closed;  /* the node is gone */
};

struct sonde_task_key {
	struct sonde_id measurement;
	uint32_t task, attempt;
};

struct sonde_run; /* one probe: probe.c */

struct sonde_runner {
	uv_loop_t loop;
	uv_poll_t control, events;
	uv_prepare_t prepare;
	uv_timer_t beat;
	uv_signal_t term;
	int polled;   /* events that `control` waits for */
	int first_fd; /* lowest free descriptor before the first probe */
	bool narrow;  /* memory was short before the first probe: a new runner would not help */
	struct sonde_channel channel;
	struct sonde_poller poller;
	struct sonde_pace pace;
	struct sonde_resolver *resolver;
	struct sonde_names *names;
	struct sonde_guard *guard;
	struct sonde_plugset *plugs;
	void *defaults[SONDE_PLUG_MAX]; /* arguments of each plugin, read when first needed */
	struct sonde_pool defaults_pool;
	struct sonde_given *given[SONDE_PLUG_MAX]; /* what the last task of each gave: given.c */
	struct sonde_decoder *decoder;
	struct sonde_map by_key;        /* struct sonde_task_key -> running struct sonde_run */
	TAILQ_HEAD(, sonde_run) running;
	TAILQ_HEAD(, sonde_run) waiting; /* over; their outcome waits for room */
	TAILQ_HEAD(, sonde_run) talking; /* running, with progress not yet sent */
	unsigned active, limit;         /* running and waiting; how many may be */
	bool quitting;                  /* take nothing new, end when nothing is active */
	struct sonde_blame *blame;      /* shared with the node; never NULL */
	uint8_t random[SONDE_RANDOM_BATCH];
	unsigned random_at;
};

/* runner.c */
/* Runs until quit and drained, or the node is gone. SONDE_OK, or SONDE_EIO when the loop could not
 * be made. */
int sonde_runner_loop(struct sonde_runner *);

/* given.c */
/* The arguments that a plugin's task asks for, held for the caller: those of the task before when
 * the options are the same text. Read only; what they point to lives as long as they are held.
 * SONDE_OK, SONDE_ENOMEM or SONDE_EINVAL with the sentence filled. */
int sonde_given_hold(struct sonde_runner *, const struct sonde_plug *, struct sonde_text options,
                     struct sonde_given **, struct sonde_error *);
const void *sonde_given_args(const struct sonde_given *);
void sonde_given_drop(struct sonde_given *); /* NULL is fine */
void sonde_given_deinit(struct sonde_runner *);

/* probe.c */
/* Start the task, or send its outcome at once when it cannot be started. came_ns: when its
 * message was read. */
void sonde_run_start(struct sonde_runner *, const struct sonde_msg_task *, int64_t came_ns);
/* No-op when no such task runs. */
void sonde_run_cancel(struct sonde_runner *, const struct sonde_msg_task *, enum sonde_why);
void sonde_run_cancel_all(struct sonde_runner *, enum sonde_why);
/* Send outcomes and progress as far as there is room. */
void sonde_run_flush(struct sonde_runner *);
/* End everything without outcomes. */
void sonde_run_free_all(struct sonde_runner *);

/* channel.c */
void sonde_channel_init(struct sonde_channel *, int fd); /* made non-blocking; borrowed */
void sonde_channel_deinit(struct sonde_channel *);
size_t sonde_channel_unsent(const struct sonde_channel *);
/* Append a frame; false (and nothing appended) when it does not fit. */
bool sonde_channel_put(struct sonde_channel *, const struct sonde_msg *);
/* Read what is there; false when the peer is gone. */
bool sonde_channel_read(struct sonde_channel *);
/* Write what the socket takes; false when the peer is gone. */
bool sonde_channel_write(struct sonde_channel *);
