/* SPDX-License-Identifier: Apache-2.0 */
/* The route table, its matching, and who may pass. */
#include <string.h>
#include <strings.h>

#include "controller/api/api.h"
#include "controller/jwt.h"

static const struct route api_routes[] = {
	{ SONDE_POST, "/v1/measurements", ROLE_MEASURE, api_create_measurement,
	  "Create a measurement, or up to 1,000 as an array" },
	{ SONDE_GET, "/v1/measurements", ROLE_VIEWER, api_list_measurements,
	  "Measurements, newest first" },
	{ SONDE_GET, "/v1/measurements/{id}/explain", ROLE_VIEWER, api_explain_measurement,
	  "Why these nodes: candidates, filters, policy, seed, answer" },
	{ SONDE_GET, "/v1/measurements/{id}", ROLE_PUBLIC, api_get_measurement,
	  "A measurement and its results" },
	{ SONDE_DELETE, "/v1/measurements/{id}", ROLE_USER, api_cancel_measurement,
	  "Cancel a measurement" },
	{ SONDE_POST, "/v1/measurements/{id}/rerun", ROLE_MEASURE, api_rerun_measurement,
	  "Measure the same again" },
	{ SONDE_GET, "/v1/results", ROLE_WATCH, api_list_results,
	  "Results in the order they were stored" },
	{ SONDE_GET, "/v1/export", ROLE_WATCH, api_export_results,
	  "All results that fit, as JSON lines or CSV" },
	{ SONDE_GET, "/v1/series", ROLE_WATCH, api_series,
	  "Counts, loss and percentiles over time" },
	{ SONDE_GET, "/v1/stats", ROLE_VIEWER, api_stats, "The state of the service" },
	{ SONDE_GET, "/v1/probes", ROLE_PUBLIC, api_list_probes, "Nodes that are ready" },
	{ SONDE_GET, "/v1/plugins", ROLE_PUBLIC, api_list_plugins, "Measurement types" },
	{ SONDE_POST, "/v1/plugins/reload", ROLE_ADMIN, api_reload_plugins,
	  "Look at the plugin directories again, here and on nodes" },
	{ SONDE_POST, "/v1/plugins/reload/{id}", ROLE_ADMIN, api_reload_plugins,
	  "The same, on one node" },
	{ SONDE_GET, "/v1/policies", ROLE_VIEWER, api_list_policies, "Placement policies" },
	{ SONDE_GET, "/v1/policies/{id}", ROLE_VIEWER, api_get_policy,
	  "Source and versions of a policy" },
	{ SONDE_GET, "/v1/columns", ROLE_OPERATOR, api_get_columns, "What policies see of the nodes" },
	{ SONDE_GET, "/v1/policies/{id}/logs", ROLE_OPERATOR, api_policy_logs,
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
	{ SONDE_GET, "/v1/nodes", ROLE_VIEWER, api_list_nodes, "All nodes" },
	{ SONDE_GET, "/v1/nodes/{id}", ROLE_VIEWER, api_get_node, "One node" },
	{ SONDE_PATCH, "/v1/nodes/{id}", ROLE_OPERATOR, api_patch_node,
	  "Approve, enable, disable, priority, tags, region" },
	{ SONDE_DELETE, "/v1/nodes/{id}", ROLE_OPERATOR, api_delete_node, "Remove a node" },
	{ SONDE_PATCH, "/v1/nodes/{id}/config", ROLE_OPERATOR, api_configure_node,
	  "Change a node's settings: limits, intervals, log level, plugin options" },
	{ SONDE_POST, "/v1/nodes/{id}/sync", ROLE_OPERATOR, api_sync_node,
	  "Send a node its settings again" },
	{ SONDE_POST, "/v1/nodes/{id}/rotate-key", ROLE_OPERATOR, api_rotate_key,
	  "Give a node a new key" },
	{ SONDE_POST, "/v1/nodes/{id}/ban", ROLE_OPERATOR, api_ban_node, "Send a node away" },
	{ SONDE_DELETE, "/v1/nodes/{id}/ban", ROLE_OPERATOR, api_unban_node, "Let it come back" },
	{ SONDE_GET, "/v1/nodes/{id}/logs", ROLE_OPERATOR, api_node_logs,
	  "Last lines of a node's log" },
	{ SONDE_POST, "/v1/nodes/{id}/restart-runner", ROLE_OPERATOR, api_restart_runner,
	  "Replace a node's runner" },
	{ SONDE_POST, "/v1/nodes/{id}/self-test", ROLE_OPERATOR, api_self_test,
	  "Let a node test itself now" },
	{ SONDE_POST, "/v1/registration-tokens", ROLE_OPERATOR, api_create_token,
	  "Make a registration token" },
	{ SONDE_GET, "/v1/registration-tokens", ROLE_OPERATOR, api_list_tokens, "Registration tokens" },
	{ SONDE_DELETE, "/v1/registration-tokens/{id}", ROLE_OPERATOR, api_delete_token,
	  "Revoke a registration token" },
	{ SONDE_POST, "/v1/auth/register", ROLE_PUBLIC, api_register, "Make an account" },
	{ SONDE_POST, "/v1/auth/login", ROLE_PUBLIC, api_login, "Log in: an access and a refresh token" },
	{ SONDE_POST, "/v1/auth/refresh", ROLE_PUBLIC, api_refresh, "New tokens for a refresh token" },
	{ SONDE_POST, "/v1/auth/logout", ROLE_PUBLIC, api_logout, "End the session of a refresh token" },
	{ SONDE_POST, "/v1/auth/password", ROLE_VIEWER, api_password, "Change the own password" },
	{ SONDE_GET, "/v1/auth/me", ROLE_VIEWER, api_get_me, "The own account" },
	{ SONDE_PATCH, "/v1/auth/me", ROLE_VIEWER, api_patch_me, "Change the own profile" },
	{ SONDE_DELETE, "/v1/auth/me", ROLE_VIEWER, api_delete_me, "Deactivate the own account" },
	{ SONDE_GET, "/v1/auth/tokens", ROLE_VIEWER, api_list_api_tokens, "The own API tokens" },
	{ SONDE_POST, "/v1/auth/tokens", ROLE_VIEWER, api_create_api_token, "Make an API token" },
	{ SONDE_DELETE, "/v1/auth/tokens/{id}", ROLE_VIEWER, api_delete_api_token,
	  "Revoke an API token" },
	{ SONDE_GET, "/v1/credits", ROLE_VIEWER, api_get_credits, "The own credits" },
	{ SONDE_GET, "/v1/limits", ROLE_PUBLIC, api_get_limits, "What remains of the limits" },
	{ SONDE_GET, "/v1/tiers", ROLE_PUBLIC, api_list_tiers, "Tiers" },
	{ SONDE_PUT, "/v1/tiers/{id}", ROLE_ADMIN, api_put_tier, "Make or change a tier" },
	{ SONDE_DELETE, "/v1/tiers/{id}", ROLE_ADMIN, api_delete_tier, "Remove a tier" },
	{ SONDE_GET, "/v1/users", ROLE_ADMIN, api_list_users, "Users" },
	{ SONDE_POST, "/v1/users", ROLE_ADMIN, api_create_user, "Make a user" },
	{ SONDE_GET, "/v1/users/{id}", ROLE_ADMIN, api_get_user, "One user" },
	{ SONDE_PATCH, "/v1/users/{id}", ROLE_ADMIN, api_patch_user,
	  "Role, tier, profile, password, disabled" },
	{ SONDE_GET, "/v1/users/{id}/credits", ROLE_ADMIN, api_get_user_credits,
	  "The ledger of a user" },
	{ SONDE_POST, "/v1/users/{id}/credits", ROLE_ADMIN, api_grant_credits, "Grant credits" },
	{ SONDE_GET, "/v1/invitations", ROLE_ADMIN, api_list_invitations, "Invitations" },
	{ SONDE_POST, "/v1/invitations", ROLE_ADMIN, api_create_invitation, "Make an invitation" },
	{ SONDE_DELETE, "/v1/invitations/{id}", ROLE_ADMIN, api_delete_invitation,
	  "Revoke an invitation" },
	{ SONDE_GET, "/v1/audit", ROLE_ADMIN, api_list_audit, "Administrative acts, newest first" },
	{ SONDE_POST, "/v1/schedules", ROLE_OPERATOR, api_create_schedule, "Create a schedule" },
	{ SONDE_GET, "/v1/schedules", ROLE_WATCH, api_list_schedules, "All schedules" },
	{ SONDE_POST, "/v1/schedules/{id}/run", ROLE_OPERATOR, api_run_schedule,
	  "Measure now, once, as the schedule would" },
	{ SONDE_POST, "/v1/schedules/{id}/pause", ROLE_OPERATOR, api_pause_schedule, "Pause a schedule" },
	{ SONDE_POST, "/v1/schedules/{id}/resume", ROLE_OPERATOR, api_resume_schedule,
	  "Resume a schedule" },
	{ SONDE_GET, "/v1/schedules/{id}", ROLE_WATCH, api_get_schedule,
	  "A schedule: its nodes, what was expected and received" },
	{ SONDE_PATCH, "/v1/schedules/{id}", ROLE_OPERATOR, api_patch_schedule,
	  "Change a schedule; null takes a member away" },
	{ SONDE_DELETE, "/v1/schedules/{id}", ROLE_OPERATOR, api_delete_schedule, "End a schedule" },
	{ SONDE_GET, "/v1/events", ROLE_WATCH, api_list_events, "The newest events" },
	{ SONDE_POST, "/v1/events/{id}/ack", ROLE_OPERATOR, api_ack_event,
	  "Acknowledge the problem that an event raised" },
	{ SONDE_GET, "/v1/problems", ROLE_WATCH, api_list_problems, "What is wrong now" },
	{ SONDE_GET, "/v1/silences", ROLE_WATCH, api_list_silences, "Silences that are not over" },
	{ SONDE_POST, "/v1/silences", ROLE_OPERATOR, api_create_silence,
	  "Keep notifiers quiet about what matches" },
	{ SONDE_DELETE, "/v1/silences/{id}", ROLE_OPERATOR, api_delete_silence, "End a silence" },
	{ SONDE_GET, "/health", ROLE_PUBLIC, api_health, "The process lives" },
	{ SONDE_GET, "/ready", ROLE_PUBLIC, api_ready, "The service can take work" },
	{ SONDE_GET, "/metrics", ROLE_PUBLIC, api_metrics, "Prometheus metrics" },
	{ SONDE_POST, "/v1/backup", ROLE_ADMIN, api_backup, "The store as one file, while it is in use" },
	{ SONDE_GET, "/v1/spec.yaml", ROLE_PUBLIC, api_spec, "This API as OpenAPI 3.1" },
	{ SONDE_GET, "/.well-known/api-catalog", ROLE_PUBLIC, api_catalog, "What APIs there are (RFC 9727)" },
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

/* Who the request's Authorization says it is: 1, 0 = none given, -1 = good for nothing. */
static int identify(struct call *call)
{
	char value[8 + JWT_TEXT_MAX];

	int n = sonde_req_header(call->req, "authorization", value, sizeof(value));
	if (n < 0)
		return 0;
	bool good = !strncasecmp(value, "Bearer ", 7) && !strchr(value + 7, ' ') &&
		    accounts_who(call->c, value + 7, strlen(value + 7), &call->who);
	sonde_secret_wipe(value, sizeof(value));
	call->admin = good && call->who.role == ROLE_ADMIN;
	return good ? 1 : -1;
}

const struct user *record_owner(const struct controller *c, const struct record *r)
{
	char id[SONDE_ID_TEXT];

	snprintf(id, sizeof(id), "%.*s", (int)r->owner.len, r->owner.s);
	return users_by_id(&c->accounts.users, id);
}

bool call_owns(const struct call *call, const struct record *r)
{
	if (call->who.role >= ROLE_OPERATOR)
		return true;
	if (call->who.user)
		return record_owner(call->c, r) == call->who.user;
	return r->owner.len == strlen(RECORD_ANONYMOUS) &&
	       !memcmp(r->owner.s, RECORD_ANONYMOUS, r->owner.len);
}

static const struct {
	const char *prefix;
	unsigned scope;
} scopes[] = {
	{ "/v1/auth/", SCOPE_ACCOUNT },
};

/* The method and the path say the scope that a route asks for. */
static unsigned scope_of(const struct route *r)
{
	for (unsigned i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++)
		if (!strncmp(r->path, scopes[i].prefix, strlen(scopes[i].prefix)))
			return scopes[i].scope;
	if (r->method == SONDE_GET)
		return SCOPE_READ;
	return r->role >= ROLE_OPERATOR ? SCOPE_MANAGE : SCOPE_MEASURE;
}

/* 0, or the status of the refusal. A credential that is good for nothing is refused everywhere:
 * its owner would otherwise take the answer to anybody for his own. */
static unsigned refusal(struct call *call, const struct route *r)
{
	int who = identify(call);

	if (who < 0)
		return 401;
	if (r->role == ROLE_PUBLIC && r->method == SONDE_GET)
		return 0;
	if (who == 0)
		return r->role == ROLE_PUBLIC ||
		       (r->role == ROLE_MEASURE && call->c->options.anonymous) ? 0 : 401;
	return role_may(call->who.role, r->role) && call->who.scopes & scope_of(r) ? 0 : 403;
}

static void preflight(struct call *call)
{
	static const struct sonde_header headers[] = {
		{ "Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS" },
		{ "Access-Control-Allow-Headers", "Authorization, Content-Type, If-None-Match, Idempotency-Key" },
		{ "Access-Control-Max-Age", "600" },
		{ NULL },
	};
	answer_reply(call->c, call->req, &(struct sonde_reply){ .status = 204, .headers = headers });
}

/* The route of a request, NULL when there is none: then *path_known says whether another method
 * has one. param gets what {id} matched. */
static const struct route *find(enum sonde_method method, const char *path, char *param,
                                bool *path_known)
{
	*path_known = false;
	for (const struct route *r = api_routes; r->path; r++) {
		if (!path_matches(r->path, path, param))
			continue;
		*path_known = true;
		if (r->method == method)
			return r;
	}
	return NULL;
}

void api_handle(struct sonde_req *req, void *arg)
{
	struct call call = { .c = arg, .req = req, .view = sonde_req_view(req) };
	bool path_known;
	const struct route *r = find(call.view->method, call.view->path, call.param, &path_known);
	unsigned status = r ? refusal(&call, r) : 0;

	audit_begin(&call, r);
	if (r && !status)
		r->handle(&call);
	else if (status == 401)
		answer_error(call.c, req, 401, "unauthorized", "Unauthorized.", NULL, NULL);
	else if (status)
		answer_error(call.c, req, 403, "forbidden", "The account or token may not do this.",
		             NULL, NULL);
	else if (path_known && call.view->method == SONDE_OPTIONS)
		preflight(&call);
	else if (path_known)
		answer_error(call.c, req, 405, "method_not_allowed", "Method not allowed.", NULL, NULL);
	else
		answer_error(call.c, req, 404, "not_found", "No such path.", NULL, NULL);
}
