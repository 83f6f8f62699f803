/* SPDX-License-Identifier: Apache-2.0 */
/* People type addresses as their browser shows them: "https://host:8443/path?query" becomes the target
 * and the options of a type that has them. What is no such address is left alone. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static size_t scheme_length(const char *text)
{
	return !strncmp(text, "https://", 8) ? 8 : !strncmp(text, "http://", 7) ? 7 : 0;
}

static bool copy(char *out, size_t room, const char *from, size_t len)
{
	if (len >= room)
		return false;
	memcpy(out, from, len);
	out[len] = '\0';
	return true;
}

bool cli_split_url(const char *text, struct cli_url *u)
{
	size_t scheme = scheme_length(text);
	const char *host = text + scheme, *path = host + strcspn(host, "/?#");
	const char *port = NULL, *end = path;

	memset(u, 0, sizeof(*u));
	if (!scheme)
		return false;
	if (*host == '[') {
		const char *close = memchr(host, ']', (size_t)(path - host));
		if (!close)
			return false;
		port = close[1] == ':' ? close + 2 : NULL;
		host++;
		end = close;
	} else {
		const char *colon = memchr(host, ':', (size_t)(path - host));
		port = colon ? colon + 1 : NULL;
		end = colon ? colon : path;
	}
	const char *query = strchr(path, '?');
	size_t rest = strcspn(path, "#");
	size_t path_len = query && query < path + rest ? (size_t)(query - path) : rest;
	u->protocol = scheme == 8 ? "HTTPS" : "HTTP";
	return end > host && copy(u->host, sizeof(u->host), host, (size_t)(end - host)) &&
	       copy(u->port, sizeof(u->port), port ? port : "", port ? (size_t)(path - port) : 0) &&
	       copy(u->path, sizeof(u->path), path, path_len) &&
	       (!query || query >= path + rest ||
	        copy(u->query, sizeof(u->query), query + 1, rest - path_len - 1));
}
