/* SPDX-License-Identifier: Apache-2.0 */
/* A folder in memory for targets whose parsers read files; removed at the end. Included once. */
#pragma once
#include <fcntl.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char fuzz_dir_path[64];

static int fuzz_dir_remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return ftw->level ? remove(path) : 0;
}

static inline void fuzz_dir_empty(void)
{
	nftw(fuzz_dir_path, fuzz_dir_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void fuzz_dir_remove(void)
{
	fuzz_dir_empty();
	rmdir(fuzz_dir_path);
}

static inline const char *fuzz_dir(void)
{
	if (!fuzz_dir_path[0]) {
		snprintf(fuzz_dir_path, sizeof(fuzz_dir_path), "%s/sonde-fuzz-XXXXXX",
		         access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
		if (!mkdtemp(fuzz_dir_path) || atexit(fuzz_dir_remove))
			abort();
	}
	return fuzz_dir_path;
}

/* A file in it with these bytes. */
static inline void fuzz_dir_write(const char *name, const void *data, size_t size, mode_t mode)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", fuzz_dir(), name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size || close(fd))
		abort();
}
