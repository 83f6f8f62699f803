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

SSL_CTX *cert_trust_context(void)
{
	X509_STORE *store = cert_trust_store();

	if (shared.context || !store)
		return shared.context;
	shared.context = SSL_CTX_new(TLS_client_method());
	if (!shared.context)
		return NULL;
	X509_STORE_up_ref(store);
	SSL_CTX_set_cert_store(shared.context, store);
	SSL_CTX_set_verify(shared.context, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_session_cache_mode(shared.context, SSL_SESS_CACHE_OFF);
	return shared.context;
}
