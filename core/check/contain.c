/* SPDX-License-Identifier: Apache-2.0 */
/* A network namespace for the plugin under check, so that whatever it sends reaches nobody. It goes
 * with the process. As another user than root a user namespace is made first. */
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check/internal.h"

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	size_t n = strlen(text);
	bool ok = fd >= 0 && write(fd, text, n) == (ssize_t)n;

	if (fd >= 0)
		close(fd);
	return ok;
}

static bool map_id(const char *path, unsigned id)
{
	char map[64];

	snprintf(map, sizeof(map), "%u %u 1", id, id);
	return write_file(path, map);
}

static bool raise_loopback(void)
{
	struct ifreq r = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return false;
	bool ok = !ioctl(fd, SIOCGIFFLAGS, &r);
	r.ifr_flags |= IFF_UP;
	ok = ok && !ioctl(fd, SIOCSIFFLAGS, &r);
	close(fd);
	return ok;
}

bool check_contain(void)
{
	unsigned uid = geteuid(), gid = getegid();

	if (unshare(CLONE_NEWNET)) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNET))
			return false;
		if (!write_file("/proc/self/setgroups", "deny") ||
		    !map_id("/proc/self/uid_map", uid) || !map_id("/proc/self/gid_map", gid))
			return false;
	}
	/* Ping sockets for everybody; without them CAP_NET_RAW serves, or ICMP is not tried. */
	char range[64];
	snprintf(range, sizeof(range), "%u %u", gid, gid);
	write_file("/proc/sys/net/ipv4/ping_group_range", range);
	return raise_loopback();
}
