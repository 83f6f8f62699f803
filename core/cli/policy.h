/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands about policies share. */
#pragma once
#include "cli/cli.h"

/* The text of a file of at most 256 KiB, NUL-terminated, the caller's; NULL after a sentence. */
char *cli_policy_file(const char *path, size_t *len);
/* NAME of a path .../NAME.lua; false after a sentence. */
bool cli_policy_name(const char *path, char out[64]);
/* A new file with this text; the caller unlinks the path, which is "" when there is none. The exit
 * code, after a sentence when it is not EXIT_OK. */
int cli_policy_temporary(char path[32], const char *text);
/* The policy as the controller has it, or one version of it (NULL = the active one), the caller's;
 * NULL after a sentence, *code then says how to exit. */
json_t *cli_policy_get(struct cli *, const char *name, const char *version, int *code);
