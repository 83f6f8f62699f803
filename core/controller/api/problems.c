/* SPDX-License-Identifier: Apache-2.0 */
/* Open problems, their acknowledgement, silences. */
#include <string.h>

#include "base/clock.h"
#include "controller/api/api.h"
#include "controller/members.h"

static void answer_list(struct call *call, void (*describe)(const struct problems *, struct sonde_json *))
{
	struct sonde_buf b;
	struct sonde_json j;

	sonde_buf_init(&b, REPLY_MAX);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '[');
	describe(&call->c->problems, &j);
	sonde_json_close(&j);
	answer_json(call->c, call->req, 200, &b, NULL);
}

void api_list_problems(struct call *call)
{
	answer_list(call, problems_describe);
}

void api_list_silences(struct call *call)
{
	answer_list(call, silences_describe);
}

/* The text of a member, "" when it is not there; false after a 400. */
static bool text_member(struct call *call, const json_t *body, const char *key, size_t max,
                        const char **out)
{
	const json_t *v = json_object_get(body, key);
	struct sonde_error e;

	*out = v ? json_string_value(v) : "";
	if (*out && json_string_length(v) < max)
		return true;
	sonde_fail(&e, SONDE_EINVAL, key, "must be a text of at most %zu bytes", max - 1);
	answer_invalid(call, &e);
	return false;
}

void api_ack_event(struct call *call)
{
	struct problem *p = problems_by_event(&call->c->problems, call->param);
	json_t *body = NULL;
	const char *comment = "";

	if (!p) {
		answer_not_found(call, "open problem");
		return;
	}
	if (call->view->body_len && !(body = call_body(call)))
		return;
	if (text_member(call, body, "comment", PROBLEM_COMMENT, &comment)) {
		problem_ack(&call->c->problems, p, comment);
		answer_empty(call->c, call->req, 204);
	}
	json_decref(body);
}

static int read_silence(const json_t *body, const char *duration, struct silence *s,
                        struct sonde_error *e)
{
	static const char *const known[] = { "match", "duration", "comment", NULL };
	const char *key;
	json_t *v;
	int64_t ns;

	json_object_foreach((json_t *)body, key, v) {
		unsigned i = 0;
		while (known[i] && strcmp(known[i], key))
			i++;
		if (!known[i])
			return sonde_fail(e, SONDE_EINVAL, key, "is unknown");
	}
	if (!*s->match)
		return sonde_fail(e, SONDE_EINVAL, "match", "is required");
	if (sonde_parse_duration(duration, &ns) != SONDE_OK || ns <= 0 ||
	    ns > INT64_C(366) * 86400 * SONDE_NS_PER_S)
		return sonde_fail(e, SONDE_EINVAL, "duration", "must be a duration such as 2h, at most a year");
	s->from_ms = sonde_wall_ms();
	s->until_ms = s->from_ms + ns / SONDE_NS_PER_MS;
	return SONDE_OK;
}

static void answer_silence(struct call *call, const struct silence *s)
{
	struct sonde_buf b;
	struct sonde_json j;

	sonde_buf_init(&b, 4096);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '{');
	member_id(&j, "id", &s->id);
	sonde_json_str(&j, "match", s->match);
	member_time(&j, "until", s->until_ms);
	sonde_json_close(&j);
	answer_json(call->c, call->req, 201, &b, NULL);
}

void api_create_silence(struct call *call)
{
	const char *match, *comment, *duration;
	struct silence s = { .match = "" };
	json_t *body = call_body(call);
	struct sonde_error e;

	if (!body)
		return;
	if (text_member(call, body, "match", sizeof(s.match), &match) &&
	    text_member(call, body, "comment", sizeof(s.comment), &comment) &&
	    text_member(call, body, "duration", 32, &duration)) {
		snprintf(s.match, sizeof(s.match), "%s", match);
		snprintf(s.comment, sizeof(s.comment), "%s", comment);
		if (read_silence(body, duration, &s, &e) != SONDE_OK)
			answer_invalid(call, &e);
		else if (silence_add(&call->c->problems, &s) != SONDE_OK)
			answer_busy(call->c, call->req, SONDE_EFULL);
		else
			answer_silence(call, &s);
	}
	json_decref(body);
}

void api_delete_silence(struct call *call)
{
	if (silence_remove(&call->c->problems, call->param))
		answer_empty(call->c, call->req, 204);
	else
		answer_not_found(call, "silence");
}
