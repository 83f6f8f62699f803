/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses that need TLS, and pins. Certificates against pins are e2e/pins.t. */
#include <stdio.h>
#include <string.h>

#include "base/trust.h"
#include "tap.h"

static void addresses(void)
{
	static const char *const clear[] = {
		"http://controller.example", "http://10.0.0.1:8756", "ws://192.0.2.1/x", "HTTP://example:80",
		"http://127.0.0.1.example", "http://localhost.example/", "http://127.1", "http://0x7f000001",
		"http://[::2]:80", "http://[::ffff:127.0.0.1]", "http://127.0.0.1@192.0.2.1/",
		"http://localhost:x@192.0.2.1/", "http://128.0.0.1", "http://",
	};
	static const char *const fine[] = {
		"https://controller.example", "wss://192.0.2.1/x", "http://127.0.0.1:8756",
		"http://127.255.0.3", "http://localhost:80/x", "http://LOCALHOST", "ws://[::1]:8756/y",
		"http://127.0.0.1/a@b", "http://[::1]",
	};

	for (unsigned i = 0; i < sizeof(clear) / sizeof(clear[0]); i++)
		EXPECT_INT(i * 2 + sonde_url_in_clear(clear[i]), i * 2 + 1);
	for (unsigned i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
		EXPECT_INT(i * 2 + sonde_url_in_clear(fine[i]), i * 2);
}

#define ZEROS "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define COUNT "sha256//AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

static void pins(void)
{
	static const char *const bad[] = {
		"sha256//", "AAAA", "sha1//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=",
		"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
		"sha256//AAAA-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", ZEROS " ", ZEROS ",,",
		ZEROS "," ZEROS "x", ",", ZEROS " " ZEROS,
	};
	struct sonde_error e = { "", "" };
	struct sonde_pins p;
	char many[1024] = "";

	EXPECT_INT(sonde_pins_parse(&p, NULL, true, &e), 0);
	EXPECT_INT(p.count, 0);
	EXPECT_INT(sonde_pins_parse(&p, "", true, &e), 0);
	EXPECT_INT(sonde_pins_parse(&p, ZEROS ";" COUNT "," ZEROS, true, &e), 0);
	EXPECT_INT(p.count, 3);
	EXPECT(p.alone);
	for (unsigned i = 0; i < SONDE_PIN_BYTES; i++) {
		EXPECT_INT(p.hash[0][i], 0);
		EXPECT_INT(p.hash[1][i], i);
	}
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int rc = sonde_pins_parse(&p, bad[i], true, &e);
		EXPECT_INT(rc ? (int)i : -1, i);
	}
	for (unsigned i = 0; i < SONDE_PINS_MAX; i++)
		snprintf(many + strlen(many), sizeof(many) - strlen(many), "%s%s", i ? "," : "", ZEROS);
	EXPECT_INT(sonde_pins_parse(&p, many, false, &e), 0);
	snprintf(many + strlen(many), sizeof(many) - strlen(many), ",%s", ZEROS);
	EXPECT(sonde_pins_parse(&p, many, false, &e) != 0);
	EXPECT(strstr(e.text, "more than 8") != NULL);
	EXPECT(sonde_pin_of_file("/dev/null", many, &e) != 0);
	EXPECT(sonde_pin_of_file("/no/such/file", many, &e) != 0);
}

TAP_MAIN(CASE(addresses), CASE(pins))
