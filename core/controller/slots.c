/* SPDX-License-Identifier: Apache-2.0 */
/* Booking. The waiting list holds the measuring halves; the answering ones are in no list until both
 * start. The token is made when they start and kept nowhere. */
#include "controller/slots.h"

#include <sonde/plugin.h>
#include <string.h>

#include "base/clock.h"
#include "base/secret.h"
#include "controller/tasks_private.h"

enum { OPTIONS_MAX = 1 << 17 };

static struct task *other_half(const struct task *t)
{
	struct measurement *m = t->measurement;
	uint32_t half = m->record.count / 2;

	return &m->tasks[t->index < half ? t->index + half : t->index - half];
}

static struct node *planned_node(const struct tasks *ts, const struct task *t)
{
	struct sonde_id id;

	record_node(&t->measurement->record, t->index, &id);
	return nodes_by_id(ts->nodes, &id);
}

void slots_add(struct tasks *ts, struct measurement *m, uint32_t i)
{
	struct task *t = &m->tasks[i];

	t->waits = true;
	task_list_add(&ts->pairs, t);
	ts->waiting++;
	ts->slots_changed = true;
}

void slots_leave(struct tasks *ts, struct task *t)
{
	if (t->waits) {
		task_list_remove(&ts->pairs, t);
		ts->waiting--;
		t->waits = false;
	}
	if (t->node && t->node->slot == t) {
		t->node->slot = NULL;
		ts->slots_changed = true;
	}
}

/* The record's options and what this half must know. */
static void write_options(struct sonde_buf *b, const struct task *t, const struct node *peer,
                          const char *role, const char *token)
{
	struct sonde_text o = t->measurement->record.options;
	struct sonde_buf more;
	struct sonde_json j;

	sonde_buf_init(&more, 1024);
	sonde_json_init(&j, &more);
	sonde_json_open(&j, NULL, '{');
	sonde_json_str(&j, "role", role);
	sonde_json_str(&j, "peer", peer->peer);
	sonde_json_str(&j, "token", token);
	sonde_json_close(&j);
	/* Two objects into one; the record's is ours, without spaces: "{}" or "{"members"}". */
	sonde_buf_add(b, o.s, o.len > 2 ? o.len - 1 : 1);
	if (o.len > 2)
		sonde_buf_char(b, ',');
	sonde_buf_add(b, more.data + 1, more.len - 1);
	if (more.failed)
		b->failed = true;
	sonde_buf_deinit(&more);
}

static bool send_half(struct tasks *ts, struct task *t, struct node *node, const struct node *peer,
                      const char *role, const char *token)
{
	struct sonde_msg_task item;
	struct sonde_msg msg = { .kind = SONDE_MSG_TASKS, .list = { .tasks = &item, .count = 1 } };
	struct sonde_buf options;

	task_fill(t, &item);
	sonde_buf_init(&options, OPTIONS_MAX);
	write_options(&options, t, peer, role, token);
	item.options = (struct sonde_text){ options.data, options.len };
	bool sent = !options.failed && ts->send(ts->arg, node, &msg);
	sonde_buf_deinit(&options);
	return sent;
}

static void hold(struct task *t, struct node *node)
{
	t->node = node;
	t->state = TASK_SENT;
	t->since_ns = sonde_boottime_ns();
	task_list_add(&node->active, t);
	node->slot = t;
}

static void close_both(struct tasks *ts, struct task *t, unsigned failure, const char *why)
{
	struct task *answering = other_half(t);

	task_close(ts, t, failure, why);
	if (answering->state < TASK_CLOSING)
		task_close(ts, answering, failure, why);
}

static void book(struct tasks *ts, struct task *t)
{
	struct task *answering = other_half(t);
	struct node *a = planned_node(ts, t), *b = planned_node(ts, answering);
	char token[SONDE_SECRET_TEXT];

	if (!a || !b || answering->state == TASK_DONE) {
		close_both(ts, t, SONDE_FAIL_NODE_LOST, "One of the two nodes is gone.");
		return;
	}
	if (a->slot || b->slot || !node_is_ready(ts->nodes, a) || !node_is_ready(ts->nodes, b))
		return;
	sonde_secret_make("pair", token);
	if (!send_half(ts, answering, b, a, "receive", token))
		return;
	hold(answering, b);
	if (send_half(ts, t, a, b, "send", token)) {
		slots_leave(ts, t);
		hold(t, a);
	} else {
		task_close(ts, t, SONDE_FAIL_OVERLOAD, "The node could not be told.");
	}
	sonde_secret_wipe(token, sizeof(token));
}

void slots_flush(struct tasks *ts)
{
	struct task *next;

	if (!ts->slots_changed)
		return;
	ts->slots_changed = false;
	for (struct task *t = ts->pairs.first; t; t = next) {
		next = t->next;
		book(ts, t);
	}
}

static void end_if_alone(struct tasks *ts, struct node *node)
{
	struct task *t = node->slot;
	struct sonde_msg_task item;
	struct sonde_msg msg = { .kind = SONDE_MSG_CANCEL, .list = { .tasks = &item, .count = 1 } };

	if (!t || other_half(t)->state < TASK_CLOSING)
		return;
	/* The halves end a moment apart; only the second look finds one that was left. */
	if (t->alone && node->conn) {
		task_fill(t, &item);
		ts->send(ts->arg, node, &msg);
	}
	t->alone = true;
}

void slots_tick(struct tasks *ts)
{
	for (unsigned i = 0; i < ts->nodes->len; i++)
		if (ts->nodes->all[i])
			end_if_alone(ts, ts->nodes->all[i]);
	ts->slots_changed = ts->pairs.count > 0; /* a node may have come back */
}
