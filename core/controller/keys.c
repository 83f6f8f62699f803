/* SPDX-License-Identifier: Apache-2.0 */
/* Reads or makes the secret file. Refuses a file that others could have read; the text is wiped
 * from memory when the keys were derived. */
#include "controller/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/rng.h"

enum { LETTERS = 43 };

static int make_file(const char *path, struct sonde_error *e)
{
	uint8_t raw[SONDE_KEY_BYTES];
	char text[LETTERS + 2];
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return sonde_fail(e, SONDE_EIO, "secret.file", "cannot make %s: %s", path,
		                  strerror(errno));
	sonde_random_bytes(raw, sizeof(raw));
	sonde_secret_text(raw, sizeof(raw), text, LETTERS + 1);
	text[LETTERS] = '\n';
	bool good = write(fd, text, LETTERS + 1) == LETTERS + 1 && fsync(fd) == 0;
	close(fd);
	sonde_secret_wipe(raw, sizeof(raw));
	sonde_secret_wipe(text, sizeof(text));
	if (!good)
		unlink(path);
	return good ? SONDE_OK : sonde_fail(e, SONDE_EIO, "secret.file", "cannot write %s", path);
}

static const char *trouble(int fd)
{
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return "is no plain file";
	if (st.st_uid != geteuid())
		return "belongs to another user";
	if (st.st_mode & 077)
		return "may be read by others; its mode must be 0600";
	return NULL;
}

static void derive(const uint8_t master[SONDE_KEY_BYTES], const char *name, uint8_t *out)
{
	sonde_secret_mac(master, name, strlen(name), out);
}

int keys_load(struct keys *k, const char *path, struct sonde_error *e)
{
	uint8_t master[SONDE_KEY_BYTES];
	char text[LETTERS + 1];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	sonde_secret_init();
	if (fd < 0 && errno == ENOENT) {
		int rc = make_file(path, e);
		if (rc != SONDE_OK)
			return rc;
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	}
	if (fd < 0)
		return sonde_fail(e, SONDE_EIO, "secret.file", "cannot read %s: %s", path,
		                  strerror(errno));
	const char *why = trouble(fd);
	ssize_t n = why ? 0 : read(fd, text, sizeof(text));
	close(fd);
	if (!why && (n < LETTERS || !sonde_secret_bytes(text, LETTERS, master, sizeof(master))))
		why = "does not hold a secret";
	if (why)
		return sonde_fail(e, SONDE_EDENIED, "secret.file", "%s %s", path, why);
	derive(master, "sonde access token", k->access);
	derive(master, "sonde refresh token", k->refresh);
	derive(master, "sonde sealed record", k->seal);
	sonde_secret_wipe(master, sizeof(master));
	sonde_secret_wipe(text, sizeof(text));
	return SONDE_OK;
}
