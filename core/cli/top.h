/* SPDX-License-Identifier: Apache-2.0 */
/* `sonde top`: what is known of the controller (top_model.c), the matrix made of it (top_grid.c), how
 * it looks (top_draw.c), what keys change (top_keys.c), the terminal (top_terminal.c), and the loop that feeds them (top.c). */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <termios.h>

#include "base/buf.h"
#include "base/map.h"

/* ---- what is known ---- */

enum top_outcome { TOP_OK, TOP_FAILED, TOP_UNMEASURED };

/* The newest result of a node of a target. */
struct top_pair {
	char *node, *column;   /* a column is "TYPE TARGET\tSCHEDULE", the last an id or "" */
	char *name;            /* of the node when it measured */
	enum top_outcome outcome;
	double latency, loss;  /* ms, percent; NAN = none */
	int64_t at_ms;         /* when it was stored */
	char failure[32];      /* "" = none */
	char why[160];         /* one line, "" = none */
};

enum {
	TOP_PAIRS = 50000,            /* known at most; others are counted in left_out */
	TOP_BACK = 20000,             /* results read back at first, or after lost contact */
	TOP_OLD_MS = 60 * 60 * 1000,  /* an older newest result is not shown */
};

struct top_model {
	struct sonde_map pairs; /* "NODE COLUMN" -> struct top_pair */
	int64_t swept_ns;       /* when old pairs were forgotten last */
	json_t *nodes;          /* object: id -> the node as the controller told it last */
	json_t *schedules;      /* object: id -> schedule */
	json_t *problems;       /* array: what is open or acknowledged */
	json_t *stats;          /* NULL = none yet */
	uint64_t next;          /* ingest number to go on at; 0 = none yet */
	uint64_t missed;        /* results that the controller did not send */
	uint64_t left_out;      /* results of more pairs than are kept */
	double rate;            /* results a second, NAN until two stats were there */
	double stored;          /* results in the newest stats */
	int64_t stats_ns;
};

int top_model_init(struct top_model *);
void top_model_deinit(struct top_model *);
/* Each takes its document, whatever it is: what is not understood is left out. */
void top_model_nodes(struct top_model *, json_t *list);
void top_model_schedules(struct top_model *, json_t *list);
void top_model_problems(struct top_model *, json_t *list);
void top_model_stats(struct top_model *, json_t *stats);
/* A message of /v1/live, borrowed. */
void top_model_message(struct top_model *, const json_t *message);
/* How many nodes have this status; NULL = all. */
unsigned top_model_count(const struct top_model *, const char *status);
/* The name of a column's schedule, "" when it has none. */
const char *top_schedule(const struct top_model *, const char *column);
/* Open means: not acknowledged, not silenced. */
bool top_is_open(const json_t *problem);
unsigned top_open_problems(const struct top_model *);

/* ---- the matrix ---- */

extern const char *const top_groups[]; /* names of the filters by type; the first is all; ends NULL */

enum { TOP_FILTER = 64 };

struct top_filter {
	unsigned group; /* index into top_groups */
	bool bad_only, offline;
	char text[TOP_FILTER]; /* words; each stands in the node's name or region, or in the type, the
	                        * target or the schedule */
};

struct top_line {
	const char *key;  /* borrowed from the model: node id or column */
	const char *name; /* for people; of a column up to the tab */
	double badness;
	unsigned bad;     /* pairs that are not well */
};

/* Rows are nodes, columns targets, each with the worst first. */
struct top_grid {
	struct top_line *rows, *columns;
	size_t row_count, column_count;
	unsigned pairs, bad, failing;
	char sentence[512]; /* is it the node or the target? */
};

/* Valid until the model changes. */
int top_grid_make(struct top_grid *, const struct top_model *, const struct top_filter *);
void top_grid_free(struct top_grid *);
/* The line of this key, or the first. */
size_t top_line_index(const struct top_line *, size_t n, const char *key);
/* NULL when there is none. */
const struct top_pair *top_grid_pair(const struct top_model *, const char *node, const char *column);
bool top_is_bad(const struct top_pair *);

/* ---- how it looks ---- */

struct top_view {
	const char *url;
	bool colour;
	unsigned rows, columns;      /* of the terminal */
	struct top_filter filter;
	bool loss;                   /* show loss instead of latency */
	bool typing, help;           /* the filter is typed now; the keys are listed */
	char *node, *column;         /* the chosen pair, owned; NULL = the first */
	size_t first_row, first_column;
	size_t page;                 /* rows of the matrix that were shown */
	bool live;                   /* false = what is shown is old */
	char since[16];              /* when contact was lost */
	char why[256];               /* and why */
};

enum top_move { TOP_UP, TOP_DOWN, TOP_LEFT, TOP_RIGHT, TOP_PAGE_UP, TOP_PAGE_DOWN, TOP_HOME, TOP_END };

/* A whole screen with the sequences that put it in place. */
void top_draw(struct top_view *, const struct top_model *, struct sonde_buf *);
void top_move(struct top_view *, const struct top_model *, enum top_move);
/* The same in plain lines: one of counters, then a line for each pair that is not well. */
void top_print(const struct top_view *, const struct top_model *);
/* The same as one object. */
json_t *top_describe(const struct top_view *, const struct top_model *);
void top_view_deinit(struct top_view *);

/* ---- the terminal ---- */

struct top_terminal {
	int in, out;
	bool taken;
	struct termios before;
	char typed[8]; /* the start of a key that has more bytes */
	unsigned typed_len;
};

/* The whole screen, no echo, no cursor; what stood there comes back with give. 0 or -errno. */
int top_terminal_take(struct top_terminal *);
void top_terminal_give(struct top_terminal *);
void top_terminal_size(const struct top_terminal *, unsigned *rows, unsigned *columns);
/* All of it, waiting for a slow terminal; false when the terminal has gone. */
bool top_terminal_write(const struct top_terminal *, const char *text, size_t len);

enum { TOP_KEY_MOVE = 256 }; /* keys from here on are TOP_KEY_MOVE + enum top_move */
/* What was typed: calls key with a character or a move. false when the terminal has gone. */
bool top_terminal_read(struct top_terminal *, void (*key)(void *, int), void *arg);
/* A lone Esc is also how longer keys begin: to be called when nothing came after it for a while. */
void top_terminal_settle(struct top_terminal *, void (*key)(void *, int), void *arg);
/* What a key does to the view; false = quit. */
bool top_key(struct top_view *, const struct top_model *, int key);
