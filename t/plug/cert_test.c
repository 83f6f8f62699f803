/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate facts of certificates made here, and the names of errors. */
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "cert/facts.h"
#include "cert/staple.h"
#include "tap.h"

static void add_name(X509_NAME *n, const char *field, const char *text, int len)
{
	EXPECT(X509_NAME_add_entry_by_txt(n, field, MBSTRING_UTF8, (const unsigned char *)text, len, -1,
	                                  0));
}

static X509 *make(EVP_PKEY *key, const char *cn, int cn_len, const char *alt)
{
	X509 *x = X509_new();
	X509_NAME *n = X509_NAME_new();

	EXPECT(X509_set_version(x, 2));
	ASN1_INTEGER_set(X509_get_serialNumber(x), 0x1234abcd);
	add_name(n, "C", "DE", -1);
	add_name(n, "O", "Acme", -1);
	add_name(n, "CN", cn, cn_len);
	X509_set_subject_name(x, n);
	X509_set_issuer_name(x, n);
	X509_NAME_free(n);
	EXPECT(ASN1_TIME_set_string(X509_getm_notBefore(x), "20200101000000Z"));
	EXPECT(ASN1_TIME_set_string(X509_getm_notAfter(x), "20600615123456Z"));
	X509_set_pubkey(x, key);
	if (alt) {
		X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, alt);
		EXPECT(e && X509_add_ext(x, e, -1));
		X509_EXTENSION_free(e);
	}
	EXPECT(X509_sign(x, key, EVP_sha256()));
	return x;
}

static void facts_of_ec(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = make(key, "www.example.test", -1, "DNS:www.example.test,IP:192.0.2.1,IP:2001:db8::1");
	struct cert_facts f;
	char date[CERT_DATE];

	cert_facts_read(&f, x);
	EXPECT_STR(f.subject_cn, "www.example.test");
	EXPECT_STR(f.issuer_c, "DE");
	EXPECT_STR(f.issuer_o, "Acme");
	EXPECT_STR(f.subject, "C = DE, O = Acme, CN = www.example.test");
	EXPECT_STR(f.alt, "DNS:www.example.test, IP Address:192.0.2.1, IP Address:2001:db8::1");
	EXPECT_STR(f.key_type, "EC");
	EXPECT_INT(f.key_bits, 256);
	EXPECT_STR(f.curve, "prime256v1");
	EXPECT_INT(strlen(f.public_key), 65 * 3 - 1);
	EXPECT(!strncmp(f.public_key, "04:", 3));
	EXPECT_STR(f.serial, "12:34:AB:CD");
	EXPECT_INT(strlen(f.fingerprint), 95);
	EXPECT_STR(f.signature, "ecdsa-with-SHA256");
	EXPECT(f.has_dates);
	cert_format_date(date, f.created);
	EXPECT_STR(date, "2020-01-01T00:00:00.000Z");
	cert_format_date(date, f.expires);
	EXPECT_STR(date, "2060-06-15T12:34:56.000Z");
	X509_free(x);
	EVP_PKEY_free(key);
}

static void facts_of_rsa(void)
{
	EVP_PKEY *key = EVP_RSA_gen(1024);
	X509 *x = make(key, "a", -1, NULL);
	struct cert_facts f;

	cert_facts_read(&f, x);
	EXPECT_STR(f.key_type, "RSA");
	EXPECT_INT(f.key_bits, 1024);
	EXPECT_STR(f.alt, "");
	EXPECT(!strncmp(f.public_key, "30:81:9F:30:", 12));
	X509_free(x);
	EVP_PKEY_free(key);
}

static void a_name_with_a_zero_is_no_shorter_name(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = make(key, "good.test\0.evil.test", 20, NULL);
	struct cert_facts f;

	cert_facts_read(&f, x);
	EXPECT_STR(f.subject_cn, "good.test?.evil.test");
	X509_free(x);
	EVP_PKEY_free(key);
}

static void long_lists_are_cut_between_names(void)
{
	static char alt[40000];
	EVP_PKEY *key = EVP_EC_gen("P-256");
	struct cert_facts f;
	size_t n = 0;

	for (int i = 0; i < 1000; i++)
		n += (size_t)snprintf(alt + n, sizeof(alt) - n, "%sDNS:host-%04d.example.test",
		                      i ? "," : "", i);
	X509 *x = make(key, "many", -1, alt);
	cert_facts_read(&f, x);
	EXPECT(strlen(f.alt) > CERT_ALT - 64 && strlen(f.alt) < CERT_ALT);
	EXPECT_STR(f.alt + strlen(f.alt) - 13, ".example.test");
	X509_free(x);
	EVP_PKEY_free(key);
}

static void names_of_errors(void)
{
	EXPECT_STR(cert_error_name(X509_V_ERR_CERT_HAS_EXPIRED), "CERT_HAS_EXPIRED");
	EXPECT_STR(cert_error_name(X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT),
	           "DEPTH_ZERO_SELF_SIGNED_CERT");
	EXPECT_STR(cert_error_name(123456), "UNSPECIFIED");
}

static void days_are_rounded_down(void)
{
	struct cert_facts f = { .has_dates = true, .expires = 86400 };

	EXPECT_INT(cert_days_left(&f, 0), 1);
	EXPECT_INT(cert_days_left(&f, 1), 0);
	EXPECT_INT(cert_days_left(&f, 86400), 0);
	EXPECT_INT(cert_days_left(&f, 86401), -1);
}

static void dates_out_of_range_are_none(void)
{
	char date[CERT_DATE];

	cert_format_date(date, INT64_MAX);
	EXPECT_STR(date, "");
	cert_format_date(date, INT64_C(253402300800));
	EXPECT_STR(date, "");
	cert_format_date(date, INT64_C(253402300799));
	EXPECT_STR(date, "9999-12-31T23:59:59.000Z");
}

static void a_staple_of_rubbish(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = make(key, "a", -1, NULL);
	X509_STORE *store = X509_STORE_new();
	struct cert_staple s;

	cert_staple_read(&s, (const unsigned char *)"rubbish", 7, x, NULL, store);
	EXPECT_STR(s.why, "it cannot be read");
	EXPECT(!s.status && !s.signed_well);
	/* OCSPResponse { tryLater } */
	cert_staple_read(&s, (const unsigned char *)"\x30\x03\x0a\x01\x03", 5, x, NULL, store);
	EXPECT_STR(s.why, "it says that there is no answer");
	X509_STORE_free(store);
	X509_free(x);
	EVP_PKEY_free(key);
}

TAP_MAIN(CASE(facts_of_ec), CASE(facts_of_rsa), CASE(a_name_with_a_zero_is_no_shorter_name),
         CASE(long_lists_are_cut_between_names), CASE(names_of_errors), CASE(days_are_rounded_down),
         CASE(dates_out_of_range_are_none), CASE(a_staple_of_rubbish))
