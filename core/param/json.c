/* SPDX-License-Identifier: Apache-2.0 */
/* Reading JSON that strangers wrote. jansson's parser recurses, so that the depth is counted
 * before it runs; it refuses NUL escapes, broken UTF-8 and trailing text by itself, but reads over a
 * NUL byte behind a number. The caller frees the tree with json_decref. */
#include "param/param.h"

#include <string.h>

/* The first bracket that opens a level too many, or NULL. Only the nesting counts here: whether
 * brackets match is the parser's question. */
static const char *too_deep(const char *text, size_t len)
{
	unsigned depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		if (quoted) {
			if (c == '\\')
				i++;
			else if (c == '"')
				quoted = false;
		} else if (c == '"') {
			quoted = true;
		} else if (c == '{' || c == '[') {
			if (++depth > SONDE_JSON_DEPTH)
				return text + i;
		} else if ((c == '}' || c == ']') && depth) {
			depth--;
		}
	}
	return NULL;
}

json_t *sonde_json_load(const char *text, size_t len, struct sonde_error *err)
{
	json_error_t why;
	const char *deep = too_deep(text, len), *nul = len ? memchr(text, '\0', len) : NULL;

	if (nul) {
		sonde_fail(err, SONDE_EINVAL, "", "JSON has a NUL byte at byte %zu",
		           (size_t)(nul - text) + 1);
		return NULL;
	}
	if (deep) {
		sonde_fail(err, SONDE_EINVAL, "",
		           "JSON is nested deeper than %d levels at byte %zu", SONDE_JSON_DEPTH,
		           (size_t)(deep - text) + 1);
		return NULL;
	}
	json_t *out = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	if (!out)
		sonde_fail(err, SONDE_EINVAL, "", "JSON line %d, column %d: %s", why.line,
		           why.column, why.text);
	return out;
}
