/* SPDX-License-Identifier: Apache-2.0 */
/* What may be subscribed to, by whom, and how such a message is read. Refuses a filter with a
 * field it does not know; keeps nothing. */
#include "controller/live_private.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "controller/controller.h"

static const struct live_topic topics[] = {
	{ "results", LIVE_RESULTS, ROLE_WATCH },
	{ "nodes", LIVE_NODES, ROLE_VIEWER },
	{ "events", LIVE_EVENTS, ROLE_WATCH },
	{ "stats", LIVE_STATS, ROLE_VIEWER },
	{ "measurement", LIVE_MEASUREMENT, ROLE_PUBLIC },
};

const struct live_topic *live_topic_find(const char *name)
{
	for (unsigned i = 0; name && i < sizeof(topics) / sizeof(topics[0]); i++)
		if (!strcmp(topics[i].name, name))
			return &topics[i];
	return NULL;
}

bool live_take_text(const json_t *o, const char *key, char *out, size_t room)
{
	const char *text = json_string_value(json_object_get(o, key));

	if (text)
		snprintf(out, room, "%s", text);
	return text && strlen(text) < room;
}

/* A sentence when the filter is not good. */
static const char *read_filter(struct controller *c, const json_t *given, struct result_filter *f)
{
	const struct {
		const char *key;
		char *to;
		size_t room;
	} texts[] = {
		{ "type", f->type, sizeof(f->type) },
		{ "target", f->target, sizeof(f->target) },
		{ "region", f->region, sizeof(f->region) },
		{ "status", f->status, sizeof(f->status) },
		{ "failure", f->failure, sizeof(f->failure) },
	};
	char text[LIVE_ID_MAX + 1];
	unsigned known = 0;

	f->until_ms = -1;
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		known += live_take_text(given, texts[i].key, texts[i].to, texts[i].room);
	if (live_take_text(given, "node", text, sizeof(text))) {
		const struct node *n = nodes_find(&c->nodes, text);
		if (!n)
			return "There is no such node.";
		f->node = n->id;
		known++;
	}
	if (live_take_text(given, "measurement", text, sizeof(text))) {
		if (!sonde_id_parse(text, strlen(text), &f->measurement))
			return "measurement must be an id.";
		known++;
	}
	return known == json_object_size(given) ? NULL :
		"A filter has type, target, node, region, measurement, status, failure, all texts.";
}

const char *live_subscription_read(struct controller *c, const json_t *m, struct subscription *s)
{
	const json_t *cursor = json_object_get(m, "cursor"), *every = json_object_get(m, "every");
	char id[LIVE_ID_MAX + 1];
	const char *wrong;

	s->reader.c = c;
	s->reader.limit = UINT32_MAX;
	s->reader.next = json_integer_value(cursor) > 0 ? (uint64_t)json_integer_value(cursor) :
							   live_head(c);
	if (cursor && (!json_is_integer(cursor) || json_integer_value(cursor) < 1))
		return "cursor must be an ingest number.";
	s->current = !cursor; /* who asks for no backlog has none, however soon results come */
	wrong = read_filter(c, json_object_get(m, "filter"), &s->reader.filter);
	if (wrong)
		return wrong;
	if (s->kind == LIVE_MEASUREMENT &&
	    (!live_take_text(m, "measurement", id, sizeof(id)) ||
	     !sonde_id_parse(id, strlen(id), &s->reader.filter.measurement)))
		return "measurement must be an id.";
	if (every && (!json_is_integer(every) || json_integer_value(every) < 1 ||
	              json_integer_value(every) > 3600))
		return "every must be 1 to 3600 seconds.";
	s->every_ns = (every ? json_integer_value(every) : 5) * SONDE_NS_PER_S;
	return NULL;
}
