/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: the stream between node and runner, in pieces: byte 0 is their length. Frames must
 * come out the same however the stream was cut, and lie within it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	unsigned frames, good;
	size_t bytes;
	bool broken;
};

static void write_again(const struct sonde_msg *m)
{
	struct sonde_buf b;
	char *text;
	size_t at = 0, len;

	sonde_buf_init(&b, SONDE_MSG_MAX + SONDE_FRAME_HEAD);
	sonde_frame_encode(&b, m);
	if (!b.failed && (sonde_frame_next(&b, &at, &text, &len) != 1 || at != b.len))
		abort();
	sonde_buf_deinit(&b);
}

static void read_all(struct sonde_decoder *d, const uint8_t *p, size_t n, size_t piece,
                     struct seen *seen)
{
	struct sonde_buf in;
	struct sonde_error e;
	struct sonde_msg m;
	size_t len;
	char *text;
	int rc = 0;

	sonde_buf_init(&in, SONDE_MSG_MAX + SONDE_FRAME_HEAD);
	while (n && !seen->broken) {
		size_t take = piece < n ? piece : n, at = 0;
		sonde_buf_add(&in, p, take);
		p += take;
		n -= take;
		while ((rc = sonde_frame_next(&in, &at, &text, &len)) > 0) {
			if (text < in.data || text + len > in.data + in.len)
				abort();
			seen->frames++;
			seen->bytes += len;
			if (sonde_msg_decode(d, text, len, &m, &e) == 0) {
				seen->good++;
				write_again(&m);
			}
		}
		seen->broken = rc < 0;
		sonde_buf_shift(&in, at);
	}
	sonde_buf_deinit(&in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sonde_decoder *decoder;
	struct seen whole = { 0 }, pieces = { 0 };

	if (!size || (!decoder && sonde_decoder_new(&decoder)))
		return 0;
	read_all(decoder, data + 1, size - 1, size, &whole);
	read_all(decoder, data + 1, size - 1, 1u + data[0], &pieces);
	if (memcmp(&whole, &pieces, sizeof(whole)))
		abort();
	return 0;
}
