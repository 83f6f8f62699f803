/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target of the ICMP reader: byte 0 chooses family and form, byte 1 and 2 are type and code of
 * a queued error. What is returned must lie within what was given. */
#include <stdlib.h>
#include <sys/socket.h>

#include "icmp/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
	(void)sonde_icmp_fold(sonde_icmp_sum(0, p, n));
	return 0;
}
