/* SPDX-License-Identifier: Apache-2.0 */
/* Records, each as a row of the result and as a line of the text, whose columns are dig's. A result
 * is bounded: a message of 64 KiB may unfold to many megabytes of text. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "dns.h"
#include "record.h"

enum { VALUE_USUAL = 2048, VALUE_LONGEST = 5 * DNS_MESSAGE_MAX, ROWS_MAX = 1 << 20, ROW_KEYS = 60 };
enum { TAB = 8, TTL_COLUMN = 24, CLASS_COLUMN = 32, TYPE_COLUMN = 40, VALUE_COLUMN = 48 };

void dns_page_init(struct dns_page *g, struct sonde_probe *p)
{
	g->p = p;
	g->text = (struct dns_text){ .s = g->memory, .max = sizeof(g->memory) };
}

void dns_page_flush(struct dns_page *g)
{
	if (g->text.len)
		g->p->host->print(g->p, g->memory, g->text.len);
	g->text.len = 0;
}

void dns_page_put(struct dns_page *g, const char *s, size_t n)
{
	if (n > g->text.max - g->text.len)
		dns_page_flush(g);
	if (n > g->text.max)
		g->p->host->print(g->p, s, n);
	else
		dns_put(&g->text, s, n);
}

void dns_page_putf(struct dns_page *g, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n > 0)
		dns_page_put(g, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

/* On to a column, at least by one letter. */
void dns_page_pad(struct dns_page *g, size_t *column, size_t to)
{
	static const char tabs[] = "\t\t\t\t\t\t\t\t";
	size_t from = *column;

	to = to > from ? to : from + 1;
	size_t n = to / TAB - from / TAB;
	dns_page_put(g, n ? tabs : " ", n && n < sizeof(tabs) ? n : 1);
	*column = to;
}

static void put_column(struct dns_page *g, const char *s, size_t *column, size_t then)
{
	size_t n = strlen(s);

	dns_page_put(g, s, n);
	*column += n;
	dns_page_pad(g, column, then);
}

/* The value in `usual`, or in the probe's memory when it does not fit there. */
static struct dns_text value_of(struct dns_page *g, const struct dns_message *m,
                                const struct dns_record *r, char usual[VALUE_USUAL])
{
	struct dns_state *s = dns_state_of(g->p);
	struct dns_text t = { .s = usual, .max = VALUE_USUAL };

	dns_put_value(&t, m, r);
	if (!t.full)
		return t;
	if (!s->long_value)
		s->long_value = g->p->host->alloc(g->p, VALUE_LONGEST);
	if (!s->long_value) {
		s->cut = 1;
		return t;
	}
	t = (struct dns_text){ .s = s->long_value, .max = VALUE_LONGEST };
	dns_put_value(&t, m, r);
	s->cut |= t.full;
	return t;
}

static bool is_expected(const struct sonde_probe *p, const struct dns_text *value)
{
	const struct dns_args *a = p->args;

	return a->expect_value && value->len == strlen(a->expect_value) &&
		!strncasecmp(value->s, a->expect_value, value->len);
}

static void put_record(struct dns_page *g, const struct dns_message *m, const struct dns_record *r)
{
	const struct sonde_host *h = g->p->host;
	struct dns_state *s = dns_state_of(g->p);
	char usual[VALUE_USUAL], name_text[DNS_NAME_TEXT], type_text[16], class_text[16], ttl[16];
	struct dns_name name = { 1, { 0 } };

	dns_name_read(m->data, m->len, r->owner, &name, NULL);
	size_t name_len = dns_name_text(&name, name_text), column = 0;
	struct dns_text value = value_of(g, m, r, usual);
	const char *type = dns_type_text(r->type, type_text);
	const char *class = dns_class_text(r->class, class_text);
	s->value_seen |= r->section == DNS_ANSWER && is_expected(g->p, &value);
	s->rows_bytes += name_len + value.len + ROW_KEYS;
	if (s->rows_bytes > ROWS_MAX) {
		s->cut = 1;
		return;
	}
	h->open(g->p, NULL, '{');
	h->put_text(g->p, "name", name_text, name_len);
	h->put_text(g->p, "type", type, strlen(type));
	h->put_int(g->p, "ttl", r->ttl);
	h->put_text(g->p, "class", class, strlen(class));
	h->put_text(g->p, "value", value.s, value.len);
	h->close(g->p);
	snprintf(ttl, sizeof(ttl), "%u", (unsigned)r->ttl);
	put_column(g, name_text, &column, TTL_COLUMN);
	put_column(g, ttl, &column, CLASS_COLUMN);
	put_column(g, class, &column, TYPE_COLUMN);
	put_column(g, type, &column, VALUE_COLUMN);
	dns_page_put(g, value.s, value.len);
	dns_page_put(g, "\n", 1);
}

void dns_rows_put(struct dns_page *g, const struct dns_message *m, enum dns_section section)
{
	struct dns_cursor c;
	struct dns_record r;

	dns_records_begin(m, &c);
	while (!dns_state_of(g->p)->cut && dns_records_next(m, &c, &r) && r.section <= section)
		if (r.section == section && (r.type != DNS_TYPE_OPT || section != DNS_ADDITIONAL))
			put_record(g, m, &r);
}
