/* SPDX-License-Identifier: Apache-2.0 */
/* The context of libwebsockets on a foreign loop: made, woken, destroyed. Owns everything of the
 * room; listeners and client vhosts are freed when the context is gone.
 *
 * Closing: NET_OPEN -> NET_GOODBYE (close frames out, at most GOODBYE_MS) -> NET_DESTROYING (first
 * destroy; libuv closes the handles of lws) -> second destroy, own handles, `done`. The destroys
 * run from a timer, never inside a callback of lws. */
#include "net/private.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"

/* All zero: no validity pings. The default policy arms a timer per websocket in a sorted list that
 * every request walks. */
const lws_retry_bo_t net_no_validity;

enum { TICK_MS = 250, SOON_MS = 5, CLOSER_MS = 2, QUIET_TURNS = 3 };

static void emit_warning(int level, const char *line)
{
	sonde_log(SONDE_LOG_WARN, "lws", "%.*s", (int)strcspn(line, "\n"), line);
}

static void emit_debug(int level, const char *line)
{
	sonde_log(SONDE_LOG_DEBUG, "lws", "%.*s", (int)strcspn(line, "\n"), line);
}

void net_log_loud(bool loud)
{
	lws_set_log_level(LLL_ERR, loud ? emit_warning : emit_debug);
}

void net_handle_opened(struct sonde_net *net)
{
	net->open_handles++;
}

static void free_net(struct sonde_net *net)
{
	void (*done)(void *) = net->done;
	void *arg = net->done_arg;

	sonde_buf_deinit(&net->out);
	sonde_buf_deinit(&net->packed);
	admit_deinit(net);
	gzip_free(net->gzip);
	free(net->frames);
	free(net);
	if (done)
		done(arg);
}

void net_handle_closed(struct sonde_net *net)
{
	if (--net->open_handles == 0)
		free_net(net);
}

static void on_own_closed(uv_handle_t *h)
{
	net_handle_closed(h->data);
}

void net_wake(struct sonde_net *net)
{
	if (net->context && net->state != NET_DESTROYING)
		lws_cancel_service(net->context);
}

void net_peer_text(struct lws *wsi, char out[PEER_TEXT])
{
	char text[PEER_TEXT + 16] = "";
	const char *from = text;

	lws_get_peer_simple(wsi, text, sizeof(text));
	if (!strncmp(text, "::ffff:", 7) && strchr(text, '.'))
		from += 7;
	snprintf(out, PEER_TEXT, "%s", from);
}

void net_reset(struct lws *wsi)
{
	struct linger now = { .l_onoff = 1 };
	int fd = lws_get_socket_fd(wsi);

	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static void on_check(uv_check_t *check)
{
	struct sonde_net *net = check->data;

	if (!link_alone(&net->settle))
		http_settle(net);
	if (!link_alone(&net->fresh) && net->state != NET_DESTROYING)
		patience_settle(net);
	raw_settle(net);
}

static void on_tick(uv_timer_t *tick)
{
	struct sonde_net *net = tick->data;
	int64_t now = sonde_boottime_ns();

	if (net->state == NET_DESTROYING)
		return;
	conns_tick(net, now);
	unread_tick(net);
	if (patience_tick(net, now))
		uv_timer_start(tick, on_tick, SOON_MS, TICK_MS);
	if (net->kick) {
		net->kick = false;
		net_wake(net);
	}
}

static int make_context(struct sonde_net *net, struct sonde_error *e)
{
	void *loops[1] = { net->loop };
	struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN,
		.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
			LWS_SERVER_OPTION_VALIDATE_UTF8,
		.foreign_loops = loops,
		.pcontext = &net->context,
		.user = net,
		.gid = (gid_t)-1,
		.uid = (uid_t)-1,
		.timeout_secs = HANDSHAKE_S,
		.connect_timeout_secs = HANDSHAKE_S * 6,
		.max_http_header_data = HEADER_BYTES,
		.pt_serv_buf_size = RX_BYTES + LWS_PRE,
		.retry_and_idle_policy = &net_no_validity,
	};
	unsigned idle = net->options.idle_timeout_s;

	if (idle && idle < HANDSHAKE_S)
		info.timeout_secs = idle;
	net_log_loud(true);
	net->context = lws_create_context(&info);
	net_log_loud(false);
	if (!net->context)
		return sonde_fail(e, SONDE_EIO, NULL, "the network library could not start: "
				  "is the package libwebsockets-evlib-uv installed?");
	return SONDE_OK;
}

static void init_handle(struct sonde_net *net, uv_handle_t *h)
{
	h->data = net;
	uv_unref(h);
	net_handle_opened(net);
}

int sonde_net_new(uv_loop_t *loop, const struct sonde_net_options *options, struct sonde_net **out,
                  struct sonde_error *e)
{
	struct sonde_net *net = calloc(1, sizeof(*net));

	*out = NULL;
	if (!net)
		return sonde_fail(e, SONDE_ENOMEM, NULL, "out of memory");
	net->loop = loop;
	net->options = *options;
	link_init(&net->conns);
	link_init(&net->busy);
	link_init(&net->settle);
	link_init(&net->unread);
	patience_init(net);
	sonde_map_init(&net->addresses);
	sonde_buf_init_head(&net->out, SIZE_MAX / 4, SONDE_NET_HEAD);
	sonde_buf_init(&net->packed, SIZE_MAX / 4);
	int rc = make_context(net, e);
	if (rc != SONDE_OK) {
		admit_deinit(net);
		free(net);
		return rc;
	}
	uv_check_init(loop, &net->check);
	uv_timer_init(loop, &net->tick);
	uv_timer_init(loop, &net->closer);
	init_handle(net, (uv_handle_t *)&net->check);
	init_handle(net, (uv_handle_t *)&net->tick);
	init_handle(net, (uv_handle_t *)&net->closer);
	uv_check_start(&net->check, on_check);
	uv_timer_start(&net->tick, on_tick, TICK_MS, TICK_MS);
	*out = net;
	return SONDE_OK;
}

static void free_vhosts(struct sonde_net *net)
{
	while (net->listeners) {
		struct listener *l = net->listeners;
		net->listeners = l->next;
		listener_free(l);
	}
	client_vhosts_free(net);
}

static void count_closing(uv_handle_t *h, void *count)
{
	if (uv_is_closing(h))
		(*(unsigned *)count)++;
}

static void drop_dialers(struct sonde_net *net)
{
	for (struct link *l = net->conns.next, *next; l != &net->conns; l = next) {
		struct sonde_conn *c = LINK_OWNER(l, struct sonde_conn, all);
		next = l->next;
		if (c->dialer)
			dialer_drop(c);
	}
}

/* The handles of lws close over a few turns of the loop and their callbacks use the context, so
 * the second destroy waits until nothing on the loop is closing any more. */
static void finish_destroy(struct sonde_net *net)
{
	unsigned closing = 0;

	uv_walk(net->loop, count_closing, &closing);
	net->quiet_turns = closing ? 0 : net->quiet_turns + 1;
	if (net->quiet_turns < QUIET_TURNS)
		return;
	if (net->context)
		lws_context_destroy(net->context);
	free_vhosts(net);
	uv_close((uv_handle_t *)&net->check, on_own_closed);
	uv_close((uv_handle_t *)&net->tick, on_own_closed);
	uv_close((uv_handle_t *)&net->closer, on_own_closed);
}

static void on_closer(uv_timer_t *closer)
{
	struct sonde_net *net = closer->data;

	if (net->state == NET_DESTROYING) {
		finish_destroy(net);
		return;
	}
	if (!link_alone(&net->conns) &&
	    sonde_boottime_ns() - net->goodbye_ns < GOODBYE_MS * SONDE_NS_PER_MS)
		return;
	net->state = NET_DESTROYING;
	drop_dialers(net);
	lws_context_destroy(net->context);
}

void sonde_net_close(struct sonde_net *net, void (*done)(void *), void *arg)
{
	if (net->state != NET_OPEN)
		return;
	net->state = NET_GOODBYE;
	net->done = done;
	net->done_arg = arg;
	net->goodbye_ns = sonde_boottime_ns();
	for (struct link *l = net->conns.next, *next; l != &net->conns; l = next) {
		struct sonde_conn *c = LINK_OWNER(l, struct sonde_conn, all);
		next = l->next;
		sonde_conn_close(c, 1001, "going away");
	}
	uv_ref((uv_handle_t *)&net->closer);
	uv_timer_start(&net->closer, on_closer, 0, CLOSER_MS);
}
