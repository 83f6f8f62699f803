/* SPDX-License-Identifier: Apache-2.0 */
/* Backup, over the API, and restore, by the controller's own program on the machine of the store. A
 * file that is not whole never has the name that was asked for. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"

static int keep(FILE *f, const char *part, const char *path)
{
	struct stat st = { .st_size = 0 };

	bool good = !fflush(f) && !fsync(fileno(f)) && !fstat(fileno(f), &st);
	good = !fclose(f) && good;
	/* link, not rename: nothing that is there is replaced. */
	if (!good || link(part, path)) {
		int why = errno;
		unlink(part);
		return cli_fail(EXIT_FAILED, "%s: %s", path, strerror(why));
	}
	unlink(part);
	cli_printf("%s: %lld bytes\n", path, (long long)st.st_size);
	return EXIT_OK;
}

int cli_backup(struct cli *cli, const struct cli_args *a)
{
	const char *path = a->words[0];
	char part[4096];

	int n = snprintf(part, sizeof(part), "%s.part", path);
	if (n < 0 || (size_t)n >= sizeof(part))
		return cli_fail(EXIT_USAGE, "the name is too long");
	if (!access(path, F_OK))
		return cli_fail(EXIT_FAILED, "%s is there already; remove it, or name another file", path);
	int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	FILE *f = fd >= 0 ? fdopen(fd, "wb") : NULL;
	if (!f)
		return cli_fail(EXIT_FAILED, "cannot write %s: %s", errno == EEXIST ? part : path,
		                strerror(errno));
	int code = cli_download(cli, "POST", "/v1/backup", f);
	if (code == EXIT_OK)
		return keep(f, part, path);
	fclose(f);
	unlink(part);
	return code;
}

/* Also of doctor. */
const struct cli_option cli_restore_options[] = {
	{ "state", 0, "DIR", "the controller's state directory", NULL },
	{ "config", 'c', "FILE", "the controller's configuration", NULL },
	{ 0 },
};

const char *cli_program(const char *variable, const char *installed, char beside[CLI_PATH])
{
	const char *path = getenv(variable), *name = strrchr(installed, '/') + 1;

	if (path && *path)
		return path;
	ssize_t n = readlink("/proc/self/exe", beside, CLI_PATH - strlen(name) - 1);
	while (n > 0 && beside[n - 1] != '/')
		n--;
	if (n <= 0 || !access(installed, X_OK))
		return installed;
	memcpy(beside + n, name, strlen(name) + 1);
	return beside;
}

const char *cli_controller_program(char beside[CLI_PATH])
{
	return cli_program("SONDE_CONTROLLER_PROGRAM", SONDE_SBINDIR "/sonde-controller", beside);
}

int cli_restore(struct cli *cli, const struct cli_args *a)
{
	const char *argv[8] = { "sonde-controller", "restore", a->words[0] };
	const char *state = cli_option(a, "state"), *config = cli_option(a, "config");
	char beside[CLI_PATH];
	const char *program = cli_controller_program(beside);
	unsigned n = 3;

	if (state) {
		argv[n++] = "--state";
		argv[n++] = state;
	}
	if (config) {
		argv[n++] = "--config";
		argv[n++] = config;
	}
	execv(program, (char *const *)argv);
	return cli_fail(EXIT_FAILED, "%s: %s", program, strerror(errno));
}
