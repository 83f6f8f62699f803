/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: what a reader of /v1/live says, one message a line. An empty line lets the
 * time pass that readers are told together in. */
#include <stdlib.h>
#include <string.h>

#include "controller/live.h"
#include "world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len;

	world_begin();
	char *text = world_expand(data, size, &len), *end = text + len;
	struct sonde_conn *conn = world_connect(&live_events);
	bool open = true;
	int passed = 0;

	for (char *line = text, *nl; line < end && open; line = nl + 1) {
		nl = memchr(line, '\n', (size_t)(end - line));
		nl = nl ? nl : end;
		if (nl > line)
			open = world_say(conn, line, (size_t)(nl - line));
		else if (passed++ < 3)
			world_pass(11);
	}
	world_hang_up(conn);
	world_settle();
	free(text);
	return 0;
}
