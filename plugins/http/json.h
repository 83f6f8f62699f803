/* SPDX-License-Identifier: Apache-2.0 */
/* One value out of a JSON text by its pointer (RFC 6901). Pure; no recursion, no memory. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { HTTP_JSON_DEPTH = 64 };

enum http_json {
	HTTP_JSON_FOUND,
	HTTP_JSON_MISSING, /* the text is read as far as needed and has no such value */
	HTTP_JSON_BROKEN,  /* no JSON, cut, or nested deeper than HTTP_JSON_DEPTH */
};

/* "" (the whole), or parts that each begin with '/', with ~0 and ~1 for '~' and '/'. */
bool http_pointer_valid(const char *pointer);
/* Where the value stands in the text. What comes behind it is not read. */
enum http_json http_json_find(const char *text, size_t len, const char *pointer,
                              const char **value, size_t *value_len);
/* The letters of a value: of a string without its quotes and escapes, of others as they stand.
 * Writes at most size - 1 bytes and a NUL; returns the bytes written. */
size_t http_json_text(char *out, size_t size, const char *value, size_t len);
