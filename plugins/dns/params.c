/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the dns plugin, and the rules between its parameters. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "dns.h"

static const char *const type_names[] = {
	"A", "AAAA", "AFSDB", "ANY", "CAA", "CDNSKEY", "CDS", "CERT", "CNAME", "DNAME", "DNSKEY",
	"DS", "EUI48", "EUI64", "HINFO", "HTTPS", "LOC", "MX", "NAPTR", "NS", "NSEC", "NSEC3",
	"NSEC3PARAM", "OPENPGPKEY", "PTR", "RP", "RRSIG", "SMIMEA", "SOA", "SPF", "SRV", "SSHFP",
	"SVCB", "TLSA", "TXT", "URI", NULL,
};
static const uint16_t type_numbers[] = {
	1, 28, 18, 255, 257, 60, 59, 37, 5, 39, 48,
	43, 108, 109, 13, 65, 29, 15, 35, 2, 47, 50,
	51, 61, 12, 17, 46, 53, 6, 99, 33, 44,
	64, 52, 16, 256,
};
_Static_assert(sizeof(type_numbers) / sizeof(type_numbers[0]) + 1 ==
                       sizeof(type_names) / sizeof(type_names[0]), "each name has its number");

static const char *const class_names[] = { "IN", "CH", "HS", NULL };
static const uint16_t class_numbers[] = { 1, 3, 4 };
static const char *const rcode_names[] = { "any", "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN",
	                                   "NOTIMP", "REFUSED", NULL };
static const char *const protocol_names[] = { "UDP", "TCP", "DOT", "DOH", NULL };

const struct sonde_param dns_params[] = {
	{ "query.type", SONDE_TYPE_ENUM, offsetof(struct dns_args, type),
	  "record type to ask for; PTR also takes an address as target", .def = "A",
	  .names = type_names },
	{ "query.class", SONDE_TYPE_ENUM, offsetof(struct dns_args, class), "class to ask for",
	  .def = "IN", .names = class_names },
	{ "resolver", SONDE_TYPE_STRING, offsetof(struct dns_args, resolver),
	  "server to ask, a name or an address; the node's own when it is not given", .max = 253 },
	{ "port", SONDE_TYPE_INT, offsetof(struct dns_args, port),
	  "port of the server; 0 = the protocol's, 53, 853 or 443", .def = "0", .min = 0,
	  .max = 65535 },
	{ "protocol", SONDE_TYPE_ENUM, offsetof(struct dns_args, protocol),
	  "UDP, TCP, DNS over TLS or DNS over HTTPS", .def = "UDP", .names = protocol_names },
	{ "trace", SONDE_TYPE_BOOL, offsetof(struct dns_args, trace),
	  "follow the delegations from the root down", .def = "false" },
	{ "roots", SONDE_TYPE_STRING, offsetof(struct dns_args, roots),
	  "trace: addresses of the root servers, ADDRESS,...; asked from the resolver when they are "
	  "not given", .max = 1024 },
	{ "recursion", SONDE_TYPE_BOOL, offsetof(struct dns_args, recursion),
	  "ask for recursion (RD)", .def = "true" },
	{ "dnssec", SONDE_TYPE_BOOL, offsetof(struct dns_args, dnssec),
	  "ask for DNSSEC records (DO)", .def = "false" },
	{ "checkingDisabled", SONDE_TYPE_BOOL, offsetof(struct dns_args, checking_disabled),
	  "ask for data that does not validate as well (CD)", .def = "false" },
	{ "authenticData", SONDE_TYPE_BOOL, offsetof(struct dns_args, authentic),
	  "ask whether the answer validated (AD)", .def = "true" },
	{ "nsid", SONDE_TYPE_BOOL, offsetof(struct dns_args, nsid),
	  "ask which server of several answers (NSID)", .def = "false" },
	{ "ednsSize", SONDE_TYPE_INT, offsetof(struct dns_args, edns_size),
	  "longest UDP answer that is taken; 0 = a query without EDNS", .unit = "bytes",
	  .def = "1232", .min = 0, .max = 65535 },
	{ "randomCase", SONDE_TYPE_BOOL, offsetof(struct dns_args, random_case),
	  "mix the case of the question's letters and take only answers that repeat it",
	  .def = "false" },
	{ "tries", SONDE_TYPE_INT, offsetof(struct dns_args, tries),
	  "queries to an address over UDP before it counts as silent", .def = "2", .min = 1,
	  .max = 10 },
	{ "wait", SONDE_TYPE_DURATION, offsetof(struct dns_args, wait),
	  "how long to wait for one answer", .unit = "ms", .def = "3s", .min = 10, .max = 60000 },
	{ "tls.name", SONDE_TYPE_STRING, offsetof(struct dns_args, name),
	  "DOT, DOH: name that the certificate must have; the resolver as given when it is empty",
	  .max = 253 },
	{ "tls.verify", SONDE_TYPE_BOOL, offsetof(struct dns_args, verify),
	  "DOT, DOH: a certificate that is not trusted is a failure", .def = "true" },
	{ "path", SONDE_TYPE_STRING, offsetof(struct dns_args, path), "DOH: path on the server",
	  .def = "/dns-query", .max = 255 },
	{ "expect.rcode", SONDE_TYPE_ENUM, offsetof(struct dns_args, expect_rcode),
	  "another rcode than this is a failure", .def = "any", .names = rcode_names },
	{ "expect.value", SONDE_TYPE_STRING, offsetof(struct dns_args, expect_value),
	  "no record with this value in the answer section is a failure", .max = 1024 },
	{ NULL },
};

#define ANSWER_ROWS(list, what) \
	{ list, SONDE_TYPE_ROWS, what }, \
	{ list "[].name", SONDE_TYPE_STRING, "owner, with the dot at its end" }, \
	{ list "[].type", SONDE_TYPE_STRING, "type" }, \
	{ list "[].ttl", SONDE_TYPE_INT, "how long it may be kept", "s" }, \
	{ list "[].class", SONDE_TYPE_STRING, "class" }, \
	{ list "[].value", SONDE_TYPE_STRING, "data, as in a zone file" }

const struct sonde_field dns_fields[] = {
	{ "statusCode", SONDE_TYPE_INT, "rcode of the answer" },
	{ "statusCodeName", SONDE_TYPE_STRING, "its name" },
	{ "resolver", SONDE_TYPE_STRING, "server that was asked" },
	{ "resolvedAddress", SONDE_TYPE_STRING,
	  "its address; null when it is the node's own in a private network" },
	{ "protocol", SONDE_TYPE_STRING, "protocol of the answer" },
	{ "flags", SONDE_TYPE_STRING, "flags of the answer" },
	ANSWER_ROWS("answers", "answer section"),
	ANSWER_ROWS("authorities", "authority section"),
	ANSWER_ROWS("additionals", "additional section"),
	{ "cut", SONDE_TYPE_BOOL, "only when there were more records than a result holds" },
	{ "edns", SONDE_TYPE_OBJECT, "EDNS of the answer, null without" },
	{ "edns.version", SONDE_TYPE_INT, "version" },
	{ "edns.udpSize", SONDE_TYPE_INT, "longest query that the server takes", "bytes" },
	{ "edns.dnssec", SONDE_TYPE_BOOL, "DO" },
	{ "nsid", SONDE_TYPE_STRING, "identifier of the server; hex when it is no text" },
	{ "extendedErrors", SONDE_TYPE_ROWS, "what the server says about a failure" },
	{ "extendedErrors[].code", SONDE_TYPE_INT, "code" },
	{ "extendedErrors[].text", SONDE_TYPE_STRING, "its text" },
	{ "size", SONDE_TYPE_INT, "of the answer", "bytes" },
	{ "tries", SONDE_TYPE_INT, "queries that were sent over UDP, null for other protocols" },
	{ "truncated", SONDE_TYPE_BOOL, "the answer over UDP was cut, so that TCP was asked" },
	{ "ignored", SONDE_TYPE_INT, "messages that came and did not answer the query" },
	{ "timings", SONDE_TYPE_OBJECT, "phases, null when there was none" },
	{ "timings.total", SONDE_TYPE_NUMBER, "from the first packet to the answer", "ms" },
	{ "timings.resolve", SONDE_TYPE_NUMBER, "lookup of the resolver's name before", "ms" },
	{ "timings.connect", SONDE_TYPE_NUMBER, "TCP handshake", "ms" },
	{ "timings.tls", SONDE_TYPE_NUMBER, "TLS handshake", "ms" },
	{ "timings.query", SONDE_TYPE_NUMBER, "from the query to the answer", "ms" },
	{ "timestamps", SONDE_TYPE_STRING, "whose clock timed the query: kernel or host" },
	{ "tls", SONDE_TYPE_OBJECT, "TLS session, null without" },
	{ "tls.authorized", SONDE_TYPE_BOOL, "the certificate is trusted" },
	{ "tls.error", SONDE_TYPE_STRING, "why it is not" },
	{ "tls.protocol", SONDE_TYPE_STRING, "version" },
	{ "tls.cipherName", SONDE_TYPE_STRING, "cipher suite" },
	{ "hops", SONDE_TYPE_ROWS, "trace: one row a server that answered" },
	{ "hops[].resolver", SONDE_TYPE_STRING, "its name, or address when it has none" },
	{ "hops[].resolvedAddress", SONDE_TYPE_STRING, "its address" },
	{ "hops[].statusCode", SONDE_TYPE_INT, "rcode of the answer" },
	{ "hops[].statusCodeName", SONDE_TYPE_STRING, "its name" },
	ANSWER_ROWS("hops[].answers", "answer and authority section"),
	{ "hops[].timings", SONDE_TYPE_OBJECT, "times" },
	{ "hops[].timings.total", SONDE_TYPE_NUMBER, "from the query to the answer", "ms" },
	{ NULL },
};

/* ---- what the arguments mean ---- */

unsigned dns_type_number(const struct dns_args *a)
{
	return type_numbers[a->type];
}

unsigned dns_class_number(const struct dns_args *a)
{
	return class_numbers[a->class];
}

unsigned dns_port(const struct dns_args *a)
{
	static const uint16_t usual[] = { [DNS_UDP] = 53, [DNS_TCP] = 53, [DNS_DOT] = 853,
		                          [DNS_DOH] = 443 };

	return a->port ? (unsigned)a->port : usual[a->protocol];
}

int dns_expected_rcode(const struct dns_args *a)
{
	return (int)a->expect_rcode - 1;
}

static int refuse(struct sonde_error *e, const char *path, const char *fmt, const char *more)
{
	snprintf(e->path, sizeof(e->path), "%s", path);
	snprintf(e->text, sizeof(e->text), fmt, more);
	return -1;
}

/* These go into a TLS hello and an HTTP head as they are. */
static bool is_host(const char *text)
{
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr(".-_:", *text))
			return false;
	return true;
}

static bool is_path(const char *text)
{
	if (*text != '/')
		return false;
	for (; *text; text++)
		if (*text <= ' ' || *text >= 0x7f || strchr("#\"<>\\", *text))
			return false;
	return true;
}

int dns_check(const void *args, const char *target, struct sonde_error *e)
{
	const struct dns_args *a = args;
	struct dns_name name;
	const char *why = dns_name_parse(target, dns_type_number(a) == DNS_TYPE_PTR, &name);

	if (why)
		return refuse(e, "target", "%s", why);
	if (a->resolver && !is_host(a->resolver))
		return refuse(e, "resolver", "must be a host name or an address%s", "");
	if (a->name && !is_host(a->name))
		return refuse(e, "tls.name", "must be a host name or an address%s", "");
	if (a->protocol == DNS_DOH && (!a->path || !is_path(a->path)))
		return refuse(e, "path", "must begin with / and hold no spaces%s", "");
	if (a->trace && a->protocol != DNS_UDP && a->protocol != DNS_TCP)
		return refuse(e, "trace", "asks over UDP or TCP only%s", "");
	if (a->trace && a->roots && (why = dns_trace_check(a->roots)))
		return refuse(e, "roots", "%s", why);
	if (a->roots && *a->roots && !a->trace)
		return refuse(e, "roots", "is for trace%s", "");
	if (a->trace && (a->expect_rcode || (a->expect_value && *a->expect_value)))
		return refuse(e, "expect", "is not for trace%s", "");
	if (a->edns_size && a->edns_size < 512)
		return refuse(e, "ednsSize", "must be 0 or at least 512%s", "");
	if (!a->edns_size && (a->dnssec || a->nsid))
		return refuse(e, a->dnssec ? "dnssec" : "nsid", "needs EDNS: ednsSize is 0%s", "");
	return 0;
}
