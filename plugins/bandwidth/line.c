/* SPDX-License-Identifier: Apache-2.0 */
/* The protocol's lines, read from bytes of anybody who can reach the port. */
#include <string.h>

#include "bandwidth.h"

struct words {
	const char *at, *end;
};

static size_t next_word(struct words *w, const char **word)
{
	while (w->at < w->end && *w->at == ' ')
		w->at++;
	*word = w->at;
	while (w->at < w->end && *w->at != ' ')
		w->at++;
	return (size_t)(w->at - *word);
}

/* A decimal number of at most 18 digits that ends the word. */
static bool number(struct words *w, int64_t max, int64_t *out)
{
	const char *word;
	size_t len = next_word(w, &word);

	if (!len || len > 18)
		return false;
	*out = 0;
	for (size_t i = 0; i < len; i++) {
		if (word[i] < '0' || word[i] > '9')
			return false;
		*out = *out * 10 + (word[i] - '0');
	}
	return *out <= max;
}

static bool ended(struct words *w)
{
	const char *word;
	return next_word(w, &word) == 0;
}

static bool literal(struct words *w, const char *text)
{
	const char *word;
	size_t len = next_word(w, &word);
	return len == strlen(text) && !memcmp(word, text, len);
}

bool bw_hello_parse(const char *line, size_t len, struct bw_hello *h)
{
	struct words w = { line, line + len };
	const char *word;

	memset(h, 0, sizeof(*h));
	if (!literal(&w, "SONDE-BW1"))
		return false;
	size_t n = next_word(&w, &word);
	if (!n || n > BW_TOKEN)
		return false;
	memcpy(h->token, word, n);
	if (next_word(&w, &word) != 1)
		return false;
	h->kind = *word;
	if (h->kind == 'd')
		return number(&w, BW_STREAMS - 1, &h->index) && ended(&w);
	return h->kind == 'c' && number(&w, INT64_MAX, &h->up) && number(&w, INT64_MAX, &h->down) &&
	       number(&w, 3600000, &h->ms) && number(&w, BW_STREAMS, &h->streams) && h->streams &&
	       ended(&w);
}

bool bw_got_parse(const char *line, size_t len, struct bw_got *g)
{
	struct words w = { line, line + len };

	return literal(&w, "got") && number(&w, INT64_MAX, &g->bytes) &&
	       number(&w, INT64_MAX, &g->ns) && number(&w, INT64_MAX, &g->rate) && ended(&w);
}

bool bw_token_equal(const char *secret, const char *said)
{
	size_t len = strlen(secret), n = strlen(said);
	unsigned char differ = n != len;

	for (size_t i = 0; i < len; i++)
		differ |= (unsigned char)(secret[i] ^ said[i < n ? i : n]);
	return !differ;
}
