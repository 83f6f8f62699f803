/* SPDX-License-Identifier: Apache-2.0 */
/* Connections and bulk data. No byte is copied in this process: what is received is counted and
 * dropped by the kernel (MSG_TRUNC), what is sent goes from a file in memory (sendfile). It is
 * random, so that nothing on the way can compress it. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bandwidth.h"

void bw_close(struct sonde_probe *p, struct bw_conn *c)
{
	if (c->watch)
		p->host->watch_stop(p, c->watch);
	if (c->fd >= 0)
		close(c->fd);
	memset(c, 0, sizeof(*c));
	c->fd = -1;
}

void bw_close_all(struct sonde_probe *p)
{
	struct bw_state *s = p->state;

	bw_close(p, &s->listener);
	bw_close(p, &s->control);
	for (unsigned i = 0; i < BW_STREAMS; i++)
		bw_close(p, &s->streams[i]);
	for (unsigned i = 0; i < BW_STREAMS + 2; i++)
		bw_close(p, &s->callers[i]);
	if (s->file >= 0)
		close(s->file);
	s->file = -1;
}

void bw_fail(struct sonde_probe *p, enum sonde_failure failure, const char *why)
{
	bw_close_all(p);
	p->host->done(p, failure, why);
}

int bw_connect(struct sonde_probe *p, struct bw_conn *c, sonde_watch_fn *fn, void *arg)
{
	struct bw_state *s = p->state;
	int one = 1;
	int fd = p->host->socket(p, s->peer.sa.ss_family, SOCK_STREAM, 0, NULL);

	if (fd < 0)
		return -fd;
	c->fd = fd;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, (const struct sockaddr *)&s->peer.sa, s->peer.len) && errno != EINPROGRESS)
		return errno;
	c->watch = p->host->watch_start(p, fd, SONDE_WRITABLE | SONDE_ERRQUEUE, fn, arg);
	return c->watch ? 0 : ENOMEM;
}

static bool fill(int fd, char *chunk, uint64_t x)
{
	for (size_t i = 0; i < BW_CHUNK; i += sizeof(x)) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy(chunk + i, &x, sizeof(x));
	}
	return write(fd, chunk, BW_CHUNK) == BW_CHUNK;
}

bool bw_chunk(struct sonde_probe *p)
{
	struct bw_state *s = p->state;

	s->chunk = p->host->alloc(p, BW_CHUNK);
	s->file = memfd_create("bandwidth", MFD_CLOEXEC);
	return s->chunk && s->file >= 0 && fill(s->file, s->chunk, p->host->random(p) | 1);
}

static void end_sending(struct bw_conn *c)
{
	shutdown(c->fd, SHUT_WR);
	c->sent_all = true;
}

bool bw_pump(struct sonde_probe *p, struct bw_conn *c, struct bw_flow *f)
{
	struct bw_state *s = p->state;

	if (c->sent_all)
		return false;
	for (size_t sent = 0; f->left && sent < BW_AT_ONCE;) {
		if (p->host->now(p) >= f->until_ns) {
			f->left = 0;
			break;
		}
		off_t from = 0;
		ssize_t n = sendfile(c->fd, s->file, &from, f->left < BW_CHUNK ? f->left : BW_CHUNK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return false;
		if (n < 0)
			f->left = 0; /* the other side hung up; what came is told by it, or nothing is */
		else
			f->left -= (uint64_t)n;
		sent += n > 0 ? (size_t)n : 0;
	}
	if (f->left)
		return false;
	end_sending(c);
	return true;
}

/* A fast path would wake us for every few packets. Slow ones keep their fine samples, and the end of
 * the stream wakes in any case. */
static void wake_less(struct bw_conn *c, const struct bw_flow *f)
{
	const int bytes = 512 << 10;

	if (c->lazy || f->meter.bytes < (64 << 20))
		return;
	c->lazy = true;
	setsockopt(c->fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof(bytes));
}

bool bw_drain(struct sonde_probe *p, struct bw_conn *c, struct bw_flow *f)
{
	struct bw_state *s = p->state;

	for (size_t got = 0; got < BW_AT_ONCE;) {
		ssize_t n = recv(c->fd, s->chunk, BW_CHUNK, MSG_TRUNC | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return false;
		if (n <= 0) {
			c->got_all = true;
			return true;
		}
		rate_meter_add(&f->meter, p->host->now(p), (size_t)n);
		wake_less(c, f);
		got += (size_t)n;
	}
	return false;
}

bool bw_say(struct bw_conn *c, const char *text)
{
	size_t len = strlen(text);

	return c->fd >= 0 && send(c->fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len;
}

/* The first message of the buffer, cut out of it: its length, 0 when none is whole. */
static int cut(struct bw_conn *c, char out[BW_LINE])
{
	const char *end = memchr(c->line, '\n', c->len);
	unsigned len = c->len && c->line[0] == 'p' ? 1 : end ? (unsigned)(end - c->line) : 0;

	if (!len)
		return 0;
	memcpy(out, c->line, len);
	out[len] = '\0';
	unsigned gone = out[0] == 'p' ? 1 : len + 1;
	c->len -= gone;
	memmove(c->line, c->line + gone, c->len);
	return (int)len;
}

int bw_read_line(struct bw_conn *c, char out[BW_LINE])
{
	int len = cut(c, out);

	if (len)
		return len;
	if (c->len == BW_LINE || c->line[0] == '\n')
		return -1;
	ssize_t n = recv(c->fd, c->line + c->len, BW_LINE - c->len, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return -1;
	c->len += (unsigned)n;
	return cut(c, out);
}
