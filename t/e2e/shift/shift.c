/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin of which two versions are built, for the test of hot reload: it waits and tells its
 * version. The second has a parameter that the first has not. */
#include <sonde/plugin.h>
#include <stddef.h>
#include <string.h>

#include "../ends.h"

#define TEXT(n) #n
#define VERSION_TEXT(n) TEXT(n)

struct args {
	int64_t delay; /* ns */
	const char *word;
};

static const struct sonde_param params[] = {
	{ "delay", SONDE_TYPE_DURATION, offsetof(struct args, delay), "how long it waits",
	  .unit = "ms", .def = "50ms", .min = 0, .max = 600000 },
#if SHIFT_VERSION > 1
	{ "word", SONDE_TYPE_STRING, offsetof(struct args, word), "told with the version", .max = 64 },
#endif
	{ NULL },
};

static const struct sonde_field fields[] = {
	{ "shift", SONDE_TYPE_INT, "version of the plugin that ran" },
	{ "word", SONDE_TYPE_STRING, "as given" },
	{ NULL },
};

static void end(struct sonde_probe *p, void *arg)
{
	const struct args *a = p->args;

	p->host->put_int(p, "shift", SHIFT_VERSION);
	if (a->word)
		p->host->put_text(p, "word", a->word, strlen(a->word));
	p->host->done(p, SONDE_FAIL_NONE, NULL);
}

static int start(struct sonde_probe *p)
{
	const struct args *a = p->args;
	return p->host->timer_start(p, a->delay, end, NULL) ? 0 : -1;
}

SONDE_PLUGIN = {
	SONDE_PLUGIN_HEAD,
	.name = "shift",
	.version = VERSION_TEXT(SHIFT_VERSION) ".0",
	.summary = "Waits and tells its version",
	.license = "Apache-2.0",
	.args_size = sizeof(struct args),
	.params = params,
	.fields = fields,
	.start = start,
	.cancel = cancel,
	.finish = finish,
	.target = SONDE_TARGET_IS_TEXT,
};
