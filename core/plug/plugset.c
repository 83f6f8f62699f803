/* SPDX-License-Identifier: Apache-2.0 */
/* The set of plugins of a process. Owns the list and the refusals; the code of an opened plugin
 * stays mapped until the process ends. Refuses directories that anybody may write to. */
#include "plug/plugset.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"

enum { PATH_BYTES = 4096 };

struct sonde_plugset *sonde_plugset_new(void)
{
	return calloc(1, sizeof(struct sonde_plugset));
}

void sonde_plugset_free(struct sonde_plugset *set)
{
	if (!set)
		return;
	for (unsigned i = 0; i < set->file_count; i++) {
		free(set->files[i].path);
		free(set->files[i].why);
	}
	free(set);
}

void sonde_plugset_refuse(struct sonde_plugset *set, unsigned i, const char *why)
{
	if (!set->files[i].why)
		set->files[i].why = strdup(why);
}

const struct sonde_plug *sonde_plugset_find(const struct sonde_plugset *set, const char *name,
                                            size_t len)
{
	for (unsigned i = 0; i < set->count; i++) {
		const char *have = set->plugs[i].desc.name;
		if (strlen(have) == len && !memcmp(have, name, len))
			return &set->plugs[i];
	}
	return NULL;
}

static void add_file(struct sonde_plugset *set, const char *path, const char *why)
{
	char *copy = set->file_count < SONDE_PLUG_MAX ? strdup(path) : NULL;

	if (!copy) {
		sonde_log(SONDE_LOG_ERROR, "plug", "%s: left out, there are too many files", path);
		return;
	}
	set->files[set->file_count++].path = copy;
	if (why)
		sonde_plugset_refuse(set, set->file_count - 1, why);
}

static int is_shared_object(const struct dirent *d)
{
	size_t n = strlen(d->d_name);
	return n > 3 && !strcmp(d->d_name + n - 3, ".so");
}

static const char *check_dir(const char *dir)
{
	struct stat st;

	if (stat(dir, &st) || !S_ISDIR(st.st_mode))
		return "there is no such directory";
	if ((st.st_mode & S_IWOTH) && !(st.st_mode & S_ISVTX))
		return "anybody may write to this directory";
	return NULL;
}

static void scan_dir(struct sonde_plugset *set, const char *dir)
{
	struct dirent **names = NULL;
	const char *why = check_dir(dir);
	int n = why ? -1 : scandir(dir, &names, is_shared_object, alphasort);

	if (n < 0) {
		add_file(set, dir, why ? why : "the directory cannot be read");
		return;
	}
	for (int i = 0; i < n; i++) {
		char path[PATH_BYTES];
		int len = snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
		if (len > 0 && (size_t)len < sizeof(path))
			add_file(set, path, NULL);
		free(names[i]);
	}
	free(names);
}

void sonde_plugset_scan(struct sonde_plugset *set, const char *dirs)
{
	while (*dirs) {
		size_t n = strcspn(dirs, ":");
		char dir[PATH_BYTES];
		if (n && n < sizeof(dir)) {
			memcpy(dir, dirs, n);
			dir[n] = '\0';
			scan_dir(set, dir);
		}
		dirs += n + (dirs[n] == ':');
	}
}

void sonde_plugset_open(struct sonde_plugset *set, uint32_t allowed)
{
	for (unsigned i = 0; i < set->file_count; i++) {
		const char *path = set->files[i].path, *slash = strrchr(path, '/');
		const char *file = slash ? slash + 1 : path;
		struct sonde_error e = { 0 };

		if (set->files[i].why)
			continue;
		if (sonde_plugset_find(set, file, strlen(file) - 3))
			sonde_plugset_refuse(set, i, "an earlier directory has a plugin of this name");
		else if (sonde_plug_open(path, allowed, &set->plugs[set->count], &e))
			sonde_plugset_refuse(set, i, e.text);
		else
			set->count++;
	}
}
