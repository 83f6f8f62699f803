/* SPDX-License-Identifier: Apache-2.0 */
/* sonde-policy, the tools of policy authors that need Lua: `sonde policy new|check|test`
 * run it. Each command takes what follows its name and gives the exit code: 0 fine, 1 the policy
 * is not, 2 usage. */
#pragma once
#include "base/error.h"
#include "script/policy.h"

enum { AUTHOR_OK = 0, AUTHOR_FAILED = 1, AUTHOR_USAGE = 2, AUTHOR_PATH = 4096 };

int author_new(int argc, char **argv);
int author_check(int argc, char **argv);
int author_test(int argc, char **argv);
int author_simulate(int argc, char **argv);
int author_console(int argc, char **argv);

/* One line on stderr; returns code. */
int author_fail(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The whole file, NUL-terminated, the caller's to free; NULL with a sentence. At most 64 MiB. */
char *author_read(const char *path, size_t *len, struct sonde_error *);
/* The name a policy file gives its policy; false when it is no policy file. */
bool author_name(const char *path, char out[64]);
/* Folder of bench.lua: $SONDE_LUA or the installed one. */
const char *author_lua_dir(void);
/* argv[*i] is "--name" (value in argv[*i + 1]) or "--name=value"; the value and *i moved, or NULL. */
const char *author_option(int argc, char **argv, int *i, const char *name);

/* Names in the text that no policy can use, one line each on stderr; how many. */
unsigned author_lint(const char *file, const char *text, size_t len);
