/* SPDX-License-Identifier: Apache-2.0 */
/* The only file that knows libjwt. The header is compared with the one that we write before the
 * library looks: no other algorithm, no key id, no key address can come in through it. */
#include "controller/jwt.h"

#include <jwt.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"

/* {"alg":"HS256","typ":"JWT"} */
#define HEADER "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
#define AUDIENCE "sonde.api"
#define USE "access"

enum { SKEW_S = 5 };

static int put_claims(jwt_t *jwt, const struct jwt_claims *c)
{
	return jwt_add_grant(jwt, "aud", AUDIENCE) || jwt_add_grant(jwt, "use", USE) ||
	       jwt_add_grant(jwt, "sub", c->user) || jwt_add_grant(jwt, "sid", c->session) ||
	       jwt_add_grant_int(jwt, "ver", (long)c->version) ||
	       jwt_add_grant_int(jwt, "iat", (long)c->issued_s) ||
	       jwt_add_grant_int(jwt, "exp", (long)c->expires_s);
}

/* The header in our own words, so that it is the same whatever the library writes. */
int jwt_make(const uint8_t key[SONDE_KEY_BYTES], const struct jwt_claims *c, struct sonde_buf *out)
{
	jwt_t *jwt = NULL;
	char *text = NULL;

	if (jwt_new(&jwt) == 0 && put_claims(jwt, c) == 0 &&
	    jwt_set_alg(jwt, JWT_ALG_HS256, key, SONDE_KEY_BYTES) == 0)
		text = jwt_encode_str(jwt);
	jwt_free(jwt);
	bool good = text && !strncmp(text, HEADER, strlen(HEADER));
	if (good)
		sonde_buf_str(out, text);
	free(text);
	return good && !out->failed ? SONDE_OK : SONDE_ENOMEM;
}

static bool is(jwt_t *jwt, const char *grant, const char *want)
{
	const char *have = jwt_get_grant(jwt, grant);

	return have && !strcmp(have, want);
}

static bool take_id(jwt_t *jwt, const char *grant, char out[SONDE_ID_TEXT])
{
	const char *have = jwt_get_grant(jwt, grant);
	struct sonde_id id;

	if (!have || !sonde_id_parse(have, strlen(have), &id))
		return false;
	sonde_id_format(&id, out);
	return true;
}

static bool is_time(const struct jwt_claims *c, int64_t now_s)
{
	return c->issued_s > 0 && c->issued_s <= now_s + SKEW_S && c->expires_s > now_s &&
	       c->expires_s - c->issued_s <= JWT_LIFE_S;
}

static bool take_claims(jwt_t *jwt, int64_t now_s, struct jwt_claims *c)
{
	if (jwt_get_alg(jwt) != JWT_ALG_HS256 || !is(jwt, "aud", AUDIENCE) || !is(jwt, "use", USE) ||
	    !take_id(jwt, "sub", c->user) || !take_id(jwt, "sid", c->session) ||
	    jwt_get_grant_int(jwt, "nbf") > now_s + SKEW_S)
		return false;
	c->version = jwt_get_grant_int(jwt, "ver");
	c->issued_s = jwt_get_grant_int(jwt, "iat");
	c->expires_s = jwt_get_grant_int(jwt, "exp");
	return is_time(c, now_s);
}

/* base64 leaves bits of a last letter unused: another spelling of the same signature is no token
 * that we made. 32 bytes end in a letter whose two low bits are zero. */
static bool is_canonical(const char *text, size_t len)
{
	const char *dot = memrchr(text, '.', len);

	if (!dot || text + len - dot != 44)
		return false;
	return strchr("AEIMQUYcgkosw048", text[len - 1]) != NULL;
}

static bool is_token_text(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!(text[i] >= 'a' && text[i] <= 'z') && !(text[i] >= 'A' && text[i] <= 'Z') &&
		    !(text[i] >= '0' && text[i] <= '9') && !strchr("-_.", text[i]))
			return false;
	return true;
}

bool jwt_check(const uint8_t key[SONDE_KEY_BYTES], const char *text, size_t len, int64_t now_s,
               struct jwt_claims *c)
{
	char copy[JWT_TEXT_MAX];
	jwt_t *jwt = NULL;

	if (len >= sizeof(copy) || len <= strlen(HEADER) || memcmp(text, HEADER, strlen(HEADER)) ||
	    memchr(text, '\0', len) || !is_token_text(text, len) || !is_canonical(text, len))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (jwt_decode(&jwt, copy, key, SONDE_KEY_BYTES) != 0)
		return false;
	bool good = take_claims(jwt, now_s, c);
	jwt_free(jwt);
	return good;
}

bool jwt_check_seen(struct jwt_seen *seen, const uint8_t key[SONDE_KEY_BYTES], const char *text,
                    size_t len, int64_t now_s, struct jwt_claims *c)
{
	uint8_t mark[SONDE_MARK_BYTES];

	if (len >= JWT_TEXT_MAX)
		return false;
	sonde_secret_mark(key, text, len, mark);
	struct jwt_kept *k = &seen->kept[mark[0] % JWT_SEEN];
	/* Nobody can choose a mark, so that the time of the comparison tells nothing. */
	if (k->claims.expires_s && !memcmp(k->mark, mark, sizeof(mark))) {
		*c = k->claims;
		return is_time(c, now_s);
	}
	if (!jwt_check(key, text, len, now_s, c))
		return false;
	memcpy(k->mark, mark, sizeof(mark));
	k->claims = *c;
	return true;
}
