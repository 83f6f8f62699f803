/* SPDX-License-Identifier: Apache-2.0 */
/* The link to the controller: connecting, receiving, time. Owns the connection, its timers and
 * buffers; borrows net and spool, which must outlive it.
 *
 * DOWN -(redial timer)-> DIALING -(open: hello)-> GREETING -(welcome)-> WELCOMED -(the spool
 * agrees)-> UP. Whatever closes the connection, in any state and for any reason, leads to DOWN and
 * the redial timer; only goodbye does not. A controller that says nothing for three beats, or
 * acknowledges nothing for ten, is left. */
#include "node/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/link_private.h"

enum {
	TICK_MS = 200,
	DIAL_S = 15,
	GREETING_S = 15,
	BEAT_MAX_S = 300,
	SILENT_BEATS = 3,
	UNACKED_BEATS = 10,
	BATCH_MAX = 4 << 20,
	CODE_NORMAL = 1000,
	BANNED_MS = 3600000,
	OUTDATED_MS = 600000,
};

static void set_state(struct sonde_link *l, enum sonde_link_state state)
{
	l->state = state;
	l->state_ns = sonde_boottime_ns();
}

bool sonde_link_is_up(const struct sonde_link *l)
{
	return l->state == SONDE_LINK_UP;
}

const char *sonde_link_peer(const struct sonde_link *l)
{
	return l->conn ? sonde_conn_peer(l->conn) : "";
}

bool sonde_link_is_closed(const struct sonde_link *l)
{
	return !l->conn;
}

/* -------- receiving -------- */

static void note_time(struct sonde_link *l, int64_t server_ms)
{
	l->server_ms = server_ms;
	l->server_ns = l->seen_ns;
	l->server_wall_ms = sonde_wall_ms();
}

static void on_welcome(struct sonde_link *l, const struct sonde_msg_welcome *w)
{
	l->welcome = *w;
	l->have = (struct sonde_spans){ .cum = w->seq };
	if (!sonde_spans_parse(&l->have, w->also.s, w->also.len))
		l->have.count = 0; /* what is there already is sent again and found to be there */
	if (l->welcome.beat_s < 1)
		l->welcome.beat_s = 1;
	if (l->welcome.beat_s > BEAT_MAX_S)
		l->welcome.beat_s = BEAT_MAX_S;
	note_time(l, w->server_ms);
	if (w->update.len)
		sonde_log(SONDE_LOG_WARN, "link", "version %.*s of sonde-node is there, this is %s",
		          (int)w->update.len, w->update.s, SONDE_VERSION);
	sonde_log(SONDE_LOG_INFO, "link", "connected to %s", l->options.controller);
	set_state(l, SONDE_LINK_WELCOMED);
	sonde_link_pump(l);
}

static void on_ack(struct sonde_link *l, const struct sonde_msg_ack *ack)
{
	note_time(l, ack->server_ms);
	if (ack->epoch != sonde_spool_state(l->spool).epoch)
		return;
	sonde_link_stored(l, ack->seq, ack->also);
	sonde_link_pump(l);
}

static void on_message(struct sonde_conn *conn, void *arg, char *text, size_t len)
{
	struct sonde_link *l = arg;
	struct sonde_error e;
	struct sonde_msg m;

	if (conn != l->conn || l->leaving)
		return;
	l->seen_ns = sonde_boottime_ns();
	if (sonde_msg_decode(l->decoder, text, len, &m, &e)) {
		/* A newer controller may know more kinds of messages than this node. */
		sonde_log(SONDE_LOG_WARN, "link", "message ignored: %s %s", e.path, e.text);
		return;
	}
	if (m.kind == SONDE_MSG_WELCOME && l->state == SONDE_LINK_GREETING)
		on_welcome(l, &m.welcome);
	else if (l->state != SONDE_LINK_UP && l->state != SONDE_LINK_WELCOMED)
		return;
	else if (m.kind == SONDE_MSG_ACK && l->state == SONDE_LINK_UP)
		on_ack(l, &m.ack);
	else if (m.kind == SONDE_MSG_TASKS)
		l->events.tasks(l->arg, m.list.tasks, m.list.count);
	else if (m.kind == SONDE_MSG_CANCEL)
		l->events.cancel(l->arg, m.list.tasks, m.list.count);
	else if (m.kind == SONDE_MSG_RELOAD)
		l->events.reload(l->arg);
	else if (m.kind == SONDE_MSG_SCHEDULES && l->events.schedules)
		l->events.schedules(l->arg, &m);
	else if (l->events.order && (m.kind == SONDE_MSG_CONFIG || m.kind == SONDE_MSG_KEY ||
	                             m.kind == SONDE_MSG_COMMAND))
		l->events.order(l->arg, &m);
}

static void on_open(struct sonde_conn *conn, void *arg)
{
	struct sonde_link *l = arg;

	l->conn = conn;
	l->seen_ns = sonde_boottime_ns();
	set_state(l, SONDE_LINK_GREETING);
	if (sonde_link_send_hello(l))
		sonde_conn_close(conn, SONDE_LINK_CODE_LEFT, "cannot say hello");
}

static void on_drain(struct sonde_conn *conn, void *arg)
{
	struct sonde_link *l = arg;

	if (!l->leaving)
		sonde_link_pump(l);
}

/* -------- connecting -------- */

static void dial_later(struct sonde_link *l, unsigned code);

static void free_when_over(struct sonde_link *l)
{
	if (!l->closing || l->handles || l->conn)
		return;
	sonde_decoder_free(l->decoder);
	sonde_buf_deinit(&l->out);
	sonde_buf_deinit(&l->batch);
	free(l);
}

static void on_close(struct sonde_conn *conn, void *arg, unsigned code, const char *reason)
{
	struct sonde_link *l = arg;

	l->conn = NULL;
	set_state(l, SONDE_LINK_DOWN);
	if (l->closing) {
		free_when_over(l);
		return;
	}
	if (l->leaving)
		return;
	sonde_log(SONDE_LOG_WARN, "link", "%s: closed with %u%s%s", l->options.controller, code,
	          *reason ? ": " : "", reason);
	snprintf(l->last_close, sizeof(l->last_close), "%u%s%s", code, *reason ? ": " : "", reason);
	if (l->events.closed)
		l->events.closed(l->arg);
	dial_later(l, code);
}

static const struct sonde_conn_events conn_events = { on_open, on_message, on_drain, on_close };

static void on_redial(uv_timer_t *timer)
{
	struct sonde_link *l = timer->data;
	struct sonde_error e;
	const struct sonde_dial dial = {
		.url = l->url,
		.subprotocol = "sonde.node.v1",
		.ca_file = l->options.ca_file && *l->options.ca_file ? l->options.ca_file : NULL,
		.pins = l->options.pins,
		.events = &conn_events,
		.arg = l,
		.timeout_s = DIAL_S,
	};

	set_state(l, SONDE_LINK_DIALING);
	if (sonde_net_dial(l->net, &dial, &l->conn, &e) == SONDE_OK)
		return;
	l->conn = NULL;
	set_state(l, SONDE_LINK_DOWN);
	sonde_log(SONDE_LOG_ERROR, "link", "cannot dial %s: %s", l->url, e.text);
	dial_later(l, 0);
}

/* A controller that says that it will not have this node for long is asked seldom; every other reason
 * may be over soon. */
static void dial_later(struct sonde_link *l, unsigned code)
{
	int64_t long_ms = code == SONDE_LINK_CODE_BANNED   ? l->options.banned_ms :
	                  code == SONDE_LINK_CODE_OUTDATED ? l->options.outdated_ms :
	                                                     0;
	int64_t ms = sonde_backoff_next(&l->backoff);

	if (long_ms) {
		ms = long_ms / 2 + (int64_t)sonde_rng_below(&l->backoff.rng, (uint64_t)long_ms / 2 + 1);
		sonde_log(SONDE_LOG_WARN, "link", "trying again in %lld s", (long long)ms / 1000);
	}
	uv_timer_start(&l->redial, on_redial, (uint64_t)ms, 0);
}

/* -------- time -------- */

static int64_t beat_of(const struct sonde_link *l)
{
	return l->own_beat_ns ? l->own_beat_ns : l->welcome.beat_s * SONDE_NS_PER_S;
}

static const char *stalled(const struct sonde_link *l, int64_t now)
{
	int64_t asked = l->welcome.beat_s * SONDE_NS_PER_S;
	int64_t beat = beat_of(l) > asked ? beat_of(l) : asked;

	if (l->state == SONDE_LINK_GREETING && now - l->state_ns > GREETING_S * SONDE_NS_PER_S)
		return "no welcome";
	if (l->state != SONDE_LINK_UP)
		return NULL;
	if (now - l->seen_ns > SILENT_BEATS * beat)
		return "nothing heard for three beats";
	if (sonde_link_unacked(l) && now - l->acked_ns > UNACKED_BEATS * beat)
		return "results are not acknowledged";
	return NULL;
}

static void on_tick(uv_timer_t *timer)
{
	struct sonde_link *l = timer->data;
	int64_t now = sonde_boottime_ns();
	const char *why = stalled(l, now);

	if (l->leaving || !l->conn)
		return;
	if (why)
		sonde_conn_close(l->conn, SONDE_LINK_CODE_LEFT, why);
	else if (l->state == SONDE_LINK_UP &&
	         now - l->beat_ns >= beat_of(l))
		sonde_link_send_beat(l);
}

void sonde_link_set_beat(struct sonde_link *l, int64_t beat_ns)
{
	l->own_beat_ns = beat_ns;
}

void sonde_link_set_config(struct sonde_link *l, uint64_t version)
{
	l->config = version;
}

const char *sonde_link_last_close(const struct sonde_link *l)
{
	return l->last_close;
}

bool sonde_link_offset(const struct sonde_link *l, int64_t *offset_ms)
{
	*offset_ms = l->server_wall_ms - l->server_ms;
	return l->server_ms != 0;
}

/* -------- life -------- */

static int make_url(struct sonde_link *l, struct sonde_error *e)
{
	const char *url = l->options.controller;
	bool tls = !strncmp(url, "https://", 8);
	const char *host = url + (tls ? 8 : 7);

	if (!tls && strncmp(url, "http://", 7))
		return sonde_fail(e, SONDE_EINVAL, NULL, "controller must be http:// or https://");
	int n = snprintf(l->url, sizeof(l->url), "%s://%.*s/v1/nodes/connect", tls ? "wss" : "ws",
	                 (int)strcspn(host, "/"), host);
	if (n < 0 || (size_t)n >= sizeof(l->url))
		return sonde_fail(e, SONDE_EINVAL, NULL, "controller is too long");
	return SONDE_OK;
}

int sonde_link_new(uv_loop_t *loop, struct sonde_net *net, struct sonde_spool *spool,
                   const struct sonde_link_options *options, const struct sonde_link_events *events,
                   void *arg, struct sonde_link **out, struct sonde_error *e)
{
	struct sonde_link *l = calloc(1, sizeof(*l));

	if (!l || sonde_decoder_new(&l->decoder)) {
		free(l);
		return sonde_fail(e, SONDE_ENOMEM, NULL, "out of memory");
	}
	l->loop = loop;
	l->net = net;
	l->spool = spool;
	l->options = *options;
	if (!l->options.banned_ms)
		l->options.banned_ms = BANNED_MS;
	if (!l->options.outdated_ms)
		l->options.outdated_ms = OUTDATED_MS;
	l->events = *events;
	l->arg = arg;
	int rc = make_url(l, e);
	if (rc) {
		sonde_decoder_free(l->decoder);
		free(l);
		return rc;
	}
	sonde_buf_init_head(&l->out, SONDE_MSG_MAX, SONDE_NET_HEAD);
	sonde_buf_init(&l->batch, BATCH_MAX);
	sonde_backoff_init(&l->backoff, options->backoff_min_ms, options->backoff_max_ms);
	uv_timer_init(loop, &l->redial);
	uv_timer_init(loop, &l->tick);
	l->redial.data = l->tick.data = l;
	l->handles = 2;
	uv_timer_start(&l->tick, on_tick, TICK_MS, TICK_MS);
	uv_timer_start(&l->redial, on_redial, 0, 0);
	*out = l;
	return SONDE_OK;
}

void sonde_link_set_schedules(struct sonde_link *l, uint64_t version)
{
	l->schedules = version;
}

void sonde_link_bye(struct sonde_link *l, const char *reason)
{
	struct sonde_msg m = { .kind = SONDE_MSG_BYE, .reason = { reason, strlen(reason) } };

	if (l->leaving)
		return;
	if (sonde_link_is_up(l))
		sonde_link_send(l, &m);
	l->leaving = true;
	uv_timer_stop(&l->redial);
	if (l->conn)
		sonde_conn_close(l->conn, CODE_NORMAL, reason);
}

static void on_closed(uv_handle_t *handle)
{
	struct sonde_link *l = handle->data;

	l->handles--;
	free_when_over(l);
}

void sonde_link_close(struct sonde_link *l)
{
	l->closing = l->leaving = true;
	uv_close((uv_handle_t *)&l->redial, on_closed);
	uv_close((uv_handle_t *)&l->tick, on_closed);
	if (l->conn)
		sonde_conn_close(l->conn, CODE_NORMAL, "");
}
