/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel counted of a connection. A file of its own, because the C library's structure of the
 * same name ends before these members. */
#include "runner/pace.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

bool sonde_pace_moved(int fd, uint64_t *bytes)
{
	struct tcp_info info = { 0 };
	socklen_t size = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size))
		return false;
	*bytes = info.tcpi_bytes_received + info.tcpi_bytes_sent;
	return true;
}
