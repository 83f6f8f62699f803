/* SPDX-License-Identifier: Apache-2.0 */
/* The plugins of one process: found in directories, checked, opened. A refusal is one sentence
 * and touches one file only. There is no way to unload: a new set is a new process. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "param/param.h"

enum {
	SONDE_PLUG_NAME = 32,
	SONDE_PLUG_MAX = 128,
	SONDE_PROBE_MEMORY = 4 << 20, /* of one probe: args, state and what it allocates */
};

/* An opened plugin. */
struct sonde_plug {
	struct sonde_plugin desc; /* members that its author did not know are zero */
	struct sonde_rows params;
};

/* A file or directory that was looked at; refused when `why` is set. */
struct sonde_plugfile {
	char *path, *why;
};

struct sonde_plugset {
	struct sonde_plug plugs[SONDE_PLUG_MAX];
	unsigned count;
	struct sonde_plugfile files[SONDE_PLUG_MAX];
	unsigned file_count;
};

struct sonde_plugset *sonde_plugset_new(void); /* NULL: out of memory */
void sonde_plugset_free(struct sonde_plugset *);
/* List every *.so of the directories ("DIR:DIR", in order, each in the order of names). Nothing is
 * opened, so that a caller may rehearse first. */
void sonde_plugset_scan(struct sonde_plugset *, const char *dirs);
/* Refuse file number i with a sentence (copied); the first sentence stands. */
void sonde_plugset_refuse(struct sonde_plugset *, unsigned i, const char *why);
/* Open every file that was not refused. The first plugin of a name stands, a later one is refused.
 * allowed: SONDE_NEED_ bits that this process can give. */
void sonde_plugset_open(struct sonde_plugset *, uint32_t allowed);
/* Check and open one file; SONDE_OK, or the status with the sentence filled. *out may be NULL. */
int sonde_plug_open(const char *path, uint32_t allowed, struct sonde_plug *out,
                    struct sonde_error *);
/* The same for the symbol of an object that is linked or opened already; its name is free. */
int sonde_plug_read(const void *symbol, uint32_t allowed, struct sonde_plug *out,
                    struct sonde_error *);
/* The name of a SONDE_TARGET_IS_ number, NULL when unknown. */
const char *sonde_plug_target_name(uint32_t);
/* NULL when unknown. */
const struct sonde_plug *sonde_plugset_find(const struct sonde_plugset *, const char *name,
                                            size_t len);
/* {"plugins":[{name,version,summary,license,target,needs,params,fields}],"refused":[{file,why}]} */
void sonde_plugset_describe(const struct sonde_plugset *, struct sonde_json *);
