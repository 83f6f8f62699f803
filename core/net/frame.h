/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of a websocket client by RFC 6455, out of bytes that come in any pieces. No I/O. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FRAME_MORE = 0, FRAME_TEXT = 1, FRAME_BINARY = 2, FRAME_CLOSE = 8, FRAME_PING = 9,
       FRAME_PONG = 10, FRAME_CONTROL = 8, FRAME_CONTROL_MAX = 125 };

/* Where what was read goes. A callback that returns false ends the reading for good; with a close
 * code of its own it calls frame_refuse before. */
struct frame_sink {
	/* A header is whole. */
	bool (*head)(void *arg, unsigned opcode);
	/* A piece of a text message, in the memory that was given; last: the message ends here.
	 * len may be 0. What came so far is UTF-8; at the end no character is left half. */
	bool (*text)(void *arg, char *bytes, size_t len, bool last);
	/* A whole control frame. */
	bool (*control)(void *arg, unsigned opcode, const unsigned char *bytes, size_t len);
};

/* A character that may go on in the next piece. */
struct utf8 {
	unsigned char missing, low, high; /* bytes; the range of the next one */
};

struct frame_reader {
	const struct frame_sink *sink;
	void *arg;
	size_t max_message;    /* bytes; over it: 1009 at the header */
	unsigned max_pieces;   /* frames of one message; over it: 1008 */
	unsigned char head[14];
	unsigned char have;    /* bytes of the header */
	bool inside;           /* the header is whole, the payload is not */
	bool message;          /* begun and not ended */
	unsigned pieces;
	size_t length;         /* of the message, with the frame that is read */
	uint64_t left;         /* of the payload */
	unsigned phase;        /* of the mask */
	struct utf8 utf8;
	unsigned char control[FRAME_CONTROL_MAX], control_len;
	unsigned code;         /* why it ended, 0 = a callback said so */
	const char *why;
};

void frame_reader_init(struct frame_reader *, const struct frame_sink *, void *arg,
                       size_t max_message, unsigned max_pieces);
/* Reads all of it, and unmasks it in place. False: nothing more may be read; see code and why. */
bool frame_read(struct frame_reader *, char *bytes, size_t len);
/* For callbacks; returns false. */
bool frame_refuse(struct frame_reader *, unsigned code, const char *why);
/* Whether a peer may give this code in a close frame. */
bool frame_code_valid(unsigned code);
/* False: no piece that follows can make this UTF-8. */
bool utf8_go_on(struct utf8 *, const char *bytes, size_t len);
