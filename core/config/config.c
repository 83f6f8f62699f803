/* SPDX-License-Identifier: Apache-2.0 */
/* The sources of a daemon's configuration, weakest first: defaults, file, environment, flags. Each
 * writes its rows over what stands there; strings stay in the caller's pool. Values are never
 * repeated in errors, since a row may be a secret. */
#include "config/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "config/yaml.h"

struct source {
	struct sonde_rows rows;
	void *args;
	struct sonde_pool *pool;
	struct sonde_error *err;
	struct sonde_config_seen seen;
};

void sonde_config_flag(const char *name, char out[SONDE_CONFIG_NAME])
{
	snprintf(out, SONDE_CONFIG_NAME, "--%s", name);
	for (char *p = out; *p; p++)
		if (*p == '.' || *p == '_')
			*p = '-';
}

void sonde_config_variable(const char *name, char out[SONDE_CONFIG_NAME])
{
	snprintf(out, SONDE_CONFIG_NAME, "SONDE_%s", name);
	for (char *p = out; *p; p++)
		*p = *p == '.' ? '_' : (char)toupper((unsigned char)*p);
}

/* `label` is the row as this source spells it. */
static int set(struct source *s, unsigned i, const struct sonde_param *row, const char *label,
               const char *text)
{
	struct sonde_error why = { "", "" };
	int rc = sonde_row_set_text(row, s->args, text, s->pool, &why);

	if (rc)
		return sonde_fail(s->err, rc, row->name, "%s %s", label, why.text);
	sonde_config_mark(&s->seen, i);
	return SONDE_OK;
}

static int take_defaults(struct source *s)
{
	struct sonde_param row;
	int rc = SONDE_OK;

	for (unsigned i = 0; !rc && sonde_row_at(s->rows, i, &row); i++)
		if (row.def)
			rc = sonde_row_set_text(&row, s->args, row.def, s->pool, s->err);
	return rc;
}

static int read_file(const char *path, struct sonde_buf *buf, struct sonde_error *err)
{
	FILE *f = fopen(path, "re");
	size_t n = 1;

	if (!f)
		return sonde_fail(err, errno == ENOENT ? SONDE_ENOENT : SONDE_EIO, "",
		                  "cannot open %.100s: %s", path, strerror(errno));
	while (n) {
		char *to = sonde_buf_reserve(buf, 4096);
		if (!to)
			break;
		n = fread(to, 1, 4096, f);
		buf->len += n;
	}
	int broken = ferror(f) ? errno : 0;
	fclose(f);
	if (broken)
		return sonde_fail(err, SONDE_EIO, "", "cannot read %.100s: %s", path,
		                  strerror(broken));
	if (buf->failed)
		return sonde_fail(err, SONDE_EINVAL, "", "%.100s: more than %d bytes", path,
		                  SONDE_CONFIG_FILE_MAX);
	return SONDE_OK;
}

static int take_file(struct source *s, const char *path)
{
	struct sonde_buf buf;

	sonde_buf_init(&buf, SONDE_CONFIG_FILE_MAX + 4096);
	int rc = read_file(path, &buf, s->err);
	if (!rc)
		rc = sonde_config_yaml(s->rows, s->args, s->pool, path, buf.data ? buf.data : "",
		                       buf.len, &s->seen, s->err);
	sonde_buf_deinit(&buf);
	return rc;
}

static int take_environment(struct source *s)
{
	char name[SONDE_CONFIG_NAME];
	struct sonde_param row;
	int rc = SONDE_OK;

	for (unsigned i = 0; !rc && sonde_row_at(s->rows, i, &row); i++) {
		sonde_config_variable(row.name, name);
		const char *text = getenv(name);
		/* Containers pass variables on that nobody set. */
		if (text && *text)
			rc = set(s, i, &row, name, text);
	}
	return rc;
}

/* Flags */

static bool is_flag(const char *arg)
{
	return arg[0] == '-' && arg[1] && !isdigit((unsigned char)arg[1]);
}

/* Whether arg is the flag `name`; *value is what follows its '=', or NULL. */
static bool is_named(const char *arg, const char *name, const char **value)
{
	size_t n = strlen(name);

	if (strncmp(arg, name, n) || (arg[n] && arg[n] != '='))
		return false;
	*value = arg[n] ? arg + n + 1 : NULL;
	return true;
}

static bool is_config_flag(const char *arg, const char **value)
{
	return is_named(arg, "--config", value) || is_named(arg, "-c", value);
}

static int unknown_flag(struct source *s, const char *arg)
{
	const char *names[SONDE_CONFIG_ROWS + 1];
	char flag[SONDE_CONFIG_NAME];
	struct sonde_param row;
	unsigned n = 0;

	for (; sonde_row_at(s->rows, n, &row); n++) {
		sonde_config_flag(row.name, flag);
		names[n] = sonde_pool_strndup(s->pool, flag, strlen(flag));
		if (!names[n])
			break;
	}
	names[n] = NULL;
	snprintf(flag, sizeof(flag), "%.*s", (int)strcspn(arg, "="), arg);
	const char *near = sonde_nearest(flag, names);
	if (near)
		return sonde_fail(s->err, SONDE_EINVAL, "", "unknown flag %s, did you mean %s?",
		                  flag, near);
	return sonde_fail(s->err, SONDE_EINVAL, "", "unknown flag %s", flag);
}

static int take_flag(struct source *s, int argc, char **argv, int *at)
{
	char flag[SONDE_CONFIG_NAME] = "--config";
	const char *arg = argv[*at], *value = NULL;
	struct sonde_param row = { 0 };
	bool found = is_config_flag(arg, &value), is_config = found;
	unsigned i = 0;

	for (; !found && sonde_row_at(s->rows, i, &row); i += !found) {
		sonde_config_flag(row.name, flag);
		found = is_named(arg, flag, &value);
	}
	if (!found)
		return unknown_flag(s, arg);
	++*at;
	if (!value && !is_config && row.type == SONDE_TYPE_BOOL)
		value = "true";
	if (!value && *at < argc && !is_flag(argv[*at]))
		value = argv[(*at)++];
	if (!value)
		return sonde_fail(s->err, SONDE_EINVAL, is_config ? "" : row.name,
		                  "%s needs a value (%s=VALUE for one that begins with a dash)",
		                  flag, flag);
	return is_config ? SONDE_OK : set(s, i, &row, flag, value);
}

static int take_flags(struct source *s, int argc, char **argv, int *rest)
{
	int at = 0, rc = SONDE_OK;

	while (!rc && at < argc && is_flag(argv[at])) {
		if (!strcmp(argv[at], "--")) {
			at++;
			break;
		}
		rc = take_flag(s, argc, argv, &at);
	}
	if (rest)
		*rest = at;
	return rc;
}

static int check_required(struct source *s)
{
	char flag[SONDE_CONFIG_NAME], variable[SONDE_CONFIG_NAME];
	struct sonde_param row;

	for (unsigned i = 0; sonde_row_at(s->rows, i, &row); i++) {
		if (!(row.flags & SONDE_PARAM_REQUIRED) || sonde_config_has(&s->seen, i))
			continue;
		sonde_config_flag(row.name, flag);
		sonde_config_variable(row.name, variable);
		return sonde_fail(s->err, SONDE_EINVAL, row.name,
		                  "\"%s\" is required: give it in the file, as %s or as %s",
		                  row.name, variable, flag);
	}
	return SONDE_OK;
}

int sonde_config_load(struct sonde_rows rows, void *args, struct sonde_pool *pool, const char *path,
                      int argc, char **argv, int *rest, struct sonde_error *err)
{
	struct source s = { .rows = rows, .args = args, .pool = pool, .err = err };
	int rc = take_defaults(&s);

	if (!rc && path)
		rc = take_file(&s, path);
	if (!rc)
		rc = take_environment(&s);
	if (!rc)
		rc = take_flags(&s, argc, argv, rest);
	return rc ? rc : check_required(&s);
}

int sonde_config_parse(struct sonde_rows rows, void *args, struct sonde_pool *pool,
                       const char *file, const char *text, size_t len, struct sonde_error *err)
{
	struct sonde_config_seen seen = { { 0 } };

	return sonde_config_yaml(rows, args, pool, file, text, len, &seen, err);
}

const char *sonde_config_path(int argc, char **argv)
{
	const char *value = NULL, *from_env = getenv("SONDE_CONFIG");

	for (int i = 0; i < argc && strcmp(argv[i], "--"); i++) {
		if (!is_config_flag(argv[i], &value))
			continue;
		if (!value && i + 1 < argc && !is_flag(argv[i + 1]))
			value = argv[i + 1];
		return value;
	}
	return from_env && *from_env ? from_env : NULL;
}
