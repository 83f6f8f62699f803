/* SPDX-License-Identifier: Apache-2.0 */
/* Runs that book two nodes (record.pairs) cannot be a node's own: the controller starts them when
 * they are due, with the same ids as all runs, and slots.c keeps them apart. Nothing is made up for
 * times at which the controller or one of the two nodes was away: they count as missing. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "controller/controller.h"

struct booking {
	struct sonde_job job;
	struct controller *c;
	struct measurement *measurement;
};

static int apply(struct sonde_write *w, struct sonde_job *job)
{
	const struct measurement *m = ((struct booking *)job)->measurement;

	return sonde_write_insert(w, SONDE_TABLE_MEASUREMENTS,
	                          (struct sonde_slice){ m->id.b, sizeof(m->id.b) },
	                          (struct sonde_slice){ m->bytes, m->bytes_len });
}

static void done(struct sonde_job *job, int status)
{
	struct booking *b = (struct booking *)job;

	if (status != SONDE_OK && status != SONDE_EEXIST)
		sonde_log(SONDE_LOG_ERROR, "schedules", "a run was not stored: %s",
		          sonde_strstatus(status));
	if (status != SONDE_OK || tasks_open(&b->c->tasks, b->measurement) != SONDE_OK)
		measurement_free(b->measurement);
	else
		tasks_flush(&b->c->tasks);
	free(b);
}

static struct measurement *make(const struct member *m, const struct node *peer, int64_t due)
{
	const struct schedule *s = m->schedule;
	const struct schedule_facts *f = &s->facts;
	const char *target = peer->facts.name ? peer->facts.name : "";
	struct sonde_run run = { due, s->tag, sonde_run_pair(&s->id, &m->plan->node, &peer->id),
		                 (uint16_t)s->revision };
	uint8_t nodes[32];
	struct sonde_buf bytes;
	struct sonde_id id;

	memcpy(nodes, m->plan->node.b, 16);
	memcpy(nodes + 16, peer->id.b, 16);
	struct record r = {
		.type = { f->type, strlen(f->type) }, .target = { target, strlen(target) },
		.options = f->options, .policy = { f->policy, strlen(f->policy) },
		.reason = { m->reason, strlen(m->reason) }, .timeout_ms = f->timeout_ms,
		.ip_version = f->ip_version, .pairs = 1, .count = 2, .nodes = nodes,
		.params = { f->policy_params, f->policy_params ? strlen(f->policy_params) : 0 },
		.owner = { s->owner, strlen(s->owner) },
		.schedule = { (const char *)s->id.b, sizeof(s->id.b) }, .due_ms = (uint64_t)due,
	};
	sonde_buf_init(&bytes, 1 << 20);
	record_write(&bytes, &r);
	sonde_run_format(&run, &id);
	struct measurement *made = bytes.failed ? NULL : measurement_new(&id, bytes.data, bytes.len);
	if (!made)
		sonde_buf_deinit(&bytes);
	return made;
}

static bool can_run(const struct schedules *ss, const struct schedule *s, const struct node *n)
{
	return n && node_is_ready(&ss->c->nodes, n) &&
	       node_has_type(n, s->facts.type, strlen(s->facts.type));
}

static void book(struct schedules *ss, const struct member *m, const struct node *peer, int64_t due)
{
	struct measurement *made = make(m, peer, due);
	struct booking *b = made ? calloc(1, sizeof(*b)) : NULL;

	if (!b) {
		measurement_free(made);
		return;
	}
	b->job.apply = apply;
	b->job.done = done;
	b->c = ss->c;
	b->measurement = made;
	int rc = sonde_store_submit(ss->c->store, &b->job);
	if (rc != SONDE_OK)
		done(&b->job, rc);
}

void member_seat_booked(struct schedules *ss, struct member *m, int64_t after)
{
	const struct schedule *s = m->schedule;
	int64_t due = SONDE_PLAN_NEVER;

	if (m->role != MEMBER_LEFT && m->told_ms && s->usable && s->facts.booked && !s->removed &&
	    !s->facts.paused) {
		struct sonde_plan plan = schedule_plan_on(&s->facts, &s->id, &m->plan->node);
		due = sonde_plan_next(&plan, after);
	}
	if (due == SONDE_PLAN_NEVER)
		sonde_heap_remove(&ss->booked, &m->booked);
	else
		sonde_heap_set(&ss->booked, &m->booked, due);
}

void schedules_book(struct schedules *ss)
{
	int64_t now = sonde_wall_ms();
	struct sonde_heap_entry *h;

	while ((h = sonde_heap_peek(&ss->booked)) && h->key <= now) {
		struct member *m = (struct member *)((char *)h - offsetof(struct member, booked));
		const struct node *node = nodes_by_id(&ss->c->nodes, &m->plan->node);
		int64_t due = h->key;
		/* From now on, not from the due time: what is over is not made up for. */
		member_seat_booked(ss, m, now);
		for (unsigned i = 0; can_run(ss, m->schedule, node) && i < m->peer_count; i++) {
			const struct node *peer = nodes_by_id(&ss->c->nodes, &m->peers[i]);
			if (can_run(ss, m->schedule, peer))
				book(ss, m, peer, due);
		}
	}
}
