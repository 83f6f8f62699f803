/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the script, and running it over bytes. Refuses unknown words, bad expressions and bad
 * escapes when the script is read; whatever a server says is cut at the limits of the header. Owns
 * the compiled expressions. */
#include "tcp/dialogue.h"

#include <stdio.h>
#include <string.h>

#include "connect/bytes.h"

static const char *const words[] = { "send", "write", "expect", "expect-bytes", "starttls" };
enum { WORDS = sizeof(words) / sizeof(words[0]) };

const char *dialogue_kind_name(enum dialogue_kind kind)
{
	return words[kind];
}

static int read_step(struct dialogue_step *s, const char *line, size_t len, char *why, size_t cap)
{
	uint8_t bytes[DIALOGUE_SEND_MAX];
	char inner[160];
	size_t word = 0;

	while (word < len && line[word] != ' ')
		word++;
	unsigned kind = 0;
	while (kind < WORDS && (strlen(words[kind]) != word || memcmp(words[kind], line, word)))
		kind++;
	if (kind == WORDS) {
		snprintf(why, cap,
		         "begins with none of send, write, expect, expect-bytes, starttls");
		return -1;
	}
	s->kind = kind;
	s->text = word < len ? line + word + 1 : line + word;
	s->len = word < len ? len - word - 1 : 0;
	if (kind == DIALOGUE_EXPECT) {
		s->pattern = sonde_pattern_new(s->text, s->len, inner, sizeof(inner));
		snprintf(why, cap, "%s", s->pattern ? "" : inner);
		return s->pattern ? 0 : -1;
	}
	if (sonde_bytes_unescape(s->text, s->len, bytes, sizeof(bytes) - 1) < 0) {
		snprintf(why, cap, "is too long or has an escape that is none of "
		                   "\\r \\n \\t \\0 \\\\ \\xHH");
		return -1;
	}
	if (kind == DIALOGUE_EXPECT_BYTES && !s->len) {
		snprintf(why, cap, "expects nothing");
		return -1;
	}
	if (kind == DIALOGUE_STARTTLS && s->len) {
		snprintf(why, cap, "says more than starttls");
		return -1;
	}
	return 0;
}

bool dialogue_has_tls(const struct dialogue *d)
{
	for (unsigned i = 0; i < d->count; i++)
		if (d->steps[i].kind == DIALOGUE_STARTTLS)
			return true;
	return false;
}

int dialogue_parse(const char *text, struct dialogue *d, char *why, size_t cap)
{
	unsigned number = 0;
	char inner[200];

	memset(d, 0, sizeof(*d));
	if (strlen(text) > DIALOGUE_TEXT_MAX) {
		snprintf(why, cap, "is longer than %d bytes", DIALOGUE_TEXT_MAX);
		return -1;
	}
	while (*text) {
		size_t len = strcspn(text, "\n");
		number++;
		size_t used = len && text[len - 1] == '\r' ? len - 1 : len;
		if (used && *text != '#') {
			snprintf(inner, sizeof(inner), "is one of more than %d steps",
			         DIALOGUE_STEPS_MAX);
			if (d->count == DIALOGUE_STEPS_MAX ||
			    read_step(&d->steps[d->count], text, used, inner, sizeof(inner))) {
				snprintf(why, cap, "line %u %s", number, inner);
				dialogue_free(d);
				return -1;
			}
			d->count++;
		}
		text += len + (text[len] == '\n');
	}
	return 0;
}

void dialogue_free(struct dialogue *d)
{
	for (unsigned i = 0; i < d->count; i++)
		sonde_pattern_free(d->steps[i].pattern);
	d->count = 0;
}

/* ${N}: its group; everything else stays as it is. Cut silently: a step is bounded by its buffer,
 * and what a server said must not make a send fail. */
static void expand(struct dialogue_run *r, const uint8_t *in, size_t len)
{
	for (size_t i = 0; i < len && r->out_len < DIALOGUE_SEND_MAX - 1; i++) {
		if (len - i < 4 || in[i] != '$' || in[i + 1] != '{' || in[i + 2] < '0' ||
		    in[i + 2] > '9' || in[i + 3] != '}') {
			r->out[r->out_len++] = in[i];
			continue;
		}
		unsigned g = in[i + 2] - '0';
		size_t room = DIALOGUE_SEND_MAX - 1 - r->out_len;
		size_t n = r->group[g].len < room ? r->group[g].len : room;
		memcpy(r->out + r->out_len, r->groups + r->group[g].start, n);
		r->out_len += n;
		i += 3;
	}
}

static void build(struct dialogue_run *r, const struct dialogue_step *s)
{
	uint8_t bytes[DIALOGUE_SEND_MAX];
	ssize_t n = sonde_bytes_unescape(s->text, s->len, bytes, sizeof(bytes) - 1);

	r->out_len = 0;
	expand(r, bytes, n < 0 ? 0 : (size_t)n);
	if (s->kind == DIALOGUE_SEND)
		r->out[r->out_len++] = '\n';
}

static void consume(struct dialogue_run *r, size_t n)
{
	memmove(r->in, r->in + n, r->in_len - n);
	r->in_len -= n;
}

static void pass(struct dialogue_run *r, const uint8_t *line, size_t len, int64_t now)
{
	size_t n = len < DIALOGUE_SHOW_MAX ? len : DIALOGUE_SHOW_MAX;

	if (n)
		memcpy(r->show[r->step], line, n);
	r->seen[r->step].len = n;
	r->seen[r->step].at = now;
	r->step++;
}

static void keep_groups(struct dialogue_run *r, const struct sonde_pattern *p, const uint8_t *line)
{
	size_t used = 0;

	memset(r->group, 0, sizeof(r->group));
	for (unsigned i = 0; i < SONDE_PATTERN_GROUPS; i++) {
		size_t start, len;
		if (!sonde_pattern_group(p, i, &start, &len))
			continue;
		if (len > DIALOGUE_GROUPS_BYTES - used)
			len = DIALOGUE_GROUPS_BYTES - used;
		memcpy(r->groups + used, line + start, len);
		r->group[i].start = used;
		r->group[i].len = len;
		used += len;
	}
}

static void greet(struct dialogue_run *r, size_t len)
{
	if (r->greeted)
		return;
	r->greeted = true;
	r->greeting_len = len < DIALOGUE_SHOW_MAX ? len : DIALOGUE_SHOW_MAX;
	memcpy(r->greeting, r->in, r->greeting_len);
}

void dialogue_greet(struct dialogue_run *r)
{
	if (r->in_len)
		greet(r, r->in_len);
}

static enum dialogue_want lacks(const struct dialogue_run *r)
{
	if (r->eof)
		return DIALOGUE_UNMET;
	if (r->in_len == sizeof(r->in) || r->read >= DIALOGUE_READ_MAX)
		return DIALOGUE_TOO_MUCH;
	return DIALOGUE_WANTS_READ;
}

static enum dialogue_want expect_line(struct dialogue_run *r, const struct dialogue_step *s,
                                      int64_t now)
{
	for (;;) {
		const uint8_t *end = r->in_len ? memchr(r->in, '\n', r->in_len) : NULL;
		if (!end && !(r->eof && r->in_len))
			return lacks(r);
		if (++r->lines > DIALOGUE_LINES_MAX)
			return DIALOGUE_TOO_MUCH;
		size_t used = end ? (size_t)(end - r->in) + 1 : r->in_len;
		size_t len = end ? used - 1 : used;
		if (len && r->in[len - 1] == '\r')
			len--;
		greet(r, len);
		enum sonde_pattern_found found =
			sonde_pattern_match(s->pattern, r->in, len, &r->steps_left);
		if (found == SONDE_PATTERN_LIMIT)
			return DIALOGUE_TOO_HARD;
		if (found == SONDE_PATTERN_YES) {
			keep_groups(r, s->pattern, r->in);
			pass(r, r->in, len, now);
		}
		consume(r, used);
		if (found == SONDE_PATTERN_YES)
			return DIALOGUE_OVER;
	}
}

static enum dialogue_want expect_bytes(struct dialogue_run *r, const struct dialogue_step *s,
                                       int64_t now)
{
	uint8_t bytes[DIALOGUE_SEND_MAX];
	ssize_t n = sonde_bytes_unescape(s->text, s->len, bytes, sizeof(bytes) - 1);
	size_t want = n < 0 ? 0 : (size_t)n;
	const uint8_t *at = r->in_len >= want ? memmem(r->in, r->in_len, bytes, want) : NULL;

	if (at) {
		memset(r->group, 0, sizeof(r->group));
		pass(r, bytes, want, now);
		consume(r, (size_t)(at - r->in) + want);
		return DIALOGUE_OVER;
	}
	if (r->in_len >= want)
		consume(r, r->in_len - want + 1);
	return lacks(r);
}

enum dialogue_want dialogue_go(const struct dialogue *d, struct dialogue_run *r, int64_t now)
{
	while (r->step < d->count) {
		const struct dialogue_step *s = &d->steps[r->step];
		enum dialogue_want want;
		if (s->kind == DIALOGUE_EXPECT) {
			want = expect_line(r, s, now);
		} else if (s->kind == DIALOGUE_EXPECT_BYTES) {
			want = expect_bytes(r, s, now);
		} else if (s->kind == DIALOGUE_STARTTLS) {
			want = r->in_len ? DIALOGUE_TOO_EARLY : DIALOGUE_WANTS_TLS;
		} else {
			if (!r->out_len)
				build(r, s);
			if (r->out_len)
				return DIALOGUE_WANTS_SEND;
			pass(r, NULL, 0, now);
			want = DIALOGUE_OVER;
		}
		if (want != DIALOGUE_OVER)
			return want;
	}
	return DIALOGUE_OVER;
}

void dialogue_begin(struct dialogue_run *r)
{
	memset(r, 0, sizeof(*r));
	r->steps_left = SONDE_PATTERN_STEPS;
}

void dialogue_secured(struct dialogue_run *r, int64_t now)
{
	pass(r, NULL, 0, now);
}

void dialogue_sent(struct dialogue_run *r, int64_t now)
{
	pass(r, r->out, r->out_len, now);
	r->out_len = 0;
}

size_t dialogue_room(const struct dialogue_run *r)
{
	return sizeof(r->in) - r->in_len;
}

void dialogue_feed(struct dialogue_run *r, const uint8_t *data, size_t len)
{
	if (!len) {
		r->eof = true;
		return;
	}
	memcpy(r->in + r->in_len, data, len);
	r->in_len += len;
	r->read += len;
}
