/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin from the future: every struct has members that today's host does not know. What follows
 * the law must be read rightly; each WITH_ shows something that a host must refuse instead. */
#include <sonde/plugin.h>

struct later_param {
	struct sonde_param today;
	const char *group;
	int64_t extra[3];
};

struct later_field {
	struct sonde_field today;
	const char *since;
	int64_t extra;
};

struct later_host {
	struct sonde_host today;
	int (*telemetry)(struct sonde_probe *);
};

struct later_plugin {
	struct sonde_plugin today;
	int (*later)(struct sonde_probe *);
	const char *more[8];
};

struct args {
	int64_t first, second;
};

#ifdef WITH_PARAM
#define SECOND_TYPE 99
#else
#define SECOND_TYPE SONDE_TYPE_INT
#endif

static const struct later_param params[] = {
	{ { "first", SONDE_TYPE_INT, offsetof(struct args, first), "a number", .def = "1", .max = 9 },
	  "group", { -1, -1, -1 } },
	{ { "second", SECOND_TYPE, offsetof(struct args, second), "another", .def = "2", .max = 9,
	    .flags = 1u << 20 }, "group", { -1, -1, -1 } },
	{ { NULL } },
};

#ifdef WITH_FIELD
#define SUM_TYPE 99
#else
#define SUM_TYPE SONDE_TYPE_INT
#endif

static const struct later_field fields[] = {
	{ { "first", SONDE_TYPE_INT, "the first number" }, "2030", -1 },
	{ { "sum", SUM_TYPE, "both together", .flags = 1u << 20 }, "2030", -1 },
	{ { "telemetry", SONDE_TYPE_BOOL, "whether the host has the later function" }, "2030", -1 },
	{ { NULL } },
};

static int start(struct sonde_probe *p)
{
	const struct later_host *host = (const struct later_host *)p->host;
	const struct args *a = p->args;
	int has = host->today.size >= offsetof(struct later_host, telemetry) + sizeof(host->telemetry);

	p->host->put_int(p, "first", a->first);
	p->host->put_int(p, "sum", a->first + a->second);
	p->host->put_bool(p, "telemetry", has ? host->telemetry(p) : 0);
	p->host->done(p, SONDE_FAIL_NONE, NULL);
	return 0;
}

static void cancel(struct sonde_probe *p, enum sonde_why why)
{
	p->host->done(p, SONDE_FAIL_CANCELLED, "it was cancelled");
}

static void finish(struct sonde_probe *p)
{
}

SONDE_EXPORT extern const struct later_plugin sonde_plugin;
const struct later_plugin sonde_plugin = {
	{
#ifdef WITH_ABI
		.abi = SONDE_PLUGIN_ABI + 1,
#else
		.abi = SONDE_PLUGIN_ABI,
#endif
		.size = sizeof(struct later_plugin),
		.param_size = sizeof(struct later_param),
		.field_size = sizeof(struct later_field),
		.name = NAME,
		.version = "9",
		.summary = "Adds two numbers",
		.license = "Apache-2.0",
#ifdef WITH_NEED
		.needs = 1u << 20,
#endif
#ifdef WITH_TARGET
		.target = 1000,
#else
		.target = SONDE_TARGET_IS_TEXT,
#endif
		.args_size = sizeof(struct args),
		.params = (const struct sonde_param *)params,
		.fields = (const struct sonde_field *)fields,
		.start = start,
		.cancel = cancel,
		.finish = finish,
	},
	start,
	{ "more", "than", "is", "known" },
};
