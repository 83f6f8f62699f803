/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules: which nodes run them, what each node is told, and what came of it.
 *
 * The controller never starts a run. It keeps a set of members for each schedule (schedule_nodes.c),
 * pushes each node all that it runs as one versioned set (schedule_push.c), and takes the results of
 * runs it never heard of: the run's id says which they are (schedule_runs.c). The version is a hash
 * of the content, so that it needs no storing and a node that has the set is sent nothing. */
#pragma once
#include <uv.h>

#include "base/heap.h"
#include "base/map.h"
#include "controller/nodes.h"
#include "controller/record.h"
#include "controller/schedule.h"

enum { MEMBER_REASON = 120, MEMBER_RECENT = 64, MEMBER_GAPS = 4, MISSED_TOLD = 3 };

enum member_role {
	MEMBER_ASSIGNED,
	MEMBER_STAND_IN, /* for one that is lost */
	MEMBER_LEFT,     /* was one; its late results still count */
};

struct schedule;

/* What one node runs, over all schedules. */
struct node_plan {
	struct sonde_id node;
	struct member *first;
	uint64_t version, acked; /* of the set it shall have; it has */
	int64_t sent_ns;         /* boottime when a set went out that is not acked; 0 = none */
	int64_t silence_ns;      /* boottime when the events below began to count */
	unsigned silences;       /* events of missed and recovered since then */
	bool dirty;
	struct sonde_buf *parts; /* not sent yet: parts[next..count) */
	unsigned next, count;
};

struct member {
	struct schedule *schedule;
	struct node_plan *plan;
	struct member *next, *next_of_node;
	enum member_role role;
	struct sonde_id stands_for;     /* of a stand-in */
	char reason[MEMBER_REASON];
	int64_t since_ms;               /* has this role */
	int64_t told_ms;                /* the node has it; 0 = not yet: nothing is expected */
	uint64_t set_version;           /* of the last set made for the node that holds it */
	int64_t until_ms;               /* expected counts up to here */
	uint64_t expected;              /* due times by plan, while the node was known to follow it */
	uint64_t received;
	uint64_t unplanned;             /* of the received ones: due in a gap, so not in expected */
	struct {
		int64_t from, to;       /* due times in (from, to], newest first */
	} gaps[MEMBER_GAPS];            /* between two plans; the first is open while not told */
	unsigned weight;                /* runs at a due time */
	uint64_t tail;                  /* of expected: due in (tail_from, tail_to], may still come */
	int64_t tail_from, tail_to;
	int64_t tail_over;              /* until this moment */
	int64_t last_due_ms;            /* latest due time received */
	struct sonde_id last_run;       /* of it; zero after a start until one comes */
	struct {
		int64_t due_ms;
		unsigned count;
	} recent[MEMBER_RECENT];        /* planned ones received, not over yet when they came */
	struct sonde_heap_entry booked; /* wall ms; the next run that the controller starts */
	struct sonde_heap_entry check;  /* wall ms; when check_due must have come */
	int64_t check_due;
	unsigned missed;                /* in a row */
	int64_t lost_ns, back_ns;       /* boottime since when; 0 = is not */
	struct sonde_id *peers;         /* of a mesh */
	unsigned peer_count;
};

struct schedule {
	struct sonde_id id;
	uint32_t tag, revision;
	int64_t created_ms, updated_ms;
	char owner[SONDE_ID_TEXT]; /* id of the user who made it; "" = the admin token */
	json_t *spec;
	json_t *resolved; /* see schedule_resolved; of this spec, or NULL */
	struct schedule_facts facts;
	bool usable;  /* facts are good: false when its type is gone, say */
	bool removed;
	struct member *members;
	unsigned assigned;   /* members of that role */
	uint64_t mesh_hash;  /* of the nodes that take part, with their addresses */
	int64_t topped_ns;   /* when it was last tried to find more nodes */
	char problem[160];   /* "" = none */
	char name[65];       /* in by_name; "" = it is not */
};

/* What a change takes while it is being stored: others count with it already. */
struct schedule_claim {
	struct schedule_claim *next;
	struct sonde_id id;
	char name[65], owner[SONDE_ID_TEXT];
	double per_hour; /* tests */
};

struct schedules {
	struct controller *c;
	struct schedule_claim *claims;
	struct sonde_map by_tag, by_name;  /* removed ones have no name */
	struct sonde_map members, plans;   /* by schedule id and node id; by node id */
	struct sonde_heap checks, booked;
	uint64_t mesh_generation; /* of the nodes when meshes were last made */
	int64_t kept_ns, upkeep_ns;
	uint64_t runs, pushed;
	struct mesh_build *builds; /* meshes in the making */
	uv_timer_t more;           /* work that did not fit into one slice */
	bool started;
};

int schedules_load(struct schedules *, struct controller *, struct sonde_error *);
/* The loop will run; it stops, and the memory stays until the handles are closed. */
void schedules_start(struct schedules *);
void schedules_stop(struct schedules *);
void schedules_deinit(struct schedules *);

struct schedule *schedules_by_id(const struct schedules *, const struct sonde_id *);
/* By id or name; never a removed one. */
struct schedule *schedules_find(const struct schedules *, const char *text);
/* After the commit: a new schedule, or another spec or removal of a known one. Takes spec and resolved. */
struct schedule *schedules_put(struct schedules *, const struct sonde_id *, uint32_t revision,
                               int64_t created_ms, const char *owner, json_t *spec,
                               json_t *resolved, bool removed);
/* The stored form. */
void schedule_write(uint32_t revision, int64_t created_ms, int64_t updated_ms, bool removed,
                    const char *owner, const json_t *spec, const json_t *resolved,
                    struct sonde_buf *);

/* ---- schedules.c, for the files beside it ---- */
enum { MEMBER_KEY = 32 };
void schedules_member_key(const struct sonde_id *schedule, const struct sonde_id *node,
                          uint8_t out[MEMBER_KEY]);
struct member *schedules_member_new(struct schedules *, struct schedule *,
                                    const struct sonde_id *node);
struct schedule *schedules_new(struct schedules *, const struct sonde_id *);
/* Takes both. resolved: NULL = not known. */
void schedules_set_spec(struct schedules *, struct schedule *, json_t *spec, json_t *resolved);
struct member *schedules_member(const struct schedules *, const struct sonde_id *schedule,
                                const struct sonde_id *node);
/* Adds, or changes the role of the one there is; stored. NULL when out of memory. */
struct member *schedules_join(struct schedules *, struct schedule *, const struct sonde_id *node,
                              enum member_role, const struct sonde_id *stands_for,
                              const char *reason);
void schedules_leave(struct schedules *, struct member *, const char *reason);
void member_store(struct schedules *, const struct member *);
void schedule_event(struct schedules *, const char *kind, const char *severity,
                    const struct schedule *, const struct sonde_id *node, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));
struct node_plan *schedules_plan(struct schedules *, const struct sonde_id *node);

/* ---- schedule_nodes.c ---- */
/* Choose anew: the schedule is new, or where it runs was changed. */
void schedule_assign(struct schedules *, struct schedule *);
/* Losses, returns, free places; about once a second. */
void schedules_upkeep(struct schedules *, int64_t now_ns);

/* Nodes that have a place now, at most max. */
unsigned schedule_present(const struct schedules *, const struct schedule *, struct node **out,
                          unsigned max);
/* Whether the node may know its options. */
bool schedule_may_have(const struct schedule *, const struct node *);
/* The nodes that it may have: those of the tier of its owner. */
struct node_reach schedule_reach(const struct schedules *, const struct schedule *);
/* The randomness of its policies. */
uint64_t schedule_seed(const struct schedule *);

/* ---- schedule_mesh.c ---- */
/* Begin to choose peers, when the nodes that take part are others than before. */
void schedule_assign_mesh(struct schedules *, struct schedule *);
/* Go on until the time is over; true when nothing is left to do. */
bool schedules_mesh(struct schedules *, int64_t until_ns);
/* How many of `nodes` each one probes, where no policy says so; may be more than there are. */
unsigned schedule_mesh_peers(const struct schedule_facts *, unsigned nodes);
/* Forget what was begun for one; NULL = for all. */
void schedule_mesh_drop(struct schedules *, const struct schedule *);

/* ---- schedule_push.c ---- */
void schedules_node_up(struct schedules *, struct node *, const struct sonde_msg_hello *);
void schedules_acked(struct schedules *, struct node *, const struct sonde_msg_scheduled *);
void schedule_touch(struct schedules *, const struct schedule *); /* its nodes' sets change */
/* True when all that can go out went out before the time was over. */
bool schedules_push(struct schedules *, int64_t until_ns);
/* The connection has room again. */
void schedules_drained(struct schedules *, struct node *);

/* ---- schedule_runs.c ---- */
/* As stored with each result; little-endian hosts only, checked in configure. */
struct schedule_count {
	uint64_t received, unplanned;
	int64_t last_due_ms;
};

/* A result of a run that nobody opened: whose is it? */
struct run_facts {
	struct member *member;
	struct sonde_run run;
	struct sonde_id schedule;
	struct sonde_id peer; /* of a mesh; zero = none */
	bool unplanned; /* due between two plans: it is expected because it came */
};
bool schedules_resolve(struct schedules *, const struct node *, const struct sonde_id *run,
                       struct run_facts *);
/* The measurement record that the run gets, appended. */
int schedules_record(struct schedules *, const struct run_facts *, struct sonde_buf *);
/* It was stored for the first time. */
void schedules_received(struct schedules *, const struct sonde_id *schedule,
                        const struct sonde_id *node, const struct sonde_id *run, int64_t due_ms,
                        bool unplanned);
/* Count what was expected until now; only what can be there already. */
void member_fold(struct member *, int64_t wall_ms);
/* What must have come by now: by plan and patience, and what came before its time was over. */
uint64_t member_expected(const struct member *, int64_t wall_ms);
/* After a start: which of the latest runs are stored. */
void member_recall(struct member *, struct sonde_read *);
/* What is due from now on follows another plan, or none, until member_told. */
void member_settle(struct member *);
/* The node has been told: from now on something is expected. */
void member_told(struct schedules *, struct member *);
void schedules_checks(struct schedules *);
void member_recheck(struct schedules *, struct member *);

/* ---- schedule_booked.c ---- */
void member_seat_booked(struct schedules *, struct member *, int64_t after_ms);
void schedules_book(struct schedules *);

void schedules_tick(struct schedules *, int64_t now_ns);
