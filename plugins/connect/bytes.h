/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that a user typed as text. Pure functions. Shared by the plugins tcp and udp. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Text with \r \n \t \0 \\ and \xHH into bytes; the number of them, or -1 for another escape or
 * more than cap. */
ssize_t sonde_bytes_unescape(const char *text, size_t len, uint8_t *out, size_t cap);
/* Pairs of hex digits, with spaces and colons between pairs; the number of bytes, or -1. */
ssize_t sonde_bytes_hex(const char *text, size_t len, uint8_t *out, size_t cap);
/* Bytes as a line for people: control characters and what is not ASCII as \xHH; cut to fit, always
 * terminated. Returns out. */
const char *sonde_bytes_show(const uint8_t *data, size_t len, char *out, size_t cap);
