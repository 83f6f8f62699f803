/* SPDX-License-Identifier: Apache-2.0 */
/* Access tokens and refresh tokens: what is made is taken, and nothing else. */
#include <jwt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "controller/jwt.h"
#include "controller/sessions.h"
#include "tap.h"

enum { NOW_S = 1700000000 };

static const uint8_t key[SONDE_KEY_BYTES] = "0123456789abcdef0123456789abcde";

static const struct jwt_claims claims = {
	.user = "01arz3ndektsv4rrffq69g5fav", .session = "01arz3ndektsv4rrffq69g5faw", .version = 3,
	.issued_s = NOW_S, .expires_s = NOW_S + JWT_LIFE_S,
};

static const char *make(struct sonde_buf *b, const uint8_t *with, const struct jwt_claims *c)
{
	sonde_buf_init(b, JWT_TEXT_MAX);
	EXPECT_INT(jwt_make(with, c, b), 0);
	return sonde_buf_cstr(b);
}

static bool good_at(const char *text, int64_t now_s)
{
	struct jwt_claims out;

	return jwt_check(key, text, strlen(text), now_s, &out);
}

static void jwt_round(void)
{
	struct jwt_claims out;
	struct sonde_buf b;
	const char *text = make(&b, key, &claims);

	EXPECT(jwt_check(key, text, strlen(text), NOW_S + 1, &out));
	EXPECT_STR(out.user, claims.user);
	EXPECT_STR(out.session, claims.session);
	EXPECT_INT(out.version, 3);
	sonde_buf_deinit(&b);
}

static void jwt_time(void)
{
	struct jwt_claims odd = claims;
	struct sonde_buf b;
	const char *text = make(&b, key, &claims);

	EXPECT(good_at(text, NOW_S + JWT_LIFE_S - 1));
	EXPECT(!good_at(text, NOW_S + JWT_LIFE_S));
	EXPECT(!good_at(text, NOW_S - 60));
	sonde_buf_deinit(&b);
	odd.expires_s = NOW_S + 86400;
	EXPECT(!good_at(make(&b, key, &odd), NOW_S));
	sonde_buf_deinit(&b);
	odd.expires_s = 0;
	EXPECT(!good_at(make(&b, key, &odd), NOW_S));
	sonde_buf_deinit(&b);
}

/* Every single bit of several tokens; returns how many were tried. */
static size_t flip(const char *text, size_t *good)
{
	size_t len = strlen(text);
	char *copy = strdup(text);

	for (size_t i = 0; i < len * 8; i++) {
		struct jwt_claims out;
		copy[i / 8] ^= (char)(1 << i % 8);
		*good += jwt_check(key, copy, len, NOW_S, &out);
		copy[i / 8] ^= (char)(1 << i % 8);
	}
	free(copy);
	return len * 8;
}

static void jwt_bits(void)
{
	struct jwt_claims many = claims;
	struct sonde_buf b;
	size_t good = 0, tried = 0;

	for (; tried < 10000; many.version++, many.issued_s--, many.expires_s -= 2) {
		const char *one = make(&b, key, &many);
		EXPECT(good_at(one, NOW_S));
		tried += flip(one, &good);
		sonde_buf_deinit(&b);
	}
	EXPECT_INT(good, 0);
	const char *text = make(&b, key, &claims);
	size_t len = strlen(text);
	char *copy = strdup(text);
	EXPECT(good_at(copy, NOW_S));
	for (size_t i = 0; i < len; i++) {
		struct jwt_claims out;
		EXPECT(!jwt_check(key, copy, i, NOW_S, &out));
	}
	free(copy);
	sonde_buf_deinit(&b);
}

/* The second look at a token is the first one's, but for the time and every bit. */
static void jwt_seen_again(void)
{
	struct jwt_seen *seen = calloc(1, sizeof(*seen));
	struct jwt_claims out;
	struct sonde_buf b;
	const char *text = make(&b, key, &claims);
	size_t len = strlen(text), good = 0;
	char *copy = strdup(text);

	for (int round = 0; round < 3; round++) {
		memset(&out, 0, sizeof(out));
		EXPECT(jwt_check_seen(seen, key, text, len, NOW_S + round, &out));
		EXPECT_STR(out.session, claims.session);
		EXPECT_INT(out.version, 3);
	}
	for (size_t i = 0; i < len * 8; i++) {
		copy[i / 8] ^= (char)(1 << i % 8);
		good += jwt_check_seen(seen, key, copy, len, NOW_S, &out);
		copy[i / 8] ^= (char)(1 << i % 8);
	}
	EXPECT_INT(good, 0);
	EXPECT(!jwt_check_seen(seen, key, text, len - 1, NOW_S, &out));
	EXPECT(!jwt_check_seen(seen, key, text, len, NOW_S + JWT_LIFE_S, &out));
	EXPECT(!jwt_check_seen(seen, key, text, len, NOW_S - 60, &out));
	EXPECT(jwt_check_seen(seen, key, text, len, NOW_S, &out));
	free(copy);
	free(seen);
	sonde_buf_deinit(&b);
}

static void jwt_other_key(void)
{
	uint8_t other[SONDE_KEY_BYTES] = "x";
	struct sonde_buf b;

	EXPECT(!good_at(make(&b, other, &claims), NOW_S));
	sonde_buf_deinit(&b);
}

/* Signed with our key, but not what we sign: what a second use of the key would look like. */
static bool signed_with(const char *grant, const char *value, jwt_alg_t alg)
{
	jwt_t *jwt = NULL;

	jwt_new(&jwt);
	jwt_add_grant(jwt, "aud", "sonde.api");
	jwt_add_grant(jwt, "use", "access");
	jwt_add_grant(jwt, "sub", claims.user);
	jwt_add_grant(jwt, "sid", claims.session);
	jwt_add_grant_int(jwt, "iat", NOW_S);
	jwt_add_grant_int(jwt, "exp", NOW_S + 60);
	if (grant) {
		jwt_del_grants(jwt, grant);
		if (value)
			jwt_add_grant(jwt, grant, value);
	}
	jwt_set_alg(jwt, alg, alg == JWT_ALG_NONE ? NULL : key,
	            alg == JWT_ALG_NONE ? 0 : SONDE_KEY_BYTES);
	char *text = jwt_encode_str(jwt);
	bool good = text && good_at(text, NOW_S);
	free(text);
	jwt_free(jwt);
	return good;
}

/* A header of somebody else's over our claims, signed with our own key: whatever it asks for, a token has
 * the header that we write. */
static bool with_header(const char *header, const char *payload)
{
	uint8_t mac[SONDE_HASH_BYTES];
	char text[JWT_TEXT_MAX] = "";

	sonde_secret_text(header, strlen(header), text, 512);
	size_t n = strlen(text);
	n += (size_t)snprintf(text + n, sizeof(text) - n, ".%s", payload);
	sonde_secret_sign(key, SONDE_KEY_BYTES, text, n, mac);
	text[n++] = '.';
	sonde_secret_text(mac, sizeof(mac), text + n, sizeof(text) - n);
	return good_at(text, NOW_S);
}

static void jwt_headers(void)
{
	static const char *const bad[] = {
		"{\"alg\":\"none\",\"typ\":\"JWT\"}", "{\"alg\":\"None\",\"typ\":\"JWT\"}",
		"{\"alg\":\"nOnE\"}", "{\"alg\":\"\"}", "{\"typ\":\"JWT\"}", "{}", "",
		"{\"alg\":\"RS256\",\"typ\":\"JWT\"}", "{\"alg\":\"ES256\",\"typ\":\"JWT\"}",
		"{\"alg\":\"PS256\",\"typ\":\"JWT\"}", "{\"alg\":\"EdDSA\",\"typ\":\"JWT\"}",
		"{\"alg\":\"HS384\",\"typ\":\"JWT\"}", "{\"alg\":\"HS512\",\"typ\":\"JWT\"}",
		"{\"alg\":\"hs256\",\"typ\":\"JWT\"}", "{\"typ\":\"JWT\",\"alg\":\"HS256\"}",
		"{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}", "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"zip\":\"DEF\"}",
		"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"../../../../dev/null\"}",
		"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"/proc/sys/kernel/randomize_va_space\"}",
		"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"x' UNION SELECT 'key\"}",
		"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"jku\":\"https://attacker.example/keys\"}",
		"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"x5u\":\"https://attacker.example/cert\"}",
		"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AAAA\"}}",
		"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"crit\":[\"exp\"]}",
		"{\"alg\":\"HS256\",\"alg\":\"none\",\"typ\":\"JWT\"}", "{\"alg\": \"HS256\",\"typ\":\"JWT\"}",
	};
	struct sonde_buf b;
	char *payload = strdup(strchr(make(&b, key, &claims), '.') + 1);
	unsigned good = 0;

	*strchr(payload, '.') = '\0';
	EXPECT(with_header("{\"alg\":\"HS256\",\"typ\":\"JWT\"}", payload));
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		good += with_header(bad[i], payload);
	EXPECT_INT(good, 0);
	free(payload);
	sonde_buf_deinit(&b);
}

static bool with_number(const char *grant, long value)
{
	jwt_t *jwt = NULL;

	jwt_new(&jwt);
	jwt_add_grant(jwt, "aud", "sonde.api");
	jwt_add_grant(jwt, "use", "access");
	jwt_add_grant(jwt, "sub", claims.user);
	jwt_add_grant(jwt, "sid", claims.session);
	jwt_add_grant_int(jwt, "iat", NOW_S);
	jwt_add_grant_int(jwt, "exp", NOW_S + 60);
	jwt_del_grants(jwt, grant);
	jwt_add_grant_int(jwt, grant, value);
	jwt_set_alg(jwt, JWT_ALG_HS256, key, SONDE_KEY_BYTES);
	char *text = jwt_encode_str(jwt);
	bool good = text && good_at(text, NOW_S);
	free(text);
	jwt_free(jwt);
	return good;
}

static void jwt_numbers(void)
{
	EXPECT(with_number("nbf", NOW_S));
	EXPECT(!with_number("nbf", NOW_S + 60));
	EXPECT(!with_number("nbf", LONG_MAX));
	EXPECT(!with_number("iat", NOW_S + 60));
	EXPECT(!with_number("iat", 0));
	EXPECT(!with_number("iat", -1));
	EXPECT(!with_number("exp", NOW_S));
	EXPECT(!with_number("exp", -1));
	EXPECT(!with_number("exp", NOW_S + 86400));
	EXPECT(!with_number("exp", LONG_MAX));
	EXPECT(!with_number("sub", 7));
	EXPECT(!with_number("aud", 7));
}

static void jwt_claims_checked(void)
{
	EXPECT(signed_with(NULL, NULL, JWT_ALG_HS256));
	EXPECT(!signed_with(NULL, NULL, JWT_ALG_NONE));
	EXPECT(!signed_with(NULL, NULL, JWT_ALG_HS384));
	EXPECT(!signed_with(NULL, NULL, JWT_ALG_HS512));
	EXPECT(!signed_with("aud", "another", JWT_ALG_HS256));
	EXPECT(!signed_with("aud", NULL, JWT_ALG_HS256));
	EXPECT(!signed_with("use", "refresh", JWT_ALG_HS256));
	EXPECT(!signed_with("sub", "nobody", JWT_ALG_HS256));
	EXPECT(!signed_with("sid", NULL, JWT_ALG_HS256));
	EXPECT(!signed_with("exp", "tomorrow", JWT_ALG_HS256));
	EXPECT(!signed_with("iat", NULL, JWT_ALG_HS256));
}

static void refresh_tokens(void)
{
	struct session s = { .generation = 7 };
	struct keys keys = { .refresh = "k" }, others = { .refresh = "l" };
	char text[REFRESH_TEXT];
	struct sonde_id id;
	int64_t generation;

	memset(s.id.b, 0xab, sizeof(s.id.b));
	refresh_make(&keys, &s, text);
	EXPECT(refresh_read(&keys, text, &id, &generation));
	EXPECT(sonde_id_equal(&id, &s.id));
	EXPECT_INT(generation, 7);
	EXPECT(!refresh_read(&others, text, &id, &generation));
	for (size_t i = 0; text[i]; i++) {
		char was = text[i];
		text[i] = was == 'A' ? 'B' : 'A';
		EXPECT(!refresh_read(&keys, text, &id, &generation));
		text[i] = was;
	}
	text[strlen(text) - 1] = '\0';
	EXPECT(!refresh_read(&keys, text, &id, &generation));
}

TAP_MAIN(CASE(jwt_round), CASE(jwt_time), CASE(jwt_bits), CASE(jwt_seen_again), CASE(jwt_other_key),
         CASE(jwt_headers), CASE(jwt_numbers), CASE(jwt_claims_checked), CASE(refresh_tokens))
