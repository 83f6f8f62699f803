/* SPDX-License-Identifier: Apache-2.0 */
/* The child that describes plugins. Plugin code runs in it, so that it is bounded in time and in
 * what it prints. Owns the pipe and the child, which never outlives the call. */
#include "controller/describe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

enum { PATIENCE_S = 30 };

static int read_all(int fd, struct sonde_buf *b)
{
	int64_t deadline = sonde_boottime_ns() + PATIENCE_S * SONDE_NS_PER_S;

	for (;;) {
		int64_t left = (deadline - sonde_boottime_ns()) / SONDE_NS_PER_MS;
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		char *to = sonde_buf_reserve(b, 4096);
		if (!to)
			return SONDE_EFULL;
		int rc = left > 0 ? poll(&ready, 1, (int)left) : 0;
		if (rc == 0)
			return SONDE_ETIMEOUT;
		ssize_t n = rc > 0 ? read(fd, to, 4096) : -1;
		if (n == 0)
			return SONDE_OK;
		if (n < 0 && errno != EINTR)
			return SONDE_EIO;
		if (n > 0)
			b->len += (size_t)n;
	}
}

int describe_plugins(const char *runner, const char *dirs, struct sonde_buf *out,
                     struct sonde_error *e)
{
	char *argv[] = { (char *)runner, "--describe", "--plugins", (char *)dirs, NULL };
	posix_spawn_file_actions_t actions;
	int pipefd[2], status = 0;
	pid_t pid;

	if (pipe2(pipefd, O_CLOEXEC) != 0)
		return sonde_fail(e, SONDE_EIO, "runner", "no pipe for %s: %s", runner,
		                  strerror(errno));
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, pipefd[1], STDOUT_FILENO);
	int rc = posix_spawn(&pid, runner, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(pipefd[1]);
	if (rc != 0) {
		close(pipefd[0]);
		return sonde_fail(e, SONDE_EIO, "runner", "cannot start %s: %s", runner,
		                  strerror(rc));
	}
	rc = read_all(pipefd[0], out);
	close(pipefd[0]);
	if (rc != SONDE_OK)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (rc == SONDE_ETIMEOUT)
		return sonde_fail(e, rc, "runner", "%s --describe did not end within %d s", runner,
		                  PATIENCE_S);
	if (rc != SONDE_OK || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return sonde_fail(e, SONDE_EIO, "runner", "%s --describe failed (status %d)", runner,
		                  status);
	return SONDE_OK;
}
