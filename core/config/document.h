/* SPDX-License-Identifier: Apache-2.0 */
/* A YAML document as JSON, for files that say what shall be (sonde apply). */
#pragma once
#include <jansson.h>
#include <stddef.h>

#include "base/error.h"

/* The caller's, or NULL with "file:line:column: sentence". Plain scalars become null, booleans and
 * numbers where they look like it (YAML 1.2 core), all others and quoted ones are strings. Refused:
 * anchors, aliases, tags, a second document, a repeated key, over 32 levels, over 1 MiB. */
json_t *sonde_yaml_document(const char *file, const char *text, size_t len, struct sonde_error *);
