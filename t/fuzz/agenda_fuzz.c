/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: schedules as a controller sends them to a node, one message a line; what is complete
 * runs for a while. The file in which a node keeps them is read the same way. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "node/agenda.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_MAX = 4 };

struct world {
	struct sonde_agenda *a;
	struct sonde_agenda_now now;
	struct sonde_id out[OUT_MAX]; /* runs that have not ended, the oldest first */
	unsigned count;
};

static void finish_oldest(struct world *w, unsigned attempt, bool could_not)
{
	struct sonde_agenda_run again;

	if (sonde_agenda_finish(w->a, &w->out[0], attempt, could_not, &again))
		return;
	memmove(w->out, w->out + 1, --w->count * sizeof(w->out[0]));
}

static void start_some(struct world *w, unsigned most)
{
	struct sonde_agenda_run run;

	while (most && w->count < OUT_MAX && sonde_agenda_take(w->a, w->now, &run)) {
		if (!run.what || !run.due_ms)
			abort();
		if (run.skipped)
			continue;
		w->out[w->count++] = run.id;
		most--;
	}
}

/* Half an hour in which some runs take long, and the clock jumps once. Some are out when it ends. */
static void run(struct world *w, uint64_t version)
{
	struct sonde_agenda_stats stats;

	sonde_agenda_swap(w->a, w->now);
	if (sonde_agenda_version(w->a) != version)
		abort();
	for (unsigned i = 0; i < 90; i++) {
		int64_t wait = sonde_agenda_wait(w->a, w->now);
		if (wait < 0 || wait > 1000)
			abort();
		w->now.wall_ms += 20000 + (i == 47) * 3600000 - (i == 55) * 60000;
		w->now.boot_ms += 20000;
		sonde_agenda_advance(w->a, w->now);
		start_some(w, i % 4);
		if (w->count && i % 5 > 1)
			finish_oldest(w, 1 + i % 3, i & 1);
	}
	sonde_agenda_stats(w->a, &stats);
	if (stats.out != w->count)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sonde_decoder *decoder;
	const struct sonde_id node = { { 1 } };
	struct world w = { .now = { INT64_C(1767225600000), 1000 } };
	struct sonde_error e;
	struct sonde_msg m;

	if ((!decoder && sonde_decoder_new(&decoder)) || sonde_agenda_new(&node, &w.a))
		return 0;
	char *text = malloc(size + 1), *end = text + size;
	memcpy(text, data, size);
	for (char *line = text, *nl; line < end; line = nl + 1) {
		nl = memchr(line, '\n', (size_t)(end - line));
		nl = nl ? nl : end;
		if (sonde_msg_decode(decoder, line, (size_t)(nl - line), &m, &e) == 0 &&
		    m.kind == SONDE_MSG_SCHEDULES && sonde_agenda_part(w.a, &m, &e) == 1)
			run(&w, m.list.version);
	}
	free(text);
	sonde_agenda_free(w.a);
	return 0;
}
