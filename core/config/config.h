/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration of a daemon: rows filled with flags > SONDE_* environment > YAML file > default.
 * A row named "guard.allow" is the YAML key `allow` under `guard`, the variable
 * SONDE_GUARD_ALLOW and the flag --guard-allow. YAML is flat scalars, nested maps, and lists of
 * scalars (joined with commas into a string row). Anchors, tags and multiple documents are
 * refused, and so are repeated keys and dotted keys; a file has at most 1 MiB. An empty value or
 * null leaves the default, an empty variable counts as not set.
 *
 * Errors: the path is the row's dotted name (or ""), the text is a whole sentence that begins with
 * where the value came from: "node.yaml:3:5: "guard.alow" is unknown, did you mean "guard.allow"?",
 * "SONDE_LIMIT must be ...", "--limit must be ...". Values are never repeated in it. */
#pragma once
#include <stddef.h>

#include "base/error.h"
#include "base/pool.h"
#include "param/param.h"

/* Fill `args` from everything; required rows must have come from somewhere. `path` NULL reads no
 * file; a path that does not exist is an error (SONDE_ENOENT). argv: what follows the program name,
 * "--name value" or "--name=value"; a bool row needs no value and takes one only after '='. A value
 * that begins with a dash and no digit needs '='. --config/-c FILE is skipped. *rest (may be NULL)
 * gets the index of the first argument that is not a flag (argc when none); "--" ends the flags. */
int sonde_config_load(struct sonde_rows, void *args, struct sonde_pool *, const char *path,
                      int argc, char **argv, int *rest, struct sonde_error *);
/* Only the YAML part, from memory, without defaults; `file` names it in errors. */
int sonde_config_parse(struct sonde_rows, void *args, struct sonde_pool *, const char *file,
                       const char *text, size_t len, struct sonde_error *);
/* The value of --config/-c among argv, or the environment variable SONDE_CONFIG, or NULL. */
const char *sonde_config_path(int argc, char **argv);
/* The rows as --help text on stdout. */
void sonde_config_help(struct sonde_rows, const char *program, const char *summary);
