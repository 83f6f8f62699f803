/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts to do what a plugin must not be able to do. Each returns 1 when it got through and
 * leaves nothing behind that matters. */
#include "faulty.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int got_file(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static int got_socket(int domain, int type, int protocol)
{
	int fd = socket(domain, type, protocol);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static int read_key(struct sonde_probe *p)
{
	const struct faulty_args *a = p->args;
	return a->path && got_file(a->path, O_RDONLY);
}

static int write_key(struct sonde_probe *p)
{
	const struct faulty_args *a = p->args;
	return a->path && got_file(a->path, O_WRONLY);
}

static int read_spool(struct sonde_probe *p)
{
	const struct faulty_args *a = p->args;
	return a->spool && got_file(a->spool, O_RDONLY);
}

/* A file or network socket of the node that came along by mistake; 0 to 2 are for logs. */
static int inherited(struct sonde_probe *p)
{
	for (int fd = 3; fd < 1024; fd++) {
		struct sockaddr_storage peer;
		socklen_t len = sizeof(peer);
		struct stat st;
		if (!getpeername(fd, (struct sockaddr *)&peer, &len) && peer.ss_family != AF_UNIX)
			return 1;
		/* What is in memory only has no name. */
		if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_nlink)
			return 1;
	}
	return 0;
}

static int take_descriptor(struct sonde_probe *p)
{
	long fd = syscall(SYS_pidfd_open, getppid(), 0);

	if (fd < 0)
		return 0;
	long got = syscall(SYS_pidfd_getfd, fd, 0, 0);
	close((int)fd);
	if (got >= 0)
		close((int)got);
	return got >= 0;
}

static int write_memory(struct sonde_probe *p)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)getppid());
	return got_file(path, O_RDWR) || got_file(path, O_RDONLY);
}

static int new_namespace(struct sonde_probe *p)
{
	return unshare(CLONE_NEWUSER) == 0;
}

static int netlink_socket(struct sonde_probe *p)
{
	return got_socket(AF_NETLINK, SOCK_RAW, 0);
}

static int create_file(struct sonde_probe *p)
{
	return got_file("/tmp/sonde-escape", O_WRONLY | O_CREAT);
}

static int read_shadow(struct sonde_probe *p)
{
	return got_file("/etc/shadow", O_RDONLY);
}

static int unix_socket(struct sonde_probe *p)
{
	return got_socket(AF_UNIX, SOCK_STREAM, 0);
}

static int packet_socket(struct sonde_probe *p)
{
	return got_socket(AF_PACKET, SOCK_RAW, 0);
}

static int raw_socket(struct sonde_probe *p)
{
	return got_socket(AF_INET, SOCK_RAW, IPPROTO_TCP);
}

static int trace_parent(struct sonde_probe *p)
{
	return ptrace(PTRACE_SEIZE, getppid(), 0, 0) == 0;
}

static int signal_parent(struct sonde_probe *p)
{
	return kill(getppid(), 0) == 0;
}

static int read_environment(struct sonde_probe *p)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/environ", (int)getppid());
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char byte;
	ssize_t n = fd < 0 ? -1 : read(fd, &byte, 1);
	if (fd >= 0)
		close(fd);
	return n > 0;
}

static int mount_tmpfs(struct sonde_probe *p)
{
	return mount("none", "/mnt", "tmpfs", MS_RDONLY, NULL) == 0;
}

static int change_user(struct sonde_probe *p)
{
	return setuid(12345) == 0;
}

static int run_program(struct sonde_probe *p)
{
	char *const argv[] = { (char *)"true", NULL };

	execv("/bin/true", argv); /* success ends the runner, which the test sees */
	return 0;
}

static int start_process(struct sonde_probe *p)
{
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	return child > 0;
}

static const struct {
	const char *name;
	int (*attempt)(struct sonde_probe *);
} attempts[] = {
	{ "read key", read_key },           { "write key", write_key },
	{ "read spool", read_spool },       { "inherited descriptor", inherited },
	{ "node's descriptor", take_descriptor },
	{ "node's memory", write_memory },  { "new namespace", new_namespace },
	{ "netlink socket", netlink_socket },
	{ "create file", create_file },     { "read /etc/shadow", read_shadow },
	{ "unix socket", unix_socket },     { "packet socket", packet_socket },
	{ "raw socket", raw_socket },       { "trace parent", trace_parent },
	{ "signal parent", signal_parent }, { "read environment", read_environment },
	{ "mount", mount_tmpfs },           { "change user", change_user },
	{ "run program", run_program },     { "start process", start_process },
};

int faulty_escape(struct sonde_probe *p)
{
	enum { COUNT = sizeof(attempts) / sizeof(attempts[0]) };

	p->host->open(p, "tried", '[');
	for (unsigned i = 0; i < COUNT; i++)
		p->host->put_text(p, NULL, attempts[i].name, strlen(attempts[i].name));
	p->host->close(p);
	p->host->open(p, "escaped", '[');
	for (unsigned i = 0; i < COUNT; i++)
		if (attempts[i].attempt(p))
			p->host->put_text(p, NULL, attempts[i].name, strlen(attempts[i].name));
	p->host->close(p);
	p->host->done(p, SONDE_FAIL_NONE, NULL);
	return 0;
}
