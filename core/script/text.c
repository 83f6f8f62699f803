/* SPDX-License-Identifier: Apache-2.0 */
/* Matching without backtracking stacks. Refuses nothing but malformed networks. Owns nothing. */
#include "script/text.h"

#include <arpa/inet.h>
#include <string.h>

/* Only the last star can need more text: what an earlier one matched, this one could as well. */
bool sonde_glob(const char *p, size_t plen, const char *s, size_t len)
{
	size_t i = 0, j = 0, star = plen, mark = 0;

	while (j < len) {
		if (i < plen && p[i] == '*') {
			star = i++;
			mark = j;
		} else if (i < plen && (p[i] == '?' || p[i] == s[j])) {
			i++;
			j++;
		} else if (star < plen) {
			i = star + 1;
			j = ++mark;
		} else {
			return false;
		}
	}
	while (i < plen && p[i] == '*')
		i++;
	return i == plen;
}

static int parse_bits(const char *s, int max)
{
	int v = 0;

	if (!*s || strlen(s) > 3)
		return -1;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return -1;
		v = v * 10 + (*s - '0');
	}
	return v <= max ? v : -1;
}

static int parse_address(const char *s, unsigned char out[16])
{
	if (inet_pton(AF_INET, s, out) == 1)
		return 4;
	return inet_pton(AF_INET6, s, out) == 1 ? 16 : 0;
}

int sonde_cidr_match(const char *address, const char *network)
{
	char head[INET6_ADDRSTRLEN];
	unsigned char a[16], n[16];
	size_t len = strcspn(network, "/");

	if (len >= sizeof(head))
		return -1;
	memcpy(head, network, len);
	head[len] = '\0';
	int wide = parse_address(head, n), mine = parse_address(address, a);
	int bits = wide * 8;
	if (network[len] == '/')
		bits = parse_bits(network + len + 1, bits);
	if (!wide || !mine || bits < 0)
		return -1;
	if (wide != mine || memcmp(a, n, bits / 8))
		return 0;
	return bits % 8 == 0 || ((a[bits / 8] ^ n[bits / 8]) >> (8 - bits % 8)) == 0;
}
