/* SPDX-License-Identifier: Apache-2.0 */
/* The two commands of the controller's program that end by themselves. A backup runs beside a
 * controller, also as its child; a restore needs it stopped. Owns the file; what is half written
 * goes. */
#include "controller/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "config/config.h"
#include "controller/options.h"
#include "store/backup.h"

static int say(int code, const char *what)
{
	fprintf(stderr, "sonde-controller: %s\n", what);
	return code;
}

static int backup(const char *file, const char *state, struct sonde_error *e)
{
	struct sonde_backup_report report;
	bool plain = strcmp(file, "-") != 0;
	int fd = plain ? open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : STDOUT_FILENO;

	if (fd < 0)
		return sonde_fail(e, SONDE_EIO, "", "%s: %s", file, strerror(errno));
	int rc = sonde_store_backup(state, fd, &report, e);
	if (plain && rc == SONDE_OK && (fsync(fd) || close(fd)))
		rc = sonde_fail(e, SONDE_EIO, "", "%s: %s", file, strerror(errno));
	if (plain && rc != SONDE_OK)
		unlink(file);
	if (rc == SONDE_OK)
		fprintf(stderr, "%s: %" PRIu64 " results, %" PRIu64 " records, %" PRIu64 " bytes\n", file,
		        report.results, report.records, report.bytes);
	return rc;
}

static int restore(const char *file, const char *state, struct sonde_error *e)
{
	struct sonde_backup_report report;
	char when[SONDE_TIME_TEXT];
	int fd = strcmp(file, "-") ? open(file, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;

	if (fd < 0)
		return sonde_fail(e, SONDE_EIO, "", "%s: %s", file, strerror(errno));
	int rc = sonde_store_restore(fd, state, &report, e);
	close(fd);
	if (rc == SONDE_EINVAL || rc == SONDE_EVERSION) {
		char why[sizeof(e->text)];
		memcpy(why, e->text, sizeof(why));
		return sonde_fail(e, rc, "", "%s: %s", file, why);
	}
	if (rc != SONDE_OK)
		return rc;
	sonde_format_time(when, report.made_ms);
	printf("%s is as it was at %s: %" PRIu64 " results, %" PRIu64 " records\n", state, when,
	       report.results, report.records);
	if (*report.aside)
		printf("what was there before is in %s/%s\n", state, report.aside);
	return SONDE_OK;
}

int archive_command(int argc, char **argv)
{
	static const struct {
		const char *verb;
		int (*run)(const char *, const char *, struct sonde_error *);
	} commands[] = { { "backup", backup }, { "restore", restore } };
	struct controller_options options = { 0 };
	struct sonde_error e = { "", "" };
	struct sonde_pool pool;
	int rest, which = -1;

	for (int i = 0; i < 2; i++)
		if (argc && !strcmp(argv[0], commands[i].verb))
			which = i;
	if (which < 0)
		return -1;
	if (argc < 2 || (argv[1][0] == '-' && argv[1][1]))
		return say(2, which ? "usage: sonde-controller restore FILE [--state DIR]" :
		                      "usage: sonde-controller backup FILE [--state DIR]");
	argc -= 2;
	sonde_pool_init(&pool, 1 << 20);
	int rc = sonde_config_load(controller_option_rows(), &options, &pool,
	                           sonde_config_path(argc, argv + 2), argc, argv + 2, &rest, &e);
	bool usage = rc != SONDE_OK || rest < argc;
	if (rc == SONDE_OK && usage)
		sonde_fail(&e, SONDE_EINVAL, "", "unexpected argument %s", argv[2 + rest]);
	if (!usage)
		rc = commands[which].run(argv[1], options.state, &e);
	sonde_pool_deinit(&pool);
	if (usage)
		return say(2, e.text);
	return rc == SONDE_OK ? 0 : say(rc == SONDE_EFULL ? ARCHIVE_NO_SPACE : 1, e.text);
}
