/* SPDX-License-Identifier: Apache-2.0 */
/* Which targets may be probed. By default every special-purpose block of IANA's IPv4 and IPv6
 * registries is refused, with addresses embedded in IPv6 (mapped, NAT64, 6to4, Teredo, ISATAP)
 * checked as IPv4 too; the operator's `allow` prefixes open, `deny` prefixes close; the longest
 * prefix wins, at equal length the operator's deny, then the operator's allow, then what is built in:
 * "10.0.0.0/8" opens that block, "0.0.0.0/0" opens none of the blocks within. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/error.h"

struct sonde_guard;

/* allow, deny: comma or space separated prefixes ("10.0.0.0/8, fd00::/8", or "private" for all
 * that is refused by default), NULL or "" for none. At most some 16,000. Error paths are
 * "guard.allow" and "guard.deny". */
int sonde_guard_new(const char *allow, const char *deny, struct sonde_guard **out,
                    struct sonde_error *);
/* Nothing but these prefixes, in the form of `allow`; what they cover must be allowed all the same.
 * Before the guard is shared. Error path "limits.targets". */
int sonde_guard_only(struct sonde_guard *, const char *list, struct sonde_error *);
void sonde_guard_free(struct sonde_guard *);

enum { SONDE_GUARD_OWN_MAX = 256, SONDE_GUARD_OWN_TEXT = SONDE_GUARD_OWN_MAX * 46 };

/* Refuse these addresses, too ("192.0.2.1, 2001:db8::1": of this machine, of the controller), unless
 * a prefix of the operator's `allow` decides for them. Before the guard is shared. SONDE_EINVAL,
 * SONDE_EFULL. */
int sonde_guard_refuse_own(struct sonde_guard *, const char *list, struct sonde_error *);
/* The addresses of this machine's interfaces without loopback, as such a list, into out (at least
 * SONDE_GUARD_OWN_TEXT bytes); what does not fit is left out. */
void sonde_guard_own_addresses(char *out);
/* The list with one address more, unless it is there already or is none: true when it was added. */
bool sonde_guard_own_add(char *list, const char *address);
/* True when the address may be probed; AF_INET and AF_INET6 only, all else is refused. */
bool sonde_guard_allows(const struct sonde_guard *, const struct sockaddr *, socklen_t);

enum sonde_target_kind {
	SONDE_TARGET_NAME = 1, /* a host name: letters, digits, hyphen, underscore, of one label or
	                          more (the guard refuses one label alone) */
	SONDE_TARGET_IPV4,
	SONDE_TARGET_IPV6,
};

struct sonde_target {
	enum sonde_target_kind kind;
	char text[256]; /* normalised: lower case, no brackets, no trailing dot */
	struct sockaddr_storage sa; /* for a literal */
	socklen_t len;
};

/* Parse and normalise a target. IPv4 only as four plain decimal parts: octal, hex, short and
 * integer spellings are refused, and so are zone ids and names that end in a number. The error's
 * path is "target". */
int sonde_target_parse(const char *text, size_t len, struct sonde_target *, struct sonde_error *);
/* Names that are refused whatever they resolve to: localhost, *.localhost, *.local, *.internal,
 * *.arpa and the like, and single labels, unless the guard allows 127.0.0.1 or ::1. Any case, with
 * or without the trailing dot. */
bool sonde_guard_allows_name(const struct sonde_guard *, const char *name);

struct sonde_prefix {
	int family;
	unsigned bits;
	unsigned char addr[16];
};

/* "192.0.2.0/24", "2001:db8::/32", or an address (whole length). Bits set after the length are
 * refused. */
int sonde_prefix_parse(const char *text, size_t len, struct sonde_prefix *, struct sonde_error *);
/* The first address of a prefix into *sa; returns its length. */
socklen_t sonde_prefix_first(const struct sonde_prefix *, struct sockaddr_storage *sa);
