/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: a request to the API, any route of its table, any caller: path, query, headers and
 * body as strangers send them. Answers must be well formed, and none may be 500. */
#include <stdlib.h>

#include "world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len;

	world_begin();
	char *text = world_expand(data, size, &len);
	world_request(text, len);
	free(text);
	return 0;
}
