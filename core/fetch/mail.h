/* SPDX-License-Identifier: Apache-2.0 */
/* One message to one SMTP server, blocking. TLS where the server offers it; always with smtps:// and
 * where a password is sent, unless the server is on this machine. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* All borrowed for the length of the call. */
struct sonde_mail {
	const char *url;      /* smtp://host:port or smtps://host:port */
	const char *from;
	const char *to;       /* one address, or several with ';' between */
	const char *user, *password; /* user NULL = none */
	const char *ca_file;  /* NULL = the system's */
	const char *text;     /* headers, empty line, body; lines end with CR LF */
	size_t len;
	unsigned timeout_ms;
	const atomic_bool *stop; /* ends it early when it becomes true; NULL = never */
};

/* SONDE_EINVAL: another try is no use (URL, or the server refused for good); else SONDE_EIO,
 * SONDE_ETIMEOUT, SONDE_EDENIED (certificate), SONDE_ENOMEM. */
int sonde_mail_send(const struct sonde_mail *, struct sonde_error *);
