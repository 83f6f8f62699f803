/* SPDX-License-Identifier: Apache-2.0 */
/* Applications on their way: pool thread (compile, test), writer thread (store), loop (swap). Owns
 * each struct application until its callback ran. Refuses texts that do not compile or fail a test
 * of their own. */
#include "controller/policies.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "script/trial.h"

enum { NAME_MAX_LEN = 63, KEY_MAX = NAME_MAX_LEN + 1 + 4, HEAD = 8 };

/* ---- stored form: 8 bytes of wall time, then the source ---- */

static size_t make_key(char key[KEY_MAX], const char *name, uint32_t version)
{
	size_t n = strlen(name) + 1;

	memcpy(key, name, n);
	for (int i = 0; i < 4; i++)
		key[n + i] = (char)(version >> (24 - 8 * i));
	return n + 4;
}

static bool read_version(struct sonde_slice key, struct sonde_slice value, const char **name,
                         struct policy_version *out)
{
	const uint8_t *k = key.data, *v = value.data;

	if (key.len < 6 || key.len > KEY_MAX || value.len < HEAD || k[key.len - 5])
		return false;
	*name = key.data;
	*out = (struct policy_version){ .source = (const char *)v + HEAD, .len = value.len - HEAD };
	for (int i = 0; i < 4; i++)
		out->version = out->version << 8 | k[key.len - 4 + i];
	for (int i = 0; i < HEAD; i++)
		out->created_ms = (int64_t)((uint64_t)out->created_ms << 8 | v[i]);
	return true;
}

struct walk {
	const char *name;
	int (*fn)(void *, const struct policy_version *);
	void *arg;
};

static int walk_one(void *arg, struct sonde_slice key, struct sonde_slice value)
{
	struct walk *w = arg;
	struct policy_version v;
	const char *name;

	if (!read_version(key, value, &name, &v) || strcmp(name, w->name))
		return 1;
	return w->fn(w->arg, &v) ? 2 : 0;
}

int policies_versions(const struct policies *p, struct sonde_read *read, const char *name,
                      int (*fn)(void *, const struct policy_version *), void *arg)
{
	struct walk w = { name, fn, arg };
	char key[KEY_MAX];

	(void)p;
	if (strlen(name) > NAME_MAX_LEN)
		return SONDE_ENOENT;
	int rc = sonde_read_each(read, SONDE_TABLE_POLICIES,
	                         (struct sonde_slice){ key, make_key(key, name, 0) }, walk_one, &w);
	return rc < 0 ? rc : SONDE_OK;
}

/* ---- applying ---- */

struct application {
	uv_work_t work;
	struct sonde_job job;
	struct policies *p;
	char name[NAME_MAX_LEN + 1];
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

static char *read_file(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rbe");
	char *text = f ? malloc(POLICY_SOURCE_MAX + 1) : NULL;

	*len = text ? fread(text, 1, POLICY_SOURCE_MAX, f) : 0;
	bool ok = text && !ferror(f);
	if (f)
		fclose(f);
	if (!ok) {
		free(text);
		return NULL;
	}
	text[*len] = '\0';
	return text;
}

static void run_tests(struct application *a)
{
	char path[4096], file[96], test[96];
	size_t bench_len;

	snprintf(path, sizeof(path), "%s/bench.lua", a->p->lua);
	snprintf(file, sizeof(file), "%s.lua", a->name);
	snprintf(test, sizeof(test), "%s.t.lua", a->name);
	char *bench = read_file(path, &bench_len);
	if (!bench) { /* a source tree that was not installed */
		snprintf(path, sizeof(path), "%s/../lua/bench.lua", a->p->dir);
		bench = read_file(path, &bench_len);
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

static int put_version(struct sonde_write *w, const struct application *a, uint32_t version,
                       int64_t created_ms, const char *source, size_t len)
{
	struct sonde_buf value;
	char key[KEY_MAX];

	sonde_buf_init(&value, POLICY_SOURCE_MAX + HEAD);
	for (int i = 0; i < HEAD; i++)
		sonde_buf_char(&value, (char)(created_ms >> (56 - 8 * i)));
	sonde_buf_add(&value, source, len);
	int rc = value.failed ? SONDE_ENOMEM :
		 sonde_write_put(w, SONDE_TABLE_POLICIES,
		                 (struct sonde_slice){ key, make_key(key, a->name, version) },
		                 (struct sonde_slice){ value.data, value.len });
	sonde_buf_deinit(&value);
	return rc;
}

/* The one before, in case it came from a file; and the one that is now too many. */
static int store(struct sonde_write *w, struct sonde_job *job)
{
	struct application *a = (struct application *)((char *)job - offsetof(struct application, job));
	struct sonde_slice old;
	char key[KEY_MAX];
	int rc = SONDE_OK;

	if (a->before.source) {
		struct sonde_slice k = { key, make_key(key, a->name, a->before.version) };
		if (sonde_write_get(w, SONDE_TABLE_POLICIES, k, &old) == SONDE_ENOENT)
			rc = put_version(w, a, a->before.version, a->now_ms - 1, a->before.source,
			                 a->before.len);
	}
	if (rc == SONDE_OK)
		rc = put_version(w, a, a->version, a->now_ms, a->source, a->len);
	if (rc == SONDE_OK && a->version > VERSIONS_KEPT) {
		struct sonde_slice k = { key, make_key(key, a->name, a->version - VERSIONS_KEPT) };
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

/* ---- files ---- */

struct file {
	char name[NAME_MAX_LEN + 1];
	int64_t policy_ns, test_ns; /* times of change, 0 = not there */
};

static int64_t changed_ns(const char *path)
{
	struct stat st;

	if (stat(path, &st) || !S_ISREG(st.st_mode))
		return 0;
	return (int64_t)st.st_mtim.tv_sec * SONDE_NS_PER_S + st.st_mtim.tv_nsec;
}

static bool policy_file(const char *file, char name[NAME_MAX_LEN + 1])
{
	size_t n = strlen(file), stem = n - 4;

	if (n <= 4 || strcmp(file + stem, ".lua") || stem > NAME_MAX_LEN ||
	    strspn(file, "abcdefghijklmnopqrstuvwxyz0123456789_-") != stem)
		return false;
	memcpy(name, file, stem);
	name[stem] = '\0';
	return true;
}

static void reloaded(void *arg, int status, uint32_t version, const struct sonde_error *err)
{
	(void)arg;
	(void)version;
	if (status != SONDE_OK)
		sonde_log(SONDE_LOG_ERROR, "policy", "%s; the version before stays",
		          *err->text ? err->text : sonde_strstatus(status));
}

static void reload(struct policies *p, const char *name)
{
	char path[4096];
	size_t len, test_len, live_len;
	uint32_t version;

	snprintf(path, sizeof(path), "%s/%s.lua", p->dir, name);
	char *source = read_file(path, &len);
	snprintf(path, sizeof(path), "%s/%s.t.lua", p->dir, name);
	char *tests = read_file(path, &test_len);
	const char *live = sonde_policy_peek_text(p->live, name, &live_len, &version);
	/* A touched file is no new version. */
	if (source && !(live && live_len == len && !memcmp(live, source, len)))
		policies_apply(p, name, source, len, tests, false, reloaded, NULL);
	free(source);
	free(tests);
}

/* What is new of a file; `first` only takes note. */
static void look_at(struct policies *p, const char *name, bool first)
{
	struct file *f = sonde_map_get(&p->files, name, strlen(name));
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s.lua", p->dir, name);
	int64_t policy_ns = changed_ns(path);
	snprintf(path, sizeof(path), "%s/%s.t.lua", p->dir, name);
	int64_t test_ns = changed_ns(path);
	bool fresh = !f;
	if (!f) {
		f = calloc(1, sizeof(*f));
		if (!f || sonde_map_put(&p->files, name, strlen(name), f) != SONDE_OK) {
			free(f);
			return;
		}
		snprintf(f->name, sizeof(f->name), "%s", name);
	}
	bool changed = fresh || f->policy_ns != policy_ns || f->test_ns != test_ns;
	f->policy_ns = policy_ns;
	f->test_ns = test_ns;
	/* A file that is gone leaves its policy: measurements and schedules may name it. */
	if (changed && !first && policy_ns)
		reload(p, name);
}

static void look_at_all(struct policies *p, bool first)
{
	char name[NAME_MAX_LEN + 1];
	const struct dirent *e;
	DIR *d = opendir(p->dir);

	while (d && (e = readdir(d)))
		if (policy_file(e->d_name, name))
			look_at(p, name, first);
	if (d)
		closedir(d);
}

void policies_tick(struct policies *p)
{
	if (!p->stopping)
		look_at_all(p, false);
}

/* ---- the start ---- */

struct newest {
	struct policies *p;
	char name[NAME_MAX_LEN + 1];
	struct policy_version v; /* of this name so far; version 0 = none */
	char *source;
};

static void load_newest(struct newest *n)
{
	struct sonde_error err = { { 0 }, { 0 } };
	struct file *f = sonde_map_get(&n->p->files, n->name, strlen(n->name));
	char file[96];

	if (!n->v.version)
		return;
	bool older = f && f->policy_ns / SONDE_NS_PER_MS > n->v.created_ms;
	snprintf(file, sizeof(file), "policies/%s.lua", n->name);
	/* A newer file is the version after the stored ones. */
	if (!older && sonde_policy_load(n->p->live, n->name, file, n->source, n->v.len, &err) != SONDE_OK)
		sonde_log(SONDE_LOG_ERROR, "policy", "stored version %u: %s", n->v.version, err.text);
	sonde_policy_set_version(n->p->live, n->name, n->v.version + older);
	n->v.version = 0;
}

static int note_version(void *arg, struct sonde_slice key, struct sonde_slice value)
{
	struct newest *n = arg;
	struct policy_version v;
	const char *name;

	if (!read_version(key, value, &name, &v))
		return 0;
	if (strcmp(name, n->name))
		load_newest(n);
	snprintf(n->name, sizeof(n->name), "%s", name);
	char *source = realloc(n->source, v.len + 1);
	if (!source)
		return SONDE_ENOMEM;
	memcpy(source, v.source, v.len);
	n->source = source;
	n->v = v;
	return 0;
}

int policies_start(struct policies *p)
{
	struct newest n = { .p = p };
	struct sonde_read *read;

	sonde_map_init(&p->files);
	look_at_all(p, true);
	int rc = sonde_read_begin(p->store, &read);
	if (rc != SONDE_OK)
		return rc;
	rc = sonde_read_each(read, SONDE_TABLE_POLICIES, (struct sonde_slice){ NULL, 0 }, note_version,
	                     &n);
	sonde_read_end(read);
	load_newest(&n);
	free(n.source);
	return rc;
}

void policies_deinit(struct policies *p)
{
	struct file *f;

	for (size_t at = 0; (f = sonde_map_next(&p->files, &at));)
		free(f);
	sonde_map_deinit(&p->files);
}
