/* SPDX-License-Identifier: Apache-2.0 */
/* Names by ldns, the few other bytes of a query by hand: they are always the same. */
#include "query.h"

#include <arpa/inet.h>
#include <ldns/ldns.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_MAX = 1024 };

static void reverse4(const uint8_t a[4], char out[TEXT_MAX])
{
	snprintf(out, TEXT_MAX, "%u.%u.%u.%u.in-addr.arpa.", a[3], a[2], a[1], a[0]);
}

static void reverse6(const uint8_t a[16], char out[TEXT_MAX])
{
	size_t n = 0;

	for (int i = 15; i >= 0; i--)
		n += (size_t)snprintf(out + n, TEXT_MAX - n, "%x.%x.", a[i] & 15, a[i] >> 4);
	snprintf(out + n, TEXT_MAX - n, "ip6.arpa.");
}

const char *dns_name_parse(const char *text, bool reverse, struct dns_name *name)
{
	char arpa[TEXT_MAX];
	uint8_t address[16];
	ldns_rdf *rdf = NULL;
	int family = inet_pton(AF_INET, text, address) == 1    ? AF_INET
	             : inet_pton(AF_INET6, text, address) == 1 ? AF_INET6
	                                                       : 0;

	if (family && !reverse)
		return "is an address: only query.type PTR asks for one";
	if (family) {
		(family == AF_INET ? reverse4 : reverse6)(address, arpa);
		text = arpa;
	}
	if (!*text || strlen(text) >= TEXT_MAX)
		return "is empty or too long for a domain name";
	for (const char *c = text; *c; c++)
		if (*c <= ' ' || *c >= 0x7f)
			return "must be ASCII without spaces; write other letters in their xn-- form";
	if (ldns_str2rdf_dname(&rdf, text) != LDNS_STATUS_OK || !rdf)
		return "is not a domain name (labels of 1 to 63 bytes, 255 in all)";
	name->len = (unsigned)ldns_rdf_size(rdf);
	bool fits = name->len >= 1 && name->len <= DNS_NAME_MAX &&
		!ldns_rdf_data(rdf)[name->len - 1];
	if (fits)
		memcpy(name->wire, ldns_rdf_data(rdf), name->len);
	ldns_rdf_deep_free(rdf);
	return fits ? NULL : "is longer than a domain name may be";
}

static uint8_t *put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return p + 2;
}

static uint8_t *put_opt(uint8_t *p, const struct dns_question *q)
{
	*p++ = 0;
	p = put16(p, DNS_TYPE_OPT);
	p = put16(p, q->edns_size);
	p = put16(p, 0); /* upper bits of rcode, version */
	p = put16(p, q->dnssec ? 0x8000 : 0);
	p = put16(p, q->nsid ? 4 : 0);
	if (q->nsid)
		p = put16(put16(p, DNS_OPTION_NSID), 0);
	return p;
}

size_t dns_query_write(const struct dns_question *q, uint16_t id, uint8_t out[DNS_QUERY_MAX])
{
	uint8_t *p = put16(put16(out, id), q->flags);

	p = put16(put16(p, 1), 0);
	p = put16(put16(p, 0), q->edns_size ? 1 : 0);
	memcpy(p, q->name->wire, q->name->len);
	p = put16(put16(p + q->name->len, q->type), q->class);
	if (q->edns_size)
		p = put_opt(p, q);
	return (size_t)(p - out);
}
