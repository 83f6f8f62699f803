/* SPDX-License-Identifier: Apache-2.0 */
/* A netlink socket in the groups of addresses and routes. What the messages say is not read: that
 * something changed is enough, and a lost message says the same. Owns the socket and two handles. */
#include "node/netwatch.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/status.h"

struct sonde_netwatch {
	uv_poll_t poll;
	uv_timer_t quiet;
	int fd;
	unsigned open; /* handles */
	void (*changed)(void *arg);
	void *arg;
};

static void on_quiet(uv_timer_t *timer)
{
	struct sonde_netwatch *w = timer->data;

	w->changed(w->arg);
}

static void on_news(uv_poll_t *poll, int status, int events)
{
	struct sonde_netwatch *w = poll->data;
	char chunk[8192];

	(void)status;
	(void)events;
	/* A router's table may change without end: the rest is read in the next round. */
	for (int i = 0; i < 64 && recv(w->fd, chunk, sizeof(chunk), MSG_DONTWAIT) > 0; i++)
		;
	if (!uv_is_active((uv_handle_t *)&w->quiet))
		uv_timer_start(&w->quiet, on_quiet, SONDE_NETWATCH_QUIET_MS, 0);
}

static int open_socket(void)
{
	struct sockaddr_nl at = { .nl_family = AF_NETLINK,
		                  .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
		                               RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static void on_closed(uv_handle_t *handle)
{
	struct sonde_netwatch *w = handle->data;

	if (--w->open)
		return;
	close(w->fd);
	free(w);
}

int sonde_netwatch_new(uv_loop_t *loop, void (*changed)(void *arg), void *arg,
                       struct sonde_netwatch **out)
{
	struct sonde_netwatch *w = calloc(1, sizeof(*w));
	int fd = w ? open_socket() : -1;

	if (fd < 0 || uv_poll_init(loop, &w->poll, fd)) {
		if (fd >= 0)
			close(fd);
		free(w);
		return SONDE_EIO;
	}
	w->fd = fd;
	w->open = 2;
	w->changed = changed;
	w->arg = arg;
	uv_timer_init(loop, &w->quiet);
	w->poll.data = w->quiet.data = w;
	uv_poll_start(&w->poll, UV_READABLE, on_news);
	*out = w;
	return SONDE_OK;
}

void sonde_netwatch_close(struct sonde_netwatch *w)
{
	if (!w)
		return;
	uv_close((uv_handle_t *)&w->poll, on_closed);
	uv_close((uv_handle_t *)&w->quiet, on_closed);
}
