/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target of the reader of dynamic symbols: every name it hands out must end within the file. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "check/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct file {
	const uint8_t *data;
	size_t size;
};

static void see(void *arg, const char *name, bool defined)
{
	const struct file *f = arg;
	const uint8_t *at = (const uint8_t *)name;

	if (at < f->data || at >= f->data + f->size ||
	    !memchr(at, '\0', (size_t)(f->data + f->size - at)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct file f = { data, size };

	check_elf_symbols(data, size, see, &f);
	return 0;
}
