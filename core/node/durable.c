/* SPDX-License-Identifier: Apache-2.0 */
/* Writing a small file durably: beside it first, then in its place. Owns nothing. */
#include "node/durable.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 + 8 };

static bool write_file(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return false;
	bool good = !fchmod(fd, 0600) && write(fd, text, len) == (ssize_t)len && !fsync(fd);
	return !close(fd) && good;
}

static bool sync_dir_of(char *path)
{
	int fd = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return false;
	bool good = !fsync(fd);
	close(fd);
	return good;
}

int sonde_durable_write(const char *path, const char *text, size_t len, struct sonde_error *e)
{
	char fresh[PATH_BYTES];

	int n = snprintf(fresh, sizeof(fresh), "%s.new", path);
	if (n < 0 || (size_t)n >= sizeof(fresh))
		return sonde_fail(e, SONDE_EINVAL, NULL, "%s is too long a path", path);
	if (!write_file(fresh, text, len) || rename(fresh, path) || !sync_dir_of(fresh))
		return sonde_fail(e, SONDE_EIO, NULL, "cannot write %s: %s", path, strerror(errno));
	return SONDE_OK;
}
