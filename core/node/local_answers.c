/* SPDX-License-Identifier: Apache-2.0 */
/* What the local API tells: the state of link, spool, tasks and self-test, as JSON and as metrics. No
 * secret is in it: the node's key never is. */
#include <string.h>

#include "base/clock.h"
#include "node/local.h"
#include "node/node_private.h"

static const char *const uplinks[SONDE_UPLINKS] = { "unknown", "up", "down" };

static void put_link(const struct sonde_node *node, struct sonde_json *j)
{
	int64_t offset;

	sonde_json_open(j, "link", '{');
	sonde_json_str(j, "controller", node->options->controller);
	sonde_json_bool(j, "up", sonde_link_is_up(node->link));
	sonde_json_str(j, "lastClose", sonde_link_last_close(node->link));
	if (sonde_link_offset(node->link, &offset))
		sonde_json_int(j, "clockOffsetMs", offset);
	sonde_json_close(j);
}

static void put_spool(const struct sonde_node *node, struct sonde_json *j)
{
	struct sonde_spool_state s = sonde_spool_state(node->spool);

	sonde_json_open(j, "spool", '{');
	sonde_json_int(j, "epoch", (int64_t)s.epoch);
	sonde_json_int(j, "last", (int64_t)s.last);
	sonde_json_int(j, "waiting", (int64_t)s.count);
	sonde_json_int(j, "bytes", (int64_t)s.bytes);
	sonde_json_int(j, "maxBytes", node->options->spool_max_bytes);
	sonde_json_int(j, "lost", (int64_t)s.damage.lost);
	sonde_json_bool(j, "full", s.full);
	sonde_json_bool(j, "failing", s.failing || sonde_journal_failing(node->journal));
	sonde_json_close(j);
}

static void put_tasks(const struct sonde_node *node, struct sonde_json *j)
{
	const struct sonde_jobs *jobs = sonde_super_jobs(node->super);

	sonde_json_open(j, "tasks", '{');
	sonde_json_int(j, "running", jobs->running.count);
	sonde_json_int(j, "waiting", jobs->waiting.count);
	sonde_json_int(j, "capacity", sonde_life_capacity(node));
	sonde_json_int(j, "done", (int64_t)node->stats.probes);
	sonde_json_number(j, "errorRate", sonde_stats_error_rate(&node->stats), 4);
	sonde_json_bool(j, "runnerReady", sonde_super_is_ready(node->super));
	sonde_json_close(j);
}

void sonde_local_status(const struct sonde_node *node, struct sonde_json *j)
{
	struct sonde_text report = sonde_selftest_report(node->selftest);
	char id[SONDE_ID_TEXT];

	sonde_id_format(&node->identity.id, id);
	sonde_json_open(j, NULL, '{');
	sonde_json_str(j, "id", id);
	sonde_json_str(j, "name", node->options->name);
	sonde_json_str(j, "version", SONDE_VERSION);
	sonde_json_int(j, "uptimeMs", (sonde_boottime_ns() - node->started_ns) / SONDE_NS_PER_MS);
	sonde_json_int(j, "configVersion", (int64_t)node->settings.version);
	sonde_json_str(j, "uplink", uplinks[sonde_selftest_uplink(node->selftest)]);
	put_link(node, j);
	put_spool(node, j);
	put_tasks(node, j);
	if (report.len)
		sonde_json_raw(j, "selfTest", report.s, report.len);
	sonde_json_close(j);
}

void sonde_local_metrics(const struct sonde_node *node, struct sonde_buf *b)
{
	const struct sonde_jobs *jobs = sonde_super_jobs(node->super);
	struct sonde_spool_state s = sonde_spool_state(node->spool);
	const struct {
		const char *name, *kind, *help;
		double value;
	} rows[] = {
		{ "uptime_seconds", "gauge", "Seconds since the start.",
		  (double)(sonde_boottime_ns() - node->started_ns) / 1e9 },
		{ "link_up", "gauge", "1 when the controller answers.", sonde_link_is_up(node->link) },
		{ "uplink_up", "gauge", "1 when enough uplink targets answer, -1 when none are set.",
		  (double[]){ -1, 1, 0 }[sonde_selftest_uplink(node->selftest)] },
		{ "tasks_done_total", "counter", "Tasks done since the start.",
		  (double)node->stats.probes },
		{ "tasks_running", "gauge", "Tasks in the runner.", jobs->running.count },
		{ "tasks_waiting", "gauge", "Tasks that wait for the runner.", jobs->waiting.count },
		{ "tasks_capacity", "gauge", "Tasks at once.", (double)sonde_life_capacity(node) },
		{ "runner_ready", "gauge", "1 when a runner takes tasks.",
		  sonde_super_is_ready(node->super) },
		{ "spool_results", "gauge", "Results the controller has not acknowledged.",
		  (double)s.count },
		{ "spool_bytes", "gauge", "Their bytes.", (double)s.bytes },
		{ "spool_lost_total", "counter", "Results that are gone from the spool.",
		  (double)s.damage.lost },
		{ "config_version", "gauge", "Version of the settings in force.",
		  (double)node->settings.version },
	};
	char number[40];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t n = sonde_format_number(number, rows[i].value, 6);
		sonde_buf_printf(b, "# HELP sonde_node_%s %s\n# TYPE sonde_node_%s %s\nsonde_node_%s %.*s\n",
		                 rows[i].name, rows[i].help, rows[i].name, rows[i].kind, rows[i].name,
		                 (int)n, number);
	}
}
