/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: where an HTTP probe goes: a host, a path and a query as a user writes them, then the
 * Location of a redirect, each on a line. A place has a host that is valid and no user name. */
#include "fuzz_host.h"

#include "http/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct http_place *to)
{
	if (strncmp(to->url, to->tls ? "https://" : "http://", to->tls ? 8 : 7) ||
	    strpbrk(to->url, "\r\n \t") || to->port < 0 || to->port > 65535 || !to->host || !to->lookup)
		abort();
}

/* Each line is a header, and a secret goes only to where it was meant for. */
static void check_headers(struct sonde_probe *p, const struct http_place *first,
                          const struct http_place *next, const struct sonde_pair *more)
{
	const struct sonde_pair headers[] = { { "Cookie", "c" }, { "Host", "h" }, { "X-Empty", "" },
		                              *more, { NULL, NULL } };
	struct http_state state = { .first = *first, .place = *next, .send_body = true };
	struct http_args *args = (struct http_args *)(uintptr_t)p->args;
	struct curl_slist *list = NULL;
	bool secret = false;

	args->headers = headers;
	p->state = &state;
	if (http_make_headers(p, &list))
		abort();
	for (const struct curl_slist *at = list; at; at = at->next) {
		secret |= !strcmp(at->data, "Cookie: c");
		if (!strpbrk(at->data, ":;") || strpbrk(at->data, "\r\n") || !strcasecmp(at->data, "Host: h"))
			abort();
	}
	if (secret != http_same_origin(first, next))
		abort();
	curl_slist_free_all(list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *rest = text;
	struct http_args args = { 0 };
	struct http_place first, next;
	struct sonde_pair header = { 0 };

	memcpy(text, data, size);
	text[size] = '\0';
	const char *host = strsep(&rest, "\n"), *path = strsep(&rest, "\n"), *query = strsep(&rest, "\n"),
	           *location = strsep(&rest, "\n");
	struct sonde_probe probe = { .host = &fuzz_host, .args = &args, .target = host };
	header.name = path ? path : "";
	header.value = query ? query : "";
	bool valid = http_header_valid(&header);
	if (http_is_address(host) && !http_host_valid(host))
		abort();
	if (location && http_host_valid(host)) {
		fuzz_host_begin();
		args.path = path;
		args.query = query;
		args.protocol = size & 1 ? HTTP_HTTP : HTTP_HTTPS;
		if (!http_place_first(&probe, &first)) {
			check(&first);
			if (!http_place_next(&probe, first.url, location, &next)) {
				check(&next);
				if (valid)
					check_headers(&probe, &first, &next, &header);
			}
		}
		fuzz_host_end();
	}
	free(text);
	return 0;
}
