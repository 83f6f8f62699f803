/* SPDX-License-Identifier: Apache-2.0 */
/* A dialogue with a server: what to send and what to expect, step after step. No I/O: bytes go in
 * and come out, so that it can be tested and fuzzed alone.
 *
 * One step a line of text:
 *	send TEXT          TEXT and a line feed; ${1} is group 1 of the last expect
 *	write TEXT         TEXT alone
 *	expect REGEX       read lines until one matches
 *	expect-bytes TEXT  read until TEXT comes
 *	starttls           begin TLS on the connection
 * In TEXT \r \n \t \0 \\ \xHH are bytes. Empty lines and lines that begin with # are left out. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "connect/pattern.h"

enum {
	DIALOGUE_STEPS_MAX = 16,
	DIALOGUE_TEXT_MAX = 4096,   /* of the whole script */
	DIALOGUE_SEND_MAX = 2048,   /* of one step, after expansion */
	DIALOGUE_LINE_MAX = 4096,   /* that a server may say */
	DIALOGUE_LINES_MAX = 512,   /* bounds the matching */
	DIALOGUE_READ_MAX = 65536,  /* bytes that a server may say */
	DIALOGUE_SHOW_MAX = 256,    /* of a line that matched */
	DIALOGUE_GROUPS_BYTES = 512,
};

enum dialogue_kind {
	DIALOGUE_SEND,
	DIALOGUE_WRITE,
	DIALOGUE_EXPECT,
	DIALOGUE_EXPECT_BYTES,
	DIALOGUE_STARTTLS,
};

struct dialogue_step {
	enum dialogue_kind kind;
	const char *text; /* borrowed from the script */
	size_t len;
	struct sonde_pattern *pattern;
};

struct dialogue {
	unsigned count;
	struct dialogue_step steps[DIALOGUE_STEPS_MAX];
};

/* 0, or -1 with a sentence; then nothing is owned. The text must outlive the dialogue. */
int dialogue_parse(const char *text, struct dialogue *, char *why, size_t cap);
void dialogue_free(struct dialogue *);
const char *dialogue_kind_name(enum dialogue_kind);
/* Whether a step begins TLS. */
bool dialogue_has_tls(const struct dialogue *);

/* One run of it, begun by dialogue_begin(). */
struct dialogue_run {
	unsigned step; /* steps before it are over */
	bool eof;
	size_t in_len, read; /* waiting in `in`; in all */
	unsigned lines;
	unsigned steps_left; /* of matching; dialogue_begin() sets it */
	bool greeted;  /* the first line has come; `greeting` holds its begin */
	size_t greeting_len;
	size_t out_len; /* to be sent for this step */
	struct { size_t start, len; } group[SONDE_PATTERN_GROUPS]; /* in groups */
	struct { size_t len; int64_t at; } seen[DIALOGUE_STEPS_MAX];
	char groups[DIALOGUE_GROUPS_BYTES];
	char show[DIALOGUE_STEPS_MAX][DIALOGUE_SHOW_MAX]; /* what an expect matched */
	char greeting[DIALOGUE_SHOW_MAX];
	uint8_t in[DIALOGUE_LINE_MAX];
	uint8_t out[DIALOGUE_SEND_MAX];
};

enum dialogue_want {
	DIALOGUE_OVER = 0,
	DIALOGUE_WANTS_SEND,  /* out[0..out_len) is to be sent, then dialogue_sent() */
	DIALOGUE_WANTS_READ,  /* dialogue_room() bytes at most, then dialogue_feed() */
	DIALOGUE_WANTS_TLS,   /* then dialogue_secured() */
	DIALOGUE_UNMET,       /* the server closed before an expectation was met */
	DIALOGUE_TOO_MUCH,    /* a line, or all of it, is longer than the limits */
	DIALOGUE_TOO_HARD,    /* an expression took too many steps */
	DIALOGUE_TOO_EARLY,   /* the server spoke before TLS began; nobody knows who said it */
};

void dialogue_begin(struct dialogue_run *);
/* Go on as far as it goes. `now` is noted with each step that is over. */
enum dialogue_want dialogue_go(const struct dialogue *, struct dialogue_run *, int64_t now);
void dialogue_sent(struct dialogue_run *, int64_t now);
void dialogue_secured(struct dialogue_run *, int64_t now);
/* What has come of a first line that has no end yet is the greeting. */
void dialogue_greet(struct dialogue_run *);
size_t dialogue_room(const struct dialogue_run *);
/* len 0: the server has closed. */
void dialogue_feed(struct dialogue_run *, const uint8_t *, size_t len);
