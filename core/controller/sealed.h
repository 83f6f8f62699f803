/* SPDX-License-Identifier: Apache-2.0 */
/* A JSON object encrypted into one text, which a record holds beside what may be read. */
#pragma once
#include <jansson.h>

#include "base/buf.h"
#include "base/secret.h"

/* The content of plain as text, the caller's to free; NULL when memory is short. */
char *sealed_make(const uint8_t key[SONDE_KEY_BYTES], const struct sonde_buf *plain);
/* The object again; NULL: another key, changed, or no such text. key may be NULL: nothing opens. */
json_t *sealed_open(const uint8_t *key, const char *text);
