/* SPDX-License-Identifier: Apache-2.0 */
/* A version on trial: asked what the active one was asked, its answer compared and forgotten. Owns its
 * program and the texts of the last differences. Its faults are its own: they never touch the active
 * one. The decision that was made is not changed, but took as much longer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "script/policies.h"

enum { NAMED = 4 };

void sonde_shadow_free(struct sonde_shadow *s)
{
	if (!s)
		return;
	sonde_program_free(s->program);
	free(s);
}

int sonde_policy_shadow(struct sonde_policies *ps, struct sonde_policies *from, const char *name)
{
	struct sonde_policy *source = sonde_policies_find(from, name), *p = sonde_policies_find(ps, name);
	struct sonde_shadow *s = source && p ? calloc(1, sizeof(*s)) : NULL;

	if (!source || !p)
		return SONDE_ENOENT;
	if (!s)
		return SONDE_ENOMEM;
	s->program = source->program;
	source->program = NULL;
	sonde_policies_remove(from, source);
	sonde_binding_move(&s->program->binding, &ps->past, &ps->scratch, &s->turns);
	sonde_shadow_free(p->shadow);
	p->shadow = s;
	sonde_lines_add(&p->lines, SONDE_LINE_SHADOW, "another text decides beside it");
	return SONDE_OK;
}

void sonde_policy_unshadow(struct sonde_policies *ps, const char *name)
{
	struct sonde_policy *p = sonde_policies_find(ps, name);

	if (!p)
		return;
	sonde_shadow_free(p->shadow);
	p->shadow = NULL;
}

/* ---- comparing ---- */

static void put_names(const struct sonde_policies *ps, struct sonde_buf *b, const unsigned *rows,
                      unsigned n)
{
	for (unsigned i = 0; i < n && i < NAMED; i++)
		sonde_buf_printf(b, "%s%.24s", i ? "," : "",
		                 sonde_column_peek_text(ps, rows[i], SONDE_COL_NAME));
	if (n > NAMED)
		sonde_buf_printf(b, ",... (%u)", n);
	if (!n)
		sonde_buf_str(b, "nobody");
}

static void note(const struct sonde_policies *ps, struct sonde_shadow *s,
                 const struct sonde_request *req, const struct sonde_answer *a,
                 const struct sonde_decision *active)
{
	char *to = s->last[s->differs++ % SONDE_SHADOWS];
	struct sonde_buf b;

	sonde_buf_init(&b, 1024);
	sonde_buf_printf(&b, "%.24s %.48s: ", req->type ? req->type : "", req->target ? req->target : "");
	put_names(ps, &b, a->rows, a->count);
	sonde_buf_str(&b, " instead of ");
	put_names(ps, &b, active->rows, active->count);
	snprintf(to, SONDE_SHADOW_TEXT, "%s", b.failed ? "" : sonde_buf_cstr(&b));
	sonde_buf_deinit(&b);
}

static void fault(struct sonde_policy *p, const char *why)
{
	struct sonde_shadow *s = p->shadow;

	s->faults++;
	sonde_lines_add(&p->lines, SONDE_LINE_SHADOW, why);
	snprintf(s->last_error, sizeof(s->last_error), "%s", why);
}

static int answer(struct sonde_policies *ps, struct sonde_shadow *s, enum sonde_entry entry,
                  const struct sonde_request *req, const char *params, struct sonde_set set,
                  unsigned want, struct sonde_answer *a)
{
	struct sonde_error err = { "", "" };
	int64_t left = ps->env.limits.wall_ms * SONDE_NS_PER_MS;

	if (!sonde_program_has(s->program, entry))
		entry = SONDE_ENTRY_PICK;
	if (!sonde_program_has(s->program, entry))
		return SONDE_ENOENT;
	if (sonde_program_params(s->program, params, &err) != SONDE_OK) {
		snprintf(a->reason, sizeof(a->reason), "params: %.60s %.80s", err.path, err.text);
		return SONDE_EINVAL;
	}
	return sonde_program_ask(s->program, &ps->env, entry, req, set, want, left, a);
}

void sonde_shadow_ask(struct sonde_policies *ps, struct sonde_policy *p, enum sonde_entry entry,
                      const struct sonde_request *req, const char *params, struct sonde_set set,
                      unsigned want, const struct sonde_decision *active)
{
	struct sonde_shadow *s = p->shadow;
	unsigned *rows = s->faults < ps->env.limits.faults ? malloc((want + 1) * sizeof(*rows)) : NULL;
	struct sonde_answer a = { .rows = rows };
	int64_t start = sonde_boottime_ns();

	if (!rows)
		return;
	int rc = answer(ps, s, entry, req, params, set, want, &a);
	s->took_us += (uint64_t)(sonde_boottime_ns() - start) / 1000;
	if (rc == SONDE_OK || rc == SONDE_EDENIED || rc == SONDE_EINVAL)
		s->decisions++;
	if (rc == SONDE_EDENIED || rc == SONDE_EINVAL)
		fault(p, a.reason);
	else if (rc == SONDE_OK && (a.count != active->count ||
	                            memcmp(a.rows, active->rows, a.count * sizeof(*rows))))
		note(ps, s, req, &a, active);
	free(rows);
}

void sonde_shadow_describe(const struct sonde_shadow *s, struct sonde_json *j)
{
	uint64_t first = s->differs > SONDE_SHADOWS ? s->differs - SONDE_SHADOWS : 0;

	sonde_json_open(j, "shadow", '{');
	sonde_json_int(j, "decisions", (int64_t)s->decisions);
	sonde_json_int(j, "differs", (int64_t)s->differs);
	sonde_json_int(j, "faults", (int64_t)s->faults);
	sonde_json_int(j, "took_us", (int64_t)s->took_us);
	sonde_json_str(j, "last_error", s->last_error[0] ? s->last_error : NULL);
	sonde_json_open(j, "differences", '[');
	for (uint64_t i = s->differs; i-- > first;)
		sonde_json_str(j, NULL, s->last[i % SONDE_SHADOWS]);
	sonde_json_close(j);
	sonde_json_close(j);
}

void sonde_policy_describe_shadow(const struct sonde_policies *ps, const char *name,
                                  struct sonde_json *j)
{
	const struct sonde_policy *p = sonde_policies_find(ps, name);

	if (p && p->shadow)
		sonde_shadow_describe(p->shadow, j);
}
