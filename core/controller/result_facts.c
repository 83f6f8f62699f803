/* SPDX-License-Identifier: Apache-2.0 */
/* A walk over the bytes that knows strings, depth and the keys of the two outermost objects. The JSON
 * was checked when it came in; whatever else stands here is walked over without harm. */
#include "controller/result_facts.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"

struct word {
	const char *s;
	size_t len;
};

struct walk {
	const char *p, *end;
	unsigned depth;     /* of objects and arrays */
	struct word keys[2]; /* of depth 1 and 2 */
	unsigned array_depth; /* levels since the outermost array: nothing of ours stands there */
};

static const struct {
	const char *outer, *inner; /* inner NULL: a value of the outermost object */
	size_t offset;
} numbers[] = {
	{ "durationMs", NULL, offsetof(struct result_facts, duration_ms) },
	{ "stats", "min", offsetof(struct result_facts, min) },
	{ "stats", "avg", offsetof(struct result_facts, avg) },
	{ "stats", "max", offsetof(struct result_facts, max) },
	{ "stats", "loss", offsetof(struct result_facts, loss) },
	{ "timings", "total", offsetof(struct result_facts, total) },
};

static bool is(struct word w, const char *text)
{
	return w.len == strlen(text) && !memcmp(w.s, text, w.len);
}

/* The text after the opening quote; p is behind the closing one. */
static struct word take_string(struct walk *w)
{
	const char *start = ++w->p;

	while (w->p < w->end) {
		const char *quote = memchr(w->p, '"', (size_t)(w->end - w->p));
		if (!quote)
			break;
		const char *back = quote;
		while (back > start && back[-1] == '\\')
			back--;
		w->p = quote + 1;
		if ((quote - back) % 2 == 0)
			return (struct word){ start, (size_t)(quote - start) };
	}
	w->p = w->end;
	return (struct word){ start, 0 };
}

/* Plain decimal, as results are written: bounded by the text, which need not end with a NUL. */
static double take_number(struct walk *w)
{
	bool minus = *w->p == '-';
	double v = 0, scale = 1;

	if (minus)
		w->p++;
	for (; w->p < w->end && *w->p >= '0' && *w->p <= '9'; w->p++)
		v = v * 10 + (*w->p - '0');
	if (w->p < w->end && *w->p == '.')
		for (w->p++; w->p < w->end && *w->p >= '0' && *w->p <= '9'; w->p++)
			v += (*w->p - '0') * (scale /= 10);
	if (w->p < w->end && (*w->p | 32) == 'e') /* nobody here writes one */
		v = NAN;
	return minus ? -v : v;
}

static void keep_number(struct result_facts *f, const struct walk *w, double v)
{
	for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		bool inner = numbers[i].inner != NULL;
		if (w->depth == 1u + inner && is(w->keys[0], numbers[i].outer) &&
		    (!inner || is(w->keys[1], numbers[i].inner)))
			memcpy((char *)f + numbers[i].offset, &v, sizeof(v));
	}
}

static void keep_text(struct result_facts *f, const struct walk *w, struct word text)
{
	if (w->depth != 1)
		return;
	if (is(w->keys[0], "status") && text.len < sizeof(f->status)) {
		memcpy(f->status, text.s, text.len);
		f->status[text.len] = '\0';
	} else if (is(w->keys[0], "resolvedAddress") && text.len < sizeof(f->address)) {
		memcpy(f->address, text.s, text.len);
		f->address[text.len] = '\0';
	} else if (is(w->keys[0], "startedAt")) {
		sonde_parse_time(text.s, text.len, &f->started_ms);
	}
}

static void on_string(struct result_facts *f, struct walk *w)
{
	struct word text = take_string(w);
	const char *p = w->p;

	while (p < w->end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
		p++;
	bool key = p < w->end && *p == ':';
	if (w->array_depth)
		return;
	if (!key)
		keep_text(f, w, text);
	else if (w->depth == 1 || w->depth == 2)
		w->keys[w->depth - 1] = text;
}

static void on_bracket(struct walk *w, char c)
{
	if (c == '[' || c == '{') {
		w->depth++;
		if (w->array_depth || c == '[')
			w->array_depth++;
		else if (w->depth == 2)
			w->keys[1].len = 0;
		return;
	}
	w->depth -= w->depth > 0;
	w->array_depth -= w->array_depth > 0;
}

void result_facts_read(struct result_facts *f, const char *json, size_t len)
{
	struct walk w = { .p = json, .end = json + len };

	*f = (struct result_facts){ .duration_ms = NAN, .min = NAN, .avg = NAN, .max = NAN,
		                    .loss = NAN, .total = NAN };
	while (w.p < w.end) {
		char c = *w.p;
		if (c == '"') {
			on_string(f, &w);
		} else if (!w.array_depth && (c == '-' || (c >= '0' && c <= '9'))) {
			double v = take_number(&w);
			keep_number(f, &w, v);
		} else {
			if (c == '{' || c == '[' || c == '}' || c == ']')
				on_bracket(&w, c);
			w.p++;
		}
	}
}

double result_facts_ms(const struct result_facts *f)
{
	return isnan(f->avg) ? f->total : f->avg;
}
