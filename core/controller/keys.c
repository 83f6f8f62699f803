/* SPDX-License-Identifier: Apache-2.0 */
/* Reads or makes the secret file. Refuses a file that others could have read; the text is wiped
 * from memory when the keys were derived. */
#include "controller/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/private.h"
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
		if (make_file(path, e) != SONDE_OK)
			return SONDE_EIO;
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	}
	if (fd < 0)
		return sonde_fail(e, SONDE_EIO, "secret.file", "cannot read %s: %s", path,
		                  strerror(errno));
	int rc = sonde_private_check(fd, path, e);
	ssize_t n = rc ? 0 : read(fd, text, sizeof(text));
	close(fd);
	if (rc)
		return rc;
	if (n < LETTERS || !sonde_secret_bytes(text, LETTERS, master, sizeof(master)))
		return sonde_fail(e, SONDE_EDENIED, "secret.file", "%s does not hold a secret", path);
	derive(master, "sonde access token", k->access);
	derive(master, "sonde refresh token", k->refresh);
	derive(master, "sonde sealed record", k->seal);
	sonde_secret_wipe(master, sizeof(master));
	sonde_secret_wipe(text, sizeof(text));
	return SONDE_OK;
}
