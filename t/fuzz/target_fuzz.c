/* SPDX-License-Identifier: Apache-2.0 */
/* A target, a prefix and a list of prefixes. What parses must parse again from its normal form to
 * the same thing, and a refused address stays refused however it is written. */
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
