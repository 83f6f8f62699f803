/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the members by a table of name -> reader; an unknown member is an error with a suggestion.
 * Texts live in the request's pool. */
#include "controller/api/reading.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "controller/api/api.h"

enum { REQUEST_POOL = 1 << 18, OPTIONS_MAX = 1 << 17 };
enum { POLICY_NAMES_MAX = 512, POLICY_PARAMS_MAX = 4096 };
enum { TIMEOUT_MAX_S = 300, WRONG_MAX = 32 };

int request_wrong(struct reading *rd, const char *path, const char *text)
{
	return sonde_fail(rd->e, SONDE_EINVAL, path, "%s", text);
}

const char *request_keep(struct reading *rd, const char *text)
{
	return sonde_pool_strndup(&rd->r->pool, text, strlen(text));
}

/* A JSON integer, or text that is one (clients send both). */
int request_int(struct reading *rd, const json_t *v, const char *path, int64_t min, int64_t max,
                    int64_t *out)
{
	char *end = NULL;
	const char *text = json_string_value(v);

	*out = text ? strtoll(text, &end, 10) : json_integer_value(v);
	if (!(json_is_integer(v) || (text && *text && !*end)) || *out < min || *out > max)
		return sonde_fail(rd->e, SONDE_EINVAL, path,
		                  "\"%s\" must be an integer from %lld to %lld", path, (long long)min,
		                  (long long)max);
	return SONDE_OK;
}

/* ---- members ---- */

static int read_type(struct reading *rd, const json_t *v)
{
	const char *text = json_string_value(v);
	char name[33] = "";

	for (size_t i = 0; text && text[i] && i < sizeof(name) - 1; i++)
		name[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] | 0x20 : text[i]);
	rd->r->type = types_find(&rd->c->types, name, strlen(name));
	if (rd->r->type)
		return SONDE_OK;
	const char *near = types_nearest(&rd->c->types, name);
	return sonde_fail(rd->e, SONDE_EINVAL, "type", "\"type\" is not a known type%s%s%s",
	                  near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static int read_target(struct reading *rd, const json_t *v)
{
	const char *text = json_string_value(v);

	if (rd->untargeted)
		return request_wrong(rd, "target", "\"target\" is not allowed where nodes are the targets");
	if (!text || !*text)
		return request_wrong(rd, "target", "\"target\" must be a text that is not empty");
	rd->r->target = request_keep(rd, text);
	return rd->r->target ? SONDE_OK : request_wrong(rd, "target", "\"target\" is too long");
}

static int read_limit(struct reading *rd, const json_t *v)
{
	int64_t n;
	int rc = request_int(rd, v, "limit", 1, PLACE_MAX, &n);

	rd->r->limit = (unsigned)n;
	rd->r->limit_given = true;
	return rc;
}

static int read_timeout(struct reading *rd, const json_t *v)
{
	int64_t n;
	int rc = request_int(rd, v, "timeout", 1, TIMEOUT_MAX_S, &n);

	rd->r->timeout_ms = (uint32_t)n * 1000;
	rd->r->timeout_given = true;
	return rc;
}

static int read_updates(struct reading *rd, const json_t *v)
{
	const char *text = json_string_value(v);
	bool yes = text && !strcmp(text, "true"), no = text && !strcmp(text, "false");

	rd->r->progress = json_is_true(v) || yes;
	return json_is_boolean(v) || yes || no ? SONDE_OK :
		request_wrong(rd, "inProgressUpdates", "\"inProgressUpdates\" must be a boolean");
}

static int read_options(struct reading *rd, const json_t *v)
{
	rd->options = v;
	return json_is_object(v) ? SONDE_OK :
		request_wrong(rd, "measurementOptions", "\"measurementOptions\" must be an object");
}

/* "regional,least_load" or ["regional","least_load"]. */
static int read_policy(struct reading *rd, const json_t *v)
{
	struct sonde_buf names;
	const json_t *one;
	size_t i;

	if (json_is_string(v) && json_string_length(v) < POLICY_NAMES_MAX) {
		rd->r->policy = request_keep(rd, json_string_value(v));
		return SONDE_OK;
	}
	sonde_buf_init(&names, POLICY_NAMES_MAX);
	bool ok = json_is_array(v) && json_array_size(v);
	json_array_foreach((json_t *)v, i, one) {
		ok &= json_is_string(one) && !strchr(json_string_value(one), ',');
		if (i)
			sonde_buf_char(&names, ',');
		if (ok)
			sonde_buf_str(&names, json_string_value(one));
	}
	rd->r->policy = ok && !names.failed ? request_keep(rd, sonde_buf_cstr(&names)) : NULL;
	sonde_buf_deinit(&names);
	return rd->r->policy ? SONDE_OK :
		request_wrong(rd, "policy", "\"policy\" must be a name or an array of names");
}

static int read_policy_params(struct reading *rd, const json_t *v)
{
	char *text = json_is_object(v) ? json_dumps(v, JSON_COMPACT) : NULL;

	if (text && strlen(text) <= POLICY_PARAMS_MAX)
		rd->r->policy_params = request_keep(rd, text);
	free(text);
	return rd->r->policy_params ? SONDE_OK :
		request_wrong(rd, "policyParams", "\"policyParams\" must be an object of at most 4096 bytes");
}

/* Of the policy that will decide, given or not. */
static int check_policy(struct reading *rd)
{
	struct sonde_error why = { { 0 }, { 0 } };

	/* The default chain was checked at the start, and most requests name nothing. */
	if (!rd->policy_given && !rd->r->policy_params)
		return SONDE_OK;
	int rc = sonde_policy_check_params(rd->c->policies, rd->r->policy, rd->r->policy_params, &why);
	if (rc == SONDE_OK)
		return rc;
	if (!strcmp(why.path, "policy"))
		return sonde_fail(rd->e, SONDE_EINVAL, "policy", "\"policy\": %s", why.text);
	return sonde_fail(rd->e, SONDE_EINVAL, "policyParams", "\"policyParams%s%s\" %s",
	                  *why.path ? "." : "", why.path, why.text);
}

static int read_priority(struct reading *rd, const json_t *v)
{
	int64_t n;
	int rc = request_int(rd, v, "priority", 1, 100, &n);

	rd->r->priority = (unsigned)n;
	return rc;
}

static int read_requirements(struct reading *rd, const json_t *v)
{
	return needs_read(&rd->r->needs, v, &rd->r->pool, rd->e);
}

static const struct {
	const char *name;
	int (*read)(struct reading *, const json_t *);
	bool required;
} members[] = {
	{ "type", read_type, true },
	{ "target", read_target, true },
	{ "locations", request_locations },
	{ "limit", read_limit },
	{ "timeout", read_timeout },
	{ "inProgressUpdates", read_updates },
	{ "measurementOptions", read_options },
	{ "policy", read_policy },
	{ "exclude", request_exclude },
	{ "nodes", request_nodes },
	{ "priority", read_priority },
	{ "policyParams", read_policy_params },
	{ "requirements", read_requirements },
};

enum { MEMBERS = sizeof(members) / sizeof(members[0]) };

static int unknown_member(struct reading *rd, const char *key)
{
	const char *names[MEMBERS + 1] = { NULL };

	for (unsigned i = 0; i < MEMBERS; i++)
		names[i] = members[i].name;
	const char *near = sonde_nearest(key, names);
	return sonde_fail(rd->e, SONDE_EINVAL, key, "\"%s\" is not allowed%s%s%s", key,
	                  near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

/* Notes what is wrong and goes on: a request is answered with all its errors at once. */
static int note(struct reading *rd, int rc)
{
	char sentence[ERROR_SENTENCE];
	const char *path = *rd->e->path ? rd->e->path : "body";

	if (rc != SONDE_EINVAL)
		return rc;
	if (!rd->r->wrong) {
		rd->r->wrong = json_object();
		rd->first = *rd->e;
	}
	error_sentence(rd->e, sentence);
	if (!json_object_get(rd->r->wrong, path) && json_object_size(rd->r->wrong) < WRONG_MAX)
		json_object_set_new_nocheck(rd->r->wrong, path, json_string_nocheck(sentence));
	return SONDE_OK;
}

static int read_members(struct reading *rd, const json_t *body)
{
	unsigned seen = 0;
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)body, key, v) {
		unsigned i = 0;
		while (i < MEMBERS && strcmp(members[i].name, key))
			i++;
		if (i == MEMBERS && json_object_size(rd->r->wrong) >= WRONG_MAX)
			continue; /* enough is told; ten thousand would take 20 ms */
		int rc = note(rd, i == MEMBERS ? unknown_member(rd, key) : members[i].read(rd, v));
		if (rc != SONDE_OK)
			return rc;
		if (i == MEMBERS)
			continue;
		seen |= 1u << i;
		rd->policy_given |= members[i].read == read_policy;
	}
	for (unsigned i = 0; i < MEMBERS; i++)
		if (members[i].required && !(seen & 1u << i) &&
		    !(rd->untargeted && members[i].read == read_target))
			note(rd, sonde_fail(rd->e, SONDE_EINVAL, members[i].name, "\"%s\" is required",
			                    members[i].name));
	return SONDE_OK;
}

static int parse(struct controller *c, const json_t *body, struct measurement_request *r,
                 bool untargeted, struct sonde_error *e)
{
	struct reading rd = { .c = c, .r = r, .e = e, .untargeted = untargeted };

	/* Locations are cleared one by one as they are read: the array is large. */
	memset(r, 0, offsetof(struct measurement_request, locations));
	sonde_buf_init(&r->options, OPTIONS_MAX);
	sonde_buf_init(&r->secrets, OPTIONS_MAX);
	sonde_pool_init(&r->pool, REQUEST_POOL);
	r->policy = c->options.policy;
	r->priority = PRIORITY_DEFAULT;
	if (!json_is_object(body))
		return request_wrong(&rd, "", "a measurement must be an object");
	int rc = read_members(&rd, body);
	/* What depends on another member is looked at when that one is good. */
	if (rc == SONDE_OK && r->type && (!rd.options || json_is_object(rd.options)))
		rc = note(&rd, request_check_options(&rd));
	if (rc == SONDE_OK && r->type && (r->target || untargeted))
		rc = note(&rd, request_check_target(&rd));
	if (rc == SONDE_OK && r->wrong) {
		*e = rd.first;
		return SONDE_EINVAL;
	}
	if (rc == SONDE_OK)
		rc = request_check_limits(&rd);
	if (rc == SONDE_OK)
		rc = request_find_family(&rd);
	/* What is the default anyway is not shown. */
	if (rc == SONDE_OK && r->timeout_ms == request_default_timeout_ms(&rd))
		r->timeout_given = false;
	if (rc == SONDE_OK)
		rc = check_policy(&rd);
	if (rc == SONDE_OK && !r->timeout_given)
		r->timeout_ms = request_default_timeout_ms(&rd);
	return rc;
}

int request_parse(struct controller *c, const json_t *body, struct measurement_request *r,
                  struct sonde_error *e)
{
	return parse(c, body, r, false, e);
}

int request_parse_untargeted(struct controller *c, const json_t *body,
                             struct measurement_request *r, struct sonde_error *e)
{
	return parse(c, body, r, true, e);
}

void request_deinit(struct measurement_request *r)
{
	json_decref(r->locations_json);
	json_decref(r->wrong);
	sonde_buf_deinit(&r->options);
	if (r->secrets.data)
		sonde_secret_wipe(r->secrets.data, r->secrets.len);
	sonde_buf_deinit(&r->secrets);
	sonde_pool_deinit(&r->pool);
}
