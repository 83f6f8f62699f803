/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target of certificate facts and stapled answers: the first two bytes are the length of a DER
 * certificate, an OCSP answer follows it. */
#include <openssl/err.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cert/facts.h"
#include "cert/staple.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK_TEXT(t) \
	do { \
		if (!memchr(t, 0, sizeof(t))) \
			abort(); \
	} while (0)

static void check_facts(const struct cert_facts *f)
{
	char date[CERT_DATE];

	CHECK_TEXT(f->subject_cn);
	CHECK_TEXT(f->issuer_c);
	CHECK_TEXT(f->issuer_o);
	CHECK_TEXT(f->issuer_cn);
	CHECK_TEXT(f->subject);
	CHECK_TEXT(f->issuer);
	CHECK_TEXT(f->alt);
	CHECK_TEXT(f->public_key);
	CHECK_TEXT(f->serial);
	cert_format_date(date, f->created);
	cert_format_date(date, f->expires);
	CHECK_TEXT(date);
	if (f->has_dates)
		cert_days_left(f, 0);
}

/* A TLS session whose peer showed this certificate, in the form in which OpenSSL stores sessions. */
static SSL_SESSION *session_of(X509 *x)
{
	static const unsigned char head[] = {
		0x02, 0x01, 0x01,             /* form */
		0x02, 0x02, 0x03, 0x04,       /* TLS 1.3 */
		0x04, 0x02, 0x13, 0x01,       /* cipher */
		0x04, 0x01, 0x07, 0x04, 0x00, /* id, key */
	};
	int n = i2d_X509(x, NULL);
	size_t inner = sizeof(head) + 4 + (size_t)n;
	unsigned char *der = n > 0 && inner <= 0xffff ? malloc(4 + inner) : NULL, *to = der;

	if (!der)
		return NULL;
	*to++ = 0x30; /* a sequence */
	*to++ = 0x82;
	*to++ = (unsigned char)(inner >> 8);
	*to++ = (unsigned char)inner;
	memcpy(to, head, sizeof(head));
	to += sizeof(head);
	*to++ = 0xa3; /* the peer */
	*to++ = 0x82;
	*to++ = (unsigned char)(n >> 8);
	*to++ = (unsigned char)n;
	i2d_X509(x, &to);
	const unsigned char *from = der;
	SSL_SESSION *session = d2i_SSL_SESSION(NULL, &from, (long)(4 + inner));
	free(der);
	return session;
}

/* Only a certificate that is good by its chain and for the name is authorized. */
static void check_verdict(X509 *x, const struct cert_facts *f)
{
	static SSL_CTX *context;
	const char *const names[] = { "example.com", "192.0.2.1", "2001:db8::1", f->subject_cn };
	SSL *ssl;

	if ((!context && !(context = SSL_CTX_new(TLS_client_method()))) || !(ssl = SSL_new(context)))
		abort();
	SSL_SESSION *session = session_of(x);
	if (session && !SSL_set_session(ssl, session))
		abort();
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct cert_verdict v;
		SSL_set_verify_result(ssl, X509_V_OK);
		cert_judge(&v, ssl, names[i]);
		if (v.authorized == (v.error != NULL) || (!session && v.authorized))
			abort();
		SSL_set_verify_result(ssl, X509_V_ERR_CERT_HAS_EXPIRED);
		cert_judge(&v, ssl, names[i]);
		if (v.authorized || !v.error || !v.text)
			abort();
	}
	SSL_SESSION_free(session);
	SSL_free(ssl);
	ERR_clear_error();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static X509_STORE *store;
	struct cert_staple staple;
	struct cert_facts facts;

	if (size < 2)
		return 0;
	if (!store)
		store = X509_STORE_new();
	size_t n = (size_t)data[0] << 8 | data[1];
	const uint8_t *at = data + 2;
	n = n < size - 2 ? n : size - 2;
	X509 *x = d2i_X509(NULL, &at, (long)n);
	if (!x)
		return 0;
	cert_facts_read(&facts, x);
	check_facts(&facts);
	check_verdict(x, &facts);
	if (!*cert_error_name(data[0]))
		abort();
	STACK_OF(X509) *chain = sk_X509_new_null();
	sk_X509_push(chain, x);
	cert_staple_read(&staple, data + 2 + n, size - 2 - n, x, chain, store);
	sk_X509_free(chain);
	X509_free(x);
	return 0;
}
