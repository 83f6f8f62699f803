/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of what the machine allows. Each closes what it opens. Nothing here sends a packet but the
 * lookup of a name and the connections to the uplink targets, which the node's owner named. */
#include "node/checks.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timex.h>
#include <unistd.h>

#include "base/clock.h"

enum { CLOCK_LIMIT_MS = 1000, TARGET_MAX = 280 };

static void say(struct sonde_check *c, bool ok, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void say(struct sonde_check *c, bool ok, const char *fmt, ...)
{
	va_list ap;

	c->ok = ok;
	va_start(ap, fmt);
	vsnprintf(c->why, sizeof(c->why), fmt, ap);
	va_end(ap);
}

static bool opens(int domain, int type, int protocol)
{
	int fd = socket(domain, type | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

void sonde_check_icmp(struct sonde_check *c)
{
	if (opens(AF_INET, SOCK_DGRAM, IPPROTO_ICMP))
		say(c, true, "ping sockets");
	else if (opens(AF_INET, SOCK_RAW, IPPROTO_ICMP))
		say(c, true, "raw sockets");
	else
		say(c, false, "no ICMP socket (%s); widen net.ipv4.ping_group_range, or give CAP_NET_RAW",
		    strerror(errno));
}

/* Connecting a datagram socket asks the routing table and sends nothing. */
void sonde_check_ipv6(struct sonde_check *c)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(9) };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET6, "2001:db8::1", &to.sin6_addr);
	if (fd < 0)
		say(c, false, "no IPv6 sockets: %s", strerror(errno));
	else if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
		say(c, false, "no route: %s", strerror(errno));
	else
		say(c, true, "%s", "");
	if (fd >= 0)
		close(fd);
}

void sonde_check_host(const char *url, char *host, size_t room)
{
	const char *begin = strstr(url, "://");

	begin = begin ? begin + 3 : url;
	bool v6 = *begin == '[';
	begin += v6;
	snprintf(host, room, "%.*s", (int)strcspn(begin, v6 ? "]" : ":/"), begin);
}

void sonde_check_dns(struct sonde_check *c, const char *host)
{
	const struct addrinfo literal = { .ai_flags = AI_NUMERICHOST };
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;

	if (!getaddrinfo(host, NULL, &literal, &found)) {
		say(c, true, "not checked: the controller is given by its address");
	} else {
		int64_t start = sonde_boottime_ns();
		int rc = getaddrinfo(host, NULL, &hints, &found);
		int64_t took = (sonde_boottime_ns() - start) / SONDE_NS_PER_MS;
		if (rc)
			say(c, false, "%.100s: %s", host, gai_strerror(rc));
		else
			say(c, true, "%.100s in %lld ms", host, (long long)took);
	}
	if (found)
		freeaddrinfo(found);
}

bool sonde_check_kernel_clock(void)
{
	struct timex t = { 0 };

	return adjtimex(&t) >= 0 && !(t.status & STA_UNSYNC);
}

void sonde_check_clock(struct sonde_check *c, bool known, long long offset_ms)
{
	const char *kernel = sonde_check_kernel_clock() ? "" : "; the kernel does not call it synchronised";

	if (!known)
		say(c, true, "the controller's is not known yet%s", kernel);
	else if (llabs(offset_ms) > CLOCK_LIMIT_MS)
		say(c, false, "%+lld ms against the controller's%s", offset_ms, kernel);
	else
		say(c, true, "%+lld ms against the controller's%s", offset_ms, kernel);
}

/* ---- uplink ---- */

/* A connection on its way to "host:port" or "[v6]:port"; -1 when there is none. */
static int begin(const char *target, size_t len)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	char host[TARGET_MAX];

	if (len >= sizeof(host))
		return -1;
	memcpy(host, target, len);
	host[len] = '\0';
	char *port = strrchr(host, ':'), *name = host;
	if (!port)
		return -1;
	*port++ = '\0';
	size_t n = strlen(host);
	if (n > 1 && host[0] == '[' && host[n - 1] == ']') {
		host[n - 1] = '\0';
		name++;
	}
	if (getaddrinfo(name, port, &hints, &found))
		return -1;
	int fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) && errno != EINPROGRESS) {
		close(fd);
		fd = -1;
	}
	freeaddrinfo(found);
	return fd;
}

static bool connected(int fd)
{
	int error = 0;
	socklen_t size = sizeof(error);

	return !getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) && !error;
}

/* Descriptors become negative as their connections are decided. */
static unsigned wait_for(struct pollfd *fds, unsigned count)
{
	int64_t end = sonde_boottime_ns() + SONDE_CHECK_UPLINK_MS * SONDE_NS_PER_MS, left;
	unsigned reached = 0, open = 0;

	for (unsigned i = 0; i < count; i++)
		open += fds[i].fd >= 0;
	while (open && (left = (end - sonde_boottime_ns()) / SONDE_NS_PER_MS) > 0) {
		if (poll(fds, count, (int)left) < 0 && errno != EINTR)
			break;
		for (unsigned i = 0; i < count; i++) {
			if (fds[i].fd < 0 || !fds[i].revents)
				continue;
			reached += connected(fds[i].fd);
			close(fds[i].fd);
			fds[i].fd = -1;
			open--;
		}
	}
	for (unsigned i = 0; i < count; i++)
		if (fds[i].fd >= 0)
			close(fds[i].fd);
	return reached;
}

unsigned sonde_check_uplinks(const char *list, unsigned *count)
{
	struct pollfd fds[SONDE_CHECK_UPLINKS];

	*count = 0;
	while (list && *list && *count < SONDE_CHECK_UPLINKS) {
		list += strspn(list, ", ");
		size_t len = strcspn(list, ", ");
		if (len)
			fds[(*count)++] = (struct pollfd){ begin(list, len), POLLOUT, 0 };
		list += len;
	}
	return wait_for(fds, *count);
}
