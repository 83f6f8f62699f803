/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a test file: each case gets a fresh set of columns and a fresh load of the policy. Owns the
 * test's state and the policy's for one run. */
#include "script/trial_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum { MEMORY = 64 << 20, WALL_MS = 15000 };
static const uint64_t instructions_max = UINT64_C(2000000000);

static void run_text(lua_State *L, const struct sonde_trial_text *f)
{
	const char *name = strrchr(f->name, '/');

	lua_pushfstring(L, "=%s", name ? name + 1 : f->name);
	if (sonde_sandbox_compile(L, lua_tostring(L, -1), f->text, f->len) != LUA_OK)
		lua_error(L);
	lua_call(L, 0, 1);
	lua_remove(L, -2);
}

static int run_all(lua_State *L)
{
	struct trial *t = lua_touserdata(L, 1);

	lua_newtable(L);
	luaL_setfuncs(L, sonde_trial_functions, 0);
	sonde_sandbox_freeze(L, "bench");
	sonde_sandbox_global(L, "bench");
	run_text(L, &t->bench);
	run_text(L, &t->test);
	luaL_checktype(L, -1, LUA_TTABLE);
	lua_call(L, 1, 0);
	return 0;
}

static int run(struct trial *t, struct sonde_error *err)
{
	char why[200];
	int rc = sonde_sandbox_init(&t->sandbox, MEMORY, t);

	if (rc != SONDE_OK)
		return sonde_fail(err, rc, NULL, "out of memory");
	sonde_sandbox_arm(&t->sandbox, instructions_max, WALL_MS * SONDE_NS_PER_MS);
	rc = sonde_sandbox_call(&t->sandbox, run_all, t, why, sizeof(why));
	sonde_sandbox_disarm(&t->sandbox);
	return rc == SONDE_OK ? SONDE_OK : sonde_fail(err, SONDE_EINVAL, NULL, "%s", why);
}

int sonde_policy_trial_texts(const struct sonde_trial_text *bench,
                             const struct sonde_trial_text *policy,
                             const struct sonde_trial_text *test, sonde_trial_fn *report, void *arg,
                             struct sonde_error *err)
{
	struct trial *t = calloc(1, sizeof(*t));

	if (!t)
		return sonde_fail(err, SONDE_ENOMEM, NULL, "out of memory");
	t->report = report;
	t->arg = arg;
	t->bench = *bench;
	t->policy = *policy;
	t->test = *test;
	sonde_buf_init(&t->params, 65536);
	int rc = run(t, err);
	sonde_sandbox_deinit(&t->sandbox);
	sonde_policies_free(t->policies);
	sonde_buf_deinit(&t->params);
	free(t);
	return rc;
}

/* text is the caller's to free. */
static int read_text(const char *path, struct sonde_trial_text *out, struct sonde_error *err)
{
	FILE *f = fopen(path, "rbe");
	char *text = f ? malloc(SONDE_SANDBOX_TEXT) : NULL;

	out->name = path;
	out->text = text;
	out->len = text ? fread(text, 1, SONDE_SANDBOX_TEXT, f) : 0;
	bool ok = text && !ferror(f) && feof(f);
	if (f)
		fclose(f);
	return ok ? SONDE_OK : sonde_fail(err, SONDE_EIO, NULL, "%s: cannot be read", path);
}

int sonde_policy_trial(const char *bench_file, const char *policy_file, const char *test_file,
                       sonde_trial_fn *report, void *arg, struct sonde_error *err)
{
	struct sonde_trial_text bench = { 0 }, policy = { 0 }, test = { 0 };

	int rc = read_text(bench_file, &bench, err);
	if (rc == SONDE_OK)
		rc = read_text(policy_file, &policy, err);
	if (rc == SONDE_OK)
		rc = read_text(test_file, &test, err);
	if (rc == SONDE_OK)
		rc = sonde_policy_trial_texts(&bench, &policy, &test, report, arg, err);
	free((char *)bench.text);
	free((char *)policy.text);
	free((char *)test.text);
	return rc;
}
