/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords: their hashes, which are refused, which are common; records sealed with a key. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/secret.h"
#include "controller/common_passwords.h"
#include "controller/passwords.h"
#include "tap.h"

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
	static const uint8_t key[SONDE_KEY_BYTES] = "0123456789abcdef0123456789abcde";
	uint8_t box[64 + SONDE_SEAL_EXTRA], out[64];

	sonde_secret_seal(key, "a secret", 8, box);
	EXPECT(sonde_secret_open(key, box, 8 + SONDE_SEAL_EXTRA, out));
	EXPECT(!memcmp(out, "a secret", 8));
	box[50 - 8] ^= 1;
	EXPECT(!sonde_secret_open(key, box, 8 + SONDE_SEAL_EXTRA, out));
	EXPECT(!sonde_secret_open(key, box, SONDE_SEAL_EXTRA - 1, out));
}

TAP_MAIN(CASE(hashes), CASE(common), CASE(sealed))
