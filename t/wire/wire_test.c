/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of core/wire: every message survives a round trip; foreign bytes are refused with a
 * path. */
#include <sonde/plugin.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "tap.h"
#include "wire/wire.h"

static struct sonde_decoder *decoder;
static struct sonde_buf buf;
static struct sonde_error error;

static void setup(void)
{
	EXPECT_INT(sonde_decoder_new(&decoder), 0);
	sonde_buf_init(&buf, SONDE_MSG_MAX);
}

static void teardown(void)
{
	sonde_decoder_free(decoder);
	sonde_buf_deinit(&buf);
}

static int decode(const char *text, struct sonde_msg *m)
{
	sonde_buf_reset(&buf);
	sonde_buf_str(&buf, text);
	return sonde_msg_decode(decoder, buf.data, buf.len, m, &error);
}

static void results_survive_a_round_trip(void)
{
	struct sonde_id_maker maker = { 0 };
	struct sonde_msg_result r[2] = {
		{ .seq = 7, .task = 1, .attempt = 2, .failure = SONDE_FAIL_TIMEOUT, .started_ms = 5,
		  .took_us = 12, .why = SONDE_TEXT("no \"answer\"\n\xc3\xa9"),
		  .body = SONDE_TEXT("{\"a\":[1,{\"b\":\"}\"}]}") },
		{ .seq = 8, .task = 0, .attempt = 1, .body = SONDE_TEXT("{}") },
	};
	struct sonde_msg in = { .kind = SONDE_MSG_RESULTS, .list = { .epoch = 3, .count = 2 } }, out;

	setup();
	sonde_id_make(&maker, &r[0].measurement);
	sonde_id_make(&maker, &r[1].measurement);
	in.list.results = r;
	sonde_msg_encode(&buf, &in);
	EXPECT(!buf.failed);
	EXPECT_INT(sonde_msg_decode(decoder, buf.data, buf.len, &out, &error), 0);
	EXPECT_INT(out.kind, SONDE_MSG_RESULTS);
	EXPECT_INT(out.list.epoch, 3);
	EXPECT_INT(out.list.count, 2);
	const struct sonde_msg_result *a = &out.list.results[0];
	EXPECT(sonde_id_equal(&a->measurement, &r[0].measurement));
	EXPECT_INT(a->failure, SONDE_FAIL_TIMEOUT);
	EXPECT(a->why.len == r[0].why.len && !memcmp(a->why.s, r[0].why.s, a->why.len));
	EXPECT(a->body.len == r[0].body.len && !memcmp(a->body.s, r[0].body.s, a->body.len));
	EXPECT_INT(out.list.results[1].why.len, 0);
	teardown();
}

static void tasks_and_frames(void)
{
	struct sonde_msg_task t = { .task = 4, .attempt = 1, .type = SONDE_TEXT("ping"),
		                    .target = SONDE_TEXT("example.com"), .timeout_ms = 10000,
		                    .valid_ms = 5000, .progress = true };
	struct sonde_msg in = { .kind = SONDE_MSG_TASKS, .list = { .count = 1, .tasks = &t } }, out;
	size_t at = 0, len;
	char *text;

	setup();
	sonde_frame_encode(&buf, &in);
	size_t one = buf.len;
	sonde_frame_encode(&buf, &in);
	EXPECT_INT(sonde_frame_next(&buf, &at, &text, &len), 1);
	EXPECT_INT(at, one);
	EXPECT_INT(sonde_msg_decode(decoder, text, len, &out, &error), 0);
	EXPECT(out.list.tasks[0].progress && out.list.tasks[0].options.len == 0);
	buf.len--;
	EXPECT_INT(sonde_frame_next(&buf, &at, &text, &len), 0);
	memcpy(buf.data, "\xff\xff\xff\xff", 4);
	at = 0;
	EXPECT_INT(sonde_frame_next(&buf, &at, &text, &len), SONDE_EINVAL);
	teardown();
}

static void bad_messages_name_their_place(void)
{
	static const struct {
		const char *text, *path;
	} cases[] = {
		{ "", "" },
		{ "[]", "" },
		{ "{\"t\":\"nonsense\"}", "t" },
		{ "{\"x\":1}", "t" },
		{ "{\"t\":\"ack\",\"epoch\":1,\"seq\":-1,\"serverMs\":0}", "seq" },
		{ "{\"t\":\"ack\",\"epoch\":1,\"seq\":9007199254740993,\"serverMs\":0}", "seq" },
		{ "{\"t\":\"ack\",\"epoch\":1,\"seq\":\"1\",\"serverMs\":0}", "seq" },
		{ "{\"t\":\"ack\",\"epoch\":1,\"serverMs\":0}", "seq" },
		{ "{\"t\":\"ack\",\"epoch\":1,\"epoch\":2,\"seq\":1,\"serverMs\":0}", "epoch" },
		{ "{\"t\":\"results\",\"epoch\":1,\"items\":{}}", "items" },
		{ "{\"t\":\"results\",\"epoch\":1,\"items\":[3]}", "items[0]" },
		{ "{\"t\":\"accept\",\"items\":[{\"m\":\"x\",\"i\":0,\"a\":1}]}", "items[0].m" },
		{ "{\"t\":\"bye\",\"reason\":\"\\u0000\"}", "reason" },
		{ "{\"t\":\"bye\",\"reason\":\"\\ud800\"}", "reason" },
		{ "{\"t\":\"bye\",\"reason\":\"\xff\"}", "reason" },
	};
	struct sonde_msg m;

	setup();
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int rc = decode(cases[i].text, &m);
		if (rc != SONDE_EINVAL || strcmp(error.path, cases[i].path))
			tap_fail(__FILE__, __LINE__, "%s: status %d, path \"%s\"", cases[i].text, rc,
			         error.path);
	}
	EXPECT_INT(decode("{\"t\":\"bye\",\"reason\":\"\\u00e9\\ud83d\\ude00\",\"new\":[{}]}", &m), 0);
	EXPECT_INT(m.reason.len, 6);
	EXPECT(!memcmp(m.reason.s, "\xc3\xa9\xf0\x9f\x98\x80", 6));
	teardown();
}

static void strict_json_check(void)
{
	static const char *const good[] = { "{}", " {\"a\":[]} ", "{\"a\":{\"b\":-1.5e+3},\"c\":null}",
		                            "{\"\\u20ac\":\"\xe2\x82\xac\"}" };
	static const char *const bad[] = { "", "[]", "{", "{}}", "{,}", "{\"a\":}", "{\"a\":1,}",
		                           "{\"a\":01}", "{\"a\":+1}", "{a:1}", "{\"a\":[1,]}",
		                           "{\"a\":nul}", "{\"a\":\"\t\"}", "{\"a\":1 2}",
		                           "{\"a\":\"\xc0\xaf\"}", "{\"a\":1.}", "{\"a\" 1}" };
	char deep[200];

	for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!sonde_json_valid(good[i], strlen(good[i]), true))
			tap_fail(__FILE__, __LINE__, "refused: %s", good[i]);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (sonde_json_valid(bad[i], strlen(bad[i]), true))
			tap_fail(__FILE__, __LINE__, "accepted: %s", bad[i]);
	memset(deep, '[', 100);
	memset(deep + 100, ']', 100);
	EXPECT(!sonde_json_valid(deep, 200, false));
	EXPECT(sonde_json_valid(deep + 68, 64, false));
}

static void schedules_survive_a_round_trip(void)
{
	struct sonde_msg_schedule items[2] = {
		{ .schedule = { { 1 } }, .peer = { { 2 } }, .revision = 3, .type = SONDE_TEXT("ping"),
		  .target = SONDE_TEXT("a.example"), .options = SONDE_TEXT("{\"packets\":3}"),
		  .timeout_ms = 9000, .retries = 2, .priority = 7, .exclusive = true,
		  .every_ms = 30000, .phase_ms = 12, .zone_minutes = -90,
		  .windows = SONDE_TEXT("60000@* * * * *") },
		{ .schedule = { { 4 } }, .type = SONDE_TEXT("echo"), .target = SONDE_TEXT("x"),
		  .priority = 50, .cron = SONDE_TEXT("*/5 * * * *"), .until_ms = 99 },
	};
	struct sonde_msg m = { .kind = SONDE_MSG_SCHEDULES }, back;

	setup();
	m.list.version = 77;
	m.list.part = 1;
	m.list.parts = 2;
	m.list.count = 2;
	m.list.schedules = items;
	sonde_msg_encode(&buf, &m);
	EXPECT_INT(sonde_msg_decode(decoder, buf.data, buf.len, &back, &error), 0);
	EXPECT(back.list.version == 77 && back.list.part == 1 && back.list.parts == 2);
	const struct sonde_msg_schedule *s = back.list.schedules;
	EXPECT_INT(back.list.count, 2);
	EXPECT(sonde_id_equal(&s[0].peer, &items[0].peer) && s[0].exclusive && s[0].retries == 2);
	EXPECT(s[0].zone_minutes == -90 && s[0].every_ms == 30000 && s[0].phase_ms == 12);
	EXPECT(s[0].windows.len == 15 && s[0].options.len == 13);
	EXPECT(sonde_id_is_zero(&s[1].peer) && !s[1].every_ms && s[1].until_ms == 99);
	EXPECT(s[1].cron.len == 11 && !memcmp(s[1].cron.s, "*/5 * * * *", 11));

	struct sonde_msg said = { .kind = SONDE_MSG_SCHEDULED,
		                  .scheduled = { 77, SONDE_FAIL_INTERNAL } };
	sonde_buf_reset(&buf);
	sonde_msg_encode(&buf, &said);
	EXPECT_INT(sonde_msg_decode(decoder, buf.data, buf.len, &back, &error), 0);
	EXPECT(back.scheduled.version == 77 && back.scheduled.failure == SONDE_FAIL_INTERNAL);
	teardown();
}

static void large_bodies_are_linear(void)
{
	struct sonde_msg m;
	struct sonde_json j;

	setup();
	sonde_json_init(&j, &buf);
	sonde_json_open(&j, NULL, '{');
	sonde_json_str(&j, "t", "outcome");
	sonde_json_str(&j, "m", "01234567890123456789012345");
	sonde_json_int(&j, "i", 0);
	sonde_json_int(&j, "a", 1);
	sonde_json_int(&j, "startedMs", 0);
	sonde_json_int(&j, "tookUs", 0);
	sonde_json_open(&j, "body", '{');
	sonde_json_open(&j, "hosts", '[');
	for (int i = 0; i < 60000; i++) {
		sonde_json_open(&j, NULL, '[');
		sonde_json_str(&j, NULL, "127.0.0.1");
		sonde_json_number(&j, NULL, 0.004, 3);
		sonde_json_close(&j);
	}
	for (int i = 0; i < 3; i++)
		sonde_json_close(&j);
	EXPECT(!buf.failed);
	EXPECT_INT(sonde_msg_decode(decoder, buf.data, buf.len, &m, &error), 0);
	EXPECT(m.outcome.body.len > 60000 * 15);
	teardown();
}

static void types_and_reload(void)
{
	struct sonde_msg in = { .kind = SONDE_MSG_TYPES,
		                .types = { SONDE_TEXT("{\"plugins\":[{\"name\":\"a\"}]}"),
		                           SONDE_TEXT("a \"b\""), true } };
	struct sonde_msg out;

	setup();
	sonde_msg_encode(&buf, &in);
	EXPECT_INT(sonde_msg_decode(decoder, buf.data, buf.len, &out, &error), 0);
	EXPECT_INT(out.kind, SONDE_MSG_TYPES);
	EXPECT(out.types.asked && out.types.why.len == 5);
	EXPECT(out.types.plugins.len == in.types.plugins.len);
	in.types.why.len = 0;
	sonde_buf_reset(&buf);
	sonde_msg_encode(&buf, &in);
	EXPECT_INT(sonde_msg_decode(decoder, buf.data, buf.len, &out, &error), 0);
	EXPECT_INT(out.types.why.len, 0);
	EXPECT_INT(decode("{\"t\":\"types\",\"plugins\":[]}", &out), SONDE_EINVAL);
	EXPECT_STR(error.path, "plugins");
	EXPECT_INT(decode("{\"t\":\"reload\"}", &out), 0);
	EXPECT_INT(out.kind, SONDE_MSG_RELOAD);
	teardown();
}

static void the_life_of_a_node(void)
{
	struct sonde_msg in = { .kind = SONDE_MSG_ANSWER,
		                .answer = { .id = 7, .next = 9, .text = SONDE_TEXT("a\n\"b\"\n") } };
	struct sonde_msg out;

	setup();
	sonde_msg_encode(&buf, &in);
	EXPECT_INT(sonde_msg_decode(decoder, buf.data, buf.len, &out, &error), 0);
	EXPECT(out.answer.id == 7 && out.answer.next == 9 && out.answer.text.len == 6);
	EXPECT(!memcmp(out.answer.text.s, "a\n\"b\"\n", 6));
	EXPECT_INT(decode("{\"t\":\"config\",\"version\":3,\"settings\":{\"capacity\":1}}", &out), 0);
	EXPECT(out.config.version == 3 && out.config.settings.len == 14);
	EXPECT_INT(decode("{\"t\":\"config\",\"version\":3,\"settings\":[]}", &out), SONDE_EINVAL);
	EXPECT_STR(error.path, "settings");
	EXPECT_INT(decode("{\"t\":\"key\",\"serial\":3,\"key\":\"k\"}", &out), 0);
	EXPECT(out.key.serial == 3 && out.key.key.len == 1);
	EXPECT_INT(decode("{\"t\":\"keyed\",\"serial\":3,\"problem\":\"p\"}", &out), 0);
	EXPECT(out.confirm.serial == 3 && out.confirm.problem.len == 1);
	EXPECT_INT(decode("{\"t\":\"command\",\"id\":1,\"what\":\"logs\",\"lines\":-1}", &out), SONDE_EINVAL);
	EXPECT_STR(error.path, "lines");
	EXPECT_INT(decode("{\"t\":\"health\",\"report\":{\"icmp\":{}}}", &out), 0);
	EXPECT_INT(out.report.len, 11);
	teardown();
}

TAP_MAIN(CASE(the_life_of_a_node), CASE(results_survive_a_round_trip), CASE(tasks_and_frames),
         CASE(types_and_reload),
         CASE(bad_messages_name_their_place), CASE(strict_json_check),
         CASE(schedules_survive_a_round_trip), CASE(large_bodies_are_linear))
