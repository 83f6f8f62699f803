/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and judging NTP headers. Refuses whatever does not return our origin. Owns nothing. */
#include "ntp/packet.h"

#include <stdio.h>
#include <string.h>

enum { MODE_CLIENT = 3, MODE_SERVER = 4, STRATUM_UNSYNCHRONISED = 16 };

#define NS INT64_C(1000000000)
#define ERA_0 INT64_C(2208988800) /* seconds from 1900 to 1970 */

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint64_t get64(const uint8_t *p)
{
	return (uint64_t)get32(p) << 32 | get32(p + 4);
}

void ntp_build(uint8_t out[NTP_HEADER], unsigned version, uint64_t nonce)
{
	memset(out, 0, NTP_HEADER);
	out[0] = (uint8_t)(version << 3 | MODE_CLIENT);
	for (int i = 0; i < 8; i++)
		out[40 + i] = (uint8_t)(nonce >> (56 - 8 * i));
}

bool ntp_parse(const uint8_t *p, size_t len, struct ntp_packet *out)
{
	if (len < NTP_HEADER)
		return false;
	*out = (struct ntp_packet){
		.leap = p[0] >> 6,
		.version = p[0] >> 3 & 7,
		.mode = p[0] & 7,
		.stratum = p[1],
		.poll = (int8_t)p[2],
		.precision = (int8_t)p[3],
		.root_delay = get32(p + 4),
		.root_dispersion = get32(p + 8),
		.reference = get64(p + 16),
		.origin = get64(p + 24),
		.receive = get64(p + 32),
		.transmit = get64(p + 40),
	};
	memcpy(out->reference_id, p + 12, 4);
	return true;
}

static bool is_code(const uint8_t *p)
{
	for (int i = 0; i < 4; i++)
		if (!(p[i] >= 'A' && p[i] <= 'Z') && !(i == 3 && !p[i]))
			return false;
	return true;
}

enum ntp_verdict ntp_judge(const struct ntp_packet *k, uint64_t nonce)
{
	if (k->mode != MODE_SERVER || k->version < 1 || k->version > 4 || k->origin != nonce)
		return NTP_NOT_OURS;
	if (k->stratum == 0 && is_code(k->reference_id))
		return NTP_KISS;
	if (k->leap == NTP_LEAP_UNKNOWN || !k->stratum || k->stratum >= STRATUM_UNSYNCHRONISED)
		return NTP_UNSYNCHRONISED;
	if (!k->transmit || !k->receive || ntp_diff(k->transmit, k->receive) < 0)
		return NTP_BROKEN;
	return NTP_GOOD;
}

uint64_t ntp_from_unix(int64_t ns)
{
	int64_t seconds = ns / NS, rest = ns % NS;

	if (rest < 0) {
		rest += NS;
		seconds--;
	}
	/* The way back rounds to the nearest and so gives the same nanosecond. */
	uint64_t fraction = ((uint64_t)rest << 32) / NS;
	return ((uint64_t)(seconds + ERA_0) << 32) + fraction;
}

int64_t ntp_diff(uint64_t a, uint64_t b)
{
	/* Modulo 2^64 the distance is right across the end of an era. */
	uint64_t d = a - b;
	bool negative = d >> 63;
	uint64_t size = negative ? 0 - d : d;
	int64_t ns = (int64_t)(size >> 32) * NS +
	             (int64_t)(((size & UINT32_MAX) * (uint64_t)NS + (UINT64_C(1) << 31)) >> 32);

	return negative ? -ns : ns;
}

int64_t ntp_to_unix(uint64_t t, int64_t near)
{
	return near + ntp_diff(t, ntp_from_unix(near));
}

int64_t ntp_short_ns(uint32_t v)
{
	return (int64_t)((uint64_t)v * (uint64_t)NS >> 16);
}

const char *ntp_reference_text(const struct ntp_packet *k, char out[20])
{
	const uint8_t *id = k->reference_id;

	if (k->stratum > 1) {
		snprintf(out, 20, "%u.%u.%u.%u", id[0], id[1], id[2], id[3]);
		return out;
	}
	int n = 0;
	while (n < 4 && id[n] > 0x20 && id[n] < 0x7f) {
		out[n] = (char)id[n];
		n++;
	}
	out[n] = 0;
	return out;
}
