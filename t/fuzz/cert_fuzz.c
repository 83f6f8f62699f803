/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target of certificate facts and stapled answers: the first two bytes are the length of a DER
 * certificate, an OCSP answer follows it. */
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
	STACK_OF(X509) *chain = sk_X509_new_null();
	sk_X509_push(chain, x);
	cert_staple_read(&staple, data + 2 + n, size - 2 - n, x, chain, store);
	sk_X509_free(chain);
	X509_free(x);
	return 0;
}
