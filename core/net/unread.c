/* SPDX-License-Identifier: Apache-2.0 */
/* What lws holds of answers whose peers do not read: each is dropped after STALL_S, and all
 * together have a limit, over which those that wait longest are closed first. Owns nothing; the
 * sessions are in a list from unread_add to unread_done. */
#include "net/private.h"

void unread_done(struct sonde_req *s)
{
	if (!s->unread_bytes)
		return;
	s->net->unread_bytes -= s->unread_bytes;
	s->unread_bytes = 0;
	link_remove(&s->unread);
}

void unread_tick(struct sonde_net *net)
{
	for (struct link *l = net->unread.next, *next; l != &net->unread; l = next) {
		struct sonde_req *s = LINK_OWNER(l, struct sonde_req, unread);
		next = l->next;
		if (!lws_partial_buffered(s->wsi))
			unread_done(s);
	}
}

static void make_room(struct sonde_net *net, const struct sonde_req *newest)
{
	unread_tick(net);
	while (net->unread_bytes > net->options.max_unread) {
		struct sonde_req *s = LINK_OWNER(net->unread.next, struct sonde_req, unread);
		if (s == newest)
			return;
		unread_done(s);
		net->counts.unread_closed++;
		lws_set_timeout(s->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
		net->kick = true;
	}
}

void unread_add(struct sonde_req *s, size_t len)
{
	struct sonde_net *net = s->net;

	unread_done(s);
	s->unread_bytes = len;
	net->unread_bytes += len;
	link_append(&net->unread, &s->unread);
	if (net->options.max_unread && net->unread_bytes > net->options.max_unread)
		make_room(net, s);
}
