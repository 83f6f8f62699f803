/* SPDX-License-Identifier: Apache-2.0 */
/* Time-ordered ids. */
#include "base/id.h"

#include <string.h>

#include "base/clock.h"
#include "base/rng.h"

static const char letters[] = "0123456789abcdefghjkmnpqrstvwxyz";

static void count_up(struct sonde_id *id)
{
	for (int i = 15; i >= 6 && ++id->b[i] == 0; i--)
		;
}

void sonde_id_make(struct sonde_id_maker *m, struct sonde_id *out)
{
	int64_t now = sonde_wall_ms();

	/* A clock that steps back must not break the order. */
	if (now <= m->last_ms) {
		count_up(&m->last);
	} else {
		m->last_ms = now;
		for (int i = 0; i < 6; i++)
			m->last.b[i] = now >> (40 - 8 * i);
		sonde_random_bytes(m->last.b + 6, 10);
		m->last.b[6] &= 0x7f; /* room to count without wrapping */
	}
	*out = m->last;
}

void sonde_id_format(const struct sonde_id *id, char out[SONDE_ID_TEXT])
{
	/* 130 bits of text for 128 of id: the first letter holds three. */
	unsigned bits = 2, acc = 0, n = 0;

	for (int i = 0; i < 16; i++) {
		acc = acc << 8 | id->b[i];
		bits += 8;
		while (bits >= 5) {
			bits -= 5;
			out[n++] = letters[acc >> bits & 31];
		}
		acc &= (1u << bits) - 1;
	}
	out[n] = '\0';
}

/* Value + 1 of each letter from '0' on, 0 where it is none. */
#define L(c, v) [c - '0'] = v + 1, [c - 'a' + 'A' - '0'] = v + 1
static const uint8_t values['z' - '0' + 1] = {
	1, 2, 3, 4, 5, 6, 7, 8, 9, 10, L('a', 10), L('b', 11), L('c', 12), L('d', 13), L('e', 14),
	L('f', 15), L('g', 16), L('h', 17), L('j', 18), L('k', 19), L('m', 20), L('n', 21),
	L('p', 22), L('q', 23), L('r', 24), L('s', 25), L('t', 26), L('v', 27), L('w', 28),
	L('x', 29), L('y', 30), L('z', 31),
};
#undef L

static int letter_value(char c)
{
	unsigned at = (unsigned char)c - (unsigned)'0';

	return at < sizeof(values) ? values[at] - 1 : -1;
}

bool sonde_id_parse(const char *text, size_t len, struct sonde_id *out)
{
	unsigned bits = 0, acc = 0, n = 0;

	if (len != SONDE_ID_TEXT - 1)
		return false;
	for (size_t i = 0; i < len; i++) {
		int v = letter_value(text[i]);
		if (v < 0 || (i == 0 && v > 7))
			return false;
		acc = acc << 5 | (unsigned)v;
		bits += i == 0 ? 3 : 5;
		if (bits >= 8) {
			bits -= 8;
			out->b[n++] = acc >> bits;
			acc &= (1u << bits) - 1;
		}
	}
	return true;
}

bool sonde_id_equal(const struct sonde_id *a, const struct sonde_id *b)
{
	return !memcmp(a->b, b->b, sizeof(a->b));
}

bool sonde_id_is_zero(const struct sonde_id *id)
{
	static const struct sonde_id zero;
	return sonde_id_equal(id, &zero);
}

int64_t sonde_id_wall_ms(const struct sonde_id *id)
{
	int64_t ms = 0;
	for (int i = 0; i < 6; i++)
		ms = ms << 8 | id->b[i];
	return ms;
}
