/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: descriptions of plugins, as a node or a runner sends them. The node compares and
 * filters them; the controller learns from them, and never loses or changes a type of its own. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "controller/types.h"
#include "node/types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char own[] =
	"{\"plugins\":[{\"name\":\"own\",\"version\":\"1\",\"params\":[{\"name\":\"n\",\"type\":\"int\","
	"\"help\":\"h\",\"default\":\"1\",\"min\":0,\"max\":9}]}],\"refused\":[]}";

static void filter(struct sonde_text text)
{
	const struct sonde_text now = SONDE_TEXT("{\"plugins\":[{\"name\":\"own\"},{\"name\":\"ping\"}]}");
	struct sonde_crashes crashes = { 0 };
	struct sonde_error e;
	struct sonde_buf b;

	for (int i = 1; i <= SONDE_CRASH_LIMIT; i++)
		sonde_crashes_note(&crashes, SONDE_TEXT("ping"), i);
	sonde_buf_init(&b, 4 << 20);
	sonde_types_check(now, text, &e);
	if (sonde_types_without(text, &crashes, SONDE_CRASH_LIMIT, &b) == SONDE_OK && !b.failed &&
	    sonde_types_count((struct sonde_text){ b.data, b.len }) > sonde_types_count(text))
		abort();
	sonde_buf_deinit(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct sonde_text text = { (const char *)data, size };
	struct types t = { 0 };
	struct sonde_error e;

	sonde_log_level(-1);
	filter(text);
	if (types_parse(&t, own, sizeof(own) - 1, &e) != SONDE_OK)
		abort();
	json_t *doc = sonde_json_load(text.s, text.len, &e);
	types_learn(&t, json_object_get(doc, "plugins"));
	types_learn(&t, json_object_get(doc, "plugins"));
	const struct type *type = types_find(&t, "own", 3);
	if (!type || type->learned || strcmp(type->version, "1") || t.learned > TYPES_LEARNED_MAX ||
	    json_array_size(t.plugins) != t.by_name.len)
		abort();
	json_decref(doc);
	types_take(&t, text.s, text.len, &e);
	types_deinit(&t);
	return 0;
}
