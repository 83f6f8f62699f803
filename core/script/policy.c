/* SPDX-License-Identifier: Apache-2.0 */
/* All policies of a controller: by name, with their counters, and the columns they share. Owns
 * everything. A decision goes: look at the set, ask the policy, and where that fails count the
 * fault and let the built-in decide. */
#include "script/policy.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "script/policies.h"

enum { MEMORY = 16 << 20, INSTRUCTIONS = 1000000, WALL_MS = 10, FAULTS = 3, SCRATCH = 64 << 20 };
enum { LOG_EVERY_S = 60 };

int sonde_policies_new(const struct sonde_policy_limits *l, struct sonde_policies **out)
{
	struct sonde_policies *ps = calloc(1, sizeof(*ps));
	struct sonde_policy_limits given = l ? *l : (struct sonde_policy_limits){ 0 };

	if (!ps)
		return SONDE_ENOMEM;
	sonde_columns_init(&ps->columns);
	sonde_scratch_init(&ps->scratch, SCRATCH);
	sonde_map_init(&ps->map);
	ps->env.columns = &ps->columns;
	ps->env.scratch = &ps->scratch;
	ps->env.limits = (struct sonde_policy_limits){
		.memory = given.memory ? given.memory : MEMORY,
		.instructions = given.instructions ? given.instructions : INSTRUCTIONS,
		.wall_ms = given.wall_ms ? given.wall_ms : WALL_MS,
		.faults = given.faults ? given.faults : FAULTS,
	};
	*out = ps;
	return SONDE_OK;
}

static void policy_free(struct sonde_policy *p)
{
	sonde_program_free(p->program);
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
	free(ps->copy);
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

void sonde_policies_remove(struct sonde_policies *ps, struct sonde_policy *p)
{
	sonde_map_take(&ps->map, p->name, strlen(p->name));
	policy_free(p);
}

/* Deciding */

static bool in_order(const unsigned *rows, unsigned n, unsigned limit)
{
	unsigned bad = n && rows[n - 1] >= limit;

	for (unsigned i = 1; i < n; i++)
		bad |= rows[i - 1] >= rows[i];
	return !bad;
}

static int by_row(const void *a, const void *b)
{
	unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
	return x < y ? -1 : x > y;
}

static bool copy_in_order(struct sonde_policies *ps, const unsigned *rows, unsigned n)
{
	if (n > ps->copy_cap) {
		unsigned *more = realloc(ps->copy, n * sizeof(*more));
		if (!more)
			return false;
		ps->copy = more;
		ps->copy_cap = n;
	}
	memcpy(ps->copy, rows, n * sizeof(*rows));
	qsort(ps->copy, n, sizeof(*rows), by_row);
	ps->copy_n = 0;
	for (unsigned i = 0; i < n && ps->copy[i] < ps->columns.rows; i++)
		if (!ps->copy_n || ps->copy[i] != ps->copy[ps->copy_n - 1])
			ps->copy[ps->copy_n++] = ps->copy[i];
	return true;
}

static struct sonde_set look_at(struct sonde_policies *ps, uint64_t id, const unsigned *rows,
                                unsigned n)
{
	if (!id || id != ps->set_id || n != ps->set_n) {
		ps->set_id = id;
		ps->set_n = n;
		ps->copied = !in_order(rows, n, ps->columns.rows);
		if (ps->copied && !copy_in_order(ps, rows, n)) {
			ps->set_id = 0;
			return (struct sonde_set){ 0 };
		}
	}
	if (ps->copied)
		return (struct sonde_set){ ps->copy, ps->copy_n, true };
	return (struct sonde_set){ rows, n, true };
}

static void fault(struct sonde_policies *ps, struct sonde_policy *p, const char *why)
{
	int64_t now = sonde_boottime_ns();

	p->faults++;
	snprintf(p->last_error, sizeof(p->last_error), "%s", why);
	bool switched = ++p->faults_in_row >= ps->env.limits.faults && !p->off;
	p->off |= switched;
	if (!switched && p->logged_ns && now - p->logged_ns < LOG_EVERY_S * SONDE_NS_PER_S)
		return;
	p->logged_ns = now;
	sonde_log(SONDE_LOG_WARN, "policy", "%s: %s (%llu faults)%s", p->name, why,
	          (unsigned long long)p->faults, switched ? "; switched off until reloaded" : "");
}

/* The policy's own decision; false with the reason when there is none. */
static bool ask(struct sonde_policies *ps, struct sonde_policy *p, const struct sonde_request *req,
                struct sonde_set set, unsigned want, struct sonde_decision *out)
{
	struct sonde_error err = { { 0 }, { 0 } };
	struct sonde_answer answer = { .rows = out->rows };

	out->version = p->version;
	p->decisions++;
	if (p->off) {
		snprintf(out->reason, sizeof(out->reason), "%s is switched off: %s", p->name,
		         p->last_error);
		return false;
	}
	if (sonde_program_params(p->program, req->params_json, &err) != SONDE_OK) {
		snprintf(out->reason, sizeof(out->reason), "%s: params: %s %s", p->name, err.path,
		         err.text);
		return false;
	}
	if (sonde_program_pick(p->program, &ps->env, req, set, want, &answer) != SONDE_OK) {
		fault(ps, p, answer.reason);
		snprintf(out->reason, sizeof(out->reason), "%s: %s", p->name, answer.reason);
		return false;
	}
	p->faults_in_row = 0;
	out->count = answer.count;
	snprintf(out->reason, sizeof(out->reason), "%s", answer.reason[0] ? answer.reason : p->name);
	return true;
}

static void decide_builtin(struct sonde_policies *ps, const struct sonde_request *req,
                           struct sonde_set set, unsigned want, struct sonde_decision *out)
{
	struct sonde_choice ch = { &ps->columns, &ps->scratch, &ps->turns, req->seed, 0, 0 };

	sonde_scratch_reset(&ps->scratch);
	int n = sonde_rule_apply(&sonde_rule_builtin, &ch, set, NULL, want, false, out->rows);
	if (n < 0) {
		memcpy(out->rows, set.rows, want * sizeof(*out->rows));
		n = (int)want;
	}
	out->count = (unsigned)n;
	out->fallback = true;
}

void sonde_policy_pick(struct sonde_policies *ps, const char *name, const struct sonde_request *req,
                       const unsigned *rows, unsigned n, struct sonde_decision *out)
{
	int64_t start = sonde_boottime_ns();
	struct sonde_set set = look_at(ps, req->set_id, rows, n);
	unsigned want = req->want < set.n ? req->want : set.n;
	struct sonde_policy *p = sonde_policies_find(ps, name);

	out->count = 0;
	out->version = 0;
	out->fallback = false;
	if (!p)
		snprintf(out->reason, sizeof(out->reason), "no policy is named %s", name ? name : "");
	if (!p || !ask(ps, p, req, set, want, out))
		decide_builtin(ps, req, set, want, out);
	out->took_us = (uint32_t)((sonde_boottime_ns() - start) / 1000);
	if (p) {
		p->fallbacks += out->fallback;
		p->took_us += out->took_us;
	}
}

unsigned sonde_policy_route(struct sonde_policies *ps, const char *name,
                            const struct sonde_request *req, char (*out)[SONDE_REGION_TEXT],
                            unsigned max)
{
	struct sonde_policy *p = sonde_policies_find(ps, name);
	struct sonde_answer answer = { 0 };

	if (!p || p->off || p->program->route == LUA_NOREF ||
	    sonde_program_params(p->program, req->params_json, NULL) != SONDE_OK)
		return 0;
	if (sonde_program_route(p->program, &ps->env, req, out, max, &answer) != SONDE_OK)
		fault(ps, p, answer.reason);
	return answer.count;
}

int sonde_policy_check_params(struct sonde_policies *ps, const char *name, const char *json,
                              struct sonde_error *err)
{
	struct sonde_policy *p = sonde_policies_find(ps, name);

	if (!p)
		return sonde_fail(err, SONDE_ENOENT, "policy", "no policy is named '%s'",
		                  name ? name : "");
	return sonde_program_params(p->program, json, err);
}

/* Describing */

static int by_policy_name(const void *a, const void *b)
{
	const struct sonde_policy *const *x = a, *const *y = b;
	return strcmp((*x)->name, (*y)->name);
}

static void describe_one(const struct sonde_policy *p, struct sonde_json *j)
{
	sonde_json_open(j, NULL, '{');
	sonde_json_str(j, "name", p->name);
	sonde_json_str(j, "summary", p->program->summary);
	sonde_json_int(j, "version", p->version);
	sonde_rows_describe(SONDE_ROWS(p->program->params.row), j, "params");
	sonde_json_open(j, "stats", '{');
	sonde_json_int(j, "decisions", (int64_t)p->decisions);
	sonde_json_int(j, "fallbacks", (int64_t)p->fallbacks);
	sonde_json_int(j, "faults", (int64_t)p->faults);
	sonde_json_int(j, "took_us", (int64_t)p->took_us);
	sonde_json_int(j, "memory", (int64_t)p->program->binding.sandbox.memory);
	sonde_json_bool(j, "off", p->off);
	sonde_json_str(j, "last_error", p->last_error[0] ? p->last_error : NULL);
	sonde_json_close(j);
	sonde_json_close(j);
}

void sonde_policies_describe(const struct sonde_policies *ps, struct sonde_json *j)
{
	struct sonde_policy *p, **all = calloc(ps->map.len + 1, sizeof(struct sonde_policy *));
	unsigned n = 0;

	if (!all) {
		j->buf->failed = true;
		return;
	}
	for (size_t at = 0; (p = sonde_map_next(&ps->map, &at));)
		all[n++] = p;
	qsort(all, n, sizeof(struct sonde_policy *), by_policy_name);
	for (unsigned i = 0; i < n; i++)
		describe_one(all[i], j);
	free(all);
}
