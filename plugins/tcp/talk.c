/* SPDX-License-Identifier: Apache-2.0 */
/* TLS and the dialogue on one connection: moves bytes between the socket, TLS and tcp/dialogue.h
 * until all is said, the server does otherwise, or the time is over. What a server may say is
 * bounded by the dialogue, what is done at one event by STEPS. Owns the socket and the TLS state;
 * memory of the run is the host's. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tcp/tcp.h"
#include "connect/errno.h"

enum { STEPS = 64 };
/* A greeting without an end, as of binary protocols, is taken as it is after this time. */
#define GREETING_NS INT64_C(500000000)

enum io { IO_DONE, IO_READ, IO_WRITE, IO_CLOSED, IO_BROKEN };

static struct tcp_talk *talk_of(struct sonde_probe *p)
{
	struct tcp_state *s = p->state;
	return &s->talk;
}

bool tcp_wants_talk(const struct tcp_args *a)
{
	return a->tls || a->banner || (a->dialogue && *a->dialogue);
}

void tcp_talk_close(struct sonde_probe *p)
{
	struct tcp_talk *t = talk_of(p);

	if (t->stage == TCP_TALK_NONE)
		return;
	if (t->timer)
		p->host->timer_stop(p, t->timer);
	if (t->watch)
		p->host->watch_stop(p, t->watch);
	tls_free(t->tls);
	if (t->fd >= 0)
		close(t->fd);
	t->timer = NULL;
	t->watch = NULL;
	t->tls = NULL;
	t->fd = -1;
}

static void over(struct sonde_probe *p, enum sonde_failure failure, const char *why)
{
	struct tcp_state *s = p->state;
	struct tcp_talk *t = &s->talk;

	t->stage = TCP_TALK_OVER;
	t->failure = failure;
	if (failure)
		snprintf(t->why, sizeof(t->why), "%s port %d: %s", s->series.address,
		         s->series.port, why);
	tcp_talk_close(p);
	tcp_print_talk(p);
}

void tcp_talk_abort(struct sonde_probe *p, enum sonde_failure failure, const char *why)
{
	const struct tcp_talk *t = talk_of(p);

	if (t->stage != TCP_TALK_NONE && t->stage != TCP_TALK_OVER)
		over(p, failure, why);
}

/* Where the dialogue stands, for a sentence. */
static const char *place(struct sonde_probe *p, char *out, size_t cap)
{
	const struct tcp_state *s = p->state;
	const struct tcp_talk *t = &s->talk;
	const struct tcp_args *a = p->args;

	if (t->stage == TCP_TALK_HANDSHAKE)
		snprintf(out, cap, "during the TLS handshake");
	else if (!a->dialogue || !*a->dialogue)
		snprintf(out, cap, "before the banner");
	else
		snprintf(out, cap, "at step %u (%s)", t->run->step + 1,
		         dialogue_kind_name(s->dialogue.steps[t->run->step].kind));
	return out;
}

static void fail_at(struct sonde_probe *p, enum sonde_failure failure, const char *what)
{
	char where[64], why[200];

	snprintf(why, sizeof(why), "%s %s", what, place(p, where, sizeof(where)));
	over(p, failure, why);
}

/* Bytes. */

static enum io io_of(enum tls_want want)
{
	static const enum io map[] = {
		[TLS_OVER] = IO_DONE, [TLS_WANTS_READ] = IO_READ, [TLS_WANTS_WRITE] = IO_WRITE,
		[TLS_CLOSED] = IO_CLOSED, [TLS_BROKEN] = IO_BROKEN,
	};
	return map[want];
}

static enum io read_some(struct tcp_talk *t, void *buf, size_t cap, size_t *done)
{
	if (t->tls)
		return io_of(tls_read(t->tls, buf, cap, done));
	ssize_t n = recv(t->fd, buf, cap, 0);
	*done = n > 0 ? (size_t)n : 0;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? IO_READ : IO_BROKEN;
	return n ? IO_DONE : IO_CLOSED;
}

static enum io write_some(struct tcp_talk *t, const void *buf, size_t len, size_t *done)
{
	if (t->tls)
		return io_of(tls_write(t->tls, buf, len, done));
	ssize_t n = send(t->fd, buf, len, MSG_NOSIGNAL);
	*done = n > 0 ? (size_t)n : 0;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? IO_WRITE : IO_BROKEN;
	return IO_DONE;
}

static void broken(struct sonde_probe *p)
{
	const struct tcp_talk *t = talk_of(p);

	fail_at(p, SONDE_FAIL_PROTOCOL, t->tls ? tls_why(t->tls) : sonde_errno_phrase(errno));
}

/* One step each; true to go on at once, false to wait for *events or when it is over. */

static bool go_handshake(struct sonde_probe *p, unsigned *events)
{
	struct tcp_state *s = p->state;
	struct tcp_talk *t = &s->talk;
	const struct tcp_args *a = p->args;
	enum tls_want want = tls_handshake(t->tls);

	*events = want == TLS_WANTS_WRITE ? SONDE_WRITABLE : SONDE_READABLE;
	if (want == TLS_WANTS_READ || want == TLS_WANTS_WRITE)
		return false;
	if (want != TLS_OVER) {
		fail_at(p, SONDE_FAIL_TLS, tls_why(t->tls));
		return false;
	}
	t->tls_ns = p->host->now(p) - t->tls_started;
	t->secured = true;
	tls_learn(t->tls, t->name, &t->facts);
	if (a->verify && !t->facts.authorized) {
		char why[160];
		snprintf(why, sizeof(why), "%s (%s)", t->facts.error, t->facts.phrase);
		over(p, SONDE_FAIL_TLS, why);
		return false;
	}
	t->stage = TCP_TALK_DIALOGUE;
	if (t->run && t->run->step < s->dialogue.count &&
	    s->dialogue.steps[t->run->step].kind == DIALOGUE_STARTTLS)
		dialogue_secured(t->run, p->host->now(p));
	return true;
}

static bool begin_tls(struct sonde_probe *p)
{
	struct tcp_talk *t = talk_of(p);
	const struct tcp_args *a = p->args;

	t->stage = TCP_TALK_HANDSHAKE;
	t->tls = tls_new(t->fd, &(struct tls_options){ .name = t->name, .ca = a->ca });
	t->tls_started = p->host->now(p); /* the first one of a process reads the trust store */
	if (!t->tls)
		over(p, SONDE_FAIL_INTERNAL, "TLS could not be set up");
	return t->tls != NULL;
}

static bool go_send(struct sonde_probe *p, unsigned *events)
{
	struct tcp_talk *t = talk_of(p);
	size_t done = 0;
	enum io io = write_some(t, t->run->out + t->sent, t->run->out_len - t->sent, &done);

	*events = io == IO_READ ? SONDE_READABLE : SONDE_WRITABLE;
	if (io == IO_READ || io == IO_WRITE)
		return false;
	if (io != IO_DONE) {
		broken(p);
		return false;
	}
	t->sent += done;
	if (t->sent == t->run->out_len) {
		dialogue_sent(t->run, p->host->now(p));
		t->sent = 0;
	}
	return true;
}

static void on_late(struct sonde_probe *p, void *arg);

static bool go_read(struct sonde_probe *p, unsigned *events)
{
	struct tcp_talk *t = talk_of(p);
	const struct tcp_args *a = p->args;
	uint8_t buf[DIALOGUE_LINE_MAX];
	bool first = !t->run->read;
	size_t done = 0;
	enum io io = read_some(t, buf, dialogue_room(t->run), &done);

	*events = io == IO_WRITE ? SONDE_WRITABLE : SONDE_READABLE;
	if (io == IO_READ || io == IO_WRITE)
		return false;
	if (io == IO_BROKEN) {
		broken(p);
		return false;
	}
	dialogue_feed(t->run, buf, io == IO_CLOSED ? 0 : done);
	int64_t left = t->started + a->talk_wait - p->host->now(p);
	if (a->banner && first && left > GREETING_NS) {
		p->host->timer_stop(p, t->timer);
		t->timer = p->host->timer_start(p, GREETING_NS, on_late, NULL);
	}
	return true;
}

static void end_unmet(struct sonde_probe *p, enum dialogue_want want)
{
	static const struct {
		enum sonde_failure failure;
		const char *what;
	} ends[] = {
		[DIALOGUE_UNMET] = { SONDE_FAIL_ASSERTION, "the server closed the connection" },
		[DIALOGUE_TOO_MUCH] = { SONDE_FAIL_ASSERTION, "the server said too much" },
		[DIALOGUE_TOO_HARD] = { SONDE_FAIL_ASSERTION, "matching took too many steps" },
		[DIALOGUE_TOO_EARLY] = { SONDE_FAIL_PROTOCOL,
			                 "the server spoke on before TLS began" },
	};
	struct tcp_talk *t = talk_of(p);
	const struct tcp_args *a = p->args;

	dialogue_greet(t->run);
	if (a->banner && t->run->greeted)
		over(p, SONDE_FAIL_NONE, NULL);
	else
		fail_at(p, ends[want].failure, ends[want].what);
}

static bool go_dialogue(struct sonde_probe *p, unsigned *events)
{
	struct tcp_state *s = p->state;
	struct tcp_talk *t = &s->talk;
	enum dialogue_want want =
		t->run ? dialogue_go(&s->dialogue, t->run, p->host->now(p)) : DIALOGUE_OVER;

	switch (want) {
	case DIALOGUE_OVER:
		over(p, SONDE_FAIL_NONE, NULL);
		return false;
	case DIALOGUE_WANTS_SEND:
		return go_send(p, events);
	case DIALOGUE_WANTS_READ:
		return go_read(p, events);
	case DIALOGUE_WANTS_TLS:
		return begin_tls(p);
	default:
		end_unmet(p, want);
		return false;
	}
}

static void go(struct sonde_probe *p)
{
	struct tcp_talk *t = talk_of(p);
	unsigned events = SONDE_READABLE;
	bool more = true;

	for (int i = 0; more && i < STEPS; i++)
		more = t->stage == TCP_TALK_HANDSHAKE ? go_handshake(p, &events)
		                                      : go_dialogue(p, &events);
	if (t->stage == TCP_TALK_OVER)
		return;
	/* Others are served first; TLS may hold bytes that the socket does not show. */
	if (more)
		events = SONDE_READABLE | SONDE_WRITABLE;
	if (events != t->events)
		p->host->watch_change(p, t->watch, events);
	t->events = events;
}

static void on_event(struct sonde_probe *p, void *arg, int fd, unsigned events)
{
	const struct tcp_talk *t = talk_of(p);

	if (t->stage == TCP_TALK_OVER)
		return;
	go(p);
	tcp_end_when_over(p);
}

static void on_late(struct sonde_probe *p, void *arg)
{
	struct tcp_talk *t = talk_of(p);
	const struct tcp_args *a = p->args;

	t->timer = NULL;
	if (t->stage == TCP_TALK_OVER)
		return;
	if (a->banner && t->run->in_len)
		end_unmet(p, DIALOGUE_UNMET);
	else
		fail_at(p, SONDE_FAIL_TIMEOUT, "the time was over");
	tcp_end_when_over(p);
}

/* A name is asked for without the dot of the root and an address without brackets. */
static void set_name(struct tcp_talk *t, const char *name)
{
	size_t len = strlen(name);

	if (len > 1 && name[0] == '[' && name[len - 1] == ']') {
		name++;
		len -= 2;
	} else if (len > 1 && name[len - 1] == '.') {
		len--;
	}
	snprintf(t->name, sizeof(t->name), "%.*s", (int)len, name);
}

void tcp_talk_start(struct sonde_probe *p, int fd)
{
	struct tcp_state *s = p->state;
	struct tcp_talk *t = &s->talk;
	const struct tcp_args *a = p->args;

	t->stage = TCP_TALK_DIALOGUE;
	t->fd = fd;
	t->started = p->host->now(p);
	t->events = SONDE_READABLE;
	set_name(t, a->server_name && *a->server_name ? a->server_name : p->target);
	t->watch = p->host->watch_start(p, fd, t->events, on_event, NULL);
	t->timer = p->host->timer_start(p, a->talk_wait, on_late, NULL);
	if (s->dialogue.count)
		t->run = p->host->alloc(p, sizeof(*t->run));
	if (!t->watch || !t->timer || (s->dialogue.count && !t->run)) {
		over(p, SONDE_FAIL_OVERLOAD, "the probe's memory limit is too small");
		return;
	}
	if (t->run)
		dialogue_begin(t->run);
	if (!a->tls || begin_tls(p))
		go(p);
}
