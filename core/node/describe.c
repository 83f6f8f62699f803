/* SPDX-License-Identifier: Apache-2.0 */
/* Asking the runner what its plugins are, before the loop runs. Plugin code runs at dlopen, so that
 * what is printed is foreign: bounded in time and size, and checked to be one JSON object. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "node/child.h"
#include "node/spawn.h"

enum {
	DESCRIBE_MS = 10000,
	DESCRIBE_BYTES = 256 << 10,
};

/* Reads until the end, the limit or the deadline; SONDE_OK at the end. */
static int drain(int fd, struct sonde_buf *out)
{
	int64_t deadline = sonde_boottime_ns() + DESCRIBE_MS * SONDE_NS_PER_MS;

	for (;;) {
		int64_t left = (deadline - sonde_boottime_ns()) / SONDE_NS_PER_MS;
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int ready = left > 0 ? poll(&p, 1, (int)left) : 0;
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0)
			return SONDE_ETIMEOUT;
		char chunk[16384];
		ssize_t n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? SONDE_EIO : SONDE_OK;
		sonde_buf_add(out, chunk, n);
		if (out->failed || out->len > DESCRIBE_BYTES)
			return SONDE_ENOMEM;
	}
}

static int judge(int rc, int status, const struct sonde_buf *out, const char *runner,
                 struct sonde_error *e)
{
	char how[96];

	if (rc == SONDE_ETIMEOUT)
		return sonde_fail(e, rc, NULL, "%s --describe did not end within %d s", runner,
		                  DESCRIBE_MS / 1000);
	if (rc)
		return sonde_fail(e, rc, NULL, "%s --describe printed more than %d KiB", runner,
		                  DESCRIBE_BYTES >> 10);
	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		sonde_exit_phrase(status, how, sizeof(how));
		return sonde_fail(e, SONDE_EIO, NULL, "%s --describe %s", runner, how);
	}
	if (!sonde_json_valid(out->data, out->len, true))
		return sonde_fail(e, SONDE_EINVAL, NULL, "%s --describe printed no JSON object",
		                  runner);
	return SONDE_OK;
}

int sonde_describe(const struct sonde_child_options *o, struct sonde_buf *out,
                   struct sonde_error *e)
{
	const char *const argv[] = { o->runner, "--describe", "--plugins", o->plugins, NULL };
	int ends[2], status = 0;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return sonde_fail(e, SONDE_EIO, NULL, "cannot make a pipe: %s", strerror(errno));
	const struct sonde_spawn_fd fds[] = { { ends[1], STDOUT_FILENO }, { -1, -1 } };
	int rc = sonde_spawn(argv, fds, &pid, e);
	close(ends[1]);
	if (rc) {
		close(ends[0]);
		return rc;
	}
	rc = drain(ends[0], out);
	close(ends[0]);
	if (rc)
		kill(pid, SIGKILL);
	if (out->len && out->data[out->len - 1] == '\n')
		out->len--;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return judge(rc, status, out, o->runner, e);
}
