/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a program that dials out may talk to: which addresses need no TLS, and which keys a server's
 * certificate must hold. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* True for http:// and ws:// to a host that is not plainly this machine: "localhost", an address of
 * 127.0.0.0/8 in four numbers, [::1]. Names are not looked up. */
bool sonde_url_in_clear(const char *url);

/* ---- pins: SHA-256 of a certificate's public key (SPKI), as "sha256//BASE64" ---- */
enum { SONDE_PINS_MAX = 8, SONDE_PIN_BYTES = 32, SONDE_PIN_TEXT = 56 };

struct sonde_pins {
	uint8_t hash[SONDE_PINS_MAX][SONDE_PIN_BYTES];
	unsigned count;
	/* No certificate authority was named: the pin alone says that the chain is good. Host name and
	 * dates are checked all the same. */
	bool alone;
	char why[160]; /* of the last certificate that was refused for its key; "" = none was */
};

/* Several are separated by ',' or ';'. NULL and "" are no pins. SONDE_EINVAL with a sentence; e may be
 * NULL. */
int sonde_pins_parse(struct sonde_pins *, const char *text, bool alone, struct sonde_error *e);

/* The following link libcrypto into a program that calls them. */
struct x509_store_ctx_st;
/* For SSL_CTX_set_cert_verify_callback, which then owns the whole check; arg is a struct sonde_pins that
 * lives as long as the SSL_CTX. */
int sonde_pins_verify(struct x509_store_ctx_st *, void *arg);
/* The pin of the first certificate of a PEM file. */
int sonde_pin_of_file(const char *path, char out[SONDE_PIN_TEXT], struct sonde_error *e);
