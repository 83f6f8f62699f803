/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: the small texts that come from everywhere: ids, times, durations, sets of numbers,
 * names, JSON. What parses is written and parsed again as the same. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "base/log.h"
#include "base/spans.h"
#include "param/param.h"
#include "wire/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void ids_and_times(const char *text, size_t len)
{
	char again[SONDE_ID_TEXT], when[SONDE_TIME_TEXT];
	struct sonde_id id, same;
	int64_t ms, ms2;

	if (sonde_id_parse(text, len, &id)) {
		sonde_id_format(&id, again);
		require(sonde_id_parse(again, strlen(again), &same) && sonde_id_equal(&id, &same));
	}
	if (sonde_parse_time(text, len, &ms) && sonde_format_time(when, ms) && when[0] != '0')
		require(sonde_parse_time(when, strlen(when), &ms2) && ms == ms2);
}

static void spans(const char *text, size_t len)
{
	struct sonde_spans s = { .cum = 3 }, t = { .cum = 3 };
	char again[SONDE_SPANS_TEXT];

	if (!sonde_spans_parse(&s, text, len))
		return;
	sonde_spans_format(&s, again);
	require(sonde_spans_parse(&t, again, strlen(again)) && s.count == t.count);
	for (unsigned i = 0; i < s.count; i++) {
		require(sonde_spans_has(&s, s.at[i].from) && !sonde_spans_has(&s, s.at[i].from - 1));
		require(sonde_spans_end(&s, s.at[i].from) == s.at[i].to);
	}
	if (len && sonde_spans_fits(&s, (unsigned char)text[0], 300u + (unsigned char)text[0]))
		sonde_spans_add(&s, (unsigned char)text[0], 300u + (unsigned char)text[0]);
	/* What lies between is filled; then all up to the end is one. */
	if (s.count && sonde_spans_fits(&s, s.cum + 2, s.at[0].from)) {
		uint64_t last = s.at[s.count - 1].to;
		if (s.cum + 2 <= s.at[0].from)
			sonde_spans_add(&s, s.cum + 2, s.at[0].from);
		if (last < UINT64_MAX) {
			sonde_spans_add(&s, s.at[0].to, last);
			sonde_spans_add(&s, 1, last);
			require(!s.count && s.cum == last && sonde_spans_has(&s, last));
		}
	}
	require(s.count <= SONDE_SPANS);
}

/* The checker of bytes that are passed on is as strict as the library that reads them. */
static void json(const char *text, size_t len)
{
	struct sonde_error e = { "", "" };
	json_t *doc = sonde_json_load(text, len, &e);

	require(!doc == (e.text[0] != '\0'));
	if (doc)
		require(sonde_json_valid(text, len, json_is_object(doc)));
	else if (sonde_json_valid(text, len, true))
		require(strstr(e.text, "duplicate") || strstr(e.text, "real") || strstr(e.text, "integer") ||
		        strstr(e.text, "deep"));
	json_decref(doc);

	struct sonde_json j;
	struct sonde_buf b;
	sonde_buf_init(&b, 1 << 20);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '[');
	sonde_json_text(&j, NULL, text, len);
	sonde_json_close(&j);
	require(sonde_json_valid(b.data, b.len, false));
	sonde_buf_deinit(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	int64_t ns;

	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	ids_and_times(text, size);
	spans(text, size);
	json(text, size);
	if (sonde_parse_duration(text, &ns) == 0)
		require(ns >= 0);
	require(sonde_failure_parse(text, size) < 256);
	sonde_log_level_parse(text);
	free(text);
	return 0;
}
