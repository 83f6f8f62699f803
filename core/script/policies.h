/* SPDX-License-Identifier: Apache-2.0 */
/* What the files behind policy.h share. */
#pragma once
#include "base/map.h"
#include "script/lines.h"
#include "script/program.h"
#include "script/window.h"

enum { SONDE_POLICY_NAME = 63, SONDE_CHAIN = 8, SONDE_FAULTS = 8, SONDE_SHADOWS = 8,
       SONDE_SHADOW_TEXT = 240 };

struct sonde_policy {
	char name[SONDE_POLICY_NAME + 1];
	struct sonde_program *program;
	struct sonde_turns turns;
	struct sonde_windows windows; /* of verdicts; outlives its programs */
	struct sonde_lines lines;     /* outlive them too */
	char *text; /* source of the program */
	size_t text_len;
	uint32_t version;
	int64_t fault_ns[SONDE_FAULTS]; /* a ring of the last ones */
	unsigned recent;                /* faults of this version */
	bool off;                       /* quarantined */
	uint64_t decisions, fallbacks, faults, took_us;
	struct sonde_shadow *shadow; /* NULL = none */
	int64_t logged_ns; /* 0 = never */
	char last_error[SONDE_REASON];
};

/* A program that decides beside the active one; see sonde_policy_shadow. */
struct sonde_shadow {
	struct sonde_program *program;
	struct sonde_turns turns;
	uint64_t decisions, differs, faults, took_us;
	char last[SONDE_SHADOWS][SONDE_SHADOW_TEXT]; /* differences, a ring */
	char last_error[SONDE_REASON];
};

/* What a decision was: `rows` is the active answer. After that is known. */
void sonde_shadow_ask(struct sonde_policies *, struct sonde_policy *, enum sonde_entry,
                      const struct sonde_request *, const char *params_json, struct sonde_set,
                      unsigned want, const struct sonde_decision *);
void sonde_shadow_free(struct sonde_shadow *); /* NULL is fine */
void sonde_shadow_describe(const struct sonde_shadow *, struct sonde_json *);

/* Rows in ascending order without duplicates. */
struct sonde_rows_copy {
	unsigned *rows;
	unsigned n, cap;
};

struct sonde_policies {
	struct sonde_program_env env;
	struct sonde_columns columns;
	struct sonde_history history;
	struct sonde_past past;
	struct sonde_scratch scratch;
	struct sonde_map map;
	struct sonde_turns turns; /* of the built-in */
	uint64_t set_id;          /* the set looked at last */
	unsigned set_n;
	struct sonde_rows_copy copy;  /* it in order, when the caller's was not */
	struct sonde_rows_copy stage; /* what the policies before the last left */
	bool copied;
	sonde_quarantine_fn *quarantined;
	void *arg;
};

void sonde_policy_say_version(struct sonde_policy *); /* in its lines */
/* NULL when there is none. */
struct sonde_policy *sonde_policies_find(const struct sonde_policies *, const char *name);
void sonde_policies_remove(struct sonde_policies *, struct sonde_policy *);

/* The policies of a chain, each with its params. */
struct sonde_chain {
	struct sonde_policy *policy[SONDE_CHAIN];
	char *params[SONDE_CHAIN]; /* of a chain of several; freed by close */
	const char *single;        /* params of a single policy, borrowed */
	unsigned n;
};

/* SONDE_ENOENT and SONDE_EINVAL with a sentence; close it in any case. */
int sonde_chain_open(const struct sonde_policies *, const char *names, const char *params_json,
                     struct sonde_chain *, struct sonde_error *);
void sonde_chain_close(struct sonde_chain *);
static inline const char *sonde_chain_params(const struct sonde_chain *c, unsigned i)
{
	return c->n == 1 ? c->single : c->params[i];
}
