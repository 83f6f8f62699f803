/* SPDX-License-Identifier: Apache-2.0 */
/* The REST API: one table of routes says method, path and who may call. A route without a row does
 * not exist. Errors have Globalping's shape. */
#pragma once
#include <jansson.h>

#include "base/json.h"
#include "controller/audit.h"
#include "controller/controller.h"
#include "net/net.h"

enum { PATH_PARAM_MAX = 64, BODY_MAX = 100 << 10, REPLY_MAX = 64 << 20 };

/* One request on its way through a handler. Lives on the stack of api_handle. */
struct call {
	struct controller *c;
	struct sonde_req *req;
	const struct sonde_req_view *view;
	char param[PATH_PARAM_MAX]; /* what {id} matched */
	struct who who;
	bool admin; /* the role admin */
};

struct route {
	enum sonde_method method;
	const char *path; /* "{id}" matches one segment */
	enum role role;
	void (*handle)(struct call *);
	const char *summary;
};

void api_handle(struct sonde_req *, void *controller);

/* ---- answers; each ends the request ---- */
void answer_json(struct controller *, struct sonde_req *, unsigned status, struct sonde_buf *body,
                const struct sonde_header *headers); /* frees body */
void answer_empty(struct controller *, struct sonde_req *, unsigned status);
/* type and message as in Globalping's table; path and text fill error.params when path is set. */
void answer_error(struct controller *, struct sonde_req *, unsigned status, const char *type,
                 const char *message, const char *path, const char *text);
void answer_invalid(struct call *, const struct sonde_error *); /* 400 validation_error */
/* The same with several: path -> sentence. */
void answer_invalid_all(struct call *, const json_t *wrong);
enum { ERROR_SENTENCE = sizeof(struct sonde_error) + 4 };
/* The error as one sentence that begins with the field, as Globalping's do. */
void error_sentence(const struct sonde_error *, char out[ERROR_SENTENCE]);
/* 503 or 507: what waits is too much, the store does not take it, the controller is stopping. */
void answer_busy(struct controller *, struct sonde_req *, int status);
void answer_not_found(struct call *, const char *what);
/* An error with headers of its own. */
void answer_refused(struct controller *, struct sonde_req *, unsigned status, const char *type,
                    const char *message, const struct sonde_header *);
/* 429 too_many_requests with Retry-After. */
void answer_later(struct controller *, struct sonde_req *, unsigned seconds);
/* The answer itself: counted, recorded where its route asks for it, with the request's id. All
 * other answers end here. */
void answer_reply(struct controller *, struct sonde_req *, const struct sonde_reply *);
/* The same for a body that is made piece by piece. */
void answer_stream(struct controller *, struct sonde_req *, const struct sonde_reply *head,
                   const struct sonde_stream *);

/* The body as an object or array, or NULL after a 400 or 415 was sent. */
json_t *call_body(struct call *);
/* Whether the caller made the measurement, or may do with any what its owner may. */
bool call_owns(const struct call *, const struct record *);
/* NULL when nobody with an account made it. */
const struct user *record_owner(const struct controller *, const struct record *);
/* Value of a query parameter, percent-decoded, into out; false when absent. */
bool call_query(const struct call *, const char *name, char *out, size_t room);
/* Answers 400: the parameter `name` of the query `must` be otherwise. Always false. */
bool call_wrong(struct call *, const char *name, const char *must);

/* Value of `wait` ("10s", "500ms", seconds) in milliseconds, 0 when absent; false after a 400. */
bool call_wait(struct call *, int64_t *ms);
/* A time (RFC 3339, or milliseconds since 1970) of the query; fallback when absent; false after a
 * 400. */
bool call_time(struct call *, const char *name, int64_t fallback, int64_t *ms);
/* A whole number of the query, the same way. */
bool call_number(struct call *, const char *name, int64_t min, int64_t max, int64_t fallback,
                 int64_t *out);

/* Answers with a measurement as it is, or 404. also: headers besides its own, NULL = none. */
void measurement_answer(struct controller *, struct sonde_req *, const struct sonde_id *,
                        unsigned status, const struct sonde_header *also);
/* The same object as the value of key; false when there is none. */
bool measurement_put(struct controller *, const struct sonde_id *, const char *key,
                     struct sonde_json *);
/* Members of GET /v1/stats into an open object. */
void stats_put(struct controller *, struct sonde_json *);
/* As POST /v1/measurements with this body, which is taken: one measurement, or an array of them. */
void measurements_submit(struct call *, json_t *body);

/* A measurement of the controller's own: checked, placed and stored as one by request; takes the body.
 * SONDE_OK with its id, which exists once the store has it; a sentence otherwise. */
int measurements_start(struct controller *, json_t *body, struct sonde_id *, struct sonde_error *);

/* A schedule as an object: `full` with its nodes. */
void schedule_describe(struct controller *, struct schedule *, bool full, struct sonde_json *);

/* Ends the backup that is being made: its request is told that it failed. */
void backup_stop(struct controller *);

/* ---- handlers, by file ---- */
void api_create_schedule(struct call *);
void api_list_schedules(struct call *);
void api_get_schedule(struct call *);
void api_patch_schedule(struct call *);
void api_delete_schedule(struct call *);
void api_run_schedule(struct call *);
void api_pause_schedule(struct call *);
void api_resume_schedule(struct call *);
void api_list_events(struct call *);
void api_list_problems(struct call *);
void api_ack_event(struct call *);
void api_list_silences(struct call *);
void api_create_silence(struct call *);
void api_delete_silence(struct call *);
void api_register_node(struct call *);
void api_list_nodes(struct call *);
void api_get_node(struct call *);
void api_patch_node(struct call *);
void api_delete_node(struct call *);
void api_configure_node(struct call *);
void api_sync_node(struct call *);
void api_rotate_key(struct call *);
void api_ban_node(struct call *);
void api_unban_node(struct call *);
void api_node_logs(struct call *);
void api_restart_runner(struct call *);
void api_self_test(struct call *);
void api_create_token(struct call *);
void api_list_tokens(struct call *);
void api_delete_token(struct call *);
void api_create_measurement(struct call *);
void api_get_measurement(struct call *);
void api_list_measurements(struct call *);
void api_cancel_measurement(struct call *);
void api_rerun_measurement(struct call *);
void api_stats(struct call *);
void api_series(struct call *);
void api_list_results(struct call *);
void api_export_results(struct call *);
void api_explain_measurement(struct call *);
void api_list_probes(struct call *);
void api_list_plugins(struct call *);
void api_reload_plugins(struct call *);
void api_list_policies(struct call *);
void api_policy_logs(struct call *);
void api_get_columns(struct call *);
void api_register(struct call *);
void api_login(struct call *);
void api_refresh(struct call *);
void api_logout(struct call *);
void api_password(struct call *);
void api_get_me(struct call *);
void api_patch_me(struct call *);
void api_delete_me(struct call *);
void api_list_api_tokens(struct call *);
void api_create_api_token(struct call *);
void api_delete_api_token(struct call *);
void api_list_users(struct call *);
void api_create_user(struct call *);
void api_get_user(struct call *);
void api_patch_user(struct call *);
void api_get_credits(struct call *);
void api_get_user_credits(struct call *);
void api_grant_credits(struct call *);
void api_list_invitations(struct call *);
void api_create_invitation(struct call *);
void api_delete_invitation(struct call *);
void api_list_tiers(struct call *);
void api_put_tier(struct call *);
void api_delete_tier(struct call *);
void api_get_limits(struct call *);
void api_list_audit(struct call *);
void api_get_policy(struct call *);
void api_put_policy(struct call *);
void api_end_shadow(struct call *);
void api_rollback_policy(struct call *);
void api_simulate_policy(struct call *);
void api_health(struct call *);
void api_ready(struct call *);
void api_metrics(struct call *);
void api_backup(struct call *);
void api_spec(struct call *);
void api_catalog(struct call *);
