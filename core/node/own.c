/* SPDX-License-Identifier: Apache-2.0 */
/* Own addresses, looked up before the loop runs. A name that does not resolve now is no error: what
 * the link then connects to is added by its address. Owns nothing. */
#include "node/own.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "guard/guard.h"

/* Host of http(s)://HOST[:PORT][/], without the brackets of an IPv6 address. */
static void host_of(const char *url, char *out, size_t room)
{
	const char *host = strstr(url, "://");

	host = host ? host + 3 : url;
	size_t len = strcspn(host, *host == '[' ? "]" : ":/");
	if (*host == '[') {
		host++;
		len--;
	}
	snprintf(out, room, "%.*s", (int)len, host);
}

void sonde_own_init(char *own, const char *controller_url)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *all = NULL;
	char host[256], text[64];

	sonde_guard_own_addresses(own);
	host_of(controller_url, host, sizeof(host));
	if (getaddrinfo(host, NULL, &hints, &all))
		return;
	for (const struct addrinfo *i = all; i; i = i->ai_next)
		if (!getnameinfo(i->ai_addr, i->ai_addrlen, text, sizeof(text), NULL, 0,
		                 NI_NUMERICHOST))
			sonde_guard_own_add(own, text);
	freeaddrinfo(all);
}
