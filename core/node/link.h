/* SPDX-License-Identifier: Apache-2.0 */
/* The one websocket to the controller: dials, says hello, sends heartbeats and what the spool
 * holds, and comes back after any loss with full-jitter delays. */
#pragma once
#include <stdbool.h>
#include <uv.h>

#include "net/net.h"
#include "node/identity.h"
#include "node/spool.h"
#include "wire/wire.h"

struct sonde_link;

/* All borrowed for the life of the link. */
struct sonde_link_options {
	const char *controller, *ca_file; /* http(s) URL; NULL or "" = the system's trust */
	const char *pins;                 /* as in net.h */
	bool insecure;                    /* told in hello: clear text that leaves the machine */
	int64_t backoff_min_ms, backoff_max_ms;
	const struct sonde_identity *identity;
	struct sonde_text plugins; /* JSON object for hello */
	uint32_t capacity;
	const char *advertise;     /* address for other nodes; NULL or "" = the socket's own */
	/* Where the controller banned this node, or refuses its version: at least half of this. 0 = an
	 * hour, ten minutes. */
	int64_t banned_ms, outdated_ms;
};

struct sonde_link_events {
	/* The controller has answered hello: messages go through from now on. */
	void (*up)(void *arg);
	void (*tasks)(void *arg, const struct sonde_msg_task *, unsigned count);
	void (*cancel)(void *arg, const struct sonde_msg_task *, unsigned count);
	void (*reload)(void *arg); /* the controller wants the plugins looked at again */
	void (*beat)(void *arg, struct sonde_msg_beat *); /* fill it; the link adds the clocks */
	void (*fatal)(void *arg);                         /* the spool could not be written */
	void (*schedules)(void *arg, const struct sonde_msg *); /* NULL: this node runs none */
	/* config, key, command; may be NULL */
	void (*order)(void *arg, const struct sonde_msg *);
	void (*closed)(void *arg); /* the connection is gone; may be NULL */
};

int sonde_link_new(uv_loop_t *, struct sonde_net *, struct sonde_spool *,
                   const struct sonde_link_options *, const struct sonde_link_events *, void *arg,
                   struct sonde_link **, struct sonde_error *);
/* Results were committed, or there is room again: send what may be sent. */
void sonde_link_pump(struct sonde_link *);
bool sonde_link_is_up(const struct sonde_link *);
/* Address of the controller, "" when it is not connected. */
const char *sonde_link_peer(const struct sonde_link *);
bool sonde_link_is_closed(const struct sonde_link *); /* there is no connection */
/* Send any message now. SONDE_EGONE before welcome; otherwise as sonde_conn_send. */
int sonde_link_say(struct sonde_link *, const struct sonde_msg *);
void sonde_link_send_beat(struct sonde_link *); /* now, out of turn */
/* Heartbeats this often from now on, whatever the controller asked; 0 = as it asked. */
void sonde_link_set_beat(struct sonde_link *, int64_t beat_ns);
void sonde_link_set_config(struct sonde_link *, uint64_t version); /* for hello */
/* What the last close said, "" before the first; valid until the next. */
const char *sonde_link_last_close(const struct sonde_link *);
/* The node's clock minus the controller's, as the last message told it; false before one came. */
bool sonde_link_offset(const struct sonde_link *, int64_t *offset_ms);
/* At most SONDE_MSG_ITEMS, from welcome on: tasks may come before the spool has agreed to it. Anything
 * but SONDE_OK: nothing was sent. */
int sonde_link_accept(struct sonde_link *, struct sonde_msg_accept *, unsigned count);
/* Sent when it is up and not busy, otherwise dropped. */
void sonde_link_progress(struct sonde_link *, const struct sonde_msg *);
/* What the plugins are from now on: for the hellos to come (borrowed until the next call), and told
 * at once when it is connected. */
void sonde_link_types(struct sonde_link *, const struct sonde_msg_types *);
/* The version of the schedules that hello tells. */
void sonde_link_set_schedules(struct sonde_link *, uint64_t version);
/* Tell that this version is kept, or why not; dropped while the link is down: hello tells it. */
void sonde_link_scheduled(struct sonde_link *, uint64_t version, unsigned failure);
/* Say goodbye, close, and do not come back. */
void sonde_link_bye(struct sonde_link *, const char *reason);
/* No callback comes after this. Freed once the loop has run; before the net is closed. */
void sonde_link_close(struct sonde_link *);
