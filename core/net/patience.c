/* SPDX-License-Identifier: Apache-2.0 */
/* How long a client is waited for: its headers, the rest of a body, its next request. Each is a list
 * in the order of arrival, so that ten thousand that wait cost nothing; the timers of lws sit in one
 * sorted list that every new one walks, so they are switched off where these take their place.
 * Closing is dear in lws when there are many, so only some are closed in a turn of the loop, and
 * honest requests pass between. Owns nothing. */
#include "net/private.h"

#include "base/clock.h"

enum { CLOSE_AT_ONCE = 16 };

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

void patience_made(struct sonde_req *s)
{
	patience_settle(s->net); /* thousands may come in one turn */
	patience_start(s, WAIT_HEADERS);
	link_append(&s->net->fresh, &s->fresh);
}

/* The first of a list when its time is over. */
static struct sonde_req *first_due(struct link *list, int64_t now)
{
	struct sonde_req *s = LINK_OWNER(list->next, struct sonde_req, wait);

	return !link_alone(list) && s->wait_ns <= now ? s : NULL;
}

bool patience_tick(struct sonde_net *net, int64_t now)
{
	struct sonde_req *s;
	unsigned closed = 0;

	for (int i = 0; i < WAITS; i++) {
		for (; closed < CLOSE_AT_ONCE && (s = first_due(&net->waits[i], now)); closed++) {
			patience_stop(s);
			lws_set_timeout(s->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
		}
	}
	if (closed)
		net_wake(net);
	return closed == CLOSE_AT_ONCE;
}
