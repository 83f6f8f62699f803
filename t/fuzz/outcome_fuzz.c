/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: what a plugin writes during a probe, call by call: byte 0 of a call says which, the
 * next its length, then that many letters as key and value. However a plugin errs, what comes out is
 * one JSON object within its bounds. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plug/result.h"

enum { BODY_MAX = 4096, RAW_MAX = 300 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void call(struct sonde_result *r, unsigned what, const char *s, size_t len)
{
	char key[72];
	double number = 0;

	snprintf(key, sizeof(key), "%.*s", (int)len, s);
	memcpy(&number, s, len < sizeof(number) ? len : sizeof(number));
	const char *k = what & 0x80 ? NULL : key;
	switch (what & 0x0f) {
	case 0: sonde_result_open(r, k, '{'); break;
	case 1: sonde_result_open(r, k, '['); break;
	case 2: sonde_result_close(r); break;
	case 3: sonde_result_int(r, k, (int64_t)len - 7); break;
	case 4: sonde_result_number(r, k, number, what >> 4 & 7); break;
	case 5: sonde_result_text(r, k, s, len); break;
	case 6: sonde_result_bool(r, k, len & 1); break;
	case 7: sonde_result_null(r, k); break;
	case 8: sonde_result_raw(r, k, s, len); break;
	case 9: sonde_result_raw(r, "raw", s, len); break;
	case 10: sonde_result_print(r, s, len); break;
	case 11: sonde_result_open(r, k, s[0]); break;
	default: sonde_result_text(r, "text", s, len); break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sonde_result r;
	size_t len;

	sonde_result_init(&r, BODY_MAX, RAW_MAX);
	for (size_t at = 0; at + 2 < size;) {
		size_t n = data[at + 1] < size - at - 2 ? data[at + 1] : size - at - 2;
		char *exact = malloc(n + 1);
		memcpy(exact, data + at + 2, n);
		exact[n] = '\0';
		call(&r, data[at], exact, n);
		free(exact);
		at += 2 + n;
	}
	const char *text = sonde_result_end(&r, &len);
	if (len > BODY_MAX + 8 * RAW_MAX || strlen(text) != len || !sonde_json_valid(text, len, true))
		abort();
	sonde_result_deinit(&r);
	return 0;
}
