/* SPDX-License-Identifier: Apache-2.0 */
/* What a tls probe tells: fields and a text in the manner of `openssl s_client`. What is not known is
 * null. Owns nothing. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cert/show.h"
#include "tls/tls.h"

static void print(struct sonde_probe *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void print(struct sonde_probe *p, const char *fmt, ...)
{
	char line[2048];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n > 0)
		p->host->print(p, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

static void put_ms(struct sonde_probe *p, const char *key, bool known, int64_t ns)
{
	if (known)
		p->host->put_number(p, key, (double)ns / 1e6, 3);
	else
		p->host->put_null(p, key);
}

static void put_timings(struct sonde_probe *p)
{
	const struct tls_state *s = p->state;
	const struct tls_try *t = &s->first;

	p->host->open(p, "timings", '{');
	put_ms(p, "dns", !s->literal && s->addr_count, s->resolve_ns);
	put_ms(p, "tcp", t->connected, t->connected_at - t->started);
	put_ms(p, "tls", t->outcome == TLS_UP, t->done_at - t->connected_at);
	put_ms(p, "tcpRtt", t->rtt > 0, t->rtt);
	p->host->close(p);
}

static void put_days(struct sonde_probe *p, const char *key, const struct cert_facts *f)
{
	if (f && f->has_dates)
		p->host->put_int(p, key, cert_days_left(f, time(NULL)));
	else
		p->host->put_null(p, key);
}

/* The one that expires first. */
static const struct cert_facts *first_to_go(const struct tls_state *s)
{
	const struct cert_facts *first = NULL;

	for (unsigned i = 0; i < s->chain_count; i++)
		if (s->chain[i].has_dates && (!first || s->chain[i].expires < first->expires))
			first = &s->chain[i];
	return first;
}

static void put_certificate(struct sonde_probe *p, const struct cert_facts *f)
{
	const struct sonde_host *h = p->host;

	h->open(p, NULL, '{');
	cert_put_text(p, "subject", f->subject);
	cert_put_text(p, "issuer", f->issuer);
	cert_put_text(p, "commonName", f->subject_cn);
	cert_put_text(p, "alt", f->alt);
	cert_put_date(p, "createdAt", f, f->created);
	cert_put_date(p, "expiresAt", f, f->expires);
	put_days(p, "daysLeft", f);
	cert_put_text(p, "keyType", f->key_type);
	if (f->key_bits > 0)
		h->put_int(p, "keyBits", f->key_bits);
	else
		h->put_null(p, "keyBits");
	cert_put_text(p, "curve", f->curve);
	cert_put_text(p, "signature", f->signature);
	cert_put_text(p, "serialNumber", f->serial);
	cert_put_text(p, "fingerprint256", f->fingerprint);
	h->close(p);
}

static void put_staple(struct sonde_probe *p)
{
	const struct sonde_host *h = p->host;
	const struct tls_state *s = p->state;
	const struct cert_staple *o = &s->staple;
	char date[CERT_DATE] = "";

	if (!s->has_facts) {
		h->put_null(p, "ocsp");
		return;
	}
	h->open(p, "ocsp", '{');
	h->put_bool(p, "stapled", s->has_staple);
	if (s->has_staple) {
		cert_put_text(p, "status", o->status ? o->status : "");
		h->put_bool(p, "signed", o->signed_well);
		cert_put_present(p, "error", o->why ? o->why : "");
		if (o->has_dates)
			cert_format_date(date, o->this_update);
		cert_put_text(p, "thisUpdate", date);
		date[0] = '\0';
		if (o->has_dates && o->next_update)
			cert_format_date(date, o->next_update);
		cert_put_text(p, "nextUpdate", date);
	}
	h->close(p);
}

static void put_offers(struct sonde_probe *p)
{
	const struct sonde_host *h = p->host;
	const struct tls_args *a = p->args;
	const struct tls_state *s = p->state;
	bool complete = true;

	if (!a->versions && !a->ciphers)
		return;
	h->open(p, "versions", '[');
	for (unsigned i = 0; i < TLS_VERSIONS; i++) {
		enum tls_outcome o = s->lines[i].offered;
		h->open(p, NULL, '{');
		cert_put_text(p, "name", tls_versions[i].name);
		if (o == TLS_UP || o == TLS_REFUSED)
			h->put_bool(p, "offered", o == TLS_UP);
		else
			h->put_null(p, "offered");
		h->close(p);
		complete &= o == TLS_REFUSED || s->lines[i].complete;
	}
	h->close(p);
	if (!a->ciphers)
		return;
	h->open(p, "ciphers", '[');
	for (unsigned i = 0; i < s->cipher_count; i++) {
		h->open(p, NULL, '{');
		cert_put_text(p, "version", tls_versions[s->ciphers[i].version].name);
		cert_put_text(p, "name", s->ciphers[i].name);
		h->close(p);
	}
	h->close(p);
	h->put_bool(p, "ciphersComplete", complete);
}

static void put_peer(struct sonde_probe *p)
{
	const struct sonde_host *h = p->host;
	const struct tls_args *a = p->args;
	const struct tls_state *s = p->state;

	cert_put_text(p, "resolvedAddress", s->address);
	cert_put_text(p, "resolvedHostname", s->literal ? "" : p->target);
	h->put_int(p, "port", a->port);
	cert_put_text(p, "serverName", s->server_name);
	if (s->has_facts)
		h->put_bool(p, "authorized", s->verdict.authorized);
	else
		h->put_null(p, "authorized");
	cert_put_text(p, "error", s->verdict.error ? s->verdict.error : "");
	cert_put_text(p, "errorText", s->verdict.text ? s->verdict.text : "");
	cert_put_text(p, "protocol", s->protocol);
	cert_put_text(p, "cipherName", s->cipher);
	cert_put_text(p, "alpn", s->alpn);
	cert_put_text(p, "keyExchange", s->group);
	put_days(p, "daysLeft", s->chain_count ? &s->chain[0] : NULL);
	put_days(p, "chainDaysLeft", first_to_go(s));
}

static void print_chain(struct sonde_probe *p)
{
	const struct tls_state *s = p->state;
	char from[CERT_DATE], until[CERT_DATE];

	print(p, "---\nCertificate chain\n");
	for (unsigned i = 0; i < s->chain_count; i++) {
		const struct cert_facts *f = &s->chain[i];
		cert_format_date(from, f->created);
		cert_format_date(until, f->expires);
		print(p, " %u s:%s\n   i:%s\n   a:PKEY: %s, %d (bit); sigalg: %s\n", i, f->subject,
		      f->issuer, f->key_type, f->key_bits, f->signature);
		if (f->has_dates)
			print(p, "   v:NotBefore: %s; NotAfter: %s\n", from, until);
		print(p, "   sha256 Fingerprint=%s\n", f->fingerprint);
	}
	print(p, "---\n");
}

static void print_offers(struct sonde_probe *p)
{
	const struct tls_args *a = p->args;
	const struct tls_state *s = p->state;

	for (unsigned i = 0; (a->versions || a->ciphers) && i < TLS_VERSIONS; i++) {
		enum tls_outcome o = s->lines[i].offered;
		print(p, "%-8s %s\n", tls_versions[i].name,
		      o == TLS_UP ? "offered" : o == TLS_REFUSED ? "not offered" : "not known");
		for (unsigned k = 0; k < s->cipher_count; k++)
			if (s->ciphers[k].version == (int)i)
				print(p, "    %s\n", s->ciphers[k].name);
	}
}

static void print_all(struct sonde_probe *p, const char *why)
{
	const struct tls_args *a = p->args;
	const struct tls_state *s = p->state;

	if (s->first.connected)
		print(p, "CONNECTED to %s port %d\n", s->address, (int)a->port);
	if (s->has_facts) {
		print_chain(p);
		print(p, "New, %s, Cipher is %s\nServer Temp Key: %s\n", s->protocol, s->cipher,
		      *s->group ? s->group : "none");
		print(p, "ALPN protocol: %s\n", *s->alpn ? s->alpn : "none");
		print(p, "OCSP response: %s\n",
		      !s->has_staple ? "no response sent"
		                     : s->staple.status ? s->staple.status : s->staple.why);
		print(p, "Verification: %s%s%s\n", s->verdict.authorized ? "OK" : s->verdict.error,
		      s->verdict.authorized ? "" : ", ",
		      s->verdict.authorized ? "" : s->verdict.text);
	}
	if (s->first.outcome != TLS_PENDING && s->first.outcome != TLS_UNKNOWN)
		print_offers(p);
	if (why)
		print(p, "%s\n", why);
}

void tls_report(struct sonde_probe *p, enum sonde_failure failure, const char *why)
{
	const struct tls_state *s = p->state;

	put_peer(p);
	put_timings(p);
	put_staple(p);
	p->host->open(p, "chain", '[');
	for (unsigned i = 0; i < s->chain_count; i++)
		put_certificate(p, &s->chain[i]);
	p->host->close(p);
	put_offers(p);
	print_all(p, why);
	p->host->done(p, failure, why);
}
