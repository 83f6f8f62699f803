/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target of the tcp dialogue: the script up to the first NUL, then what the server says, in
 * pieces whose lengths are its own bytes. Also the readers of typed bytes. */
#include <stdlib.h>
#include <string.h>

#include "connect/bytes.h"
#include "tcp/dialogue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct dialogue_run run;

static void talk(const struct dialogue *d, const uint8_t *p, size_t n)
{
	dialogue_begin(&run);
	for (int i = 0; i < 4096; i++) {
		switch (dialogue_go(d, &run, i)) {
		case DIALOGUE_WANTS_SEND:
			if (!run.out_len || run.out_len > DIALOGUE_SEND_MAX)
				abort();
			dialogue_sent(&run, i);
			break;
		case DIALOGUE_WANTS_TLS:
			dialogue_secured(&run, i);
			break;
		case DIALOGUE_WANTS_READ: {
			size_t len = n ? 1 + p[0] % 251u * 17 : 0;
			len = len < n ? len : n;
			len = len < dialogue_room(&run) ? len : dialogue_room(&run);
			if (!dialogue_room(&run) || run.eof)
				abort();
			dialogue_feed(&run, p, len);
			p += len;
			n -= len;
			break;
		}
		default:
			if (run.step > d->count || run.greeting_len > DIALOGUE_SHOW_MAX)
				abort();
			return;
		}
	}
	abort(); /* it never ends */
}

static void bytes(const uint8_t *data, size_t size)
{
	uint8_t out[64];
	char line[64];

	if (sonde_bytes_unescape((const char *)data, size, out, sizeof(out)) > (ssize_t)sizeof(out) ||
	    sonde_bytes_hex((const char *)data, size, out, sizeof(out)) > (ssize_t)sizeof(out))
		abort();
	if (strlen(sonde_bytes_show(data, size, line, sizeof(line))) >= sizeof(line))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
	struct dialogue d;
	char why[200];

	bytes(data, size);
	if (!nul)
		return 0;
	if (dialogue_parse((const char *)data, &d, why, sizeof(why)))
		return 0;
	for (unsigned i = 0; i < d.count; i++)
		if (!*dialogue_kind_name(d.steps[i].kind) ||
		    (d.steps[i].kind == DIALOGUE_STARTTLS && !dialogue_has_tls(&d)))
			abort();
	talk(&d, nul + 1, size - (size_t)(nul + 1 - data));
	dialogue_greet(&run);
	dialogue_free(&d);
	return 0;
}
