/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and what errno says of them. Refuses names: only the host resolves. Owns nothing. */
#include "connect/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* inet_ntop goes through printf, which is a large part of a short probe. */
static const char *ipv4_text(const uint8_t *raw, char *out)
{
	char *at = out;

	for (unsigned i = 0; i < 4; i++) {
		unsigned v = raw[i];
		if (i)
			*at++ = '.';
		if (v >= 100)
			*at++ = (char)('0' + v / 100);
		if (v >= 10)
			*at++ = (char)('0' + v / 10 % 10);
		*at++ = (char)('0' + v % 10);
	}
	*at = '\0';
	return out;
}

const char *sonde_address_text(const struct sonde_addr *a, char out[SONDE_ADDRESS_TEXT])
{
	const void *raw = a->sa.ss_family == AF_INET
	                          ? (const void *)&((const struct sockaddr_in *)&a->sa)->sin_addr
	                          : (const void *)&((const struct sockaddr_in6 *)&a->sa)->sin6_addr;

	if (a->sa.ss_family == AF_INET)
		return ipv4_text(raw, out);
	if (!inet_ntop(a->sa.ss_family, raw, out, SONDE_ADDRESS_TEXT))
		snprintf(out, SONDE_ADDRESS_TEXT, "?");
	return out;
}

bool sonde_address_parse(const char *text, struct sonde_addr *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&out->sa;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out->sa;

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		out->len = sizeof(*v4);
		return true;
	}
	if (inet_pton(AF_INET6, text, &v6->sin6_addr) != 1)
		return false;
	v6->sin6_family = AF_INET6;
	out->len = sizeof(*v6);
	return true;
}

void sonde_address_set_port(struct sonde_addr *a, uint16_t port)
{
	if (a->sa.ss_family == AF_INET)
		((struct sockaddr_in *)&a->sa)->sin_port = htons(port);
	else
		((struct sockaddr_in6 *)&a->sa)->sin6_port = htons(port);
}

unsigned sonde_address_order(const struct sonde_addr *addrs, unsigned count, struct sonde_addr *out,
                             unsigned max)
{
	unsigned n = 0;

	for (int pass = 0; pass < 2; pass++)
		for (unsigned i = 0; i < count && n < max; i++)
			if ((addrs[i].sa.ss_family == AF_INET) == (pass == 0))
				out[n++] = addrs[i];
	return n;
}

int sonde_source_parse(const char *text, struct sonde_addr *out)
{
	memset(out, 0, sizeof(*out));
	out->sa.ss_family = AF_UNSPEC;
	return !text || !*text || sonde_address_parse(text, out) ? 0 : -1;
}

int sonde_source_check(const char *text, struct sonde_error *e)
{
	struct sonde_addr unused;

	if (!sonde_source_parse(text, &unused))
		return 0;
	snprintf(e->path, sizeof(e->path), "source");
	snprintf(e->text, sizeof(e->text), "must be an IPv4 or IPv6 address of the node");
	return -1;
}

int sonde_source_bind(int fd, const struct sonde_addr *source)
{
	const int on = 1;

	if (source->sa.ss_family == AF_UNSPEC)
		return 0;
	/* Let connect() choose the port: it then knows the peer and can use one again. A socket
	 * that has no ports does not know the option. */
	(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	if (!bind(fd, (const struct sockaddr *)&source->sa, source->len))
		return 0;
	return errno == EADDRNOTAVAIL ? -ENODEV : -errno;
}

int sonde_address_family(const struct sonde_probe *p, const struct sonde_addr *source)
{
	int asked = p->ip_version == 4 ? AF_INET : p->ip_version == 6 ? AF_INET6 : AF_UNSPEC;
	int its = source->sa.ss_family;

	if (asked != AF_UNSPEC && its != AF_UNSPEC && asked != its)
		return -1;
	return asked != AF_UNSPEC ? asked : its;
}
