/* SPDX-License-Identifier: Apache-2.0 */
/* Points are taken on the loop before the store is asked, and given back when nothing came of it,
 * so that two requests cannot both take the last. */
#include "controller/api/quota.h"

#include <ctype.h>
#include <string.h>

#include "base/clock.h"

enum { MINUTE_S = 60 };

void quota_begin(struct quota *q, const struct call *call)
{
	char from[64];

	memset(q, 0, sizeof(*q));
	q->c = call->c;
	q->user = call->who.user;
	q->unlimited = call->who.role == ROLE_ADMIN;
	if (q->user) {
		q->tier = tiers_get(&call->c->accounts.tiers, q->user->facts.tier);
		q->limit = q->tier->facts.per_hour;
		snprintf(q->key, sizeof(q->key), "tests:%s", q->user->facts.id);
	} else {
		limit_address(call->view->peer, from);
		q->limit = call->c->options.anonymous_per_hour;
		snprintf(q->key, sizeof(q->key), "tests:%s", from);
	}
}

int quota_allows(struct quota *q, struct measurement_request *r, bool policy_given,
                 struct sonde_error *e)
{
	const struct tier *t = q->unlimited ? NULL : q->tier;

	if (!t)
		return SONDE_OK;
	if (!tier_has_type(t, r->type->name))
		return sonde_fail(e, SONDE_EINVAL, "type", "\"type\" is not among those of the tier %s",
		                  t->facts.name);
	if (t->facts.policy && !policy_given && sonde_policy_exists(q->c->policies, t->facts.policy))
		r->policy = t->facts.policy;
	return SONDE_OK;
}

/* What is probed, so that no crowd of users can be pointed at one target. */
static bool target_key(const struct measurement_request *r, char out[LIMIT_KEY_MAX])
{
	if (r->type->target != TYPE_TARGET_HOST)
		return false;
	snprintf(out, LIMIT_KEY_MAX, "target:%s", r->target);
	for (char *p = out; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return true;
}

static int refuse(struct quota *q, const char *type, struct sonde_error *e, const char *text)
{
	q->why = type;
	return sonde_fail(e, SONDE_EDENIED, "", "%s", text);
}

static int take_points(struct quota *q, unsigned tests, struct sonde_error *e)
{
	struct limits *l = &q->c->accounts.limits;
	int64_t now = sonde_boottime_ns();
	struct limit_view v = limits_look(l, q->key, q->limit, now);
	int64_t points = tests < v.remaining ? tests : v.remaining, over = tests - points;

	if (over && !q->user)
		return refuse(q, "rate_limit_exceeded", e, "This measurement exceeds the remaining "
		              "hourly rate limit for your IP address.");
	/* Of several measurements at once, earlier ones may have taken the credits. */
	bool paying = q->user && q->user->credits + q->credits > 0;
	if (over > 0 && over > q->user->credits)
		return refuse(q, paying ? "insufficient_credits" : "rate_limit_exceeded", e,
		              paying ? "Not enough credits to run this measurement." :
		              "This measurement exceeds the remaining hourly rate limit for your account.");
	if (points && !limits_use(l, q->key, points, q->limit, LIMIT_WINDOW_S, now))
		return refuse(q, "rate_limit_exceeded", e, "The table of limits is full; try again.");
	q->points += points;
	if (over) {
		q->user->credits -= over;
		q->credits += over;
	}
	q->cost += tests;
	return SONDE_OK;
}

int quota_take(struct quota *q, const struct measurement_request *r, unsigned tests,
               struct sonde_error *e)
{
	struct limits *l = &q->c->accounts.limits;
	int64_t now = sonde_boottime_ns(), most = q->c->options.target_per_minute;
	char key[LIMIT_KEY_MAX];

	if (q->unlimited)
		return SONDE_OK;
	if (q->tier && tests > q->tier->facts.nodes)
		return refuse(q, "rate_limit_exceeded", e,
		              "The tier of your account allows fewer nodes in one measurement.");
	if (q->user && q->user->running >= q->tier->facts.concurrent)
		return refuse(q, "rate_limit_exceeded", e,
		              "Too many of your measurements run already; wait for one to finish.");
	bool counted = most && target_key(r, key);
	if (counted && !limits_use(l, key, tests, most, MINUTE_S, now))
		return refuse(q, "rate_limit_exceeded", e,
		              "This target is measured too often; try again in a minute.");
	int rc = take_points(q, tests, e);
	if (rc != SONDE_OK && counted)
		limits_return(l, key, tests, now);
	return rc;
}

void quota_return(struct quota *q)
{
	if (q->points)
		limits_return(&q->c->accounts.limits, q->key, q->points, sonde_boottime_ns());
	if (q->user)
		q->user->credits += q->credits;
	q->points = q->credits = q->cost = 0;
}

bool quota_entry(const struct quota *q, struct sonde_id *id, struct sonde_buf *b)
{
	if (!q->credits)
		return false;
	const struct ledger_entry entry = { .user = q->user->facts.id, .kind = LEDGER_SPEND,
		                            .amount = -q->credits, .note = "measurements" };
	sonde_id_make(&q->c->ids, id);
	ledger_write(&entry, b);
	return true;
}

static void header(struct quota *q, unsigned *n, const char *name, int64_t value)
{
	char *text = q->text[*n];
	snprintf(text, sizeof(q->text[0]), "%lld", (long long)value);
	q->headers[(*n)++] = (struct sonde_header){ name, text };
}

const struct sonde_header *quota_headers(struct quota *q)
{
	struct limit_view v = limits_look(&q->c->accounts.limits, q->key, q->limit,
	                                  sonde_boottime_ns());
	unsigned n = 0;

	if (!q->unlimited) {
		header(q, &n, "X-RateLimit-Limit", v.limit);
		header(q, &n, "X-RateLimit-Consumed", q->points);
		header(q, &n, "X-RateLimit-Remaining", v.remaining);
		header(q, &n, "X-RateLimit-Reset", v.reset_s);
		header(q, &n, "X-Request-Cost", q->cost);
		if (q->user && q->credits) {
			header(q, &n, "X-Credits-Consumed", q->credits);
			header(q, &n, "X-Credits-Remaining", q->user->credits);
		}
	}
	q->headers[n].name = NULL;
	return q->headers;
}

void quota_describe(const struct quota *q, struct sonde_json *j)
{
	struct limit_view v = limits_look(&q->c->accounts.limits, q->key, q->limit,
	                                  sonde_boottime_ns());

	sonde_json_str(j, "type", q->user ? "user" : "ip");
	sonde_json_int(j, "limit", v.limit);
	sonde_json_int(j, "remaining", v.remaining);
	sonde_json_int(j, "reset", v.reset_s);
}

void quota_refuse(struct quota *q, struct sonde_req *req, const struct sonde_error *e)
{
	answer_refused(q->c, req, 429, q->why, e->text, quota_headers(q));
}

/* ---- schedules ---- */

enum { DUES_LOOKED_AT = 200 };

/* The shortest time from one run to the next, as far as can be seen from here. */
static int64_t shortest_gap_ms(const struct schedule_facts *f)
{
	struct sonde_plan plan = f->plan;
	int64_t shortest = INT64_MAX, due, next;

	plan.windows = f->windows;
	due = sonde_plan_next(&plan, sonde_wall_ms());
	for (unsigned i = 0; i < DUES_LOOKED_AT && due != SONDE_PLAN_NEVER; i++, due = next) {
		next = sonde_plan_next(&plan, due);
		if (next != SONDE_PLAN_NEVER && next - due < shortest)
			shortest = next - due;
	}
	return shortest;
}

static int too_often(const struct schedule_facts *f, const struct tier *t, struct sonde_error *e)
{
	return sonde_fail(e, SONDE_EINVAL, f->cron ? "cron" : "interval",
	                  "must leave %.15gs from one run to the next, which is the least of the tier %s",
	                  (double)t->facts.interval_ns / 1e9, t->facts.name);
}

static int check_nodes(const struct controller *c, const struct schedule_facts *f,
                       const struct tier *t, struct sonde_error *e)
{
	const struct node_reach reach = { .tier = t->facts.name, .priority = t->facts.priority };
	uint64_t nodes = f->mesh ? c->nodes.by_id.len : f->node_count ? f->node_count : f->wanted;

	if (nodes > (uint64_t)t->facts.nodes)
		return sonde_fail(e, SONDE_EINVAL, f->mesh ? "targets" : f->node_count ? "nodes" : "limit",
		                  "must be at most %lld nodes in the tier %s",
		                  (long long)t->facts.nodes, t->facts.name);
	for (unsigned i = 0; i < f->node_count; i++) {
		const struct node *n = nodes_by_id(&c->nodes, &f->nodes[i]);
		if (n && !node_in_reach(n, &reach))
			return sonde_fail(e, SONDE_EINVAL, "nodes", "%.64s is not for the tier %s",
			                  n->facts.name, t->facts.name);
	}
	return SONDE_OK;
}

enum { DAY_MS = 86400000, DAY_H = 24, HOUR_S = 3600, DUES_MAX = 86400 };

double schedule_per_hour(const struct controller *c, const struct schedule_facts *f)
{
	unsigned all = (unsigned)c->nodes.by_id.len, peers = schedule_mesh_peers(f, all);
	double nodes = f->node_count ? f->node_count : f->wanted;
	int64_t now = sonde_wall_ms();

	if (f->mesh)
		nodes = (double)all * (peers < all ? peers : all ? all - 1 : 0);
	if (f->interval_ns)
		return nodes * HOUR_S * SONDE_NS_PER_S / (double)f->interval_ns;
	return nodes * (double)sonde_plan_count(&f->plan, now, now + DAY_MS, DUES_MAX) / DAY_H;
}

static bool is_claimed(const struct schedules *ss, const struct sonde_id *id)
{
	const struct schedule_claim *m = ss->claims;

	while (m && !sonde_id_equal(&m->id, id))
		m = m->next;
	return m != NULL;
}

/* By the schedules of an owner but one; of those that are being changed, what they will be. */
static double taken_per_hour(const struct controller *c, const char *owner, const struct schedule *self)
{
	const struct schedules *ss = &c->schedules;
	const struct schedule *s;
	double taken = 0;
	size_t at = 0;

	for (const struct schedule_claim *m = ss->claims; m; m = m->next)
		if (!strcmp(m->owner, owner))
			taken += m->per_hour;
	while ((s = sonde_map_next(&ss->by_tag, &at)))
		if (s != self && !s->removed && s->usable && !strcmp(s->owner, owner) &&
		    !is_claimed(ss, &s->id))
			taken += schedule_per_hour(c, &s->facts);
	return taken;
}

static int check_planned(const struct controller *c, const struct schedule_facts *f,
                         const struct tier *t, const char *owner, const struct schedule *self,
                         struct sonde_error *e)
{
	if (!t->facts.planned)
		return SONDE_OK;
	double taken = taken_per_hour(c, owner, self), more = schedule_per_hour(c, f);
	if (taken + more <= (double)t->facts.planned)
		return SONDE_OK;
	return sonde_fail(e, SONDE_EINVAL, f->cron ? "cron" : "interval",
	                  "plans %.0f tests an hour, and other schedules %.0f: more than the %lld of "
	                  "the tier %s", more, taken, (long long)t->facts.planned, t->facts.name);
}

int schedule_tier_allows(const struct controller *c, const struct schedule_facts *f,
                         const struct tier *t, const char *owner, const struct schedule *self,
                         struct sonde_error *e)
{
	if (!tier_has_type(t, f->type))
		return sonde_fail(e, SONDE_EINVAL, "type", "\"type\" is not among those of the tier %s",
		                  t->facts.name);
	if (f->interval_ns ? f->interval_ns < t->facts.interval_ns :
	    shortest_gap_ms(f) < t->facts.interval_ns / SONDE_NS_PER_MS)
		return too_often(f, t, e);
	int rc = check_nodes(c, f, t, e);
	return rc == SONDE_OK ? check_planned(c, f, t, owner, self, e) : rc;
}
