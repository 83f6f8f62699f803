/* SPDX-License-Identifier: Apache-2.0 */
/* Puts the rooms together and takes them apart again. Start order: store, policies, types, state
 * from the store, then the listener, so that the first request finds everything. Stop order is the
 * reverse: no new connection, answers out, store committed, loop closed. */
#include "controller/controller.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "controller/api/api.h"
#include "controller/change.h"
#include "controller/first_token.h"
#include "controller/life.h"
#include "controller/link.h"
#include "controller/own_files.h"
#include "controller/resume.h"
#include "controller/retain.h"

/* Nodes send in batches: 60,000 results a second are 600 frames. */
enum { NODE_FRAMES_S = 20000 };
enum { STORE_QUEUE = 65536, MESSAGE_MAX = 4 << 20, SEND_QUEUE = 8 << 20, TICK_MS = 500,
       TRACE_MAX = 256 << 10 };
enum { FILES_KEPT = 512, UNREAD_MAX = 64 << 20 };
enum { RETAIN_EVERY_S = 3600 };

/* ---- the store's two callbacks, on the writer thread ---- */

static void wake(void *arg)
{
	struct controller *c = arg;
	uv_async_send(&c->committed);
}

static void fatal(void *arg, const char *why)
{
	(void)arg;
	/* A failed fsync may have dropped pages: nothing after it can be trusted, least of all a
	 * second try. */
	sonde_log(SONDE_LOG_ERROR, "store", "stopping at once: %s", why);
	_exit(1);
}

static void on_committed(uv_async_t *handle)
{
	struct controller *c = handle->data;

	sonde_store_reap(c->store);
	tasks_flush(&c->tasks);
}

/* ---- start ---- */

/* A day later than results, whose segments go by the day they came on. */
static int64_t forget_before(const struct controller *c)
{
	return sonde_wall_ms() - (c->options.retain_days + 1) * INT64_C(86400000);
}

static void look_at_space(struct controller *c)
{
	struct event e = { .kind = "store.full" };
	bool full = sonde_store_full(c->store);

	if (full == c->store_full)
		return;
	c->store_full = full;
	e.severity = full ? "error" : "info";
	snprintf(e.text, sizeof(e.text), "%s",
	         full ? "The disk or the store is nearly full: no results and no measurements are "
	                "taken, nodes keep theirs." :
	                "The store has room again.");
	event_raise(&c->events, &e);
}

static void on_tick(uv_timer_t *timer)
{
	struct controller *c = timer->data;
	int64_t now = sonde_boottime_ns();

	link_tick(c, now);
	commands_tick(&c->commands, now);
	life_tick(c, now);
	tasks_tick(&c->tasks, now);
	accounts_tick(c, now);
	live_check(&c->live);
	decisions_flush(&c->decisions);
	policies_tick(&c->changes);
	schedules_tick(&c->schedules, now);
	problems_tick(&c->problems);
	look_at_space(c);
	if (ageing_allowed(&c->ageing) && now - c->retained_ns > RETAIN_EVERY_S * SONDE_NS_PER_S) {
		c->retained_ns = now;
		ageing_note(&c->ageing, c->store);
		sonde_store_retain(c->store, (unsigned)c->options.retain_days);
		measurements_forget(c, forget_before(c), sonde_wall_ms());
		decisions_retain(&c->decisions,
		                 sonde_wall_ms() - c->options.retain_days * INT64_C(86400000));
	}
}

static void on_signal(uv_signal_t *handle, int number)
{
	sonde_log(SONDE_LOG_INFO, "controller", "signal %d, stopping", number);
	controller_stop(handle->data);
}

/* A new certificate is served without a pause; of a bad one nothing is taken. */
static void on_hangup(uv_signal_t *handle, int number)
{
	struct controller *c = handle->data;
	struct sonde_error e;

	(void)number;
	if (!c->options.cert)
		sonde_log(SONDE_LOG_INFO, "controller", "SIGHUP: there is no certificate to read again");
	else if (own_files_check(&c->options, &e) != SONDE_OK ||
	         sonde_net_reload_certs(c->net, &e) != SONDE_OK)
		sonde_log(SONDE_LOG_ERROR, "controller",
		          "%s; the certificate that was served before stays", e.text);
	else
		own_pin_log(&c->options);
}

static int open_store(struct controller *c, struct sonde_error *e)
{
	struct sonde_store_options o = { .dir = c->options.state,
		                         .map_bytes = (size_t)c->options.map_bytes,
		                         .queue_max = STORE_QUEUE, .wake = wake, .fatal = fatal,
		                         .arg = c };

	uv_async_init(&c->loop, &c->committed, on_committed);
	c->committed.data = c;
	return sonde_store_open(&o, &c->store, e);
}

static void on_quarantine(void *arg, const char *name, const char *why)
{
	struct controller *c = arg;
	struct policy_event event = { name, why };

	c->changes.quarantined++;
	bus_publish(&c->bus, TOPIC_POLICY, &event);
	struct event told = { .kind = "policy.quarantined", .severity = "error" };
	snprintf(told.text, sizeof(told.text), "%s is quarantined: %.160s", name, why);
	if (c->events.c)
		event_raise(&c->events, &told);
}

/* What the API or the files changed since; then the default must be there. */
static int start_changes(struct controller *c, struct sonde_error *e)
{
	c->changes.loop = &c->loop;
	c->changes.store = c->store;
	c->changes.live = c->policies;
	c->changes.dir = c->options.policies;
	c->changes.lua = c->options.lua;
	if (policies_start(&c->changes) != SONDE_OK)
		return sonde_fail(e, SONDE_EIO, "policies", "cannot read the stored policies");
	return sonde_policy_check_params(c->policies, c->options.policy, NULL, e);
}

static int load_policies(struct controller *c, struct sonde_error *e)
{
	int rc = sonde_policies_new(NULL, &c->policies);

	if (rc != SONDE_OK)
		return sonde_fail(e, rc, "policies", "no memory for the policies");
	if (sonde_policy_load_dir(c->policies, c->options.policies, e) != SONDE_OK)
		sonde_log(SONDE_LOG_ERROR, "policies", "%s", e->text);
	sonde_policies_on_quarantine(c->policies, on_quarantine, c);
	return SONDE_OK;
}

static int load_state(struct controller *c, struct sonde_error *e)
{
	int rc = types_load(&c->types, c->options.runner, c->options.plugins, e);

	if (rc == SONDE_OK)
		rc = tokens_load(&c->tokens, c->store, e);
	if (rc == SONDE_OK)
		rc = accounts_load(c, e);
	if (rc == SONDE_OK)
		rc = nodes_load(&c->nodes, c->store, e);
	if (rc == SONDE_OK)
		rc = events_load(&c->events, c, e);
	if (rc == SONDE_OK)
		rc = schedules_load(&c->schedules, c, e);
	if (rc == SONDE_OK)
		rc = problems_load(&c->problems, c, e);
	if (rc == SONDE_OK && ingest_init(&c->ingest, c) != SONDE_OK)
		rc = sonde_fail(e, SONDE_EIO, "state", "cannot read the store");
	if (rc == SONDE_OK && resume_measurements(c) != SONDE_OK)
		rc = sonde_fail(e, SONDE_EIO, "state", "cannot read the measurements");
	return rc;
}

static int make_guard(struct controller *c, struct sonde_error *e)
{
	char own[SONDE_GUARD_OWN_TEXT];
	int rc = sonde_guard_new(c->options.guard_allow, c->options.guard_deny, &c->guard, e);

	sonde_guard_own_addresses(own);
	return rc == SONDE_OK ? sonde_guard_refuse_own(c->guard, own, e) : rc;
}

/* The rest of the descriptors is for the store's files, the runner and what the loop needs. */
static void limit_connections(const struct controller_options *o, struct sonde_net_options *n)
{
	struct rlimit r;
	int64_t most = getrlimit(RLIMIT_NOFILE, &r) ? 1024 : (int64_t)r.rlim_cur;

	most = most > 2 * FILES_KEPT ? most - FILES_KEPT : most / 2;
	if (o->connections_max && o->connections_max < most)
		most = o->connections_max;
	n->max_conns = (unsigned)most;
	n->spare_loopback = !o->connections_address;
	n->max_per_address = (unsigned)(o->connections_address ? o->connections_address :
					most > 4 ? most / 4 : 1);
	n->max_unread = UNREAD_MAX;
}

static int listen_on(struct controller *c, struct sonde_error *e)
{
	struct sonde_ws_route *routes = c->routes;
	char host[256];
	const char *colon = strrchr(c->options.listen, ':');
	char *end;
	long port = colon ? strtol(colon + 1, &end, 10) : -1;

	if (!colon || *end || port < 0 || port > 65535 ||
	    (size_t)(colon - c->options.listen) >= sizeof(host))
		return sonde_fail(e, SONDE_EINVAL, "listen", "must be ADDRESS:PORT, not %s",
		                  c->options.listen);
	snprintf(host, sizeof(host), "%.*s", (int)(colon - c->options.listen), c->options.listen);
	routes[0] = (struct sonde_ws_route){ "/v1/nodes/connect", "sonde.node.v1", &link_events, c,
		                             LINK_HELLO_MAX, NODE_FRAMES_S };
	routes[1] = (struct sonde_ws_route){ "/v1/live", "sonde.live.v1", &live_events, c,
		                             LIVE_MESSAGE_MAX, LIVE_FRAMES_S };
	struct sonde_listen l = {
		.host = host[0] && strcmp(host, "*") ? host : NULL, .port = (uint16_t)port,
		.cert = c->options.cert, .key = c->options.key, .http = api_handle, .http_arg = c,
		.routes = routes, .origins = c->options.origins,
		.headers = "Link: </v1/spec.yaml>; rel=\"service-desc\"\r\n",
	};
	if (access(c->options.web, R_OK) == 0) {
		l.static_dir = c->options.web;
		l.static_url = "/ui";
	}
	struct sonde_net_options o = { .max_body = BODY_MAX, .max_message = MESSAGE_MAX,
		                       .max_send_queue = SEND_QUEUE, .idle_timeout_s = 30 };
	limit_connections(&c->options, &o);
	int rc = sonde_net_new(&c->loop, &o, &c->net, e);
	return rc == SONDE_OK ? sonde_net_listen(c->net, &l, e) : rc;
}

static void start_handles(struct controller *c)
{
	uv_timer_init(&c->loop, &c->tick);
	c->tick.data = c->sigterm.data = c->sigint.data = c->sighup.data = c;
	uv_timer_start(&c->tick, on_tick, TICK_MS, TICK_MS);
	schedules_start(&c->schedules);
	uv_signal_init(&c->loop, &c->sigterm);
	uv_signal_init(&c->loop, &c->sigint);
	uv_signal_start(&c->sigterm, on_signal, SIGTERM);
	uv_signal_start(&c->sigint, on_signal, SIGINT);
	uv_signal_init(&c->loop, &c->sighup);
	uv_signal_start(&c->sighup, on_hangup, SIGHUP);
}

/* What works on the store and the policies; nothing is read yet. */
static void make_rooms(struct controller *c)
{
	ageing_start(&c->ageing, c->store);
	nodes_init(&c->nodes, c->policies, &c->bus);
	c->nodes.beat_ns = c->options.beat_s * SONDE_NS_PER_S;
	c->nodes.deregistered_ms = c->options.deregistered_ns / SONDE_NS_PER_MS;
	c->nodes.latitude = c->options.latitude;
	c->nodes.longitude = c->options.longitude;
	c->nodes.seal = c->accounts.keys.seal;
	c->nodes.users = &c->accounts.users;
	c->nodes.newest = c->options.node_version_newest;
	placement_init(&c->placement, &c->nodes, c->policies);
	c->placement.regions = &c->regions;
	c->placement.trace_nodes = (unsigned)c->options.explain_nodes;
	c->decisions.store = c->store;
	tasks_init(&c->tasks, &c->nodes);
	c->tasks.send = link_send_tasks;
	c->tasks.close = ingest_close_task;
	c->tasks.replace = resume_elsewhere;
	c->tasks.arg = c;
	waits_init(&c->waits, c);
	live_init(&c->live, c);
	rollups_init(&c->rollups, c);
}

int controller_start(struct controller *c, struct sonde_error *e)
{
	c->started_ns = sonde_boottime_ns();
	c->retained_ns = INT64_MIN / 2; /* the first tick asks */
	uv_loop_init(&c->loop);
	tokens_init(&c->tokens);
	decisions_init(&c->decisions);
	sonde_buf_init(&c->trace, TRACE_MAX);
	if (sonde_decoder_new(&c->decoder) != SONDE_OK)
		return SONDE_ENOMEM;
	int rc = own_files_check(&c->options, e);
	if (rc == SONDE_OK)
		rc = make_guard(c, e);
	if (rc == SONDE_OK)
		rc = load_policies(c, e);
	if (rc == SONDE_OK)
		rc = open_store(c, e);
	if (rc == SONDE_OK)
		rc = accounts_start(c, e);
	if (rc == SONDE_OK)
		rc = start_changes(c, e);
	if (rc != SONDE_OK)
		return rc;
	make_rooms(c);
	rc = load_state(c, e);
	if (rc == SONDE_OK) {
		past_load(c);
		nodes_seal(c);
	}
	if (rc == SONDE_OK && !tokens_have_admin(&c->tokens))
		rc = first_token_make(c);
	if (rc == SONDE_OK)
		rc = notify_start(&c->notify, c, c->options.notify, e);
	if (rc == SONDE_OK)
		rc = verdicts_start(&c->verdicts, c, c->options.verdicts, c->options.verdict_params, e);
	if (rc == SONDE_OK)
		rc = listen_on(c, e);
	if (rc != SONDE_OK)
		return rc;
	start_handles(c);
	sonde_log(SONDE_LOG_INFO, "controller", "serving on %s, %zu types, %zu nodes known",
	          c->options.listen, c->types.by_name.len, c->nodes.by_id.len);
	own_pin_log(&c->options);
	return SONDE_OK;
}

/* ---- stop ---- */

static void net_closed(void *arg)
{
	struct controller *c = arg;

	accounts_stop(c);
	commands_deinit(&c->commands);
	decisions_flush(&c->decisions);
	problems_tick(&c->problems);
	verdicts_stop(&c->verdicts);
	/* What waits is committed; nobody is left to be answered. */
	sonde_store_close(c->store);
	c->store = NULL;
	uv_close((uv_handle_t *)&c->committed, NULL);
	uv_close((uv_handle_t *)&c->tick, NULL);
	schedules_stop(&c->schedules);
	uv_close((uv_handle_t *)&c->sigterm, NULL);
	uv_close((uv_handle_t *)&c->sigint, NULL);
	uv_close((uv_handle_t *)&c->sighup, NULL);
}

void controller_stop(struct controller *c)
{
	if (c->stopping)
		return;
	c->stopping = c->changes.stopping = true;
	backup_stop(c);
	waits_stop(&c->waits);
	live_stop(&c->live);
	rollups_stop(&c->rollups);
	sonde_net_close(c->net, net_closed, c);
}

void controller_deinit(struct controller *c)
{
	notify_free(c->notify);
	verdicts_deinit(&c->verdicts);
	problems_deinit(&c->problems);
	waits_deinit(&c->waits);
	rollups_deinit(&c->rollups);
	schedules_deinit(&c->schedules);
	events_deinit(&c->events);
	tasks_deinit(&c->tasks);
	decisions_deinit(&c->decisions);
	policies_deinit(&c->changes);
	sonde_buf_deinit(&c->trace);
	placement_deinit(&c->placement);
	nodes_deinit(&c->nodes);
	tokens_deinit(&c->tokens);
	accounts_deinit(c);
	types_deinit(&c->types);
	sonde_policies_free(c->policies);
	sonde_guard_free(c->guard);
	sonde_decoder_free(c->decoder);
	uv_loop_close(&c->loop);
	sonde_pool_deinit(&c->pool);
}
