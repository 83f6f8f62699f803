/* SPDX-License-Identifier: Apache-2.0 */
/* A prompt inside the sandbox of one policy, on nodes as they were at one moment. An expression is
 * evaluated and shown, a statement is run; set, view, req, lb and policy (its functions) are there, and
 * names that are assigned stay. All lines are one decision to the helpers: lists of earlier lines can be
 * used on. */
#pragma once
#include <jansson.h>

#include "base/buf.h"
#include "script/policy.h"

struct sonde_console;

/* snapshot: as sonde_policies_snapshot writes it; borrowed until the console is freed, as the request's
 * texts are. SONDE_EINVAL with a sentence. */
int sonde_console_new(const char *name, const char *file, const char *text, size_t len,
                      const json_t *snapshot, const struct sonde_request *, struct sonde_console **,
                      struct sonde_error *);
/* What there is to show, without a line feed at the end, is added to `out`. SONDE_EINVAL: it is the
 * error. */
int sonde_console_run(struct sonde_console *, const char *line, size_t len, struct sonde_buf *out);
/* The decision as the controller would make it: nodes and reason. */
void sonde_console_decide(struct sonde_console *, struct sonde_buf *out);
unsigned sonde_console_nodes(const struct sonde_console *);
void sonde_console_free(struct sonde_console *); /* NULL is fine */
