/* SPDX-License-Identifier: Apache-2.0 */
/* TLS by OpenSSL over two memory BIOs, with the trusted certificates of plugins/cert/. The handshake
 * goes on with one that is not trusted, so that the result can say both; whether that is a failure
 * is the caller's decision. */
#include "tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "cert/trust.h"

struct dns_tls {
	SSL *ssl;
	BIO *in, *out; /* the SSL's */
	const char *error;
};

static bool expect_name(SSL *ssl, const char *name)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	unsigned char address[16];

	if (inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1;
	return X509_VERIFY_PARAM_set1_host(param, name, 0) == 1 &&
		SSL_set_tlsext_host_name(ssl, name) == 1;
}

static bool offer(SSL *ssl, const char *alpn)
{
	unsigned char wire[32];
	size_t n = strlen(alpn);

	wire[0] = (unsigned char)n;
	memcpy(wire + 1, alpn, n);
	return SSL_set_alpn_protos(ssl, wire, (unsigned)n + 1) == 0;
}

struct dns_tls *dns_tls_new(const char *name, const char *alpn)
{
	struct dns_tls *t = calloc(1, sizeof(*t));
	SSL_CTX *c = cert_trust_context();

	if (!t || !c) {
		free(t);
		return NULL;
	}
	t->ssl = SSL_new(c);
	t->in = BIO_new(BIO_s_mem());
	t->out = BIO_new(BIO_s_mem());
	if (!t->ssl || !t->in || !t->out) {
		BIO_free(t->in);
		BIO_free(t->out);
		SSL_free(t->ssl);
		free(t);
		return NULL;
	}
	SSL_set_min_proto_version(t->ssl, TLS1_2_VERSION);
	SSL_set_mode(t->ssl, SSL_MODE_RELEASE_BUFFERS);
	BIO_set_mem_eof_return(t->in, -1);
	SSL_set_bio(t->ssl, t->in, t->out);
	SSL_set_connect_state(t->ssl);
	if (!expect_name(t->ssl, name) || !offer(t->ssl, alpn)) {
		dns_tls_free(t);
		return NULL;
	}
	return t;
}

void dns_tls_free(struct dns_tls *t)
{
	if (!t)
		return;
	SSL_free(t->ssl);
	free(t);
}

bool dns_tls_take(struct dns_tls *t, const uint8_t *p, size_t n)
{
	return BIO_write(t->in, p, (int)n) == (int)n;
}

size_t dns_tls_give(struct dns_tls *t, uint8_t *p, size_t max)
{
	int n = BIO_pending(t->out) ? BIO_read(t->out, p, (int)max) : 0;

	return n > 0 ? (size_t)n : 0;
}

/* The queue of errors belongs to the thread: what one probe leaves, the next would read. */
static const char *take_error(const char *otherwise)
{
	const char *text = ERR_reason_error_string(ERR_peek_error());

	ERR_clear_error();
	return text ? text : otherwise;
}

int dns_tls_handshake(struct dns_tls *t)
{
	ERR_clear_error();
	int rc = SSL_do_handshake(t->ssl);
	if (rc == 1)
		return 1;
	int e = SSL_get_error(t->ssl, rc);
	if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE)
		return 0;
	t->error = take_error("the handshake failed");
	return -1;
}

void dns_tls_tell(const struct dns_tls *t, struct dns_tls_facts *f)
{
	long verdict = SSL_get_verify_result(t->ssl);

	f->version = SSL_get_version(t->ssl);
	f->cipher = SSL_get_cipher_name(t->ssl);
	f->error = verdict == X509_V_OK ? NULL : X509_verify_cert_error_string(verdict);
}

const char *dns_tls_error(const struct dns_tls *t)
{
	return t->error ? t->error : "it failed";
}

bool dns_tls_write(struct dns_tls *t, const uint8_t *p, size_t n)
{
	ERR_clear_error();
	if (SSL_write(t->ssl, p, (int)n) == (int)n)
		return true;
	t->error = take_error("the query could not be sent");
	return false;
}

int dns_tls_read(struct dns_tls *t, uint8_t *p, size_t max)
{
	ERR_clear_error();
	int n = SSL_read(t->ssl, p, (int)max);
	if (n > 0)
		return n;
	int e = SSL_get_error(t->ssl, n);
	if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE)
		return 0;
	t->error = take_error("the connection was closed");
	return -1;
}
