/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration of a daemon: rows filled with flags > SONDE_* environment > YAML file > default.
 * A row named "guard.allow" is the YAML key `allow` under `guard`, the variable
 * SONDE_GUARD_ALLOW and the flag --guard-allow. YAML is flat scalars, nested maps, and lists of
 * scalars (joined with commas into a string row). Anchors, tags and multiple documents are
 * refused; errors say file:line:column; an unknown key is an error with a suggestion. */
#pragma once
#include <stddef.h>

#include "base/error.h"
#include "base/pool.h"
#include "param/param.h"

/* Fill `args` from everything. `path` NULL reads no file; a path that does not exist is an error.
 * argv: the flags that follow the program name, "--name value" or "--name=value"; a bool row needs
 * no value. *rest gets the index of the first argument that is not a flag (argc when none). */
int sonde_config_load(struct sonde_rows, void *args, struct sonde_pool *, const char *path, int argc,
                      char **argv, int *rest, struct sonde_error *);
/* Only the YAML part, from memory; `file` names it in errors. The fuzz target. */
int sonde_config_parse(struct sonde_rows, void *args, struct sonde_pool *, const char *file,
                       const char *text, size_t len, struct sonde_error *);
/* The value of --config/-c among argv, or the environment variable SONDE_CONFIG, or NULL. */
const char *sonde_config_path(int argc, char **argv);
/* The rows as --help text on stdout. */
void sonde_config_help(struct sonde_rows, const char *program, const char *summary);
