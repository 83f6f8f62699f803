/* SPDX-License-Identifier: Apache-2.0 */
/* See pace.h. Owns nothing: held watches are the probes'. What is no TCP connection is let through:
 * datagrams are limited by the packets that the node lets probes start with. */
#include "runner/pace.h"

#include <sys/socket.h>

#include "base/clock.h"
#include "runner/probe.h"

enum { BUFFER_MIN = 16 << 10, BUFFER_MAX = 256 << 10, SLICE_MS = 50 };

void sonde_pace_init(struct sonde_pace *p, struct sonde_poller *poller, int64_t bits_per_s)
{
	*p = (struct sonde_pace){ .poller = poller, .bits_per_s = bits_per_s };
}

void sonde_pace_socket(const struct sonde_pace *p, int fd, int type)
{
	int64_t bytes = p->bits_per_s / 8 * SLICE_MS / 1000;
	int size = (int)(bytes < BUFFER_MIN ? BUFFER_MIN : bytes > BUFFER_MAX ? BUFFER_MAX : bytes);

	if (!p->bits_per_s || fd < 0 || (type & 0xf) != SOCK_STREAM)
		return;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

static void pay_off(struct sonde_pace *p)
{
	int64_t now = sonde_boottime_ns();

	p->owed -= (double)p->bits_per_s / 8 * (double)(now - p->at_ns) / (double)SONDE_NS_PER_S;
	p->at_ns = now;
	if (p->owed < 0)
		p->owed = 0;
}

static void let_go(struct sonde_alarm *alarm)
{
	struct sonde_pace *p = (struct sonde_pace *)((char *)alarm - offsetof(struct sonde_pace, alarm));
	struct sonde_watch *w = p->held, *next;

	p->held = NULL;
	for (; w; w = next) {
		next = w->held_next;
		w->held = false;
		sonde_poller_change(p->poller, &w->watch, w->held_events);
	}
}

static bool count(struct sonde_pace *p, struct sonde_watch *w)
{
	uint64_t bytes;

	if (!p->bits_per_s || !sonde_pace_moved(w->watch.fd, &bytes))
		return false;
	pay_off(p);
	if (bytes > w->moved)
		p->owed += (double)(bytes - w->moved);
	w->moved = bytes;
	return true;
}

int64_t sonde_pace_paid_at(struct sonde_pace *p, struct sonde_watch *w)
{
	if (!count(p, w))
		return 0;
	double rate = (double)p->bits_per_s / 8;
	if (p->owed <= rate * SLICE_MS / 1000)
		return 0;
	return p->at_ns + (int64_t)(p->owed / rate * (double)SONDE_NS_PER_S);
}

bool sonde_pace_holds(struct sonde_pace *p, struct sonde_watch *w)
{
	int64_t paid = sonde_pace_paid_at(p, w);
	unsigned events = w->watch.events;

	if (!paid)
		return false;
	if (sonde_poller_alarm(p->poller, &p->alarm, paid, let_go) ||
	    sonde_poller_change(p->poller, &w->watch, 0))
		return false;
	w->held = true;
	w->held_events = events;
	w->held_next = p->held;
	p->held = w;
	return true;
}

void sonde_pace_change(struct sonde_watch *w, unsigned events)
{
	w->held_events = events;
}

void sonde_pace_forget(struct sonde_pace *p, struct sonde_watch *w)
{
	struct sonde_watch **at = &p->held;

	count(p, w);
	if (!w->held)
		return;
	while (*at != w)
		at = &(*at)->held_next;
	*at = w->held_next;
	w->held = false;
}
