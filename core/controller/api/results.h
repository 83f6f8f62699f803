/* SPDX-License-Identifier: Apache-2.0 */
/* Reading stored results by ingest number through a filter, a piece at a time; what the pages, the
 * export and the live websockets share. Lives as long as its user likes: it holds no read open. */
#pragma once
#include "base/json.h"
#include "controller/controller.h"
#include "controller/retain.h"

enum result_format { RESULTS_JSON, RESULTS_JSONL, RESULTS_CSV };

struct result_filter {
	struct sonde_id node, measurement; /* zero = any */
	char type[64], target[256], status[16], failure[24], region[65];
	int64_t since_ms, until_ms; /* of receipt; -1 = no end */
};

struct result_reader {
	struct controller *c;
	struct result_filter filter;
	enum result_format format;
	uint64_t next; /* ingest number */
	/* of one piece or page */
	struct sonde_read *read;
	struct sonde_buf *b;
	struct sonde_json json;
	unsigned limit, shown, scanned; /* rows of a piece at most; rows it has; results looked at */
	struct sonde_id known; /* whose record this is */
	struct record record;
	struct retention retention;
	bool has_record, header_due;
};

/* Append what comes next to b, as rows of the format; in JSON into the open array of `json`. 1 = there
 * is more, 0 = that was all, < 0 = status. */
int result_reader_next(struct result_reader *);
