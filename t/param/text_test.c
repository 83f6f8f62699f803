/* SPDX-License-Identifier: Apache-2.0 */
/* core/param: durations and JSON as texts, and their bounds. */
#include "room.h"

static void durations_are_exact(void)
{
	static const struct {
		const char *text;
		int64_t ns;
	} good[] = {
		{ "0", 0 },
		{ "2", 2000000000 },
		{ "0.1", 100000000 },
		{ "250ms", 250000000 },
		{ "1.5m", 90000000000 },
		{ "1h", 3600000000000 },
		{ "1d", 86400000000000 },
		{ "3us", 3000 },
		{ "7ns", 7 },
		{ "0.000000001", 1 },
		{ "0.5ns", 0 },
		{ "9223372036", 9223372036000000000 },
		{ "9223372036854775807ns", INT64_MAX },
	};
	static const char *const bad[] = {
		"",
		"s",
		"-1s",
		"+1",
		" 1",
		"1 s",
		"1.",
		".5s",
		"1e3",
		"1sec",
		"1S",
		"1h30m",
		"nan",
		"0x1",
		"1.0000000001",
		"9223372037",
		"9223372036854775808ns",
		"99999999999999999999",
		"106752d",
		"1,5s",
		"1..5",
	};
	int64_t ns;

	for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (sonde_parse_duration(good[i].text, &ns))
			tap_fail(__FILE__, __LINE__, "%s was refused", good[i].text);
		EXPECT_INT(ns, good[i].ns);
	}
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (!sonde_parse_duration(bad[i], &ns))
			tap_fail(__FILE__, __LINE__, "%s was taken", bad[i]);
}

static void json_is_bounded(void)
{
	static const char *const bad[] = {
		"",
		"1",
		"\"a\"",
		"{",
		"{\"a\":1,\"a\":2}",
		"{\"a\":{\"b\":1,\"b\":1}}",
		"{\"a\":\"\\u0000\"}",
		"{\"\\u0000\":1}",
		"{\"a\":\"\xff\"}",
		"[1] x",
		"{\"a\":1e999}",
		"[99999999999999999999]",
		"{\"a\":'b'}",
		"[NaN]",
		"{\"a\":\"\n\"}",
	};
	char deep[200];
	struct sonde_error err;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err.text[0] = '\0';
		if (sonde_json_load(bad[i], strlen(bad[i]), &err))
			tap_fail(__FILE__, __LINE__, "%s was taken", bad[i]);
		EXPECT(err.text[0]);
	}
	for (unsigned n = 31; n <= 34; n++) {
		memset(deep, '[', n);
		memset(deep + n, ']', n);
		json_t *v = sonde_json_load(deep, 2 * n, &err);
		EXPECT(!v == (n > 32));
		json_decref(v);
	}
	EXPECT_STR(err.text, "JSON is nested deeper than 32 levels at byte 33");
	const char *quoted = "[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[[\"]";
	json_t *v = sonde_json_load(quoted, strlen(quoted), &err);
	EXPECT(v);
	json_decref(v);
	/* A million brackets must not reach the parser's recursion. */
	size_t n = 1000000;
	char *huge = malloc(n);
	memset(huge, '[', n);
	EXPECT(!sonde_json_load(huge, n, &err));
	free(huge);
	EXPECT(!sonde_json_load("{\"a\":\n x}", 9, &err));
	EXPECT(strstr(err.text, "line 2, column 2"));
}

TAP_MAIN(CASE(durations_are_exact), CASE(json_is_bounded))
