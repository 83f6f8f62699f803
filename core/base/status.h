/* SPDX-License-Identifier: Apache-2.0 */
/* Status codes of every internal function: 0 is success, negative is why not. */
#pragma once

enum sonde_status {
	SONDE_OK = 0,
	SONDE_ENOMEM = -1,     /* allocation failed, or a buffer would grow over its maximum */
	SONDE_EINVAL = -2,     /* malformed input; the sonde_error says what and where */
	SONDE_ENOENT = -3,     /* no such thing */
	SONDE_EEXIST = -4,     /* already there */
	SONDE_EFULL = -5,      /* queue, map or disk is full; try later */
	SONDE_EIO = -6,        /* the system refused; errno was logged */
	SONDE_EDENIED = -7,    /* not allowed: guard, role, budget */
	SONDE_ETIMEOUT = -8,
	SONDE_EGONE = -9,      /* was there, is over: expired, used, closed */
	SONDE_ECONFLICT = -10, /* same key, other content */
	SONDE_EVERSION = -11,  /* other ABI, protocol or file version */
};

/* One lower-case phrase for a status, never NULL. */
const char *sonde_strstatus(int status);
