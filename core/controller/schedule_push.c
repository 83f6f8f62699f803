/* SPDX-License-Identifier: Apache-2.0 */
/* What each node is told: all its schedules as one set of messages, when the set is another than the
 * node has. Owns the parts that did not go out yet. Nothing is kept for a node that is away: the set
 * is made when it comes back. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "controller/controller.h"
#include "controller/link.h"

enum { PART_BYTES = 128 << 10, ITEM_BYTES = 640, ENTRIES_MAX = 100000, ACK_S = 30 };

static const uint64_t version_mask = (UINT64_C(1) << 53) - 1;

void schedule_touch(struct schedules *ss, const struct schedule *s)
{
	(void)ss;
	for (const struct member *m = s->members; m; m = m->next)
		m->plan->dirty = true;
}

/* ---- the set ---- */

struct item_list {
	struct sonde_msg_schedule *items;
	unsigned count, room;
};

static struct sonde_text text_of(const char *s)
{
	return (struct sonde_text){ s ? s : "", s ? strlen(s) : 0 };
}

static void add_item(struct item_list *l, const struct member *m, const struct sonde_id *peer,
                     const char *target)
{
	const struct schedule_facts *f = &m->schedule->facts;
	struct sonde_plan plan = schedule_plan_on(f, &m->schedule->id, &m->plan->node);

	if (l->count == l->room) {
		unsigned room = l->room ? 2 * l->room : 64;
		void *items = realloc(l->items, room * sizeof(*l->items));
		if (!items)
			return;
		l->items = items;
		l->room = room;
	}
	l->items[l->count++] = (struct sonde_msg_schedule){
		.schedule = m->schedule->id, .peer = *peer, .revision = m->schedule->revision,
		.type = text_of(f->type), .target = text_of(target), .options = f->options,
		.timeout_ms = f->timeout_ms, .ip_version = f->ip_version,
		.retries = (uint32_t)f->retries, .priority = (uint32_t)f->priority,
		.exclusive = f->exclusive, .secret = f->secrets != NULL, .every_ms = (uint64_t)plan.every_ms,
		.start_ms = (uint64_t)plan.start_ms, .phase_ms = (uint64_t)plan.phase_ms,
		.until_ms = plan.until_ms == SONDE_PLAN_NEVER ? 0 : (uint64_t)plan.until_ms,
		.zone_minutes = plan.zone_minutes, .cron = text_of(f->cron),
		.windows = f->windows_text,
	};
}

static bool runs(const struct member *m)
{
	const struct schedule *s = m->schedule;

	return m->role != MEMBER_LEFT && !s->removed && s->usable && !s->facts.paused &&
	       !s->facts.booked;
}

static void add_member(const struct schedules *ss, struct item_list *l, const struct member *m)
{
	static const struct sonde_id no_peer;

	const struct node *node = nodes_by_id(&ss->c->nodes, &m->plan->node);
	if (!runs(m) || l->count >= ENTRIES_MAX || (node && !schedule_may_have(m->schedule, node)))
		return;
	if (!m->schedule->facts.mesh) {
		add_item(l, m, &no_peer, m->schedule->facts.target);
		return;
	}
	for (unsigned i = 0; i < m->peer_count; i++) {
		const struct node *peer = nodes_by_id(&ss->c->nodes, &m->peers[i]);
		if (peer && peer->facts.address)
			add_item(l, m, &m->peers[i], peer->facts.address);
	}
}

static int by_id(const void *a, const void *b)
{
	const struct sonde_msg_schedule *x = a, *y = b;
	int order = memcmp(&x->schedule, &y->schedule, sizeof(x->schedule));

	return order ? order : memcmp(&x->peer, &y->peer, sizeof(x->peer));
}

/* How many of the items from `at` on go into one part. */
static unsigned part_length(const struct item_list *l, unsigned at)
{
	size_t bytes = 0;
	unsigned n = 0;

	for (; at + n < l->count && n < SONDE_MSG_ITEMS; n++) {
		const struct sonde_msg_schedule *i = &l->items[at + n];
		bytes += ITEM_BYTES + i->target.len + i->options.len + i->windows.len;
		if (n && bytes > PART_BYTES)
			break;
	}
	return n;
}

static void fill_part(struct sonde_msg *m, const struct item_list *l, unsigned at)
{
	m->list.count = part_length(l, at);
	m->list.schedules = l->items + at;
}

static uint64_t version_of(const struct item_list *l)
{
	struct sonde_msg m = { .kind = SONDE_MSG_SCHEDULES };
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	struct sonde_buf b;

	sonde_buf_init(&b, SONDE_MSG_MAX);
	for (unsigned at = 0; at < l->count; at += m.list.count) {
		fill_part(&m, l, at);
		sonde_buf_reset(&b);
		sonde_msg_encode(&b, &m);
		for (size_t i = 0; i < b.len; i++)
			h = (h ^ (unsigned char)b.data[i]) * UINT64_C(0x100000001b3);
	}
	sonde_buf_deinit(&b);
	h ^= h >> 53;
	return (h & version_mask) ? h & version_mask : 1;
}

static void drop_parts(struct node_plan *p)
{
	for (unsigned i = p->next; i < p->count; i++)
		sonde_buf_deinit(&p->parts[i]);
	free(p->parts);
	p->parts = NULL;
	p->next = p->count = 0;
}

/* Only in what goes out: the version is shown and stored, and a change of a secret is a revision. */
static void add_secrets(const struct schedules *ss, struct item_list *l)
{
	for (unsigned i = 0; i < l->count; i++) {
		const struct schedule *s = l->items[i].secret ? schedules_by_id(ss, &l->items[i].schedule) : NULL;
		if (s)
			l->items[i].options = text_of(s->facts.secrets);
	}
}

static void make_parts(struct node_plan *p, const struct item_list *l)
{
	struct sonde_msg m = { .kind = SONDE_MSG_SCHEDULES };
	unsigned parts = 0, at = 0;

	do {
		at += part_length(l, at);
		parts++;
	} while (at < l->count);
	p->parts = calloc(parts, sizeof(*p->parts));
	if (!p->parts)
		return;
	m.list.version = p->version;
	m.list.parts = parts;
	for (at = 0; p->count < parts; at += m.list.count) {
		struct sonde_buf *b = &p->parts[p->count];
		m.list.part = p->count++;
		fill_part(&m, l, at);
		sonde_buf_init_head(b, SONDE_MSG_MAX, SONDE_NET_HEAD);
		sonde_msg_encode(b, &m);
	}
}

/* ---- going out ---- */

static void send_parts(struct schedules *ss, struct node_plan *p, const struct node *node)
{
	while (p->next < p->count) {
		struct sonde_buf *b = &p->parts[p->next];
		if (b->failed || sonde_conn_send(node->conn, b) != SONDE_OK)
			return; /* goes on when the connection has drained */
		sonde_buf_deinit(b);
		p->next++;
	}
	if (p->count)
		ss->pushed++;
	drop_parts(p);
}

static void told(struct schedules *ss, struct node_plan *p)
{
	for (struct member *m = p->first; m; m = m->next_of_node)
		if (runs(m) && !m->told_ms && m->set_version == p->version)
			member_told(ss, m);
}

static void refresh(struct schedules *ss, struct node_plan *p, const struct node *node)
{
	struct item_list l = { 0 };

	for (struct member *m = p->first; m; m = m->next_of_node)
		add_member(ss, &l, m);
	if (l.count)
		qsort(l.items, l.count, sizeof(*l.items), by_id);
	p->dirty = false;
	drop_parts(p);
	p->version = version_of(&l);
	for (struct member *m = p->first; m; m = m->next_of_node)
		m->set_version = runs(m) ? p->version : 0;
	/* A node that never had any needs no empty set. */
	if (p->version == p->acked || (!l.count && !p->acked)) {
		told(ss, p);
	} else {
		p->sent_ns = sonde_boottime_ns();
		add_secrets(ss, &l);
		make_parts(p, &l);
		send_parts(ss, p, node);
	}
	free(l.items);
}

/* One set at a time: changes that come faster than a node keeps them are sent together. */
static bool is_busy(const struct node_plan *p)
{
	return p->sent_ns && sonde_boottime_ns() - p->sent_ns < ACK_S * SONDE_NS_PER_S;
}

bool schedules_push(struct schedules *ss, int64_t until_ns)
{
	struct node_plan *p;
	size_t at = 0;

	while ((p = sonde_map_next(&ss->plans, &at))) {
		const struct node *node = p->dirty || p->count ? nodes_by_id(&ss->c->nodes, &p->node) :
								 NULL;
		if (!node || !node->conn)
			continue;
		if (sonde_boottime_ns() >= until_ns)
			return false;
		if (p->dirty && !is_busy(p))
			refresh(ss, p, node);
		else
			send_parts(ss, p, node);
	}
	return true;
}

void schedules_drained(struct schedules *ss, struct node *node)
{
	struct node_plan *p = sonde_map_get(&ss->plans, node->id.b, sizeof(node->id.b));

	if (p && p->count)
		send_parts(ss, p, node);
}

/* ---- from the node ---- */

void schedules_node_up(struct schedules *ss, struct node *node, const struct sonde_msg_hello *h)
{
	struct node_plan *p = h->schedules ? schedules_plan(ss, &node->id) :
			      sonde_map_get(&ss->plans, node->id.b, sizeof(node->id.b));

	if (!p)
		return;
	p->acked = h->schedules;
	p->sent_ns = 0;
	drop_parts(p);
	refresh(ss, p, node);
}

void schedules_acked(struct schedules *ss, struct node *node, const struct sonde_msg_scheduled *a)
{
	struct node_plan *p = sonde_map_get(&ss->plans, node->id.b, sizeof(node->id.b));

	if (!p)
		return;
	p->sent_ns = 0;
	if (a->failure) {
		struct event e = { .kind = "schedule.refused", .severity = "error", .node = &node->id };
		snprintf(e.text, sizeof(e.text), "%s could not keep its schedules (%s).",
		         node->facts.name, sonde_failure_name(a->failure));
		event_raise(&ss->c->events, &e);
		return;
	}
	p->acked = a->version;
	if (p->acked == p->version)
		told(ss, p);
}
