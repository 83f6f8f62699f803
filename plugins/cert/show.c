/* SPDX-License-Identifier: Apache-2.0 */
/* Writes certificate facts through the host. Owns nothing. */
#include "cert/show.h"

#include <string.h>

void cert_put_text(struct sonde_probe *p, const char *key, const char *text)
{
	if (*text)
		p->host->put_text(p, key, text, strlen(text));
	else
		p->host->put_null(p, key);
}

void cert_put_present(struct sonde_probe *p, const char *key, const char *text)
{
	if (*text)
		p->host->put_text(p, key, text, strlen(text));
}

void cert_put_date(struct sonde_probe *p, const char *key, const struct cert_facts *f, int64_t s)
{
	char text[CERT_DATE] = "";

	if (f->has_dates)
		cert_format_date(text, s);
	cert_put_text(p, key, text);
}

void cert_show(struct sonde_probe *p, const char *key, const struct cert_facts *f,
               const struct cert_verdict *v, const char *protocol, const char *cipher)
{
	const struct sonde_host *h = p->host;
	bool known = !strcmp(f->key_type, "RSA") || !strcmp(f->key_type, "EC");

	h->open(p, key, '{');
	h->put_bool(p, "authorized", v->authorized);
	if (v->error)
		cert_put_text(p, "error", v->error);
	cert_put_text(p, "protocol", protocol);
	cert_put_text(p, "cipherName", cipher);
	cert_put_date(p, "createdAt", f, f->created);
	cert_put_date(p, "expiresAt", f, f->expires);
	h->open(p, "subject", '{');
	cert_put_present(p, "CN", f->subject_cn);
	cert_put_present(p, "alt", f->alt);
	h->close(p);
	h->open(p, "issuer", '{');
	cert_put_present(p, "C", f->issuer_c);
	cert_put_present(p, "O", f->issuer_o);
	cert_put_present(p, "CN", f->issuer_cn);
	h->close(p);
	cert_put_text(p, "keyType", known ? f->key_type : "");
	if (f->key_bits > 0)
		h->put_int(p, "keyBits", f->key_bits);
	else
		h->put_null(p, "keyBits");
	cert_put_text(p, "serialNumber", f->serial);
	cert_put_text(p, "fingerprint256", f->fingerprint);
	cert_put_text(p, "publicKey", f->public_key);
	h->close(p);
}
