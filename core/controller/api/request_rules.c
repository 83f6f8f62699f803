/* SPDX-License-Identifier: Apache-2.0 */
/* What a measurement request must be as a whole: its target allowed and of the kind of its type, its
 * options those of the type, its limits not too many. Looks at members that were read; texts live in
 * the request's pool. */
#include "controller/api/reading.h"

#include <netinet/in.h>
#include <string.h>

#include "controller/api/api.h"

static bool is_allowed(const struct controller *c, const struct sonde_target *t)
{
	return t->kind == SONDE_TARGET_NAME ?
		sonde_guard_allows_name(c->guard, t->text) :
		sonde_guard_allows(c->guard, (const struct sockaddr *)&t->sa, t->len);
}

static int check_host(struct reading *rd)
{
	struct sonde_target t;
	struct sonde_error why;

	if (sonde_target_parse(rd->r->target, strlen(rd->r->target), &t, &why) != SONDE_OK)
		return sonde_fail(rd->e, SONDE_EINVAL, "target", "\"target\" %s", why.text);
	if (!is_allowed(rd->c, &t))
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

int request_check_target(struct reading *rd)
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
int request_find_family(struct reading *rd)
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
int request_check_options(struct reading *rd)
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

int request_check_limits(struct reading *rd)
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

int request_check_host(struct controller *c, const char *target, struct sonde_error *e)
{
	struct sonde_target t;

	int rc = sonde_target_parse(target, strlen(target), &t, e);
	if (rc != SONDE_OK)
		return rc;
	return is_allowed(c, &t) ? SONDE_OK : sonde_fail(e, SONDE_EDENIED, "target", "is private");
}
