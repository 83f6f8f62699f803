/* SPDX-License-Identifier: Apache-2.0 */
/* Applications on their way: pool thread (compile, test), writer thread (store), loop (swap). Owns
 * each struct application until its callback ran. Refuses texts that do not compile or fail a test
 * of their own. */
#include "controller/policies_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "script/trial.h"

struct application {
	uv_work_t work;
	struct sonde_job job;
	struct policies *p;
	char name[POLICY_NAME_MAX + 1];
	char *source, *tests; /* tests may be NULL */
	size_t len;
	struct {
		char *source;
		size_t len;
		uint32_t version;
	} before; /* the live one, stored too when it came from a file */
	uint32_t version;
	int64_t now_ms;
	bool dry, shadow;
	int status;
	struct sonde_error err;
	struct sonde_policies *compiled; /* holds the new program, later the old one */
	struct application *next;        /* of those being stored */
	policies_fn *done;
	void *arg;
};

static void application_free(struct application *a)
{
	free(a->source);
	free(a->tests);
	free(a->before.source);
	free(a);
}

static void dispose(uv_work_t *work)
{
	struct application *a = work->data;

	sonde_policies_free(a->compiled);
}

static void disposed(uv_work_t *work, int status)
{
	(void)status;
	application_free(work->data);
}

static void finish(struct application *a)
{
	struct policies *p = a->p;

	if (a->status == SONDE_OK && !a->dry && !a->shadow)
		p->applied++;
	else if (a->status != SONDE_OK)
		p->refused++;
	a->done(a->arg, a->status, a->version, &a->err);
	uv_queue_work(p->loop, &a->work, dispose, disposed);
}

static void note_case(void *arg, bool passed, const char *name, const char *why)
{
	struct application *a = arg;

	if (passed || a->status != SONDE_OK)
		return;
	a->status = sonde_fail(&a->err, SONDE_EINVAL, NULL, "%s.t.lua: %s: %s", a->name, name, why);
}

static void run_tests(struct application *a)
{
	char path[4096], file[96], test[96];
	size_t bench_len;

	snprintf(path, sizeof(path), "%s/bench.lua", a->p->lua);
	snprintf(file, sizeof(file), "%s.lua", a->name);
	snprintf(test, sizeof(test), "%s.t.lua", a->name);
	char *bench = policy_read_file(path, &bench_len);
	if (!bench) { /* a source tree that was not installed */
		snprintf(path, sizeof(path), "%s/../lua/bench.lua", a->p->dir);
		bench = policy_read_file(path, &bench_len);
	}
	if (!bench) {
		a->status = sonde_fail(&a->err, SONDE_EINVAL, NULL, "%s/bench.lua: the test bench cannot be read",
		                       a->p->lua);
		return;
	}
	struct sonde_trial_text b = { path, bench, bench_len }, s = { file, a->source, a->len },
				t = { test, a->tests, strlen(a->tests) };
	int rc = sonde_policy_trial_texts(&b, &s, &t, note_case, a, &a->err);
	if (rc != SONDE_OK && a->status == SONDE_OK)
		a->status = SONDE_EINVAL;
	free(bench);
}

static void compile(uv_work_t *work)
{
	struct application *a = work->data;
	char file[96];

	snprintf(file, sizeof(file), "policies/%s.lua", a->name);
	a->status = sonde_policies_new(NULL, &a->compiled);
	if (a->status == SONDE_OK)
		a->status = sonde_policy_load(a->compiled, a->name, file, a->source, a->len, &a->err);
	if (a->status == SONDE_OK && a->tests)
		run_tests(a);
}

/* The one before, in case it came from a file; and the one that is now too many. */
static int store(struct sonde_write *w, struct sonde_job *job)
{
	struct application *a = (struct application *)((char *)job - offsetof(struct application, job));
	struct sonde_slice old;
	char key[POLICY_KEY_MAX];
	int rc = SONDE_OK;

	if (a->before.source) {
		struct sonde_slice k = { key, policy_key(key, a->name, a->before.version) };
		if (sonde_write_get(w, SONDE_TABLE_POLICIES, k, &old) == SONDE_ENOENT)
			rc = policy_put_version(w, a->name, a->before.version, a->now_ms - 1, a->before.source,
			                 a->before.len);
	}
	if (rc == SONDE_OK)
		rc = policy_put_version(w, a->name, a->version, a->now_ms, a->source, a->len);
	if (rc == SONDE_OK && a->version > VERSIONS_KEPT) {
		struct sonde_slice k = { key, policy_key(key, a->name, a->version - VERSIONS_KEPT) };
		rc = sonde_write_delete(w, SONDE_TABLE_POLICIES, k);
		rc = rc == SONDE_ENOENT ? SONDE_OK : rc;
	}
	return rc;
}

static void stored(struct sonde_job *job, int status)
{
	struct application *a = (struct application *)((char *)job - offsetof(struct application, job));
	struct application **at = &a->p->storing;

	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
	a->status = status;
	if (status == SONDE_OK)
		a->status = sonde_policy_adopt(a->p->live, a->compiled, a->name, a->version);
	if (a->status == SONDE_OK) {
		sonde_log(SONDE_LOG_INFO, "policy", "%s is version %u now", a->name, a->version);
	}
	finish(a);
}

static void compiled(uv_work_t *work, int status)
{
	struct application *a = work->data;
	struct policies *p = a->p;
	uint32_t version = 0;
	size_t len = 0;

	if (status || p->stopping)
		a->status = sonde_fail(&a->err, SONDE_EIO, NULL, "the controller is stopping");
	if (a->status != SONDE_OK || a->dry) {
		finish(a);
		return;
	}
	if (a->shadow) {
		a->status = sonde_policy_shadow(p->live, a->compiled, a->name);
		finish(a);
		return;
	}
	const char *before = sonde_policy_peek_text(p->live, a->name, &len, &version);
	if (before) {
		a->before.source = malloc(len + 1);
		if (a->before.source)
			memcpy(a->before.source, before, len);
		a->before.len = len;
		a->before.version = version;
	}
	for (struct application *other = p->storing; other; other = other->next)
		if (!strcmp(other->name, a->name) && other->version > version)
			version = other->version;
	a->version = version + 1;
	a->now_ms = sonde_wall_ms();
	a->job.apply = store;
	a->job.done = stored;
	a->status = sonde_store_submit(p->store, &a->job);
	if (a->status != SONDE_OK) {
		finish(a);
		return;
	}
	a->next = p->storing;
	p->storing = a;
}

static int begin(struct policies *p, const char *name, const char *source, size_t len,
                 const char *tests, bool dry, bool shadow, policies_fn *done, void *arg)
{
	struct application *a = calloc(1, sizeof(*a));

	if (!a)
		return SONDE_ENOMEM;
	a->source = malloc(len + 1);
	a->tests = tests ? strdup(tests) : NULL;
	if (!a->source || (tests && !a->tests)) {
		application_free(a);
		return SONDE_ENOMEM;
	}
	memcpy(a->source, source, len);
	a->source[len] = '\0';
	a->len = len;
	snprintf(a->name, sizeof(a->name), "%s", name);
	a->p = p;
	a->dry = dry;
	a->shadow = shadow;
	a->done = done;
	a->arg = arg;
	a->work.data = a;
	uv_queue_work(p->loop, &a->work, compile, compiled);
	return SONDE_OK;
}

int policies_apply(struct policies *p, const char *name, const char *source, size_t len,
                   const char *tests, bool dry, policies_fn *done, void *arg)
{
	return begin(p, name, source, len, tests, dry, false, done, arg);
}

int policies_shadow(struct policies *p, const char *name, const char *source, size_t len,
                    const char *tests, policies_fn *done, void *arg)
{
	return begin(p, name, source, len, tests, false, true, done, arg);
}
