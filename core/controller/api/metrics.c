/* SPDX-License-Identifier: Apache-2.0 */
/* GET /metrics: what the rooms count, as Prometheus text 0.0.4. Counts nothing itself. */
#include <inttypes.h>
#include <stddef.h>

#include "base/clock.h"
#include "controller/api/api.h"

/* One figure without labels. */
struct figure {
	const char *name, *kind, *help;
	double value;
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void put_figures(struct sonde_buf *b, const struct figure *f, size_t count)
{
	char number[40];

	for (; count; f++, count--) {
		size_t n = sonde_format_number(number, f->value, 6);
		sonde_buf_printf(b, "# HELP sonde_%s %s\n# TYPE sonde_%s %s\nsonde_%s %.*s\n", f->name,
		                 f->help, f->name, f->kind, f->name, (int)n, number);
	}
}

static void work_metrics(const struct controller *c, struct sonde_buf *b)
{
	const struct figure rows[] = {
		{ "uptime_seconds", "gauge", "Seconds since the start.",
		  (double)(sonde_boottime_ns() - c->started_ns) / 1e9 },
		{ "measurements_created_total", "counter", "Measurements opened.",
		  (double)c->tasks.created },
		{ "measurements_finished_total", "counter", "Measurements whose tasks are all done.",
		  (double)c->tasks.finished },
		{ "tasks_waiting", "gauge", "Tasks queued for nodes.", (double)c->tasks.waiting },
		{ "tasks_retried_total", "counter", "Tasks given out again.", (double)c->tasks.retried },
		{ "results_stored_total", "counter", "Results stored.", (double)c->ingest.stored },
		{ "results_duplicate_total", "counter", "Results that were stored already.",
		  (double)c->ingest.duplicates },
		{ "results_late_total", "counter", "Results stored but not counted.",
		  (double)c->ingest.late },
		{ "results_lost_total", "counter", "Results that nodes can never send any more.",
		  (double)c->ingest.lost },
		{ "results_quarantined_total", "counter", "Results that contradict a stored one.",
		  (double)c->ingest.quarantined },
		{ "results_refused_total", "counter", "Result frames refused for a hole in the sequence.",
		  (double)c->ingest.refused },
		{ "decisions_total", "counter", "Placement decisions.", (double)c->placement.decisions },
		{ "decision_fallbacks_total", "counter", "Decisions the built-in had to make.",
		  (double)c->placement.fallbacks },
		{ "policies_quarantined_total", "counter", "Policies quarantined for their faults.",
		  (double)c->changes.quarantined },
		{ "explanations_stored_total", "counter", "Explanations of placements stored in full.",
		  (double)c->decisions.stored },
		{ "explanations_skipped_total", "counter",
		  "Placements of a flood, explained without their candidates.",
		  (double)(c->decisions.skipped + c->decisions.lost) },
	};

	put_figures(b, rows, COUNT(rows));
}

static void schedule_metrics(const struct controller *c, struct sonde_buf *b)
{
	const struct figure rows[] = {
		{ "schedules", "gauge", "Schedules that are not removed.",
		  (double)c->schedules.by_name.len },
		{ "schedule_runs_total", "counter", "Runs of schedules whose result came.",
		  (double)c->schedules.runs },
		{ "schedule_sets_total", "counter", "Sets of schedules sent to nodes.",
		  (double)c->schedules.pushed },
		{ "problems_open", "gauge", "Problems that verdicts raised and did not clear.",
		  (double)c->problems.open.len },
		{ "problems_raised_total", "counter", "Problems raised.", (double)c->problems.raised },
		{ "verdict_calls_total", "counter", "Times a verdict was asked.", (double)c->verdicts.calls },
		{ "verdict_faults_total", "counter", "Times it failed.", (double)c->verdicts.faults },
		{ "verdict_dropped_total", "counter", "Results and changes that no verdict saw.",
		  (double)c->verdicts.dropped },
		{ "verdict_deepened_total", "counter", "Measurements that verdicts started.",
		  (double)c->verdicts.deepened },
		{ "rollup_results_total", "counter", "Results in stored rollups, since the start.",
		  (double)c->rollups.written },
		{ "past_results_total", "counter", "Results (at the start: rollups) that policies know by node and target.",
		  (double)c->past.noted },
		{ "past_skipped_total", "counter", "Results of a flood that the past leaves out.",
		  (double)c->past.skipped },
	};

	put_figures(b, rows, COUNT(rows));
}

static void store_metrics(const struct controller *c, struct sonde_buf *b)
{
	const struct sonde_net_counts *net = sonde_net_counts(c->net);
	struct sonde_store_stats s;

	sonde_store_stats(c->store, &s);
	const struct figure rows[] = {
		{ "store_commits_total", "counter", "Group commits.", (double)s.commits },
		{ "store_jobs_total", "counter", "Jobs committed.", (double)s.jobs },
		{ "store_waiting", "gauge", "Jobs that wait for a commit.", s.waiting },
		{ "store_used_bytes", "gauge", "Bytes of the store in use.", (double)s.bytes_used },
		{ "node_connections", "gauge", "Open node websockets.", c->connections },
		{ "connections", "gauge", "Open connections of all kinds.", net->open },
		{ "connection_addresses", "gauge", "Addresses they come from.", net->addresses },
		{ "connections_refused_full_total", "counter", "Connections over connections.max.",
		  (double)net->refused_full },
		{ "connections_refused_address_total", "counter", "Connections over connections.address.",
		  (double)net->refused_address },
		{ "connections_unread_closed_total", "counter",
		  "Connections closed because answers waited in memory for too many slow readers.",
		  (double)net->unread_closed },
		{ "connections_headless_closed_total", "counter",
		  "Connections closed because too many had not sent their headers.",
		  (double)net->headless_closed },
	};

	put_figures(b, rows, COUNT(rows));
}

static void node_metrics(const struct controller *c, struct sonde_buf *b)
{
	unsigned count[NODE_STATUSES] = { 0 };

	for (unsigned i = 0; i < c->nodes.len; i++)
		if (c->nodes.all[i])
			count[node_status(&c->nodes, c->nodes.all[i])]++;
	sonde_buf_str(b, "# HELP sonde_nodes Nodes by status.\n# TYPE sonde_nodes gauge\n");
	for (int s = 0; s < NODE_STATUSES; s++)
		sonde_buf_printf(b, "sonde_nodes{status=\"%s\"} %u\n", node_status_name(s), count[s]);
}

static void request_metrics(const struct controller *c, struct sonde_buf *b)
{
	sonde_buf_str(b, "# HELP sonde_http_requests_total Answers by status class.\n"
	                 "# TYPE sonde_http_requests_total counter\n");
	for (int i = 2; i < 6; i++)
		sonde_buf_printf(b, "sonde_http_requests_total{class=\"%dxx\"} %llu\n", i,
		                 (unsigned long long)c->requests.by_class[i]);
}

static void account_metrics(const struct controller *c, struct sonde_buf *b)
{
	const struct passwords *p = &c->accounts.passwords;

	sonde_buf_printf(b, "# HELP sonde_password_checks_total Password hashes made or compared.\n"
	                 "# TYPE sonde_password_checks_total counter\n"
	                 "sonde_password_checks_total %llu\n", (unsigned long long)p->hashed);
	sonde_buf_printf(b, "# HELP sonde_password_refused_total Those refused with 503: too many waited.\n"
	                 "# TYPE sonde_password_refused_total counter\n"
	                 "sonde_password_refused_total %llu\n", (unsigned long long)p->refused);
	sonde_buf_printf(b, "# HELP sonde_password_waiting Those that wait.\n"
	                 "# TYPE sonde_password_waiting gauge\n"
	                 "sonde_password_waiting %u\n", p->waiting);
}

/* One family: the counter at an offset of the stats, for each policy. */
struct family {
	struct sonde_buf *b;
	const char *name;
	size_t offset;
};

static void put_sample(void *arg, const struct sonde_policy_stats *s)
{
	const struct family *f = arg;

	sonde_buf_printf(f->b, "sonde_policy_%s{policy=\"%s\"} %" PRIu64 "\n", f->name,
	                 s->name, *(const uint64_t *)((const char *)s + f->offset));
}

static void policy_metrics(const struct controller *c, struct sonde_buf *b)
{
	static const struct {
		const char *name, *help;
		size_t offset;
	} rows[] = {
		{ "decisions_total", "Decisions asked of a policy.",
		  offsetof(struct sonde_policy_stats, decisions) },
		{ "fallbacks_total", "Decisions the built-in had to make for it.",
		  offsetof(struct sonde_policy_stats, fallbacks) },
		{ "faults_total", "Errors, breaches of a limit and wrong answers.",
		  offsetof(struct sonde_policy_stats, faults) },
		{ "microseconds_total", "Time its decisions took.",
		  offsetof(struct sonde_policy_stats, took_us) },
		{ "shadow_decisions_total", "Decisions that its shadow was asked, too.",
		  offsetof(struct sonde_policy_stats, shadow_decisions) },
		{ "shadow_differs_total", "Those in which the shadow chose other nodes.",
		  offsetof(struct sonde_policy_stats, shadow_differs) },
		{ "shadow_faults_total", "Those in which it failed.",
		  offsetof(struct sonde_policy_stats, shadow_faults) },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct family f = { b, rows[i].name, rows[i].offset };
		sonde_buf_printf(b, "# HELP sonde_policy_%s %s\n# TYPE sonde_policy_%s counter\n",
		                 rows[i].name, rows[i].help, rows[i].name);
		sonde_policies_each(c->policies, put_sample, &f);
	}
}

void api_metrics(struct call *call)
{
	const struct controller *c = call->c;
	struct sonde_buf b;

	sonde_buf_init(&b, 1 << 20);
	work_metrics(c, &b);
	schedule_metrics(c, &b);
	store_metrics(c, &b);
	node_metrics(c, &b);
	policy_metrics(c, &b);
	notify_metrics(c->notify, &b);
	request_metrics(c, &b);
	account_metrics(c, &b);
	answer_reply(call->c, call->req, &(struct sonde_reply){ .status = 200,
		.type = "text/plain; version=0.0.4; charset=utf-8", .body = b.data, .len = b.len });
	sonde_buf_deinit(&b);
}
