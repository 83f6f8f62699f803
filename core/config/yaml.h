/* SPDX-License-Identifier: Apache-2.0 */
/* Inside config/ only: the YAML file, and names as flags and variables write them. */
#pragma once
#include "config/config.h"

enum {
	SONDE_CONFIG_ROWS = 256,
	SONDE_CONFIG_NAME = 80, /* any spelling of a row's name, prefix and NUL included */
	SONDE_CONFIG_FILE_MAX = 1 << 20,
};

/* Which rows something has set. */
struct sonde_config_seen {
	uint8_t bits[SONDE_CONFIG_ROWS / 8];
};

static inline bool sonde_config_has(const struct sonde_config_seen *s, unsigned i)
{
	return s->bits[i / 8] & 1u << i % 8;
}

static inline void sonde_config_mark(struct sonde_config_seen *s, unsigned i)
{
	s->bits[i / 8] |= (uint8_t)(1u << i % 8);
}

/* As sonde_config_parse; rows that the text gives are marked in `seen`. */
int sonde_config_yaml(struct sonde_rows, void *args, struct sonde_pool *, const char *file,
                      const char *text, size_t len, struct sonde_config_seen *,
                      struct sonde_error *);

/* "guard.allow" as "--guard-allow" and as "SONDE_GUARD_ALLOW". */
void sonde_config_flag(const char *name, char out[SONDE_CONFIG_NAME]);
void sonde_config_variable(const char *name, char out[SONDE_CONFIG_NAME]);
