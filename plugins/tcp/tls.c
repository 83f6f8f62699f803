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
	if (!n)
		errno = 0; /* the search for a certificate's issuer has left one */
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

static bool is_address(const char *name)
{
	uint8_t raw[16];

	return inet_pton(AF_INET, name, raw) == 1 || inet_pton(AF_INET6, name, raw) == 1;
}

static bool set_up(struct tls *t, int fd, const struct tls_options *o)
{
	BIO *b = io_method() ? BIO_new(shared.io) : NULL;

	if (!b)
		return false;
	BIO_set_data(b, (void *)(intptr_t)fd);
	BIO_set_init(b, 1);
	SSL_set_bio(t->ssl, b, b);
	SSL_set_connect_state(t->ssl);
	return is_address(o->name) || SSL_set_tlsext_host_name(t->ssl, o->name) == 1;
}

struct tls *tls_new(int fd, const struct tls_options *o)
{
	struct tls *t = calloc(1, sizeof(*t));
	bool own = o->ca && *o->ca;
	SSL_CTX *c = own ? context_new() : system_context();

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
		return saved ? TLS_BROKEN : TLS_CLOSED;
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

#define ROW(name) { X509_V_ERR_##name, #name }

static const char *error_name(long code)
{
	static const struct {
		long code;
		const char *name;
	} rows[] = {
		ROW(UNABLE_TO_GET_ISSUER_CERT), ROW(UNABLE_TO_DECRYPT_CERT_SIGNATURE),
		ROW(UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY), ROW(CERT_SIGNATURE_FAILURE),
		ROW(CERT_NOT_YET_VALID), ROW(CERT_HAS_EXPIRED),
		ROW(ERROR_IN_CERT_NOT_BEFORE_FIELD), ROW(ERROR_IN_CERT_NOT_AFTER_FIELD),
		ROW(OUT_OF_MEM), ROW(DEPTH_ZERO_SELF_SIGNED_CERT),
		ROW(SELF_SIGNED_CERT_IN_CHAIN), ROW(UNABLE_TO_GET_ISSUER_CERT_LOCALLY),
		ROW(UNABLE_TO_VERIFY_LEAF_SIGNATURE), ROW(CERT_CHAIN_TOO_LONG), ROW(CERT_REVOKED),
		ROW(INVALID_CA), ROW(PATH_LENGTH_EXCEEDED), ROW(INVALID_PURPOSE),
		ROW(CERT_UNTRUSTED), ROW(CERT_REJECTED), ROW(EE_KEY_TOO_SMALL),
		ROW(CA_KEY_TOO_SMALL), ROW(CA_MD_TOO_WEAK),
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].code == code)
			return rows[i].name;
	return "UNSPECIFIED";
}

static bool is_for(X509 *x, const char *name)
{
	if (is_address(name))
		return X509_check_ip_asc(x, name, 0) == 1;
	return X509_check_host(x, name, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1;
}

static void judge(struct tls_facts *f, SSL *ssl, X509 *x, const char *name)
{
	long code = SSL_get_verify_result(ssl);

	if (!x) {
		f->error = "NO_CERTIFICATE";
		f->phrase = "the server sent no certificate";
	} else if (code != X509_V_OK) {
		f->error = error_name(code);
		f->phrase = X509_verify_cert_error_string(code);
	} else if (!is_for(x, name)) {
		f->error = "ERR_TLS_CERT_ALTNAME_INVALID";
		f->phrase = "the certificate is for another name";
	}
	f->authorized = !f->error;
}

static void time_text(const ASN1_TIME *t, char out[32])
{
	struct tm tm;

	out[0] = 0;
	if (t && ASN1_TIME_to_tm(t, &tm) == 1)
		strftime(out, 32, "%Y-%m-%dT%H:%M:%S.000Z", &tm);
}

static const ASN1_TIME *earliest(const STACK_OF(X509) *chain)
{
	const ASN1_TIME *first = NULL;

	for (int i = 0; chain && i < sk_X509_num(chain); i++) {
		const ASN1_TIME *t = X509_get0_notAfter(sk_X509_value(chain, i));
		if (!first || ASN1_TIME_compare(t, first) < 0)
			first = t;
	}
	return first;
}

void tls_learn(struct tls *t, const char *name, struct tls_facts *f)
{
	X509 *x = SSL_get0_peer_certificate(t->ssl);

	memset(f, 0, sizeof(*f));
	f->protocol = SSL_get_version(t->ssl);
	f->cipher = SSL_CIPHER_get_name(SSL_get_current_cipher(t->ssl));
	judge(f, t->ssl, x, name);
	time_text(x ? X509_get0_notAfter(x) : NULL, f->expires);
	time_text(earliest(SSL_get_peer_cert_chain(t->ssl)), f->chain_expires);
	ERR_clear_error();
}
