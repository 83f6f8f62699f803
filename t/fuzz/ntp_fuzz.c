/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target of the NTP header: 8 bytes of our nonce, then a datagram. */
#include <stdlib.h>
#include <string.h>

#include "ntp/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A request, and a time that goes there and back. */
static void check_own(uint64_t nonce)
{
	uint8_t out[NTP_HEADER];
	struct ntp_packet k;
	int64_t ns = (int64_t)nonce / 5; /* within half an era of 1970 */

	ntp_build(out, 3 + (nonce & 1), nonce);
	if (!ntp_parse(out, sizeof(out), &k) || k.transmit != nonce || ntp_judge(&k, 0) != NTP_NOT_OURS ||
	    ntp_to_unix(ntp_from_unix(ns), 0) != ns)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ntp_packet k;
	uint64_t nonce;
	char text[20];

	if (size < 8)
		return 0;
	memcpy(&nonce, data, 8);
	check_own(nonce);
	if (ntp_parse(data + 8, size - 8, &k) != (size - 8 >= NTP_HEADER))
		abort();
	if (size - 8 < NTP_HEADER)
		return 0;
	enum ntp_verdict v = ntp_judge(&k, nonce);
	if (v != NTP_NOT_OURS && k.origin != nonce)
		abort();
	if (strlen(ntp_reference_text(&k, text)) >= sizeof(text))
		abort();
	int64_t near = (int64_t)(nonce >> 2);
	int64_t then = ntp_to_unix(k.transmit, near);
	if (ntp_diff(k.transmit, k.receive) + ntp_diff(k.receive, k.transmit) != 0 &&
	    k.transmit - k.receive != UINT64_C(1) << 63)
		abort();
	return ntp_short_ns(k.root_delay) < 0 || then == INT64_MIN;
}
