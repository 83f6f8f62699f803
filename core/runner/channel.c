/* SPDX-License-Identifier: Apache-2.0 */
/* The stream to the node: bytes in and out, many frames to one system call. Owns both buffers,
 * not the descriptor. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fault.h"
#include "runner/runner.h"

enum { READ_AT_ONCE = 64 << 10 };

void sonde_channel_init(struct sonde_channel *c, int fd)
{
	int flags = fcntl(fd, F_GETFL);

	*c = (struct sonde_channel){ .fd = fd };
	if (flags >= 0)
		fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	sonde_buf_init(&c->in, SONDE_MSG_MAX + SONDE_FRAME_HEAD + READ_AT_ONCE);
	sonde_buf_init(&c->out, SONDE_OUT_MAX);
}

void sonde_channel_deinit(struct sonde_channel *c)
{
	sonde_buf_deinit(&c->in);
	sonde_buf_deinit(&c->out);
}

size_t sonde_channel_unsent(const struct sonde_channel *c)
{
	return c->out.len - c->sent;
}

static void forget_sent(struct sonde_channel *c)
{
	sonde_buf_shift(&c->out, c->sent);
	c->sent = 0;
}

bool sonde_channel_put(struct sonde_channel *c, const struct sonde_msg *m)
{
	if (c->sent > c->out.len / 2)
		forget_sent(c);
	size_t before = c->out.len;
	sonde_frame_encode(&c->out, m);
	if (!c->out.failed)
		return true;
	c->out.failed = false;
	c->out.len = before;
	return false;
}

bool sonde_channel_read(struct sonde_channel *c)
{
	char *room = sonde_buf_reserve(&c->in, READ_AT_ONCE);

	if (!room)
		return false;
	ssize_t n = read(c->fd, room, READ_AT_ONCE);
	if (n > 0)
		c->in.len += (size_t)n;
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

bool sonde_channel_write(struct sonde_channel *c)
{
	while (sonde_channel_unsent(c)) {
		ssize_t n = send(c->fd, c->out.data + c->sent, sonde_channel_unsent(c), MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		c->sent += (size_t)n;
		SONDE_EDGE("runner.result_written");
	}
	forget_sent(c);
	return true;
}
