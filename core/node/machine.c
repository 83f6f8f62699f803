/* SPDX-License-Identifier: Apache-2.0 */
/* The facts of the machine, from the kernel's interfaces, its routes and resolv.conf. Closes what it
 * opens; the file is foreign: bounded, and only addresses come out of it. */
#include "node/machine.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guard/guard.h"

enum { RESOLV_BYTES = 64 << 10 };

static const char resolv_path[] = "/etc/resolv.conf";

/* ---- families ---- */

/* Connecting a datagram socket asks the routing table and sends nothing. */
static bool has_route(const struct sockaddr *to, socklen_t len)
{
	int fd = socket(to->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok = fd >= 0 && !connect(fd, to, len);

	if (fd >= 0)
		close(fd);
	return ok;
}

static bool routed4(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };

	inet_pton(AF_INET, "192.0.2.1", &to.sin_addr);
	return has_route((struct sockaddr *)&to, sizeof(to));
}

static bool routed6(void)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(9) };

	inet_pton(AF_INET6, "2001:db8::1", &to.sin6_addr);
	return has_route((struct sockaddr *)&to, sizeof(to));
}

static bool link_local(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET6)
		return IN6_IS_ADDR_LINKLOCAL(&((const struct sockaddr_in6 *)sa)->sin6_addr);
	return ntohl(((const struct sockaddr_in *)sa)->sin_addr.s_addr) >> 16 == 0xa9fe;
}

static void look_at_families(struct sonde_machine *m)
{
	bool lo4 = false, lo6 = false;
	struct ifaddrs *all;

	m->ipv4 = routed4();
	m->ipv6 = routed6();
	if (getifaddrs(&all))
		return;
	for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
		const struct sockaddr *sa = i->ifa_addr;
		if (!sa || !(i->ifa_flags & IFF_UP) ||
		    (sa->sa_family != AF_INET && sa->sa_family != AF_INET6))
			continue;
		bool v6 = sa->sa_family == AF_INET6;
		if (i->ifa_flags & IFF_LOOPBACK)
			*(v6 ? &lo6 : &lo4) = true;
		else if (!link_local(sa))
			*(v6 ? &m->ipv6 : &m->ipv4) = true;
	}
	freeifaddrs(all);
	if (!m->ipv4 && !m->ipv6) {
		m->ipv4 = lo4;
		m->ipv6 = lo6;
	}
}

/* ---- resolvers ---- */

static void add_resolver(struct sonde_machine *m, const char *shown)
{
	for (unsigned i = 0; i < m->resolver_count; i++)
		if (!strcmp(m->resolvers[i], shown))
			return;
	if (m->resolver_count < SONDE_MACHINE_RESOLVERS)
		snprintf(m->resolvers[m->resolver_count++], SONDE_MACHINE_ADDRESS, "%s", shown);
}

/* With a zone ("fe80::1%eth0") it is no target, and private for sure. */
static void take_resolver(struct sonde_machine *m, const struct sonde_guard *public, const char *text,
                          size_t len)
{
	struct sonde_target t;
	struct sonde_error e;

	if (memchr(text, '%', len))
		add_resolver(m, "private");
	else if (sonde_target_parse(text, len, &t, &e) != SONDE_OK || t.kind == SONDE_TARGET_NAME)
		return;
	else if (sonde_guard_allows(public, (struct sockaddr *)&t.sa, t.len))
		add_resolver(m, t.text);
	else
		add_resolver(m, "private");
}

void sonde_machine_resolvers(struct sonde_machine *m, const char *text)
{
	struct sonde_guard *public;
	struct sonde_error e;

	m->resolver_count = 0;
	if (sonde_guard_new(NULL, NULL, &public, &e) != SONDE_OK)
		return;
	for (const char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		p += strspn(p, " \t");
		size_t word = strcspn(p, " \t\r\n");
		if (word != 10 || memcmp(p, "nameserver", word))
			continue;
		p += word;
		p += strspn(p, " \t");
		take_resolver(m, public, p, strcspn(p, " \t\r\n"));
	}
	sonde_guard_free(public);
	if (!m->resolver_count)
		add_resolver(m, "private");
}

static void read_resolvers(struct sonde_machine *m)
{
	char text[RESOLV_BYTES];
	int fd = open(resolv_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	sonde_machine_resolvers(m, text);
}

/* ---- all ---- */

static unsigned usable_cpus(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) || !CPU_COUNT(&set) ? 1 :
	       (unsigned)CPU_COUNT(&set);
}

void sonde_machine_look(struct sonde_machine *m)
{
	long pages = sysconf(_SC_PHYS_PAGES), bytes = sysconf(_SC_PAGESIZE);

	memset(m, 0, sizeof(*m));
	look_at_families(m);
	m->cpus = usable_cpus();
	m->memory_mib = pages > 0 && bytes > 0 ? (int64_t)pages / 1024 * bytes / 1024 : 0;
	read_resolvers(m);
}

void sonde_machine_write(const struct sonde_machine *m, const char *key, struct sonde_json *j)
{
	sonde_json_open(j, key, '{');
	sonde_json_bool(j, "ipv4", m->ipv4);
	sonde_json_bool(j, "ipv6", m->ipv6);
	sonde_json_int(j, "cpus", m->cpus);
	sonde_json_int(j, "memoryMiB", m->memory_mib);
	sonde_json_open(j, "resolvers", '[');
	for (unsigned i = 0; i < m->resolver_count; i++)
		sonde_json_str(j, NULL, m->resolvers[i]);
	sonde_json_close(j);
	sonde_json_close(j);
}
