/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed objects: base64url of what the seal key encrypted. Owns nothing; wipes what it had in clear. */
#include "controller/sealed.h"

#include <stdlib.h>
#include <string.h>

#include "param/param.h"

char *sealed_make(const uint8_t key[SONDE_KEY_BYTES], const struct sonde_buf *plain)
{
	size_t len = plain->len + SONDE_SEAL_EXTRA, room = (len + 2) / 3 * 4 + 1;
	uint8_t *bytes = malloc(len);
	char *text = bytes ? malloc(room) : NULL;

	if (text) {
		sonde_secret_seal(key, plain->data, plain->len, bytes);
		sonde_secret_text(bytes, len, text, room);
	}
	free(bytes);
	return text;
}

json_t *sealed_open(const uint8_t *key, const char *text)
{
	size_t letters = strlen(text), len = letters * 3 / 4;
	uint8_t *bytes = malloc(len + 1), *plain = malloc(len + 1);
	json_t *doc = NULL;

	if (bytes && plain && key && len > SONDE_SEAL_EXTRA &&
	    sonde_secret_bytes(text, letters, bytes, len) && sonde_secret_open(key, bytes, len, plain))
		doc = sonde_json_load((char *)plain, len - SONDE_SEAL_EXTRA, NULL);
	if (plain)
		sonde_secret_wipe(plain, len);
	free(bytes);
	free(plain);
	return doc;
}
