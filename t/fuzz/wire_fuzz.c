/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: messages between programs. What decodes must encode and decode again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "wire/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sonde_decoder *decoder;
	struct sonde_error error;
	struct sonde_buf again;
	struct sonde_msg m;

	if (!decoder && sonde_decoder_new(&decoder) != SONDE_OK)
		abort();
	char *text = malloc(size ? size : 1);
	memcpy(text, data, size);
	sonde_buf_init(&again, SONDE_MSG_MAX);
	if (sonde_msg_decode(decoder, text, size, &m, &error) == SONDE_OK) {
		sonde_msg_encode(&again, &m);
		if (!again.failed &&
		    sonde_msg_decode(decoder, again.data, again.len, &m, &error) != SONDE_OK)
			abort();
	}
	sonde_buf_deinit(&again);
	free(text);
	return 0;
}
