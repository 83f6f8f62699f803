/* SPDX-License-Identifier: Apache-2.0 */
/* The parsers of what the spool and the journal find on disk: any bytes, any first seq. What is
 * accepted must lie within the bytes and must come in order. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "node/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was unpacked is packed again as the same, but for bytes that nobody reads. */
static void check_pack(const struct sonde_msg_result *r, const uint8_t *data, size_t size)
{
	struct sonde_msg_result again;
	struct sonde_buf b;

	sonde_buf_init(&b, size);
	sonde_result_pack(&b, r);
	if (b.failed || b.len != size || sonde_result_unpack(b.data, b.len, &again) ||
	    again.failure != r->failure || again.why.len != r->why.len ||
	    again.body.len != r->body.len || again.took_us != r->took_us ||
	    memcmp(b.data + SONDE_RESULT_HEAD, data + SONDE_RESULT_HEAD, size - SONDE_RESULT_HEAD))
		abort();
	sonde_buf_deinit(&b);
}

static void check_write(const uint8_t *data, size_t size, uint64_t seq)
{
	uint8_t out[SONDE_JOURNAL_LINE];
	struct sonde_journal_line line;
	struct sonde_record r;
	struct sonde_buf b;

	sonde_buf_init(&b, SONDE_RECORD_HEAD + size);
	sonde_record_write(&b, seq, data, size);
	if (b.failed || sonde_record_read((const uint8_t *)b.data, b.len, seq, &r) || r.seq != seq ||
	    r.len != size || r.skipped || memcmp(r.payload, data, size))
		abort();
	sonde_buf_deinit(&b);
	if (!sonde_journal_unpack(data, size, &line)) {
		sonde_journal_pack(out, &line);
		if (memcmp(out, data, sizeof(out)))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sonde_msg_result result;
	struct sonde_journal_line line;
	struct sonde_record r;
	size_t at = 0;
	uint64_t seq = size ? data[0] & 3 : 0;

	if (sonde_crc32c(seq, data, size) != sonde_crc32c_portable(seq, data, size))
		abort();
	if (!sonde_result_unpack(data, size, &result))
		check_pack(&result, data, size);
	sonde_journal_unpack(data, size, &line);
	check_write(data, size, seq + 1);
	if (size)
		at = 1;
	while (!sonde_record_read(data + at, size - at, seq + 1, &r)) {
		if (r.size == 0 || r.size > size - at || r.seq <= seq ||
		    r.payload + r.len > data + size)
			abort();
		sonde_result_unpack(r.payload, r.len, &result);
		sonde_journal_unpack(r.payload, r.len, &line);
		seq = r.seq;
		at += r.size;
	}
	return 0;
}
