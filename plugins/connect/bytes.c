/* SPDX-License-Identifier: Apache-2.0 */
/* Escapes and hex. Refuses what is not exactly one of the forms; never guesses. */
#include "connect/bytes.h"

#include <stdio.h>
#include <string.h>

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int hex_pair(const char *p, size_t left)
{
	int high = left >= 2 ? digit(p[0]) : -1;
	int low = left >= 2 ? digit(p[1]) : -1;

	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

ssize_t sonde_bytes_unescape(const char *text, size_t len, uint8_t *out, size_t cap)
{
	static const char names[] = "rnt0\\", values[] = "\r\n\t\0\\";
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int byte = (unsigned char)text[i];
		if (byte == '\\' && i + 1 < len && text[i + 1] == 'x') {
			byte = hex_pair(text + i + 2, len - i - 2);
			i += 3;
		} else if (byte == '\\') {
			const char *at = ++i < len && text[i] ? strchr(names, text[i]) : NULL;
			byte = at ? (unsigned char)values[at - names] : -1;
		}
		if (byte < 0 || n == cap)
			return -1;
		out[n++] = (uint8_t)byte;
	}
	return (ssize_t)n;
}

ssize_t sonde_bytes_hex(const char *text, size_t len, uint8_t *out, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < len;) {
		if (text[i] == ' ' || text[i] == ':') {
			i++;
			continue;
		}
		int byte = hex_pair(text + i, len - i);
		if (byte < 0 || n == cap)
			return -1;
		out[n++] = (uint8_t)byte;
		i += 2;
	}
	return (ssize_t)n;
}

const char *sonde_bytes_show(const uint8_t *data, size_t len, char *out, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n + 5 <= cap; i++) {
		if (data[i] >= 0x20 && data[i] < 0x7f)
			out[n++] = (char)data[i];
		else
			n += (size_t)snprintf(out + n, cap - n, "\\x%02x", data[i]);
	}
	out[n] = 0;
	return out;
}
