/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL behind a small window. The context of the system's trust store is made once and kept as
 * long as the process, since every plugin is; certificates are read from its folder by need, so
 * that a first probe costs no parsing of all of them. A probe that brings its own authorities has
 * a context of its own. The certificate is checked by OpenSSL in any case and a bad one does not
 * stop the handshake: the facts are wanted then most, and the caller decides before a byte is
 * sent. Bytes go through send() with MSG_NOSIGNAL, which OpenSSL's own socket layer lacks. */
#include "tcp/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct tls {
	SSL *ssl;
	SSL_CTX *own; /* NULL = the shared one */
	char why[160];
};

enum { CHAIN_BYTES_MAX = 100 << 10 };

static int out_write(BIO *b, const char *data, int len)
{
	int fd = (int)(intptr_t)BIO_get_data(b);

	BIO_clear_retry_flags(b);
	ssize_t n = send(fd, data, (size_t)len, MSG_NOSIGNAL);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		BIO_set_retry_write(b);
	return (int)n;
}

static int in_read(BIO *b, char *data, int len)
{
	int fd = (int)(intptr_t)BIO_get_data(b);

	BIO_clear_retry_flags(b);
	ssize_t n = recv(fd, data, (size_t)len, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		BIO_set_retry_read(b);
	return (int)n;
}

static long control(BIO *b, int what, long larg, void *parg)
{
	return what == BIO_CTRL_FLUSH;
}

/* What all probes of the process share; both are made once and never freed. */
static struct {
	BIO_METHOD *io;
	SSL_CTX *system;
} shared;

static BIO_METHOD *io_method(void)
{
	if (shared.io)
		return shared.io;
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "nosignal");
	if (m && BIO_meth_set_write(m, out_write) && BIO_meth_set_read(m, in_read) &&
	    BIO_meth_set_ctrl(m, control))
		return shared.io = m;
	BIO_meth_free(m);
	return NULL;
}

static SSL_CTX *context_new(void)
{
	SSL_CTX *c = SSL_CTX_new(TLS_client_method());

	if (!c)
		return NULL;
	SSL_CTX_set_verify(c, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_max_cert_list(c, CHAIN_BYTES_MAX);
	SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS);
	/* A server that closes without a word of goodbye has closed. */
	SSL_CTX_set_options(c, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_RENEGOTIATION);
	return c;
}

static SSL_CTX *system_context(void)
{
	if (shared.system)
		return shared.system;
	SSL_CTX *c = context_new();
	if (c && SSL_CTX_set_default_verify_paths(c) == 1)
		return shared.system = c;
	SSL_CTX_free(c);
	return NULL;
}

/* The certificates of a PEM text into the store (which may be NULL); how many there were. */
static unsigned read_pem(const char *pem, X509_STORE *store)
{
	BIO *b = BIO_new_mem_buf(pem, -1);
	unsigned n = 0;
	X509 *x;

	while (b && n < 64 && (x = PEM_read_bio_X509(b, NULL, NULL, NULL))) {
		n += !store || X509_STORE_add_cert(store, x) == 1;
		X509_free(x);
	}
	BIO_free(b);
	ERR_clear_error();
	return n;
}

int tls_check_ca(const char *pem, char *why, size_t cap)
{
	if (read_pem(pem, NULL))
		return 0;
	snprintf(why, cap, "holds no certificate in PEM");
	return -1;
}

/* A name for SNI and the check, or an address for the check alone. */
static bool set_name(SSL *ssl, const char *name)
{
	uint8_t raw[16];
	X509_VERIFY_PARAM *check = SSL_get0_param(ssl);

	if (inet_pton(AF_INET, name, raw) == 1 || inet_pton(AF_INET6, name, raw) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(check, name) == 1;
	X509_VERIFY_PARAM_set_hostflags(check, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set_tlsext_host_name(ssl, name) == 1 && SSL_set1_host(ssl, name) == 1;
}

static bool set_alpn(SSL *ssl, const char *list)
{
	uint8_t wire[128];
	size_t n = 0;

	while (list && *list) {
		size_t len = strcspn(list, ",");
		if (!len || len > 255 || n + 1 + len > sizeof(wire))
			return false;
		wire[n++] = (uint8_t)len;
		memcpy(wire + n, list, len);
		n += len;
		list += len + (list[len] == ',');
	}
	return !n || SSL_set_alpn_protos(ssl, wire, (unsigned)n) == 0;
}

static bool set_up(struct tls *t, int fd, const struct tls_options *o)
{
	static const int versions[] = { TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION,
	                                TLS1_3_VERSION };
	BIO *b = io_method() ? BIO_new(shared.io) : NULL;

	if (!b)
		return false;
	BIO_set_data(b, (void *)(intptr_t)fd);
	BIO_set_init(b, 1);
	SSL_set_bio(t->ssl, b, b);
	SSL_set_connect_state(t->ssl);
	if (o->min_version < 2)
		SSL_set_security_level(t->ssl, 0); /* old versions need old signatures */
	return SSL_set_min_proto_version(t->ssl, versions[o->min_version]) == 1 &&
	       set_name(t->ssl, o->name) && set_alpn(t->ssl, o->alpn);
}

struct tls *tls_new(int fd, const struct tls_options *o, char *why, size_t cap)
{
	struct tls *t = calloc(1, sizeof(*t));
	bool own = o->ca && *o->ca;
	SSL_CTX *c = own ? context_new() : system_context();

	snprintf(why, cap, "TLS could not be set up");
	if (t && own)
		t->own = c;
	else if (own)
		SSL_CTX_free(c);
	if (t && c && (!own || read_pem(o->ca, SSL_CTX_get_cert_store(c))))
		t->ssl = SSL_new(c);
	if (t && t->ssl && set_up(t, fd, o))
		return t;
	ERR_clear_error();
	tls_free(t);
	return NULL;
}

void tls_free(struct tls *t)
{
	if (!t)
		return;
	SSL_free(t->ssl);
	SSL_CTX_free(t->own);
	free(t);
}

static enum tls_want outcome(struct tls *t, int rc)
{
	int error = SSL_get_error(t->ssl, rc), saved = errno;
	unsigned long code = ERR_peek_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	switch (error) {
	case SSL_ERROR_WANT_READ:
		return TLS_WANTS_READ;
	case SSL_ERROR_WANT_WRITE:
		return TLS_WANTS_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		snprintf(t->why, sizeof(t->why), "the server closed the connection");
		return TLS_CLOSED;
	case SSL_ERROR_SYSCALL:
		snprintf(t->why, sizeof(t->why), "%s",
		         saved ? strerror(saved) : "the server closed the connection");
		return TLS_BROKEN;
	default:
		snprintf(t->why, sizeof(t->why), "%s", reason ? reason : "TLS failed");
		return TLS_BROKEN;
	}
}

enum tls_want tls_handshake(struct tls *t)
{
	ERR_clear_error();
	errno = 0;
	int rc = SSL_do_handshake(t->ssl);
	return rc == 1 ? TLS_OVER : outcome(t, rc);
}

enum tls_want tls_read(struct tls *t, void *buf, size_t cap, size_t *done)
{
	ERR_clear_error();
	errno = 0;
	int rc = SSL_read_ex(t->ssl, buf, cap, done);
	return rc == 1 ? TLS_OVER : outcome(t, rc);
}

enum tls_want tls_write(struct tls *t, const void *buf, size_t len, size_t *done)
{
	ERR_clear_error();
	errno = 0;
	int rc = SSL_write_ex(t->ssl, buf, len, done);
	return rc == 1 ? TLS_OVER : outcome(t, rc);
}

const char *tls_why(const struct tls *t)
{
	return t->why;
}

/* The facts. */

static void name_part(const X509_NAME *name, int nid, char *out, size_t cap)
{
	int at = X509_NAME_get_index_by_NID(name, nid, -1);
	const X509_NAME_ENTRY *e = at < 0 ? NULL : X509_NAME_get_entry(name, at);
	unsigned char *text = NULL;

	out[0] = 0;
	int n = e ? ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(e)) : -1;
	if (n >= 0)
		snprintf(out, cap, "%.*s", n, (const char *)text);
	OPENSSL_free(text);
}

static void alt_names(X509 *x, char *out, size_t cap)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	size_t used = 0;

	out[0] = 0;
	for (int i = 0; i < sk_GENERAL_NAME_num(names) && used + 1 < cap; i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
		char address[INET6_ADDRSTRLEN];
		const ASN1_STRING *s = g->type == GEN_DNS ? g->d.dNSName
			: g->type == GEN_IPADD ? g->d.iPAddress : NULL;
		if (!s)
			continue;
		const char *text = (const char *)ASN1_STRING_get0_data(s);
		int n = ASN1_STRING_length(s);
		if (g->type == GEN_IPADD) {
			if ((n != 4 && n != 16) ||
			    !inet_ntop(n == 4 ? AF_INET : AF_INET6, text, address, sizeof(address)))
				continue;
			text = address;
			n = (int)strlen(address);
		}
		/* A name that would be cut is left out: half a name is another name. */
		if (used + (size_t)n + 16 > cap)
			break;
		used += (size_t)snprintf(out + used, cap - used, "%s%s:%.*s", used ? ", " : "",
		                         g->type == GEN_DNS ? "DNS" : "IP Address", n, text);
	}
	GENERAL_NAMES_free(names);
}

static void time_text(const ASN1_TIME *t, char out[32])
{
	struct tm tm;

	out[0] = 0;
	if (t && ASN1_TIME_to_tm(t, &tm) == 1)
		strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static void colon_hex(const uint8_t *data, size_t len, char *out, size_t cap)
{
	out[0] = 0;
	for (size_t i = 0; i < len && 3 * i + 4 <= cap; i++)
		snprintf(out + 3 * i - (i > 0), cap - 3 * i + (i > 0), "%s%02X", i ? ":" : "", data[i]);
}

static void serial_text(X509 *x, char *out, size_t cap)
{
	const ASN1_INTEGER *n = X509_get0_serialNumber(x);

	colon_hex(ASN1_STRING_get0_data(n), (size_t)ASN1_STRING_length(n), out, cap);
}

static void learn_key(X509 *x, struct tls_facts *f)
{
	EVP_PKEY *key = X509_get0_pubkey(x);

	if (!key)
		return;
	f->key_type = EVP_PKEY_get0_type_name(key);
	f->key_bits = EVP_PKEY_get_bits(key);
}

static void learn_chain(const STACK_OF(X509) *chain, struct tls_facts *f)
{
	const ASN1_TIME *first = NULL;

	f->chain_length = chain ? sk_X509_num(chain) : 0;
	for (int i = 0; i < f->chain_length; i++) {
		const ASN1_TIME *t = X509_get0_notAfter(sk_X509_value(chain, i));
		if (!first || ASN1_TIME_compare(t, first) < 0)
			first = t;
	}
	time_text(first, f->chain_expires);
}

void tls_learn(struct tls *t, struct tls_facts *f)
{
	X509 *x = SSL_get0_peer_certificate(t->ssl);
	long verdict = x ? SSL_get_verify_result(t->ssl) : X509_V_ERR_UNSPECIFIED;
	uint8_t digest[EVP_MAX_MD_SIZE];
	const unsigned char *alpn = NULL;
	unsigned n = 0;

	memset(f, 0, sizeof(*f));
	f->known = true;
	f->authorized = verdict == X509_V_OK;
	f->error = f->authorized ? NULL : X509_verify_cert_error_string(verdict);
	f->protocol = SSL_get_version(t->ssl);
	f->cipher = SSL_CIPHER_standard_name(SSL_get_current_cipher(t->ssl));
	SSL_get0_alpn_selected(t->ssl, &alpn, &n);
	snprintf(f->alpn, sizeof(f->alpn), "%.*s", (int)n, alpn ? (const char *)alpn : "");
	if (!x)
		return;
	name_part(X509_get_subject_name(x), NID_commonName, f->subject_cn, sizeof(f->subject_cn));
	name_part(X509_get_issuer_name(x), NID_countryName, f->issuer_c, sizeof(f->issuer_c));
	name_part(X509_get_issuer_name(x), NID_organizationName, f->issuer_o, sizeof(f->issuer_o));
	name_part(X509_get_issuer_name(x), NID_commonName, f->issuer_cn, sizeof(f->issuer_cn));
	alt_names(x, f->alt, sizeof(f->alt));
	time_text(X509_get0_notBefore(x), f->created);
	time_text(X509_get0_notAfter(x), f->expires);
	learn_chain(SSL_get_peer_cert_chain(t->ssl), f);
	serial_text(x, f->serial, sizeof(f->serial));
	if (X509_digest(x, EVP_sha256(), digest, &n) == 1)
		colon_hex(digest, n, f->fingerprint, sizeof(f->fingerprint));
	learn_key(x, f);
	ERR_clear_error();
}
