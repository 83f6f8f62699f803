/* SPDX-License-Identifier: Apache-2.0 */
/* One struct link per connection, freed in its close callback. Before hello it knows no node;
 * after it, node->conn points back. What a node says of itself is only trusted for itself: its id
 * comes from the session. */
#include "controller/link.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "controller/change.h"
#include "controller/controller.h"
#include "controller/life.h"
#include "controller/node_plugins.h"

enum {
	CLOSE_BAD = 4400,
	CLOSE_UNKNOWN = 4401,
	CLOSE_SILENT = 4408,
	CLOSE_REPLACED = 4409,
	CLOSE_QUOTA = 4413,
	CLOSE_LATER = 1013,
	HELLO_MS = 2800, /* 50 kB over 256 kbit/s take 1.6 s; the tick and closing add a second each */
};

struct link {
	struct controller *c;
	struct node *node; /* NULL before hello and after it was replaced */
	struct sonde_conn *conn;
	struct link *prev, *next; /* of the silent ones: opened, no hello yet */
	int64_t opened_ns;
	bool silent;
};

static void leave_silent(struct link *l)
{
	struct silent_links *list = &l->c->silent;

	if (!l->silent)
		return;
	*(l->prev ? &l->prev->next : &list->first) = l->next;
	*(l->next ? &l->next->prev : &list->last) = l->prev;
	l->silent = false;
}

static void join_silent(struct link *l)
{
	struct silent_links *list = &l->c->silent;

	l->prev = list->last;
	*(l->prev ? &l->prev->next : &list->first) = l;
	list->last = l;
	l->silent = true;
}

static void send_msg(struct sonde_conn *conn, const struct sonde_msg *m)
{
	struct sonde_buf b;

	sonde_buf_init_head(&b, SONDE_MSG_MAX, SONDE_NET_HEAD);
	sonde_msg_encode(&b, m);
	if (b.failed || sonde_conn_send(conn, &b) != SONDE_OK)
		sonde_conn_close(conn, CLOSE_LATER, "The connection is too slow.");
	sonde_buf_deinit(&b);
}

void link_close(struct node *node, unsigned code, const char *reason)
{
	if (node->conn)
		sonde_conn_close(node->conn, code, reason);
}

void link_forget(struct node *node)
{
	struct link *l = sonde_conn_arg(node->conn);

	l->node = NULL;
	node->conn = NULL;
	node->up_ns += sonde_boottime_ns() - node->up_since_ns;
}

bool link_send(struct node *node, const struct sonde_msg *m)
{
	struct sonde_buf b;

	if (!node->conn)
		return false;
	sonde_buf_init_head(&b, SONDE_MSG_MAX, SONDE_NET_HEAD);
	sonde_msg_encode(&b, m);
	bool sent = !b.failed && sonde_conn_send(node->conn, &b) == SONDE_OK;
	sonde_buf_deinit(&b);
	return sent;
}

bool link_send_tasks(void *arg, struct node *node, const struct sonde_msg *m)
{
	(void)arg;
	return link_send(node, m);
}

void link_ack(struct controller *c, struct node *node, uint64_t epoch,
              const struct sonde_spans *have)
{
	char also[SONDE_SPANS_TEXT] = "";
	struct sonde_msg m = { .kind = SONDE_MSG_ACK,
		               .ack = { .epoch = epoch, .server_ms = sonde_wall_ms() } };

	if (have) {
		sonde_spans_format(have, also);
		m.ack.seq = have->cum;
		m.ack.also = (struct sonde_text){ also, strlen(also) };
	}

	(void)c;
	if (node->conn)
		send_msg(node->conn, &m);
}

/* ---- hello ---- */

static void welcome(struct controller *c, struct node *node, const struct sonde_msg_hello *h)
{
	struct sonde_msg m = { .kind = SONDE_MSG_WELCOME,
		               .welcome = { .beat_s = (uint32_t)c->options.beat_s,
		                            .wall_ms = h->wall_ms, .server_ms = sonde_wall_ms() } };
	struct sonde_spans have = { 0 };
	char also[SONDE_SPANS_TEXT];
	struct sonde_read *r;

	if (sonde_read_begin(c->store, &r) == SONDE_OK) {
		sonde_read_mark(r, &node->id, &m.welcome.epoch, &have);
		sonde_read_end(r);
	}
	sonde_spans_format(&have, also);
	m.welcome.seq = have.cum + (SONDE_BUG(8) && have.cum);
	m.welcome.also = (struct sonde_text){ also, strlen(also) };
	if (c->options.node_version_newest && *node->version &&
	    version_compare(node->version, c->options.node_version_newest) < 0)
		m.welcome.update = (struct sonde_text){ c->options.node_version_newest,
			                                strlen(c->options.node_version_newest) };
	send_msg(node->conn, &m);
}

static void set_goodbye(struct controller *, struct node *, bool);
static void keep_address(struct controller *, struct node *, struct sonde_text);

static void refuse_plugins(struct sonde_conn *conn, int rc, const char *malformed)
{
	char why[120];

	snprintf(why, sizeof(why), "Quota: a node may have %d plugins, names of %d bytes, each described "
	         "in %d KiB.", NODE_PLUGINS_MAX, NODE_PLUGIN_NAME, NODE_PLUGIN_BYTES >> 10);
	sonde_conn_close(conn, rc == SONDE_EFULL ? CLOSE_QUOTA : CLOSE_BAD,
	                 rc == SONDE_EFULL ? why : malformed);
}

static void on_hello(struct link *l, struct sonde_conn *conn, const struct sonde_msg_hello *h)
{
	struct controller *c = l->c;
	struct node *node = nodes_by_id(&c->nodes, &h->node);
	int key = node ? life_key(node, h->key) : 0;

	if (!key) {
		sonde_conn_close(conn, CLOSE_UNKNOWN,
		                 "The node or its key is not known here; register again.");
		return;
	}
	unsigned code = life_refusal(c, node, h->version, node->sent_away, sizeof(node->sent_away));
	if (code) {
		sonde_conn_close(conn, code, node->sent_away);
		return;
	}
	int rc = node_plugins_take(c, node, h->plugins);
	if (rc != SONDE_OK) {
		refuse_plugins(conn, rc, "hello.plugins must hold an array named plugins.");
		return;
	}
	if (node->conn) { /* the old one is half dead, or a copy of the node runs elsewhere */
		sonde_conn_close(node->conn, CLOSE_REPLACED, "The node connected again.");
		link_forget(node);
		tasks_node_gone(&c->tasks, node);
	}
	leave_silent(l);
	sonde_conn_set_max_message(conn, SONDE_MSG_MAX);
	l->node = node;
	node->conn = conn;
	node->beat_ns = node->up_since_ns = sonde_boottime_ns();
	json_t *facts = h->facts.len ? sonde_json_load(h->facts.s, h->facts.len, NULL) : NULL;
	node_set_machine(&c->nodes, node, facts);
	json_decref(facts);
	node->insecure = h->insecure;
	node->capacity = h->capacity < 1 ? 1 : h->capacity > 10000 ? 10000 : h->capacity;
	node->full = false;
	memset(node->version, 0, sizeof(node->version));
	memcpy(node->version, h->version.s, h->version.len);
	const char *peer = sonde_conn_peer(conn);
	memcpy(node->peer, peer, strnlen(peer, sizeof(node->peer) - 1) + 1);
	node->peer[sizeof(node->peer) - 1] = '\0';
	if (node->facts.goodbye)
		set_goodbye(c, node, false);
	welcome(c, node, h);
	life_welcomed(c, node, h, key);
	keep_address(c, node, h->address);
	node_announce(&c->nodes, node);
	schedules_node_up(&c->schedules, node, h);
	tasks_touch(&c->tasks, node);
	tasks_flush(&c->tasks);
}

/* ---- goodbye: a fact that outlives a restart of the controller ---- */

static void set_goodbye(struct controller *c, struct node *node, bool goodbye)
{
	node->facts.goodbye = goodbye;
	node->facts.goodbye_ms = goodbye ? sonde_wall_ms() : 0;
	node_change(c, node, json_pack("{s:b, s:I}", "goodbye", goodbye, "goodbyeMs",
	                               (json_int_t)node->facts.goodbye_ms), NULL, NULL);
}

/* What other nodes are given as its address; kept, because it is needed while the node is away. */
static void keep_address(struct controller *c, struct node *node, struct sonde_text address)
{
	struct node_facts facts = node->facts;
	char text[256];

	snprintf(text, sizeof(text), "%.*s", (int)address.len, address.s ? address.s : "");
	if (!strcmp(text, facts.address ? facts.address : ""))
		return;
	facts.address = text;
	node_set_facts(&c->nodes, node, &facts);
	node_change(c, node, json_pack("{s:s}", "address", text), NULL, NULL);
}

/* ---- the other messages ---- */

/* Round trip and clock offset as in NTP, from the server time the node echoes. */
/* False when the wall clock was set since it was `stamp_ms`. */
static bool is_comparable(struct nodes *n, int64_t stamp_ms, int64_t wall_ms)
{
	enum { SLACK_MS = 50 };
	int64_t boot_ms = sonde_boottime_ns() / SONDE_NS_PER_MS, offset = wall_ms - boot_ms;

	if (llabs(offset - n->clock_offset_ms) > SLACK_MS) {
		n->clock_offset_ms = offset;
		n->clock_since_ms = boot_ms;
	}
	return stamp_ms - offset >= n->clock_since_ms - SLACK_MS && stamp_ms <= wall_ms;
}

static void on_beat(struct link *l, const struct sonde_msg_beat *b)
{
	struct node *node = l->node;
	int64_t now = sonde_wall_ms();
	double rtt = -1; /* not told */

	node->beat_ns = sonde_boottime_ns();
	node->beat = *b;
	if (b->echo_ms && is_comparable(&l->c->nodes, b->echo_ms, now) && b->held_ms >= 0 &&
	    b->held_ms <= now - b->echo_ms) {
		rtt = (double)(now - b->echo_ms - b->held_ms);
		node->rtt_ms = node->rtt_ms ? node->rtt_ms * 0.75 + rtt * 0.25 : rtt;
		node->offset_ms = (double)(b->wall_ms - now) + rtt / 2;
	}
	life_beat(l->c, node, b, rtt);
	node_refresh(&l->c->nodes, node);
	node_announce(&l->c->nodes, node);
	link_ack(l->c, node, 0, NULL); /* epoch 0 acks nothing: it carries the time, and shows life */
}

static void on_accept(struct link *l, const struct sonde_msg *m)
{
	for (unsigned i = 0; i < m->list.count; i++)
		tasks_accepted(&l->c->tasks, l->node, &m->list.accepts[i]);
	tasks_flush(&l->c->tasks);
}

static void on_results(struct link *l, struct sonde_conn *conn, const struct sonde_msg *m)
{
	int rc = ingest_results(&l->c->ingest, l->node, m->list.epoch, m->list.results,
	                        m->list.count);
	if (rc != SONDE_OK)
		sonde_conn_close(conn, CLOSE_LATER, "The store is busy or full; try again later.");
}

static void on_message(struct sonde_conn *conn, void *arg, char *text, size_t len)
{
	struct link *l = arg;
	struct sonde_error e;
	struct sonde_msg m;
	char reason[120];

	int rc = sonde_msg_decode(l->c->decoder, text, len, &m, &e);
	if (rc != SONDE_OK) {
		bool quota = rc == SONDE_EFULL;
		snprintf(reason, sizeof(reason), "%s: %.40s %.60s", quota ? "Quota" : "Bad message", e.path, e.text);
		if (quota && l->node)
			life_quota(l->c, l->node);
		sonde_conn_close(conn, quota ? CLOSE_QUOTA : CLOSE_BAD, reason);
		return;
	}
	if (!l->node) {
		if (m.kind == SONDE_MSG_HELLO)
			on_hello(l, conn, &m.hello);
		else
			sonde_conn_close(conn, CLOSE_BAD, "The first message must be hello.");
		return;
	}
	switch (m.kind) {
	case SONDE_MSG_BEAT:
		on_beat(l, &m.beat);
		break;
	case SONDE_MSG_ACCEPT:
		on_accept(l, &m);
		break;
	case SONDE_MSG_RESULTS:
		on_results(l, conn, &m);
		break;
	case SONDE_MSG_SCHEDULED:
		schedules_acked(&l->c->schedules, l->node, &m.scheduled);
		break;
	case SONDE_MSG_PROGRESS:
		tasks_progress(&l->c->tasks, l->node, &m.progress);
		break;
	case SONDE_MSG_TYPES:
		rc = node_plugins_on_types(l->c, l->node, &m.types);
		if (rc != SONDE_OK)
			refuse_plugins(conn, rc, "types.plugins must hold an array named plugins.");
		break;
	case SONDE_MSG_BYE:
		set_goodbye(l->c, l->node, true);
		sonde_conn_close(conn, 1000, "Goodbye.");
		break;
	default:
		if (!life_message(l->c, l->node, &m))
			sonde_conn_close(conn, CLOSE_BAD, "A node must not send this kind of message.");
	}
}

static void on_open(struct sonde_conn *conn, void *arg)
{
	struct link *l = calloc(1, sizeof(*l));

	if (!l) {
		sonde_conn_set_arg(conn, NULL);
		sonde_conn_close(conn, CLOSE_LATER, "Out of memory.");
		return;
	}
	l->c = arg;
	l->conn = conn;
	l->opened_ns = sonde_boottime_ns();
	l->c->connections++;
	join_silent(l);
	sonde_conn_set_arg(conn, l);
}

static void on_drain(struct sonde_conn *conn, void *arg)
{
	struct link *l = arg;

	(void)conn;
	if (l && l->node) {
		tasks_touch(&l->c->tasks, l->node);
		tasks_flush(&l->c->tasks);
		schedules_drained(&l->c->schedules, l->node);
	}
}

static void on_close(struct sonde_conn *conn, void *arg, unsigned code, const char *reason)
{
	struct link *l = arg;

	(void)conn;
	if (!l)
		return;
	l->c->connections--;
	leave_silent(l);
	if (l->node) {
		struct node *node = l->node;
		node->conn = NULL;
		node->up_ns += sonde_boottime_ns() - node->up_since_ns;
		node->lost_ns = sonde_boottime_ns();
		sonde_log(SONDE_LOG_INFO, "link", "%s left (%u %s)", node->facts.name, code, reason);
		l->c->nodes.generation++;
		if (!l->c->stopping) {
			commands_node_gone(l->c, node);
			tasks_node_gone(&l->c->tasks, node);
			node_announce(&l->c->nodes, node);
			tasks_flush(&l->c->tasks);
		}
	}
	free(l);
}

const struct sonde_conn_events link_events = {
	.open = on_open,
	.message = on_message,
	.drain = on_drain,
	.close = on_close,
};

void link_tick(struct controller *c, int64_t now)
{
	/* In the order they opened: the first young one ends the walk. */
	while (c->silent.first && now - c->silent.first->opened_ns > HELLO_MS * SONDE_NS_PER_MS) {
		struct link *l = c->silent.first;
		leave_silent(l);
		sonde_conn_close(l->conn, CLOSE_SILENT, "No hello came in time.");
	}

	for (unsigned i = 0; i < c->nodes.len; i++) {
		struct node *node = c->nodes.all[i];
		if (!node)
			continue;
		if (node->conn && now - node->beat_ns > 3 * node_beat_ns(&c->nodes, node))
			link_close(node, CLOSE_SILENT, "No heartbeat came in time.");
		node_announce(&c->nodes, node);
	}
}
