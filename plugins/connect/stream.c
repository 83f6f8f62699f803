/* SPDX-License-Identifier: Apache-2.0 */
/* Opens, never waits. The caller watches and closes the descriptor. */
#include "connect/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

static void set_options(int fd, int family, const struct sonde_stream_options *o)
{
	bool v4 = family == AF_INET;
	int level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
	const struct {
		int name, value;
		bool wanted;
	} options[] = {
		{ v4 ? IP_TTL : IPV6_UNICAST_HOPS, o->ttl, o->ttl > 0 },
		{ v4 ? IP_TOS : IPV6_TCLASS, o->tos, o->tos > 0 },
		{ v4 ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER, IP_PMTUDISC_DO, o->dont_fragment },
	};

	for (unsigned i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (options[i].wanted)
			(void)setsockopt(fd, level, options[i].name, &options[i].value, sizeof(int));
}

int sonde_stream_open(struct sonde_probe *p, const struct sonde_addr *to,
                      const struct sonde_stream_options *o)
{
	int fd = p->host->socket(p, to->sa.ss_family, SOCK_STREAM, 0, NULL);

	if (fd < 0)
		return fd;
	set_options(fd, to->sa.ss_family, o);
	int rc = sonde_source_bind(fd, &o->source);
	if (!rc && connect(fd, (const struct sockaddr *)&to->sa, to->len) && errno != EINPROGRESS)
		rc = -errno;
	if (!rc)
		return fd;
	close(fd);
	return rc;
}

static int pending_error(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) ? errno : error;
}

int sonde_stream_result(int fd, int64_t seen, int64_t *rtt, bool *by_user)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);
	bool known = !getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len);
	/* A connection that is established has no error to ask for. */
	bool up = known && (info.tcpi_state == TCP_ESTABLISHED ||
	                    info.tcpi_state == TCP_CLOSE_WAIT);
	int error = up ? 0 : pending_error(fd);

	*by_user = !known || !info.tcpi_rtt || info.tcpi_total_retrans;
	*rtt = *by_user ? seen : (int64_t)info.tcpi_rtt * 1000;
	return error;
}
