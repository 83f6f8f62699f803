/* SPDX-License-Identifier: Apache-2.0 */
/* Between the three files of changing policies: policies.c applies, policy_files.c watches the
 * directory, policy_versions.c stores and loads. */
#pragma once
#include "controller/policies.h"

enum { POLICY_NAME_MAX = 63, POLICY_KEY_MAX = POLICY_NAME_MAX + 1 + 4 };

/* policy_files.c */

/* The text of a file, NUL-terminated, cut at POLICY_SOURCE_MAX; the caller frees it. NULL when it
 * cannot be read. */
char *policy_read_file(const char *path, size_t *len);
/* Remember which files are there, without applying one. */
void policy_files_note(struct policies *);
/* When NAME.lua was last changed as of policy_files_note, wall ms; 0 = there was none. */
int64_t policy_file_changed_ms(const struct policies *, const char *name);

/* policy_versions.c */

/* NAME NUL VERSION, big-endian: the versions of a policy stand together, oldest first. Its length. */
size_t policy_key(char key[POLICY_KEY_MAX], const char *name, uint32_t version);
/* On the writer thread. */
int policy_put_version(struct sonde_write *, const char *name, uint32_t version, int64_t created_ms,
                       const char *source, size_t len);
