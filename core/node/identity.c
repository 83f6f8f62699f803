/* SPDX-License-Identifier: Apache-2.0 */
/* The file node.key: two lines, "id <26 letters>" and "key <secret>". Refuses a file that others
 * can read or that another user owns: a key that leaked is no key. Owns no memory. */
#include "node/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/private.h"
#include "node/durable.h"

enum { FILE_MAX = 256 };

static int parse(const char *text, struct sonde_identity *out)
{
	size_t id_at = 3, key_at = id_at + SONDE_ID_TEXT - 1 + 5;
	size_t len = strlen(text);

	if (len <= key_at || memcmp(text, "id ", 3) || memcmp(text + key_at - 5, "\nkey ", 5))
		return SONDE_EINVAL;
	if (!sonde_id_parse(text + id_at, SONDE_ID_TEXT - 1, &out->id))
		return SONDE_EINVAL;
	size_t n = strcspn(text + key_at, "\n");
	if (n == 0 || n >= sizeof(out->key) || strcmp(text + key_at + n, "\n"))
		return SONDE_EINVAL;
	memcpy(out->key, text + key_at, n);
	out->key[n] = '\0';
	return SONDE_OK;
}

int sonde_identity_load(const char *path, struct sonde_identity *out, struct sonde_error *e)
{
	char text[FILE_MAX] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 && errno == ENOENT)
		return sonde_fail(e, SONDE_ENOENT, NULL, "there is no %s", path);
	if (fd < 0)
		return sonde_fail(e, SONDE_EIO, NULL, "cannot open %s: %s", path, strerror(errno));
	int rc = sonde_private_check(fd, path, e);
	ssize_t n = rc ? 0 : read(fd, text, sizeof(text) - 1);
	int saved = errno;
	close(fd);
	if (rc)
		return rc;
	if (n < 0)
		return sonde_fail(e, SONDE_EIO, NULL, "cannot read %s: %s", path, strerror(saved));
	rc = parse(text, out);
	sonde_secret_wipe(text, sizeof(text));
	return rc ? sonde_fail(e, rc, NULL, "%s is not a node key file", path) : SONDE_OK;
}

int sonde_identity_save(const char *path, const struct sonde_identity *identity,
                        struct sonde_error *e)
{
	char text[FILE_MAX], id[SONDE_ID_TEXT];

	sonde_id_format(&identity->id, id);
	int n = snprintf(text, sizeof(text), "id %s\nkey %s\n", id, identity->key);
	int rc = sonde_durable_write(path, text, (size_t)n, e);
	sonde_secret_wipe(text, sizeof(text));
	return rc;
}
