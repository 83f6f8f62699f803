/* SPDX-License-Identifier: Apache-2.0 */
/* What an http probe tells: Globalping's fields and our own, and the text. What was not measured or
 * did not come is null. Owns nothing. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cert/show.h"
#include "http/http.h"

enum { KEY_MAX = 64 };

static int64_t round_ms(int64_t us)
{
	return (us + 500) / 1000;
}

static void put_ms(struct sonde_probe *p, const char *key, int64_t us)
{
	if (us < 0)
		p->host->put_null(p, key);
	else
		p->host->put_number(p, key, (double)us / 1000, 3);
}

static void put_whole_ms(struct sonde_probe *p, const char *key, int64_t us)
{
	if (us < 0)
		p->host->put_null(p, key);
	else
		p->host->put_int(p, key, round_ms(us));
}

static void put_timings(struct sonde_probe *p)
{
	const struct sonde_host *h = p->host;
	const struct http_phases *t = &((struct http_state *)p->state)->phases;
	const struct {
		const char *name;
		int64_t us;
	} slices[] = {
		{ "dns", t->dns }, { "tcp", t->tcp }, { "tls", t->tls },
		{ "firstByte", t->first_byte }, { "download", t->download },
	};
	const unsigned n = sizeof(slices) / sizeof(slices[0]);
	int64_t sum = 0, whole = 0;

	for (unsigned i = 0; i < n; i++) {
		sum += slices[i].us > 0 ? slices[i].us : 0;
		whole += slices[i].us > 0 ? round_ms(slices[i].us) * 1000 : 0;
	}
	h->open(p, "timings", '{');
	put_whole_ms(p, "total", t->download < 0 ? -1 : whole);
	for (unsigned i = 0; i < n; i++)
		put_whole_ms(p, slices[i].name, slices[i].us);
	h->close(p);
	h->open(p, "phases", '{');
	put_ms(p, "total", t->download < 0 ? -1 : sum);
	for (unsigned i = 0; i < n; i++)
		put_ms(p, slices[i].name, slices[i].us);
	put_ms(p, "tcpRtt", t->tcp_rtt);
	h->close(p);
}

/* The name in lower case; false for one that is no token of at most KEY_MAX letters, which then
 * stands in rawHeaders only. */
static bool header_key(char key[KEY_MAX + 1], const struct http_header *h)
{
	if (h->name_len > KEY_MAX)
		return false;
	for (size_t i = 0; i < h->name_len; i++) {
		char c = h->name[i];
		if (c <= 0x20 || c >= 0x7f || c == '"' || c == '\\')
			return false;
		key[i] = c >= 'A' && c <= 'Z' ? (char)(c | 32) : c;
	}
	key[h->name_len] = '\0';
	return true;
}

static bool came_before(const struct http_reply *r, size_t until, const struct http_header *h)
{
	struct http_header other;

	for (size_t at = 0; http_reply_header(r, &at, &other) && at < until;)
		if (http_name_equal(&other, h->name, h->name_len))
			return true;
	return false;
}

/* One member for a name: a text, or a list of those of all headers of that name. */
static void put_header(struct sonde_probe *p, const char *key, const struct http_header *first,
                       size_t at)
{
	const struct sonde_host *h = p->host;
	const struct http_reply *r = &((struct http_state *)p->state)->reply;
	struct http_header more;
	bool list = false;

	while (http_reply_header(r, &at, &more)) {
		if (!http_name_equal(&more, first->name, first->name_len))
			continue;
		if (!list) {
			h->open(p, key, '[');
			h->put_text(p, NULL, first->value, first->value_len);
		}
		list = true;
		h->put_text(p, NULL, more.value, more.value_len);
	}
	if (list)
		h->close(p);
	else
		h->put_text(p, key, first->value, first->value_len);
}

static void put_headers(struct sonde_probe *p)
{
	const struct sonde_host *h = p->host;
	const struct http_reply *r = &((struct http_state *)p->state)->reply;
	struct http_header one;
	char key[KEY_MAX + 1];

	h->open(p, "headers", '{');
	for (size_t at = 0; http_reply_header(r, &at, &one);)
		if (header_key(key, &one) && !came_before(r, at, &one))
			put_header(p, key, &one, at);
	h->close(p);
	if (r->head_len)
		h->put_text(p, "rawHeaders", r->head, r->head_len - 1);
	else
		h->put_null(p, "rawHeaders");
}

static void put_rate(struct sonde_probe *p)
{
	const struct sonde_host *h = p->host;
	const struct rate_meter *m = &((struct http_state *)p->state)->meter;

	if (!m->bytes) {
		h->put_null(p, "rate");
		return;
	}
	h->open(p, "rate", '{');
	h->put_number(p, "bitsPerSecond", rate_meter_steady(m), 0);
	h->put_number(p, "meanBitsPerSecond", rate_meter_mean(m), 0);
	h->put_int(p, "bytes", (int64_t)m->bytes);
	h->put_number(p, "duration", (double)(m->last_ns - m->first_ns) / 1e6, 3);
	h->close(p);
}

static void put_answer(struct sonde_probe *p, size_t shown)
{
	const struct sonde_host *h = p->host;
	const struct http_reply *r = &((struct http_state *)p->state)->reply;

	cert_put_text(p, "httpVersion", r->status ? r->version : "");
	if (r->status)
		h->put_int(p, "statusCode", r->status);
	else
		h->put_null(p, "statusCode");
	cert_put_text(p, "statusCodeName", http_status_name(r->status));
	put_headers(p);
	if (r->body_len)
		h->put_text(p, "rawBody", r->body, shown);
	else
		h->put_null(p, "rawBody");
	h->put_bool(p, "truncated", r->body_cut || shown < r->body_len);
	h->put_int(p, "bodyBytes", (int64_t)r->body_len);
	put_rate(p);
}

static void put_where(struct sonde_probe *p)
{
	const struct sonde_host *h = p->host;
	const struct http_state *s = p->state;

	cert_put_text(p, "resolvedAddress", s->address);
	cert_put_text(p, "resolvedHostname",
	              http_is_address(s->place.lookup) ? "" : s->place.lookup);
	cert_put_text(p, "url", s->place.url);
	h->open(p, "redirects", '[');
	for (unsigned i = 0; i < s->hop_count; i++) {
		h->open(p, NULL, '{');
		cert_put_text(p, "url", s->hops[i].url);
		h->put_int(p, "statusCode", s->hops[i].status);
		cert_put_text(p, "resolvedAddress", s->hops[i].address);
		h->close(p);
	}
	h->close(p);
}

static void put_tls(struct sonde_probe *p)
{
	const struct http_state *s = p->state;

	if (s->has_tls && s->facts.has_dates)
		p->host->put_int(p, "certificateDays", cert_days_left(&s->facts, time(NULL)));
	else
		p->host->put_null(p, "certificateDays");
	if (s->has_tls)
		cert_show(p, "tls", &s->facts, &s->verdict, s->tls_version, s->cipher);
	else
		p->host->put_null(p, "tls");
}

/* The first wish that does not hold, NULL when all do; writes the rows. */
static const struct http_expect *put_wishes(struct sonde_probe *p)
{
	const struct sonde_host *h = p->host;
	const struct http_args *a = p->args;
	struct http_state *s = p->state;
	unsigned max = http_wishes_count(&a->expect);
	struct http_expect *x = max ? h->alloc(p, max * sizeof(*x)) : NULL;
	const struct http_expect *bad = NULL;

	if (!x)
		return NULL;
	int64_t left = cert_days_left(&s->facts, time(NULL));
	unsigned n = http_wishes_hold(&a->expect, &s->reply, s->has_tls && s->facts.has_dates, left,
	                              x, max);
	h->open(p, "assertions", '[');
	for (unsigned i = 0; i < n; i++) {
		if (!x[i].ok && !bad)
			bad = &x[i];
		h->open(p, NULL, '{');
		cert_put_text(p, "name", x[i].name);
		h->put_bool(p, "ok", x[i].ok);
		cert_put_present(p, "text", x[i].text);
		h->close(p);
	}
	h->close(p);
	return bad;
}

static void print_all(struct sonde_probe *p, const char *why, size_t shown)
{
	const struct http_state *s = p->state;
	const struct http_reply *r = &s->reply;
	char line[128];

	for (unsigned i = 0; i < s->hop_count; i++) {
		int n = snprintf(line, sizeof(line), "%d from %s, ", s->hops[i].status,
		                 s->hops[i].address);
		p->host->print(p, line, (size_t)n);
		p->host->print(p, s->hops[i].url, strlen(s->hops[i].url));
		p->host->print(p, "\n", 1);
	}
	if (r->status) {
		int n = snprintf(line, sizeof(line), "HTTP/%s %d\n", r->version, r->status);
		p->host->print(p, line, (size_t)n);
		p->host->print(p, r->head, r->head_len);
	}
	if (r->body_len) {
		p->host->print(p, "\n", 1);
		p->host->print(p, r->body, shown);
	}
	if (why) {
		if (r->body_len)
			p->host->print(p, "\n", 1);
		p->host->print(p, why, strlen(why));
		p->host->print(p, "\n", 1);
	}
}

void http_report(struct sonde_probe *p, enum sonde_failure failure, const char *why)
{
	const struct http_state *s = p->state;
	const struct http_reply *r = &s->reply;
	size_t shown = http_cut(r->body, r->body_len, HTTP_BODY_SHOWN);
	const struct http_expect *bad = NULL;
	char text[sizeof(bad->name) + sizeof(bad->text) + 4];

	put_where(p);
	put_answer(p, shown);
	put_timings(p);
	put_tls(p);
	if (!failure)
		bad = put_wishes(p);
	if (bad) {
		snprintf(text, sizeof(text), "%s: %s", bad->name, bad->text);
		failure = SONDE_FAIL_ASSERTION;
		why = text;
	}
	print_all(p, why, shown);
	p->host->done(p, failure, why);
}
