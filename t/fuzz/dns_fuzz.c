/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target of what a dns probe reads: byte 0 chooses a message, an HTTP reply cut in two, or a
 * name as a user types it. Whatever is returned must lie within what was given, and text that was
 * written must be read again as the same. */
#include <stdlib.h>
#include <string.h>

#include "dns/http.h"
#include "dns/message.h"
#include "dns/query.h"
#include "dns/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void read_record(const struct dns_message *m, const struct dns_record *r)
{
	static char memory[5 * DNS_MESSAGE_MAX];
	char name_text[DNS_NAME_TEXT], short_text[16];
	struct dns_text t = { .s = memory, .max = sizeof(memory) };
	struct dns_name name;

	require(r->rdata + r->rdlen <= m->len);
	require(dns_name_read(m->data, m->len, r->owner, &name, NULL));
	require(dns_name_text(&name, name_text) < sizeof(name_text));
	dns_put_value(&t, m, r);
	require(t.len && t.len <= t.max && !t.full);
	for (size_t i = 0; i < t.len; i++)
		require(memory[i] >= ' ' && memory[i] < 0x7f);
	t = (struct dns_text){ .s = memory, .max = 5 };
	dns_put_value(&t, m, r);
	require(t.len <= 5);
	(void)dns_type_text(r->type, short_text);
	(void)dns_class_text(r->class, short_text);
}

static void fuzz_message(const uint8_t *data, size_t size)
{
	struct dns_message m;
	struct dns_cursor c;
	struct dns_record r;
	size_t len;
	unsigned count = 0;
	char text[16];

	bool ok = dns_message_read(data, size, &m);
	(void)dns_message_answers(&m, data, size, true);
	if (!ok)
		return;
	(void)dns_rcode_text(m.rcode, text);
	for (dns_records_begin(&m, &c); dns_records_next(&m, &c, &r); count++)
		read_record(&m, &r);
	require(count == m.counts[1] + m.counts[2] + m.counts[3]);
	for (unsigned code = 0; code < 20 && m.edns.present; code++) {
		const uint8_t *o = dns_option_find(&m.edns, code, &len);
		require(!o || (o >= data && o + len <= data + size));
	}
	/* A reply to itself, if it has a question and is a reply. */
	if (m.counts[0] && (m.flags & DNS_QR))
		require(dns_message_answers(&m, data, size, true));
}

static void fuzz_http(const uint8_t *data, size_t size)
{
	static uint8_t one[DNS_MESSAGE_MAX], two[DNS_MESSAGE_MAX];
	struct dns_http a, b;
	size_t cut = size ? data[0] % size : 0;

	dns_http_init(&a, one, sizeof(one));
	dns_http_init(&b, two, sizeof(two));
	enum dns_http_state whole = dns_http_feed(&a, data, size);
	enum dns_http_state parts = dns_http_feed(&b, data, cut);
	if (parts == DNS_HTTP_MORE)
		parts = dns_http_feed(&b, data + cut, size - cut);
	require(whole == parts && a.len == b.len && a.len <= sizeof(one));
	require(!memcmp(one, two, a.len));
	require(whole != DNS_HTTP_BAD || a.why);
	if (whole == DNS_HTTP_MORE)
		require(dns_http_close(&a) != DNS_HTTP_MORE);
	require(dns_http_feed(&a, data, size) == DNS_HTTP_BAD || !size || whole == DNS_HTTP_MORE);
	char memory[512];
	struct dns_text t = { .s = memory, .max = sizeof(memory) };
	dns_http_request(&t, "a.example", "/dns-query", size);
	require(t.len && !t.full && !memcmp(memory + t.len - 4, "\r\n\r\n", 4));
}

static void fuzz_name(const uint8_t *data, size_t size)
{
	char text[2048], again[DNS_NAME_TEXT];
	struct dns_name name, same;
	uint8_t query[DNS_QUERY_MAX];
	struct dns_message m;
	size_t n = size < sizeof(text) - 1 ? size : sizeof(text) - 1;

	memcpy(text, data, n);
	text[n] = '\0';
	if (dns_name_parse(text, n & 1, &name))
		return;
	struct dns_question q = { .name = &name, .type = 1, .class = 1, .edns_size = 1232, .nsid = true };
	n = dns_query_write(&q, 7, query);
	require(n <= sizeof(query) && dns_message_read(query, n, &m) && m.edns.present);
	const struct dns_name root = { 1, { 0 } };
	require(dns_name_within(&name, &name) && dns_name_within(&name, &root));
	dns_name_text(&name, again);
	require(!dns_name_parse(again, false, &same) && dns_name_equal(&name, &same));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const targets[])(const uint8_t *, size_t) = { fuzz_message, fuzz_http,
		                                                    fuzz_name };

	if (size)
		targets[data[0] % 3](data + 1, size - 1);
	return 0;
}
