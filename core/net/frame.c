/* SPDX-License-Identifier: Apache-2.0 */
/* Reads frames: a header byte by byte, and each byte is judged when it comes, so that what is wrong
 * is refused before its payload; then the payload in the pieces it arrives in. Refuses frames
 * without a mask, reserved bits and opcodes, binary messages, lengths that are not in their shortest
 * form, control frames that are long or in pieces, and text that is not UTF-8. Owns no memory. */
#include "net/frame.h"

#include <string.h>

enum { BAD_PROTOCOL = 1002, BAD_TYPE = 1003, BAD_TEXT = 1007, BAD_MANNERS = 1008, BAD_SIZE = 1009,
       FIN = 0x80, RESERVED = 0x70, MASKED = 0x80, MASK = 4 };

void frame_reader_init(struct frame_reader *r, const struct frame_sink *sink, void *arg,
                       size_t max_message, unsigned max_pieces)
{
	*r = (struct frame_reader){ .sink = sink, .arg = arg, .max_message = max_message,
		                    .max_pieces = max_pieces };
}

bool frame_refuse(struct frame_reader *r, unsigned code, const char *why)
{
	r->code = code;
	r->why = why;
	return false;
}

bool frame_code_valid(unsigned code)
{
	return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
	       (code >= 3000 && code <= 4999);
}

/* -------- text -------- */

/* First bytes of more than one, and what may follow them. */
static const struct {
	unsigned char first, last;
	struct utf8 then;
} leads[] = {
	{ 0xc2, 0xdf, { 1, 0x80, 0xbf } }, { 0xe0, 0xe0, { 2, 0xa0, 0xbf } },
	{ 0xe1, 0xec, { 2, 0x80, 0xbf } }, { 0xed, 0xed, { 2, 0x80, 0x9f } },
	{ 0xee, 0xef, { 2, 0x80, 0xbf } }, { 0xf0, 0xf0, { 3, 0x90, 0xbf } },
	{ 0xf1, 0xf3, { 3, 0x80, 0xbf } }, { 0xf4, 0xf4, { 3, 0x80, 0x8f } },
};

static bool begin_character(struct utf8 *u, unsigned char c)
{
	for (size_t i = 0; i < sizeof(leads) / sizeof(leads[0]); i++) {
		if (c >= leads[i].first && c <= leads[i].last) {
			*u = leads[i].then;
			return true;
		}
	}
	return c < 0x80;
}

bool utf8_go_on(struct utf8 *u, const char *bytes, size_t len)
{
	const unsigned char *p = (const unsigned char *)bytes, *end = p + len;
	uint64_t eight;

	while (p < end) {
		if (u->missing) {
			if (*p < u->low || *p > u->high)
				return false;
			*u = (struct utf8){ u->missing - 1, 0x80, 0xbf };
			p++;
			continue;
		}
		while (end - p >= 8 && (memcpy(&eight, p, 8), !(eight & 0x8080808080808080)))
			p += 8;
		if (p < end && !begin_character(u, *p++))
			return false;
	}
	return true;
}

/* -------- headers -------- */

static unsigned opcode_of(const struct frame_reader *r)
{
	return r->head[0] & 0x0f;
}

static bool check_first(struct frame_reader *r)
{
	unsigned op = opcode_of(r);
	bool control = op & FRAME_CONTROL;

	if (r->head[0] & RESERVED)
		return frame_refuse(r, BAD_PROTOCOL, "a reserved bit is set");
	if (op > (control ? FRAME_PONG : FRAME_BINARY))
		return frame_refuse(r, BAD_PROTOCOL, "the opcode is reserved");
	if (control && !(r->head[0] & FIN))
		return frame_refuse(r, BAD_PROTOCOL, "a control frame comes in pieces");
	if (op == FRAME_MORE && !r->message)
		return frame_refuse(r, BAD_PROTOCOL, "there is no message to continue");
	if ((op == FRAME_TEXT || op == FRAME_BINARY) && r->message)
		return frame_refuse(r, BAD_PROTOCOL, "the message before has not ended");
	if (op == FRAME_BINARY)
		return frame_refuse(r, BAD_TYPE, "only text messages are understood");
	return true;
}

static bool check_second(struct frame_reader *r)
{
	if (!(r->head[1] & MASKED))
		return frame_refuse(r, BAD_PROTOCOL, "a frame has no mask");
	if ((opcode_of(r) & FRAME_CONTROL) && (r->head[1] & 0x7f) > FRAME_CONTROL_MAX)
		return frame_refuse(r, BAD_PROTOCOL, "a control frame is too long");
	return true;
}

static size_t length_bytes(const struct frame_reader *r)
{
	unsigned n = r->head[1] & 0x7f;

	return n < 126 ? 0 : n == 126 ? 2 : 8;
}

static bool read_length(struct frame_reader *r)
{
	static const uint64_t least[] = { [0] = 0, [2] = 126, [8] = 65536 };
	size_t n = length_bytes(r);
	uint64_t len = n ? 0 : r->head[1] & 0x7f;

	for (size_t i = 0; i < n; i++)
		len = len << 8 | r->head[2 + i];
	if (len < least[n] || len > INT64_MAX)
		return frame_refuse(r, BAD_PROTOCOL, "the length of a frame is malformed");
	r->left = len;
	return true;
}

/* The header of a frame of a message. */
static bool begin_piece(struct frame_reader *r)
{
	if (!r->message) {
		r->pieces = 0;
		r->length = 0;
	}
	if (r->left > r->max_message - r->length)
		return frame_refuse(r, BAD_SIZE, "the message is too long");
	if (++r->pieces > r->max_pieces)
		return frame_refuse(r, BAD_MANNERS, "the message comes in too many pieces");
	r->length += r->left;
	r->message = true;
	return true;
}

static bool begin_frame(struct frame_reader *r)
{
	if (!r->sink->head(r->arg, opcode_of(r)))
		return false;
	r->inside = true;
	r->phase = 0;
	r->control_len = 0;
	return (opcode_of(r) & FRAME_CONTROL) || begin_piece(r);
}

/* One byte more. */
static bool grow_head(struct frame_reader *r, char byte)
{
	r->head[r->have++] = (unsigned char)byte;
	if (r->have == 1)
		return check_first(r);
	if (r->have == 2)
		return check_second(r);
	size_t n = 2 + length_bytes(r);
	if (r->have == n + MASK)
		return read_length(r) && begin_frame(r);
	/* A length that is refused is refused before the mask has come. */
	return r->have != n || read_length(r);
}

/* -------- payload -------- */

static void unmask(struct frame_reader *r, char *bytes, size_t len)
{
	const unsigned char *mask = r->head + 2 + length_bytes(r);
	unsigned char turned[8];
	uint64_t eight, key;
	size_t i = 0;

	for (unsigned k = 0; k < 8; k++)
		turned[k] = mask[(r->phase + k) & 3];
	memcpy(&key, turned, 8);
	for (; len - i >= 8; i += 8) {
		memcpy(&eight, bytes + i, 8);
		eight ^= key;
		memcpy(bytes + i, &eight, 8);
	}
	for (; i < len; i++)
		bytes[i] = (char)(bytes[i] ^ (char)turned[i & 7]);
	r->phase = (r->phase + (unsigned)(len & 3)) & 3;
}

static bool end_control(struct frame_reader *r)
{
	return r->sink->control(r->arg, opcode_of(r), r->control, r->control_len);
}

static bool take_text(struct frame_reader *r, char *bytes, size_t len)
{
	bool last = !r->left && (r->head[0] & FIN);

	if (!utf8_go_on(&r->utf8, bytes, len) || (last && r->utf8.missing))
		return frame_refuse(r, BAD_TEXT, "a text is not UTF-8");
	if (last)
		r->message = false;
	return r->sink->text(r->arg, bytes, len, last);
}

/* len is not more than what is left. */
static bool take_payload(struct frame_reader *r, char *bytes, size_t len)
{
	unmask(r, bytes, len);
	r->left -= len;
	if (!r->left) {
		r->inside = false;
		r->have = 0;
	}
	if (!(opcode_of(r) & FRAME_CONTROL))
		return take_text(r, bytes, len);
	memcpy(r->control + r->control_len, bytes, len);
	r->control_len += (unsigned char)len;
	return r->left || end_control(r);
}

bool frame_read(struct frame_reader *r, char *bytes, size_t len)
{
	size_t at = 0;

	while (at < len || (r->inside && !r->left)) {
		if (!r->inside) {
			if (!grow_head(r, bytes[at++]))
				return false;
			continue;
		}
		size_t n = r->left < len - at ? (size_t)r->left : len - at;
		if (!take_payload(r, bytes + at, n))
			return false;
		at += n;
	}
	return true;
}
