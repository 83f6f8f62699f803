/* SPDX-License-Identifier: Apache-2.0 */
/* What a plugin writes during a probe: the result's JSON object, and rawOutput. A plugin's
 * mistakes (a bad key, unbalanced brackets, JSON that is none, too much) mark the result as
 * broken with a sentence; what comes out of here is always one valid JSON object. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

enum {
	SONDE_RESULT_MAX = (4 << 20) - (64 << 10), /* a message also holds the sentence and ids */
	SONDE_RAW_MAX = 256 << 10,
};

struct sonde_result {
	struct sonde_buf body, raw;
	struct sonde_json json;
	const char *broken; /* the first mistake; a constant sentence; NULL = none */
	bool raw_cut;       /* rawOutput was longer than its maximum */
};

void sonde_result_init(struct sonde_result *, size_t body_max, size_t raw_max);
void sonde_result_deinit(struct sonde_result *);

void sonde_result_open(struct sonde_result *, const char *key, char bracket);
void sonde_result_close(struct sonde_result *);
void sonde_result_int(struct sonde_result *, const char *key, int64_t);
void sonde_result_number(struct sonde_result *, const char *key, double, int digits);
void sonde_result_text(struct sonde_result *, const char *key, const char *, size_t len);
void sonde_result_bool(struct sonde_result *, const char *key, bool);
void sonde_result_null(struct sonde_result *, const char *key);
void sonde_result_raw(struct sonde_result *, const char *key, const char *, size_t len);
void sonde_result_print(struct sonde_result *, const char *, size_t len);

/* Closes what is open, adds rawOutput and returns the object's text, NUL-terminated; of a broken
 * result only rawOutput is left. Nothing may be written afterwards. */
const char *sonde_result_end(struct sonde_result *, size_t *len);
