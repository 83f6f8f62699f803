/* SPDX-License-Identifier: Apache-2.0 */
/* Owns nothing. Looks at what was opened, not at a path that may be another by then. */
#include "base/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/sanitized.h"

static bool is_credential(const char *path)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	size_t len = dir ? strlen(dir) : 0;

	return len && dir[0] == '/' && !strncmp(path, dir, len) && path[len] == '/' &&
	       !strstr(path + len, "/..");
}

int sonde_private_check(int fd, const char *path, struct sonde_error *e)
{
	bool credential = is_credential(path);
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return sonde_fail(e, SONDE_EDENIED, NULL, "%s is no plain file", path);
	if (!credential && st.st_uid != geteuid())
		return sonde_fail(e, SONDE_EDENIED, NULL,
		                  "%s belongs to user %u, and this runs as user %u; chown %u %s", path,
		                  (unsigned)st.st_uid, (unsigned)geteuid(), (unsigned)geteuid(), path);
	if (st.st_mode & (credential ? 07 : 077))
		return sonde_fail(e, SONDE_EDENIED, NULL,
		                  "%s can be read by others (mode %04o); chmod 600 %s", path,
		                  (unsigned)(st.st_mode & 07777), path);
	return SONDE_OK;
}

int sonde_private_check_path(const char *path, struct sonde_error *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 && errno == ENOENT)
		return SONDE_OK;
	if (fd < 0)
		return sonde_fail(e, SONDE_EIO, NULL, "cannot read %s: %s", path, strerror(errno));
	int rc = sonde_private_check(fd, path, e);
	close(fd);
	return rc;
}

int sonde_private_read(const char *path, char *out, size_t room, struct sonde_error *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	out[0] = '\0';
	if (fd < 0)
		return sonde_fail(e, SONDE_EIO, NULL, "cannot read %s: %s", path, strerror(errno));
	int rc = sonde_private_check(fd, path, e);
	ssize_t n = rc ? 0 : read(fd, out, room);
	int saved = errno;
	close(fd);
	if (rc)
		return rc;
	if (n < 0)
		return sonde_fail(e, SONDE_EIO, NULL, "cannot read %s: %s", path, strerror(saved));
	if ((size_t)n == room)
		n = (ssize_t)room - 1;
	out[n] = '\0';
	size_t len = strcspn(out, "\r\n");
	if (!len || len + 1 == room) {
		out[0] = '\0';
		return sonde_fail(e, SONDE_EINVAL, NULL, "%s is empty, or its first line is too long", path);
	}
	out[len] = '\0';
	return SONDE_OK;
}

bool sonde_private_credential(const char *name, char *out, size_t room)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	int n = dir && *dir == '/' ? snprintf(out, room, "%s/%s", dir, name) : -1;

	return n > 0 && (size_t)n < room && access(out, R_OK) == 0;
}

/* The real ids, too, since access() asks by them; root stays the saved one, to come back. */
static void become(uid_t uid, gid_t gid)
{
	if (setresgid(gid, gid, 0) || setresuid(uid, uid, 0))
		sonde_log(SONDE_LOG_WARN, "secrets", "cannot look as user %u: %s", (unsigned)uid,
		          strerror(errno));
}

void sonde_private_as_owner(const char *dir)
{
	struct stat st;

	if (!geteuid() && !stat(dir, &st) && st.st_uid)
		become(st.st_uid, st.st_gid);
}

void sonde_private_as_self(void)
{
	uid_t real, effective, saved;

	/* Only who became somebody else has another saved id than an effective one. */
	if (getresuid(&real, &effective, &saved) || saved || !effective)
		return;
	if (setresuid(0, 0, 0) || setresgid(0, 0, 0))
		sonde_log(SONDE_LOG_WARN, "secrets", "cannot be root again: %s", strerror(errno));
}

void sonde_private_memory(void)
{
	const struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &none) || (!SONDE_SANITIZED && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)))
		sonde_log(SONDE_LOG_WARN, "secrets", "core files cannot be switched off: %s",
		          strerror(errno));
}
