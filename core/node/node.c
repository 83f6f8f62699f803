/* SPDX-License-Identifier: Apache-2.0 */
/* Start and end of a node. Owns the loop and everything on it.
 *
 * The end after SIGTERM: DRAINING (new tasks are refused, running ones go on for the drain time,
 * then they are given back as node_lost), SENDING (results are synced and acknowledged, bounded),
 * LEAVING (bye), CLOSING. A second signal goes straight to CLOSING: nothing is lost by it, the spool
 * and the journal say the rest at the next start. SIGHUP looks at the plugin directory again. */
#include "node/node.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/local.h"
#include "node/node_private.h"
#include "node/own.h"

enum {
	SPOOL_KEEP = 16 << 20,
	STEP_MS = 20,
	SENDING_MS = 5000,
	LEAVING_MS = 1000,
	PLUGINS_MAX = 256 << 10,
	SEND_QUEUE = 8 << 20,
};

int sonde_node_lock(const struct sonde_node_options *o, struct sonde_error *e)
{
	if (mkdir(o->state, 0700) && errno != EEXIST)
		return sonde_fail(e, SONDE_EIO, NULL, "cannot make %s: %s", o->state,
		                  strerror(errno));
	int fd = open(o->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return sonde_fail(e, SONDE_EIO, NULL, "cannot open %s: %s", o->state,
		                  strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		close(fd);
		return sonde_fail(e, SONDE_EEXIST, NULL, "%s is in use by another node", o->state);
	}
	/* The lock lives as long as the descriptor, which lives as long as the process. */
	return SONDE_OK;
}

/* -------- the end -------- */

static void set_phase(struct sonde_node *node, enum sonde_node_phase phase)
{
	node->phase = phase;
	node->phase_ns = sonde_boottime_ns();
}

static void on_net_closed(void *arg)
{
	struct sonde_node *node = arg;

	node->net = NULL;
}

void sonde_node_finish(struct sonde_node *node, int exit_code)
{
	if (node->phase == SONDE_NODE_CLOSING)
		return;
	set_phase(node, SONDE_NODE_CLOSING);
	node->exit_code = exit_code;
	uv_close((uv_handle_t *)&node->term, NULL);
	uv_close((uv_handle_t *)&node->interrupt, NULL);
	uv_close((uv_handle_t *)&node->hangup, NULL);
	uv_close((uv_handle_t *)&node->step, NULL);
	sonde_life_stop(node);
	if (node->sync)
		sonde_sync_close(node->sync);
	if (node->schedule)
		sonde_schedule_close(node->schedule);
	if (node->link)
		sonde_link_close(node->link);
	if (node->super)
		sonde_super_close(node->super, NULL, NULL);
	if (node->net)
		sonde_net_close(node->net, on_net_closed, node);
}

static bool drained(const struct sonde_node *node)
{
	const struct sonde_jobs *jobs = sonde_super_jobs(node->super);

	return jobs->waiting.count + jobs->running.count == 0;
}

static bool sent(const struct sonde_node *node)
{
	return sonde_sync_idle(node->sync) && (!sonde_link_is_up(node->link) ||
	                                       sonde_spool_state(node->spool).count == 0);
}

static void on_step(uv_timer_t *timer)
{
	struct sonde_node *node = timer->data;
	int64_t passed = sonde_boottime_ns() - node->phase_ns;

	switch (node->phase) {
	case SONDE_NODE_DRAINING:
		if (!drained(node) && passed < node->options->drain)
			break;
		sonde_super_abandon(node->super, SONDE_FAIL_NODE_LOST,
		                    "the node was stopped before the probe was over");
		set_phase(node, SONDE_NODE_SENDING);
		break;
	case SONDE_NODE_SENDING:
		if (!sent(node) && passed < SENDING_MS * SONDE_NS_PER_MS)
			break;
		sonde_link_bye(node->link, "the node is stopped");
		set_phase(node, SONDE_NODE_LEAVING);
		break;
	case SONDE_NODE_LEAVING:
		if (sonde_link_is_closed(node->link) || passed > LEAVING_MS * SONDE_NS_PER_MS)
			sonde_node_finish(node, 0);
		break;
	default:
		break;
	}
}

static void on_signal(uv_signal_t *signal, int number)
{
	struct sonde_node *node = signal->data;

	if (node->phase != SONDE_NODE_RUNNING) {
		sonde_log(SONDE_LOG_WARN, "node", "second signal: ending now");
		sonde_node_finish(node, 1);
		return;
	}
	sonde_log(SONDE_LOG_INFO, "node", "stopping");
	set_phase(node, SONDE_NODE_DRAINING);
	uv_timer_start(&node->step, on_step, 0, STEP_MS);
}

static void on_hangup(uv_signal_t *signal, int number)
{
	sonde_work_reload(signal->data);
}

/* -------- the start -------- */

static int open_files(struct sonde_node *node, struct sonde_error *e)
{
	const struct sonde_node_options *o = node->options;
	char path[1024 + 16];

	snprintf(path, sizeof(path), "%s/journal", o->state);
	int rc = sonde_journal_open(path, &node->journal, e);
	if (rc)
		return rc;
	snprintf(path, sizeof(path), "%s/spool", o->state);
	const struct sonde_spool_options spool = {
		.dir = path, .max_bytes = o->spool_max_bytes, .keep_bytes = SPOOL_KEEP
	};
	rc = sonde_spool_open(&spool, sonde_work_visit, node, &node->spool, e);
	if (rc)
		return rc;
	struct sonde_spool_state s = sonde_spool_state(node->spool);
	sonde_log(SONDE_LOG_INFO, "node", "spool: epoch %llu, %llu results, %llu lost in %llu gaps",
	          (unsigned long long)s.epoch, (unsigned long long)s.count,
	          (unsigned long long)s.damage.lost, (unsigned long long)s.damage.gaps);
	return SONDE_OK;
}

static struct sonde_child_options child_options(const struct sonde_node *node)
{
	const struct sonde_node_options *o = node->options;

	return (struct sonde_child_options){
		.runner = o->runner, .plugins = o->plugins, .allow = o->guard_allow,
		.only = o->targets, .bits_per_second = o->bits_per_second, .deny = o->guard_deny, .own = node->own, .concurrency = (unsigned)o->capacity,
	};
}

static int start_net(struct sonde_node *node, struct sonde_error *e)
{
	const struct sonde_node_options *o = node->options;
	const struct sonde_net_options net = {
		.max_body = 1 << 16, .max_message = SONDE_MSG_MAX, .max_send_queue = SEND_QUEUE,
		.idle_timeout_s = 60,
	};
	const struct sonde_link_options link = {
		.controller = o->controller, .ca_file = o->ca_file, .pins = o->pin,
		.insecure = sonde_node_in_clear(o),
		.backoff_min_ms = o->backoff_min / SONDE_NS_PER_MS,
		.backoff_max_ms = o->backoff_max / SONDE_NS_PER_MS,
		.banned_ms = o->backoff_banned / SONDE_NS_PER_MS,
		.outdated_ms = o->backoff_outdated / SONDE_NS_PER_MS,
		.identity = &node->identity, .plugins = { node->plugins.data, node->plugins.len },
		.capacity = (uint32_t)o->capacity, .advertise = o->advertise,
	};

	if (link.insecure)
		sonde_log(SONDE_LOG_WARN, "link", "%s is another machine, and the connection is not "
		          "encrypted (--insecure)", o->controller);
	int rc = sonde_net_new(&node->loop, &net, &node->net, e);
	if (rc)
		return rc;
	rc = sonde_link_new(&node->loop, node->net, node->spool, &link, &sonde_work_link_events, node,
	                    &node->link, e);
	if (!rc)
		sonde_local_start(node);
	return rc;
}

static int start(struct sonde_node *node, struct sonde_error *e)
{
	const struct sonde_super_options super = {
		.child = child_options(node),
		.types = { node->plugins.data, node->plugins.len },
	};

	if (sonde_sync_new(&node->loop, node->spool, node->journal, &sonde_work_sync_events, node,
	                   &node->sync) ||
	    sonde_super_new(&node->loop, &super, &sonde_work_super_events, node, &node->super))
		return sonde_fail(e, SONDE_ENOMEM, NULL, "out of memory");
	if (sonde_schedule_new(node, &node->identity.id, &node->schedule))
		return sonde_fail(e, SONDE_ENOMEM, NULL, "out of memory");
	int rc = start_net(node, e);
	if (!rc)
		rc = sonde_life_start(node, e);
	if (rc)
		return rc;
	sonde_link_set_schedules(node->link, sonde_schedule_version(node->schedule));
	sonde_work_recall(node);
	sonde_schedule_start(node->schedule);
	uv_signal_start(&node->term, on_signal, SIGTERM);
	uv_signal_start(&node->interrupt, on_signal, SIGINT);
	uv_signal_start(&node->hangup, on_hangup, SIGHUP);
	return SONDE_OK;
}

static int run_loop(struct sonde_node *node, struct sonde_error *e)
{
	if (uv_loop_init(&node->loop))
		return sonde_fail(e, SONDE_EIO, NULL, "cannot make an event loop");
	uv_signal_init(&node->loop, &node->term);
	uv_signal_init(&node->loop, &node->interrupt);
	uv_signal_init(&node->loop, &node->hangup);
	uv_timer_init(&node->loop, &node->step);
	node->term.data = node->interrupt.data = node->hangup.data = node->step.data = node;
	int rc = start(node, e);
	if (rc)
		sonde_node_finish(node, 1);
	uv_run(&node->loop, UV_RUN_DEFAULT);
	if (uv_loop_close(&node->loop))
		sonde_log(SONDE_LOG_WARN, "node", "the loop ended with open handles");
	return rc;
}

int sonde_node_run(const struct sonde_node_options *o, const struct sonde_identity *identity,
                   struct sonde_error *e)
{
	struct sonde_node *node = calloc(1, sizeof(*node));

	if (!node) {
		sonde_fail(e, SONDE_ENOMEM, NULL, "out of memory");
		return 1;
	}
	node->options = o;
	node->identity = *identity;
	node->started_ns = sonde_boottime_ns();
	sonde_buf_init(&node->plugins, PLUGINS_MAX);
	sonde_buf_init(&node->packed, SONDE_RECORD_MAX);
	sonde_buf_init(&node->adjusted, 1 << 18);
	node->ring = sonde_ring_new();
	if (node->ring)
		sonde_log_tap(sonde_ring_add, node->ring);
	sonde_own_init(node->own, o->controller);
	const struct sonde_child_options child = child_options(node);
	int rc = sonde_describe(&child, &node->plugins, e);
	if (!rc)
		rc = open_files(node, e);
	if (!rc)
		rc = run_loop(node, e);
	int code = rc ? 1 : node->exit_code;
	sonde_spool_close(node->spool);
	sonde_journal_close(node->journal);
	sonde_buf_deinit(&node->plugins);
	sonde_buf_deinit(&node->packed);
	sonde_buf_deinit(&node->adjusted);
	sonde_recent_deinit(&node->recent);
	sonde_node_settings_deinit(&node->settings);
	sonde_log_tap(NULL, NULL);
	sonde_ring_free(node->ring);
	sonde_secret_wipe(&node->identity, sizeof(node->identity));
	free(node->accepts.rows);
	free(node);
	return code;
}
