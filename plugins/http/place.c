/* SPDX-License-Identifier: Apache-2.0 */
/* From parameters or a Location to a URL that libcurl reads in one way only: what the user wrote as
 * path and query is escaped here, a host is letters, digits, dots, hyphens and underscores or an
 * address, and a redirect that names a user, another scheme or a strange host is refused. */
#include "http/http.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static char *copy(struct sonde_probe *p, const char *text, size_t n)
{
	char *out = p->host->alloc(p, n + 1);

	if (out)
		memcpy(out, text, n);
	return out;
}

/* The address or name without brackets. */
static char *bare(struct sonde_probe *p, const char *host)
{
	size_t n = strlen(host);

	return n > 2 && host[0] == '[' && host[n - 1] == ']' ? copy(p, host + 1, n - 2)
	                                                      : copy(p, host, n);
}

bool http_is_address(const char *host)
{
	unsigned char address[16];

	return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

bool http_host_valid(const char *host)
{
	unsigned char address[16];
	char text[INET6_ADDRSTRLEN];
	size_t n = strlen(host);

	if (!n || n >= HTTP_HOST_MAX)
		return false;
	if (strchr(host, ':')) {
		bool brackets = host[0] == '[' && host[n - 1] == ']';
		n -= brackets ? 2 : 0;
		if (n >= sizeof(text))
			return false;
		memcpy(text, host + brackets, n);
		text[n] = '\0';
		return inet_pton(AF_INET6, text, address) == 1;
	}
	for (; *host; host++)
		if (!is_word(*host) && *host != '.' && *host != '-' && *host != '_')
			return false;
	return true;
}

static bool is_one_of(const char *name, const char *const *list)
{
	for (; *list; list++)
		if (!strcasecmp(name, *list))
			return true;
	return false;
}

bool http_header_valid(const struct sonde_pair *h)
{
	/* Those that say where the message ends are libcurl's. */
	static const char *const framing[] = { "content-length", "transfer-encoding", "connection",
		                               "upgrade", "expect", NULL };

	if (is_one_of(h->name, framing))
		return false;
	for (const char *c = h->name; *c; c++)
		if (!is_word(*c) && !strchr("!#$%&'*+-.^_`|~", *c))
			return false;
	for (const unsigned char *c = (const unsigned char *)h->value; *c; c++)
		if ((*c < 0x20 && *c != '\t') || *c == 0x7f)
			return false;
	return *h->name != '\0';
}

/* Appends text with everything that is no visible ASCII, and '#', as %XX. */
static size_t escape(char *out, size_t at, size_t size, const char *text, const char *keep_out)
{
	for (; *text && at + 4 < size; text++) {
		unsigned char c = (unsigned char)*text;
		if (c > 0x20 && c < 0x7f && !strchr(keep_out, c))
			out[at++] = *text;
		else
			at += (size_t)snprintf(out + at, size - at, "%%%02X", c);
	}
	out[at] = '\0';
	return at;
}

static int default_port(bool tls)
{
	return tls ? 443 : 80;
}

int http_place_first(struct sonde_probe *p, struct http_place *to)
{
	const struct http_args *a = p->args;
	const char *host = a->host && *a->host ? a->host : p->target;
	const char *path = a->path ? a->path : "", *query = a->query ? a->query : "";
	size_t size = 3 * (strlen(path) + strlen(query)) + HTTP_HOST_MAX + 64;
	char *url = p->host->alloc(p, size);

	to->tls = a->protocol != HTTP_HTTP;
	to->port = a->port ? (int)a->port : default_port(to->tls);
	to->host = bare(p, host);
	to->lookup = bare(p, p->target);
	to->url = url;
	if (!url || !to->host || !to->lookup)
		return -1;
	bool six = strchr(to->host, ':') != NULL;
	size_t at = (size_t)snprintf(url, size, "%s://%s%s%s:%d%s", to->tls ? "https" : "http",
	                             six ? "[" : "", to->host, six ? "]" : "", to->port,
	                             *path == '/' ? "" : "/");
	at = escape(url, at, size, path, "#");
	if (*query) {
		url[at++] = '?';
		escape(url, at, size, *query == '?' ? query + 1 : query, "#");
	}
	return 0;
}

static const char *take_parts(struct sonde_probe *p, CURLU *u, struct http_place *to)
{
	char *scheme = NULL, *host = NULL, *port = NULL, *user = NULL;
	const char *why = NULL;

	curl_url_get(u, CURLUPART_USER, &user, 0);
	if (curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) ||
	    curl_url_get(u, CURLUPART_HOST, &host, 0) ||
	    curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT))
		why = "the redirect leads to a URL that cannot be read";
	else if (strcasecmp(scheme, "http") && strcasecmp(scheme, "https"))
		why = "the redirect leads to a scheme other than http and https";
	else if (user)
		why = "the redirect leads to a URL with a user name";
	else if (!http_host_valid(host))
		why = "the redirect leads to a host name that is not valid";
	if (!why) {
		to->tls = !strcasecmp(scheme, "https");
		to->port = 0;
		for (const char *c = port; *c; c++)
			to->port = to->port * 10 + (*c - '0');
		to->host = bare(p, host);
		to->lookup = to->host;
		why = to->host ? NULL : "out of memory";
	}
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_free(user);
	return why;
}

const char *http_place_next(struct sonde_probe *p, const char *from, const char *location,
                            struct http_place *to)
{
	const unsigned flags = CURLU_URLENCODE | CURLU_PATH_AS_IS | CURLU_NON_SUPPORT_SCHEME;
	CURLU *u = strlen(location) < HTTP_URL_MAX ? curl_url() : NULL;
	const char *why = u ? NULL : "the redirect leads to a URL that is too long";
	char *whole = NULL;

	/* A relative location is one of the URL before. */
	if (u && (curl_url_set(u, CURLUPART_URL, from, flags) ||
	          curl_url_set(u, CURLUPART_URL, location, flags)))
		why = "the redirect leads to a URL that cannot be read";
	if (!why)
		why = take_parts(p, u, to);
	if (!why) {
		curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0);
		curl_url_get(u, CURLUPART_URL, &whole, 0);
		to->url = whole ? copy(p, whole, strlen(whole)) : NULL;
		why = to->url ? NULL : "out of memory";
	}
	curl_free(whole);
	curl_url_cleanup(u);
	return why;
}

bool http_same_origin(const struct http_place *a, const struct http_place *b)
{
	return a->tls == b->tls && a->port == b->port && !strcasecmp(a->host, b->host);
}

static int add(struct curl_slist **list, const char *line)
{
	struct curl_slist *more = curl_slist_append(*list, line);

	if (more)
		*list = more;
	return more ? 0 : -1;
}

/* libcurl writes a header without a value as "Name;". */
static int add_pair(struct sonde_probe *p, struct curl_slist **list, const struct sonde_pair *h)
{
	size_t size = strlen(h->name) + strlen(h->value) + 3;
	char *line = p->host->alloc(p, size);

	if (!line)
		return -1;
	if (*h->value)
		snprintf(line, size, "%s: %s", h->name, h->value);
	else
		snprintf(line, size, "%s;", h->name);
	return add(list, line);
}

int http_make_headers(struct sonde_probe *p, struct curl_slist **out)
{
	static const char *const ours[] = { "host", "user-agent", NULL };
	static const char *const secret[] = { "authorization", "cookie", "proxy-authorization",
		                              NULL };
	const struct http_args *a = p->args;
	const struct http_state *s = p->state;
	bool home = http_same_origin(&s->first, &s->place), typed = false;
	/* Without it libcurl waits for "100 Continue" before a larger body. */
	int rc = add(out, "Expect:");

	for (const struct sonde_pair *h = a->headers; !rc && h && h->name; h++) {
		if (is_one_of(h->name, ours) || (!home && is_one_of(h->name, secret)))
			continue;
		typed |= !strcasecmp(h->name, "content-type");
		rc = add_pair(p, out, h);
	}
	for (const struct sonde_pair *h = home ? a->secret_headers : NULL; !rc && h && h->name; h++)
		if (!is_one_of(h->name, ours))
			rc = add_pair(p, out, h);
	/* libcurl would call any body a form. */
	if (!rc && s->send_body && !typed)
		rc = add(out, "Content-Type:");
	return rc;
}
