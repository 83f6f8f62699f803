/* SPDX-License-Identifier: Apache-2.0 */
/* Reads OpenSSL's certificate into struct cert_facts and names errors. A certificate comes from the
 * target, so that every text is bounded and nothing of it is trusted; keeps no reference. Names of
 * errors, the form of alternative names and of keys are those of Node.js, which clients of
 * Globalping know. */
#include "cert/facts.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* "07:2D:..." as long as whole bytes fit. */
static void put_hex(char *out, size_t size, const unsigned char *bytes, size_t n)
{
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < n && at + 4 <= size; i++)
		at += (size_t)snprintf(out + at, size - at, "%s%02X", i ? ":" : "", bytes[i]);
}

static void copy_text(char *out, size_t size, const ASN1_STRING *from)
{
	unsigned char *utf8 = NULL;
	int n = from ? ASN1_STRING_to_UTF8(&utf8, from) : -1;

	out[0] = '\0';
	if (n >= (int)size)
		n = (int)size - 1;
	/* A name that ends early ("good.test\0.evil.test") must not be shown as the shorter one. */
	for (int i = 0; i < n; i++)
		out[i] = utf8[i] ? (char)utf8[i] : '?';
	out[n > 0 ? n : 0] = '\0';
	OPENSSL_free(utf8);
}

static void copy_entry(char *out, size_t size, const X509_NAME *name, int nid)
{
	int at = name ? X509_NAME_get_index_by_NID(name, nid, -1) : -1;
	const X509_NAME_ENTRY *entry = at < 0 ? NULL : X509_NAME_get_entry(name, at);

	copy_text(out, size, entry ? X509_NAME_ENTRY_get_data(entry) : NULL);
}

static void copy_name(char *out, size_t size, const X509_NAME *name)
{
	BIO *bio = BIO_new(BIO_s_mem());
	const unsigned long flags = XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB;
	char *text = NULL;

	out[0] = '\0';
	if (bio && name && X509_NAME_print_ex(bio, name, 0, flags) >= 0) {
		long n = BIO_get_mem_data(bio, &text);
		snprintf(out, size, "%.*s", n < (long)size ? (int)n : (int)size - 1,
		         text ? text : "");
	}
	BIO_free(bio);
}

bool cert_seconds(const ASN1_TIME *t, int64_t *out)
{
	struct tm tm;

	if (!t || !ASN1_TIME_to_tm(t, &tm))
		return false;
	*out = timegm(&tm);
	return true;
}

/* Appends one alternative name; false when it does not fit. A name that could be taken for the
 * list's own commas loses those letters. */
static bool add_alt(char *out, size_t size, const char *kind, const char *text, size_t n)
{
	size_t at = strlen(out);
	int head = snprintf(out + at, size - at, "%s%s:", at ? ", " : "", kind);

	if (head < 0 || at + (size_t)head + n >= size) {
		out[at] = '\0';
		return false;
	}
	at += (size_t)head;
	for (size_t i = 0; i < n; i++)
		out[at + i] = text[i] > 0x20 && text[i] < 0x7f && text[i] != ',' ? text[i] : '?';
	out[at + n] = '\0';
	return true;
}

static bool add_general(char *out, size_t size, const GENERAL_NAME *name)
{
	static const char *const kinds[] = { [GEN_EMAIL] = "email", [GEN_DNS] = "DNS",
		                             [GEN_URI] = "URI" };
	char address[INET6_ADDRSTRLEN];
	int type = name->type;

	if (type == GEN_EMAIL || type == GEN_DNS || type == GEN_URI)
		return add_alt(out, size, kinds[type], (const char *)ASN1_STRING_get0_data(name->d.ia5),
		               (size_t)ASN1_STRING_length(name->d.ia5));
	if (type != GEN_IPADD)
		return true;
	int len = ASN1_STRING_length(name->d.ip);
	int family = len == 4 ? AF_INET : len == 16 ? AF_INET6 : 0;
	if (!family || !inet_ntop(family, ASN1_STRING_get0_data(name->d.ip), address, sizeof(address)))
		return true;
	return add_alt(out, size, "IP Address", address, strlen(address));
}

static void read_alt(struct cert_facts *f, const X509 *x)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	int n = names ? sk_GENERAL_NAME_num(names) : 0;

	for (int i = 0; i < n; i++)
		if (!add_general(f->alt, sizeof(f->alt), sk_GENERAL_NAME_value(names, i)))
			break;
	GENERAL_NAMES_free(names);
}

static void read_point(struct cert_facts *f, EVP_PKEY *key, const X509 *x)
{
	const ASN1_BIT_STRING *point = X509_get0_pubkey_bitstr(x);

	if (point)
		put_hex(f->public_key, sizeof(f->public_key), ASN1_STRING_get0_data(point),
		        (size_t)ASN1_STRING_length(point));
	EVP_PKEY_get_utf8_string_param(key, "group", f->curve, sizeof(f->curve), NULL);
}

static void read_key(struct cert_facts *f, const X509 *x)
{
	EVP_PKEY *key = X509_get0_pubkey(x);
	unsigned char *der = NULL;

	if (!key)
		return;
	const char *name = EVP_PKEY_get0_type_name(key);
	snprintf(f->key_type, sizeof(f->key_type), "%s", name ? name : "");
	f->key_bits = EVP_PKEY_get_bits(key);
	if (!strcmp(f->key_type, "EC")) {
		read_point(f, key, x);
		return;
	}
	/* As the certificate holds it: making it anew from the key costs a fifth of a handshake. */
	int n = strcmp(f->key_type, "RSA") ? 0 : i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
	if (n > 0 && (size_t)n * 3 <= sizeof(f->public_key))
		put_hex(f->public_key, sizeof(f->public_key), der, (size_t)n);
	OPENSSL_free(der);
}

static void read_serial(struct cert_facts *f, const X509 *x)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(x);

	if (serial && ASN1_STRING_length(serial) > 0)
		put_hex(f->serial, sizeof(f->serial), ASN1_STRING_get0_data(serial),
		        (size_t)ASN1_STRING_length(serial));
}

void cert_facts_read(struct cert_facts *f, const X509 *x)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	*f = (struct cert_facts){ 0 };
	f->has_dates = cert_seconds(X509_get0_notBefore(x), &f->created) &&
	               cert_seconds(X509_get0_notAfter(x), &f->expires);
	const X509_NAME *subject = X509_get_subject_name(x), *issuer = X509_get_issuer_name(x);
	copy_entry(f->subject_cn, sizeof(f->subject_cn), subject, NID_commonName);
	copy_entry(f->issuer_c, sizeof(f->issuer_c), issuer, NID_countryName);
	copy_entry(f->issuer_o, sizeof(f->issuer_o), issuer, NID_organizationName);
	copy_entry(f->issuer_cn, sizeof(f->issuer_cn), issuer, NID_commonName);
	copy_name(f->subject, sizeof(f->subject), subject);
	copy_name(f->issuer, sizeof(f->issuer), issuer);
	read_alt(f, x);
	read_key(f, x);
	read_serial(f, x);
	if (X509_digest(x, EVP_sha256(), digest, &n))
		put_hex(f->fingerprint, sizeof(f->fingerprint), digest, n);
	const char *signature = OBJ_nid2ln(X509_get_signature_nid(x));
	snprintf(f->signature, sizeof(f->signature), "%s", signature ? signature : "");
	/* What could not be read left entries that a later call would take for its own. */
	ERR_clear_error();
}

int64_t cert_days_left(const struct cert_facts *f, int64_t now_s)
{
	int64_t left = f->expires - now_s;

	return left / 86400 - (left % 86400 < 0);
}

void cert_format_date(char out[CERT_DATE], int64_t s)
{
	time_t t = (time_t)s;
	struct tm tm;

	out[0] = '\0';
	if (gmtime_r(&t, &tm) && tm.tm_year >= -1900 && tm.tm_year <= 8099)
		snprintf(out, CERT_DATE, "%04d-%02d-%02dT%02d:%02d:%02d.000Z", tm.tm_year + 1900,
		         tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

#define ROW(name) { X509_V_ERR_##name, #name }

const char *cert_error_name(long code)
{
	static const struct {
		long code;
		const char *name;
	} rows[] = {
		ROW(UNABLE_TO_GET_ISSUER_CERT),
		ROW(UNABLE_TO_GET_CRL),
		ROW(UNABLE_TO_DECRYPT_CERT_SIGNATURE),
		ROW(UNABLE_TO_DECRYPT_CRL_SIGNATURE),
		ROW(UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY),
		ROW(CERT_SIGNATURE_FAILURE),
		ROW(CERT_NOT_YET_VALID),
		ROW(CERT_HAS_EXPIRED),
		ROW(ERROR_IN_CERT_NOT_BEFORE_FIELD),
		ROW(ERROR_IN_CERT_NOT_AFTER_FIELD),
		ROW(OUT_OF_MEM),
		ROW(DEPTH_ZERO_SELF_SIGNED_CERT),
		ROW(SELF_SIGNED_CERT_IN_CHAIN),
		ROW(UNABLE_TO_GET_ISSUER_CERT_LOCALLY),
		ROW(UNABLE_TO_VERIFY_LEAF_SIGNATURE),
		ROW(CERT_CHAIN_TOO_LONG),
		ROW(CERT_REVOKED),
		ROW(INVALID_CA),
		ROW(PATH_LENGTH_EXCEEDED),
		ROW(INVALID_PURPOSE),
		ROW(CERT_UNTRUSTED),
		ROW(CERT_REJECTED),
		ROW(EE_KEY_TOO_SMALL),
		ROW(CA_KEY_TOO_SMALL),
		ROW(CA_MD_TOO_WEAK),
		ROW(HOSTNAME_MISMATCH),
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].code == code)
			return rows[i].name;
	return "UNSPECIFIED";
}

static bool is_for(X509 *x, const char *name)
{
	unsigned char address[16];

	if (inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1)
		return X509_check_ip_asc(x, name, 0) == 1;
	return X509_check_host(x, name, 0, 0, NULL) == 1;
}

void cert_judge(struct cert_verdict *v, SSL *ssl, const char *name)
{
	X509 *x = SSL_get1_peer_certificate(ssl);
	long code = SSL_get_verify_result(ssl);

	*v = (struct cert_verdict){ .authorized = true };
	if (!x)
		*v = (struct cert_verdict){ false, "NO_CERTIFICATE", "the peer sent no certificate" };
	else if (code != X509_V_OK)
		*v = (struct cert_verdict){ false, cert_error_name(code),
			                    X509_verify_cert_error_string(code) };
	else if (!is_for(x, name))
		*v = (struct cert_verdict){ false, "ERR_TLS_CERT_ALTNAME_INVALID",
			                    "the certificate is for another name" };
	X509_free(x);
}
