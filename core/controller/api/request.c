/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the members by a table of name -> reader; an unknown member is an error with a suggestion.
 * Texts live in the request's pool. */
#include "controller/api/reading.h"

#include <netinet/in.h>
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

/* ---- rules between members ---- */

static int check_host(struct reading *rd)
{
	struct sonde_target t;
	struct sonde_error why;

	if (sonde_target_parse(rd->r->target, strlen(rd->r->target), &t, &why) != SONDE_OK)
		return sonde_fail(rd->e, SONDE_EINVAL, "target", "\"target\" %s", why.text);
	bool allowed = t.kind == SONDE_TARGET_NAME ?
		sonde_guard_allows_name(rd->c->guard, t.text) :
		sonde_guard_allows(rd->c->guard, (const struct sockaddr *)&t.sa, t.len);
	if (!allowed)
		return request_wrong(rd, "target", "\"target\" must not be a private hostname");
	if (rd->r->ip_version && t.kind != SONDE_TARGET_NAME)
		return request_wrong(rd, "measurementOptions.ipVersion",
		             "\"ipVersion\" is allowed only when \"target\" is a hostname");
	if (t.kind != SONDE_TARGET_NAME)
		rd->r->ip_version = t.kind == SONDE_TARGET_IPV6 ? 6 : 4;
	rd->r->target = request_keep(rd, t.text);
	return SONDE_OK;
}

static int check_list(struct reading *rd)
{
	for (const char *p = rd->r->target; *p;) {
		struct sonde_prefix prefix;
		struct sonde_error why;
		size_t len = strcspn(p, ",");
		if (sonde_prefix_parse(p, len, &prefix, &why) != SONDE_OK)
			return sonde_fail(rd->e, SONDE_EINVAL, "target", "\"target\" %s", why.text);
		struct sockaddr_storage sa;
		socklen_t n = sonde_prefix_first(&prefix, &sa);
		if (!sonde_guard_allows(rd->c->guard, (struct sockaddr *)&sa, n))
			return request_wrong(rd, "target", "\"target\" must not hold private addresses");
		p += len + (p[len] == ',');
	}
	return SONDE_OK;
}

static int check_node(struct reading *rd)
{
	struct measurement_request *r = rd->r;

	r->peer = nodes_find(&rd->c->nodes, r->target);
	if (!r->peer)
		return request_wrong(rd, "target", "\"target\" must be the id or the name of a node");
	if (!node_is_ready(&rd->c->nodes, r->peer))
		return request_wrong(rd, "target", "\"target\" is a node that is not online");
	if (!node_has_type(r->peer, r->type->name, strlen(r->type->name)))
		return request_wrong(rd, "target", "\"target\" is a node without this plugin");
	r->target = request_keep(rd, r->peer->facts.name);
	return SONDE_OK;
}

static int check_target(struct reading *rd)
{
	if (rd->untargeted)
		return rd->r->type->target == TYPE_TARGET_HOST ||
		       rd->r->type->target == TYPE_TARGET_NODE ? SONDE_OK :
			request_wrong(rd, "type", "\"type\" must be one whose target is a host or a node");
	switch (rd->r->type->target) {
	case TYPE_TARGET_TEXT:
		return SONDE_OK;
	case TYPE_TARGET_LIST:
		return check_list(rd);
	case TYPE_TARGET_NODE:
		return check_node(rd);
	default:
		return check_host(rd);
	}
}

/* An address on loopback is on every node, whatever its network is. */
static uint8_t literal_family(const struct sonde_target *t)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&t->sa;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&t->sa;

	if (t->kind == SONDE_TARGET_IPV6)
		return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) ? 0 : 6;
	return ntohl(v4->sin_addr.s_addr) >> 24 == 127 ? 0 : 4;
}

/* What Globalping filters by: the family of an address, else of ipVersion, else 4. What a dns
 * measurement connects to is its resolver, not its target. */
static int find_family(struct reading *rd)
{
	struct measurement_request *r = rd->r;
	bool dns = !strcmp(r->type->name, "dns");
	const char *resolver = json_string_value(json_object_get(rd->options, "resolver"));
	const char *at = dns ? resolver : r->target;
	struct sonde_target t;
	struct sonde_error e;

	if (!dns && (r->type->target != TYPE_TARGET_HOST || !at))
		return SONDE_OK;
	bool literal = at && sonde_target_parse(at, strlen(at), &t, &e) == SONDE_OK &&
		       t.kind != SONDE_TARGET_NAME;
	if (dns && literal && r->ip_version)
		return request_wrong(rd, "measurementOptions.ipVersion",
		                     "\"ipVersion\" is allowed only when \"resolver\" is a hostname");
	r->needs.family = literal ? literal_family(&t) : r->ip_version == 6 ? 6 : 4;
	return SONDE_OK;
}

/* What the controller fills a user may not. */
static int refuse_internal(struct reading *rd, const json_t *options)
{
	struct sonde_param row;

	for (unsigned i = 0; sonde_row_at(rd->r->type->params, i, &row); i++)
		if (row.flags & SONDE_PARAM_INTERNAL && json_object_get(options, row.name))
			return sonde_fail(rd->e, SONDE_EINVAL, row.name,
			                  "\"%s\" is filled by the controller", row.name);
	return SONDE_OK;
}

/* ipVersion is a fact of the task, not of the plugin: it is taken out before the rows look. */
static int check_options(struct reading *rd)
{
	struct measurement_request *r = rd->r;
	struct sonde_json j;

	if (!json_object_size(rd->options) && r->type->defaults) {
		rd->args = r->type->defaults;
		sonde_buf_add(&r->options, "{}", 2);
		return SONDE_OK;
	}
	json_t *options = rd->options ? json_copy((json_t *)rd->options) : json_object();
	int64_t version = 0;
	int rc = SONDE_OK;

	json_t *ip = json_object_get(options, "ipVersion");
	if (ip) {
		rc = request_int(rd, ip, "ipVersion", 4, 6, &version);
		if (rc == SONDE_OK && version == 5)
			rc = request_wrong(rd, "ipVersion", "\"ipVersion\" must be 4 or 6");
		r->ip_version = (uint8_t)version;
		json_object_del(options, "ipVersion");
	}
	if (rc == SONDE_OK)
		rc = refuse_internal(rd, options);
	void *args = sonde_pool_alloc(&r->pool, r->type->args_size + 1);
	if (rc == SONDE_OK && !args)
		rc = SONDE_ENOMEM;
	if (rc == SONDE_OK)
		rc = sonde_rows_fill(r->type->params, options, args, &r->pool, rd->e);
	json_decref(options);
	if (rc != SONDE_OK) {
		sonde_error_nest(rd->e, "measurementOptions", -1);
		return rc;
	}
	rd->args = args;
	sonde_json_init(&j, &r->options);
	sonde_json_open(&j, NULL, '{');
	sonde_rows_write(r->type->params, args, &j);
	sonde_json_close(&j);
	if (!sonde_rows_hold_secret(r->type->params, args))
		return SONDE_OK;
	sonde_json_init(&j, &r->secrets);
	sonde_json_open(&j, NULL, '{');
	sonde_rows_write_all(r->type->params, args, &j);
	sonde_json_close(&j);
	return SONDE_OK;
}

static int check_limits(struct reading *rd)
{
	struct measurement_request *r = rd->r;
	unsigned sum = 0;

	for (unsigned i = 0; i < r->location_count; i++) {
		if (r->locations[i].limit && r->limit_given)
			return request_wrong(rd, "limit", "\"limit\" is not allowed both for all and by location");
		sum += r->locations[i].limit ? r->locations[i].limit : 1;
	}
	if (sum > PLACE_MAX)
		return request_wrong(rd, "locations", "the limits of the locations add up to more than 500");
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
		rc = note(&rd, check_options(&rd));
	if (rc == SONDE_OK && r->type && (r->target || untargeted))
		rc = note(&rd, check_target(&rd));
	if (rc == SONDE_OK && r->wrong) {
		*e = rd.first;
		return SONDE_EINVAL;
	}
	if (rc == SONDE_OK)
		rc = check_limits(&rd);
	if (rc == SONDE_OK)
		rc = find_family(&rd);
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

int request_check_host(struct controller *c, const char *target, struct sonde_error *e)
{
	struct sonde_target t;

	int rc = sonde_target_parse(target, strlen(target), &t, e);
	if (rc != SONDE_OK)
		return rc;
	bool allowed = t.kind == SONDE_TARGET_NAME ?
		sonde_guard_allows_name(c->guard, t.text) :
		sonde_guard_allows(c->guard, (const struct sockaddr *)&t.sa, t.len);
	return allowed ? SONDE_OK : sonde_fail(e, SONDE_EDENIED, "target", "is private");
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
