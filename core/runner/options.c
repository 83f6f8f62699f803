/* SPDX-License-Identifier: Apache-2.0 */
/* Options of sonde-runner. The node writes this command line, a person only to look at plugins or
 * to find a fault. */
#include "runner/options.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "guard/guard.h"
#include "param/param.h"

#define AT(member) offsetof(struct sonde_runner_options, member)

static const char *const levels[] = { "error", "warn", "info", "debug", NULL };

static const struct sonde_param rows[] = {
	{ "plugins", SONDE_TYPE_STRING, AT(plugins), "directories of plugins, DIR:DIR",
	  .def = SONDE_PLUGINDIR, .max = 4096 },
	{ "describe", SONDE_TYPE_BOOL, AT(describe), "print what the plugins offer and end" },
	{ "check", SONDE_TYPE_STRING, AT(check), "try one plugin file, report what is wrong and end",
	  .max = 4096 },
	{ "page", SONDE_TYPE_STRING, AT(page), "page for users of the plugin to check, in place of "
	  "NAME.md beside it", .max = 4096 },
	{ "runs", SONDE_TYPE_INT, AT(runs), "runs of the plugin to check", .def = "200", .min = 0,
	  .max = 1000000 },
	{ "seed", SONDE_TYPE_INT, AT(seed), "of those runs, 0 = a random one", .def = "0", .min = 0,
	  .max = UINT32_MAX },
	{ "fd", SONDE_TYPE_INT, AT(fd), "stream socket of the node", .def = "-1", .min = -1,
	  .max = 65535 },
	{ "blame-fd", SONDE_TYPE_INT, AT(blame_fd), "memory shared with the node", .def = "-1",
	  .min = -1, .max = 65535 },
	{ "guard-allow", SONDE_TYPE_STRING, AT(guard_allow), "prefixes that may be probed",
	  .max = 65536 },
	{ "guard-deny", SONDE_TYPE_STRING, AT(guard_deny), "prefixes that may not be probed",
	  .max = 65536 },
	{ "guard-own", SONDE_TYPE_STRING, AT(guard_own),
	  "addresses of the node and its controller, refused unless allowed",
	  .max = SONDE_GUARD_OWN_TEXT },
	{ "guard-only", SONDE_TYPE_STRING, AT(guard_only),
	  "nothing but these prefixes may be probed, empty = no such limit", .max = 65536 },
	{ "bits-per-second", SONDE_TYPE_INT, AT(bits_per_second),
	  "limit of all connections of all probes together, 0 = none", .unit = "bit/s", .def = "0",
	  .max = INT64_C(1) << 50 },
	{ "concurrency", SONDE_TYPE_INT, AT(concurrency), "probes at once", .def = "1000",
	  .min = 1, .max = 100000 },
	{ "memory", SONDE_TYPE_INT, AT(memory), "limit of address space, 0 = none", .unit = "MiB",
	  .def = "1024", .min = 0, .max = 1 << 20 },
	{ "nofile", SONDE_TYPE_INT, AT(nofile), "limit of open files", .def = "4096", .min = 32,
	  .max = 1 << 20 },
	{ "nproc", SONDE_TYPE_INT, AT(nproc), "limit of the user's processes, 0 = none",
	  .def = "0", .min = 0, .max = 1 << 20 },
	{ "uid", SONDE_TYPE_INT, AT(uid), "user to become, 0 = stay", .def = "0", .min = 0,
	  .max = UINT32_MAX - 1 },
	{ "gid", SONDE_TYPE_INT, AT(gid), "group to become with uid", .def = "0", .min = 0,
	  .max = UINT32_MAX - 1 },
	{ "read", SONDE_TYPE_STRING, AT(read), "more paths that plugins may read, PATH:PATH",
	  .max = 4096 },
	{ "resolver", SONDE_TYPE_STRING, AT(resolver),
	  "name servers in place of the system's, ADDRESS[:PORT],...",
	  .max = 1024 },
	{ "jail", SONDE_TYPE_BOOL, AT(jail), "give up rights before a plugin is opened",
	  .def = "true" },
	{ "log-level", SONDE_TYPE_ENUM, AT(log_level), "least important line to log", .def = "info",
	  .names = levels },
	{ "help", SONDE_TYPE_BOOL, AT(help), "show this" },
	{ NULL },
};

static int set_option(int argc, char **argv, int *i, struct sonde_runner_options *o,
                      struct sonde_pool *pool, struct sonde_error *e)
{
	const char *arg = argv[*i];
	char name[32];
	struct sonde_param row;
	size_t n = strcspn(arg, "=");

	if (strncmp(arg, "--", 2) || n - 2 >= sizeof(name))
		return sonde_fail(e, SONDE_EINVAL, arg, "is not an option");
	memcpy(name, arg + 2, n - 2);
	name[n - 2] = '\0';
	if (!sonde_row_find(SONDE_ROWS(rows), name, &row))
		return sonde_fail(e, SONDE_EINVAL, arg, "is not an option");
	const char *value = arg[n] ? arg + n + 1 : NULL;
	if (!value && row.type == SONDE_TYPE_BOOL)
		value = "true";
	else if (!value && *i + 1 < argc)
		value = argv[++*i];
	if (!value)
		return sonde_fail(e, SONDE_EINVAL, arg, "needs a value");
	return sonde_row_set_text(&row, o, value, pool, e);
}

int sonde_runner_options_parse(int argc, char **argv, struct sonde_runner_options *o,
                               struct sonde_pool *pool, struct sonde_error *e)
{
	*o = (struct sonde_runner_options){ 0 };
	int status = sonde_rows_fill(SONDE_ROWS(rows), NULL, o, pool, e);

	for (int i = 1; i < argc && status == SONDE_OK; i++)
		status = set_option(argc, argv, &i, o, pool, e);
	if (status == SONDE_OK && !o->describe && !o->check && !o->help && o->fd < 0)
		status = sonde_fail(e, SONDE_EINVAL, "--fd", "is needed (the node starts a runner)");
	return status;
}

void sonde_runner_options_help(void)
{
	puts("usage: sonde-runner --fd N [option...]\n       sonde-runner --describe [option...]\n"
	     "       sonde-runner --check FILE [option...]\n");
	for (const struct sonde_param *r = rows; r->name; r++)
		printf("  --%-14s %s%s%s%s\n", r->name, r->help, r->def ? " [" : "",
		       r->def ? r->def : "", r->def ? "]" : "");
}
