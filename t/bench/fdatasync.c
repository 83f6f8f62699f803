/* SPDX-License-Identifier: Apache-2.0 */
/* Median microseconds of one 4 KiB overwrite with fdatasync in a directory: what any durable answer
 * costs at least. fdatasync DIR COUNT; removes its file. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/load.h"

enum { BLOCK = 4096, BLOCKS = 64, COUNT_MAX = 100000 };

static uint32_t one_us(int fd, unsigned i)
{
	char block[BLOCK];
	int64_t start = load_now_ns();

	memset(block, (int)i, sizeof(block));
	if (pwrite(fd, block, sizeof(block), i % BLOCKS * (off_t)BLOCK) != BLOCK || fdatasync(fd))
		load_die("cannot write");
	return (uint32_t)((load_now_ns() - start) / 1000);
}

int main(int argc, char **argv)
{
	char path[4096];

	if (argc != 3)
		load_die("usage: fdatasync DIR COUNT");
	unsigned count = (unsigned)load_number("COUNT", argv[2], COUNT_MAX);
	uint32_t *us = malloc(count * sizeof(*us));
	snprintf(path, sizeof(path), "%s/fdatasync.XXXXXX", argv[1]);
	int fd = mkstemp(path);
	if (!us || fd < 0)
		load_die("cannot make %s", path);
	unlink(path);
	for (unsigned i = 0; i < BLOCKS; i++)
		one_us(fd, i);
	for (unsigned i = 0; i < count; i++)
		us[i] = one_us(fd, i);
	printf("%u\n", load_percentile(us, count, 0.5));
	close(fd);
	free(us);
	return 0;
}
