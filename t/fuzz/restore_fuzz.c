/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: the file of a backup. After a first byte that is odd the sum at its end is made right,
 * so that what stands before it is what is tried. What is restored opens as a store. */
#include "fuzz_dir.h"

#include "store/backup_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int file_of(const uint8_t *data, size_t size, bool add_sum)
{
	uint64_t sum = backup_sum(BACKUP_SUM, data, size);
	struct backup_head end = { .kind = BACKUP_END };
	int fd = memfd_create("backup", MFD_CLOEXEC);

	bool good = fd >= 0 && write(fd, data, size) == (ssize_t)size;
	if (good && add_sum) {
		sum = backup_sum(sum, &end, sizeof(end));
		good = write(fd, &end, sizeof(end)) == sizeof(end) && write(fd, &sum, sizeof(sum)) == sizeof(sum);
	}
	if (!good || lseek(fd, 0, SEEK_SET))
		abort();
	return fd;
}

static void open_it(const char *dir)
{
	struct sonde_store_options o = { .dir = dir, .map_bytes = 1 << 26, .queue_max = 16 };
	struct sonde_store *s;
	struct sonde_error e;
	struct sonde_read *r;
	uint64_t next;

	if (sonde_store_open(&o, &s, &e))
		return;
	if (!sonde_read_begin(s, &r)) {
		sonde_read_next(r, &next);
		sonde_read_end(r);
	}
	sonde_store_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *dir = fuzz_dir();
	struct sonde_backup_report report;
	struct sonde_error e = { "", "" };

	if (!size)
		return 0;
	int fd = file_of(data + 1, size - 1, data[0] & 1);
	int rc = sonde_store_restore(fd, dir, &report, &e);
	if ((rc != 0) != (e.text[0] != '\0'))
		abort();
	if (!rc)
		open_it(dir);
	close(fd);
	fuzz_dir_empty();
	return 0;
}
