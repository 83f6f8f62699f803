/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: what a node says to the controller, one message a line. After a first line "new" it
 * has said no hello. */
#include <stdlib.h>
#include <string.h>

#include "controller/link.h"
#include "world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len;

	world_begin();
	char *text = world_expand(data, size, &len), *end = text + len;
	struct sonde_conn *conn = world_connect(&link_events);
	if (len < 4 || memcmp(text, "new\n", 4))
		world_hello(conn);
	bool open = true;
	for (char *line = text, *nl; line < end && open; line = nl + 1) {
		nl = memchr(line, '\n', (size_t)(end - line));
		nl = nl ? nl : end;
		if (nl - line != 3 || memcmp(line, "new", 3))
			open = world_say(conn, line, (size_t)(nl - line));
	}
	world_hang_up(conn);
	world_settle();
	free(text);
	return 0;
}
