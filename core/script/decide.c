/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions: put the candidates in order, let the chain narrow them and its last policy answer, and
 * where any of that fails count the fault and let the built-in decide. Owns the two copies of
 * candidates that live in struct sonde_policies. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "script/names.h"
#include "script/policies.h"

enum { LOG_EVERY_S = 60, QUARANTINE_S = 60 };

/* Candidates */

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

static bool copy_in_order(struct sonde_rows_copy *copy, const unsigned *rows, unsigned n,
                          unsigned limit)
{
	if (n > copy->cap) {
		unsigned *more = realloc(copy->rows, n * sizeof(*more));
		if (!more)
			return false;
		copy->rows = more;
		copy->cap = n;
	}
	if (n)
		memcpy(copy->rows, rows, n * sizeof(*rows));
	if (!in_order(rows, n, limit))
		qsort(copy->rows, n, sizeof(*rows), by_row);
	copy->n = 0;
	for (unsigned i = 0; i < n && copy->rows[i] < limit; i++)
		if (!copy->n || copy->rows[i] != copy->rows[copy->n - 1])
			copy->rows[copy->n++] = copy->rows[i];
	return true;
}

static struct sonde_set look_at(struct sonde_policies *ps, uint64_t id, const unsigned *rows,
                                unsigned n)
{
	if (!id || id != ps->set_id || n != ps->set_n) {
		ps->set_id = id;
		ps->set_n = n;
		ps->copied = !in_order(rows, n, ps->columns.rows);
		if (ps->copied && !copy_in_order(&ps->copy, rows, n, ps->columns.rows)) {
			ps->set_id = 0;
			return (struct sonde_set){ 0 };
		}
	}
	if (ps->copied)
		return (struct sonde_set){ ps->copy.rows, ps->copy.n, true, id };
	return (struct sonde_set){ rows, n, true, id };
}

/* Faults */

static bool too_many(struct sonde_policies *ps, const struct sonde_policy *p, int64_t now)
{
	unsigned limit = ps->env.limits.faults;

	if (p->recent < limit)
		return false;
	int64_t first = p->fault_ns[(p->recent - limit) % SONDE_FAULTS];
	return now - first <= QUARANTINE_S * SONDE_NS_PER_S;
}

static void fault(struct sonde_policies *ps, struct sonde_policy *p, const char *why)
{
	int64_t now = sonde_boottime_ns();

	p->faults++;
	p->fault_ns[p->recent++ % SONDE_FAULTS] = now;
	snprintf(p->last_error, sizeof(p->last_error), "%s", why);
	sonde_lines_add(&p->lines, SONDE_LINE_FAULT, why);
	bool switched = !p->off && too_many(ps, p, now);
	p->off |= switched;
	if (switched)
		sonde_lines_add(&p->lines, SONDE_LINE_QUARANTINED, "not asked until it is loaded again");
	if (switched && ps->quarantined)
		ps->quarantined(ps->arg, p->name, why);
	if (!switched && p->logged_ns && now - p->logged_ns < LOG_EVERY_S * SONDE_NS_PER_S)
		return;
	p->logged_ns = now;
	sonde_log(SONDE_LOG_WARN, "policy", "%s: %s (%llu faults)%s", p->name, why,
	          (unsigned long long)p->faults,
	          switched ? "; quarantined until it is loaded again" : "");
}

/* One decision on its way */

struct deciding {
	struct sonde_policies *ps;
	const struct sonde_request *req;
	struct sonde_chain chain;
	struct sonde_set set;
	unsigned want;
	int64_t start_ns;
	char *reason; /* SONDE_REASON bytes */
};

static void say(struct deciding *d, const char *name, const char *text)
{
	size_t used = strlen(d->reason);

	if (!used && d->chain.n == 1) { /* nearly always; printf would cost as much as the helpers */
		size_t n = strnlen(text, SONDE_REASON - 1);
		memcpy(d->reason, text, n);
		d->reason[n] = '\0';
		return;
	}
	snprintf(d->reason + used, SONDE_REASON - used, "%s%s%s%s", used ? "; " : "",
	         d->chain.n > 1 ? name : "", d->chain.n > 1 ? ": " : "", text);
}

static int64_t left_ns(const struct deciding *d)
{
	int64_t left = d->start_ns + d->ps->env.limits.wall_ms * SONDE_NS_PER_MS - sonde_boottime_ns();
	int64_t least = SONDE_NS_PER_MS / 2; /* also for one that comes after a slow one */

	return left > least ? left : least;
}

/* Policy i of the chain; false with the reason when it does not answer. */
static bool ask(struct deciding *d, unsigned i, enum sonde_entry entry, struct sonde_set set,
                unsigned want, struct sonde_answer *answer)
{
	struct sonde_policy *p = d->chain.policy[i];
	struct sonde_error err = { { 0 }, { 0 } };

	if (p->off) {
		snprintf(d->reason, SONDE_REASON, "%s is quarantined: %s", p->name, p->last_error);
		return false;
	}
	if (sonde_program_params(p->program, sonde_chain_params(&d->chain, i), &err) != SONDE_OK) {
		snprintf(d->reason, SONDE_REASON, "%s: params: %s %s", p->name, err.path, err.text);
		return false;
	}
	if (sonde_program_ask(p->program, &d->ps->env, entry, d->req, set, want, left_ns(d),
	                      answer) != SONDE_OK) {
		fault(d->ps, p, answer->reason);
		snprintf(d->reason, SONDE_REASON, "%s: %s", p->name, answer->reason);
		return false;
	}
	return true;
}

static bool open_chain(struct deciding *d, const char *names)
{
	struct sonde_error err = { { 0 }, { 0 } };

	d->ps->past.used = false;
	if (sonde_chain_open(d->ps, names, d->req->params_json, &d->chain, &err) == SONDE_OK)
		return true;
	snprintf(d->reason, SONDE_REASON, "%s", err.text);
	return false;
}

/* The last one narrows too where it does nothing else with candidates. */
static unsigned narrowing(const struct sonde_chain *c)
{
	const struct sonde_program *last = c->policy[c->n - 1]->program;

	return c->n - (sonde_program_has(last, SONDE_ENTRY_PICK) ||
	               !sonde_program_has(last, SONDE_ENTRY_NARROW));
}

/* One after the other; true when d->set is what they left. */
static bool narrow(struct deciding *d, struct sonde_turns_tape *tape)
{
	struct sonde_rows_copy *stage = &d->ps->stage;
	struct sonde_set set = d->set;

	for (unsigned i = 0; i < narrowing(&d->chain); i++) {
		unsigned *rows = malloc((set.n + 1) * sizeof(*rows));
		struct sonde_answer a = { .rows = rows, .tape = tape };
		bool ok = rows && ask(d, i, SONDE_ENTRY_NARROW, set, d->want, &a) &&
			  copy_in_order(stage, rows, a.count, d->ps->columns.rows);
		free(rows);
		if (!ok)
			return false;
		if (a.reason[0])
			say(d, d->chain.policy[i]->name, a.reason);
		set = (struct sonde_set){ stage->rows, stage->n, true };
	}
	d->set = set;
	if (d->want > set.n)
		d->want = set.n;
	return true;
}

static void decide_builtin(struct deciding *d, struct sonde_decision *out)
{
	struct sonde_policies *ps = d->ps;
	struct sonde_choice ch = { .columns = &ps->columns, .scratch = &ps->scratch,
	                           .turns = &ps->turns, .seed = d->req->seed };

	sonde_scratch_reset(&ps->scratch);
	int n = sonde_rule_apply(&sonde_rule_builtin, &ch, d->set, NULL, d->want, false, out->rows);
	if (n < 0) {
		memcpy(out->rows, d->set.rows, d->want * sizeof(*out->rows));
		n = (int)d->want;
	}
	out->count = (unsigned)n;
}

static struct sonde_policy *last_of(const struct deciding *d)
{
	return d->chain.n ? d->chain.policy[d->chain.n - 1] : NULL;
}

static void begin(struct deciding *d, struct sonde_policies *ps, const struct sonde_request *req,
                  const unsigned *rows, unsigned n, struct sonde_decision *out)
{
	*d = (struct deciding){ .ps = ps, .req = req, .start_ns = sonde_boottime_ns(),
	                        .reason = out->reason };
	d->set = look_at(ps, req->set_id, rows, n);
	d->want = req->want < d->set.n ? req->want : d->set.n;
	out->count = out->version = out->turns.n = 0;
	out->fallback = false;
	out->reason[0] = '\0';
}

static void finish(struct deciding *d, struct sonde_decision *out)
{
	struct sonde_policy *last = last_of(d);

	out->took_us = (uint32_t)((sonde_boottime_ns() - d->start_ns) / 1000);
	if (last) {
		out->version = last->version;
		last->decisions++;
		last->fallbacks += out->fallback;
		last->took_us += out->took_us;
	}
	sonde_chain_close(&d->chain);
}

/* The answer of the last policy to `entry`, or to pick when it has no function for that. */
static bool answer_last(struct deciding *d, enum sonde_entry entry, struct sonde_decision *out,
                        struct sonde_answer *a)
{
	unsigned last = d->chain.n - 1;
	struct sonde_program *p = d->chain.policy[last]->program;

	if (!sonde_program_has(p, entry))
		entry = SONDE_ENTRY_PICK;
	if (!sonde_program_has(p, entry)) {
		decide_builtin(d, out);
		say(d, d->chain.policy[last]->name, "built-in order");
		return true;
	}
	if (!ask(d, last, entry, d->set, d->want, a))
		return false;
	out->count = a->count;
	say(d, d->chain.policy[last]->name, a->reason[0] ? a->reason : d->chain.policy[last]->name);
	return true;
}

static void choose(struct sonde_policies *ps, const char *names, enum sonde_entry entry,
                   const struct sonde_request *req, const unsigned *rows, unsigned n,
                   struct sonde_decision *out)
{
	struct deciding d;

	begin(&d, ps, req, rows, n, out);
	struct sonde_set all = d.set;
	unsigned want = d.want;
	struct sonde_answer a = { .rows = out->rows, .tape = &out->turns };
	if (!open_chain(&d, names) || !narrow(&d, &out->turns) ||
	    !answer_last(&d, entry, out, &a)) {
		d.set = all;
		d.want = want;
		out->fallback = true;
		decide_builtin(&d, out);
	}
	struct sonde_policy *last = last_of(&d);
	if (last && last->shadow && !out->fallback)
		sonde_shadow_ask(ps, last, entry, req, sonde_chain_params(&d.chain, d.chain.n - 1), d.set,
		                 d.want, out);
	finish(&d, out);
}

void sonde_policy_pick(struct sonde_policies *ps, const char *names,
                       const struct sonde_request *req, const unsigned *rows, unsigned n,
                       struct sonde_decision *out)
{
	choose(ps, names, SONDE_ENTRY_PICK, req, rows, n, out);
}

void sonde_policy_assign(struct sonde_policies *ps, const char *names,
                         const struct sonde_request *req, const unsigned *rows, unsigned n,
                         struct sonde_decision *out)
{
	choose(ps, names, SONDE_ENTRY_ASSIGN, req, rows, n, out);
}

void sonde_policy_retry(struct sonde_policies *ps, const char *names,
                        const struct sonde_request *req, const unsigned *rows, unsigned n,
                        struct sonde_decision *out)
{
	struct sonde_request one = *req;

	one.want = 1;
	choose(ps, names, SONDE_ENTRY_RETRY, &one, rows, n, out);
}

/* Questions without candidates */

unsigned sonde_policy_route(struct sonde_policies *ps, const char *names,
                            const struct sonde_request *req, char (*out)[SONDE_REGION_TEXT],
                            unsigned max)
{
	char reason[SONDE_REASON] = "";
	struct deciding d = { .ps = ps, .req = req, .start_ns = sonde_boottime_ns(),
	                      .reason = reason };
	struct sonde_answer a = { .regions = out, .max = max };
	unsigned i = 0;

	if (open_chain(&d, names)) {
		while (i < d.chain.n && !sonde_program_has(d.chain.policy[i]->program,
		                                           SONDE_ENTRY_ROUTE))
			i++;
		if (i < d.chain.n && !ask(&d, i, SONDE_ENTRY_ROUTE, (struct sonde_set){ 0 },
		                          req->want, &a))
			a.count = 0;
	}
	sonde_chain_close(&d.chain);
	return a.count;
}

void sonde_policy_admit(struct sonde_policies *ps, const char *names,
                        const struct sonde_request *req, struct sonde_admission *out)
{
	struct deciding d = { .ps = ps, .req = req, .start_ns = sonde_boottime_ns(),
	                      .reason = out->reason };

	out->want = req->want;
	out->reason[0] = '\0';
	out->refused = !open_chain(&d, names);
	for (unsigned i = 0; !out->refused && i < d.chain.n; i++) {
		struct sonde_answer a = { 0 };
		if (!sonde_program_has(d.chain.policy[i]->program, SONDE_ENTRY_ADMIT))
			continue;
		out->refused = !ask(&d, i, SONDE_ENTRY_ADMIT, (struct sonde_set){ 0 }, out->want, &a);
		if (out->refused)
			break;
		out->refused = a.refused;
		out->want = a.want;
		if (a.reason[0])
			say(&d, d.chain.policy[i]->name, a.reason);
	}
	out->took_us = (uint32_t)((sonde_boottime_ns() - d.start_ns) / 1000);
	sonde_chain_close(&d.chain);
}

/* Meshes */

static unsigned every_pair(struct deciding *d, struct sonde_peering *out, unsigned max)
{
	unsigned n = d->set.n, count = 0;
	uint64_t all = (uint64_t)n * (n ? n - 1 : 0);

	for (unsigned i = 0; i < n && count < max; i++)
		for (unsigned k = 0; k < n && count < max; k++)
			if (i != k)
				out[count++] = (struct sonde_peering){ d->set.rows[i], d->set.rows[k] };
	if (all > count) {
		char text[80];
		snprintf(text, sizeof(text), "%llu of %llu pairs left out",
		         (unsigned long long)(all - count), (unsigned long long)all);
		say(d, "mesh", text);
	}
	return count;
}

unsigned sonde_policy_peers(struct sonde_policies *ps, const char *names,
                            const struct sonde_request *req, const unsigned *rows, unsigned n,
                            struct sonde_peering *out, unsigned max, struct sonde_decision *dec)
{
	struct deciding d;
	char text[80];

	begin(&d, ps, req, rows, n, dec);
	struct sonde_set all = d.set;
	struct sonde_answer a = { .pairs = out, .max = max, .tape = &dec->turns };
	bool ok = open_chain(&d, names) && narrow(&d, &dec->turns);
	bool has = ok && sonde_program_has(last_of(&d)->program, SONDE_ENTRY_PEERS);
	if (has)
		ok = ask(&d, d.chain.n - 1, SONDE_ENTRY_PEERS, d.set, d.want, &a);
	if (ok && has) {
		dec->count = a.count;
		snprintf(text, sizeof(text), "%u of %u pairs left out", a.over, a.over + a.count);
		if (a.over || a.reason[0])
			say(&d, last_of(&d)->name, a.over ? text : a.reason);
	} else {
		d.set = ok ? d.set : all;
		dec->fallback = true;
		dec->count = every_pair(&d, out, max);
	}
	finish(&d, dec);
	return dec->count;
}

/* Verdicts */

int sonde_policy_observe(struct sonde_policies *ps, const char *name, enum sonde_entry entry,
                         const struct sonde_request *req, const struct json_t *facts,
                         struct sonde_actions *out)
{
	char reason[SONDE_REASON] = "";
	struct deciding d = { .ps = ps, .req = req, .start_ns = sonde_boottime_ns(),
	                      .reason = reason };
	struct sonde_answer a = { .facts = facts, .actions = out };
	int rc = SONDE_EDENIED;

	out->n = 0;
	if (open_chain(&d, name) && d.chain.n == 1) {
		struct sonde_policy *p = last_of(&d);
		p->windows.now_ms = (int64_t)json_number_value(json_object_get(facts, "at"));
		rc = ask(&d, 0, entry, (struct sonde_set){ 0 }, 0, &a) ? SONDE_OK : SONDE_EDENIED;
		p->decisions++;
		p->took_us += (uint64_t)(sonde_boottime_ns() - d.start_ns) / 1000;
	}
	if (rc != SONDE_OK)
		out->n = 0;
	sonde_chain_close(&d.chain);
	return rc;
}

int sonde_policy_check_params(struct sonde_policies *ps, const char *names, const char *json,
                              struct sonde_error *err)
{
	struct sonde_chain chain;

	int rc = sonde_chain_open(ps, names, json, &chain, err);
	for (unsigned i = 0; rc == SONDE_OK && i < chain.n; i++) {
		rc = sonde_program_params(chain.policy[i]->program, sonde_chain_params(&chain, i), err);
		if (rc != SONDE_OK && chain.n > 1)
			sonde_error_nest(err, chain.policy[i]->name, -1);
	}
	sonde_chain_close(&chain);
	return rc;
}
