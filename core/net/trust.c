/* SPDX-License-Identifier: Apache-2.0 */
/* Whom outgoing connections trust: a vhost of lws, with its own SSL_CTX, for each different set of
 * certificates and pins. They live as long as the net, which frees them last. */
#include "net/private.h"

#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool same_pins(const struct sonde_pins *a, const struct sonde_pins *b)
{
	return a->count == b->count && a->alone == b->alone && !memcmp(a->hash, b->hash, sizeof(a->hash));
}

/* A trust store is parsed once for all connections that use it. */
struct client_vhost *client_vhost(struct sonde_net *net, const struct lws_protocols *protocols,
                                  bool tls, const char *ca_file, const struct sonde_pins *pins)
{
	struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN,
		.vhost_name = tls ? "sonde-wss" : "sonde-ws",
		.protocols = protocols,
		.retry_and_idle_policy = &net_no_validity,
		.options = tls ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0,
		.client_ssl_ca_filepath = tls ? ca_file : NULL,
		.ssl_client_options_set = SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1 |
		                          SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION,
		/* Of TLS 1.2; all of 1.3 are like that. */
		.client_ssl_cipher_list = "ECDHE+AESGCM:ECDHE+CHACHA20",
		.gid = (gid_t)-1,
		.uid = (uid_t)-1,
	};
	struct client_vhost *v;

	/* lws only logs that it cannot read the file. */
	if (tls && ca_file && access(ca_file, R_OK) != 0)
		return NULL;
	if (!tls)
		ca_file = NULL;
	else if (ca_file)
		info.options |= LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS;
	for (v = net->clients; v; v = v->next) {
		if (v->tls == tls && same_text(v->ca_file, ca_file) && same_pins(&v->pins, pins))
			return v;
	}
	v = calloc(1, sizeof(*v));
	if (!v)
		return NULL;
	v->tls = tls;
	v->pins = *pins;
	info.user = v;
	v->ca_file = ca_file ? strdup(ca_file) : NULL;
	net_log_loud(true);
	v->vhost = !v->ca_file == !ca_file ? lws_create_vhost(net->context, &info) : NULL;
	net_log_loud(false);
	if (!v->vhost) {
		free(v->ca_file);
		free(v);
		return NULL;
	}
	v->next = net->clients;
	net->clients = v;
	return v;
}

void client_pins(SSL_CTX *ssl, struct client_vhost *v)
{
	if (v->pins.count)
		SSL_CTX_set_cert_verify_callback(ssl, sonde_pins_verify, &v->pins);
}

void client_vhosts_free(struct sonde_net *net)
{
	while (net->clients) {
		struct client_vhost *c = net->clients;
		net->clients = c->next;
		free(c->ca_file);
		free(c);
	}
}
