/* SPDX-License-Identifier: Apache-2.0 */
/* What a policy's Lua state sees of the nodes: `view`, lists of positions, and `lb`.
 *
 * A column in `view` is a read-only table; it is filled when Lua first reads an entry of it and
 * kept right from then on, so that a policy which only names columns to helpers costs nothing when
 * a node changes. A list (the candidates, or what a helper returned) is a C array until Lua reads
 * or changes it; then it becomes an ordinary table of its own. A list that was kept from an
 * earlier decision and never read is refused. */
#pragma once
#include <lua.h>
#include <stdbool.h>

#include "script/choose.h"
#include "script/history.h"
#include "script/sandbox.h"

enum { SONDE_BINDING_LISTS = 8192 };

/* What the programs of one sonde_policies share. The past columns of the decision that is being made are filled when
 * something first reads one, so that they cost nothing elsewhere. */
struct sonde_past {
	struct sonde_history *history;
	struct sonde_columns *columns;
	const struct sonde_request *req; /* of the question that is being answered */
	bool used; /* in this decision */
	bool mirrored[SONDE_COL_ALL]; /* in a state, ever: then changes are told to all */
};

struct sonde_binding {
	struct sonde_sandbox sandbox;
	struct sonde_choice choice; /* of the running decision */
	struct sonde_lines *lines;  /* of the policy; NULL = nobody listens */
	unsigned said;              /* lines of this decision */
	struct sonde_windows *windows; /* of the policy; NULL in a program that never observes */
	struct sonde_past *past;
	struct sonde_actions *actions; /* of the running observation; NULL in a decision */
	uint32_t generation;        /* of decisions */
	unsigned lists, lists_cap;
	struct sonde_set *list;     /* grows to SONDE_BINDING_LISTS */
	bool reads_set;             /* Lua has read a decision's first list, the candidates: make room at once */
	bool mirrored[SONDE_COL_ALL];
	bool littered;              /* a decision left more garbage than one slice sweeps */
	bool broken;                /* a change did not fit into the state: see it as full */
	int mirror[SONDE_COL_ALL];  /* registry reference */
};

int sonde_binding_init(struct sonde_binding *, size_t memory_max, struct sonde_past *,
                       struct sonde_scratch *, struct sonde_turns *);
void sonde_binding_deinit(struct sonde_binding *);

/* Moved to another set of policies, which owns these. */
void sonde_binding_move(struct sonde_binding *, struct sonde_past *, struct sonde_scratch *,
                        struct sonde_turns *);
/* A new decision: earlier lists are over. */
void sonde_binding_begin(struct sonde_binding *, uint64_t seed, uint64_t shape);
/* Row `at` of a column changed; columns nobody read in Lua are passed over. */
void sonde_binding_changed(struct sonde_binding *, unsigned column, unsigned at);

/* For functions running in the state. rows must live as long as the decision. */
void sonde_binding_push_list(lua_State *, struct sonde_set);
void sonde_binding_push_view(lua_State *);
/* The list at idx: positions checked to be in the columns, raises otherwise. Valid as long as the
 * decision. */
struct sonde_set sonde_binding_check_list(lua_State *, int idx);
/* Index of the column at idx, which must be of that kind; raises otherwise. */
enum sonde_column_kind sonde_binding_column_kind(lua_State *, int idx); /* LIST when none */
unsigned sonde_binding_check_column(lua_State *, int idx, enum sonde_column_kind);

struct sonde_lb_row {
	const char *name;
	lua_CFunction fn;
	const char *rule; /* that `pick = lb.name` stands for, NULL = none */
	const char *args;    /* "set: set, column: numbers, ties?: numbers" */
	const char *returns; /* type, as LuaLS writes it */
	const char *doc;
};
extern const struct sonde_lb_row sonde_lb_rows[]; /* ends with a NULL name */
/* Push the table of helpers. */
void sonde_lb_push(lua_State *);
