/* SPDX-License-Identifier: Apache-2.0 */
/* A host for parts of plugins: memory of one probe, and a result that must not be broken when it ends.
 * Nothing else is there. Included once. */
#pragma once
#include <sonde/plugin.h>
#include <stdlib.h>
#include <string.h>

#include "plug/result.h"

enum { FUZZ_HOST_PIECES = 256 };

static struct sonde_result fuzz_host_result;
static void *fuzz_host_memory[FUZZ_HOST_PIECES];
static unsigned fuzz_host_count;

static void *fuzz_host_alloc(struct sonde_probe *p, size_t n)
{
	if (fuzz_host_count == FUZZ_HOST_PIECES)
		return NULL;
	return fuzz_host_memory[fuzz_host_count++] = calloc(1, n ? n : 1);
}

static void fuzz_host_open(struct sonde_probe *p, const char *key, char bracket)
{
	sonde_result_open(&fuzz_host_result, key, bracket);
}

static void fuzz_host_close(struct sonde_probe *p)
{
	sonde_result_close(&fuzz_host_result);
}

static void fuzz_host_int(struct sonde_probe *p, const char *key, int64_t v)
{
	sonde_result_int(&fuzz_host_result, key, v);
}

static void fuzz_host_number(struct sonde_probe *p, const char *key, double v, int digits)
{
	sonde_result_number(&fuzz_host_result, key, v, digits);
}

static void fuzz_host_text(struct sonde_probe *p, const char *key, const char *s, size_t len)
{
	sonde_result_text(&fuzz_host_result, key, s, len);
}

static void fuzz_host_bool(struct sonde_probe *p, const char *key, int v)
{
	sonde_result_bool(&fuzz_host_result, key, v);
}

static void fuzz_host_null(struct sonde_probe *p, const char *key)
{
	sonde_result_null(&fuzz_host_result, key);
}

static void fuzz_host_raw(struct sonde_probe *p, const char *key, const char *s, size_t len)
{
	sonde_result_raw(&fuzz_host_result, key, s, len);
}

static void fuzz_host_print(struct sonde_probe *p, const char *s, size_t len)
{
	sonde_result_print(&fuzz_host_result, s, len);
}

static const struct sonde_host fuzz_host = {
	.size = sizeof(fuzz_host), .alloc = fuzz_host_alloc, .open = fuzz_host_open,
	.close = fuzz_host_close, .put_int = fuzz_host_int, .put_number = fuzz_host_number,
	.put_text = fuzz_host_text, .put_bool = fuzz_host_bool, .put_null = fuzz_host_null,
	.put_raw = fuzz_host_raw, .print = fuzz_host_print,
};

static inline void fuzz_host_begin(void)
{
	sonde_result_init(&fuzz_host_result, SONDE_RESULT_MAX, SONDE_RAW_MAX);
}

static inline void fuzz_host_end(void)
{
	size_t len;
	const char *text = sonde_result_end(&fuzz_host_result, &len);

	if (fuzz_host_result.broken || !sonde_json_valid(text, len, true))
		abort();
	sonde_result_deinit(&fuzz_host_result);
	while (fuzz_host_count)
		free(fuzz_host_memory[--fuzz_host_count]);
}
