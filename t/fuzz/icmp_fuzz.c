/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target of the ICMP reader: byte 0 chooses family and form, byte 1 and 2 are type and code of
 * a queued error. What is returned must lie within what was given. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "icmp/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MESSAGE_MAX = 256 };

static void check(const struct sonde_icmp_msg *m, int family, bool ok, const uint8_t *p, size_t n)
{
	size_t address = family == AF_INET ? 4 : 16;

	if (ok != (m->kind != SONDE_ICMP_NONE))
		abort();
	if (!ok)
		return;
	if (m->data < p || m->data + m->len > p + n)
		abort();
	if (m->dst && (m->dst < p || m->dst + address > p + n))
		abort();
	if (!*sonde_icmp_phrase(family, m->type, m->code))
		abort();
}

/* A request of ours is read back from where the kernel quotes it, and sums to nothing. */
static void check_own(int family, const uint8_t *p, size_t n)
{
	uint8_t out[SONDE_ICMP_HEADER + MESSAGE_MAX];
	struct sonde_icmp_msg m;
	uint8_t type = family == AF_INET ? 11 : 3;

	sonde_icmp_build(family, out, 7, (uint16_t)n, p, n);
	if (family == AF_INET && sonde_icmp_fold(sonde_icmp_sum(0, out, SONDE_ICMP_HEADER + n)))
		abort();
	if (!sonde_icmp_parse_quoted(family, type, 0, out, SONDE_ICMP_HEADER + n, &m) || m.id != 7 ||
	    m.seq != n || m.len != n || memcmp(m.data, p, SONDE_ICMP_COOKIE))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sonde_icmp_msg m;

	if (size < 3)
		return 0;
	int family = data[0] & 1 ? AF_INET6 : AF_INET;
	bool ip_header = family == AF_INET && (data[0] & 2);
	const uint8_t *p = data + 3;
	size_t n = size - 3;

	check(&m, family, sonde_icmp_parse(family, ip_header, p, n, &m), p, n);
	check(&m, family, sonde_icmp_parse_quoted(family, data[1], data[2], p, n, &m), p, n);
	if (n >= SONDE_ICMP_COOKIE && n <= MESSAGE_MAX)
		check_own(family, p, n);
	return 0;
}
