/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials from strangers: access tokens (from nothing, and ours with bytes
 * replaced), refresh tokens, scopes and user names. */
#include <stdlib.h>
#include <string.h>

#include "controller/accounts.h"
#include "controller/jwt.h"

enum { NOW_S = 1700000000 };

static const struct jwt_claims honest = {
	.user = "01arz3ndektsv4rrffq69g5fav", .session = "01arz3ndektsv4rrffq69g5faw", .version = 1,
	.issued_s = NOW_S, .expires_s = NOW_S + JWT_LIFE_S,
};

/* What was not made with the key must not pass. */
static void forged(const uint8_t *data, size_t size)
{
	static struct sonde_buf token;
	static const uint8_t key[SONDE_KEY_BYTES] = "a key that the fuzzer has not";
	struct jwt_claims out;
	char text[JWT_TEXT_MAX];

	if (!token.len) {
		sonde_buf_init(&token, JWT_TEXT_MAX);
		if (jwt_make(key, &honest, &token))
			abort();
	}
	if (jwt_check(key, (const char *)data, size, NOW_S, &out) &&
	    (size != token.len || memcmp(data, token.data, size)))
		abort();
	/* Our own token with some bytes replaced. */
	memcpy(text, token.data, token.len);
	bool changed = false;
	for (size_t i = 0; i + 1 < size; i += 2) {
		size_t at = data[i] * 2 % token.len;
		changed = changed || text[at] != (char)data[i + 1];
		text[at] = (char)data[i + 1];
	}
	changed = memcmp(text, token.data, token.len) != 0;
	if (jwt_check(key, text, token.len, NOW_S, &out) && changed)
		abort();
}

static void texts(const char *text)
{
	struct keys keys = { .refresh = "another key" };
	char name[USER_NAME_MAX + 1];
	struct sonde_id id;
	int64_t generation;

	if (refresh_read(&keys, text, &id, &generation))
		abort();
	if (scopes_parse(text) & ~(unsigned)SCOPE_ALL)
		abort();
	char address[64];
	limit_address(text, address);
	if (!user_name_take(text, name) && strlen(name) > USER_NAME_MAX)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 4096)
		return 0;
	char *text = malloc(size + 1);
	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	forged(data, size);
	texts(text);
	free(text);
	return 0;
}
