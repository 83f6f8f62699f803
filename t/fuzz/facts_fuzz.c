/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of a stored result into its figures, and of a node's into a result: whatever they are, the
 * walk ends inside of them. What was JSON stays JSON, and says nothing twice that the controller says. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "controller/result_body.h"
#include "controller/result_facts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compose(const char *body, size_t size)
{
	struct result_facts facts;
	struct sonde_buf b;

	sonde_buf_init(&b, 1 << 20);
	sonde_buf_str(&b, "{\"status\":\"ours\"");
	result_body_add(&b, (struct sonde_text){ body, size });
	if (sonde_json_valid(body, size, true)) {
		if (!sonde_json_valid(b.data, b.len, true))
			abort();
		result_facts_read(&facts, b.data, b.len);
		if (strcmp(facts.status, "ours"))
			abort();
	}
	sonde_buf_deinit(&b);
}

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
	compose(exact, size);
	free(exact);
	return 0;
}
