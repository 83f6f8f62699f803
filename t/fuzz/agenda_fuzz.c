/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: schedules as a controller sends them to a node, one message a line; what is complete
 * runs for a while. The file in which a node keeps them is read the same way. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "node/agenda.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(struct sonde_agenda *a, struct sonde_agenda_now now)
{
	struct sonde_agenda_run run, again;
	struct sonde_agenda_stats stats;

	sonde_agenda_swap(a, now);
	for (int i = 0; i < 20; i++) {
		int64_t wait = sonde_agenda_wait(a, now);
		if (wait < 0 || wait > 1000)
			abort();
		now.wall_ms += 30000 + (i == 7) * 3600000;
		now.boot_ms += 30000;
		sonde_agenda_advance(a, now);
		for (int n = 0; n < 3 && sonde_agenda_take(a, now, &run); n++)
			if (!run.skipped)
				sonde_agenda_finish(a, &run.id, 1 + i % 3, i & 1, &again);
	}
	sonde_agenda_stats(a, &stats);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sonde_decoder *decoder;
	const struct sonde_id node = { { 1 } };
	struct sonde_agenda *a;
	struct sonde_error e;
	struct sonde_msg m;

	if ((!decoder && sonde_decoder_new(&decoder)) || sonde_agenda_new(&node, &a))
		return 0;
	char *text = malloc(size + 1), *end = text + size;
	memcpy(text, data, size);
	for (char *line = text, *nl; line < end; line = nl + 1) {
		nl = memchr(line, '\n', (size_t)(end - line));
		nl = nl ? nl : end;
		if (sonde_msg_decode(decoder, line, (size_t)(nl - line), &m, &e) == 0 &&
		    m.kind == SONDE_MSG_SCHEDULES && sonde_agenda_part(a, &m, &e) == 1)
			run(a, (struct sonde_agenda_now){ INT64_C(1767225600000), 1000 });
	}
	free(text);
	sonde_agenda_free(a);
	return 0;
}
