/* SPDX-License-Identifier: Apache-2.0 */
/* How long a client is waited for: its headers, the rest of a body, its next request. Each is a list
 * in the order of arrival, so that ten thousand that wait cost nothing; the timers of lws sit in one
 * sorted list that every new one walks, so they are switched off where these take their place.
 * Closing is dear in lws when there are many, so only some are closed in a turn of the loop, and
 * honest requests pass between. It is dearest for those without headers: lws walks all of them for
 * each. So there are about HEADLESS_MAX of them at most, and who comes then takes the place of the one
 * that has waited longest without sending any. Owns nothing. */
#include "net/private.h"

#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"

enum { CLOSE_AT_ONCE = 16, LATE_MS = 8, HEADLESS_MAX = 1024, HEADLESS_BURST = 8192, LOOK_AT = 16 };

static int64_t limit_ns(const struct sonde_net *net, enum wait what)
{
	static const unsigned seconds[WAITS] = { [WAIT_HEADERS] = HANDSHAKE_S, [WAIT_BODY] = BODY_S,
						 [WAIT_NEXT] = UINT32_MAX };
	unsigned idle = net->options.idle_timeout_s;

	return (int64_t)(idle < seconds[what] ? idle : seconds[what]) * SONDE_NS_PER_S;
}

void patience_init(struct sonde_net *net)
{
	for (int i = 0; i < WAITS; i++)
		link_init(&net->waits[i]);
	link_init(&net->fresh);
}

void patience_start(struct sonde_req *s, enum wait what)
{
	s->wait_ns = sonde_boottime_ns() + limit_ns(s->net, what);
	link_append(&s->net->waits[what], &s->wait);
}

void patience_stop(struct sonde_req *s)
{
	link_remove(&s->wait);
	link_remove(&s->fresh);
	s->net->headless -= s->headless;
	s->headless = false;
}

static void give_up(struct sonde_req *s, int when)
{
	patience_stop(s);
	lws_set_timeout(s->wsi, PENDING_TIMEOUT_USER_REASON_BASE, when);
}

/* lws arms its timer after the callback that tells of a connection. */
void patience_settle(struct sonde_net *net)
{
	while (!link_alone(&net->fresh)) {
		struct sonde_req *s = LINK_OWNER(net->fresh.next, struct sonde_req, fresh);
		link_remove(&s->fresh);
		lws_set_timeout(s->wsi, NO_PENDING_TIMEOUT, 0);
	}
}

/* lws accepts thousands before it reads: a whole head in the socket has only not had its turn. */
static bool has_head(const struct sonde_req *s)
{
	char text[HEADER_BYTES];
	ssize_t n = recv(lws_get_socket_fd(s->wsi), text, sizeof(text), MSG_PEEK | MSG_DONTWAIT);

	return n > 0 && memmem(text, (size_t)n, "\r\n\r\n", 4);
}

/* NULL when the first ones have only not had their turn, unless there are far too many. */
static struct sonde_req *least_promising(const struct sonde_net *net)
{
	const struct link *list = &net->waits[WAIT_HEADERS];
	struct link *l = list->next;

	for (int i = 0; i < LOOK_AT && l != list; i++, l = l->next)
		if (!has_head(LINK_OWNER(l, struct sonde_req, wait)))
			return LINK_OWNER(l, struct sonde_req, wait);
	return net->headless >= HEADLESS_BURST ? LINK_OWNER(list->next, struct sonde_req, wait) : NULL;
}

void patience_made(struct sonde_req *s)
{
	struct sonde_req *worst;

	patience_settle(s->net); /* thousands may come in one turn */
	/* Two for one that comes, so that a burst is made up for. */
	for (int i = 0; i < 2 && s->net->headless >= HEADLESS_MAX; i++) {
		worst = least_promising(s->net);
		if (!worst)
			break;
		s->net->counts.headless_closed++;
		/* At once: those that wait to be closed are walked, too. */
		give_up(worst, LWS_TO_KILL_SYNC);
	}
	patience_start(s, WAIT_HEADERS);
	s->headless = true;
	s->net->headless++;
	link_append(&s->net->fresh, &s->fresh);
}

/* The first of a list when its time is over. */
static struct sonde_req *first_due(struct link *list, int64_t now)
{
	struct sonde_req *s = LINK_OWNER(list->next, struct sonde_req, wait);

	return !link_alone(list) && s->wait_ns <= now ? s : NULL;
}

/* More when they are late: a loop that has no time for its timers must not have ever less. */
static unsigned how_many(const struct sonde_req *first, int64_t now)
{
	return CLOSE_AT_ONCE + (unsigned)((now - first->wait_ns) / SONDE_NS_PER_MS / LATE_MS);
}

bool patience_tick(struct sonde_net *net, int64_t now)
{
	struct sonde_req *s;
	unsigned closed = 0;

	for (int i = 0; i < WAITS; i++) {
		s = first_due(&net->waits[i], now);
		unsigned max = s ? closed + how_many(s, now) : 0;
		for (; closed < max && (s = first_due(&net->waits[i], now)); closed++)
			give_up(s, LWS_TO_KILL_ASYNC);
	}
	if (closed)
		net_wake(net);
	return closed > 0;
}
