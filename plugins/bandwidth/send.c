/* SPDX-License-Identifier: Apache-2.0 */
/* The end that measures. Phases: CONNECT (again every 100 ms while the receiver's port is closed: the
 * two probes of a pair do not start at the same moment) -> IDLE (a few round trips before any load)
 * -> STREAMS -> UP -> DOWN -> report. */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bandwidth.h"

enum { CONNECT, IDLE, STREAMS, UP, DOWN };
enum { RETRIES = 50, IDLE_PINGS = 5 };
#define RETRY_NS INT64_C(100000000)
#define PING_NS INT64_C(20000000)

static void connect_control(struct sonde_probe *, void *);

/* ---- round trips on the control connection ---- */

/* The time before the call: on a near path the answer is on its way before it returns. */
static void ask_now(struct sonde_probe *p)
{
	struct bw_state *s = p->state;
	int64_t now = p->host->now(p);

	if (!s->asked_ns && bw_say(&s->control, "p"))
		s->asked_ns = now;
}

static void ask(struct sonde_probe *p, void *arg)
{
	struct bw_state *s = p->state;

	ask_now(p);
	s->timer = p->host->timer_start(p, PING_NS, ask, NULL);
}

static void answered(struct sonde_probe *p)
{
	struct bw_state *s = p->state;
	int64_t rtt = p->host->now(p) - s->asked_ns;

	if (!s->asked_ns)
		return;
	s->asked_ns = 0;
	if (s->phase != IDLE && s->phase != UP && s->phase != DOWN)
		return;
	struct bw_rtt *r = s->phase == IDLE ? &s->idle : &s->loaded;
	if (!r->count || rtt < r->min)
		r->min = rtt;
	if (rtt > r->max)
		r->max = rtt;
	r->sum += rtt;
	r->count++;
}

/* ---- the test ---- */

static void watch_streams(struct sonde_probe *p, unsigned events)
{
	const struct bandwidth_args *a = p->args;
	struct bw_state *s = p->state;

	for (unsigned i = 0; i < (unsigned)a->streams; i++)
		p->host->watch_change(p, s->streams[i].watch, events);
}

static void turn_down(struct sonde_probe *p)
{
	const struct bandwidth_args *a = p->args;
	struct bw_state *s = p->state;

	s->phase = DOWN;
	s->in.open = (unsigned)a->streams;
	watch_streams(p, SONDE_READABLE);
}

static int64_t retransmitted(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) ? 0 : info.tcpi_total_retrans;
}

static void on_stream(struct sonde_probe *p, void *arg, int fd, unsigned events)
{
	struct bw_state *s = p->state;
	struct bw_conn *c = arg;

	if (s->phase == UP) {
		if (bw_pump(p, c, &s->out))
			p->host->watch_change(p, c->watch, 0);
		return;
	}
	if (!bw_drain(p, c, &s->in))
		return;
	s->retransmits_up += retransmitted(fd);
	bw_close(p, c);
	if (--s->in.open == 0)
		bw_report(p);
}

static void begin(struct sonde_probe *p)
{
	const struct bandwidth_args *a = p->args;
	struct bw_state *s = p->state;

	s->phase = UP;
	s->out.left = a->direction == BW_DOWN ? 0 : (uint64_t)a->size;
	s->out.until_ns = p->host->now(p) + a->duration;
	watch_streams(p, SONDE_WRITABLE);
}

/* ---- streams ---- */

static void on_stream_connected(struct sonde_probe *p, void *arg, int fd, unsigned events)
{
	const struct bandwidth_args *a = p->args;
	struct bw_state *s = p->state;
	struct bw_conn *c = arg;
	char line[BW_LINE];

	snprintf(line, sizeof(line), "SONDE-BW1 %s d %d\n", a->token, (int)(c - s->streams));
	p->host->watch_stop(p, c->watch);
	c->watch = p->host->watch_start(p, fd, 0, on_stream, c);
	if (!c->watch || !bw_say(c, line))
		bw_fail(p, SONDE_FAIL_CONNECT, "A data connection was not established.");
}

static void open_streams(struct sonde_probe *p)
{
	const struct bandwidth_args *a = p->args;
	struct bw_state *s = p->state;

	s->phase = STREAMS;
	for (unsigned i = 0; i < (unsigned)a->streams; i++) {
		if (bw_connect(p, &s->streams[i], on_stream_connected, &s->streams[i])) {
			bw_fail(p, SONDE_FAIL_CONNECT, "A data connection was not established.");
			return;
		}
	}
}

/* ---- control ---- */

static void on_line(struct sonde_probe *p, const char *line, int len)
{
	struct bw_state *s = p->state;

	if (len == 1 && *line == 'p') {
		answered(p);
		if (s->phase == IDLE && s->idle.count == IDLE_PINGS)
			open_streams(p);
		else if (s->phase == IDLE)
			ask_now(p);
	} else if (!strcmp(line, "ok") && s->phase == CONNECT) {
		s->phase = IDLE;
		ask(p, NULL);
	} else if (!strcmp(line, "go") && s->phase == STREAMS) {
		begin(p);
	} else if (s->phase == UP && bw_got_parse(line, (size_t)len, &s->got)) {
		turn_down(p);
	} else {
		bw_fail(p, SONDE_FAIL_PROTOCOL, "The receiver said what was not expected.");
	}
}

static void on_control(struct sonde_probe *p, void *arg, int fd, unsigned events)
{
	struct bw_state *s = p->state;
	char line[BW_LINE];
	int n;

	while (s->control.fd >= 0 && (n = bw_read_line(&s->control, line)) != 0) {
		if (n < 0) {
			bw_fail(p, SONDE_FAIL_PROTOCOL, s->phase == CONNECT ?
			        "The receiver refused the connection's token or address." :
			        "The receiver hung up during the test.");
			return;
		}
		on_line(p, line, n);
	}
}

static void retry_control(struct sonde_probe *p, int error)
{
	struct bw_state *s = p->state;
	char why[160];

	bw_close(p, &s->control);
	if (error == ECONNREFUSED && s->retries++ < RETRIES) {
		s->timer = p->host->timer_start(p, RETRY_NS, connect_control, NULL);
		return;
	}
	snprintf(why, sizeof(why), "The receiver was not reached: %s.", strerror(error));
	bw_fail(p, error == ECONNREFUSED ? SONDE_FAIL_REFUSED :
	        error == EHOSTUNREACH || error == ENETUNREACH ? SONDE_FAIL_UNREACHABLE :
	        SONDE_FAIL_CONNECT, why);
}

static void on_control_connected(struct sonde_probe *p, void *arg, int fd, unsigned events)
{
	const struct bandwidth_args *a = p->args;
	struct bw_state *s = p->state;
	char line[BW_LINE];
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len))
		error = errno;
	if (error) {
		retry_control(p, error);
		return;
	}
	snprintf(line, sizeof(line), "SONDE-BW1 %s c %" PRId64 " %" PRId64 " %" PRId64 " %d\n",
	         a->token, a->direction == BW_DOWN ? 0 : a->size,
	         a->direction == BW_UP ? 0 : a->size, a->duration / 1000000, (int)a->streams);
	p->host->watch_stop(p, s->control.watch);
	s->control.watch = p->host->watch_start(p, fd, SONDE_READABLE, on_control, NULL);
	if (!s->control.watch || !bw_say(&s->control, line))
		bw_fail(p, SONDE_FAIL_CONNECT, "The receiver hung up.");
}

static void connect_control(struct sonde_probe *p, void *arg)
{
	struct bw_state *s = p->state;

	s->timer = NULL;
	int error = bw_connect(p, &s->control, on_control_connected, NULL);
	if (error)
		retry_control(p, error);
}

void bw_send_start(struct sonde_probe *p)
{
	if (bw_chunk(p))
		connect_control(p, NULL);
	else
		bw_fail(p, SONDE_FAIL_OVERLOAD, "Out of memory.");
}
