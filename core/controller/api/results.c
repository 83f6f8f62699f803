/* SPDX-License-Identifier: Apache-2.0 */
/* Stored results in the order they came in, by the controller's own ingest number: as pages of JSON,
 * and as one stream of JSON lines or CSV that holds one piece in memory at a time. A cursor is the
 * ingest number to go on from; what is stored later has a higher one. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "controller/api/api.h"
#include "controller/members.h"
#include "controller/api/results.h"
#include "controller/result_facts.h"

enum { PAGE = 100, PAGE_MAX = 1000, SCAN_MAX = 20000, PIECE = 64 << 10 };

static const struct record *record_of(struct result_reader *r, const struct sonde_id *id)
{
	struct sonde_slice value;

	if (r->has_record && sonde_id_equal(&r->known, id))
		return &r->record;
	r->known = *id;
	r->has_record = sonde_read_get(r->read, SONDE_TABLE_MEASUREMENTS,
	                               (struct sonde_slice){ id->b, sizeof(id->b) },
	                               &value) == SONDE_OK &&
	                record_read(&r->record, value.data, value.len) == SONDE_OK;
	return r->has_record ? &r->record : NULL;
}

static bool is_text(const char *want, struct sonde_text t)
{
	return !*want || (strlen(want) == t.len && !strncasecmp(want, t.s, t.len));
}

/* What a row is made from. */
struct row {
	uint64_t ingest;
	const struct sonde_result *r;
	const struct record *record; /* NULL when its measurement is not stored */
	const struct node *node;     /* NULL when it was removed */
	struct result_facts facts;
};

static bool fits_record(const struct result_filter *f, const struct record *r)
{
	static const struct sonde_text none;

	return is_text(f->type, r ? r->type : none) && is_text(f->target, r ? r->target : none);
}

static bool fits(struct result_reader *rd, struct row *row)
{
	const struct result_filter *f = &rd->filter;
	const struct sonde_result *r = row->r;

	if ((!sonde_id_is_zero(&f->node) && !sonde_id_equal(&f->node, &r->node)) ||
	    (!sonde_id_is_zero(&f->measurement) && !sonde_id_equal(&f->measurement, &r->measurement)) ||
	    r->received_ms < f->since_ms || (f->until_ms >= 0 && r->received_ms >= f->until_ms) ||
	    (*f->failure && strcmp(f->failure, sonde_failure_name(r->failure))))
		return false;
	row->record = record_of(rd, &r->measurement);
	if (!sonde_id_is_zero(&r->measurement) &&
	    !retention_keeps(&rd->retention, &r->measurement, row->record))
		return false;
	row->node = nodes_by_id(&rd->c->nodes, &r->node);
	if (!fits_record(f, row->record) ||
	    (*f->region && (!row->node || !row->node->facts.region ||
	                    strcasecmp(f->region, row->node->facts.region))))
		return false;
	if (*f->status || rd->format == RESULTS_CSV)
		result_facts_read(&row->facts, r->body.data, r->body.len);
	return !*f->status || !strcmp(f->status, row->facts.status);
}

/* ---- rows ---- */

static void put_json(struct result_reader *rd, const struct row *row)
{
	const struct sonde_result *r = row->r;
	struct sonde_json *j = &rd->json;

	sonde_json_open(j, NULL, '{');
	sonde_json_int(j, "ingest", (int64_t)row->ingest);
	member_time(j, "receivedAt", r->received_ms);
	member_id_or_null(j, "node", &r->node);
	sonde_json_str(j, "nodeName", row->node ? row->node->facts.name : NULL);
	sonde_json_str(j, "region", row->node ? row->node->facts.region : NULL);
	member_id_or_null(j, "measurement", &r->measurement);
	sonde_json_int(j, "task", r->task);
	sonde_json_int(j, "attempt", r->attempt);
	if (row->record) {
		sonde_json_text(j, "type", row->record->type.s, row->record->type.len);
		sonde_json_text(j, "target", row->record->target.s, row->record->target.len);
	}
	sonde_json_bool(j, "late", r->late);
	sonde_json_raw(j, "result", r->body.data, r->body.len);
	sonde_json_close(j);
	if (rd->format == RESULTS_JSONL) {
		sonde_buf_char(rd->b, '\n');
		sonde_json_init(j, rd->b);
	}
}

static const char csv_header[] =
	"ingest,received_at,started_at,node,node_name,region,measurement,task,attempt,type,target,"
	"status,failure,late,duration_ms,min_ms,avg_ms,max_ms,loss_percent,total_ms\r\n";

static void csv_text(struct sonde_buf *b, const char *s, size_t len)
{
	bool plain = true;

	for (size_t i = 0; i < len; i++)
		plain &= s[i] != ',' && s[i] != '"' && s[i] != '\r' && s[i] != '\n';
	if (plain) {
		sonde_buf_add(b, s, len);
	} else {
		sonde_buf_char(b, '"');
		for (size_t i = 0; i < len; i++) {
			if (s[i] == '"')
				sonde_buf_char(b, '"');
			sonde_buf_char(b, s[i]);
		}
		sonde_buf_char(b, '"');
	}
	sonde_buf_char(b, ',');
}

static void csv_str(struct sonde_buf *b, const char *s)
{
	csv_text(b, s ? s : "", s ? strlen(s) : 0);
}

static void csv_id(struct sonde_buf *b, const struct sonde_id *id)
{
	char text[SONDE_ID_TEXT];

	sonde_id_format(id, text);
	csv_str(b, sonde_id_is_zero(id) ? "" : text);
}

static void csv_time(struct sonde_buf *b, int64_t ms)
{
	char when[SONDE_TIME_TEXT];

	sonde_format_time(when, ms);
	csv_str(b, ms ? when : "");
}

static void csv_number(struct sonde_buf *b, double v, char end)
{
	char text[40];

	if (isfinite(v))
		sonde_buf_add(b, text, sonde_format_number(text, v, 3));
	if (end)
		sonde_buf_char(b, end);
}

static void put_csv(struct result_reader *rd, const struct row *row)
{
	static const struct sonde_text none;
	const struct sonde_result *r = row->r;
	const struct result_facts *f = &row->facts;
	struct sonde_text type = row->record ? row->record->type : none;
	struct sonde_text target = row->record ? row->record->target : none;
	struct sonde_buf *b = rd->b;

	csv_number(b, (double)row->ingest, ',');
	csv_time(b, r->received_ms);
	csv_time(b, f->started_ms);
	csv_id(b, &r->node);
	csv_str(b, row->node ? row->node->facts.name : NULL);
	csv_str(b, row->node ? row->node->facts.region : NULL);
	csv_id(b, &r->measurement);
	csv_number(b, r->task, ',');
	csv_number(b, r->attempt, ',');
	csv_text(b, type.s, type.len);
	csv_text(b, target.s, target.len);
	csv_str(b, f->status);
	csv_str(b, r->failure ? sonde_failure_name(r->failure) : "");
	csv_str(b, r->late ? "true" : "false");
	csv_number(b, f->duration_ms, ',');
	csv_number(b, f->min, ',');
	csv_number(b, f->avg, ',');
	csv_number(b, f->max, ',');
	csv_number(b, f->loss, ',');
	csv_number(b, f->total, '\0');
	sonde_buf_str(b, "\r\n");
}

static int on_result(void *arg, uint64_t ingest, const struct sonde_result *r)
{
	struct result_reader *rd = arg;
	struct row row = { .ingest = ingest, .r = r };

	if (rd->scanned >= SCAN_MAX || rd->shown >= rd->limit || rd->b->len >= PIECE)
		return 1;
	rd->scanned++;
	if (!fits(rd, &row))
		return 0;
	rd->shown++;
	if (rd->format == RESULTS_CSV)
		put_csv(rd, &row);
	else
		put_json(rd, &row);
	return 0;
}

int result_reader_next(struct result_reader *rd)
{
	rd->shown = rd->scanned = 0;
	rd->has_record = false;
	retention_init(&rd->retention, rd->c);
	int rc = sonde_read_begin(rd->c->store, &rd->read);
	if (rc != SONDE_OK)
		return rc;
	rc = sonde_read_results(rd->read, rd->next, on_result, rd, &rd->next);
	sonde_read_end(rd->read);
	return rc;
}

/* ---- the question ---- */

static bool read_ids(struct call *call, struct result_filter *f)
{
	char text[65];

	if (call_query(call, "node", text, sizeof(text))) {
		const struct node *n = nodes_find(&call->c->nodes, text);
		if (n)
			f->node = n->id;
		else if (!sonde_id_parse(text, strlen(text), &f->node))
			return call_wrong(call, "node", "must be the id or the name of a node");
	}
	if (call_query(call, "measurement", text, sizeof(text)) &&
	    !sonde_id_parse(text, strlen(text), &f->measurement))
		return call_wrong(call, "measurement", "must be the id of a measurement");
	return true;
}

static bool read_question(struct call *call, struct result_reader *rd)
{
	struct result_filter *f = &rd->filter;
	int64_t cursor;

	*rd = (struct result_reader){ .c = call->c, .limit = UINT32_MAX };
	call_query(call, "type", f->type, sizeof(f->type));
	call_query(call, "target", f->target, sizeof(f->target));
	call_query(call, "status", f->status, sizeof(f->status));
	call_query(call, "failure", f->failure, sizeof(f->failure));
	call_query(call, "region", f->region, sizeof(f->region));
	if (!read_ids(call, f) || !call_time(call, "since", 0, &f->since_ms) ||
	    !call_time(call, "until", -1, &f->until_ms) ||
	    !call_number(call, "cursor", 1, INT64_MAX, 1, &cursor))
		return false;
	rd->next = (uint64_t)cursor;
	return true;
}

void api_list_results(struct call *call)
{
	struct sonde_buf b;
	struct result_reader rd;
	int64_t limit;

	if (!read_question(call, &rd) || !call_number(call, "limit", 1, PAGE_MAX, PAGE, &limit))
		return;
	rd.limit = (unsigned)limit;
	rd.b = &b;
	sonde_buf_init(&b, REPLY_MAX);
	sonde_json_init(&rd.json, &b);
	sonde_json_open(&rd.json, NULL, '{');
	sonde_json_open(&rd.json, "results", '[');
	int rc = result_reader_next(&rd);
	sonde_json_close(&rd.json);
	sonde_json_int(&rd.json, "next", (int64_t)rd.next);
	sonde_json_bool(&rd.json, "more", rc > 0);
	sonde_json_close(&rd.json);
	if (rc >= 0) {
		answer_json(call->c, call->req, 200, &b, NULL);
		return;
	}
	sonde_buf_deinit(&b);
	answer_busy(call->c, call->req, rc);
}

/* ---- export ---- */

static int more(void *arg, struct sonde_buf *b)
{
	struct result_reader *rd = arg;

	if (rd->c->stopping)
		return -1;
	rd->b = b;
	sonde_json_init(&rd->json, b);
	if (rd->header_due)
		sonde_buf_str(b, csv_header);
	rd->header_due = false;
	return result_reader_next(rd);
}

void api_export_results(struct call *call)
{
	static const struct sonde_header headers[] = { { "Cache-Control", "private, no-store" },
		                                       { NULL } };
	struct result_reader *rd = malloc(sizeof(*rd));
	char format[16] = "jsonl";

	if (!rd) {
		answer_busy(call->c, call->req, SONDE_ENOMEM);
		return;
	}
	call_query(call, "format", format, sizeof(format));
	bool csv = !strcmp(format, "csv");
	if (!csv && strcmp(format, "jsonl")) {
		call_wrong(call, "format", "must be jsonl or csv");
		free(rd);
		return;
	}
	if (!read_question(call, rd)) {
		free(rd);
		return;
	}
	rd->format = csv ? RESULTS_CSV : RESULTS_JSONL;
	rd->header_due = csv;
	answer_stream(call->c, call->req, &(struct sonde_reply){ .status = 200,
		.type = csv ? "text/csv; charset=utf-8; header=present" : "application/x-ndjson",
		.headers = headers }, &(struct sonde_stream){ more, free, rd });
}
