/* SPDX-License-Identifier: Apache-2.0 */
/* Access tokens, refresh tokens, limits, passwords and sealed records without a controller. */
#include <ctype.h>
#include <jwt.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "controller/common_passwords.h"
#include "controller/jwt.h"
#include "controller/limits.h"
#include "controller/passwords.h"
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

static void windows(void)
{
	struct limits l;
	int64_t now = SONDE_NS_PER_S;

	limits_init(&l);
	EXPECT(limits_use(&l, "a", 3, 5, 10, now));
	EXPECT(!limits_use(&l, "a", 3, 5, 10, now));
	EXPECT(limits_use(&l, "a", 2, 5, 10, now));
	EXPECT_INT(limits_look(&l, "a", 5, now).remaining, 0);
	EXPECT_INT(limits_look(&l, "a", 5, now).reset_s, 10);
	EXPECT_INT(limits_look(&l, "b", 5, now).reset_s, 0);
	limits_return(&l, "a", 1, now);
	EXPECT_INT(limits_look(&l, "a", 5, now).remaining, 1);
	EXPECT(limits_use(&l, "a", 5, 5, 10, now + 10 * SONDE_NS_PER_S));
	limits_deinit(&l);
}

/* A flood of keys takes no more room than the table has, and shuts nobody out. */
static void many_keys(void)
{
	struct limits l;
	int64_t now = SONDE_NS_PER_S;
	char name[32];

	limits_init(&l);
	EXPECT(limits_use(&l, "first", 1, 2, 3600, now));
	for (unsigned i = 0; i < 3 * LIMIT_KEYS_MAX; i++) {
		snprintf(name, sizeof(name), "target %u", i);
		EXPECT(limits_use(&l, name, 1, 600, 3600, now));
	}
	EXPECT(l.by_key.len <= LIMIT_KEYS_MAX + LIMIT_SHARED);
	EXPECT(limits_use(&l, "first", 1, 2, 3600, now));
	EXPECT(!limits_use(&l, "first", 1, 2, 3600, now));
	EXPECT(limits_use(&l, "last", 1, 600, 3600, now));
	EXPECT(limits_look(&l, "last", 600, now).remaining < 600);
	limits_failed(&l, "one more", now);
	limits_failed(&l, "one more", now);
	limits_failed(&l, "one more", now);
	EXPECT_INT(limits_wait(&l, "one more", now), 0);
	EXPECT(limits_use(&l, "later", 1, 5, 10, now + 3700 * SONDE_NS_PER_S));
	EXPECT_INT(l.by_key.len, 1);
	limits_deinit(&l);
}

static void delays(void)
{
	struct limits l;
	int64_t now = SONDE_NS_PER_S;
	unsigned tries = 0, longest = 0;

	limits_init(&l);
	for (int64_t end = now + 300 * SONDE_NS_PER_S; now < end; tries++) {
		unsigned wait = limits_wait(&l, "a", now);
		longest = wait > longest ? wait : longest;
		now += wait * SONDE_NS_PER_S;
		if (now < end)
			limits_failed(&l, "a", now);
	}
	EXPECT(tries <= 11); /* the last of the loop comes after the five minutes */
	for (int i = 0; i < 30; i++) {
		limits_failed(&l, "a", now);
		longest = limits_wait(&l, "a", now);
		EXPECT(longest <= 900);
		now += longest * SONDE_NS_PER_S;
	}
	EXPECT_INT(longest, 900);
	EXPECT_INT(limits_wait(&l, "b", now), 0);
	limits_forget(&l, "a");
	EXPECT_INT(limits_wait(&l, "a", now), 0);
	limits_deinit(&l);
}

static void addresses(void)
{
	char out[64];

	limit_address("192.0.2.7", out);
	EXPECT_STR(out, "192.0.2.7");
	limit_address("2001:db8:1:2:3:4:5:6", out);
	EXPECT_STR(out, "2001:db8:1:2::/64");
	limit_address("::ffff:192.0.2.7", out);
	EXPECT_STR(out, "192.0.2.7");
}

static void hashes(void)
{
	char hash[SONDE_PASSWORD_TEXT];

	sonde_secret_init();
	EXPECT_INT(sonde_password_hash("a good one", 10, hash), 0);
	EXPECT(!strncmp(hash, "$argon2id$v=19$m=19456,t=2,p=1$", 31));
	EXPECT(sonde_password_verify(hash, "a good one", 10));
	EXPECT(!sonde_password_verify(hash, "a good two", 10));
	EXPECT(!sonde_password_verify("nonsense", "a good two", 10));
	EXPECT(!sonde_password_is_old(hash));
	EXPECT(password_refusal("seven77", 7, NULL) != NULL);
	EXPECT(password_refusal("PassWord123", 11, NULL) != NULL);
	EXPECT(password_refusal("my.own.name", 11, "my.own.name") != NULL);
	EXPECT(password_refusal("with\0nul.", 9, NULL) != NULL);
	EXPECT(password_refusal("correct horse", 13, "me") == NULL);
}

static const char *refused(const char *password)
{
	return password_refusal(password, strlen(password), "me");
}

static void common(void)
{
	static const char *const bad[] = { "password", "Dragon123", "dragon123!", "iloveyou", "ILOVEYOU!!",
		                           "12345678", "123456789!", "qwertyuiop", "Monkey2024!", "00000000",
		                           "!@#$%^&*", "zxcvbnm,./", "baseball", "P@ssw0rd1" };
	static const char *const good[] = { "correct horse", "dragon1234567890", "mydragon77", "dragonfruit",
		                            "12345678abc", "Zx8-kk2;0pq", "-.-.-.-.-.", "q-1234567890" };
	char upper[64];

	EXPECT(common_password_count > 3000);
	for (size_t i = 1; i < common_password_count; i++)
		EXPECT(strcmp(common_passwords[i - 1], common_passwords[i]) < 0);
	for (size_t i = 0; i < common_password_count; i++) {
		size_t len = strlen(common_passwords[i]);
		EXPECT(len >= 4 && len <= 32);
		snprintf(upper, sizeof(upper), "%s", common_passwords[i]);
		for (size_t k = 0; k < len; k++)
			upper[k] = (char)toupper((unsigned char)upper[k]);
		if (len < SONDE_PASSWORD_MIN)
			snprintf(upper + len, sizeof(upper) - len, "12.4");
		EXPECT(refused(upper) != NULL);
	}
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		EXPECT(refused(bad[i]) != NULL);
	for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		EXPECT(refused(good[i]) == NULL);
}

static void sealed(void)
{
	uint8_t box[64 + SONDE_SEAL_EXTRA], out[64];

	sonde_secret_seal(key, "a secret", 8, box);
	EXPECT(sonde_secret_open(key, box, 8 + SONDE_SEAL_EXTRA, out));
	EXPECT(!memcmp(out, "a secret", 8));
	box[50 - 8] ^= 1;
	EXPECT(!sonde_secret_open(key, box, 8 + SONDE_SEAL_EXTRA, out));
	EXPECT(!sonde_secret_open(key, box, SONDE_SEAL_EXTRA - 1, out));
}

TAP_MAIN(CASE(jwt_round), CASE(jwt_time), CASE(jwt_bits), CASE(jwt_seen_again), CASE(jwt_other_key),
         CASE(jwt_headers),
         CASE(jwt_claims_checked), CASE(refresh_tokens), CASE(windows), CASE(delays),
         CASE(many_keys), CASE(addresses), CASE(hashes), CASE(common), CASE(sealed))
