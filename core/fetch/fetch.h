/* SPDX-License-Identifier: Apache-2.0 */
/* Blocking HTTP requests of our own programs to a controller: the client's commands, a node's
 * enrolment. Only http and https, no proxy, no redirect, no cookies; a response is at most 16 MiB.
 * Not for probes: it knows no guard. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"

struct sonde_fetcher; /* keeps the connection alive between requests; one thread at a time */

enum {
	SONDE_FETCH_BODY_MAX = 16 << 20,
	SONDE_FETCH_ETAG = 128,
	SONDE_FETCH_TIMEOUT_MS = 30000,
};

/* All borrowed for the length of the call. */
struct sonde_fetch_request {
	const char *method; /* "GET", "POST", ...; NULL = GET, or POST when there is a body */
	const char *url;
	const char *token;    /* sent as "Authorization: Bearer ..."; NULL = none */
	const char *body;     /* JSON; NULL = none */
	size_t len;           /* of body */
	const char *ca_file;  /* PEM to trust instead of the system's; NULL = the system's */
	/* The server's key must be one of these, as base/trust.h reads them; without a ca_file they stand
	 * for a certificate authority. NULL or "" = any. One fetcher, one ca_file and pins. */
	const char *pins;
	const char *etag;     /* sent as If-None-Match; NULL = none */
	const char *const *headers; /* more "Name: value" lines, NULL-terminated; NULL = none */
	/* Takes the body of a 2xx answer piece by piece, which may then be of any length, and the
	 * reply has none; false ends it. NULL = into the reply. */
	bool (*sink)(void *arg, const char *data, size_t len);
	void *sink_arg;
	const atomic_bool *stop; /* ends it early when it becomes true; NULL = never */
	unsigned timeout_ms;  /* whole request; 0 = SONDE_FETCH_TIMEOUT_MS */
};

struct sonde_fetch_reply {
	int status; /* 100..599 */
	struct sonde_buf body;
	char etag[SONDE_FETCH_ETAG]; /* "" when there was none or it was longer */
	char type[64];               /* Content-Type without parameters, lower case; "" when none */
	unsigned retry_after;        /* seconds, 0 when not told */
};

int sonde_fetcher_new(struct sonde_fetcher **);
void sonde_fetcher_free(struct sonde_fetcher *);

/* SONDE_OK when there is an HTTP response, whatever its status. The reply is filled only then and
 * must be given to sonde_fetch_reply_deinit (harmless after a failure too; the reply need not be
 * initialised before the call). Otherwise one sentence in the error and SONDE_EINVAL (URL, header
 * text), SONDE_ENOMEM (response too large, or memory), SONDE_ETIMEOUT, SONDE_EDENIED (the server's
 * certificate is not trusted) or SONDE_EIO (no connection, or it broke). A request is never
 * repeated here, except that libcurl opens a new connection when the kept one turned out to be
 * closed before any byte was answered. */
int sonde_fetch(struct sonde_fetcher *, const struct sonde_fetch_request *,
                struct sonde_fetch_reply *, struct sonde_error *);
void sonde_fetch_reply_deinit(struct sonde_fetch_reply *);
