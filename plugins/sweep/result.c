/* SPDX-License-Identifier: Apache-2.0 */
/* The result of a sweep. Rows are formatted here by hand: with ten thousand of them the general
 * writer would cost as much as the sending of a request. */
#include "sweep/sweep.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum { DIGITS = 6, ROW = 80 };

static char *put_decimal(char *at, uint32_t v)
{
	char tmp[10];
	unsigned n = 0;

	do {
		tmp[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	while (n)
		*at++ = tmp[--n];
	return at;
}

static char *put_address(char *at, const struct sweep_range *r, uint32_t i)
{
	uint8_t bytes[16];
	unsigned len = sweep_address(r, i, bytes);

	if (len == 16) {
		inet_ntop(AF_INET6, bytes, at, SWEEP_ADDRESS_TEXT);
		return at + strlen(at);
	}
	for (unsigned k = 0; k < 4; k++) {
		at = put_decimal(at, bytes[k]);
		*at++ = '.';
	}
	return at - 1;
}

/* Milliseconds with four decimals. */
static char *put_ms(char *at, uint32_t ns)
{
	uint32_t tenths = ns / 100 + (ns % 100 >= 50); /* of a microsecond */
	uint32_t fraction = tenths % 10000;

	at = put_decimal(at, tenths / 10000);
	*at++ = '.';
	for (uint32_t place = 1000; place; place /= 10)
		*at++ = (char)('0' + fraction / place % 10);
	return at;
}

static bool answered(uint32_t rtt)
{
	return rtt && rtt <= SWEEP_RTT_MAX;
}

static void write_hosts(struct sonde_probe *p)
{
	struct sweep_state *s = p->state;
	uint32_t list = ((const struct sweep_args *)p->args)->list;
	char row[ROW];

	if (list == SWEEP_LIST_NONE)
		return;
	p->host->open(p, "hosts", '[');
	for (uint32_t i = 0; i < s->set.n_targets; i++) {
		bool alive = answered(s->rtt[i]);
		if (!alive && (list != SWEEP_LIST_ALL || !s->tx[i]))
			continue;
		char *at = row;
		*at++ = '[';
		*at++ = '"';
		at = put_address(at, sweep_set_find(&s->set, i, &s->near), i);
		*at++ = '"';
		*at++ = ',';
		at = alive ? put_ms(at, s->rtt[i]) : (char *)memcpy(at, "null", 4) + 4;
		*at++ = ']';
		p->host->put_raw(p, NULL, row, (size_t)(at - row));
	}
	p->host->close(p);
}

/* Sort by three passes of 11 bits; the sorted values end in `b`. */
static void radix_sort(uint32_t *a, uint32_t *b, uint32_t n)
{
	enum { BITS = 11, SIZE = 1 << BITS };
	uint32_t *from = a, *to = b;

	for (unsigned shift = 0; shift < 3 * BITS; shift += BITS) {
		uint32_t start[SIZE] = { 0 }, sum = 0;
		for (uint32_t i = 0; i < n; i++)
			start[from[i] >> shift & (SIZE - 1)]++;
		for (unsigned k = 0; k < SIZE; k++) {
			uint32_t count = start[k];
			start[k] = sum;
			sum += count;
		}
		for (uint32_t i = 0; i < n; i++)
			to[start[from[i] >> shift & (SIZE - 1)]++] = from[i];
		uint32_t *swap = from;
		from = to;
		to = swap;
	}
}

static void put_rtt(struct sonde_probe *p, const char *key, const uint32_t *sorted, uint32_t n,
                    unsigned percent)
{
	if (!n) {
		p->host->put_null(p, key);
		return;
	}
	/* Nearest rank: the smallest value that at least `percent` of all do not exceed. */
	uint32_t rank = (uint32_t)(((uint64_t)n * percent + 99) / 100);
	p->host->put_number(p, key, sorted[rank ? rank - 1 : 0] / 1e6, DIGITS);
}

static void write_times(struct sonde_probe *p)
{
	struct sweep_state *s = p->state;
	uint32_t *values = (uint32_t *)s->tx, *sorted = values + s->set.n_targets, n = 0;
	double sum = 0;

	for (uint32_t i = 0; i < s->set.n_targets; i++) {
		if (!answered(s->rtt[i]))
			continue;
		values[n++] = s->rtt[i];
		sum += s->rtt[i];
	}
	radix_sort(values, sorted, n);
	put_rtt(p, "min", sorted, n, 0);
	if (n)
		p->host->put_number(p, "avg", sum / n / 1e6, DIGITS);
	else
		p->host->put_null(p, "avg");
	put_rtt(p, "max", sorted, n, 100);
	put_rtt(p, "p50", sorted, n, 50);
	put_rtt(p, "p95", sorted, n, 95);
	put_rtt(p, "p99", sorted, n, 99);
}

/* Targets that a round reached; after a cancel there may be some that none did. */
static uint32_t tried(const struct sweep_state *s, uint32_t *unsent)
{
	uint32_t n = 0;

	*unsent = 0;
	for (uint32_t i = 0; i < s->set.n_targets; i++) {
		*unsent += s->rtt[i] == SWEEP_RTT_UNSENT;
		n += s->tx[i] || s->rtt[i] == SWEEP_RTT_UNSENT;
	}
	return n;
}

static void write_stats(struct sonde_probe *p)
{
	struct sweep_state *s = p->state;
	uint32_t unsent, reached = tried(s, &unsent);
	double took = (double)(p->host->now(p) - s->started_at) / 1e6;
	char text[160];

	p->host->open(p, "stats", '{');
	p->host->put_int(p, "targets", s->set.n_targets);
	p->host->put_int(p, "sent", (int64_t)s->packets);
	p->host->put_int(p, "alive", s->alive);
	p->host->put_int(p, "lost", reached - s->alive);
	p->host->put_int(p, "unsent", unsent);
	p->host->put_int(p, "dup", s->duplicates);
	write_times(p);
	p->host->put_number(p, "took", took, 3);
	p->host->close(p);
	int n = snprintf(text, sizeof(text), "%u of %u addresses answered, %llu packets in %.1f ms\n",
	                 s->alive, reached, (unsigned long long)s->packets, took);
	p->host->print(p, text, (size_t)n);
}

void sweep_write_result(struct sonde_probe *p)
{
	struct sweep_state *s = p->state;
	const char *whose = !s->user_stamps ? "kernel" : s->user_stamps == s->alive ? "user" : "mixed";

	write_hosts(p);
	if (s->alive)
		p->host->put_text(p, "timestamps", whose, strlen(whose));
	else
		p->host->put_null(p, "timestamps");
	write_stats(p);
}
