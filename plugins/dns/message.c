/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of DNS messages. Structure and owner names are checked once by dns_message_read, so
 * that the walks after it cannot fail; the inside of rdata is record.c's business. */
#include "message.h"

#include <string.h>

enum { POINTERS_MAX = 128, QUESTION_TAIL = 4, RECORD_TAIL = 10 };

static unsigned get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

bool dns_name_read(const uint8_t *data, size_t len, size_t at, struct dns_name *out, size_t *end)
{
	size_t run = at; /* where the labels that are being read began */
	unsigned pointers = 0;

	out->len = 0;
	for (;;) {
		if (at >= len)
			return false;
		uint8_t n = data[at];
		if (n >= 0xc0) {
			if (at + 1 >= len)
				return false;
			size_t to = get16(data + at) & 0x3fff;
			if (!pointers && end)
				*end = at + 2;
			if (to >= run || ++pointers > POINTERS_MAX)
				return false;
			at = run = to;
			continue;
		}
		if (n > 63 || n + 1u > len - at || n + 1u > DNS_NAME_MAX - out->len)
			return false;
		memcpy(out->wire + out->len, data + at, n + 1u);
		out->len += n + 1u;
		at += n + 1u;
		if (!n)
			break;
	}
	if (!pointers && end)
		*end = at;
	return true;
}

/* Length bytes are below 64 and thus no letters: a name compares as one run of bytes. */
static bool same_bytes(const uint8_t *a, const uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (lower(a[i]) != lower(b[i]))
			return false;
	return true;
}

bool dns_name_equal(const struct dns_name *a, const struct dns_name *b)
{
	return a->len == b->len && same_bytes(a->wire, b->wire, a->len);
}

bool dns_name_within(const struct dns_name *name, const struct dns_name *zone)
{
	for (unsigned at = 0; at < name->len; at += name->wire[at] + 1u)
		if (name->len - at == zone->len &&
		    same_bytes(name->wire + at, zone->wire, zone->len))
			return true;
	return false;
}

static size_t put_letter(char *out, uint8_t c)
{
	if (c <= ' ' || c >= 0x7f) {
		out[0] = '\\';
		out[1] = (char)('0' + c / 100);
		out[2] = (char)('0' + c / 10 % 10);
		out[3] = (char)('0' + c % 10);
		return 4;
	}
	size_t n = 0;
	if (strchr("\"().;\\@$", c))
		out[n++] = '\\';
	out[n++] = (char)c;
	return n;
}

size_t dns_name_text(const struct dns_name *name, char out[DNS_NAME_TEXT])
{
	size_t n = 0;

	for (unsigned at = 0; name->wire[at];) {
		unsigned end = at + 1 + name->wire[at];
		while (++at < end)
			n += put_letter(out + n, name->wire[at]);
		out[n++] = '.';
	}
	if (!n)
		out[n++] = '.';
	out[n] = '\0';
	return n;
}

/* ---- records ---- */

void dns_records_begin(const struct dns_message *m, struct dns_cursor *c)
{
	*c = (struct dns_cursor){ m->records, DNS_ANSWER, m->counts[DNS_ANSWER] };
}

static bool is_over(const struct dns_message *m, struct dns_cursor *c)
{
	while (!c->left && c->section < DNS_ADDITIONAL)
		c->left = m->counts[++c->section];
	return !c->left;
}

bool dns_records_next(const struct dns_message *m, struct dns_cursor *c, struct dns_record *r)
{
	struct dns_name owner;
	size_t at;

	if (is_over(m, c) || !dns_name_read(m->data, m->len, c->at, &owner, &at) ||
	    m->len - at < RECORD_TAIL)
		return false;
	const uint8_t *p = m->data + at;
	*r = (struct dns_record){
		.section = c->section, .owner = c->at,
		.type = (uint16_t)get16(p), .class = (uint16_t)get16(p + 2),
		.ttl = get32(p + 4), .rdata = at + RECORD_TAIL, .rdlen = get16(p + 8),
	};
	if (m->len - r->rdata < r->rdlen)
		return false;
	c->at = r->rdata + r->rdlen;
	c->left--;
	return true;
}

static void take_opt(struct dns_message *m, const struct dns_record *r)
{
	m->edns = (struct dns_edns){
		.present = true, .dnssec = r->ttl >> 15 & 1,
		.version = (uint8_t)(r->ttl >> 16), .size = r->class,
		.options = m->data + r->rdata, .options_len = r->rdlen,
	};
	m->rcode |= r->ttl >> 24 << 4;
}

bool dns_message_read(const uint8_t *data, size_t len, struct dns_message *m)
{
	struct dns_name name;
	struct dns_cursor c;
	struct dns_record r;

	*m = (struct dns_message){ .data = data, .len = len, .question = DNS_HEADER };
	if (len < DNS_HEADER || len > DNS_MESSAGE_MAX)
		return false;
	m->id = (uint16_t)get16(data);
	m->flags = (uint16_t)get16(data + 2);
	m->rcode = m->flags & 15;
	for (unsigned i = 0; i < DNS_SECTIONS; i++)
		m->counts[i] = get16(data + 4 + 2 * i);
	m->records = DNS_HEADER;
	if (m->counts[DNS_QUESTION] > 1)
		return false;
	if (m->counts[DNS_QUESTION]) {
		if (!dns_name_read(data, len, DNS_HEADER, &name, &m->records) ||
		    len - m->records < QUESTION_TAIL)
			return false;
		m->records += QUESTION_TAIL;
	}
	dns_records_begin(m, &c);
	while (dns_records_next(m, &c, &r))
		if (r.type == DNS_TYPE_OPT && r.section == DNS_ADDITIONAL && !m->edns.present)
			take_opt(m, &r);
	return is_over(m, &c);
}

bool dns_message_answers(const struct dns_message *m, const uint8_t *query, size_t len, bool exact)
{
	const unsigned opcode = 0x7800;
	struct dns_name ours, theirs;
	size_t at, there;

	if (len < DNS_HEADER || m->id != get16(query) || !(m->flags & DNS_QR) ||
	    (m->flags & opcode) != (get16(query + 2) & opcode))
		return false;
	if (!m->counts[DNS_QUESTION])
		return m->rcode && m->rcode != 3 && !m->counts[DNS_ANSWER];
	return dns_name_read(query, len, DNS_HEADER, &ours, &at) && len - at >= QUESTION_TAIL &&
		dns_name_read(m->data, m->len, m->question, &theirs, &there) &&
		dns_name_equal(&ours, &theirs) &&
		(!exact || !memcmp(ours.wire, theirs.wire, ours.len)) &&
		!memcmp(query + at, m->data + there, QUESTION_TAIL);
}

const uint8_t *dns_option_find(const struct dns_edns *e, unsigned code, size_t *len)
{
	for (size_t at = 0; e->options_len - at >= 4;) {
		unsigned is = get16(e->options + at);
		size_t n = get16(e->options + at + 2);
		at += 4;
		if (n > e->options_len - at)
			return NULL;
		if (is == code) {
			*len = n;
			return e->options + at;
		}
		at += n;
	}
	return NULL;
}
