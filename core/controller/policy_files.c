/* SPDX-License-Identifier: Apache-2.0 */
/* The directory of policies: a file that is new or changed is applied like a text that came by the
 * API. Owns what it last saw of each file. Refuses names that no policy may have. */
#include "controller/policies_private.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"

struct file {
	char name[POLICY_NAME_MAX + 1];
	int64_t policy_ns, test_ns; /* times of change, 0 = not there */
};

char *policy_read_file(const char *path, size_t *len)
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

static int64_t changed_ns(const char *path)
{
	struct stat st;

	if (stat(path, &st) || !S_ISREG(st.st_mode))
		return 0;
	return (int64_t)st.st_mtim.tv_sec * SONDE_NS_PER_S + st.st_mtim.tv_nsec;
}

bool policy_name_is_good(const char *name, size_t len)
{
	return len && len <= POLICY_NAME_MAX &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") >= len;
}

static bool policy_file(const char *file, char name[POLICY_NAME_MAX + 1])
{
	size_t n = strlen(file), stem = n - 4;

	if (n <= 4 || strcmp(file + stem, ".lua") || !policy_name_is_good(file, stem))
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
	char *source = policy_read_file(path, &len);
	snprintf(path, sizeof(path), "%s/%s.t.lua", p->dir, name);
	char *tests = policy_read_file(path, &test_len);
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
	char name[POLICY_NAME_MAX + 1];
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

void policy_files_note(struct policies *p)
{
	sonde_map_init(&p->files);
	look_at_all(p, true);
}

int64_t policy_file_changed_ms(const struct policies *p, const char *name)
{
	const struct file *f = sonde_map_get(&p->files, name, strlen(name));

	return f ? f->policy_ns / SONDE_NS_PER_MS : 0;
}

void policies_deinit(struct policies *p)
{
	struct file *f;

	for (size_t at = 0; (f = sonde_map_next(&p->files, &at));)
		free(f);
	sonde_map_deinit(&p->files);
}
