/* SPDX-License-Identifier: Apache-2.0 */
/* All policies of a controller: by name, with their counters, and the columns they share. Owns
 * everything. */
#include "script/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script/names.h"
#include "script/policies.h"

enum { MEMORY = 16 << 20, INSTRUCTIONS = 1000000, WALL_MS = 2, FAULTS = 3, SCRATCH = 64 << 20 };

int sonde_policies_new(const struct sonde_policy_limits *l, struct sonde_policies **out)
{
	struct sonde_policies *ps = calloc(1, sizeof(*ps));
	struct sonde_policy_limits given = l ? *l : (struct sonde_policy_limits){ 0 };

	if (!ps)
		return SONDE_ENOMEM;
	sonde_columns_init(&ps->columns);
	sonde_scratch_init(&ps->scratch, SCRATCH);
	sonde_map_init(&ps->map);
	sonde_history_init(&ps->history);
	ps->past = (struct sonde_past){ .history = &ps->history, .columns = &ps->columns };
	ps->env.past = &ps->past;
	ps->env.scratch = &ps->scratch;
	ps->env.limits = (struct sonde_policy_limits){
		.memory = given.memory ? given.memory : MEMORY,
		.instructions = given.instructions ? given.instructions : INSTRUCTIONS,
		.wall_ms = given.wall_ms ? given.wall_ms : WALL_MS,
		.faults = given.faults && given.faults <= SONDE_FAULTS ? given.faults : FAULTS,
	};
	*out = ps;
	return SONDE_OK;
}

static void policy_free(struct sonde_policy *p)
{
	sonde_program_free(p->program);
	sonde_windows_deinit(&p->windows);
	sonde_lines_deinit(&p->lines);
	sonde_shadow_free(p->shadow);
	free(p->text);
	free(p);
}

void sonde_policies_free(struct sonde_policies *ps)
{
	if (!ps)
		return;
	struct sonde_policy *p;
	for (size_t at = 0; (p = sonde_map_next(&ps->map, &at));)
		policy_free(p);
	sonde_map_deinit(&ps->map);
	sonde_scratch_deinit(&ps->scratch);
	sonde_columns_deinit(&ps->columns);
	sonde_history_deinit(&ps->history);
	free(ps->copy.rows);
	free(ps->stage.rows);
	free(ps);
}

struct sonde_policy *sonde_policies_find(const struct sonde_policies *ps, const char *name)
{
	return name ? sonde_map_get(&ps->map, name, strlen(name)) : NULL;
}

bool sonde_policy_exists(const struct sonde_policies *ps, const char *name)
{
	return sonde_policies_find(ps, name) != NULL;
}

bool sonde_policy_has(const struct sonde_policies *ps, const char *name, enum sonde_entry entry)
{
	const struct sonde_policy *p = sonde_policies_find(ps, name);

	return p && sonde_program_has(p->program, entry);
}

const char *sonde_policy_peek_text(const struct sonde_policies *ps, const char *name, size_t *len,
                                   uint32_t *version)
{
	const struct sonde_policy *p = sonde_policies_find(ps, name);

	if (!p)
		return NULL;
	*len = p->text_len;
	*version = p->version;
	return p->text;
}

void sonde_policy_set_version(struct sonde_policies *ps, const char *name, uint32_t version)
{
	struct sonde_policy *p = sonde_policies_find(ps, name);

	if (!p || p->version == version)
		return;
	p->version = version;
	sonde_policy_say_version(p);
}

void sonde_policies_on_quarantine(struct sonde_policies *ps, sonde_quarantine_fn *fn, void *arg)
{
	ps->quarantined = fn;
	ps->arg = arg;
}

void sonde_policies_remove(struct sonde_policies *ps, struct sonde_policy *p)
{
	sonde_map_take(&ps->map, p->name, strlen(p->name));
	policy_free(p);
}

/* Describing */

static int by_policy_name(const void *a, const void *b)
{
	const struct sonde_policy *const *x = a, *const *y = b;
	return strcmp((*x)->name, (*y)->name);
}

static void describe_one(const struct sonde_policy *p, void *arg)
{
	struct sonde_json *j = arg;

	sonde_json_open(j, NULL, '{');
	sonde_json_str(j, "name", p->name);
	sonde_json_str(j, "summary", p->program->summary);
	sonde_json_int(j, "version", p->version);
	sonde_json_open(j, "entries", '[');
	for (unsigned i = 0; i < SONDE_ENTRY_COUNT; i++)
		if (sonde_program_has(p->program, i))
			sonde_json_str(j, NULL, sonde_entry_rows[i].name);
	sonde_json_close(j);
	sonde_rows_describe(SONDE_ROWS(p->program->params.row), j, "params");
	sonde_json_open(j, "stats", '{');
	sonde_json_int(j, "decisions", (int64_t)p->decisions);
	sonde_json_int(j, "fallbacks", (int64_t)p->fallbacks);
	sonde_json_int(j, "faults", (int64_t)p->faults);
	sonde_json_int(j, "took_us", (int64_t)p->took_us);
	sonde_json_int(j, "memory", (int64_t)p->program->binding.sandbox.memory);
	sonde_json_bool(j, "quarantined", p->off);
	sonde_json_str(j, "last_error", p->last_error[0] ? p->last_error : NULL);
	sonde_json_close(j);
	if (p->shadow)
		sonde_shadow_describe(p->shadow, j);
	sonde_json_close(j);
}

/* fn for every policy in the order of names; false when memory is short. */
static bool in_names(const struct sonde_policies *ps, void (*fn)(const struct sonde_policy *, void *),
                     void *arg)
{
	struct sonde_policy *p, **all = calloc(ps->map.len + 1, sizeof(struct sonde_policy *));
	unsigned n = 0;

	if (!all)
		return false;
	for (size_t at = 0; (p = sonde_map_next(&ps->map, &at));)
		all[n++] = p;
	qsort(all, n, sizeof(struct sonde_policy *), by_policy_name);
	for (unsigned i = 0; i < n; i++)
		fn(all[i], arg);
	free(all);
	return true;
}

void sonde_policies_describe(const struct sonde_policies *ps, struct sonde_json *j)
{
	if (!in_names(ps, describe_one, j))
		j->buf->failed = true;
}

struct each {
	void (*fn)(void *, const struct sonde_policy_stats *);
	void *arg;
};

static void tell_one(const struct sonde_policy *p, void *arg)
{
	const struct each *e = arg;

	e->fn(e->arg, &(struct sonde_policy_stats){
		.name = p->name, .version = p->version, .decisions = p->decisions,
		.fallbacks = p->fallbacks, .faults = p->faults, .took_us = p->took_us,
		.shadow_decisions = p->shadow ? p->shadow->decisions : 0,
		.shadow_differs = p->shadow ? p->shadow->differs : 0,
		.shadow_faults = p->shadow ? p->shadow->faults : 0,
		.memory = p->program->binding.sandbox.memory, .quarantined = p->off });
}

void sonde_policies_each(const struct sonde_policies *ps,
                         void (*fn)(void *, const struct sonde_policy_stats *), void *arg)
{
	in_names(ps, tell_one, &(struct each){ fn, arg });
}
