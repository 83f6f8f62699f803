/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses are this machine's, as text. Owns nothing beyond a call; refuses what is not an
 * address, and more addresses than a guard takes. */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

#include "guard/guard.h"

static bool has(const char *list, const char *address)
{
	size_t len = strlen(address);

	for (; *list; list += strcspn(list, ","), list += *list == ',')
		if (strcspn(list, ",") == len && !memcmp(list, address, len))
			return true;
	return false;
}

bool sonde_guard_own_add(char *list, const char *address)
{
	struct sonde_prefix p;
	struct sonde_error e;
	char text[INET6_ADDRSTRLEN];
	size_t used = strlen(list), count = used > 0;

	if (strchr(address, '/') || sonde_prefix_parse(address, strlen(address), &p, &e) ||
	    !inet_ntop(p.family, p.addr, text, sizeof(text)) || has(list, text))
		return false;
	for (const char *c = list; *c; c++)
		count += *c == ',';
	size_t len = strlen(text);
	if (count == SONDE_GUARD_OWN_MAX || used + len + 2 > SONDE_GUARD_OWN_TEXT)
		return false;
	if (used)
		list[used++] = ',';
	memcpy(list + used, text, len + 1);
	return true;
}

void sonde_guard_own_addresses(char *out)
{
	char text[INET6_ADDRSTRLEN];
	struct ifaddrs *all = NULL;

	*out = '\0';
	if (getifaddrs(&all))
		return;
	for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
		const void *addr = NULL;
		if (!i->ifa_addr || (i->ifa_flags & IFF_LOOPBACK))
			continue;
		if (i->ifa_addr->sa_family == AF_INET)
			addr = &((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr;
		else if (i->ifa_addr->sa_family == AF_INET6)
			addr = &((const struct sockaddr_in6 *)(const void *)i->ifa_addr)->sin6_addr;
		if (addr && inet_ntop(i->ifa_addr->sa_family, addr, text, sizeof(text)))
			sonde_guard_own_add(out, text);
	}
	freeifaddrs(all);
}
