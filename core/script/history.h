/* SPDX-License-Identifier: Apache-2.0 */
/* What each node has seen of each target: success, time and its spread, as means in which the last
 * results weigh most. A series is one type of measurement and one target, the network of a target
 * (/24 or /48), or all targets; it has a cell for each node that took part. Bounded in series and
 * bytes; the series not used for longest goes first. Knows no Lua, no clock and no disk. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"
#include "script/columns.h"

enum { SONDE_HISTORY_SERIES = 8192, SONDE_HISTORY_BYTES = 32 << 20 };

struct sonde_history_cell {
	uint32_t row;              /* of the node + 1; 0 = free */
	uint32_t seen;             /* results, stops at UINT32_MAX */
	uint32_t timed;            /* those with a time */
	float ok, ms, variance;    /* ok 0..1; ms and variance of those with a time */
};

struct sonde_history_series {
	struct sonde_history_series *newer, *older;
	struct sonde_history_cell *cells; /* open addressing by row */
	unsigned n, cap;                  /* cap: power of two or 0 */
	uint8_t net[7];                   /* of a target: where it was last seen; net[0] = bytes, 0 = never */
	size_t key_len;
	char key[];
};

struct sonde_history {
	struct sonde_map map;
	struct sonde_history_series *newest, *oldest;
	size_t bytes;
	uint64_t noted, evicted;
	uint64_t version;            /* counts changes */
	uint64_t filled;             /* version that the columns show, 0 = none */
	unsigned filled_rows;
	size_t filled_len;
	char filled_for[330];        /* type and target */
};

/* How one result went, or several alike. Texts are borrowed for the call. */
struct sonde_outcome {
	unsigned row;        /* of the node */
	const char *type;
	const char *target;  /* as it was asked for; NULL = none */
	const char *address; /* that it had; NULL or unreadable = unknown */
	double ok;           /* 0..1: the share that was answered */
	double ms;           /* NaN = no time */
	double variance;     /* of the times of several */
	unsigned count;      /* results; 0 = 1 */
};

void sonde_history_init(struct sonde_history *);
void sonde_history_deinit(struct sonde_history *);
/* SONDE_ENOMEM: it is not noted. */
int sonde_history_note(struct sonde_history *, const struct sonde_outcome *);
/* The node of a row is gone. */
void sonde_history_forget(struct sonde_history *, unsigned row);
/* Write the past columns of every row for one type and target (NULL = none): of the target where the
 * node has seen it, else of its network, else of all targets of the type, else unset. Nothing is
 * written where nothing was ever noted. */
void sonde_history_fill(struct sonde_history *, const char *type, const char *target,
                        struct sonde_columns *);
