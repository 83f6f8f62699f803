/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the plugin `tls` only. One probe is one handshake as a client of today makes it, whose facts
 * are the result, and then, where asked for, handshakes that each offer less:
 *
 *	start -> RESOLVING -> first handshake -> one line of handshakes a version -> report, done */
#pragma once
#include <openssl/ssl.h>
#include <sonde/plugin.h>
#include <stdbool.h>

#include "cert/facts.h"
#include "cert/staple.h"

enum {
	TLS_ADDRS_MAX = 8,
	TLS_VERSIONS = 4,
	TLS_CIPHERS_MAX = 64, /* of all versions together */
	TLS_NAME = 64,
	TLS_WHY = 160,
	TLS_ALPN_MAX = 128,
};

struct tls_args {
	int64_t port, days;
	const char *server_name, *alpn;
	uint8_t verify, versions, ciphers;
};

enum tls_outcome {
	TLS_PENDING,
	TLS_UP,      /* the handshake is done */
	TLS_REFUSED, /* the peer broke it off */
	TLS_UNKNOWN, /* no connection, or no answer */
};

struct tls_try;
typedef void tls_over_fn(struct sonde_probe *, struct tls_try *);

/* One connection with one handshake; try.c. */
struct tls_try {
	enum tls_outcome outcome;
	enum sonde_failure failure;
	char why[TLS_WHY];
	int fd; /* -1 = none */
	int error; /* errno of a connection that failed */
	SSL *ssl;
	bool connected;
	unsigned events;
	int64_t started, connected_at, done_at; /* ns */
	int64_t rtt;                            /* of TCP, ns; 0 = not known */
	struct sonde_watch *watch;
	struct sonde_timer *timer;
	tls_over_fn *over;
};

/* What a version's line of handshakes found. */
struct tls_line {
	struct tls_try attempt;
	enum tls_outcome offered; /* UP or REFUSED; else not known */
	bool over, complete;      /* complete: every cipher was found */
	unsigned count;           /* ciphers found */
	char left[8192];          /* what may still be offered, in OpenSSL's list form */
};

struct tls_cipher {
	int version; /* index of tls_versions */
	char name[TLS_NAME];
};

struct tls_state {
	struct sonde_addr addrs[TLS_ADDRS_MAX];
	unsigned addr, addr_count;
	char address[64];
	bool literal, resolving;
	int64_t resolve_ns;
	const char *server_name;

	struct tls_try first;
	bool has_facts;
	struct cert_facts *chain; /* in the probe's memory */
	unsigned chain_count;
	struct cert_verdict verdict;
	bool has_staple;
	struct cert_staple staple;
	char protocol[16], cipher[TLS_NAME], alpn[TLS_ALPN_MAX], group[TLS_NAME];

	struct tls_line lines[TLS_VERSIONS];
	struct tls_cipher ciphers[TLS_CIPHERS_MAX];
	unsigned cipher_count;
	void (*offers_over)(struct sonde_probe *);
};

struct tls_version {
	int number;
	const char *name;
};
extern const struct tls_version tls_versions[TLS_VERSIONS];

/* 0 or an errno; `over` comes later, once, with the handle still open. wait_ns 0 = no limit of its
 * own. prepare sets what the handshake offers; non-zero = it cannot be offered by this library. */
int tls_try_start(struct sonde_probe *, struct tls_try *, int64_t wait_ns,
                  int (*prepare)(struct sonde_probe *, SSL *, void *arg), void *arg, tls_over_fn *);
/* Closes what is open; the outcome stays. */
void tls_try_stop(struct sonde_probe *, struct tls_try *);

/* offer.c: which versions and ciphers. over() comes once, at once when nothing is asked for. */
void tls_offers_start(struct sonde_probe *, void (*over)(struct sonde_probe *));
void tls_offers_stop(struct sonde_probe *);

/* report.c: writes the result and calls done(). failure: of the first handshake or of the probe. */
void tls_report(struct sonde_probe *, enum sonde_failure, const char *why);
