/* SPDX-License-Identifier: Apache-2.0 */
/* A target, a prefix and a list of prefixes. What parses must parse again from its normal form to
 * the same thing, and a refused address stays refused however it is written. */
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "guard/guard.h"

static void check_target(const struct sonde_guard *g, const char *text, size_t len)
{
	struct sonde_error err = { "", "" };
	struct sonde_target t, again;

	if (sonde_target_parse(text, len, &t, &err)) {
		if (!err.text[0])
			abort();
		return;
	}
	if (sonde_target_parse(t.text, strlen(t.text), &again, NULL) || again.kind != t.kind ||
	    strcmp(again.text, t.text) || memcmp(&again.sa, &t.sa, sizeof(t.sa)))
		abort();
	if (t.kind == SONDE_TARGET_NAME)
		sonde_guard_allows_name(g, t.text);
	else if (sonde_guard_allows(g, (struct sockaddr *)&t.sa, t.len) !=
	         sonde_guard_allows(g, (struct sockaddr *)&again.sa, again.len))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_less(const struct sonde_guard *g, const struct sonde_guard *less,
                       const struct sockaddr *sa, socklen_t len)
{
	if (sonde_guard_allows(less, sa, len) && !sonde_guard_allows(g, sa, len))
		abort();
	if (sonde_guard_allows(g, sa, len - 1) || sonde_guard_allows(g, sa, 1))
		abort();
}

/* The first address of each prefix of the list. */
static void check_each(const struct sonde_guard *g, const struct sonde_guard *less, const char *list)
{
	struct sockaddr_storage sa;
	struct sonde_prefix p;

	for (list += strspn(list, ", "); *list; list += strspn(list, ", ")) {
		size_t n = strcspn(list, ", ");
		if (!sonde_prefix_parse(list, n, &p, NULL)) {
			socklen_t len = sonde_prefix_first(&p, &sa);
			check_less(g, less, (struct sockaddr *)&sa, len);
		}
		list += n;
	}
}

/* A guard that opens what is private but for one block, by IPv6 as by IPv4; only some of it, and not
 * what is its own, is less. */
static void check_lists(const char *text, const uint8_t *data, size_t size)
{
	struct sonde_guard *open = NULL, *some = NULL;
	struct sockaddr_in four = { .sin_family = AF_INET };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };

	if (sonde_guard_new("private", "10.0.0.0/8", &open, NULL) ||
	    sonde_guard_new("private", "10.0.0.0/8", &some, NULL))
		abort();
	check_target(open, text, strcspn(text, ","));
	if (size & 1 ? !sonde_guard_refuse_own(some, text, NULL) : !sonde_guard_only(some, text, NULL)) {
		memcpy(&six.sin6_addr, data, size < 16 ? size : 16);
		memcpy(&four.sin_addr, data, size < 4 ? size : 4);
		check_less(open, some, (struct sockaddr *)&six, sizeof(six));
		check_less(open, some, (struct sockaddr *)&four, sizeof(four));
		check_each(open, some, text);
	}
	sonde_guard_free(open);
	sonde_guard_free(some);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sonde_guard *g = NULL, *own = NULL;
	struct sonde_prefix p;

	if (sonde_guard_new(NULL, NULL, &g, NULL))
		abort();
	check_target(g, (const char *)data, size);
	if (!sonde_prefix_parse((const char *)data, size, &p, NULL) &&
	    p.bits > (p.family == AF_INET ? 32u : 128u))
		abort();
	char *text = malloc(size + 1);
	if (text) {
		if (size)
			memcpy(text, data, size);
		text[size] = '\0';
		sonde_guard_allows_name(g, text);
		check_lists(text, data, size);
		/* Denying more never opens anything. */
		if (!sonde_guard_new(NULL, text, &own, NULL)) {
			struct sockaddr_storage ss = { .ss_family = AF_INET6 };
			memcpy((char *)&ss + 8, data, size < 16 ? size : 16);
			if (sonde_guard_allows(own, (struct sockaddr *)&ss, 28) &&
			    !sonde_guard_allows(g, (struct sockaddr *)&ss, 28))
				abort();
		}
	}
	free(text);
	sonde_guard_free(own);
	sonde_guard_free(g);
	return 0;
}
