/* SPDX-License-Identifier: Apache-2.0 */
/* sonde-controller: options, then the controller until it stops. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/log.h"
#include "base/private.h"
#include "config/config.h"
#include "controller/archive.h"
#include "controller/controller.h"
#include "controller/doctor.h"
#include "controller/own_files.h"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

static int usage_error(const struct sonde_error *e)
{
	fprintf(stderr, "sonde-controller: %s%s%s\n", e->path, *e->path ? ": " : "", e->text);
	return EXIT_USAGE;
}

static int load_options(struct controller *c, int argc, char **argv, struct sonde_error *e)
{
	int rest;

	sonde_pool_init(&c->pool, 1 << 20);
	int rc = sonde_config_load(controller_option_rows(), &c->options, &c->pool,
	                           sonde_config_path(argc - 1, argv + 1), argc - 1, argv + 1, &rest, e);
	if (rc == SONDE_OK && rest < argc - 1)
		rc = sonde_fail(e, SONDE_EINVAL, "", "unexpected argument %s", argv[1 + rest]);
	if (rc != SONDE_OK)
		return rc;
	sonde_log_level(sonde_log_level_parse(controller_log_levels[c->options.log_level]));
	if (!c->options.cert != !c->options.key)
		return sonde_fail(e, SONDE_EINVAL, "cert", "cert and key are given together or not at all");
	return SONDE_OK;
}

static void raise_descriptor_limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		/* A finite number: libwebsockets sizes a table by it. */
		r.rlim_cur = r.rlim_max < 65536 ? r.rlim_max : 65536;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

int main(int argc, char **argv)
{
	static struct controller c;
	struct sonde_error e = { "", "" };

	if (argc > 1 && !strcmp(argv[1], "--help")) {
		sonde_config_help(controller_option_rows(), "sonde-controller",
		                  "serves the API, places measurements on nodes and stores results");
		return 0;
	}
	if (argc > 1 && !strcmp(argv[1], "--version")) {
		puts("sonde-controller " SONDE_VERSION);
		return 0;
	}
	if (argc > 1 && !strcmp(argv[1], "doctor"))
		return doctor_command(argc - 2, argv + 2);
	int code = own_pin_command(argc - 1, argv + 1);
	if (code < 0)
		code = archive_command(argc - 1, argv + 1);
	if (code >= 0)
		return code;
	if (load_options(&c, argc, argv, &e) != SONDE_OK)
		return usage_error(&e);
	raise_descriptor_limit();
	sonde_private_memory();
	if (controller_start(&c, &e) != SONDE_OK) {
		fprintf(stderr, "sonde-controller: %s%s%s\n", e.path, *e.path ? ": " : "", e.text);
		return EXIT_FAILED;
	}
	uv_run(&c.loop, UV_RUN_DEFAULT);
	controller_deinit(&c);
	return 0;
}
