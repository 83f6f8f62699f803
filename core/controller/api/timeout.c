/* SPDX-License-Identifier: Apache-2.0 */
/* How long a measurement may take when the request does not say: Globalping's rules for its five
 * types, the same thought for ours. Every figure comes from the type's own checked options. */
#include <string.h>

#include "controller/api/reading.h"

enum { TIMEOUT_MAX_MS = 300000 };

/* A checked argument by name; fallback when the type has no such row. */
static int64_t argument(const struct reading *rd, const char *name, uint32_t type, int64_t fallback)
{
	struct sonde_param row;

	if (!rd->args || !sonde_row_find(rd->r->type->params, name, &row) || row.type != type)
		return fallback;
	const char *at = (const char *)rd->args + row.offset;
	if (type == SONDE_TYPE_BOOL)
		return *(const uint8_t *)at;
	int64_t v;
	memcpy(&v, at, sizeof(v));
	return v;
}

static int64_t duration_ms(const struct reading *rd, const char *name, int64_t fallback_ms)
{
	return argument(rd, name, SONDE_TYPE_DURATION, fallback_ms * 1000000) / 1000000;
}

static int64_t at_least(int64_t ms, int64_t min)
{
	return ms > min ? ms : min;
}

/* max(10, ceil((packets - 1) * 0.5 + 3)) */
static int64_t of_packets(const struct reading *rd)
{
	int64_t packets = argument(rd, "packets", SONDE_TYPE_INT, 1);

	return at_least((packets - 1) * duration_ms(rd, "interval", 0) + 3000, 10000);
}

/* 10 with the usual wait of 2 s. */
static int64_t of_traceroute(const struct reading *rd)
{
	return at_least(duration_ms(rd, "wait", 2000) + 3000, 10000);
}

/* max(5, ceil(packets * 0.5 + 9)): the last packets are waited for, and names are looked up. */
static int64_t of_mtr(const struct reading *rd)
{
	int64_t packets = argument(rd, "packets", SONDE_TYPE_INT, 3);

	return packets * duration_ms(rd, "interval", 500) +
	       at_least(duration_ms(rd, "wait", 2000) + 2000, 9000);
}

static int64_t of_dns(const struct reading *rd)
{
	int64_t tries = argument(rd, "tries", SONDE_TYPE_INT, 1);
	int64_t asked = tries * duration_ms(rd, "wait", 3000) + 1000;

	return at_least(asked, argument(rd, "trace", SONDE_TYPE_BOOL, 0) ? 25000 : 10000);
}

static int64_t of_http(const struct reading *rd)
{
	return at_least(duration_ms(rd, "wait", 10000) + 1000, 15000);
}

/* The time each way and the time to meet. */
static int64_t of_pair(const struct reading *rd)
{
	return 2 * duration_ms(rd, "duration", 0) + 10000;
}

static const struct {
	const char *type;
	int64_t (*ms)(const struct reading *);
} rules[] = {
	{ "traceroute", of_traceroute },
	{ "mtr", of_mtr },
	{ "dns", of_dns },
	{ "http", of_http },
};

uint32_t request_default_timeout_ms(const struct reading *rd)
{
	int64_t (*rule)(const struct reading *) = rd->r->peer ? of_pair : of_packets;

	for (unsigned i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (!strcmp(rules[i].type, rd->r->type->name))
			rule = rules[i].ms;
	int64_t ms = (rule(rd) + 999) / 1000 * 1000;
	return (uint32_t)(ms < TIMEOUT_MAX_MS ? ms : TIMEOUT_MAX_MS);
}
