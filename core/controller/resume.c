/* SPDX-License-Identifier: Apache-2.0 */
/* Measurements that are not over go on: those that a start finds in the store, and a task whose node
 * failed, with another node. What a measurement may (its owner, its secrets, its policy) is read again
 * from its record, as at the first placement. */
#include "controller/resume.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "controller/controller.h"

enum { NEEDS_POOL = 64 << 10 };
enum { OPEN_WINDOW_MS = 600000 }; /* a measurement lives at most 305 s; this is how far back a
                                     start looks for unfinished ones */

/* ---- after a start ---- */

struct reopening {
	struct controller *c;
	struct sonde_read *read;
	unsigned count;
};

/* Without its key a measurement goes on without its secrets, and its nodes say what they lack. */
static void unseal(struct controller *c, struct measurement *m)
{
	const struct sonde_text *sealed = &m->record.sealed;
	size_t len = sealed->len > SONDE_SEAL_EXTRA ? sealed->len - SONDE_SEAL_EXTRA : 0;
	char *text = len ? malloc(len) : NULL;

	if (text && sonde_secret_open(c->accounts.keys.seal, sealed->s, sealed->len, (uint8_t *)text))
		measurement_secrets(m, text, len);
	else
		free(text);
}

static struct user *measurement_owner(struct controller *c, const struct measurement *m)
{
	char id[SONDE_ID_TEXT];

	if (m->record.owner.len != SONDE_ID_TEXT - 1)
		return NULL;
	memcpy(id, m->record.owner.s, SONDE_ID_TEXT - 1);
	id[SONDE_ID_TEXT - 1] = '\0';
	return users_by_id(&c->accounts.users, id);
}

static int reopen_one(void *arg, struct sonde_slice key, struct sonde_slice value)
{
	struct reopening *ro = arg;
	struct sonde_result result;
	struct sonde_id id;

	if (key.len != sizeof(id.b))
		return 0;
	memcpy(id.b, key.data, sizeof(id.b));
	char *bytes = malloc(value.len ? value.len : 1);
	if (!bytes)
		return SONDE_ENOMEM;
	memcpy(bytes, value.data, value.len);
	struct measurement *m = measurement_new(&id, bytes, value.len);
	if (!m) {
		free(bytes);
		return 0;
	}
	unseal(ro->c, m);
	struct user *owner = measurement_owner(ro->c, m);
	if (owner)
		measurement_count(m, &owner->running);
	if (m->record.schedule.len && !m->record.pairs) { /* a run of a node's own: it came with its result */
		measurement_free(m);
		return 0;
	}
	for (uint32_t i = 0; i < m->record.count; i++) {
		if (sonde_read_result(ro->read, &id, i, &result) != SONDE_OK)
			continue;
		m->tasks[i].state = TASK_DONE;
		m->done++;
	}
	if (m->done == m->record.count || tasks_open(&ro->c->tasks, m) != SONDE_OK)
		measurement_free(m);
	else
		ro->count++;
	return 0;
}

int resume_measurements(struct controller *c)
{
	struct reopening ro = { .c = c };
	struct sonde_id from = { { 0 } };
	int64_t since = sonde_wall_ms() - OPEN_WINDOW_MS;

	for (int i = 0; i < 6; i++)
		from.b[i] = (uint8_t)(since >> (40 - 8 * i));
	int rc = sonde_read_begin(c->store, &ro.read);
	if (rc != SONDE_OK)
		return rc;
	rc = sonde_read_each(ro.read, SONDE_TABLE_MEASUREMENTS,
	                     (struct sonde_slice){ from.b, sizeof(from.b) }, reopen_one, &ro);
	sonde_read_end(ro.read);
	if (ro.count)
		sonde_log(SONDE_LOG_INFO, "controller", "%u measurements go on", ro.count);
	return rc;
}

/* ---- with another node ---- */

static const char *failure_text(unsigned failure)
{
	const char *name = sonde_failure_name((enum sonde_failure)failure);

	return name ? name : "";
}

static struct node *same_again(struct controller *c, const struct task *t)
{
	return t->node && node_is_ready(&c->nodes, t->node) ? t->node : NULL;
}

/* As they were stored, so that they are good. */
static void needs_of(const struct record *r, struct needs *out, struct sonde_pool *pool)
{
	json_t *told = r->needs.len ? json_loadb(r->needs.s, r->needs.len, 0, NULL) : NULL;
	struct sonde_error e;

	*out = (struct needs){ .family = r->family };
	if (told)
		needs_read(out, told, pool, &e);
	json_decref(told);
}

static struct node *replacement(struct controller *c, const struct task *t, unsigned failure,
                                struct node **far, unsigned far_count)
{
	const struct record *r = &t->measurement->record;
	struct placement_answer a;
	char type[65], target[257], policy[513], params[4097];
	struct sonde_pool pool;
	struct needs needs;

	snprintf(type, sizeof(type), "%.*s", (int)r->type.len, r->type.s);
	snprintf(target, sizeof(target), "%.*s", (int)r->target.len, r->target.s);
	snprintf(policy, sizeof(policy), "%.*s", (int)r->policy.len, r->policy.s);
	snprintf(params, sizeof(params), "%.*s", (int)r->params.len, r->params.s);
	struct placement_failure failed = { t->node, failure_text(failure), t->attempt };
	struct placement_request pr = { .type = types_find(&c->types, type, strlen(type)),
		                        .target = target, .policy = policy,
		                        .params = *params ? params : NULL,
		                        .seed = r->seed + t->attempt, .limit = 1,
		                        .leave_out = far, .leave_out_count = far_count,
		                        .needs = &needs };
	/* Only where the user asked for no place, and for none to be left out: another region is not a
	 * replacement. */
	if (!pr.type || r->locations.len || r->exclude.len)
		return same_again(c, t);
	sonde_pool_init(&pool, NEEDS_POOL);
	needs_of(r, &needs, &pool);
	int rc = placement_retry(&c->placement, &pr, &failed, &a);
	sonde_pool_deinit(&pool);
	if (rc == SONDE_EDENIED)
		return NULL;
	return rc == SONDE_OK ? a.nodes[0] : same_again(c, t);
}

/* As at the first placement. */
static struct node_reach reach_of(struct controller *c, const struct measurement *m)
{
	const struct user *user = measurement_owner(c, m);
	bool all = user ? role_of_index(user->facts.role) == ROLE_ADMIN : !m->record.owner.len;

	return accounts_reach(c, user, all, m->record.sealed.len > 0);
}

struct node *resume_elsewhere(void *arg, const struct task *t, unsigned failure)
{
	struct controller *c = arg;
	struct node_reach reach = reach_of(c, t->measurement);
	struct node **far;
	unsigned n;

	if (nodes_out_of_reach(&c->nodes, &reach, &far, &n) != SONDE_OK)
		return NULL;
	struct node *node = replacement(c, t, failure, far, n);
	free(far);
	return node && reach.trusted && !node->facts.trusted ? NULL : node;
}
