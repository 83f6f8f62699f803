/* SPDX-License-Identifier: Apache-2.0 */
/* Reads addresses and pins; owns nothing. Refuses a pin that is not 32 bytes in base64. */
#include "base/trust.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PREFIX "sha256//"
enum { PREFIX_LEN = sizeof(PREFIX) - 1, LETTERS = 44, HOST_ROOM = 64 };

static const char *after_scheme(const char *url)
{
	return !strncasecmp(url, "http://", 7) ? url + 7 : !strncasecmp(url, "ws://", 5) ? url + 5 : NULL;
}

static bool is_loopback(const char *host)
{
	struct in6_addr six, one = IN6ADDR_LOOPBACK_INIT;
	struct in_addr four;

	if (inet_pton(AF_INET, host, &four) == 1)
		return ntohl(four.s_addr) >> 24 == 127;
	if (inet_pton(AF_INET6, host, &six) == 1)
		return !memcmp(&six, &one, sizeof(six));
	return !strcasecmp(host, "localhost");
}

bool sonde_url_in_clear(const char *url)
{
	const char *at = after_scheme(url);
	char host[HOST_ROOM];

	if (!at)
		return false;
	bool six = *at == '[';
	size_t len = six ? strcspn(++at, "]/?#") : strcspn(at, ":/?#");
	/* What stands before an @ is no host. */
	if (len >= sizeof(host) || memchr(at, '@', strcspn(at, "/?#")))
		return true;
	snprintf(host, sizeof(host), "%.*s", (int)len, at);
	return !is_loopback(host);
}

static int value_of(char c)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(letters, c) : NULL;

	return at ? (int)(at - letters) : -1;
}

/* 43 letters and "=": 258 bits, of which the last two must be zero. */
static bool decode(const char *text, uint8_t out[SONDE_PIN_BYTES])
{
	uint32_t bits = 0;
	unsigned have = 0, n = 0;

	if (text[LETTERS - 1] != '=')
		return false;
	for (unsigned i = 0; i < LETTERS - 1; i++) {
		int v = value_of(text[i]);
		if (v < 0)
			return false;
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have >= 8 && n < SONDE_PIN_BYTES)
			out[n++] = (uint8_t)(bits >> (have -= 8));
	}
	return n == SONDE_PIN_BYTES && !(bits & 3);
}

int sonde_pins_parse(struct sonde_pins *p, const char *text, bool alone, struct sonde_error *e)
{
	*p = (struct sonde_pins){ .alone = alone };
	while (text && *text) {
		size_t len = strcspn(text, ",;");
		if (p->count == SONDE_PINS_MAX)
			return sonde_fail(e, SONDE_EINVAL, NULL, "there are more than %d pins",
			                  SONDE_PINS_MAX);
		if (len != PREFIX_LEN + LETTERS || memcmp(text, PREFIX, PREFIX_LEN) ||
		    !decode(text + PREFIX_LEN, p->hash[p->count]))
			return sonde_fail(e, SONDE_EINVAL, NULL, "a pin is sha256//BASE64, as "
			                  "`sonde-controller pin` prints it");
		p->count++;
		text += len + (text[len] != '\0');
	}
	return SONDE_OK;
}
