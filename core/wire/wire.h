/* SPDX-License-Identifier: Apache-2.0 */
/* Messages between programs, as JSON text: read with jsmn into structs, written by base/json. No
 * I/O. Foreign text is bounded here once; slices point into the message, which decode may change
 * (escapes are undone in place).
 *
 * node <-> controller (websocket /v1/nodes/connect, subprotocol sonde.node.v1):
 *   node       hello, beat, accept, results, scheduled, types, health, configured, keyed, answer, bye
 *   controller welcome, tasks, ack, cancel, schedules, reload, config, key, command
 * node <-> runner (stream socket, each message after a 4-byte little-endian length):
 *   node       tasks, cancel, quit        runner  types, ready, progress, outcome */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/id.h"
#include "base/json.h"

struct sonde_text {
	const char *s; /* not NUL-terminated */
	size_t len;
};

#define SONDE_TEXT(literal) ((struct sonde_text){ (literal), sizeof(literal) - 1 })

enum sonde_msg_kind {
	SONDE_MSG_HELLO = 1, /* node: first message */
	SONDE_MSG_WELCOME,   /* controller: the answer */
	SONDE_MSG_BEAT,      /* node: heartbeat */
	SONDE_MSG_TASKS,     /* controller -> node -> runner */
	SONDE_MSG_ACCEPT,    /* node: tasks it took, or refused with a reason */
	SONDE_MSG_CANCEL,    /* controller -> node -> runner */
	SONDE_MSG_RESULTS,   /* node: several */
	SONDE_MSG_ACK,       /* controller: stored up to and including seq */
	SONDE_MSG_PROGRESS,  /* runner -> node -> controller */
	SONDE_MSG_BYE,       /* node: goes away on purpose */
	SONDE_MSG_READY,     /* runner: plugins are loaded; then each second, a sign of life. A reason
	                        asks for another runner in its place */
	SONDE_MSG_OUTCOME,   /* runner: one task is over */
	SONDE_MSG_QUIT,      /* node -> runner: finish what runs, take nothing new */
	SONDE_MSG_SCHEDULES, /* controller: one part of all that the node runs by itself */
	SONDE_MSG_SCHEDULED, /* node: that version is kept and runs */
	SONDE_MSG_RELOAD,    /* controller -> node: look at the plugin directory again */
	SONDE_MSG_TYPES,     /* runner: first message; node: its plugins are others now, or the
	                        answer to reload */
	SONDE_MSG_CONFIG,    /* controller: settings of the node, with a version */
	SONDE_MSG_CONFIGURED, /* node: that version is kept and in force, or why it is not */
	SONDE_MSG_KEY,       /* controller: a new key */
	SONDE_MSG_KEYED,     /* node: it is kept, or why it is not */
	SONDE_MSG_COMMAND,   /* controller: do this now and answer */
	SONDE_MSG_ANSWER,    /* node: to one command */
	SONDE_MSG_HEALTH,    /* node: what its self-test found */
};

/* Sent by the node first; a wrong key closes with 4401 and a sentence. */
struct sonde_msg_hello {
	struct sonde_id node;
	struct sonde_text key, version;
	uint64_t epoch;        /* of the spool */
	uint64_t first, last;  /* seqs still in the spool; first > last when empty */
	int64_t wall_ms;       /* the node's clock as it sends */
	uint32_t capacity;     /* tasks at once */
	struct sonde_text plugins; /* raw JSON: what `sonde-runner --describe` printed */
	uint64_t schedules;        /* version of the schedules it runs, 0 = none */
	struct sonde_text address; /* that other nodes should use for it, "" = not known */
	uint64_t config;       /* version of the settings in force, 0 = none */
	bool insecure;         /* the connection leaves the machine in clear text, as its owner wants it */
	struct sonde_text facts;   /* raw JSON of its machine: families, resolvers, ...; "" = not told */
};

struct sonde_msg_welcome {
	uint64_t epoch, seq; /* stored for this node, without holes; epoch 0 = none */
	struct sonde_text also; /* stretches stored above seq (base/spans.h) */
	uint32_t beat_s;     /* heartbeat interval */
	int64_t wall_ms;     /* echo of hello.wall_ms */
	int64_t server_ms;
	struct sonde_text update; /* a newer version of the software that there is, "" = none */
};

struct sonde_msg_beat {
	double load;            /* 1-min load average over cores */
	double response_ms;     /* average task time, last 100 tasks */
	double error_rate;      /* of the last 100 tasks, could-not-measure only */
	uint64_t probes;        /* run since the start */
	uint32_t active, queued;
	uint64_t spool_bytes, spool_count;
	int64_t wall_ms;        /* node's clock */
	int64_t echo_ms;        /* server_ms of the last ack/welcome, for rtt and clock offset */
	int64_t held_ms;        /* how long the node held it */
	uint32_t capacity;      /* tasks at once now, 0 = as in hello */
	uint32_t uplink;        /* enum sonde_uplink */
	uint32_t storage;       /* enum sonde_storage */
};

/* What a node knows of its own way to the network. */
enum sonde_uplink { SONDE_UPLINK_UNKNOWN, SONDE_UPLINK_UP, SONDE_UPLINK_DOWN, SONDE_UPLINKS };
/* Where a node keeps its results: as it should be, its limit reached, cannot be written. */
enum sonde_storage { SONDE_STORAGE_OK, SONDE_STORAGE_FULL, SONDE_STORAGE_FAILS, SONDE_STORAGES };

/* One task. options is a raw JSON object as checked by the controller. */
struct sonde_msg_task {
	struct sonde_id measurement;
	uint32_t task, attempt;
	struct sonde_text type, target, options; /* options may be empty = {} */
	uint32_t timeout_ms;
	uint32_t valid_ms;   /* must not be started later than this after it came */
	uint32_t ip_version; /* 4, 6, 0 = either */
	bool progress;
};

struct sonde_msg_accept {
	struct sonde_id measurement;
	uint32_t task, attempt;
	uint8_t failure;       /* 0 = taken; overload, plugin_missing ... = refused */
};

/* One result in a results message. body is a raw JSON object. */
struct sonde_msg_result {
	uint64_t seq;
	uint64_t lost;         /* not 0: no result, but the end of hope for seq .. seq + lost - 1 */
	struct sonde_id measurement;
	uint32_t task, attempt;
	uint8_t failure;       /* enum sonde_failure */
	int64_t started_ms;    /* node's wall clock */
	int64_t took_us;
	struct sonde_text why; /* sentence, "" when ok */
	struct sonde_text body;
};

/* One schedule as one node runs it; for a mesh one for each peer. Times are wall clock ms; every 0 =
 * by cron; until 0 = for ever. windows as in base/plan.h. */
struct sonde_msg_schedule {
	struct sonde_id schedule;
	struct sonde_id peer;  /* zero: the target is no node */
	uint32_t revision;
	struct sonde_text type, target, options;
	uint32_t timeout_ms, ip_version;
	uint32_t retries;      /* more attempts when it could not be measured */
	uint32_t priority;     /* 1..100: who waits when the node is full */
	bool exclusive;        /* never two of these at once */
	bool secret;           /* options hold secrets: the node keeps them in memory only */
	uint64_t every_ms, start_ms, until_ms, phase_ms;
	int64_t zone_minutes;
	struct sonde_text cron, windows;
};

struct sonde_msg_scheduled {
	uint64_t version;
	uint8_t failure;       /* 0 = kept; else it could not be */
};

struct sonde_msg_ack {
	uint64_t epoch, seq; /* stored without holes */
	struct sonde_text also; /* stretches stored above seq */
	int64_t server_ms;
};

struct sonde_msg_progress {
	struct sonde_id measurement;
	uint32_t task, attempt;
	struct sonde_text text;
};

struct sonde_msg_types {
	struct sonde_text plugins; /* raw JSON, as in hello: the set that serves */
	struct sonde_text why;     /* node: the sentence why a reload changed nothing, "" = it was done */
	bool asked;                /* node: this answers a reload */
};

struct sonde_msg_config {
	uint64_t version;          /* grows with each change */
	struct sonde_text settings; /* raw JSON, as wire/settings.h reads it */
};

/* configured: serial is the version; keyed: that of the key. */
struct sonde_msg_confirm {
	uint64_t serial;
	struct sonde_text problem; /* a sentence, "" = done */
};

struct sonde_msg_key {
	uint64_t serial;
	struct sonde_text key;
};

struct sonde_msg_command {
	uint64_t id;            /* comes back in the answer */
	struct sonde_text what; /* "logs", "selftest", "restart-runner" */
	uint64_t after;         /* logs: lines newer than this */
	uint32_t lines;         /* logs: at most, the newest */
};

struct sonde_msg_answer {
	uint64_t id, next;         /* next: logs: number of the newest line */
	struct sonde_text problem; /* a sentence, "" = done */
	struct sonde_text text;    /* logs: lines, each ended by a newline */
};

enum { SONDE_MSG_ITEMS = 512, SONDE_MSG_MAX = 4 << 20 };

/* A decoded message. items points into memory of the decoder until its next decode. */
struct sonde_msg {
	enum sonde_msg_kind kind;
	union {
		struct sonde_msg_hello hello;
		struct sonde_msg_welcome welcome;
		struct sonde_msg_beat beat;
		struct sonde_msg_ack ack;
		struct sonde_msg_progress progress;
		struct sonde_msg_types types;
		struct sonde_msg_result outcome; /* seq 0 */
		struct sonde_msg_scheduled scheduled;
		struct {
			uint64_t epoch; /* results */
			uint64_t version;     /* schedules: of the whole; never 0 */
			uint32_t part, parts; /* schedules: this one, from 0, of how many */
			unsigned count;
			union {
				struct sonde_msg_task *tasks; /* tasks; cancel uses ids and attempt only */
				struct sonde_msg_accept *accepts;
				struct sonde_msg_result *results;
				struct sonde_msg_schedule *schedules;
			};
		} list;
		struct sonde_text reason; /* bye, quit, ready */
		struct sonde_msg_config config;
		struct sonde_msg_confirm confirm; /* configured, keyed */
		struct sonde_msg_key key;
		struct sonde_msg_command command;
		struct sonde_msg_answer answer;
		struct sonde_text report; /* health: raw JSON; its "machine" is as in hello.facts */
	};
};

struct sonde_decoder; /* token memory, reused; one per connection or per loop */
int sonde_decoder_new(struct sonde_decoder **);
void sonde_decoder_free(struct sonde_decoder *);

/* Unknown members are skipped (a newer peer), a missing or mistyped one is SONDE_EINVAL with its
 * path, more than 2^20 JSON tokens, or 4096 members of a raw object, SONDE_EFULL. The fuzz target. */
int sonde_msg_decode(struct sonde_decoder *, char *text, size_t len, struct sonde_msg *,
                     struct sonde_error *);
/* Append the message to b; b->failed when it did not fit. */
void sonde_msg_encode(struct sonde_buf *b, const struct sonde_msg *);

/* What the runner writes into the shared page behind --blame-fd before each callback of a probe
 * (active 1) and after it (active 0), so that the node knows whose code ran when a runner died. */
struct sonde_blame {
	struct sonde_id measurement;
	uint32_t task, attempt;
	uint32_t active;
};

/* Frames of a stream socket: 4 bytes of little-endian length, then the message. */
enum { SONDE_FRAME_HEAD = 4 };
/* Append one frame holding the message. */
void sonde_frame_encode(struct sonde_buf *, const struct sonde_msg *);
/* The next whole frame in b->data from *at on: its text and length, *at moved past it. 1 found, 0
 * incomplete, SONDE_EINVAL over SONDE_MSG_MAX. Drop the consumed part with sonde_buf_shift. */
int sonde_frame_next(struct sonde_buf *b, size_t *at, char **text, size_t *len);

/* Name of a failure ("timeout"), "ok" for none; and back (-1 when unknown). */
const char *sonde_failure_name(unsigned failure);
int sonde_failure_parse(const char *name, size_t len);
/* True for failures that say that the measurement could not be made. */
bool sonde_failure_is_ours(unsigned failure);
