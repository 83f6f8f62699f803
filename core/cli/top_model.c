/* SPDX-License-Identifier: Apache-2.0 */
/* What `sonde top` knows: nodes, open problems, figures, and the newest result of each pair of node
 * and target. Owns all of it; what is too much is counted and left out. */
#include "cli/top.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cli.h"

enum { KEY_MAX = 1024 };
#define SWEEP_NS (60 * SONDE_NS_PER_S)

int top_model_init(struct top_model *m)
{
	*m = (struct top_model){ .rate = NAN, .nodes = json_object(),
		                  .schedules = json_object(), .problems = json_array() };
	sonde_map_init(&m->pairs);
	return m->nodes && m->schedules && m->problems ? SONDE_OK : SONDE_ENOMEM;
}

static void pair_free(struct top_pair *p)
{
	if (!p)
		return;
	free(p->node);
	free(p->column);
	free(p->name);
	free(p);
}

void top_model_deinit(struct top_model *m)
{
	struct top_pair *p;

	for (size_t at = 0; (p = sonde_map_next(&m->pairs, &at));)
		pair_free(p);
	sonde_map_deinit(&m->pairs);
	json_decref(m->nodes);
	json_decref(m->schedules);
	json_decref(m->problems);
	json_decref(m->stats);
}

/* ---- results ---- */

static double number(const json_t *v, const char *path)
{
	const json_t *n = cli_at(v, path);

	return json_is_number(n) ? json_number_value(n) : NAN;
}

static const json_t *last_hop(const json_t *result)
{
	const json_t *hops = json_object_get(result, "hops");
	size_t n = json_array_size(hops);

	return n && !json_is_false(json_object_get(result, "reached")) ? json_array_get(hops, n - 1) :
									 NULL;
}

static double mean_rtt(const json_t *timings)
{
	const json_t *t;
	double sum = 0;
	unsigned n = 0;
	size_t i;

	json_array_foreach(timings, i, t) {
		double rtt = number(t, "rtt");
		if (isnan(rtt))
			continue;
		sum += rtt;
		n++;
	}
	return n ? sum / n : NAN;
}

/* The time that stands for a result, as on the dashboard. */
static double latency_of(const json_t *result)
{
	static const char *const paths[] = { "stats.avg", "phases.total", "timings.total",
		                             "timings.tls", "rtt.idle.avg" };
	const json_t *hop = last_hop(result);

	for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (!isnan(number(result, paths[i])))
			return number(result, paths[i]);
	double avg = number(hop, "stats.avg");
	return isnan(avg) ? mean_rtt(json_object_get(hop, "timings")) : avg;
}

static double loss_of(const json_t *result)
{
	double loss = number(result, "stats.loss");

	return isnan(loss) ? number(last_hop(result), "stats.loss") : loss;
}

/* The first line. */
static void copy_line(char *out, size_t room, const char *text)
{
	size_t n = strcspn(text, "\r\n");

	if (n >= room)
		n = room - 1;
	while (n && n == room - 1 && (text[n] & 0xc0) == 0x80)
		n--;
	memcpy(out, text, n);
	out[n] = '\0';
}

static void fill(struct top_pair *p, const json_t *result, int64_t at_ms)
{
	const char *failure = cli_str(result, "failure"), *why = cli_str(result, "failureMessage");
	bool done = !strcmp(cli_str(result, "status"), "finished") && !*failure;
	/* Nothing came back of all that was sent: measured, and the target did not answer. */
	bool silent = done && loss_of(result) >= 100, ok = done && !silent;
	bool ours = !silent && (!*failure || !strcmp(cli_str(result, "failureSource"), "internal"));

	p->outcome = ok ? TOP_OK : ours ? TOP_UNMEASURED : TOP_FAILED;
	if (silent)
		failure = why = "no answer";
	p->latency = ok ? latency_of(result) : NAN;
	p->loss = p->outcome == TOP_UNMEASURED ? NAN : loss_of(result);
	p->at_ms = at_ms;
	copy_line(p->failure, sizeof(p->failure), ok ? "" : *failure ? failure :
	          cli_str(result, "status"));
	copy_line(p->why, sizeof(p->why), ok ? "" : *why ? why : cli_str(result, "rawOutput"));
}

static void forget_old(struct top_model *m)
{
	int64_t oldest_ms = sonde_wall_ms() - TOP_OLD_MS;
	struct top_pair *p;

	for (size_t at = 0; (p = sonde_map_next(&m->pairs, &at));) {
		char key[KEY_MAX];
		int n = snprintf(key, sizeof(key), "%s %s", p->node, p->column);
		if (p->at_ms < oldest_ms && (size_t)n < sizeof(key))
			pair_free(sonde_map_take(&m->pairs, key, (size_t)n));
	}
}

/* A new pair in the map; NULL when there is no room for it. */
static struct top_pair *add_pair(struct top_model *m, const char *key, size_t len, const char *node,
                                 const char *column)
{
	int64_t now = sonde_boottime_ns();

	if (m->pairs.len >= TOP_PAIRS && now - m->swept_ns > SWEEP_NS) {
		m->swept_ns = now;
		forget_old(m);
	}
	struct top_pair *p = m->pairs.len < TOP_PAIRS ? calloc(1, sizeof(*p)) : NULL;
	if (!p)
		return NULL;
	p->node = strdup(node);
	p->column = strdup(column);
	if (p->node && p->column && sonde_map_put(&m->pairs, key, len, p) == SONDE_OK)
		return p;
	pair_free(p);
	return NULL;
}

static void take_result(struct top_model *m, const json_t *row)
{
	const char *node = cli_str(row, "node"), *type = cli_str(row, "type");
	const char *when = cli_str(row, "receivedAt"), *name = cli_str(row, "nodeName");
	const json_t *result = json_object_get(row, "result");
	char key[KEY_MAX];
	int64_t at_ms;

	int n = snprintf(key, sizeof(key), "%s %s %s\t%s", node, type, cli_str(row, "target"),
	                 cli_str(result, "schedule"));
	if (!*node || !*type || (size_t)n >= sizeof(key) ||
	    !strcmp(cli_str(result, "status"), "in-progress") ||
	    !sonde_parse_time(when, strlen(when), &at_ms))
		return;
	struct top_pair *p = sonde_map_get(&m->pairs, key, (size_t)n);
	if (p && p->at_ms > at_ms)
		return;
	if (!p)
		p = add_pair(m, key, (size_t)n, node, key + strlen(node) + 1);
	if (!p) {
		m->left_out++;
		return;
	}
	fill(p, result, at_ms);
	if (!p->name || strcmp(p->name, name)) {
		free(p->name);
		p->name = strdup(name);
	}
}

const struct top_pair *top_grid_pair(const struct top_model *m, const char *node, const char *column)
{
	char key[KEY_MAX];

	int n = snprintf(key, sizeof(key), "%s %s", node, column);
	return (size_t)n < sizeof(key) ? sonde_map_get(&m->pairs, key, (size_t)n) : NULL;
}

/* ---- the rest ---- */

static void take_by_id(json_t *all, json_t *one)
{
	if (*cli_str(one, "id"))
		json_object_set(all, cli_str(one, "id"), one);
}

static void take_list(json_t *all, json_t *list)
{
	json_t *one;
	size_t i;

	json_object_clear(all);
	json_array_foreach(list, i, one)
		take_by_id(all, one);
	json_decref(list);
}

void top_model_nodes(struct top_model *m, json_t *list)
{
	take_list(m->nodes, list);
}

void top_model_schedules(struct top_model *m, json_t *list)
{
	take_list(m->schedules, list);
}

const char *top_schedule(const struct top_model *m, const char *column)
{
	const char *tab = strchr(column, '\t');

	return cli_str(json_object_get(m->schedules, tab ? tab + 1 : ""), "name");
}

unsigned top_open_problems(const struct top_model *m)
{
	const json_t *p;
	unsigned n = 0;
	size_t i;

	json_array_foreach(m->problems, i, p)
		n += top_is_open(p);
	return n;
}

bool top_is_open(const json_t *problem)
{
	return !strcmp(cli_str(problem, "state"), "open") &&
	       !json_is_true(json_object_get(problem, "silenced"));
}

void top_model_problems(struct top_model *m, json_t *list)
{
	if (json_is_array(list)) {
		json_decref(m->problems);
		m->problems = list;
	} else {
		json_decref(list);
	}
}

/* The rate is of the time since the stats before; a controller that began anew starts over. */
void top_model_stats(struct top_model *m, json_t *stats)
{
	double stored = number(stats, "results.stored");
	int64_t now = sonde_boottime_ns();

	if (m->stats && now > m->stats_ns && stored >= m->stored)
		m->rate = (stored - m->stored) * 1e9 / (double)(now - m->stats_ns);
	m->stored = stored;
	m->stats_ns = now;
	json_decref(m->stats);
	m->stats = stats;
	json_int_t head = json_integer_value(cli_at(stats, "results.next"));
	uint64_t from = head > TOP_BACK ? (uint64_t)head - TOP_BACK : 1;
	if (m->next < from)
		m->next = from;
}

void top_model_message(struct top_model *m, const json_t *message)
{
	const json_t *next = json_object_get(message, "next");
	json_t *stats = json_object_get(message, "stats");
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(message, "results"), i, row)
		take_result(m, row);
	if (json_integer_value(next) > 0)
		m->next = (uint64_t)json_integer_value(next);
	if (json_integer_value(json_object_get(message, "missed")) > 0)
		m->missed += (uint64_t)json_integer_value(json_object_get(message, "missed"));
	take_by_id(m->nodes, json_object_get(message, "node"));
	if (json_is_object(stats))
		top_model_stats(m, json_incref(stats));
}

unsigned top_model_count(const struct top_model *m, const char *status)
{
	unsigned n = 0;
	const char *id;
	json_t *node;

	json_object_foreach(m->nodes, id, node)
		n += !status || !strcmp(cli_str(node, "status"), status);
	return n;
}
