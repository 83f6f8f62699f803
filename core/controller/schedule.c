/* SPDX-License-Identifier: Apache-2.0 */
/* From JSON to struct schedule_facts: the members of a measurement by the measurement's own reader,
 * plain members by rows, the lists by hand. Texts live in the facts' pool. */
#include "controller/schedule.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "controller/api/request.h"

enum { POOL_MAX = 1 << 19, TYPE_TIMEOUT_SLACK_MS = 10000 };

#define ROW(n, t, m, h, ...) \
	{ .name = n, .type = SONDE_TYPE_##t, .offset = offsetof(struct schedule_facts, m), .help = h, \
	  __VA_ARGS__ }

static const struct sonde_param rows[] = {
	ROW("name", STRING, name, "name, unique", .min = 1, .max = 64,
	    .flags = SONDE_PARAM_REQUIRED),
	ROW("description", STRING, description, "what it is for", .max = 1024),
	ROW("interval", DURATION, interval_ns, "time from one run to the next", .min = 1000,
	    .max = INT64_C(31622400000)),
	ROW("cron", STRING, cron, "cron expression, instead of an interval", .max = SONDE_CRON_TEXT),
	ROW("zone", STRING, zone, "UTC or an offset, for cron and windows", .def = "UTC", .max = 6),
	ROW("start", STRING, start, "first moment, RFC 3339", .max = 40),
	ROW("until", STRING, until, "end, RFC 3339", .max = 40),
	ROW("spread", DURATION, spread_ns, "nodes are spread over this time", .max = 86400000),
	ROW("retries", INT, retries, "more attempts when it could not be measured", .max = 9),
	ROW("priority", INT, priority, "1 to 100: who goes first on a full node", .def = "50",
	    .min = 1, .max = 100),
	ROW("grace", DURATION, grace_ns, "how long a node may be lost before another stands in",
	    .def = "60s", .min = 1000, .max = INT64_C(604800000)),
	ROW("exclusive", BOOL, exclusive, "never two of these at once on a node"),
	ROW("paused", BOOL, paused, "nothing is run"),
	{ 0 },
};

static const char *const measurement_members[] = { "type", "target", "measurementOptions",
	                                           "locations", "limit", "timeout", "policy",
	                                           "policyParams", "requirements" };
static const char *const list_members[] = { "nodes", "targets", "windows", "peers" };

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

json_t *schedule_measurement(const struct controller *c, const json_t *spec)
{
	json_t *out = json_object(), *secrets = schedule_secrets(c, spec);

	for (unsigned i = 0; i < COUNT(measurement_members); i++)
		json_object_set(out, measurement_members[i],
		                json_object_get(spec, measurement_members[i]));
	if (secrets) {
		json_t *options = json_deep_copy(json_object_get(spec, "measurementOptions"));
		json_object_update_recursive(options, secrets);
		json_object_set_new(out, "measurementOptions", options);
	}
	json_decref(secrets);
	return out;
}

/* ---- when ---- */

static int read_zone(struct schedule_facts *f, struct sonde_error *e)
{
	static const unsigned places[] = { 1, 2, 4, 5 };
	const char *z = f->zone;
	unsigned digits[4];

	if (!strcasecmp(z, "UTC") || !strcmp(z, "Z"))
		return SONDE_OK;
	bool good = strlen(z) == 6 && (z[0] == '+' || z[0] == '-') && z[3] == ':';
	for (unsigned i = 0; good && i < 4; i++) {
		char c = z[places[i]];
		good = c >= '0' && c <= '9';
		digits[i] = (unsigned)(c - '0');
	}
	unsigned minutes = good ? (digits[0] * 10 + digits[1]) * 60 + digits[2] * 10 + digits[3] : 0;
	if (!good || minutes > 14 * 60 || digits[2] > 5)
		return sonde_fail(e, SONDE_EINVAL, "zone", "must be UTC or an offset such as +02:00");
	f->plan.zone_minutes = z[0] == '-' ? -(int)minutes : (int)minutes;
	return SONDE_OK;
}

static int read_time(const char *text, const char *path, int64_t *out, struct sonde_error *e)
{
	if (text && !sonde_parse_time(text, strlen(text), out))
		return sonde_fail(e, SONDE_EINVAL, path,
		                  "must be a time such as 2026-11-21T08:00:00Z");
	return SONDE_OK;
}

static int add_window(struct sonde_buf *b, const json_t *w, struct sonde_error *e)
{
	const char *cron = json_string_value(json_object_get(w, "cron"));
	const char *length = json_string_value(json_object_get(w, "duration"));
	const char *start = json_string_value(json_object_get(w, "start"));
	const char *until = json_string_value(json_object_get(w, "until"));
	int64_t from = 0, to = 0;

	if (json_object_size(w) != 2 || !((cron && length) || (start && until)) ||
	    (cron && strchr(cron, ';')))
		return sonde_fail(e, SONDE_EINVAL, "",
		                  "must have start and until, or cron and duration");
	if (cron) {
		if (sonde_parse_duration(length, &from) != SONDE_OK)
			return sonde_fail(e, SONDE_EINVAL, "duration", "must be a duration such as 2h");
		sonde_buf_printf(b, "%lld@%s", (long long)(from / SONDE_NS_PER_MS), cron);
		return SONDE_OK;
	}
	int rc = read_time(start, "start", &from, e);
	if (rc == SONDE_OK)
		rc = read_time(until, "until", &to, e);
	sonde_buf_printf(b, "%lld-%lld", (long long)from, (long long)to);
	return rc;
}

static int read_windows(struct schedule_facts *f, const json_t *list, struct sonde_error *e)
{
	struct sonde_buf b;
	const json_t *w;
	int rc = SONDE_OK;
	size_t i;

	if (list && (!json_is_array(list) || json_array_size(list) > SONDE_PLAN_WINDOWS))
		return sonde_fail(e, SONDE_EINVAL, "windows", "must be an array of at most %d",
		                  SONDE_PLAN_WINDOWS);
	sonde_buf_init(&b, SONDE_PLAN_WINDOW_TEXT);
	json_array_foreach(list, i, w) {
		if (i)
			sonde_buf_char(&b, ';');
		rc = add_window(&b, w, e);
		if (rc == SONDE_OK)
			continue;
		sonde_error_nest(e, "windows", (int)i);
		break;
	}
	if (rc == SONDE_OK && b.failed)
		rc = sonde_fail(e, SONDE_EINVAL, "windows", "are too long");
	if (rc == SONDE_OK)
		rc = sonde_plan_windows(b.data, b.len, f->windows, &f->plan.window_count, e);
	f->windows_text = (struct sonde_text){ sonde_pool_strndup(&f->pool, b.len ? b.data : "", b.len),
		                               b.len };
	sonde_buf_deinit(&b);
	return rc;
}

static int read_when(struct schedule_facts *f, const json_t *spec, struct sonde_error *e)
{
	f->plan.windows = f->windows;
	f->plan.until_ms = SONDE_PLAN_NEVER;
	f->plan.every_ms = f->interval_ns / SONDE_NS_PER_MS;
	if (!f->interval_ns == !f->cron)
		return sonde_fail(e, SONDE_EINVAL, "interval",
		                  "is required, or cron, and not both");
	int rc = read_zone(f, e);
	if (rc == SONDE_OK && f->cron)
		rc = sonde_cron_parse(f->cron, strlen(f->cron), &f->plan.cron, e);
	if (rc == SONDE_OK)
		rc = read_time(f->start, "start", &f->plan.start_ms, e);
	if (rc == SONDE_OK)
		rc = read_time(f->until, "until", &f->plan.until_ms, e);
	if (rc == SONDE_OK)
		rc = read_windows(f, json_object_get(spec, "windows"), e);
	if (rc != SONDE_OK)
		return rc;
	if (f->plan.until_ms <= f->plan.start_ms)
		return sonde_fail(e, SONDE_EINVAL, "until", "must be after start");
	if (!json_object_get(spec, "spread"))
		f->spread_ns = f->interval_ns < 86400 * SONDE_NS_PER_S ? f->interval_ns :
		                                                         86400 * SONDE_NS_PER_S;
	if (f->interval_ns && f->spread_ns > f->interval_ns)
		return sonde_fail(e, SONDE_EINVAL, "spread", "must not be more than the interval");
	return SONDE_OK;
}

/* ---- where ---- */

static int read_nodes(struct schedule_facts *f, struct controller *c, const json_t *list,
                      bool strict, struct sonde_error *e)
{
	const json_t *v;
	size_t i;

	if (!json_is_array(list) || !json_array_size(list) ||
	    json_array_size(list) > SCHEDULE_NODES)
		return sonde_fail(e, SONDE_EINVAL, "nodes", "must be an array of 1 to %d nodes",
		                  SCHEDULE_NODES);
	struct sonde_id *ids = sonde_pool_alloc(&f->pool, json_array_size(list) * sizeof(*ids));
	if (!ids)
		return SONDE_ENOMEM;
	json_array_foreach(list, i, v) {
		const char *text = json_string_value(v);
		const struct node *node = text ? nodes_find(&c->nodes, text) : NULL;
		if (!node && (strict || !text))
			return sonde_fail(e, SONDE_EINVAL, "nodes", "there is no node %s",
			                  text ? text : "that is not named by a text");
		if (node)
			ids[f->node_count++] = node->id;
		else if (sonde_id_parse(text, strlen(text), &ids[f->node_count]))
			f->node_count++;
	}
	f->nodes = ids;
	return SONDE_OK;
}

static int read_filter(struct schedule_facts *f, const json_t *list, const char *path,
                       const char **out, unsigned *count, struct sonde_error *e)
{
	const json_t *v;
	size_t i;

	if (list && (!json_is_array(list) || json_array_size(list) > SCHEDULE_FILTERS))
		return sonde_fail(e, SONDE_EINVAL, path, "must be an array of at most %d texts",
		                  SCHEDULE_FILTERS);
	json_array_foreach(list, i, v) {
		const char *text = json_string_value(v);
		out[*count] = text ? sonde_pool_strndup(&f->pool, text, strlen(text)) : NULL;
		if (!out[(*count)++])
			return sonde_fail(e, SONDE_EINVAL, path, "must hold texts only");
	}
	return SONDE_OK;
}

/* "nodes", or {"nodes": {"regions": [...], "tags": [...]}}. */
static int read_targets(struct schedule_facts *f, const json_t *spec, struct sonde_error *e)
{
	static const char *const elsewhere[] = { "locations", "limit", "nodes", "requirements" };
	const json_t *targets = json_object_get(spec, "targets");
	const json_t *nodes = json_object_get(targets, "nodes");
	const json_t *peers = json_object_get(spec, "peers");
	const json_t *regions = json_object_get(nodes, "regions"), *tags = json_object_get(nodes, "tags");

	f->mesh = true;
	bool named = json_is_string(targets) && !strcmp(json_string_value(targets), "nodes");
	if (!named && (json_object_size(targets) != 1 || !json_is_object(nodes) ||
	               json_object_size(nodes) != !!regions + (size_t)!!tags))
		return sonde_fail(e, SONDE_EINVAL, "targets",
		                  "must be \"nodes\" or {\"nodes\": {\"regions\": [], \"tags\": []}}");
	for (unsigned i = 0; i < COUNT(elsewhere); i++)
		if (json_object_get(spec, elsewhere[i]))
			return sonde_fail(e, SONDE_EINVAL, elsewhere[i],
			                  "is not allowed where nodes are the targets");
	if (peers && (!json_is_integer(peers) || json_integer_value(peers) < 1 ||
	              json_integer_value(peers) > SCHEDULE_NODES))
		return sonde_fail(e, SONDE_EINVAL, "peers", "must be an integer from 1 to %d",
		                  SCHEDULE_NODES);
	f->peers = (unsigned)json_integer_value(peers);
	int rc = read_filter(f, regions, "targets.nodes.regions", f->regions, &f->region_count, e);
	return rc == SONDE_OK ? read_filter(f, tags, "targets.nodes.tags", f->tags, &f->tag_count, e) :
				rc;
}

static int read_where(struct schedule_facts *f, struct controller *c, const json_t *spec,
                      bool strict, struct sonde_error *e)
{
	const json_t *nodes = json_object_get(spec, "nodes");

	if (json_object_get(spec, "targets"))
		return read_targets(f, spec, e);
	if (json_object_get(spec, "peers"))
		return sonde_fail(e, SONDE_EINVAL, "peers", "is for targets: nodes only");
	if (!nodes)
		return SONDE_OK;
	if (json_object_get(spec, "locations") || json_object_get(spec, "limit"))
		return sonde_fail(e, SONDE_EINVAL, "nodes", "cannot stand beside locations and limit");
	if (json_object_get(spec, "requirements"))
		return sonde_fail(e, SONDE_EINVAL, "requirements", "cannot stand beside nodes by name");
	return read_nodes(f, c, nodes, strict, e);
}

/* ---- what ---- */

static unsigned wanted_of(const struct measurement_request *r)
{
	unsigned sum = 0;

	if (r->limit_given)
		return r->limit;
	for (unsigned i = 0; i < r->location_count; i++)
		sum += r->locations[i].limit ? r->locations[i].limit : 1;
	return sum ? sum : 1;
}

static const char *keep(struct schedule_facts *f, const char *text)
{
	return text ? sonde_pool_strndup(&f->pool, text, strlen(text)) : NULL;
}

json_t *schedule_resolved(const struct schedule_facts *f)
{
	return json_pack("{s:s, s:s, s:s, s:s%, s:i, s:i, s:i, s:i}", "type", f->type, "target",
	                 f->target ? f->target : "", "policy", f->policy, "options", f->options.s,
	                 f->options.len, "timeoutMs", (int)f->timeout_ms, "ipVersion", f->ip_version,
	                 "targetKind", f->target_kind, "wanted", (int)f->wanted);
}

static int read_resolved(struct schedule_facts *f, struct controller *c, const json_t *spec,
                         const json_t *r, struct sonde_error *e)
{
	const json_t *options = json_object_get(r, "options");
	char *params = json_dumps(json_object_get(spec, "policyParams"), JSON_COMPACT);

	f->target_kind = (uint8_t)json_integer_value(json_object_get(r, "targetKind"));
	f->booked = f->target_kind == TYPE_TARGET_NODE;
	f->type = keep(f, json_string_value(json_object_get(r, "type")));
	f->target = f->mesh ? NULL : keep(f, json_string_value(json_object_get(r, "target")));
	f->policy = keep(f, json_string_value(json_object_get(r, "policy")));
	f->policy_params = keep(f, params);
	f->options = (struct sonde_text){ keep(f, json_string_value(options)),
		                          json_string_length(options) };
	f->timeout_ms = (uint32_t)json_integer_value(json_object_get(r, "timeoutMs"));
	f->ip_version = (uint8_t)json_integer_value(json_object_get(r, "ipVersion"));
	f->wanted = (unsigned)json_integer_value(json_object_get(r, "wanted"));
	free(params);
	if (!f->type || !f->policy || !f->options.s || (!f->mesh && !f->target))
		return sonde_fail(e, SONDE_EINVAL, "type", "is not known now");
	/* What is allowed may have changed since it was written. */
	if (f->mesh || f->target_kind == TYPE_TARGET_TEXT)
		return SONDE_OK;
	if (f->target_kind != TYPE_TARGET_HOST)
		return sonde_fail(e, SONDE_EINVAL, "type", "is not known now");
	return request_check_host(c, f->target, e);
}

static int read_what(struct schedule_facts *f, struct controller *c, const json_t *spec,
                     struct sonde_error *e)
{
	static struct measurement_request r; /* large, and the loop has one thread */
	json_t *body = schedule_measurement(c, spec);

	int rc = f->mesh ? request_parse_untargeted(c, body, &r, e) : request_parse(c, body, &r, e);
	if (rc == SONDE_OK && r.type->target == TYPE_TARGET_NODE && !f->mesh)
		rc = sonde_fail(e, SONDE_EINVAL, "target",
		                "must be left out: between nodes there is targets: nodes");
	/* Each change of the peers could bring one that its secrets are not for. */
	if (rc == SONDE_OK && r.secrets.len && (f->mesh || !json_object_get(spec, SCHEDULE_SEALED)))
		rc = sonde_fail(e, SONDE_EINVAL, "measurementOptions",
		                "\"measurementOptions\" must hold no secret where nodes are the targets");
	if (rc == SONDE_OK) {
		f->type = sonde_pool_strndup(&f->pool, r.type->name, strlen(r.type->name));
		f->target_kind = (uint8_t)r.type->target;
		f->booked = r.type->target == TYPE_TARGET_NODE;
		f->target = f->mesh ? NULL : sonde_pool_strndup(&f->pool, r.target, strlen(r.target));
		f->policy = sonde_pool_strndup(&f->pool, r.policy, strlen(r.policy));
		f->policy_params = r.policy_params ? sonde_pool_strndup(
			&f->pool, r.policy_params, strlen(r.policy_params)) : NULL;
		f->options = (struct sonde_text){
			sonde_pool_strndup(&f->pool, r.options.data, r.options.len), r.options.len };
		f->timeout_ms = r.timeout_ms;
		f->ip_version = r.ip_version;
		f->wanted = f->mesh || f->node_count ? 0 : wanted_of(&r);
		if (!f->type || !f->policy || !f->options.s ||
		    (r.policy_params && !f->policy_params) || (!f->mesh && !f->target))
			rc = SONDE_ENOMEM;
	} else if (rc == SONDE_ENOENT) {
		rc = sonde_fail(e, SONDE_EINVAL, "locations", "names a measurement that is not known");
	}
	request_deinit(&r);
	json_decref(body);
	return rc;
}

static bool is_one_of(const char *key, const char *const *names, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (!strcmp(key, names[i]))
			return true;
	return false;
}

static int read_plain(struct schedule_facts *f, const json_t *spec, struct sonde_error *e)
{
	json_t *rest = json_object();
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)spec, key, v)
		if (!is_one_of(key, measurement_members, COUNT(measurement_members)) &&
		    !is_one_of(key, list_members, COUNT(list_members)) && strcmp(key, SCHEDULE_SEALED))
			json_object_set(rest, key, v);
	int rc = sonde_rows_fill(SONDE_ROWS(rows), rest, f, &f->pool, e);
	json_decref(rest);
	return rc;
}

static int check_trust(const struct schedule_facts *f, const struct controller *c, struct sonde_error *e)
{
	for (unsigned i = 0; i < f->node_count; i++) {
		const struct node *node = nodes_by_id(&c->nodes, &f->nodes[i]);
		if (node && !node->facts.trusted)
			return sonde_fail(e, SONDE_EINVAL, "nodes", "%s is not trusted, and the schedule holds "
			                  "secrets", node->facts.name);
	}
	return SONDE_OK;
}

/* The options of a spec with secrets as trusted nodes get them. */
static int read_secrets(struct schedule_facts *f, const struct controller *c, const json_t *spec,
                        bool strict, struct sonde_error *e)
{
	if (!json_object_get(spec, SCHEDULE_SEALED))
		return SONDE_OK;
	json_t *secrets = schedule_secrets(c, spec);
	if (!secrets)
		return sonde_fail(e, SONDE_EINVAL, "measurementOptions", "its secrets were encrypted with "
		                  "another secret.file: give them again");
	json_t *all = json_loadb(f->options.s, f->options.len, 0, NULL);
	if (all && !json_object_update_recursive(all, secrets))
		f->secrets = json_dumps(all, JSON_COMPACT);
	json_decref(all);
	json_decref(secrets);
	return !f->secrets ? SONDE_ENOMEM : strict ? check_trust(f, c, e) : SONDE_OK;
}

int schedule_facts_init(struct schedule_facts *f, struct controller *c, const json_t *spec,
                        bool strict, const json_t *resolved, struct sonde_error *e)
{
	const char *type = json_string_value(json_object_get(resolved, "type"));

	memset(f, 0, sizeof(*f));
	sonde_pool_init(&f->pool, POOL_MAX);
	if (!json_is_object(spec))
		return sonde_fail(e, SONDE_EINVAL, "", "a schedule must be an object");
	int rc = read_plain(f, spec, e);
	if (rc == SONDE_OK)
		rc = read_when(f, spec, e);
	if (rc == SONDE_OK)
		rc = read_where(f, c, spec, strict, e);
	if (rc != SONDE_OK)
		return rc;
	rc = type && !types_find(&c->types, type, strlen(type)) ? read_resolved(f, c, spec, resolved, e) :
								  read_what(f, c, spec, e);
	return rc == SONDE_OK ? read_secrets(f, c, spec, strict, e) : rc;
}

void schedule_facts_deinit(struct schedule_facts *f)
{
	if (f->secrets)
		sonde_secret_wipe(f->secrets, strlen(f->secrets));
	free(f->secrets);
	f->secrets = NULL;
	sonde_pool_deinit(&f->pool);
}

/* ---- due times ---- */

struct sonde_plan schedule_plan_on(const struct schedule_facts *f, const struct sonde_id *schedule,
                                   const struct sonde_id *node)
{
	struct sonde_plan p = f->plan;

	p.windows = f->windows;
	p.phase_ms = sonde_plan_phase(schedule, node, f->spread_ns / SONDE_NS_PER_MS);
	return p;
}

int64_t schedule_patience_ms(const struct schedule_facts *f)
{
	int64_t patience = (int64_t)f->timeout_ms * (1 + f->retries) + TYPE_TIMEOUT_SLACK_MS;

	/* A run that takes many intervals has made its node skip others: no need to wait for it. */
	return f->plan.every_ms && patience > 48 * f->plan.every_ms ? 48 * f->plan.every_ms : patience;
}
