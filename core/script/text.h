/* SPDX-License-Identifier: Apache-2.0 */
/* What policies have instead of string patterns. No recursion; glob takes at most length of text
 * times length of pattern steps, the others are linear. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* The pattern knows '*' (any run) and '?' (any byte). */
bool sonde_glob(const char *pattern, size_t pattern_len, const char *text, size_t len);
/* 1 when the address lies in the network ("10.0.0.0/8", "2001:db8::/32", or an address alone), 0
 * when not or of the other family, -1 when either is malformed. */
int sonde_cidr_match(const char *address, const char *network);
