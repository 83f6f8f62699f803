/* SPDX-License-Identifier: Apache-2.0 */
/* The certificate of a listener, read again while it serves. libwebsockets keeps the context that
 * it made; what was read last is kept beside it and handed to each handshake. Owns that. */
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/log.h"
#include "net/private.h"

static int refuse(struct sonde_error *e, const char *path, const char *what)
{
	unsigned long code = ERR_peek_last_error();
	const char *why = code ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	return sonde_fail(e, SONDE_EINVAL, NULL, "%s %s%s%s", path, what, why ? ": " : "",
			  why ? why : "");
}

static int read_pair(SSL_CTX *ctx, const char *cert, const char *key, struct sonde_error *e)
{
	if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1)
		return refuse(e, cert, "is no certificate chain in PEM");
	if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(ctx) != 1)
		return refuse(e, key, "is not the key of the certificate");
	return SONDE_OK;
}

/* All of what libwebsockets set goes first: a client must not be given the old certificate because
 * its key is of another kind. */
static int hand_out(SSL *ssl, void *arg)
{
	const struct listener *l = arg;
	STACK_OF(X509) *chain = NULL;

	SSL_CTX_get0_chain_certs(l->fresh, &chain);
	SSL_certs_clear(ssl);
	return SSL_use_cert_and_key(ssl, SSL_CTX_get0_certificate(l->fresh),
				    SSL_CTX_get0_privatekey(l->fresh), chain, 1);
}

static void log_until(const struct listener *l)
{
	struct tm tm;
	char day[16] = "";

	if (ASN1_TIME_to_tm(X509_get0_notAfter(SSL_CTX_get0_certificate(l->fresh)), &tm))
		strftime(day, sizeof(day), "%Y-%m-%d", &tm);
	sonde_log(SONDE_LOG_INFO, "net", "the certificate %s was read again; it is good until %s",
		  l->cert, day);
}

static int reload(struct listener *l, struct sonde_error *e)
{
	SSL_CTX *fresh = SSL_CTX_new(TLS_server_method());

	if (!fresh)
		return sonde_fail(e, SONDE_ENOMEM, NULL, "out of memory");
	int rc = read_pair(fresh, l->cert, l->key, e);
	if (rc != SONDE_OK) {
		SSL_CTX_free(fresh);
		return rc;
	}
	SSL_CTX_free(l->fresh);
	l->fresh = fresh;
	SSL_CTX_set_cert_cb(l->ctx, hand_out, l);
	log_until(l);
	return SONDE_OK;
}

int sonde_net_reload_certs(struct sonde_net *net, struct sonde_error *e)
{
	int rc = SONDE_OK;

	for (struct listener *l = net->listeners; l && rc == SONDE_OK; l = l->next)
		rc = l->ctx ? reload(l, e) : SONDE_OK;
	return rc;
}
