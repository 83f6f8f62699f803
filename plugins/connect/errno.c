/* SPDX-License-Identifier: Apache-2.0 */
/* One table, so that all types call the same error the same. */
#include "connect/errno.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static const struct row {
	int error;
	enum sonde_failure failure;
	const char *phrase;
} rows[] = {
	{ 0, SONDE_FAIL_NONE, "ok" },
	{ ECONNREFUSED, SONDE_FAIL_REFUSED, "connection refused" },
	{ ECONNRESET, SONDE_FAIL_REFUSED, "connection reset" },
	{ EHOSTUNREACH, SONDE_FAIL_UNREACHABLE, "host unreachable" },
	{ ENETUNREACH, SONDE_FAIL_UNREACHABLE, "network unreachable" },
	{ EHOSTDOWN, SONDE_FAIL_UNREACHABLE, "host down" },
	{ ENETDOWN, SONDE_FAIL_UNREACHABLE, "network down" },
	{ ENONET, SONDE_FAIL_UNREACHABLE, "host isolated" },
	{ ENOPROTOOPT, SONDE_FAIL_UNREACHABLE, "protocol unreachable" },
	{ EACCES, SONDE_FAIL_UNREACHABLE, "administratively prohibited" },
	{ EADDRNOTAVAIL, SONDE_FAIL_UNREACHABLE, "no address here to reach it from" },
	{ ETIMEDOUT, SONDE_FAIL_TIMEOUT, "no answer" },
	/* What this node lacks says nothing about the target. */
	{ ENODEV, SONDE_FAIL_INTERNAL, "the source is no address of this node" },
	{ EMFILE, SONDE_FAIL_OVERLOAD, "too many open files" },
	{ ENFILE, SONDE_FAIL_OVERLOAD, "too many open files" },
	{ ENOBUFS, SONDE_FAIL_OVERLOAD, "no buffers" },
	{ ENOMEM, SONDE_FAIL_OVERLOAD, "no memory" },
	{ EAGAIN, SONDE_FAIL_OVERLOAD, "no free port" },
	{ EPERM, SONDE_FAIL_INTERNAL, "not permitted on this node" },
	{ EAFNOSUPPORT, SONDE_FAIL_INTERNAL, "no such address family on this node" },
	{ EMSGSIZE, SONDE_FAIL_PROTOCOL, "message too long" },
};

static const struct row *row_of(int error)
{
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].error == error)
			return &rows[i];
	return NULL;
}

enum sonde_failure sonde_errno_failure(int error)
{
	const struct row *r = row_of(error);

	return r ? r->failure : SONDE_FAIL_CONNECT;
}

const char *sonde_errno_phrase(int error)
{
	const struct row *r = row_of(error);

	return r ? r->phrase : strerror(error);
}
