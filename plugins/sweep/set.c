/* SPDX-License-Identifier: Apache-2.0 */
/* The target of a sweep: a comma list of addresses and prefixes, kept as ranges so that 65,536
 * addresses cost as little as one. Refused: names, host bits set beyond a prefix, empty entries,
 * more than SWEEP_MAX_TARGETS addresses. Addresses named twice are two targets. */
#include "sweep/sweep.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

uint32_t sweep_set_room(const char *target)
{
	uint32_t n = 1;

	while ((target = strchr(target, ','))) {
		target++;
		n++;
	}
	return n;
}

static int fail(struct sonde_error *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int fail(struct sonde_error *e, const char *fmt, ...)
{
	va_list ap;

	if (e) {
		snprintf(e->path, sizeof(e->path), "target");
		va_start(ap, fmt);
		vsnprintf(e->text, sizeof(e->text), fmt, ap);
		va_end(ap);
	}
	return -1;
}

/* Decimal 0..max without sign or leading zeros; -1 when not. */
static int small_number(const char *text, int max)
{
	int v = 0;

	if (!*text || (text[0] == '0' && text[1]))
		return -1;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		v = v * 10 + (*text - '0');
		if (v > max)
			return -1;
	}
	return v;
}

static bool host_bits_clear(const uint8_t *base, unsigned bits, unsigned prefix)
{
	for (unsigned bit = prefix; bit < bits; bit++)
		if (base[bit / 8] & (0x80 >> bit % 8))
			return false;
	return true;
}

static int parse_entry(char *entry, struct sweep_range *r, struct sonde_error *e)
{
	char *slash = strchr(entry, '/');

	if (slash)
		*slash++ = 0;
	memset(r, 0, sizeof(*r));
	r->family = strchr(entry, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(r->family, entry, r->base) != 1)
		return fail(e, "\"%s\" is not an address", entry);
	int bits = r->family == AF_INET ? 32 : 128;
	int prefix = slash ? small_number(slash, bits) : bits;
	if (prefix < 0)
		return fail(e, "the prefix length of %s must be 0 to %d", entry, bits);
	if (bits - prefix > 16)
		return fail(e, "%s/%d is more than %d addresses", entry, prefix, SWEEP_MAX_TARGETS);
	if (!host_bits_clear(r->base, (unsigned)bits, (unsigned)prefix))
		return fail(e, "%s/%d has bits set beyond its prefix", entry, prefix);
	r->count = 1u << (bits - prefix);
	return 0;
}

static int add_range(struct sweep_set *set, struct sweep_range *r, struct sonde_error *e)
{
	if (r->count > SWEEP_MAX_TARGETS - set->n_targets)
		return fail(e, "more than %d addresses", SWEEP_MAX_TARGETS);
	r->first = set->n_targets;
	if (set->ranges)
		set->ranges[set->n_ranges] = *r;
	set->n_ranges++;
	set->n_targets += r->count;
	set->v4 |= r->family == AF_INET;
	set->v6 |= r->family == AF_INET6;
	return 0;
}

int sweep_set_parse(const char *target, struct sweep_set *set, struct sonde_error *e)
{
	char entry[64];
	struct sweep_range r;

	set->n_ranges = set->n_targets = 0;
	set->v4 = set->v6 = false;
	for (const char *at = target;; at++) {
		while (*at == ' ')
			at++;
		size_t len = strcspn(at, ", ");
		if (!len || len >= sizeof(entry))
			return fail(e, "must be a comma list of addresses and prefixes");
		memcpy(entry, at, len);
		entry[len] = 0;
		if (parse_entry(entry, &r, e) || add_range(set, &r, e))
			return -1;
		at += len;
		while (*at == ' ')
			at++;
		if (!*at)
			return 0;
		if (*at != ',')
			return fail(e, "expected a comma after \"%s\"", entry);
	}
}

const struct sweep_range *sweep_set_find(const struct sweep_set *set, uint32_t i, uint32_t *near)
{
	uint32_t low = 0, high = set->n_ranges;

	if (*near < high && i - set->ranges[*near].first < set->ranges[*near].count)
		return &set->ranges[*near];
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;
		if (set->ranges[middle].first <= i)
			low = middle;
		else
			high = middle;
	}
	*near = low;
	return &set->ranges[low];
}

unsigned sweep_address(const struct sweep_range *r, uint32_t i, uint8_t *out)
{
	unsigned len = r->family == AF_INET ? 4 : 16;

	/* A range has at most 2^16 addresses and its host bits are clear: nothing is carried. */
	memcpy(out, r->base, len);
	out[len - 1] |= (i - r->first) & 255;
	out[len - 2] |= (i - r->first) >> 8;
	return len;
}

socklen_t sweep_sockaddr(const struct sweep_range *r, uint32_t i, struct sockaddr_storage *sa)
{
	uint8_t bytes[16];
	unsigned len = sweep_address(r, i, bytes);

	memset(sa, 0, sizeof(struct sockaddr_in6));
	sa->ss_family = (sa_family_t)r->family;
	if (r->family == AF_INET) {
		memcpy(&((struct sockaddr_in *)sa)->sin_addr, bytes, len);
		return sizeof(struct sockaddr_in);
	}
	memcpy(&((struct sockaddr_in6 *)sa)->sin6_addr, bytes, len);
	return sizeof(struct sockaddr_in6);
}
