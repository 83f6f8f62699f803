/* SPDX-License-Identifier: Apache-2.0 */
/* One job of the store per message of a node: composed on the loop, written by the writer thread,
 * finished on the loop. A job owns copies of all it needs, because the message is gone by then. */
#include "controller/ingest.h"

#include <sonde/plugin.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "controller/controller.h"
#include "controller/link.h"
#include "controller/members.h"
#include "controller/quarantine.h"
#include "controller/result_body.h"
#include "controller/result_facts.h"

enum { RECORD_MAX = 200 << 10 }; /* options and target at their longest, with room */

struct item {
	struct sonde_result result;
	enum sonde_ingest what;
	size_t at; /* of the body in the job's bytes */
	size_t record_at, record_len; /* of a run's measurement; length 0: it is no run */
	struct sonde_id schedule;
	int64_t due_ms;
	bool booked; /* the run was opened here, with its record */
	bool unplanned; /* see struct run_facts */
	bool fresh;  /* the run had no result before */
};

struct ingest_job {
	struct sonde_job job;
	struct ingest *ingest;
	struct sonde_id node;
	uint64_t epoch;
	struct sonde_spans mark; /* of the node after apply */
	struct sonde_buf bytes;
	unsigned count;
	struct item items[];
};

int ingest_init(struct ingest *in, struct controller *c)
{
	static const struct sonde_id self;
	struct sonde_spans have;
	struct sonde_read *r;

	*in = (struct ingest){ .c = c };
	int rc = sonde_read_begin(c->store, &r);
	if (rc != SONDE_OK)
		return rc;
	rc = sonde_read_mark(r, &self, &in->epoch, &have);
	sonde_read_end(r);
	/* Own results have no spool that could repeat them: each start is an epoch of its own. */
	in->epoch++;
	in->seq = 0;
	return rc == SONDE_ENOENT ? SONDE_OK : rc;
}

/* ---- composing ---- */

static const char *failure_source(unsigned failure)
{
	if (sonde_failure_is_ours(failure))
		return "internal";
	return failure == SONDE_FAIL_RESOLVE ? "resolver" : "target";
}

/* The object the API serves: status and facts first, then the members of the plugin's object. */
static void compose(struct sonde_buf *b, const struct sonde_msg_result *r,
                    const struct run_facts *run)
{
	struct sonde_json j;

	sonde_json_init(&j, b);
	sonde_json_open(&j, NULL, '{');
	sonde_json_str(&j, "status", r->why.s == tasks_offline ? "offline" :
	                             r->failure ? "failed" : "finished");
	if (r->failure) {
		sonde_json_str(&j, "failureSource", failure_source(r->failure));
		sonde_json_str(&j, "failure", sonde_failure_name(r->failure));
		sonde_json_text(&j, "failureMessage", r->why.s, r->why.len);
	}
	member_time(&j, "startedAt", r->started_ms);
	sonde_json_number(&j, "durationMs", (double)r->took_us / 1000.0, 3);
	sonde_json_int(&j, "attempt", r->attempt);
	if (run) {
		member_id(&j, "schedule", &run->schedule);
		member_time(&j, "dueAt", run->run.due_ms);
	}
	result_body_add(b, r->body);
}

/* The end of hope for some results, in their place. */
static void compose_loss(struct sonde_buf *b, const struct sonde_msg_result *r)
{
	struct sonde_json j;

	sonde_json_init(&j, b);
	sonde_json_open(&j, NULL, '{');
	sonde_json_str(&j, "status", "lost");
	sonde_json_int(&j, "from", (int64_t)r->seq);
	sonde_json_int(&j, "count", (int64_t)r->lost);
	sonde_json_text(&j, "why", r->why.s, r->why.len);
	sonde_json_close(&j);
}

/* ---- the job ---- */

/* The measurement of a run, when the run is new, and the count of what came with it: in one
 * transaction, so that a result counts once however often it is sent. */
static int apply_run(struct sonde_write *w, struct ingest_job *ij, struct item *item)
{
	const struct sonde_id *run = &item->result.measurement;
	struct sonde_slice value = { NULL, 0 };
	int rc = SONDE_OK;
	struct schedule_count count = { 0, 0, 0 };
	uint8_t key[33];

	item->fresh = false;
	if (item->booked && (item->what != SONDE_INGEST_STORED || item->result.late))
		return SONDE_OK;
	if (!item->booked)
		rc = sonde_write_insert(w, SONDE_TABLE_MEASUREMENTS,
	                            (struct sonde_slice){ run->b, sizeof(run->b) },
	                            (struct sonde_slice){ ij->bytes.data + item->record_at,
	                                                  item->record_len });
	if (rc != SONDE_OK)
		return rc == SONDE_EEXIST ? SONDE_OK : rc;
	memcpy(key, item->schedule.b, 16);
	memcpy(key + 16, ij->node.b, 16);
	key[32] = 'r';
	const struct sonde_slice at = { key, sizeof(key) };
	if (sonde_write_get(w, SONDE_TABLE_MEMBERS, at, &value) == SONDE_OK &&
	    value.len == sizeof(count))
		memcpy(&count, value.data, sizeof(count));
	count.received++;
	count.unplanned += item->unplanned;
	if (item->due_ms > count.last_due_ms)
		count.last_due_ms = item->due_ms;
	item->fresh = true;
	return sonde_write_put(w, SONDE_TABLE_MEMBERS, at,
	                       (struct sonde_slice){ &count, sizeof(count) });
}

static int apply(struct sonde_write *w, struct sonde_job *job)
{
	struct ingest_job *ij = (struct ingest_job *)job;

	for (unsigned i = 0; i < ij->count; i++) {
		int rc = sonde_write_result(w, &ij->items[i].result, &ij->items[i].what);
		if (rc != SONDE_OK)
			return rc;
		if (ij->items[i].what == SONDE_INGEST_GAP)
			break;
		if (ij->items[i].record_len || ij->items[i].booked)
			rc = apply_run(w, ij, &ij->items[i]);
		if (rc != SONDE_OK)
			return rc;
	}
	uint64_t epoch;
	return sonde_write_mark(w, &ij->node, &epoch, &ij->mark);
}

static void job_free(struct ingest_job *ij)
{
	sonde_buf_deinit(&ij->bytes);
	free(ij);
}

/* One credit for a task that measured. */
static void earn(struct controller *c, const char *owner)
{
	struct user *user = users_by_id(&c->accounts.users, owner);

	if (user && !user->facts.disabled)
		ledger_earn(user, 1);
}

static void settle(struct ingest *in, struct node *node, const struct item *item)
{
	const struct sonde_result *r = &item->result;
	struct stored_result said = { r->node, r->measurement, r->task, r->failure, r->late,
		                      item->schedule, item->due_ms };

	if (r->lost) {
		in->lost += r->lost;
		if (node)
			node->lost += r->lost;
		sonde_log(SONDE_LOG_WARN, "ingest", "%s has lost %llu results: %.*s",
		          node ? node->facts.name : "a node", (unsigned long long)r->lost,
		          (int)r->body.len, (const char *)r->body.data);
		return;
	}
	in->stored++;
	in->late += r->late;
	if (node && node->facts.owner && !r->late && !r->failure && !sonde_id_is_zero(&r->measurement))
		earn(in->c, node->facts.owner);
	if (!r->late) {
		past_note(in->c, r, &item->schedule);
		tasks_done(&in->c->tasks, &r->measurement, r->task);
	}
	bus_publish(&in->c->bus, TOPIC_RESULT, &said);
}

/* A seq that came twice must say the same twice. What does not is kept aside, never stored: either
 * two programs run with one node's key, or bytes were damaged on the way. */
static void compare(struct ingest *in, const struct sonde_result *r)
{
	struct sonde_result stored;
	struct sonde_read *read;
	char id[SONDE_ID_TEXT];

	if (r->lost || sonde_id_is_zero(&r->measurement) ||
	    sonde_read_begin(in->c->store, &read) != SONDE_OK)
		return;
	bool other = sonde_read_result(read, &r->measurement, r->task, &stored) == SONDE_OK &&
	             sonde_id_equal(&stored.node, &r->node) && stored.epoch == r->epoch &&
	             stored.seq == r->seq &&
	             (stored.body.len != r->body.len ||
	              memcmp(stored.body.data, r->body.data, r->body.len));
	sonde_read_end(read);
	if (!other)
		return;
	in->quarantined++;
	sonde_id_format(&r->node, id);
	sonde_log(SONDE_LOG_ERROR, "ingest",
	          "node %s sent another result as %llu/%llu than before; it is kept in quarantine",
	          id, (unsigned long long)r->epoch, (unsigned long long)r->seq);
	quarantine_put(in->c, r);
}

static void done(struct sonde_job *job, int status)
{
	struct ingest_job *ij = (struct ingest_job *)job;
	struct ingest *in = ij->ingest;
	struct node *node = nodes_by_id(&in->c->nodes, &ij->node);

	for (unsigned i = 0; status == SONDE_OK && i < ij->count; i++) {
		struct item *item = &ij->items[i];
		if (item->what == SONDE_INGEST_GAP || !item->what) {
			in->refused++;
			break;
		}
		if (item->fresh)
			schedules_received(&in->c->schedules, &item->schedule, &ij->node,
			                   &item->result.measurement, item->due_ms,
			                   item->unplanned);
		if (item->what == SONDE_INGEST_DUPLICATE) {
			in->duplicates++;
			compare(in, &item->result);
			continue;
		}
		if (node && !item->result.lost)
			node->results++;
		settle(in, node, item);
	}
	if (status != SONDE_OK)
		sonde_log(SONDE_LOG_ERROR, "ingest", "%u results were not stored: %s", ij->count,
		          sonde_strstatus(status));
	else if (node && !SONDE_BUG(1)) {
		SONDE_EDGE("ingest.before_ack");
		ij->mark.cum += SONDE_BUG(3);
		link_ack(in->c, node, ij->epoch, &ij->mark);
		SONDE_EDGE("ingest.acked");
	}
	job_free(ij);
}

static struct ingest_job *job_new(struct ingest *in, const struct sonde_id *node, uint64_t epoch,
                                  unsigned count)
{
	struct ingest_job *ij = calloc(1, sizeof(*ij) + count * sizeof(ij->items[0]));

	if (!ij)
		return NULL;
	ij->job.apply = apply;
	ij->job.done = done;
	ij->job.bulk = !sonde_id_is_zero(node); /* own results end tasks: they always go */
	ij->ingest = in;
	ij->node = *node;
	ij->epoch = epoch;
	ij->count = count;
	/* A message is bounded; composing adds less than 1 KiB an item, a run's record at most this. */
	sonde_buf_init(&ij->bytes, SONDE_MSG_MAX + (size_t)count * (2048 + RECORD_MAX));
	return ij;
}

/* What one node measured to another says how far apart they can be. */
static void compare_places(const struct ingest_job *ij, const struct sonde_id *peer,
                           const struct item *item)
{
	struct nodes *nodes = &ij->ingest->c->nodes;
	struct node *a = nodes_by_id(nodes, &ij->node), *b = nodes_by_id(nodes, peer);
	struct result_facts f;

	if (!a || !b || ij->bytes.failed)
		return;
	result_facts_read(&f, ij->bytes.data + item->at, item->result.body.len);
	if (f.min > 0)
		nodes_pair_seen(a, b, f.min);
}

static void add_item(struct ingest_job *ij, unsigned i, const struct sonde_msg_result *r, bool late,
                     const struct run_facts *run, bool booked)
{
	struct item *item = &ij->items[i];

	item->at = ij->bytes.len;
	item->result = (struct sonde_result){
		.node = ij->node, .epoch = ij->epoch, .seq = r->seq, .measurement = r->measurement,
		.task = r->task, .attempt = r->attempt, .failure = r->failure,
		.late = late || r->lost, .lost = r->lost, .received_ms = sonde_wall_ms(),
	};
	if (r->lost)
		compose_loss(&ij->bytes, r);
	else
		compose(&ij->bytes, r, run);
	item->result.body.len = ij->bytes.len - item->at;
	if (!run || r->lost)
		return;
	if (!r->failure && !sonde_id_is_zero(&run->peer))
		compare_places(ij, &run->peer, item);
	item->schedule = run->schedule;
	item->due_ms = run->run.due_ms;
	item->booked = booked;
	item->unplanned = run->unplanned;
	item->record_at = ij->bytes.len;
	if (!booked && schedules_record(&ij->ingest->c->schedules, run, &ij->bytes) == SONDE_OK)
		item->record_len = ij->bytes.len - item->record_at;
}

static int submit(struct ingest_job *ij)
{
	/* The bytes may have moved while they grew; now they stay. */
	for (unsigned i = 0; i < ij->count; i++)
		ij->items[i].result.body.data = ij->bytes.data + ij->items[i].at;
	int rc = ij->bytes.failed ? SONDE_ENOMEM : sonde_store_submit(ij->ingest->c->store, &ij->job);
	if (rc != SONDE_OK)
		job_free(ij);
	return rc;
}

/* A node can only answer what it was asked: else the result is kept, not counted. A higher attempt than
 * the present one was given before the controller started or was restored, most likely to the node that
 * was planned. */
static bool answers(const struct task *t, const struct node *node, uint32_t attempt)
{
	struct sonde_id planned;

	if (t->node == node)
		return true;
	record_node(&t->measurement->record, t->index, &planned);
	return sonde_id_equal(&planned, &node->id) && (t->attempt == 1 || attempt > t->attempt);
}

int ingest_results(struct ingest *in, struct node *node, uint64_t epoch,
                   const struct sonde_msg_result *results, unsigned count)
{
	struct ingest_job *ij = job_new(in, &node->id, epoch, count);

	if (!ij)
		return SONDE_ENOMEM;
	for (unsigned i = 0; i < count; i++) {
		const struct sonde_msg_result *r = &results[i];
		struct task *t = tasks_waiting_for(&in->c->tasks, &r->measurement, r->task, r->attempt);
		bool counts = t && answers(t, node, r->attempt);
		struct run_facts facts, *run = NULL;
		bool booked = t && t->measurement->record.schedule.len && !t->index;
		if ((!t || booked) &&
		    schedules_resolve(&in->c->schedules, node, &r->measurement, &facts))
			run = &facts;
		add_item(ij, i, r, !counts && (!run || booked) && !SONDE_BUG(9), run, booked && run);
	}
	SONDE_EDGE("ingest.received");
	if (SONDE_BUG(1) && count) {
		struct sonde_spans early = { .cum = results[count - 1].seq };
		link_ack(in->c, node, epoch, &early);
	}
	return submit(ij);
}

void ingest_close_task(void *controller, struct task *t, unsigned failure, const char *why)
{
	static const struct sonde_id self;
	struct controller *c = controller;
	struct ingest *in = &c->ingest;
	struct ingest_job *ij = job_new(in, &self, in->epoch, 1);
	struct sonde_buf body;
	struct sonde_json j;

	if (!ij)
		return;
	sonde_buf_init(&body, 1024);
	sonde_json_init(&j, &body);
	sonde_json_open(&j, NULL, '{');
	sonde_json_str(&j, "rawOutput", why);
	sonde_json_close(&j);
	struct sonde_msg_result r = {
		.seq = ++in->seq, .measurement = t->measurement->id, .task = t->index,
		.attempt = t->attempt, .failure = (uint8_t)failure, .started_ms = sonde_wall_ms(),
		.why = { why, strlen(why) }, .body = { body.data, body.len },
	};
	add_item(ij, 0, &r, false, NULL, false);
	sonde_buf_deinit(&body);
	int rc = submit(ij);
	if (rc != SONDE_OK)
		sonde_log(SONDE_LOG_ERROR, "ingest", "the end of a task was not stored: %s",
		          sonde_strstatus(rc));
}
