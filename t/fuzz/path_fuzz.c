/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target of the path engine's readers: quoted probes, and MPLS labels in what routers say.
 * Byte 0 chooses the IP version and how the labels are looked for, byte 1 and 2 are an offset that
 * the kernel told. A probe is only known by its cookie or its checksum. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "path/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t cookie[PATH_COOKIE] = { 1, 2, 3, 4, 5, 6, 7, 8 };

enum { ID = 0x1234 };

static void check_labels(unsigned n, const struct path_label *l)
{
	if (n > PATH_LABELS)
		abort();
	for (unsigned i = 0; i < n; i++)
		if (l[i].label >> 20 || l[i].tc > 7 || l[i].bottom > 1)
			abort();
}

static void check_seq(int family, const struct sonde_icmp_msg *m)
{
	int seq = path_echo_seq(family, m, ID, cookie);

	if (seq == 0 || seq > 65535 || (seq > 0 && (m->id != ID || m->seq != seq)))
		abort();
	if (seq > 0 && m->len >= 4 + PATH_COOKIE && memcmp(m->data + 4, cookie, PATH_COOKIE))
		abort();
}

/* What we send is known again, and its checksum is right. */
static void check_own(int family, uint16_t seq)
{
	uint8_t payload[PATH_PAYLOAD], echo[PATH_ECHO];
	struct sonde_icmp_msg m;

	path_payload(payload, seq, cookie);
	path_echo(family, echo, ID, seq, cookie);
	if (path_payload_seq(payload, sizeof(payload), cookie) != (seq ? seq : -1))
		abort();
	if (!sonde_icmp_parse_quoted(family, family == AF_INET ? 11 : 3, 0, echo, sizeof(echo), &m) ||
	    path_echo_seq(family, &m, ID, cookie) != (seq ? seq : -1))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct path_label l[PATH_LABELS];
	struct sonde_icmp_msg m;

	if (size < 3)
		return 0;
	int family = data[0] & 1 ? AF_INET6 : AF_INET;
	const uint8_t *p = data + 3;
	size_t n = size - 3, told = (size_t)(data[1] << 8 | data[2]);

	check_own(family, (uint16_t)told);
	check_labels(path_labels(p, n, data[0] & 2, l), l);
	check_labels(path_labels_of_icmp(family, p, n, l), l);
	check_labels(path_labels_of_quote(family, p, n, data[0] >> 2, told, l), l);
	if (path_payload_seq(p, n, cookie) > 65535)
		abort();
	if (sonde_icmp_parse(family, data[0] & 2 && family == AF_INET, p, n, &m))
		check_seq(family, &m);
	if (sonde_icmp_parse_quoted(family, data[1], data[2], p, n, &m))
		check_seq(family, &m);
	return 0;
}
