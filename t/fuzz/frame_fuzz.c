/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of a websocket client: whatever comes, in one piece and cut in two, is read the same way,
 * within the limits, and text that is delivered is UTF-8. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/frame.h"

enum { MESSAGE_MAX = 4096, PIECES_MAX = 16, INPUT_MAX = 1 << 16 };

struct heard {
	uint64_t hash;
	size_t message;
	unsigned heads;
	struct utf8 utf8;
};

static void mix(struct heard *h, const void *bytes, size_t len)
{
	const unsigned char *p = bytes;

	for (size_t i = 0; i < len; i++)
		h->hash = (h->hash ^ p[i]) * 0x100000001b3;
}

static bool on_head(void *arg, unsigned opcode)
{
	struct heard *h = arg;

	if (opcode > FRAME_PONG || (opcode > FRAME_TEXT && opcode < FRAME_CLOSE))
		abort();
	h->heads++;
	return true;
}

static bool on_text(void *arg, char *bytes, size_t len, bool last)
{
	struct heard *h = arg;

	h->message += len;
	if (h->message > MESSAGE_MAX || !utf8_go_on(&h->utf8, bytes, len) ||
	    (last && h->utf8.missing))
		abort();
	mix(h, bytes, len);
	if (last) {
		mix(h, "\n", 1);
		h->message = 0;
	}
	return true;
}

static bool on_control(void *arg, unsigned opcode, const unsigned char *bytes, size_t len)
{
	if (len > FRAME_CONTROL_MAX)
		abort();
	mix(arg, &opcode, 1);
	mix(arg, bytes, len);
	return true;
}

static const struct frame_sink sink = { on_head, on_text, on_control };

/* Read in pieces of `step` bytes. */
static struct heard read_all(const uint8_t *data, size_t size, size_t step, unsigned *code)
{
	struct frame_reader r;
	struct heard h = { 0 };
	char *copy = malloc(size ? size : 1);

	memcpy(copy, data, size);
	frame_reader_init(&r, &sink, &h, MESSAGE_MAX, PIECES_MAX);
	for (size_t at = 0; at < size; at += step)
		if (!frame_read(&r, copy + at, size - at < step ? size - at : step))
			break;
	*code = r.code;
	if (r.code && !frame_code_valid(r.code))
		abort();
	free(copy);
	return h;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned one, other;

	if (size < 1 || size > INPUT_MAX)
		return 0;
	size_t step = 1 + data[0] % 32;
	struct heard a = read_all(data + 1, size - 1, INPUT_MAX, &one);
	struct heard b = read_all(data + 1, size - 1, step, &other);
	/* What is wrong late in a text is seen before its last piece is handed over. */
	if (one != other || a.heads != b.heads || (!one && a.hash != b.hash))
		abort();
	return 0;
}
