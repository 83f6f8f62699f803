/* SPDX-License-Identifier: Apache-2.0 */
/* The measurement types known here: what `sonde-runner --describe` says of the plugins. The
 * controller never loads a plugin; it checks requests against the described rows. */
#pragma once
#include "base/map.h"
#include "param/param.h"

/* What a type's target is. */
enum type_target {
	TYPE_TARGET_HOST, /* a name or an address */
	TYPE_TARGET_LIST, /* comma list of addresses and prefixes */
	TYPE_TARGET_TEXT, /* anything; nothing on the network is meant */
	TYPE_TARGET_NODE, /* another node; both are booked and run the probe together */
};

struct type {
	const char *name, *version, *summary;
	enum type_target target;
	struct sonde_rows params;
	uint32_t args_size;
	const void *defaults; /* args of a request without options; NULL when it needs some */
	json_t *described; /* the plugin's object as it came */
};

struct types {
	struct sonde_pool pool;
	struct sonde_map by_name;
	json_t *plugins; /* array of all */
};

/* Runs `runner --describe --plugins dirs` and waits for it; at start only. */
int types_load(struct types *, const char *runner, const char *dirs, struct sonde_error *);
/* The same from what the runner printed. */
int types_parse(struct types *, const char *text, size_t len, struct sonde_error *);
void types_deinit(struct types *);
const struct type *types_find(const struct types *, const char *name, size_t len);
/* Nearest known name, or NULL. */
const char *types_nearest(const struct types *, const char *name);
