/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration file: whatever it holds, rows stay within their ranges. */
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/document.h"

struct settings {
	int64_t limit, wait;
	double share;
	const char *name, *allow;
	uint32_t level;
	uint8_t open;
};

static const char *const levels[] = { "error", "info", NULL };

static const struct sonde_param rows[] = {
	{ "limit", SONDE_TYPE_INT, offsetof(struct settings, limit), NULL, NULL, NULL, NULL, 0,
	  100 },
	{ "name", SONDE_TYPE_STRING, offsetof(struct settings, name), NULL, NULL, NULL, NULL, 0,
	  64 },
	{ "guard.allow", SONDE_TYPE_STRING, offsetof(struct settings, allow) },
	{ "guard.open", SONDE_TYPE_BOOL, offsetof(struct settings, open) },
	{ "link.retry.wait", SONDE_TYPE_DURATION, offsetof(struct settings, wait), NULL, NULL, NULL,
	  NULL, 0, 60000 },
	{ "level", SONDE_TYPE_ENUM, offsetof(struct settings, level), NULL, NULL, NULL, levels },
	{ "share", SONDE_TYPE_NUMBER, offsetof(struct settings, share) },
	{ 0 },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct settings s = { 0 };
	struct sonde_error err = { "", "" };
	struct sonde_pool pool;

	sonde_pool_init(&pool, 1 << 16);
	int rc = sonde_config_parse((struct sonde_rows)SONDE_ROWS(rows), &s, &pool, "fuzz",
	                            (const char *)data, size, &err);
	if ((rc != 0) != (err.text[0] != '\0') || s.limit < 0 || s.limit > 100 || s.level > 1 ||
	    s.open > 1 || s.wait < 0 || s.wait > INT64_C(60000000000) ||
	    (s.name && strlen(s.name) > 64))
		abort();
	sonde_pool_deinit(&pool);

	struct sonde_error why = { "", "" };
	json_t *document = sonde_yaml_document("fuzz", (const char *)data, size, &why);
	if (!document != (why.text[0] != '\0'))
		abort();
	json_decref(document);
	return 0;
}
