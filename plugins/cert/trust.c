/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the one store and context of the process; both live until it ends. */
#include "cert/trust.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <unistd.h>

/* The only mutable state of its kind: parsing the system's bundle takes 20 to 50 ms, a hundred times
 * a handshake, so that a store for each probe would be nearly all that a probe costs. All probes run
 * on one thread, and nothing here changes after it was made. */
static struct {
	X509_STORE *store;
	SSL_CTX *context;
} shared;

/* The bundles of Debian, Fedora, openSUSE and Alpine, where a probe may read in its jail. */
static const char *const bundles[] = {
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/etc/ssl/cert.pem",
};

static void load(X509_STORE *store)
{
	const char *own = getenv(X509_get_default_cert_file_env());

	if (own && *own) {
		X509_STORE_load_file(store, own);
		return;
	}
	for (unsigned i = 0; i < sizeof(bundles) / sizeof(bundles[0]); i++)
		if (!access(bundles[i], R_OK) && X509_STORE_load_file(store, bundles[i]))
			return;
}

X509_STORE *cert_trust_store(void)
{
	if (shared.store)
		return shared.store;
	shared.store = X509_STORE_new();
	/* Without a bundle no certificate is trusted, which each result then says. */
	if (shared.store)
		load(shared.store);
	ERR_clear_error();
	return shared.store;
}

/* Going on to the last error finds what other tools call a chain by: a hole in it is "unable to
 * verify the first certificate", not the step before. */
static int go_on(int ok, X509_STORE_CTX *context)
{
	return 1;
}

int cert_trust_use(SSL_CTX *context)
{
	X509_STORE *store = cert_trust_store();

	if (!store || !X509_STORE_up_ref(store))
		return -1;
	SSL_CTX_set_cert_store(context, store);
	SSL_CTX_set_verify(context, SSL_VERIFY_NONE, go_on);
	return 0;
}

SSL_CTX *cert_trust_context(void)
{

	if (shared.context)
		return shared.context;
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	if (!context || cert_trust_use(context)) {
		SSL_CTX_free(context);
		return NULL;
	}
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	shared.context = context;
	return context;
}
