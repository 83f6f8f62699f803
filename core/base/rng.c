/* SPDX-License-Identifier: Apache-2.0 */
/* xoroshiro128+ seeded by splitmix64 (Blackman, Vigna 2018), and getrandom(2). */
#include "base/rng.h"

#include <stdlib.h>
#include <sys/random.h>

static uint64_t splitmix(uint64_t *x)
{
	uint64_t z = (*x += UINT64_C(0x9e3779b97f4a7c15));
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

void sonde_rng_seed(struct sonde_rng *r, uint64_t seed)
{
	r->s[0] = splitmix(&seed);
	r->s[1] = splitmix(&seed);
}

static uint64_t rotl(uint64_t x, int k)
{
	return (x << k) | (x >> (64 - k));
}

uint64_t sonde_rng_next(struct sonde_rng *r)
{
	uint64_t a = r->s[0], b = r->s[1], out = a + b;

	b ^= a;
	r->s[0] = rotl(a, 24) ^ b ^ (b << 16);
	r->s[1] = rotl(b, 37);
	return out;
}

uint64_t sonde_rng_below(struct sonde_rng *r, uint64_t n)
{
	unsigned __int128 m = (unsigned __int128)sonde_rng_next(r) * n;

	if ((uint64_t)m < n) {
		uint64_t floor = (0 - n) % n;
		while ((uint64_t)m < floor)
			m = (unsigned __int128)sonde_rng_next(r) * n;
	}
	return m >> 64;
}

void sonde_random_bytes(void *to, size_t n)
{
	char *p = to;

	while (n) {
		ssize_t got = getrandom(p, n, 0);
		if (got < 0)
			abort();
		p += got;
		n -= got;
	}
}
