/* SPDX-License-Identifier: Apache-2.0 */
/* The measurement types known here: what `sonde-runner --describe` says of the plugins in the
 * controller's own directory, and what approved nodes say of plugins that are not there. The
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

/* Valid until the next types_take or types_learn. */
struct type {
	const char *name, *version, *summary;
	enum type_target target;
	struct sonde_rows params;
	uint32_t args_size;
	const void *defaults; /* args of a request without options; NULL when it needs some */
	json_t *described;    /* the plugin's object as it came, owned */
	struct sonde_pool pool;
	bool learned; /* from a node */
	bool stays;   /* seen in the description being taken */
};

enum { TYPES_LEARNED_MAX = 128 };

struct types {
	struct sonde_map by_name;
	json_t *plugins; /* array of all, by name */
	unsigned learned;
};

/* Describe the directories' plugins, wait for it, take that; at start only. */
int types_load(struct types *, const char *runner, const char *dirs, struct sonde_error *);
/* The same from what the runner printed. */
int types_parse(struct types *, const char *text, size_t len, struct sonde_error *);
/* A new description of the own directories: takes the place of the last one. A type whose file is
 * broken now stays as it was. On an error nothing changes. */
int types_take(struct types *, const char *text, size_t len, struct sonde_error *);
/* The plugins array of a node's description: types that the own directories lack. */
void types_learn(struct types *, const json_t *plugins);
/* Drop the learned types that nobody keeps. */
void types_forget(struct types *, bool (*keep)(void *arg, const struct type *), void *arg);
void types_deinit(struct types *);
const struct type *types_find(const struct types *, const char *name, size_t len);
/* Nearest known name, or NULL. */
const char *types_nearest(const struct types *, const char *name);
