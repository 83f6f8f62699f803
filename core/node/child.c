/* SPDX-License-Identifier: Apache-2.0 */
/* A runner process and its socket. Owns the pid until it is reaped, the socket, the blame page.
 *
 * The process can end before the last of its words was read, or close the socket and live on. So:
 * end of the stream, or a broken frame, kills; only the reaped process counts as gone, and what is
 * left in the socket is read before `gone` is called. The page is read with pread, never mapped: a
 * runner that shrinks it must not be able to fault the node. */
#include "node/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "node/spawn.h"

enum {
	CHILD_FD = 3,
	BLAME_FD = 4,
	IN_MAX = SONDE_MSG_MAX + (1 << 20),
	OUT_MAX = 32 << 20,
	CHUNK = 64 << 10,
};

struct sonde_child {
	pid_t pid; /* 0 once reaped */
	int blame_fd, status;
	uv_pipe_t pipe;
	uv_signal_t signal;
	struct sonde_decoder *decoder;
	struct sonde_buf in;
	struct sonde_child_events events;
	void *arg;
	bool dead;   /* kill sent: nothing more is sent */
	bool broken; /* it said what is no message: nothing more of it is believed */
	unsigned handles;
	char chunk[CHUNK];
};

struct write {
	uv_write_t req;
	struct sonde_buf bytes;
};

void sonde_child_kill(struct sonde_child *c)
{
	c->dead = true;
	if (c->pid)
		kill(c->pid, SIGKILL);
}

static void parse(struct sonde_child *c)
{
	struct sonde_error e;
	struct sonde_msg m;
	size_t at = 0, len;
	char *text;
	int rc;

	while ((rc = sonde_frame_next(&c->in, &at, &text, &len)) == 1) {
		if (sonde_msg_decode(c->decoder, text, len, &m, &e)) {
			sonde_log(SONDE_LOG_ERROR, "runner", "broken message: %s %s", e.path, e.text);
			rc = SONDE_EINVAL;
			break;
		}
		c->events.message(c, c->arg, &m);
	}
	sonde_buf_shift(&c->in, at);
	c->broken |= rc < 0;
}

static void take_bytes(struct sonde_child *c, size_t n)
{
	if (c->broken)
		return;
	sonde_buf_add(&c->in, c->chunk, n);
	c->broken |= c->in.failed;
	if (!c->broken)
		parse(c);
	if (c->broken)
		sonde_child_kill(c);
}

static void on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *out)
{
	struct sonde_child *c = handle->data;

	*out = uv_buf_init(c->chunk, sizeof(c->chunk));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes)
{
	struct sonde_child *c = stream->data;

	if (n > 0)
		take_bytes(c, n);
	if (n < 0) {
		uv_read_stop(stream);
		sonde_child_kill(c);
	}
}

static void on_closed(uv_handle_t *handle)
{
	struct sonde_child *c = handle->data;

	if (--c->handles)
		return;
	sonde_decoder_free(c->decoder);
	sonde_buf_deinit(&c->in);
	if (c->blame_fd >= 0)
		close(c->blame_fd);
	free(c);
}

static void close_handles(struct sonde_child *c)
{
	uv_close((uv_handle_t *)&c->pipe, on_closed);
	uv_close((uv_handle_t *)&c->signal, on_closed);
}

static void read_rest(struct sonde_child *c)
{
	uv_os_fd_t fd;
	ssize_t n;

	uv_read_stop((uv_stream_t *)&c->pipe);
	if (uv_fileno((uv_handle_t *)&c->pipe, &fd))
		return;
	while ((n = recv(fd, c->chunk, sizeof(c->chunk), MSG_DONTWAIT)) > 0 ||
	       (n < 0 && errno == EINTR))
		if (n > 0)
			take_bytes(c, n);
}

static void on_sigchld(uv_signal_t *signal, int number)
{
	struct sonde_child *c = signal->data;
	struct sonde_blame blame = { 0 };
	char how[96];

	if (!c->pid || waitpid(c->pid, &c->status, WNOHANG) != c->pid)
		return;
	c->pid = 0;
	c->dead = true;
	read_rest(c);
	if (pread(c->blame_fd, &blame, sizeof(blame), 0) != sizeof(blame))
		memset(&blame, 0, sizeof(blame));
	sonde_exit_phrase(c->status, how, sizeof(how));
	close_handles(c);
	c->events.gone(c, c->arg, how, &blame);
}

static void on_written(uv_write_t *req, int status)
{
	struct write *w = (struct write *)req;

	sonde_buf_deinit(&w->bytes);
	free(w);
}

int sonde_child_send(struct sonde_child *c, const struct sonde_msg *m)
{
	uv_stream_t *stream = (uv_stream_t *)&c->pipe;

	if (c->dead)
		return SONDE_EGONE;
	if (uv_stream_get_write_queue_size(stream) > OUT_MAX)
		return SONDE_EFULL;
	struct write *w = calloc(1, sizeof(*w));
	if (!w)
		return SONDE_ENOMEM;
	sonde_buf_init(&w->bytes, SONDE_FRAME_HEAD + SONDE_MSG_MAX);
	sonde_frame_encode(&w->bytes, m);
	uv_buf_t bytes = uv_buf_init(w->bytes.data, w->bytes.len);
	int rc = w->bytes.failed                                     ? SONDE_ENOMEM :
	         uv_write(&w->req, stream, &bytes, 1, on_written) ? SONDE_EGONE :
	                                                               SONDE_OK;
	if (rc) {
		sonde_buf_deinit(&w->bytes);
		free(w);
	}
	return rc;
}

static int spawn(struct sonde_child *c, const struct sonde_child_options *o, int theirs,
                 struct sonde_error *e)
{
	char concurrency[16], bits[24];
	const char *const argv[] = {
		o->runner, "--plugins", o->plugins, "--fd", "3", "--blame-fd", "4",
		"--guard-allow", o->allow ? o->allow : "", "--guard-deny", o->deny ? o->deny : "",
		"--guard-own", o->own ? o->own : "", "--guard-only", o->only ? o->only : "",
		"--bits-per-second", bits, "--concurrency", concurrency, NULL,
	};
	const struct sonde_spawn_fd fds[] = {
		{ theirs, CHILD_FD }, { c->blame_fd, BLAME_FD }, { -1, -1 }
	};

	snprintf(concurrency, sizeof(concurrency), "%u", o->concurrency);
	snprintf(bits, sizeof(bits), "%lld", (long long)o->bits_per_second);
	return sonde_spawn(argv, fds, &c->pid, e);
}

/* The handles' memory belongs to the loop from here on, so that failure closes them, too. */
static int begin(struct sonde_child *c, const struct sonde_child_options *o,
                 struct sonde_error *e)
{
	int ends[2];

	c->blame_fd = memfd_create("sonde-blame", MFD_CLOEXEC);
	if (c->blame_fd < 0 || ftruncate(c->blame_fd, sysconf(_SC_PAGESIZE)))
		return sonde_fail(e, SONDE_EIO, NULL, "cannot make a page: %s", strerror(errno));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return sonde_fail(e, SONDE_EIO, NULL, "cannot make a socket: %s", strerror(errno));
	/* Listening first: a child that dies at once must not be missed. */
	int bad = uv_signal_start(&c->signal, on_sigchld, SIGCHLD);
	int rc = bad ? SONDE_EIO : spawn(c, o, ends[1], e);
	close(ends[1]);
	if (!bad && !rc)
		bad = uv_pipe_open(&c->pipe, ends[0]);
	if (bad || rc)
		close(ends[0]);
	if (!bad && !rc)
		bad = uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read);
	if (bad)
		rc = sonde_fail(e, SONDE_EIO, NULL, "cannot watch the runner: %s", uv_strerror(bad));
	return rc;
}

int sonde_child_start(uv_loop_t *loop, const struct sonde_child_options *o,
                      const struct sonde_child_events *events, void *arg, struct sonde_child **out,
                      struct sonde_error *e)
{
	struct sonde_child *c = calloc(1, sizeof(*c));

	if (!c || sonde_decoder_new(&c->decoder)) {
		free(c);
		return sonde_fail(e, SONDE_ENOMEM, NULL, "out of memory");
	}
	c->blame_fd = -1;
	c->events = *events;
	c->arg = arg;
	c->handles = 2;
	sonde_buf_init(&c->in, IN_MAX);
	uv_pipe_init(loop, &c->pipe, 0);
	uv_signal_init(loop, &c->signal);
	c->pipe.data = c->signal.data = c;
	int rc = begin(c, o, e);
	if (rc) {
		if (c->pid) {
			kill(c->pid, SIGKILL);
			waitpid(c->pid, NULL, 0);
		}
		close_handles(c);
		return rc;
	}
	*out = c;
	return SONDE_OK;
}
