/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/backup. A child of the controller's own program writes the backup into a file without a
 * name in the state directory; when it is whole it is sent, and gone with the answer. A child, because
 * a snapshot that is read for minutes must not stand in the way when the writer begins a segment or
 * grows a map. One at a time. Owns the child and the file; the controller's stop ends the child. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "controller/api/api.h"
#include "controller/archive.h"

enum { PIECE = 64 << 10, LOOK_MS = 20 };

struct backup {
	uv_work_t work;
	struct controller *c;
	struct sonde_req *req;
	int fd;
	atomic_bool stop;
	int code; /* of the child; -1 = it did not start or was killed */
};

/* ---- the child, on a thread of the pool ---- */

static void make(uv_work_t *work)
{
	struct backup *b = work->data;
	char *argv[] = { "sonde-controller", "backup", "-", "--state", (char *)b->c->options.state, NULL };
	const struct timespec nap = { 0, LOOK_MS * 1000000 };
	posix_spawn_file_actions_t actions;
	int status = 0;
	pid_t pid, ended;

	b->code = -1;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, b->fd, STDOUT_FILENO);
	int rc = posix_spawn(&pid, "/proc/self/exe", &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (rc) {
		sonde_log(SONDE_LOG_ERROR, "backup", "cannot start: %s", strerror(rc));
		return;
	}
	while ((ended = waitpid(pid, &status, WNOHANG)) == 0 || (ended < 0 && errno == EINTR)) {
		if (atomic_load(&b->stop))
			kill(pid, SIGKILL);
		nanosleep(&nap, NULL);
	}
	if (WIFEXITED(status))
		b->code = WEXITSTATUS(status);
}

/* ---- the answer ---- */

static void backup_free(void *arg)
{
	struct backup *b = arg;

	close(b->fd);
	free(b);
}

static int more(void *arg, struct sonde_buf *out)
{
	struct backup *b = arg;
	char *to = sonde_buf_reserve(out, PIECE);
	ssize_t n = to ? read(b->fd, to, PIECE) : -1;

	if (n < 0)
		return -1;
	out->len += (size_t)n;
	return n > 0;
}

static void deliver(struct backup *b)
{
	char name[96] = "attachment; filename=\"sonde.backup\"";
	const struct sonde_header headers[] = { { "Content-Disposition", name },
		                                { "Cache-Control", "private, no-store" }, { NULL } };
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(name, sizeof(name), "attachment; filename=\"sonde-%Y%m%dT%H%M%SZ.backup\"", &tm);
	answer_stream(b->c, b->req,
	              &(struct sonde_reply){ .status = 200, .type = "application/octet-stream",
	                                     .headers = headers },
	              &(struct sonde_stream){ .more = more, .close = backup_free, .arg = b });
}

static void made(uv_work_t *work, int status)
{
	struct backup *b = work->data;

	(void)status;
	b->c->backup = NULL;
	if (b->code == 0 && lseek(b->fd, 0, SEEK_SET) == 0) {
		deliver(b);
		return;
	}
	if (b->code == ARCHIVE_NO_SPACE)
		answer_error(b->c, b->req, 507, "storage_full",
		             "There is no space for the backup in the state directory.", NULL, NULL);
	else if (atomic_load(&b->stop))
		answer_busy(b->c, b->req, SONDE_EGONE);
	else
		answer_error(b->c, b->req, 500, "api_error", "The backup failed; the log says why.", NULL,
		             NULL);
	backup_free(b);
}

/* A file without a name; where the file system has none, one that is unlinked at once. */
static int nameless(const char *dir)
{
	char path[4096];

	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	snprintf(path, sizeof(path), "%s/.backup-XXXXXX", dir);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

void api_backup(struct call *call)
{
	struct controller *c = call->c;

	if (c->backup) {
		answer_error(c, call->req, 409, "conflict", "A backup is being made.", NULL, NULL);
		return;
	}
	struct backup *b = calloc(1, sizeof(*b));
	int fd = b ? nameless(c->options.state) : -1;
	if (fd < 0) {
		free(b);
		answer_busy(c, call->req, SONDE_EIO);
		return;
	}
	b->c = c;
	b->req = call->req;
	b->fd = fd;
	b->work.data = b;
	c->backup = b;
	if (uv_queue_work(&c->loop, &b->work, make, made)) {
		c->backup = NULL;
		backup_free(b);
		answer_busy(c, call->req, SONDE_ENOMEM);
	}
}

void backup_stop(struct controller *c)
{
	if (c->backup)
		atomic_store(&c->backup->stop, true);
}
