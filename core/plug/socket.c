/* SPDX-License-Identifier: Apache-2.0 */
/* Opens sockets for plugins. Refuses kinds that the plugin did not declare: its needs are what the
 * operator saw. Owns nothing; the plugin closes what it gets. */
#include "plug/socket.h"

#include <errno.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <sonde/plugin.h>

/* A raw socket is shown every ICMP packet of the machine: let only answers and errors through. */
static void filter_icmp(int fd, int domain)
{
	if (domain == AF_INET) {
		const uint32_t wanted = 1u << ICMP_ECHOREPLY | 1u << ICMP_DEST_UNREACH |
		                        1u << ICMP_TIME_EXCEEDED | 1u << ICMP_PARAMETERPROB;
		struct icmp_filter filter = { ~wanted };
		setsockopt(fd, SOL_RAW, ICMP_FILTER, &filter, sizeof(filter));
		return;
	}
	static const uint8_t wanted[] = { ICMP6_ECHO_REPLY, ICMP6_DST_UNREACH,
	                                  ICMP6_PACKET_TOO_BIG, ICMP6_TIME_EXCEEDED,
	                                  ICMP6_PARAM_PROB };
	struct icmp6_filter filter;
	ICMP6_FILTER_SETBLOCKALL(&filter);
	for (unsigned i = 0; i < sizeof(wanted); i++)
		ICMP6_FILTER_SETPASS(wanted[i], &filter);
	setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter));
}

static int open_icmp(enum sonde_icmp kind, int domain, int protocol, int *is_raw)
{
	const int flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
	int fd = -1;

	errno = EACCES;
	if (kind != SONDE_ICMP_RAW)
		fd = socket(domain, SOCK_DGRAM | flags, protocol);
	*is_raw = fd < 0;
	if (fd >= 0 || kind == SONDE_ICMP_PING || errno == EMFILE || errno == ENFILE ||
	    errno == EAFNOSUPPORT)
		return fd < 0 ? -errno : fd;
	fd = socket(domain, SOCK_RAW | flags, protocol);
	if (fd < 0)
		return -errno;
	filter_icmp(fd, domain);
	return fd;
}

static bool is_icmp(int domain, int protocol)
{
	return (domain == AF_INET && protocol == IPPROTO_ICMP) ||
	       (domain == AF_INET6 && protocol == IPPROTO_ICMPV6);
}

bool sonde_plug_may_open(uint32_t needs, int domain, int type, int protocol)
{
	type &= ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (is_icmp(domain, protocol))
		return needs & SONDE_NEED_ICMP;
	return (type == SOCK_STREAM && needs & SONDE_NEED_TCP) ||
	       (type == SOCK_DGRAM && needs & SONDE_NEED_UDP);
}

int sonde_plug_socket(uint32_t needs, enum sonde_icmp kind, int domain, int type, int protocol,
                      int *is_raw)
{
	int unused, *raw = is_raw ? is_raw : &unused;

	*raw = 0;
	if (domain != AF_INET && domain != AF_INET6)
		return -EAFNOSUPPORT;
	if (!sonde_plug_may_open(needs, domain, type, protocol))
		return -EPERM;
	if (is_icmp(domain, protocol))
		return open_icmp(kind, domain, protocol, raw);
	int fd = socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
	return fd < 0 ? -errno : fd;
}
