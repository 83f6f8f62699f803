/* SPDX-License-Identifier: Apache-2.0 */
/* The route table, its matching, and who may pass. */
#include <string.h>

#include "controller/api/api.h"

const struct route api_routes[] = {
	{ SONDE_POST, "/v1/measurements", ROLE_MEASURE, api_create_measurement,
	  "Create a measurement, or up to 1,000 as an array" },
	{ SONDE_GET, "/v1/measurements", ROLE_ADMIN, api_list_measurements,
	  "Measurements, newest first" },
	{ SONDE_GET, "/v1/measurements/{id}/explain", ROLE_ADMIN, api_explain_measurement,
	  "Why these nodes: candidates, filters, policy, seed, answer" },
	{ SONDE_GET, "/v1/measurements/{id}", ROLE_PUBLIC, api_get_measurement,
	  "A measurement and its results" },
	{ SONDE_DELETE, "/v1/measurements/{id}", ROLE_ADMIN, api_cancel_measurement,
	  "Cancel a measurement" },
	{ SONDE_POST, "/v1/measurements/{id}/rerun", ROLE_MEASURE, api_rerun_measurement,
	  "Measure the same again" },
	{ SONDE_GET, "/v1/results", ROLE_ADMIN, api_list_results,
	  "Results in the order they were stored" },
	{ SONDE_GET, "/v1/export", ROLE_ADMIN, api_export_results,
	  "All results that fit, as JSON lines or CSV" },
	{ SONDE_GET, "/v1/series", ROLE_ADMIN, api_series,
	  "Counts, loss and percentiles over time" },
	{ SONDE_GET, "/v1/stats", ROLE_ADMIN, api_stats, "The state of the service" },
	{ SONDE_GET, "/v1/probes", ROLE_PUBLIC, api_list_probes, "Nodes that are ready" },
	{ SONDE_GET, "/v1/plugins", ROLE_PUBLIC, api_list_plugins, "Measurement types" },
	{ SONDE_POST, "/v1/plugins/reload", ROLE_ADMIN, api_reload_plugins,
	  "Look at the plugin directories again, here and on nodes" },
	{ SONDE_POST, "/v1/plugins/reload/{id}", ROLE_ADMIN, api_reload_plugins,
	  "The same, on one node" },
	{ SONDE_GET, "/v1/policies", ROLE_ADMIN, api_list_policies, "Placement policies" },
	{ SONDE_GET, "/v1/policies/{id}", ROLE_ADMIN, api_get_policy,
	  "Source and versions of a policy" },
	{ SONDE_GET, "/v1/policies/{id}/logs", ROLE_ADMIN, api_policy_logs,
	  "Last lines of a policy: what it said, its faults, its versions" },
	{ SONDE_PUT, "/v1/policies/{id}", ROLE_ADMIN, api_put_policy,
	  "Compile, test and swap in a policy" },
	{ SONDE_DELETE, "/v1/policies/{id}/shadow", ROLE_ADMIN, api_end_shadow,
	  "End the shadow of a policy" },
	{ SONDE_POST, "/v1/policies/{id}/rollback", ROLE_ADMIN, api_rollback_policy,
	  "Make an earlier version the newest one" },
	{ SONDE_POST, "/v1/policies/{id}/simulate", ROLE_ADMIN, api_simulate_policy,
	  "Decide recorded or invented requests again and count" },
	{ SONDE_POST, "/v1/nodes/register", ROLE_PUBLIC, api_register_node,
	  "Enrol a node with a registration token" },
	{ SONDE_GET, "/v1/nodes", ROLE_ADMIN, api_list_nodes, "All nodes" },
	{ SONDE_GET, "/v1/nodes/{id}", ROLE_ADMIN, api_get_node, "One node" },
	{ SONDE_PATCH, "/v1/nodes/{id}", ROLE_ADMIN, api_patch_node,
	  "Approve, enable, disable, priority, tags, region" },
	{ SONDE_DELETE, "/v1/nodes/{id}", ROLE_ADMIN, api_delete_node, "Remove a node" },
	{ SONDE_PATCH, "/v1/nodes/{id}/config", ROLE_ADMIN, api_configure_node,
	  "Change a node's settings: limits, intervals, log level, plugin options" },
	{ SONDE_POST, "/v1/nodes/{id}/sync", ROLE_ADMIN, api_sync_node,
	  "Send a node its settings again" },
	{ SONDE_POST, "/v1/nodes/{id}/rotate-key", ROLE_ADMIN, api_rotate_key, "Give a node a new key" },
	{ SONDE_POST, "/v1/nodes/{id}/ban", ROLE_ADMIN, api_ban_node, "Send a node away" },
	{ SONDE_DELETE, "/v1/nodes/{id}/ban", ROLE_ADMIN, api_unban_node, "Let it come back" },
	{ SONDE_GET, "/v1/nodes/{id}/logs", ROLE_ADMIN, api_node_logs, "Last lines of a node's log" },
	{ SONDE_POST, "/v1/nodes/{id}/restart-runner", ROLE_ADMIN, api_restart_runner,
	  "Replace a node's runner" },
	{ SONDE_POST, "/v1/nodes/{id}/self-test", ROLE_ADMIN, api_self_test,
	  "Let a node test itself now" },
	{ SONDE_POST, "/v1/registration-tokens", ROLE_ADMIN, api_create_token,
	  "Make a registration token" },
	{ SONDE_GET, "/v1/registration-tokens", ROLE_ADMIN, api_list_tokens, "Registration tokens" },
	{ SONDE_DELETE, "/v1/registration-tokens/{id}", ROLE_ADMIN, api_delete_token,
	  "Revoke a registration token" },
	{ SONDE_POST, "/v1/schedules", ROLE_ADMIN, api_create_schedule, "Create a schedule" },
	{ SONDE_GET, "/v1/schedules", ROLE_ADMIN, api_list_schedules, "All schedules" },
	{ SONDE_POST, "/v1/schedules/{id}/run", ROLE_ADMIN, api_run_schedule,
	  "Measure now, once, as the schedule would" },
	{ SONDE_POST, "/v1/schedules/{id}/pause", ROLE_ADMIN, api_pause_schedule, "Pause a schedule" },
	{ SONDE_POST, "/v1/schedules/{id}/resume", ROLE_ADMIN, api_resume_schedule,
	  "Resume a schedule" },
	{ SONDE_GET, "/v1/schedules/{id}", ROLE_ADMIN, api_get_schedule,
	  "A schedule: its nodes, what was expected and received" },
	{ SONDE_PATCH, "/v1/schedules/{id}", ROLE_ADMIN, api_patch_schedule,
	  "Change a schedule; null takes a member away" },
	{ SONDE_DELETE, "/v1/schedules/{id}", ROLE_ADMIN, api_delete_schedule, "End a schedule" },
	{ SONDE_GET, "/v1/events", ROLE_ADMIN, api_list_events, "The newest events" },
	{ SONDE_POST, "/v1/events/{id}/ack", ROLE_ADMIN, api_ack_event,
	  "Acknowledge the problem that an event raised" },
	{ SONDE_GET, "/v1/problems", ROLE_ADMIN, api_list_problems, "What is wrong now" },
	{ SONDE_GET, "/v1/silences", ROLE_ADMIN, api_list_silences, "Silences that are not over" },
	{ SONDE_POST, "/v1/silences", ROLE_ADMIN, api_create_silence,
	  "Keep notifiers quiet about what matches" },
	{ SONDE_DELETE, "/v1/silences/{id}", ROLE_ADMIN, api_delete_silence, "End a silence" },
	{ SONDE_GET, "/health", ROLE_PUBLIC, api_health, "The process lives" },
	{ SONDE_GET, "/ready", ROLE_PUBLIC, api_ready, "The service can take work" },
	{ SONDE_GET, "/metrics", ROLE_PUBLIC, api_metrics, "Prometheus metrics" },
	{ 0 },
};

static bool path_matches(const char *pattern, const char *path, char *param)
{
	const char *brace = strchr(pattern, '{');
	size_t head = brace ? (size_t)(brace - pattern) : 0;

	if (!brace)
		return !strcmp(pattern, path);
	if (strncmp(pattern, path, head))
		return false;
	const char *value = path + head;
	size_t len = strcspn(value, "/");
	if (!len || len >= PATH_PARAM_MAX || strcmp(value + len, strchr(brace, '}') + 1))
		return false;
	memcpy(param, value, len);
	param[len] = '\0';
	return true;
}

/* 1 = an admin token, 0 = none given, -1 = one that is not valid. */
static int bearer(struct call *call)
{
	char value[256];

	int n = sonde_req_header(call->req, "authorization", value, sizeof(value));
	if (n < 0)
		return 0;
	if (strncmp(value, "Bearer ", 7) || strchr(value + 7, ' '))
		return -1;
	return tokens_is_admin(&call->c->tokens, value + 7, strlen(value + 7)) ? 1 : -1;
}

static bool may_pass(struct call *call, enum role role)
{
	int who = bearer(call);

	call->admin = who == 1;
	return call->admin || (who == 0 && (role == ROLE_PUBLIC ||
	                                    (role == ROLE_MEASURE && call->c->options.anonymous)));
}

static void preflight(struct call *call)
{
	static const struct sonde_header headers[] = {
		{ "Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE, OPTIONS" },
		{ "Access-Control-Allow-Headers", "Authorization, Content-Type, If-None-Match, Idempotency-Key" },
		{ "Access-Control-Max-Age", "600" },
		{ NULL },
	};
	sonde_req_reply(call->req, &(struct sonde_reply){ .status = 204, .headers = headers });
}

void api_handle(struct sonde_req *req, void *arg)
{
	struct call call = { .c = arg, .req = req, .view = sonde_req_view(req) };
	bool path_known = false;

	for (const struct route *r = api_routes; r->path; r++) {
		if (!path_matches(r->path, call.view->path, call.param))
			continue;
		path_known = true;
		if (r->method != call.view->method)
			continue;
		if (may_pass(&call, r->role))
			r->handle(&call);
		else
			answer_error(call.c, req, 401, "unauthorized", "Unauthorized.", NULL, NULL);
		return;
	}
	if (path_known && call.view->method == SONDE_OPTIONS)
		preflight(&call);
	else if (path_known)
		answer_error(call.c, req, 405, "method_not_allowed", "Method not allowed.", NULL, NULL);
	else
		answer_error(call.c, req, 404, "not_found", "No such path.", NULL, NULL);
}
