/* SPDX-License-Identifier: Apache-2.0 */
/* Landlock by the bare system calls: the distribution's header may be older than the kernel, so
 * that the constants of later ABIs stand here. Rights that this kernel does not know are masked
 * out. Reading is allowed below a few system paths and the given ones; writing nowhere. */
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/sanitized.h"
#include "jail/jail.h"

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

enum {
	FS_EXECUTE = 1 << 0,
	FS_READ_FILE = 1 << 2,
	FS_READ_DIR = 1 << 3,
	FS_ABI1 = (1 << 13) - 1,
	FS_REFER = 1 << 13,     /* ABI 2 */
	FS_TRUNCATE = 1 << 14,  /* ABI 3 */
	FS_IOCTL_DEV = 1 << 15, /* ABI 5 */
	SCOPE_ALL = 3,          /* ABI 6: abstract unix sockets, signals */
	CREATE_VERSION = 1,
	RULE_PATH_BENEATH = 1,
};

struct ruleset_attr {
	uint64_t fs, net, scoped;
};

struct __attribute__((packed)) path_attr {
	uint64_t allowed;
	int32_t parent;
};

/* Libraries, name resolution, time zone, trust stores, and what libc reads of its own. Not the
 * whole of /etc, where other programs keep secrets that a runner started by root could read. A
 * rule holds for a file, not for its name: a hosts file that is replaced is read again by the
 * next runner. */
static const char *const system_paths[] = {
	"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/share", "/usr/local/lib",
	"/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf",
	"/etc/services", "/etc/protocols", "/etc/localtime", "/etc/ssl", "/etc/pki",
	"/etc/ca-certificates", "/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/alternatives",
	"/run/systemd/resolve", "/dev/urandom", "/dev/null",
#if SONDE_SANITIZED
	"/proc", "/proc/self/exe",
#endif
	NULL,
};

static void allow(int ruleset, const char *path, uint64_t handled)
{
	struct stat st;
	int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return;
	uint64_t rights = FS_EXECUTE | FS_READ_FILE;
	if (!fstat(fd, &st) && S_ISDIR(st.st_mode))
		rights |= FS_READ_DIR;
	struct path_attr attr = { .allowed = rights & handled, .parent = fd };
	syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &attr, 0);
	close(fd);
}

static void allow_list(int ruleset, const char *paths, uint64_t handled)
{
	while (paths && *paths) {
		char path[PATH_MAX];
		size_t n = strcspn(paths, ":");
		if (n && n < sizeof(path)) {
			memcpy(path, paths, n);
			path[n] = '\0';
			allow(ruleset, path, handled);
		}
		paths += n + (paths[n] == ':');
	}
}

unsigned sonde_jail_landlock(const char *read_paths)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);

	if (abi < 1)
		return 0;
	struct ruleset_attr attr = { .fs = FS_ABI1 };
	attr.fs |= (abi >= 2 ? FS_REFER : 0) | (abi >= 3 ? FS_TRUNCATE : 0) |
	           (abi >= 5 ? FS_IOCTL_DEV : 0);
	attr.scoped = abi >= 6 ? SCOPE_ALL : 0;
	size_t size = abi >= 6 ? sizeof(attr) : abi >= 4 ? 16 : 8;
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (ruleset < 0)
		return 0;
	for (unsigned i = 0; system_paths[i]; i++)
		allow(ruleset, system_paths[i], attr.fs);
	allow_list(ruleset, read_paths, attr.fs);
	long rc = syscall(SYS_landlock_restrict_self, ruleset, 0);
	close(ruleset);
	return rc ? 0 : (unsigned)abi;
}
