/* SPDX-License-Identifier: Apache-2.0 */
/* Loading policies from text, files and directories. Owns nothing. Refuses a name that is not a
 * plain lower-case word; on any error the version that was there stays. */
#include "script/policies.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool good_name(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");

	return n > 0 && n <= SONDE_POLICY_NAME && !name[n];
}

static struct sonde_policy *add_policy(struct sonde_policies *ps, const char *name)
{
	struct sonde_policy *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	snprintf(p->name, sizeof(p->name), "%s", name);
	sonde_windows_init(&p->windows);
	if (sonde_map_put(&ps->map, p->name, strlen(p->name), p) == SONDE_OK)
		return p;
	sonde_windows_deinit(&p->windows);
	free(p);
	return NULL;
}

void sonde_policy_say_version(struct sonde_policy *p)
{
	char text[48];

	snprintf(text, sizeof(text), "version %u decides", p->version);
	sonde_lines_add(&p->lines, SONDE_LINE_VERSION, text);
}

/* Another program of the same policy: what the one before was blamed for is over. */
static void swapped_in(struct sonde_policy *p)
{
	p->program->binding.windows = &p->windows;
	p->program->binding.lines = &p->lines;
	sonde_shadow_free(p->shadow);
	p->shadow = NULL;
	p->off = false;
	p->recent = 0;
	sonde_policy_say_version(p);
}

int sonde_policy_load(struct sonde_policies *ps, const char *name, const char *file,
                      const char *text, size_t len, struct sonde_error *err)
{
	if (!good_name(name))
		return sonde_fail(err, SONDE_EINVAL, "name",
		                  "must be 1 to %d of a-z, 0-9, '_' and '-'", SONDE_POLICY_NAME);
	struct sonde_policy *p = sonde_policies_find(ps, name);
	bool fresh = !p;
	if (!p && !(p = add_policy(ps, name)))
		return sonde_fail(err, SONDE_ENOMEM, NULL, "out of memory");
	struct sonde_program *program;
	int rc = sonde_program_new(&ps->env, &p->turns, file, text, len, &program, err);
	if (rc != SONDE_OK) {
		if (fresh)
			sonde_policies_remove(ps, p);
		return rc;
	}
	char *copy = malloc(len + 1);
	if (!copy) {
		sonde_program_free(program);
		if (fresh)
			sonde_policies_remove(ps, p);
		return sonde_fail(err, SONDE_ENOMEM, NULL, "out of memory");
	}
	memcpy(copy, text, len);
	copy[len] = '\0';
	sonde_program_free(p->program);
	free(p->text);
	p->program = program;
	p->text = copy;
	p->text_len = len;
	p->version++;
	swapped_in(p);
	return SONDE_OK;
}

int sonde_policy_adopt(struct sonde_policies *ps, struct sonde_policies *from, const char *name,
                       uint32_t version)
{
	struct sonde_policy *source = sonde_policies_find(from, name);
	struct sonde_policy *p = sonde_policies_find(ps, name);

	if (!source)
		return SONDE_ENOENT;
	if (!p && !(p = add_policy(ps, name)))
		return SONDE_ENOMEM;
	struct sonde_program *old = p->program;
	char *old_text = p->text;
	p->program = source->program;
	p->text = source->text;
	p->text_len = source->text_len;
	p->version = version;
	sonde_binding_move(&p->program->binding, &ps->past, &ps->scratch, &p->turns);
	swapped_in(p);
	/* Freed with `from`: closing a large state takes a moment, too. */
	source->program = old;
	source->text = old_text;
	return SONDE_OK;
}

static int read_file(const char *path, char **text, size_t *len)
{
	FILE *f = fopen(path, "rbe");
	char *buf = f ? malloc(SONDE_SANDBOX_TEXT + 2) : NULL;

	if (buf)
		*len = fread(buf, 1, SONDE_SANDBOX_TEXT + 2, f);
	bool ok = buf && !ferror(f);
	if (f)
		fclose(f);
	if (!ok) {
		free(buf);
		return SONDE_EIO;
	}
	*text = buf;
	return SONDE_OK;
}

static int load_file(struct sonde_policies *ps, const char *dir, const char *file, size_t stem,
                     struct sonde_error *err)
{
	char path[4096], name[SONDE_POLICY_NAME + 1], *text = NULL;
	size_t len = 0;

	if (stem > SONDE_POLICY_NAME)
		return sonde_fail(err, SONDE_EINVAL, NULL, "%s: the name is too long", file);
	snprintf(name, sizeof(name), "%.*s", (int)stem, file);
	int n = snprintf(path, sizeof(path), "%s/%s", dir, file);
	if (n < 0 || (size_t)n >= sizeof(path) || read_file(path, &text, &len) != SONDE_OK)
		return sonde_fail(err, SONDE_EIO, NULL, "%s/%s: cannot be read: %s", dir, file,
		                  strerror(errno));
	int rc = sonde_policy_load(ps, name, path, text, len, err);
	free(text);
	return rc;
}

static size_t policy_stem(const char *file)
{
	size_t n = strlen(file);

	if (n <= 4 || file[0] == '.' || strcmp(file + n - 4, ".lua"))
		return 0;
	return n > 6 && !strcmp(file + n - 6, ".t.lua") ? 0 : n - 4;
}

int sonde_policy_load_dir(struct sonde_policies *ps, const char *dir, struct sonde_error *err)
{
	struct dirent **entry;
	int rc = SONDE_OK, n = scandir(dir, &entry, NULL, alphasort);

	if (n < 0)
		return sonde_fail(err, SONDE_EIO, NULL, "%s: %s", dir, strerror(errno));
	for (int i = 0; i < n; i++) {
		size_t stem = policy_stem(entry[i]->d_name);
		if (stem) {
			int one = load_file(ps, dir, entry[i]->d_name, stem,
			                    rc == SONDE_OK ? err : NULL);
			rc = rc == SONDE_OK ? one : rc;
		}
		free(entry[i]);
	}
	free(entry);
	return rc;
}
