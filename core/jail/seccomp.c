/* SPDX-License-Identifier: Apache-2.0 */
/* System calls that no probe needs answer EPERM. A list of what is refused, not of what is
 * allowed: plugins bring libraries whose calls nobody can foresee, and the file system is
 * Landlock's business. Calls that this libseccomp does not know are left out. Owns the filter
 * until it is loaded. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/sanitized.h"
#include "jail/jail.h"

static const char *const refused[] = {
	/* other programs and processes */
	"execve", "execveat", "fork", "vfork", "process_vm_readv", "process_vm_writev",
	"pidfd_open", "pidfd_getfd", "pidfd_send_signal", "process_madvise", "kcmp", "tkill",
	"rt_sigqueueinfo", "rt_tgsigqueueinfo", "setpgid", "setsid",
	/* who we are */
	"setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid",
	"setfsgid", "setgroups", "capset", "unshare", "setns", "personality", "keyctl", "add_key",
	"request_key",
	/* the kernel and the machine */
	"kexec_load", "kexec_file_load", "bpf", "perf_event_open", "init_module",
	"finit_module", "delete_module", "reboot", "iopl", "ioperm", "userfaultfd",
	"io_uring_setup", "io_uring_enter", "io_uring_register", "syslog", "acct", "quotactl",
	"swapon", "swapoff", "sethostname", "setdomainname", "settimeofday", "clock_settime",
	"clock_adjtime", "adjtimex", "lookup_dcookie", "fanotify_init", "vhangup", "nfsservctl",
	/* the file system */
	"mount", "umount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "fsopen",
	"fsconfig", "fsmount", "fspick", "mount_setattr", "open_by_handle_at",
	"name_to_handle_at", "mknod", "mknodat", "creat", "truncate", "unlink", "unlinkat",
	"rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "mkdir",
	"mkdirat", "rmdir", "chmod", "fchmod", "fchmodat", "chown", "fchown", "fchownat", "lchown",
	"setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr",
#if !SONDE_SANITIZED
	"ptrace",
#endif
};

static void refuse_names(scmp_filter_ctx ctx)
{
	for (unsigned i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		int nr = seccomp_syscall_resolve_name(refused[i]);
		if (nr != __NR_SCMP_ERROR)
			seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), nr, 0);
	}
}

/* Threads are allowed, processes are not. glibc takes ENOSYS of clone3 as "use clone". The leak
 * check of a sanitizer runs in a process that shares its memory. */
static int refuse_processes(scmp_filter_ctx ctx)
{
#if SONDE_SANITIZED
	const scmp_datum_t needed = CLONE_VM;
#else
	const scmp_datum_t needed = CLONE_THREAD;
#endif
	int rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
	                          SCMP_A0(SCMP_CMP_MASKED_EQ, needed, 0));
	int nr = seccomp_syscall_resolve_name("clone3");
	if (nr != __NR_SCMP_ERROR)
		seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), nr, 0);
	return rc;
}

/* Signals to this process only (abort() sends itself one). */
static int refuse_signals(scmp_filter_ctx ctx)
{
	pid_t self = getpid();

	return seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(kill), 1,
	                        SCMP_A0(SCMP_CMP_NE, self)) ||
	       seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(tgkill), 1,
	                        SCMP_A0(SCMP_CMP_NE, self));
}

/* IPv4 and IPv6 only; raw sockets for ICMP only. A filter cannot hold two comparisons of one
 * argument in one rule, so that "neither 1 nor 58" is spelled out. */
static int refuse_sockets(scmp_filter_ctx ctx)
{
	int rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
	                          SCMP_A0(SCMP_CMP_GT, AF_INET6));

	for (int family = AF_UNSPEC; family < AF_INET6; family++)
		if (family != AF_INET)
			rc |= seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket),
			                       1, SCMP_A0(SCMP_CMP_EQ, family));
	for (scmp_datum_t protocol = 0; protocol <= IPPROTO_ICMPV6 + 1; protocol++) {
		if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6)
			continue;
		enum scmp_compare op = protocol > IPPROTO_ICMPV6 ? SCMP_CMP_GE : SCMP_CMP_EQ;
		rc |= seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 2,
		                       SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, SOCK_RAW),
		                       SCMP_A2(op, protocol));
	}
	/* SOCK_PACKET: the old way to a packet socket. */
	rc |= seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1,
	                       SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, SOCK_PACKET));
	rc |= seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socketpair), 1,
	                       SCMP_A0(SCMP_CMP_NE, AF_UNIX));
	return rc;
}

/* The second line where the kernel has no Landlock. O_RDWR and O_WRONLY are two bits. */
static int refuse_writing(scmp_filter_ctx ctx)
{
	int rc = 0;

	for (unsigned i = 0; i < 2; i++) {
		scmp_datum_t bit = i ? O_WRONLY : O_RDWR;
		rc |= seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(openat), 1,
		                       SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE, bit));
		rc |= seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(open), 1,
		                       SCMP_A1(SCMP_CMP_MASKED_EQ, O_ACCMODE, bit));
	}
	/* openat2 hides its flags in memory; libc does not use it. */
	int nr = seccomp_syscall_resolve_name("openat2");
	if (nr != __NR_SCMP_ERROR)
		seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), nr, 0);
	return rc;
}

bool sonde_jail_seccomp(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

	if (!ctx)
		return false;
	refuse_names(ctx);
	bool ok = !refuse_processes(ctx) && !refuse_signals(ctx) && !refuse_sockets(ctx) &&
	          !refuse_writing(ctx) && !seccomp_load(ctx);
	seccomp_release(ctx);
	return ok;
}
