/* SPDX-License-Identifier: Apache-2.0 */
/* Helpers of the load generators. They end the program where they fail: a benchmark that cannot
 * measure has nothing to clean up. */
#include "bench/load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

void load_die(const char *what, ...)
{
	va_list args;

	va_start(args, what);
	vfprintf(stderr, what, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

int64_t load_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static size_t slurp(pid_t pid, const char *file, char *out, size_t room)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, room - 1);
	if (fd >= 0)
		close(fd);
	out[n < 0 ? 0 : n] = '\0';
	return n < 0 ? 0 : (size_t)n;
}

int64_t load_cpu_us(pid_t pid)
{
	unsigned long long user, system;
	char text[1024];

	slurp(pid, "stat", text, sizeof(text));
	/* The name in parentheses may hold anything: the numbers start after the last one. */
	const char *p = strrchr(text, ')');
	if (!p || sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
	                 &system) != 2)
		return -1;
	return (int64_t)((user + system) * (1000000 / (unsigned long long)sysconf(_SC_CLK_TCK)));
}

int64_t load_own_cpu_us(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * INT64_C(1000000) + u.ru_utime.tv_usec +
	       u.ru_stime.tv_usec;
}

long load_rss_kb(pid_t pid)
{
	char text[4096];
	long kb;

	slurp(pid, "status", text, sizeof(text));
	const char *p = strstr(text, "VmRSS:");
	return p && sscanf(p + 6, "%ld", &kb) == 1 ? kb : -1;
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

uint32_t load_percentile(uint32_t *samples, size_t count, double share)
{
	if (!count)
		return 0;
	qsort(samples, count, sizeof(*samples), by_value);
	size_t at = (size_t)(share * (double)count);
	return samples[at < count ? at : count - 1];
}

int load_connect(const char *address, uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	int on = 1;

	if (inet_pton(AF_INET, address, &to.sin_addr) != 1)
		load_die("%s is not an IPv4 address", address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
		load_die("cannot connect to %s:%u: %s", address, port, strerror(errno));
	return fd;
}

uint64_t load_number(const char *option, const char *text, uint64_t max)
{
	char *end;

	errno = 0;
	unsigned long long v = strtoull(text, &end, 10);
	if (errno || *text < '0' || *text > '9' || *end || !v || v > max)
		load_die("%s must be a number from 1 to %llu", option, (unsigned long long)max);
	return v;
}
