/* SPDX-License-Identifier: Apache-2.0 */
/* Lines that anybody who reaches the port of a bandwidth test can send. */
#include <stdlib.h>
#include <string.h>

#include "bandwidth/bandwidth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bw_hello h;
	struct bw_got g;

	if (bw_hello_parse((const char *)data, size, &h)) {
		if (strlen(h.token) > BW_TOKEN || h.index < 0 || h.index >= BW_STREAMS || h.up < 0 ||
		    h.down < 0 || h.streams > BW_STREAMS)
			abort();
		bw_token_equal("token", h.token);
	}
	if (bw_got_parse((const char *)data, size, &g) && (g.bytes < 0 || g.ns < 0 || g.rate < 0))
		abort();
	return 0;
}
