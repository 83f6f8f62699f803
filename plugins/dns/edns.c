/* SPDX-License-Identifier: Apache-2.0 */
/* What a server says of itself by EDNS: its limits, its identifier, and why it failed. */
#include <string.h>

#include "dns.h"

static bool printable(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] < ' ' || p[i] >= 0x7f)
			return false;
	return n;
}

static void put_nsid(struct dns_page *g, const struct dns_message *m)
{
	const struct dns_args *a = g->p->args;
	size_t len = 0;
	const uint8_t *id = dns_option_find(&m->edns, DNS_OPTION_NSID, &len);
	char memory[600];
	struct dns_text hex = { .s = memory, .max = sizeof(memory) };

	len = len < 256 ? len : 256;
	if (!id && a->nsid)
		g->p->host->put_null(g->p, "nsid");
	if (!id)
		return;
	dns_page_put(g, "; NSID: ", 8);
	for (size_t i = 0; i < len; i++)
		dns_page_putf(g, "%02x ", id[i]);
	dns_page_put(g, "(\"", 2);
	for (size_t i = 0; i < len; i++)
		dns_page_put(g, printable(id + i, 1) ? (const char *)id + i : ".", 1);
	dns_page_put(g, "\")\n", 3);
	for (size_t i = 0; i < len; i++)
		dns_put_hex(&hex, id + i, 1);
	if (printable(id, len))
		g->p->host->put_text(g->p, "nsid", (const char *)id, len);
	else
		g->p->host->put_text(g->p, "nsid", memory, hex.len);
}

static const char *error_phrase(unsigned code)
{
	static const char *const rows[] = {
		"Other", "Unsupported DNSKEY Algorithm", "Unsupported DS Digest Type",
		"Stale Answer", "Forged Answer", "DNSSEC Indeterminate", "DNSSEC Bogus",
		"Signature Expired", "Signature Not Yet Valid", "DNSKEY Missing", "RRSIGs Missing",
		"No Zone Key Bit Set", "NSEC Missing", "Cached Error", "Not Ready", "Blocked",
		"Censored", "Filtered", "Prohibited", "Stale NXDOMAIN Answer", "Not Authoritative",
		"Not Supported", "No Reachable Authority", "Network Error", "Invalid Data",
	};

	return code < sizeof(rows) / sizeof(rows[0]) ? rows[code] : NULL;
}

static void put_extended_error(struct dns_page *g, const struct dns_message *m)
{
	const struct sonde_host *h = g->p->host;
	size_t len;
	const uint8_t *e = dns_option_find(&m->edns, DNS_OPTION_EDE, &len);

	if (!e || len < 2)
		return;
	unsigned code = (unsigned)e[0] << 8 | e[1];
	const char *phrase = error_phrase(code);
	const uint8_t *more = e + 2;
	len = len - 2 < 256 ? len - 2 : 256;
	dns_page_putf(g, "; EDE: %u", code);
	if (phrase)
		dns_page_putf(g, " (%s)", phrase);
	if (printable(more, len))
		dns_page_putf(g, ": (%.*s)", (int)len, (const char *)more);
	dns_page_put(g, "\n", 1);
	h->open(g->p, "extendedErrors", '[');
	h->open(g->p, NULL, '{');
	h->put_int(g->p, "code", code);
	if (printable(more, len))
		h->put_text(g->p, "text", (const char *)more, len);
	else if (phrase)
		h->put_text(g->p, "text", phrase, strlen(phrase));
	else
		h->put_null(g->p, "text");
	h->close(g->p);
	h->close(g->p);
}

void dns_edns_put(struct dns_page *g, const struct dns_message *m)
{
	const struct sonde_host *h = g->p->host;
	const struct dns_edns *e = &m->edns;

	if (!e->present) {
		h->put_null(g->p, "edns");
		return;
	}
	dns_page_putf(g, ";; OPT PSEUDOSECTION:\n; EDNS: version: %u, flags:%s; udp: %u\n", e->version,
	              e->dnssec ? " do" : "", e->size);
	h->open(g->p, "edns", '{');
	h->put_int(g->p, "version", e->version);
	h->put_int(g->p, "udpSize", e->size);
	h->put_bool(g->p, "dnssec", e->dnssec);
	h->close(g->p);
	put_nsid(g, m);
	put_extended_error(g, m);
}
