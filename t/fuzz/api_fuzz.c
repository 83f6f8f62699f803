/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: requests to the API, one after the other with a line "----" between, any route of its
 * table, any caller: path, query, headers and body as strangers send them. Answers must be well
 * formed, and none may be 500. */
#include <stdlib.h>
#include <string.h>

#include "world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { REQUESTS = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char between[] = "\n----\n";
	size_t len;

	world_begin();
	char *text = world_expand(data, size, &len), *at = text, *end = text + len, *stop;
	for (int i = 0; i < REQUESTS; i++, at = stop + sizeof(between) - 1) {
		stop = memmem(at, (size_t)(end - at), between, sizeof(between) - 1);
		world_request(at, (size_t)((stop ? stop : end) - at));
		if (!stop)
			break;
	}
	free(text);
	return 0;
}
