/* SPDX-License-Identifier: Apache-2.0 */
/* A task's way through the node: refused, or taken (journal) and given to the runner; its outcome
 * into the spool; accept and result are told only after they were synced. Owns the list of accepts
 * that wait for that. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/node_private.h"

/* -------- results -------- */

enum { WHY_MAX = 500 };

/* The longest start of a sentence that fits the wire also when every byte of it is escaped, and
 * that ends with a whole character. */
static struct sonde_text clip(struct sonde_text why)
{
	size_t n = 0, room = WHY_MAX;

	while (n < why.len) {
		unsigned char c = why.s[n];
		size_t need = c < 0x20 ? 6 : c == '"' || c == '\\' ? 2 : c >= 0x80 ? 3 : 1;
		if (need > room)
			break;
		room -= need;
		n++;
	}
	while (n > 0 && n < why.len && ((unsigned char)why.s[n] & 0xc0) == 0x80)
		n--;
	why.len = n;
	return why;
}

static int append(struct sonde_node *node, struct sonde_msg_result *r)
{
	uint64_t seq;

	r->why = clip(r->why);
	if (SONDE_RESULT_HEAD + r->why.len + r->body.len > SONDE_RECORD_MAX) {
		r->failure = SONDE_FAIL_INTERNAL;
		r->why = SONDE_TEXT("the result is too large");
		r->body = SONDE_TEXT("{}");
	}
	sonde_buf_reset(&node->packed);
	sonde_result_pack(&node->packed, r);
	if (node->packed.failed)
		return SONDE_ENOMEM;
	int rc = sonde_spool_append(node->spool, node->packed.data, node->packed.len, &seq);
	if (rc == SONDE_OK)
		sonde_recent_add(&node->recent, node->packed.data, node->packed.len);
	return rc;
}

void sonde_work_keep(struct sonde_node *node, const struct sonde_msg_result *outcome)
{
	struct sonde_msg_result r = *outcome;
	struct sonde_task_key key = { r.measurement, r.task, r.attempt };
	char id[SONDE_ID_TEXT];

	int rc = append(node, &r);
	if (rc) {
		/* It stays taken in the journal: the next start reports it as crashed. */
		sonde_id_format(&key.measurement, id);
		sonde_log(SONDE_LOG_ERROR, "node", "the result of %s/%" PRIu32 " is lost: %s", id,
		          key.task, sonde_strstatus(rc));
		return;
	}
	sonde_journal_finish(node->journal, &key, sonde_wall_ms());
	sonde_stats_add(&node->stats, r.took_us, sonde_failure_is_ours(r.failure));
}

static void on_outcome(void *arg, const struct sonde_msg_result *outcome)
{
	struct sonde_node *node = arg;

	if (!sonde_schedule_outcome(node->schedule, outcome))
		sonde_work_keep(node, outcome);
	sonde_sync_request(node->sync);
	sonde_schedule_poke(node->schedule);
}

static void on_progress(void *arg, const struct sonde_msg *m)
{
	struct sonde_node *node = arg;

	sonde_link_progress(node->link, m);
}

static void on_types(void *arg, const struct sonde_msg_types *types)
{
	struct sonde_msg_types kept = *types;
	struct sonde_node *node = arg;

	sonde_buf_reset(&node->plugins);
	sonde_buf_add(&node->plugins, types->plugins.s, types->plugins.len);
	if (node->plugins.failed)
		return; /* longer than any hello may hold */
	kept.plugins = (struct sonde_text){ node->plugins.data, node->plugins.len };
	sonde_node_settings_describe(&node->settings, kept.plugins.s, kept.plugins.len);
	kept.why = clip(kept.why);
	sonde_link_types(node->link, &kept);
}

const struct sonde_super_events sonde_work_super_events = { on_outcome, on_progress, on_types };

void sonde_work_reload(void *arg)
{
	struct sonde_node *node = arg;

	if (node->phase != SONDE_NODE_RUNNING)
		return;
	sonde_log(SONDE_LOG_INFO, "node", "looking at %s again", node->options->plugins);
	sonde_super_reload(node->super);
}

void sonde_work_visit(void *arg, const struct sonde_record *record)
{
	struct sonde_node *node = arg;
	struct sonde_msg_result r;

	if (sonde_result_unpack(record->payload, record->len, &r))
		return;
	struct sonde_task_key key = { r.measurement, r.task, r.attempt };
	sonde_journal_finish(node->journal, &key, r.started_ms);
	sonde_recent_add(&node->recent, record->payload, record->len);
}

void sonde_work_recall(struct sonde_node *node)
{
	struct sonde_journal_line line;
	size_t at = 0;
	unsigned n = 0;

	for (; sonde_journal_next(node->journal, &at, &line); at = 0, n++) {
		struct sonde_msg_result r = {
			.measurement = line.key.measurement, .task = line.key.task,
			.attempt = line.key.attempt, .failure = SONDE_FAIL_CRASHED,
			.started_ms = line.wall_ms, .body = SONDE_TEXT("{}"),
			.why = SONDE_TEXT("the node restarted while the probe ran"),
		};
		sonde_work_keep(node, &r);
		if (sonde_journal_find(node->journal, &line.key) == SONDE_JOURNAL_TAKEN)
			break;
	}
	if (n)
		sonde_log(SONDE_LOG_WARN, "node", "%u tasks were running when the node ended: crashed",
		          n);
	sonde_sync_request(node->sync);
}

/* -------- accepts -------- */

static void hold_accept(struct sonde_node *node, const struct sonde_task_key *key)
{
	struct sonde_accepts *a = &node->accepts;

	if (a->count == a->room) {
		unsigned room = a->room ? 2 * a->room : 64;
		void *grown = realloc(a->rows, room * sizeof(*a->rows));
		if (!grown)
			return;
		a->rows = grown;
		a->room = room;
	}
	a->rows[a->count].item = (struct sonde_msg_accept){ key->measurement, key->task, key->attempt,
		                                            SONDE_FAIL_NONE };
	a->rows[a->count++].ticket = sonde_sync_request(node->sync);
}

static void send_accepts(struct sonde_node *node, uint64_t ticket)
{
	struct sonde_accepts *a = &node->accepts;
	struct sonde_msg_accept items[SONDE_MSG_ITEMS];
	unsigned sent = 0;

	while (sent < a->count && a->rows[sent].ticket <= ticket) {
		unsigned n = 0;
		for (; n < SONDE_MSG_ITEMS && sent + n < a->count &&
		       a->rows[sent + n].ticket <= ticket; n++)
			items[n] = a->rows[sent + n].item;
		if (sonde_link_accept(node->link, items, n))
			break;
		sent += n;
	}
	a->count -= sent;
	if (sent)
		memmove(a->rows, a->rows + sent, a->count * sizeof(*a->rows));
}

static void on_synced(void *arg, uint64_t ticket)
{
	struct sonde_node *node = arg;

	if (sonde_link_is_up(node->link))
		send_accepts(node, ticket);
	sonde_link_pump(node->link);
}

static void on_fatal(void *arg)
{
	sonde_log(SONDE_LOG_ERROR, "node", "results cannot be kept safely: ending");
	sonde_node_finish(arg, 1);
}

const struct sonde_sync_events sonde_work_sync_events = { on_synced, on_fatal };

/* -------- tasks -------- */

static unsigned refusal(struct sonde_node *node, const struct sonde_msg_task *task)
{
	const struct sonde_jobs *jobs = sonde_super_jobs(node->super);
	unsigned busy = jobs->waiting.count + jobs->running.count;

	if (node->phase != SONDE_NODE_RUNNING || busy >= (uint64_t)sonde_life_capacity(node) ||
	    sonde_spool_full(node->spool) || sonde_journal_failing(node->journal))
		return SONDE_FAIL_OVERLOAD;
	if (sonde_super_disabled(node->super, task->type))
		return SONDE_FAIL_PLUGIN_MISSING;
	return SONDE_FAIL_NONE;
}

int sonde_work_submit(struct sonde_node *node, const struct sonde_msg_task *task)
{
	int64_t packets = sonde_life_packets(node);
	struct sonde_msg_task own = *task;

	sonde_buf_reset(&node->adjusted);
	if (sonde_node_settings_adjust(&node->settings, packets, task,
	                               &node->adjusted))
		own.options = (struct sonde_text){ node->adjusted.data, node->adjusted.len };
	if (packets && !sonde_allowance_take(&node->allowance, packets,
	                                     sonde_node_settings_cost(&node->settings, packets, &own),
	                                     sonde_boottime_ns()))
		return SONDE_EFULL;
	return sonde_super_submit(node->super, &own);
}

/* SONDE_FAIL_NONE: taken now or before. */
static unsigned take(struct sonde_node *node, const struct sonde_msg_task *task)
{
	struct sonde_task_key key = sonde_task_key_of(task);

	if (sonde_journal_find(node->journal, &key) == SONDE_JOURNAL_UNKNOWN) {
		unsigned failure = refusal(node, task);
		if (failure)
			return failure;
		if (sonde_work_submit(node, task))
			return SONDE_FAIL_OVERLOAD;
		if (sonde_journal_take(node->journal, &key, sonde_wall_ms()))
			sonde_log(SONDE_LOG_ERROR, "node", "a task runs that is not in the journal");
	}
	hold_accept(node, &key);
	return SONDE_FAIL_NONE;
}

static void on_tasks(void *arg, const struct sonde_msg_task *tasks, unsigned count)
{
	struct sonde_msg_accept refused[SONDE_MSG_ITEMS];
	struct sonde_node *node = arg;
	unsigned n = 0;

	for (unsigned i = 0; i < count; i++) {
		const struct sonde_msg_task *t = &tasks[i];
		unsigned failure = take(node, t);
		if (failure)
			refused[n++] = (struct sonde_msg_accept){ t->measurement, t->task,
				                                  t->attempt, failure };
	}
	if (n)
		sonde_link_accept(node->link, refused, n);
	sonde_super_flush(node->super);
}

static void on_cancel(void *arg, const struct sonde_msg_task *tasks, unsigned count)
{
	struct sonde_node *node = arg;

	for (unsigned i = 0; i < count; i++) {
		struct sonde_task_key key = sonde_task_key_of(&tasks[i]);
		sonde_super_cancel(node->super, &key);
	}
}

/* Another interface or another address of the controller: the guard must know it. */
static void learn_addresses(struct sonde_node *node)
{
	char now[SONDE_GUARD_OWN_TEXT], *at = now, *next;
	bool moved = sonde_guard_own_add(node->own, sonde_link_peer(node->link));

	sonde_guard_own_addresses(now);
	while ((next = strsep(&at, ",")))
		moved |= sonde_guard_own_add(node->own, next);
	if (moved)
		sonde_super_renew(node->super);
}

/* The controller may have missed what it was told on the connection before. */
static void on_up(void *arg)
{
	struct sonde_node *node = arg;
	const struct sonde_jobs *jobs = sonde_super_jobs(node->super);

	learn_addresses(node);
	node->accepts.count = 0;
	for (const struct sonde_job *j = jobs->waiting.first; j; j = j->next)
		hold_accept(node, &j->key);
	for (const struct sonde_job *j = jobs->running.first; j; j = j->next)
		hold_accept(node, &j->key);
	sonde_life_up(node);
}

static void on_beat(void *arg, struct sonde_msg_beat *beat)
{
	struct sonde_node *node = arg;
	const struct sonde_jobs *jobs = sonde_super_jobs(node->super);
	struct sonde_spool_state spool = sonde_spool_state(node->spool);

	beat->load = sonde_stats_load();
	beat->response_ms = sonde_stats_response_ms(&node->stats);
	beat->error_rate = sonde_stats_error_rate(&node->stats);
	beat->probes = node->stats.probes;
	beat->active = jobs->running.count;
	beat->queued = jobs->waiting.count;
	beat->spool_bytes = spool.bytes;
	beat->spool_count = spool.count;
	beat->storage = spool.failing || sonde_journal_failing(node->journal) ? SONDE_STORAGE_FAILS :
	                spool.full                                           ? SONDE_STORAGE_FULL :
	                                                                       SONDE_STORAGE_OK;
	sonde_life_beat(node, beat);
}

static void on_schedules(void *arg, const struct sonde_msg *m)
{
	struct sonde_node *node = arg;

	sonde_schedule_take(node->schedule, m);
}

const struct sonde_link_events sonde_work_link_events = {
	.up = on_up, .tasks = on_tasks, .cancel = on_cancel, .reload = sonde_work_reload,
	.beat = on_beat, .fatal = on_fatal, .schedules = on_schedules, .order = sonde_life_order,
};
