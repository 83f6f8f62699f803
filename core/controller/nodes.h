/* SPDX-License-Identifier: Apache-2.0 */
/* The registry: every node that ever enrolled and was not removed, in memory, with its stored
 * facts and what its heartbeats say. Owns struct node; a node is freed only at close. */
#pragma once
#include <jansson.h>

#include "base/heap.h"
#include "base/map.h"
#include "base/secret.h"
#include "controller/bus.h"
#include "net/net.h"
#include "param/param.h"
#include "script/policy.h"
#include "store/store.h"
#include "wire/wire.h"

enum node_status {
	NODE_PENDING,      /* enrolled, not approved yet */
	NODE_ONLINE,
	NODE_STALE,        /* connected or just lost, but no heartbeat for 2 intervals */
	NODE_OFFLINE,
	NODE_DISABLED,
	NODE_DEREGISTERED, /* said goodbye */
	NODE_BANNED,       /* sent away until the ban is over */
	NODE_STATUSES
};

const char *node_status_name(enum node_status);

/* Stored, as JSON by node_fact_rows(): sensitive rows encrypted. tags is a comma list. */
struct node_facts {
	const char *name, *region, *country, *city, *state, *continent, *network, *tags;
	const char *contact, *remarks;
	int64_t asn, priority;
	double latitude, longitude;
	uint8_t approved, disabled, removed, goodbye;
	const char *key_hash; /* hex of SHA-256 */
	const char *token;    /* id of the registration token it came with */
	const char *owner;    /* id of the user who earns by it */
	uint8_t trusted;      /* secrets of measurements may be sent to it */
	const char *address;  /* for other nodes, as it told last */
	int64_t created_ms, goodbye_ms;
	const char *tier;       /* accounts that may use it; "" = all. The operator's word only */
	uint8_t draining;       /* takes no new tasks */
	uint8_t placed;         /* an operator said where it is */
	uint8_t banned;
	const char *ban_reason;
	int64_t ban_until_ms;   /* 0 = for good */
	const char *settings;   /* wire/settings.h, JSON; NULL = none */
	int64_t settings_version;
	const char *next_key_hash; /* rotation: the new key; NULL = none under way */
	int64_t next_key_ms;       /* when it was made; also its serial */
	uint8_t next_key_kept;     /* the node said that it has it */
};

enum node_reload {
	NODE_RELOAD_NONE,
	NODE_RELOAD_ASKED,
	NODE_RELOAD_DONE,
	NODE_RELOAD_FAILED, /* reload_why says why nothing changed */
};

struct task;
struct users;
struct task_list {
	struct task *first, *last;
	uint32_t count;
};

/* What one node may say of itself; doc/nodes.md has the table. */
enum { NODE_PLUGINS_MAX = 128, NODE_PLUGIN_NAME = 64, NODE_PLUGIN_VERSION = 64,
       NODE_PLUGIN_BYTES = 16 << 10, NODE_EVENTS_A_MINUTE = 10 };

enum { NODE_RESOLVERS = 8, NODE_RESOLVER_TEXT = 46 };

/* As node/machine.h says; not known: an older node, which counts as having both families. */
struct node_machine {
	bool known, ipv4, ipv6;
	int64_t cpus, memory_mib; /* 0 = not known */
	char resolvers[NODE_RESOLVERS][NODE_RESOLVER_TEXT]; /* addresses, or "private" */
	unsigned resolver_count;
};

struct node {
	struct sonde_id id;
	struct node_facts facts;
	struct sonde_pool pool; /* the facts' texts */
	unsigned row;           /* in the policy columns and in nodes.all */
	bool unsealed;          /* its stored form is an older one, with nothing encrypted */

	/* live */
	struct sonde_conn *conn; /* NULL when not connected; set after a good hello */
	int64_t beat_ns, lost_ns; /* boottime of the last heartbeat and of the loss */
	struct sonde_msg_beat beat;
	double rtt_ms, offset_ms; /* estimated by heartbeats */
	uint32_t capacity;
	struct node_machine machine;
	int64_t known_ns, up_since_ns, up_ns; /* boottime: here since; connected since, and before that */
	char version[33];
	char peer[64];
	json_t *plugins; /* array of { name, version }; NULL before hello */
	json_t *refused; /* array of { file, why }; NULL = none */
	enum node_reload reload;
	char reload_why[256];
	struct task_list queued, active;
	struct task *slot; /* the test between two nodes that this one is booked for */
	struct node *dirty_next; /* waits for dispatch */
	bool dirty, sending;
	bool full;              /* it refused a task for want of room, just now */
	uint32_t full_at;       /* the tasks it had then */
	enum node_status shown; /* last published */
	uint64_t results, lost; /* stored, and lost at the node, since the start */
	int64_t own_beat_ns;    /* of its settings, 0 = as all */
	double rtt_min_ms;      /* 0 = not measured */
	struct sonde_id pair;   /* the node with which it was seen to be too near for both places */
	double pair_ms;         /* and their fastest round trip; 0 = with none */
	enum sonde_uplink uplink;
	enum sonde_storage storage;
	json_t *health;         /* what its self-test said; NULL = nothing yet */
	uint64_t settings_have; /* version in force at the node */
	char settings_problem[200]; /* why the last version is not in force, "" */
	bool insecure;            /* its connection is clear text on a network */
	int64_t told_ns;          /* since when its events are counted */
	unsigned told;
	char sent_away[128];      /* why its last connection was refused, "" */
};

struct nodes {
	struct sonde_map by_id;
	struct node **all; /* by row; NULL where removed */
	unsigned len, cap;
	uint64_t generation; /* changes when membership or any filterable fact changes */
	struct sonde_policies *policies;
	struct bus *bus;
	int64_t beat_ns;       /* heartbeat interval */
	int64_t deregistered_ms;
	double latitude, longitude; /* of the controller; both 0 = not told */
	/* Wall clock less boottime, and since when (boottime) it is that: what was stamped before
	 * cannot be compared with now. */
	int64_t clock_offset_ms, clock_since_ms;
	const uint8_t *seal;   /* key of SONDE_KEY_BYTES; borrowed */
	const struct users *users; /* for the names of owners; borrowed */
	const char *newest;    /* version of the node software that there is */
};

struct sonde_rows node_fact_rows(void);
/* Those an operator or the node itself may set: the first rows of the table. */
struct sonde_rows node_public_rows(void);

int nodes_init(struct nodes *, struct sonde_policies *, struct bus *);
void nodes_deinit(struct nodes *);
/* Read all from the store. */
int nodes_load(struct nodes *, struct sonde_store *, struct sonde_error *);

struct node *nodes_by_id(const struct nodes *, const struct sonde_id *);
/* What a measurement may have. */
struct node_reach {
	bool all;         /* of any tier and priority */
	bool trusted;     /* trusted nodes only */
	const char *tier; /* of the account, "" = none */
	int64_t priority; /* no node above it */
};
bool node_in_reach(const struct node *, const struct node_reach *);
/* The other nodes; *out is the caller's to free. SONDE_ENOMEM: nothing may be chosen then. */
int nodes_out_of_reach(const struct nodes *, const struct node_reach *, struct node ***out,
                       unsigned *count);
/* By id, by exact name, or by a prefix of an id that fits one node only; NULL otherwise. */
struct node *nodes_find(const struct nodes *, const char *text);
enum node_status node_status(const struct nodes *, const struct node *);
bool node_is_banned(const struct node *);
/* Between the node's heartbeats, as both sides understand it. */
int64_t node_beat_ns(const struct nodes *, const struct node *);
/* Distance that light could not have gone within the node's fastest round trip: what it claims about
 * its place cannot be true. Kilometres too many, 0 = possible or not known. */
double node_too_far_km(const struct nodes *, const struct node *);
/* The same between two nodes: this one has measured that one. */
void nodes_pair_seen(struct node *, struct node *, double rtt_ms);
/* The node, out into *peer, with which that was so, by the places of now; 0 when there is none, or
 * when an operator vouches for this node's place and not for the other's. */
double node_too_far_from_peer_km(const struct nodes *, const struct node *, const struct node **peer);
/* Lower, equal or higher as -1, 0, 1: "1.10.2" against "1.9". */
int version_compare(const char *a, const char *b);
/* True when the node may be given tasks now. */
bool node_is_ready(const struct nodes *, const struct node *);
/* What the node told of its machine, from hello or its self-test: into memory and the columns. */
void node_set_machine(struct nodes *, struct node *, const json_t *told);
void node_machine_columns(struct nodes *, struct node *);
/* Of addresses: 4 or 6, see node/machine.h; 0 asks for none. */
bool node_has_family(const struct node *, unsigned family);
/* Share of the time that it was connected, 0..1, since the controller started or the node enrolled,
 * whichever was later. */
double node_uptime(const struct node *);
void node_resolvers(const struct node *, struct sonde_json *); /* "resolvers": [...]; NULL: none */
bool node_has_type(const struct node *, const char *type, size_t len);
bool node_has_tag(const struct node *, const char *tag, size_t len);

/* New node in memory from checked facts (texts are copied); NULL when out of memory. */
struct node *nodes_add(struct nodes *, const struct sonde_id *, const struct node_facts *);
/* Replace the facts and refresh columns. */
int node_set_facts(struct nodes *, struct node *, const struct node_facts *);
void nodes_remove(struct nodes *, struct node *);
/* Mirror load, rtt, ... into the policy columns after a heartbeat. */
void node_refresh(struct nodes *, struct node *);
/* Publish on the bus when the status is another than the last shown. */
void node_announce(struct nodes *, struct node *);
void node_set_plugins(struct nodes *, struct node *, json_t *plugins); /* takes */

/* Tags come as an array or as a comma list; rows know only the list: turn the one into the other. */
int node_join_tags(json_t *facts, struct sonde_error *);

/* Stored value of a node; any thread. */
void node_write(const struct nodes *, const struct node_facts *, struct sonde_buf *);
/* A stored value with all its members in clear, NULL when it cannot be read; any thread. What was
 * encrypted with another key is left out, with a line in the log. */
json_t *node_stored(const struct nodes *, const void *data, size_t len, struct sonde_error *);

/* JSON for the API: `full` for administrators. */
void node_describe(const struct nodes *, const struct node *, struct sonde_json *, bool full);
void node_put_tags(const struct node *, struct sonde_json *); /* "tags": [...] */
/* Globalping's probe location object members into an open object. */
void node_location(const struct node *, struct sonde_json *);
