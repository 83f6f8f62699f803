/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the namespace with unshare(2); it goes with the process. As another user than root a user
 * namespace is made first. */
#include "plug/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

extern char **environ;

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	size_t n = strlen(text);
	int rc = fd >= 0 && write(fd, text, n) == (ssize_t)n ? 0 : -1;

	if (fd >= 0)
		close(fd);
	return rc;
}

static int become_root(void)
{
	char map[64];
	unsigned uid = getuid(), gid = getgid();

	if (unshare(CLONE_NEWUSER) || write_file("/proc/self/setgroups", "deny"))
		return -1;
	snprintf(map, sizeof(map), "0 %u 1", uid);
	if (write_file("/proc/self/uid_map", map))
		return -1;
	snprintf(map, sizeof(map), "0 %u 1", gid);
	return write_file("/proc/self/gid_map", map);
}

static int raise_loopback(void)
{
	struct ifreq r = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	int rc = ioctl(fd, SIOCGIFFLAGS, &r);
	r.ifr_flags |= IFF_UP;
	rc = rc ? rc : ioctl(fd, SIOCSIFFLAGS, &r);
	close(fd);
	return rc;
}

void netns_enter(void)
{
	if (getuid() != 0 && become_root())
		tap_skip("no right to make a user namespace");
	if (unshare(CLONE_NEWNET))
		tap_skip("no right to make a network namespace");
	if (raise_loopback())
		tap_skip("lo does not come up in a new namespace");
	if (write_file("/proc/sys/net/ipv4/ping_group_range", "0 0"))
		tap_skip("ping_group_range cannot be set in a new namespace");
}

void netns_run(const char *const argv[])
{
	pid_t pid;
	int status = -1;
	int rc = posix_spawnp(&pid, argv[0], NULL, NULL, (char *const *)argv, environ);

	if (rc == ENOENT)
		tap_skip("a command of the test is not installed");
	if (rc || waitpid(pid, &status, 0) != pid || status)
		tap_fail(__FILE__, __LINE__, "%s failed (%d)", argv[0], status);
}

void netns_blackhole(const char *prefix)
{
	char rule[256];

	/* At prerouting, not output: a sender is not told. */
	snprintf(rule, sizeof(rule),
	         "table inet t { chain c { type filter hook prerouting priority 0; %s daddr %s "
	         "icmp%s type echo-request drop; }; }", strchr(prefix, ':') ? "ip6" : "ip", prefix,
	         strchr(prefix, ':') ? "v6" : "");
	netns_run((const char *const[]){ "nft", rule, NULL });
}
