/* SPDX-License-Identifier: Apache-2.0 */
/* Policies as they change while the controller runs: a new text comes by the API or because a file
 * of the directory changed, is compiled and tested on a thread of libuv's pool, stored as the next
 * version, and only then swapped in between two decisions. Whatever fails leaves the old version.
 *
 * At the start the newest of a file and its stored versions counts. The last VERSIONS_KEPT versions
 * of each policy are kept. */
#pragma once
#include <uv.h>

#include "base/map.h"
#include "script/policy.h"
#include "store/store.h"

struct policies {
	uv_loop_t *loop;
	struct sonde_store *store;
	struct sonde_policies *live;
	const char *dir, *lua; /* of the files, of bench.lua */
	struct sonde_map files; /* name -> what was last seen of NAME.lua and NAME.t.lua */
	struct application *storing; /* on their way through the store */
	uint64_t applied, refused, quarantined;
	bool stopping; /* the store is closing: nothing is applied any more */
};

enum { POLICY_SOURCE_MAX = 256 << 10, VERSIONS_KEPT = 20 };

/* 1 to 63 of a-z, 0-9, '_' and '-'; only `len` bytes are looked at. */
bool policy_name_is_good(const char *name, size_t len);
/* Load the directory and the stored versions. SONDE_OK also when some files are bad (logged). */
int policies_start(struct policies *);
void policies_deinit(struct policies *);
/* Look at the files; about once a second. */
void policies_tick(struct policies *);

/* What became of an application. status SONDE_OK with the version; SONDE_EINVAL with a sentence
 * ("file:line: ..." or the first case that failed); SONDE_EFULL, SONDE_EIO from the store. */
typedef void policies_fn(void *arg, int status, uint32_t version, const struct sonde_error *);
/* Texts are copied; tests may be NULL. dry: only compile and test. done is called later on the
 * loop, except when SONDE_ENOMEM is returned. */
int policies_apply(struct policies *, const char *name, const char *source, size_t len,
                   const char *tests, bool dry, policies_fn *done, void *arg);

/* As policies_apply, but the text becomes the shadow of the active version: it decides beside it and is
 * only compared (sonde_policy_shadow). Not stored: a restart ends it. SONDE_ENOENT to `done` when there is
 * no active version. */
int policies_shadow(struct policies *, const char *name, const char *source, size_t len,
                    const char *tests, policies_fn *done, void *arg);

struct policy_version {
	uint32_t version;
	int64_t created_ms;
	const char *source; /* not NUL-terminated */
	size_t len;
};
/* Stored versions of a policy, oldest first; fn returns non-zero to stop. */
int policies_versions(const struct policies *, struct sonde_read *, const char *name,
                      int (*fn)(void *, const struct policy_version *), void *arg);
