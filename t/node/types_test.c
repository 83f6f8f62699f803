/* SPDX-License-Identifier: Apache-2.0 */
/* What a new set of plugins may do to the types that serve. */
#include "node/types.h"

#include "tap.h"

static const struct sonde_text now = SONDE_TEXT(
	"{\"plugins\":[{\"name\":\"a\"},{\"name\":\"b\"}],\"refused\":[]}");

static int check(const char *next, struct sonde_error *e)
{
	*e = (struct sonde_error){ 0 };
	return sonde_types_check(now, (struct sonde_text){ next, strlen(next) }, e);
}

static void a_broken_file_in_the_place_of_a_type(void)
{
	struct sonde_error e;

	EXPECT_INT(check("{\"plugins\":[{\"name\":\"a\"}],\"refused\":["
	                 "{\"file\":\"/p/b.so\",\"why\":\"it is torn\"}]}", &e), SONDE_EINVAL);
	EXPECT_STR(e.text, "b.so is broken, so that the plugins stay as they were: it is torn");
	EXPECT_INT(check("{\"plugins\":[{\"name\":\"a\"}],\"refused\":[{\"file\":\"b.so\"}]}", &e),
	           SONDE_EINVAL);
}

static void what_is_no_fault(void)
{
	struct sonde_error e;

	EXPECT_INT(check("{\"plugins\":[{\"name\":\"a\"}]}", &e), SONDE_OK);
	EXPECT_INT(check("{\"plugins\":[],\"refused\":[{\"file\":\"/p/c.so\",\"why\":\"x\"}]}", &e),
	           SONDE_OK);
	/* An earlier directory has it. */
	EXPECT_INT(check("{\"plugins\":[{\"name\":\"b\"}],\"refused\":[{\"file\":\"/q/b.so\"}]}", &e),
	           SONDE_OK);
	/* The directory itself, and rows of a wrong shape. */
	EXPECT_INT(check("{\"plugins\":[],\"refused\":[{\"file\":\"/p\"},7,{\"file\":7},{\"file\":\".so\"}]}",
	                 &e), SONDE_OK);
}

static void what_is_no_description(void)
{
	static const char *const bad[] = { "", "{", "[]", "{}", "{\"plugins\":{}}", "null" };
	struct sonde_error e;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		EXPECT_INT(check(bad[i], &e), SONDE_EINVAL);
	EXPECT_INT(sonde_types_count(now), 2);
	EXPECT_INT(sonde_types_count(SONDE_TEXT("{")), 0);
}

static void disabled_types_are_told_as_refused(void)
{
	struct sonde_crashes crashes = { 0 };
	const struct sonde_text b = SONDE_TEXT("b");
	const int64_t second = 1000000000;
	struct sonde_buf out;

	for (int i = 1; i < SONDE_CRASH_LIMIT; i++)
		EXPECT(!sonde_crashes_note(&crashes, b, i * second));
	EXPECT_INT(sonde_crashes_next(&crashes, 9 * second), 0);
	EXPECT(sonde_crashes_note(&crashes, b, 9 * second));
	EXPECT_INT(sonde_crashes_next(&crashes, 9 * second), 69 * second);
	sonde_buf_init(&out, 4096);
	EXPECT_INT(sonde_types_without(now, &crashes, 10 * second, &out), SONDE_OK);
	EXPECT_STR(sonde_buf_cstr(&out),
	           "{\"plugins\":[{\"name\":\"a\"}],\"refused\":[{\"file\":\"b.so\",\"why\":"
	           "\"it crashed 5 times within a minute: disabled for 59 s\"}]}");
	EXPECT_INT(sonde_types_without(SONDE_TEXT("{"), &crashes, second, &out), SONDE_EINVAL);
	sonde_buf_deinit(&out);
}

TAP_MAIN(CASE(a_broken_file_in_the_place_of_a_type), CASE(what_is_no_fault),
         CASE(what_is_no_description), CASE(disabled_types_are_told_as_refused))
