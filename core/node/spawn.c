/* SPDX-License-Identifier: Apache-2.0 */
/* Starting a child process. Owns only the copies of descriptors that it makes for the call. */
#include "node/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FDS_MAX = 4, FD_ABOVE = 64 };

/* Copies above the low numbers, so that placing one cannot overwrite the next. */
static int place(posix_spawn_file_actions_t *actions, const struct sonde_spawn_fd *fds,
                 int copies[FDS_MAX], unsigned *count)
{
	int rc = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);

	for (; !rc && fds[*count].ours >= 0 && *count < FDS_MAX; (*count)++) {
		int copy = fcntl(fds[*count].ours, F_DUPFD_CLOEXEC, FD_ABOVE);
		copies[*count] = copy;
		if (copy < 0)
			return errno;
		rc = posix_spawn_file_actions_adddup2(actions, copy, fds[*count].theirs);
	}
	return rc;
}

static int set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	int rc = posix_spawnattr_setsigmask(attributes, &none);
	if (!rc)
		rc = posix_spawnattr_setsigdefault(attributes, &all);
	if (!rc)
		rc = posix_spawnattr_setpgroup(attributes, 0);
	if (!rc)
		rc = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK |
		                                                  POSIX_SPAWN_SETSIGDEF |
		                                                  POSIX_SPAWN_SETPGROUP);
	return rc;
}

int sonde_spawn(const char *const *argv, const struct sonde_spawn_fd *fds, pid_t *pid,
                struct sonde_error *e)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int copies[FDS_MAX];
	unsigned count = 0;

	if (posix_spawn_file_actions_init(&actions))
		return sonde_fail(e, SONDE_ENOMEM, NULL, "out of memory");
	if (posix_spawnattr_init(&attributes)) {
		posix_spawn_file_actions_destroy(&actions);
		return sonde_fail(e, SONDE_ENOMEM, NULL, "out of memory");
	}
	int rc = place(&actions, fds, copies, &count);
	if (!rc)
		rc = set_attributes(&attributes);
	if (!rc)
		rc = posix_spawn(pid, argv[0], &actions, &attributes, (char *const *)argv, environ);
	for (unsigned i = 0; i < count; i++)
		close(copies[i]);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	if (rc)
		return sonde_fail(e, SONDE_EIO, NULL, "cannot start %s: %s", argv[0], strerror(rc));
	return SONDE_OK;
}

void sonde_exit_phrase(int status, char *out, size_t room)
{
	if (WIFSIGNALED(status))
		snprintf(out, room, "was killed by signal %d (%s)", WTERMSIG(status),
		         strsignal(WTERMSIG(status)));
	else
		snprintf(out, room, "ended with status %d", WEXITSTATUS(status));
}
