/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of a stored result into its figures: whatever they are, the walk ends inside of them. */
#include <stdlib.h>
#include <string.h>

#include "controller/result_facts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct result_facts facts;
	char *exact = malloc(size ? size : 1); /* so that a byte behind the end is found */

	if (!exact)
		return 0;
	memcpy(exact, data, size);
	result_facts_read(&facts, exact, size);
	if (strnlen(facts.status, sizeof(facts.status)) == sizeof(facts.status))
		abort();
	free(exact);
	return 0;
}
