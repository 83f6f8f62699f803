/* SPDX-License-Identifier: Apache-2.0 */
/* The messages as tables. Adding a member is adding a row; kinds with a list of items say so in
 * their kind row. The decoder owns the item arrays and reuses them. */
#include "wire/wire.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/spans.h"
#include "wire/scan.h"

#define AT(type, member) offsetof(struct type, member)

static const struct field hello_rows[] = {
	{ "node", FIELD_ID, AT(sonde_msg_hello, node) },
	{ "key", FIELD_TEXT, AT(sonde_msg_hello, key), 64 },
	{ "version", FIELD_TEXT, AT(sonde_msg_hello, version), 32 },
	{ "epoch", FIELD_U64, AT(sonde_msg_hello, epoch) },
	{ "first", FIELD_U64, AT(sonde_msg_hello, first) },
	{ "last", FIELD_U64, AT(sonde_msg_hello, last) },
	{ "wallMs", FIELD_I64, AT(sonde_msg_hello, wall_ms) },
	{ "capacity", FIELD_U32, AT(sonde_msg_hello, capacity) },
	{ "plugins", FIELD_OBJECT, AT(sonde_msg_hello, plugins), 1 << 18 },
	{ "schedules", FIELD_U64, AT(sonde_msg_hello, schedules), 0, true },
	{ "address", FIELD_TEXT, AT(sonde_msg_hello, address), 255, true },
	{ "config", FIELD_U64, AT(sonde_msg_hello, config), 0, true },
	{ "insecure", FIELD_BOOL, AT(sonde_msg_hello, insecure), 0, true },
	{ "facts", FIELD_OBJECT, AT(sonde_msg_hello, facts), 4 << 10, true },
	{ NULL },
};

static const struct field welcome_rows[] = {
	{ "epoch", FIELD_U64, AT(sonde_msg_welcome, epoch) },
	{ "seq", FIELD_U64, AT(sonde_msg_welcome, seq) },
	{ "also", FIELD_TEXT, AT(sonde_msg_welcome, also), SONDE_SPANS_TEXT, true },
	{ "beatS", FIELD_U32, AT(sonde_msg_welcome, beat_s) },
	{ "wallMs", FIELD_I64, AT(sonde_msg_welcome, wall_ms) },
	{ "serverMs", FIELD_I64, AT(sonde_msg_welcome, server_ms) },
	{ "update", FIELD_TEXT, AT(sonde_msg_welcome, update), 32, true },
	{ NULL },
};

static const struct field beat_rows[] = {
	{ "load", FIELD_NUMBER, AT(sonde_msg_beat, load) },
	{ "responseMs", FIELD_NUMBER, AT(sonde_msg_beat, response_ms) },
	{ "errorRate", FIELD_NUMBER, AT(sonde_msg_beat, error_rate) },
	{ "probes", FIELD_U64, AT(sonde_msg_beat, probes) },
	{ "active", FIELD_U32, AT(sonde_msg_beat, active) },
	{ "queued", FIELD_U32, AT(sonde_msg_beat, queued) },
	{ "spoolBytes", FIELD_U64, AT(sonde_msg_beat, spool_bytes) },
	{ "spoolCount", FIELD_U64, AT(sonde_msg_beat, spool_count) },
	{ "wallMs", FIELD_I64, AT(sonde_msg_beat, wall_ms) },
	{ "echoMs", FIELD_I64, AT(sonde_msg_beat, echo_ms), 0, true },
	{ "heldMs", FIELD_I64, AT(sonde_msg_beat, held_ms), 0, true },
	{ "capacity", FIELD_U32, AT(sonde_msg_beat, capacity), 0, true },
	{ "uplink", FIELD_U32, AT(sonde_msg_beat, uplink), 0, true },
	{ "storage", FIELD_U32, AT(sonde_msg_beat, storage), 0, true },
	{ NULL },
};

static const struct field task_rows[] = {
	{ "m", FIELD_ID, AT(sonde_msg_task, measurement) },
	{ "i", FIELD_U32, AT(sonde_msg_task, task) },
	{ "a", FIELD_U32, AT(sonde_msg_task, attempt) },
	{ "type", FIELD_TEXT, AT(sonde_msg_task, type), 64 },
	{ "target", FIELD_TEXT, AT(sonde_msg_task, target), 65536 },
	{ "options", FIELD_OBJECT, AT(sonde_msg_task, options), 1 << 17, true },
	{ "timeoutMs", FIELD_U32, AT(sonde_msg_task, timeout_ms) },
	{ "validMs", FIELD_U32, AT(sonde_msg_task, valid_ms) },
	{ "ipVersion", FIELD_U32, AT(sonde_msg_task, ip_version), 0, true },
	{ "progress", FIELD_BOOL, AT(sonde_msg_task, progress), 0, true },
	{ NULL },
};

static const struct field cancel_rows[] = {
	{ "m", FIELD_ID, AT(sonde_msg_task, measurement) },
	{ "i", FIELD_U32, AT(sonde_msg_task, task) },
	{ "a", FIELD_U32, AT(sonde_msg_task, attempt) },
	{ NULL },
};

static const struct field accept_rows[] = {
	{ "m", FIELD_ID, AT(sonde_msg_accept, measurement) },
	{ "i", FIELD_U32, AT(sonde_msg_accept, task) },
	{ "a", FIELD_U32, AT(sonde_msg_accept, attempt) },
	{ "failure", FIELD_FAILURE, AT(sonde_msg_accept, failure), 0, true },
	{ NULL },
};

static const struct field result_rows[] = {
	{ "seq", FIELD_U64, AT(sonde_msg_result, seq), 0, true },
	{ "lost", FIELD_U64, AT(sonde_msg_result, lost), 0, true },
	{ "m", FIELD_ID, AT(sonde_msg_result, measurement) },
	{ "i", FIELD_U32, AT(sonde_msg_result, task) },
	{ "a", FIELD_U32, AT(sonde_msg_result, attempt) },
	{ "failure", FIELD_FAILURE, AT(sonde_msg_result, failure), 0, true },
	{ "startedMs", FIELD_I64, AT(sonde_msg_result, started_ms) },
	{ "tookUs", FIELD_I64, AT(sonde_msg_result, took_us) },
	{ "why", FIELD_TEXT, AT(sonde_msg_result, why), 512, true },
	{ "body", FIELD_OBJECT, AT(sonde_msg_result, body), SONDE_MSG_MAX },
	{ NULL },
};

static const struct field schedule_rows[] = {
	{ "s", FIELD_ID, AT(sonde_msg_schedule, schedule) },
	{ "peer", FIELD_ID, AT(sonde_msg_schedule, peer), 0, true },
	{ "rev", FIELD_U32, AT(sonde_msg_schedule, revision) },
	{ "type", FIELD_TEXT, AT(sonde_msg_schedule, type), 64 },
	{ "target", FIELD_TEXT, AT(sonde_msg_schedule, target), 65536 },
	{ "options", FIELD_OBJECT, AT(sonde_msg_schedule, options), 1 << 17, true },
	{ "timeoutMs", FIELD_U32, AT(sonde_msg_schedule, timeout_ms) },
	{ "ipVersion", FIELD_U32, AT(sonde_msg_schedule, ip_version), 0, true },
	{ "retries", FIELD_U32, AT(sonde_msg_schedule, retries), 0, true },
	{ "priority", FIELD_U32, AT(sonde_msg_schedule, priority) },
	{ "exclusive", FIELD_BOOL, AT(sonde_msg_schedule, exclusive), 0, true },
	{ "secret", FIELD_BOOL, AT(sonde_msg_schedule, secret), 0, true },
	{ "everyMs", FIELD_U64, AT(sonde_msg_schedule, every_ms), 0, true },
	{ "startMs", FIELD_U64, AT(sonde_msg_schedule, start_ms), 0, true },
	{ "untilMs", FIELD_U64, AT(sonde_msg_schedule, until_ms), 0, true },
	{ "phaseMs", FIELD_U64, AT(sonde_msg_schedule, phase_ms), 0, true },
	{ "zoneMinutes", FIELD_I64, AT(sonde_msg_schedule, zone_minutes), 0, true },
	{ "cron", FIELD_TEXT, AT(sonde_msg_schedule, cron), 128, true },
	{ "windows", FIELD_TEXT, AT(sonde_msg_schedule, windows), 2048, true },
	{ NULL },
};

static const struct field schedules_rows[] = {
	{ "version", FIELD_U64, AT(sonde_msg, list.version) },
	{ "part", FIELD_U32, AT(sonde_msg, list.part) },
	{ "parts", FIELD_U32, AT(sonde_msg, list.parts) },
	{ NULL },
};

static const struct field scheduled_rows[] = {
	{ "version", FIELD_U64, AT(sonde_msg_scheduled, version) },
	{ "failure", FIELD_FAILURE, AT(sonde_msg_scheduled, failure), 0, true },
	{ NULL },
};

static const struct field ack_rows[] = {
	{ "epoch", FIELD_U64, AT(sonde_msg_ack, epoch) },
	{ "seq", FIELD_U64, AT(sonde_msg_ack, seq) },
	{ "also", FIELD_TEXT, AT(sonde_msg_ack, also), SONDE_SPANS_TEXT, true },
	{ "serverMs", FIELD_I64, AT(sonde_msg_ack, server_ms) },
	{ NULL },
};

static const struct field progress_rows[] = {
	{ "m", FIELD_ID, AT(sonde_msg_progress, measurement) },
	{ "i", FIELD_U32, AT(sonde_msg_progress, task) },
	{ "a", FIELD_U32, AT(sonde_msg_progress, attempt) },
	{ "text", FIELD_TEXT, AT(sonde_msg_progress, text), 65536 },
	{ NULL },
};

static const struct field reason_rows[] = {
	{ "reason", FIELD_TEXT, AT(sonde_msg, reason), 512, true },
	{ NULL },
};

static const struct field epoch_rows[] = {
	{ "epoch", FIELD_U64, AT(sonde_msg, list.epoch) },
	{ NULL },
};

static const struct field types_rows[] = {
	{ "plugins", FIELD_OBJECT, AT(sonde_msg_types, plugins), 1 << 18 },
	{ "why", FIELD_TEXT, AT(sonde_msg_types, why), 512, true },
	{ "asked", FIELD_BOOL, AT(sonde_msg_types, asked), 0, true },
	{ NULL },
};

enum { SETTINGS_MAX = 16 << 10, REPORT_MAX = 16 << 10, LINES_MAX = 512 << 10, PROBLEM_MAX = 512 };

static const struct field config_rows[] = {
	{ "version", FIELD_U64, AT(sonde_msg_config, version) },
	{ "settings", FIELD_OBJECT, AT(sonde_msg_config, settings), SETTINGS_MAX },
	{ NULL },
};

static const struct field confirm_rows[] = {
	{ "serial", FIELD_U64, AT(sonde_msg_confirm, serial) },
	{ "problem", FIELD_TEXT, AT(sonde_msg_confirm, problem), PROBLEM_MAX, true },
	{ NULL },
};

static const struct field key_rows[] = {
	{ "serial", FIELD_U64, AT(sonde_msg_key, serial) },
	{ "key", FIELD_TEXT, AT(sonde_msg_key, key), 63 },
	{ NULL },
};

static const struct field command_rows[] = {
	{ "id", FIELD_U64, AT(sonde_msg_command, id) },
	{ "what", FIELD_TEXT, AT(sonde_msg_command, what), 32 },
	{ "after", FIELD_U64, AT(sonde_msg_command, after), 0, true },
	{ "lines", FIELD_U32, AT(sonde_msg_command, lines), 0, true },
	{ NULL },
};

static const struct field answer_rows[] = {
	{ "id", FIELD_U64, AT(sonde_msg_answer, id) },
	{ "next", FIELD_U64, AT(sonde_msg_answer, next), 0, true },
	{ "problem", FIELD_TEXT, AT(sonde_msg_answer, problem), PROBLEM_MAX, true },
	{ "text", FIELD_TEXT, AT(sonde_msg_answer, text), LINES_MAX, true },
	{ NULL },
};

static const struct field health_rows[] = {
	{ "report", FIELD_OBJECT, AT(sonde_msg, report), REPORT_MAX },
	{ NULL },
};

static const struct field no_rows[] = { { NULL } };

struct kind {
	const char *name;
	const struct field *rows; /* of the message itself */
	size_t offset;            /* of the struct the rows are about */
	const struct field *items;
	size_t item_size;
};

static const struct kind kinds[] = {
	[SONDE_MSG_HELLO] = { "hello", hello_rows, AT(sonde_msg, hello) },
	[SONDE_MSG_WELCOME] = { "welcome", welcome_rows, AT(sonde_msg, welcome) },
	[SONDE_MSG_BEAT] = { "beat", beat_rows, AT(sonde_msg, beat) },
	[SONDE_MSG_TASKS] = { "tasks", no_rows, 0, task_rows, sizeof(struct sonde_msg_task) },
	[SONDE_MSG_ACCEPT] = { "accept", no_rows, 0, accept_rows, sizeof(struct sonde_msg_accept) },
	[SONDE_MSG_CANCEL] = { "cancel", no_rows, 0, cancel_rows, sizeof(struct sonde_msg_task) },
	[SONDE_MSG_RESULTS] = { "results", epoch_rows, 0, result_rows,
	                        sizeof(struct sonde_msg_result) },
	[SONDE_MSG_ACK] = { "ack", ack_rows, AT(sonde_msg, ack) },
	[SONDE_MSG_PROGRESS] = { "progress", progress_rows, AT(sonde_msg, progress) },
	[SONDE_MSG_BYE] = { "bye", reason_rows, 0 },
	[SONDE_MSG_READY] = { "ready", reason_rows, 0 },
	[SONDE_MSG_OUTCOME] = { "outcome", result_rows, AT(sonde_msg, outcome) },
	[SONDE_MSG_QUIT] = { "quit", reason_rows, 0 },
	[SONDE_MSG_SCHEDULES] = { "schedules", schedules_rows, 0, schedule_rows,
	                          sizeof(struct sonde_msg_schedule) },
	[SONDE_MSG_SCHEDULED] = { "scheduled", scheduled_rows, AT(sonde_msg, scheduled) },
	[SONDE_MSG_RELOAD] = { "reload", no_rows, 0 },
	[SONDE_MSG_TYPES] = { "types", types_rows, AT(sonde_msg, types) },
	[SONDE_MSG_CONFIG] = { "config", config_rows, AT(sonde_msg, config) },
	[SONDE_MSG_CONFIGURED] = { "configured", confirm_rows, AT(sonde_msg, confirm) },
	[SONDE_MSG_KEY] = { "key", key_rows, AT(sonde_msg, key) },
	[SONDE_MSG_KEYED] = { "keyed", confirm_rows, AT(sonde_msg, confirm) },
	[SONDE_MSG_COMMAND] = { "command", command_rows, AT(sonde_msg, command) },
	[SONDE_MSG_ANSWER] = { "answer", answer_rows, AT(sonde_msg, answer) },
	[SONDE_MSG_HEALTH] = { "health", health_rows, 0 },
};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

struct sonde_decoder {
	struct scan *scan;
	/* One array serves every kind of item. */
	union {
		struct sonde_msg_task task;
		struct sonde_msg_accept accept;
		struct sonde_msg_result result;
		struct sonde_msg_schedule schedule;
	} items[SONDE_MSG_ITEMS];
};

int sonde_decoder_new(struct sonde_decoder **out)
{
	struct sonde_decoder *d = calloc(1, sizeof(*d));

	*out = d;
	if (!d)
		return SONDE_ENOMEM;
	int rc = scan_new(&d->scan);
	if (rc != SONDE_OK)
		free(d);
	return rc;
}

void sonde_decoder_free(struct sonde_decoder *d)
{
	if (d)
		scan_free(d->scan);
	free(d);
}

static int decode_items(struct sonde_decoder *d, const struct kind *k, struct sonde_msg *m,
                        struct sonde_error *e)
{
	int list = scan_member(d->scan, 0, "items");
	int count = list < 0 ? -1 : scan_count(d->scan, list);

	if (count < 0)
		return sonde_fail(e, SONDE_EINVAL, "items", "must be an array");
	if (count > SONDE_MSG_ITEMS)
		return sonde_fail(e, SONDE_EINVAL, "items", "has %d entries, more than %d", count,
		                  SONDE_MSG_ITEMS);
	m->list.count = (unsigned)count;
	m->list.results = &d->items[0].result;
	memset(d->items, 0, (size_t)count * k->item_size);
	int at = scan_first(d->scan, list);
	for (int i = 0; i < count; i++, at = scan_next(d->scan, at)) {
		int rc = scan_fields(d->scan, at, k->items, (char *)d->items + i * k->item_size, e);
		if (rc != SONDE_OK) {
			sonde_error_nest(e, "items", i);
			return rc;
		}
	}
	return SONDE_OK;
}

int sonde_msg_decode(struct sonde_decoder *d, char *text, size_t len, struct sonde_msg *m,
                     struct sonde_error *e)
{
	memset(m, 0, sizeof(*m));
	int rc = scan_text(d->scan, text, len, e);
	if (rc != SONDE_OK)
		return rc;
	int tag = scan_member(d->scan, 0, "t");
	unsigned kind = 0;
	while (tag > 0 && ++kind < KINDS && !scan_text_is(d->scan, tag, kinds[kind].name))
		;
	if (!kind || kind == KINDS)
		return sonde_fail(e, SONDE_EINVAL, "t", "is not a kind of message known here");
	m->kind = kind;
	rc = scan_fields(d->scan, 0, kinds[kind].rows, (char *)m + kinds[kind].offset, e);
	if (rc != SONDE_OK || !kinds[kind].items)
		return rc;
	return decode_items(d, &kinds[kind], m, e);
}

static bool is_empty(const struct field *f, const void *from)
{
	static const char zero[sizeof(struct sonde_text)];
	static const size_t sizes[] = {
		[FIELD_ID] = sizeof(struct sonde_id), [FIELD_U64] = 8,  [FIELD_I64] = 8,
		[FIELD_U32] = 4,                      [FIELD_FAILURE] = 1,
		[FIELD_NUMBER] = sizeof(double),      [FIELD_BOOL] = sizeof(bool),
	};

	if (f->kind == FIELD_TEXT || f->kind == FIELD_OBJECT)
		return !((const struct sonde_text *)from)->len;
	return !memcmp(from, zero, sizes[f->kind]);
}

static void encode_field(struct sonde_json *j, const struct field *f, const void *from)
{
	const struct sonde_text *t = from;
	char id[SONDE_ID_TEXT];

	switch (f->kind) {
	case FIELD_ID:
		sonde_id_format(from, id);
		sonde_json_text(j, f->name, id, SONDE_ID_TEXT - 1);
		break;
	case FIELD_FAILURE:
		sonde_json_str(j, f->name, sonde_failure_name(*(const uint8_t *)from));
		break;
	case FIELD_U64:
		sonde_json_int(j, f->name, (int64_t)*(const uint64_t *)from);
		break;
	case FIELD_I64:
		sonde_json_int(j, f->name, *(const int64_t *)from);
		break;
	case FIELD_U32:
		sonde_json_int(j, f->name, *(const uint32_t *)from);
		break;
	case FIELD_NUMBER:
		sonde_json_number(j, f->name, *(const double *)from, 6);
		break;
	case FIELD_BOOL:
		sonde_json_bool(j, f->name, *(const bool *)from);
		break;
	case FIELD_TEXT:
		sonde_json_text(j, f->name, t->s ? t->s : "", t->len);
		break;
	case FIELD_OBJECT:
		if (t->len)
			sonde_json_raw(j, f->name, t->s, t->len);
		else
			sonde_json_raw(j, f->name, "{}", 2);
		break;
	}
}

static void encode_fields(struct sonde_json *j, const struct field *rows, const void *from)
{
	for (; rows->name; rows++) {
		const void *at = (const char *)from + rows->offset;
		if (!rows->optional || !is_empty(rows, at))
			encode_field(j, rows, at);
	}
}

void sonde_msg_encode(struct sonde_buf *b, const struct sonde_msg *m)
{
	const struct kind *k = &kinds[m->kind];
	struct sonde_json j;

	sonde_json_init(&j, b);
	sonde_json_open(&j, NULL, '{');
	sonde_json_str(&j, "t", k->name);
	encode_fields(&j, k->rows, (const char *)m + k->offset);
	if (k->items) {
		sonde_json_open(&j, "items", '[');
		for (unsigned i = 0; i < m->list.count; i++) {
			sonde_json_open(&j, NULL, '{');
			encode_fields(&j, k->items, (const char *)m->list.tasks + i * k->item_size);
			sonde_json_close(&j);
		}
		sonde_json_close(&j);
	}
	sonde_json_close(&j);
}
