/* SPDX-License-Identifier: Apache-2.0 */
/* For authors of plugins: `plugin new` writes a first plugin that works, `plugin check` hands a
 * file to sonde-runner, because the client opens no plugin itself. Refuses to write where
 * something is. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/template.h"

enum { NAME_MAX_BYTES = 31, FILE_BYTES = 64 << 10 };

/* ---- new ---- */

/* EXIT_OK, or EXIT_USAGE after a sentence. */
static int check_name(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
	size_t len = strlen(name);

	if (!len || len > NAME_MAX_BYTES || strspn(name, letters) != len || name[0] < 'a')
		return cli_fail(EXIT_USAGE, "'%s' cannot be the name of a plugin: lower-case letters, "
		                            "digits and underscores, a letter first, at most %d",
		                name, NAME_MAX_BYTES);
	for (const struct cli_command *c = cli_commands; c->group; c++)
		if (!strcmp(c->group, name))
			return cli_fail(EXIT_USAGE, "'%s' is a command of sonde; a type of that name "
			                            "could not be asked for", name);
	if (!strcmp(name, "help") || !strcmp(name, "version"))
		return cli_fail(EXIT_USAGE, "'%s' is a command of sonde", name);
	return EXIT_OK;
}

/* The last part of a path, without slashes behind it. */
static const char *base_name(const char *path, char out[PATH_MAX])
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	snprintf(out, PATH_MAX, "%.*s", (int)(len < PATH_MAX ? len : PATH_MAX - 1), path);
	const char *slash = strrchr(out, '/');
	return slash && slash[1] ? slash + 1 : out;
}

static int make_directory(const char *path)
{
	if (!mkdir(path, 0777))
		return EXIT_OK;
	if (errno != EEXIST)
		return cli_fail(EXIT_FAILED, "cannot make %s: %s", path, strerror(errno));
	DIR *d = opendir(path);
	if (!d)
		return cli_fail(EXIT_FAILED, "cannot write into %s: %s", path, strerror(errno));
	unsigned entries = 0;
	for (const struct dirent *e; (e = readdir(d));)
		entries += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
	closedir(d);
	if (entries)
		return cli_fail(EXIT_FAILED, "%s is not empty; name a new directory", path);
	return EXIT_OK;
}

static void substitute(struct sonde_buf *b, const char *text, const char *name)
{
	static const char mark[] = "@name@";
	const char *at;

	while ((at = strstr(text, mark))) {
		sonde_buf_add(b, text, (size_t)(at - text));
		sonde_buf_str(b, name);
		text = at + sizeof(mark) - 1;
	}
	sonde_buf_str(b, text);
}

static int write_file(const char *path, const struct sonde_buf *content)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	ssize_t n = fd >= 0 ? write(fd, content->data, content->len) : -1;
	int error = n < 0 ? errno : ENOSPC;

	if (fd >= 0 && close(fd) && n >= 0) {
		error = errno;
		n = -1;
	}
	if (n == (ssize_t)content->len)
		return EXIT_OK;
	return cli_fail(EXIT_FAILED, "cannot write %s: %s", path, strerror(error));
}

static int write_template(const struct cli_template *t, const char *dir, const char *name)
{
	struct sonde_buf path, content;
	int rc = EXIT_FAILED;

	sonde_buf_init(&path, PATH_MAX);
	sonde_buf_init(&content, FILE_BYTES);
	sonde_buf_printf(&path, "%s/", dir);
	substitute(&path, t->file, name);
	substitute(&content, t->text, name);
	if (path.failed || content.failed)
		cli_fail(EXIT_FAILED, "the path is too long, or out of memory");
	else
		rc = write_file(sonde_buf_cstr(&path), &content);
	if (rc == EXIT_OK)
		cli_printf("%s\n", sonde_buf_cstr(&path));
	sonde_buf_deinit(&path);
	sonde_buf_deinit(&content);
	return rc;
}

int cli_plugin_new(struct cli *cli, const struct cli_args *a)
{
	char buffer[PATH_MAX];
	const char *dir = a->words[0], *name = cli_option(a, "name");

	if (!name)
		name = base_name(dir, buffer);
	int rc = check_name(name);
	if (rc == EXIT_OK)
		rc = make_directory(dir);
	for (const struct cli_template *t = cli_templates; rc == EXIT_OK && t->file; t++)
		rc = write_template(t, dir, name);
	if (rc == EXIT_OK)
		cli_printf("\nnext: cd %s && make check\n", dir);
	return rc;
}

/* ---- check ---- */

const struct cli_option cli_plugin_new_options[] = {
	{ "name", 0, "NAME", "of the plugin, where it is not that of the directory" },
	{ NULL },
};

const struct cli_option cli_plugin_check_options[] = {
	{ "runs", 0, "N", "runs with generated parameters (default 200)" },
	{ "seed", 0, "N", "repeat the runs of an earlier check" },
	{ "page", 0, "FILE", "page for users (default NAME.md beside the file)" },
	{ "runner", 0, "FILE", "the sonde-runner to use", "SONDE_RUNNER" },
	{ NULL },
};

int cli_plugin_check(struct cli *cli, const struct cli_args *a)
{
	static const char *const passed[] = { "runs", "seed", "page" };
	const char *runner = cli_option(a, "runner"), *env = getenv("SONDE_RUNNER");
	char flags[3][8];
	const char *argv[12] = { "sonde-runner", "--check", a->words[0] };
	unsigned n = 3;

	if (!runner)
		runner = env && *env ? env : SONDE_LIBEXECDIR "/sonde-runner";
	if (access(a->words[0], R_OK))
		return cli_fail(EXIT_NOT_FOUND, "cannot read %s: %s", a->words[0], strerror(errno));
	for (unsigned i = 0; i < 3; i++) {
		if (!cli_option(a, passed[i]))
			continue;
		snprintf(flags[i], sizeof(flags[i]), "--%s", passed[i]);
		argv[n++] = flags[i];
		argv[n++] = cli_option(a, passed[i]);
	}
	fflush(NULL);
	execv(runner, (char *const *)argv);
	return cli_fail(EXIT_FAILED, "cannot start %s: %s", runner, strerror(errno));
}
