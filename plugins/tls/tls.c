/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and offers of a TLS server. The first handshake is made as this machine's library does
 * it by default, so that its outcome is a client's; what it says is copied, then the connection is
 * closed. The offers come after it, also when it failed for TLS reasons. A time that is over
 * during the offers leaves the rest of them unknown. Owns the tries until finish(). */
#include "connect/errno.h"
#include "tls/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cert/show.h"
#include "cert/trust.h"

#define AT(member) offsetof(struct tls_args, member)

static const struct sonde_param params[] = {
	{ "port", SONDE_TYPE_INT, AT(port), "port to connect to", .def = "443", .min = 1,
	  .max = 65535 },
	{ "serverName", SONDE_TYPE_STRING, AT(server_name),
	  "name to ask for and to verify instead of the target's", .max = 255 },
	{ "alpn", SONDE_TYPE_STRING, AT(alpn), "protocols to offer, in order",
	  .def = "h2,http/1.1", .max = 100 },
	{ "verify", SONDE_TYPE_BOOL, AT(verify), "fail when the certificate is not trusted",
	  .def = "true" },
	{ "versions", SONDE_TYPE_BOOL, AT(versions), "try each TLS version", .def = "true" },
	{ "ciphers", SONDE_TYPE_BOOL, AT(ciphers), "find the ciphers of each version",
	  .def = "false" },
	{ "expect.certificateDays", SONDE_TYPE_INT, AT(days),
	  "days every certificate must still be good for", .unit = "days", .def = "0", .min = 0,
	  .max = 3650 },
	{ NULL },
};

static const struct sonde_field fields[] = {
	{ "resolvedAddress", SONDE_TYPE_STRING, "address that was connected to" },
	{ "resolvedHostname", SONDE_TYPE_STRING, "the name it came from, null for an address" },
	{ "port", SONDE_TYPE_INT, "port that was connected to" },
	{ "serverName", SONDE_TYPE_STRING, "name that was asked for, null for an address" },
	{ "authorized", SONDE_TYPE_BOOL, "the chain is trusted and for this name" },
	{ "error", SONDE_TYPE_STRING, "name of the verification's error, null when authorized" },
	{ "errorText", SONDE_TYPE_STRING, "the same for people" },
	{ "protocol", SONDE_TYPE_STRING, "TLS version" },
	{ "cipherName", SONDE_TYPE_STRING, "cipher suite" },
	{ "alpn", SONDE_TYPE_STRING, "protocol that the peer chose, null when none" },
	{ "keyExchange", SONDE_TYPE_STRING, "group or kind of the key exchange" },
	{ "daysLeft", SONDE_TYPE_INT, "days until the certificate expires", "days" },
	{ "chainDaysLeft", SONDE_TYPE_INT, "days until the first of the chain expires", "days" },
	{ "timings", SONDE_TYPE_OBJECT, "of the first handshake" },
	{ "timings.dns", SONDE_TYPE_NUMBER, "name lookup", "ms" },
	{ "timings.tcp", SONDE_TYPE_NUMBER, "connection", "ms" },
	{ "timings.tls", SONDE_TYPE_NUMBER, "handshake", "ms" },
	{ "timings.tcpRtt", SONDE_TYPE_NUMBER, "round trip as the kernel measured it", "ms" },
	{ "ocsp", SONDE_TYPE_OBJECT, "the stapled OCSP answer" },
	{ "ocsp.stapled", SONDE_TYPE_BOOL, "whether there is one" },
	{ "ocsp.status", SONDE_TYPE_STRING, "good, revoked or unknown" },
	{ "ocsp.signed", SONDE_TYPE_BOOL, "whether its signature is right" },
	{ "ocsp.error", SONDE_TYPE_STRING, "why it says nothing, absent when it does" },
	{ "ocsp.thisUpdate", SONDE_TYPE_STRING, "when that was known" },
	{ "ocsp.nextUpdate", SONDE_TYPE_STRING, "until when it holds" },
	{ "chain", SONDE_TYPE_ROWS, "certificates as they were sent, the server's first" },
	{ "chain[].subject", SONDE_TYPE_STRING, "whole name" },
	{ "chain[].issuer", SONDE_TYPE_STRING, "whole name" },
	{ "chain[].commonName", SONDE_TYPE_STRING, "of the subject" },
	{ "chain[].alt", SONDE_TYPE_STRING, "alternative names" },
	{ "chain[].createdAt", SONDE_TYPE_STRING, "begin of validity" },
	{ "chain[].expiresAt", SONDE_TYPE_STRING, "end of validity" },
	{ "chain[].daysLeft", SONDE_TYPE_INT, "days until then", "days" },
	{ "chain[].keyType", SONDE_TYPE_STRING, "RSA, EC, ED25519, ..." },
	{ "chain[].keyBits", SONDE_TYPE_INT, "size of the key", "bits" },
	{ "chain[].curve", SONDE_TYPE_STRING, "curve of an EC key" },
	{ "chain[].signature", SONDE_TYPE_STRING, "how it is signed" },
	{ "chain[].serialNumber", SONDE_TYPE_STRING, "hexadecimal" },
	{ "chain[].fingerprint256", SONDE_TYPE_STRING, "SHA-256 of the certificate" },
	{ "versions", SONDE_TYPE_ROWS, "TLS versions, where asked for" },
	{ "versions[].name", SONDE_TYPE_STRING, "version" },
	{ "versions[].offered", SONDE_TYPE_BOOL, "null when not known" },
	{ "ciphers", SONDE_TYPE_ROWS, "ciphers, in the peer's order, where asked for" },
	{ "ciphers[].version", SONDE_TYPE_STRING, "version" },
	{ "ciphers[].name", SONDE_TYPE_STRING, "cipher suite" },
	{ "ciphersComplete", SONDE_TYPE_BOOL, "false when there may be more" },
	{ NULL },
};

/* "h2,http/1.1" as the extension holds it; its length, 0 when it is none. */
static size_t alpn_pack(const char *list, unsigned char out[TLS_ALPN_MAX])
{
	size_t at = 0;

	while (*list) {
		size_t n = strcspn(list, ",");
		if (!n || n > 255 || at + n + 1 > TLS_ALPN_MAX)
			return 0;
		out[at++] = (unsigned char)n;
		memcpy(out + at, list, n);
		at += n;
		list += n;
		if (*list && !*++list)
			return 0;
	}
	return at;
}

static bool is_name(const char *s)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:";

	return s[strspn(s, letters)] == '\0';
}

static int check(const void *args, const char *target, struct sonde_error *e)
{
	const struct tls_args *a = args;
	unsigned char packed[TLS_ALPN_MAX];
	const char *path = NULL, *text = NULL;

	if (a->server_name && !is_name(a->server_name)) {
		path = "serverName";
		text = "must be a host name or an address";
	} else if (a->alpn && *a->alpn && !alpn_pack(a->alpn, packed)) {
		path = "alpn";
		text = "must be names with commas between them";
	}
	if (!path)
		return 0;
	snprintf(e->path, sizeof(e->path), "%s", path);
	snprintf(e->text, sizeof(e->text), "%s", text);
	return -1;
}

/* What a handshake said */

static void read_chain(struct sonde_probe *p, STACK_OF(X509) *sent)
{
	struct tls_state *s = p->state;
	int n = sent ? sk_X509_num(sent) : 0;

	n = n < CERT_CHAIN_MAX ? n : CERT_CHAIN_MAX;
	s->chain = n ? p->host->alloc(p, (size_t)n * sizeof(*s->chain)) : NULL;
	for (int i = 0; s->chain && i < n; i++)
		cert_facts_read(&s->chain[s->chain_count++], sk_X509_value(sent, i));
}

static void read_group(struct tls_state *s, SSL *ssl)
{
	EVP_PKEY *key = NULL;
	char group[32] = "";

	if (!SSL_get_peer_tmp_key(ssl, &key))
		return;
	const char *type = EVP_PKEY_get0_type_name(key);
	EVP_PKEY_get_group_name(key, group, sizeof(group), NULL);
	snprintf(s->group, sizeof(s->group), "%s", *group ? group : type ? type : "");
	EVP_PKEY_free(key);
}

static void read_staple(struct tls_state *s, SSL *ssl, STACK_OF(X509) *sent)
{
	const unsigned char *der = NULL;
	long n = SSL_get_tlsext_status_ocsp_resp(ssl, &der);
	X509 *leaf = SSL_get1_peer_certificate(ssl);

	s->has_staple = der && n > 0;
	if (s->has_staple && leaf)
		cert_staple_read(&s->staple, der, (size_t)n, leaf, sent, cert_trust_store());
	X509_free(leaf);
}

static void read_facts(struct sonde_probe *p, SSL *ssl)
{
	struct tls_state *s = p->state;
	STACK_OF(X509) *sent = SSL_get_peer_cert_chain(ssl);
	const unsigned char *alpn = NULL;
	unsigned n = 0;

	s->has_facts = true;
	snprintf(s->protocol, sizeof(s->protocol), "%s", SSL_get_version(ssl));
	snprintf(s->cipher, sizeof(s->cipher), "%s", SSL_get_cipher_name(ssl));
	SSL_get0_alpn_selected(ssl, &alpn, &n);
	if (n && n < sizeof(s->alpn))
		memcpy(s->alpn, alpn, n);
	cert_judge(&s->verdict, ssl, *s->server_name ? s->server_name : p->target);
	read_chain(p, sent);
	read_group(s, ssl);
	read_staple(s, ssl, sent);
}

/* Life */

static int offer(struct sonde_probe *p, SSL *ssl, void *arg)
{
	const struct tls_args *a = p->args;
	const struct tls_state *s = p->state;
	unsigned char packed[TLS_ALPN_MAX];
	size_t n = a->alpn ? alpn_pack(a->alpn, packed) : 0;

	if (n && SSL_set_alpn_protos(ssl, packed, (unsigned)n))
		return -1;
	SSL_set_tlsext_status_type(ssl, TLSEXT_STATUSTYPE_ocsp);
	return *s->server_name ? !SSL_set_tlsext_host_name(ssl, s->server_name) : 0;
}

/* The verdict on all: the handshake first, then trust, then dates. */
static void settle(struct sonde_probe *p)
{
	const struct tls_args *a = p->args;
	const struct tls_state *s = p->state;
	char why[TLS_WHY + 80];

	if (s->first.outcome != TLS_UP) {
		snprintf(why, sizeof(why), "%s port %d: %s", s->address, (int)a->port,
		         s->first.why);
		tls_report(p, s->first.failure, why);
		return;
	}
	if (a->verify && !s->verdict.authorized) {
		tls_report(p, SONDE_FAIL_TLS, s->verdict.text);
		return;
	}
	for (unsigned i = 0; a->days && i < s->chain_count; i++) {
		int64_t left = cert_days_left(&s->chain[i], time(NULL));
		if (s->chain[i].has_dates && left >= a->days)
			continue;
		snprintf(why, sizeof(why), "certificate %u is good for %lld days", i,
		         (long long)left);
		tls_report(p, SONDE_FAIL_ASSERTION, why);
		return;
	}
	tls_report(p, SONDE_FAIL_NONE, NULL);
}

static void on_first(struct sonde_probe *p, struct tls_try *t)
{
	if (t->outcome == TLS_UP)
		read_facts(p, t->ssl);
	tls_try_stop(p, t);
	if (t->outcome == TLS_UNKNOWN)
		settle(p);
	else
		tls_offers_start(p, settle);
}

static void name_address(struct tls_state *s)
{
	const struct sockaddr_storage *sa = &s->addrs[s->addr].sa;
	const void *raw = sa->ss_family == AF_INET
	                          ? (const void *)&((const struct sockaddr_in *)sa)->sin_addr
	                          : (const void *)&((const struct sockaddr_in6 *)sa)->sin6_addr;

	if (!inet_ntop(sa->ss_family, raw, s->address, sizeof(s->address)))
		s->address[0] = '\0';
}

static void start_first(struct sonde_probe *p)
{
	struct tls_state *s = p->state;
	int error = 0;

	for (s->addr = 0; s->addr < s->addr_count; s->addr++) {
		name_address(s);
		error = tls_try_start(p, &s->first, 0, offer, NULL, on_first);
		/* An address family without a route here: the next address is the target too. */
		if (error != ENETUNREACH && error != EAFNOSUPPORT)
			break;
	}
	if (!error)
		return;
	s->first.outcome = TLS_UNKNOWN;
	s->first.failure = sonde_errno_failure(error);
	snprintf(s->first.why, sizeof(s->first.why), "%s", strerror(error));
	settle(p);
}

static void on_resolved(struct sonde_probe *p, void *arg, enum sonde_failure failure,
                        const struct sonde_addr *addrs, unsigned count, int64_t took_ns,
                        const char *why)
{
	struct tls_state *s = p->state;
	const struct tls_args *a = p->args;

	s->resolving = false;
	if (failure) {
		tls_report(p, failure, why);
		return;
	}
	s->resolve_ns = took_ns;
	s->addr_count = count < TLS_ADDRS_MAX ? count : TLS_ADDRS_MAX;
	for (unsigned i = 0; i < s->addr_count; i++) {
		s->addrs[i] = addrs[i];
		if (addrs[i].sa.ss_family == AF_INET)
			((struct sockaddr_in *)&s->addrs[i].sa)->sin_port = htons((uint16_t)a->port);
		else
			((struct sockaddr_in6 *)&s->addrs[i].sa)->sin6_port =
				htons((uint16_t)a->port);
	}
	start_first(p);
}

static bool is_address(const char *text)
{
	unsigned char raw[16];

	return inet_pton(AF_INET, text, raw) == 1 || inet_pton(AF_INET6, text, raw) == 1;
}

static int start(struct sonde_probe *p)
{
	static const int families[] = { [4] = AF_INET, [6] = AF_INET6 };
	int family = p->ip_version == 4 || p->ip_version == 6 ? families[p->ip_version] : AF_UNSPEC;
	struct tls_state *s = p->state;
	const struct tls_args *a = p->args;
	const char *name = a->server_name && *a->server_name ? a->server_name : p->target;

	s->first.fd = -1;
	for (unsigned i = 0; i < TLS_VERSIONS; i++)
		s->lines[i].attempt.fd = -1;
	s->literal = is_address(p->target);
	/* An address is never asked for by name. */
	s->server_name = is_address(name) ? "" : name;
	/* Before any clock runs: the first one parses the system's bundle. */
	if (!cert_trust_context())
		return -1;
	s->resolving = true;
	return p->host->resolve(p, p->target, family, on_resolved, NULL);
}

static void stop_all(struct sonde_probe *p)
{
	struct tls_state *s = p->state;

	tls_try_stop(p, &s->first);
	tls_offers_stop(p);
}

static void cancel(struct sonde_probe *p, enum sonde_why why)
{
	struct tls_state *s = p->state;

	stop_all(p);
	if (why != SONDE_WHY_TIMEOUT)
		tls_report(p, SONDE_FAIL_CANCELLED, "it was cancelled");
	else if (s->resolving)
		tls_report(p, SONDE_FAIL_RESOLVE, "the name was not resolved in time");
	else if (s->first.outcome != TLS_PENDING)
		settle(p);
	else
		tls_report(p, SONDE_FAIL_TIMEOUT,
		           s->first.connected
		                   ? "the time was over while waiting for the TLS handshake"
		                   : "the time was over while waiting for the connection");
}

static void finish(struct sonde_probe *p)
{
	stop_all(p);
}

SONDE_PLUGIN = {
	SONDE_PLUGIN_HEAD,
	.name = "tls",
	.version = "1.0",
	.summary = "certificates of a TLS server, and the versions and ciphers it offers",
	.license = "Apache-2.0",
	.needs = SONDE_NEED_TCP | SONDE_NEED_RESOLVE,
	.args_size = sizeof(struct tls_args),
	.state_size = sizeof(struct tls_state),
	.params = params,
	.fields = fields,
	.check = check,
	.start = start,
	.cancel = cancel,
	.finish = finish,
};
