/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of a node's settings: what is taken, what is refused and with which path. */
#include <string.h>

#include "tap.h"
#include "wire/settings.h"

static struct sonde_settings s;
static struct sonde_error error;

static int read_text(const char *text)
{
	json_t *doc = sonde_json_load(text, strlen(text), &error);
	int rc = sonde_settings_read(doc, &s, &error);

	json_decref(doc);
	return rc;
}

static void what_is_given_is_read(void)
{
	EXPECT_INT(read_text("{\"capacity\":8,\"packetsPerSecond\":100,\"beat\":\"2s\",\"selfTest\":"
	                     "\"1m\",\"logLevel\":\"debug\",\"plugins\":{\"ping\":{\"packets\":1}}}"),
	           0);
	EXPECT_INT(s.capacity, 8);
	EXPECT_INT(s.packets_per_second, 100);
	EXPECT(s.beat_ns == 2000000000);
	EXPECT(s.self_test_ns == 60000000000);
	EXPECT_INT(sonde_settings_log_level(&s, 4), 7);
}

static void what_is_not_given_is_the_owners(void)
{
	EXPECT_INT(read_text("{}"), 0);
	EXPECT_INT(s.capacity, 0);
	EXPECT_INT(sonde_settings_log_level(&s, 4), 4);
}

static void what_is_wrong_is_refused(void)
{
	static const struct {
		const char *text, *path;
	} rows[] = {
		{ "{\"capacity\":-1}", "capacity" },
		{ "{\"capacity\":\"many\"}", "capacity" },
		{ "{\"beat\":\"1ms\"}", "beat" },
		{ "{\"selfTest\":\"1ms\"}", "selfTest" },
		{ "{\"logLevel\":\"loud\"}", "logLevel" },
		{ "{\"plugins\":[]}", "plugins" },
		{ "{\"plugins\":{\"ping\":1}}", "plugins" },
		{ "{\"colour\":1}", "colour" },
		{ "[]", "" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		EXPECT(read_text(rows[i].text) != 0);
		EXPECT_STR(error.path, rows[i].path);
	}
}

TAP_MAIN(CASE(what_is_given_is_read), CASE(what_is_not_given_is_the_owners),
         CASE(what_is_wrong_is_refused))
