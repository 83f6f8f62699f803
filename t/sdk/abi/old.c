/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin as the first author wrote it: built with the first header of ABI 1. */
#include <sonde/plugin.h>
#include <string.h>

struct args {
	int64_t count;
	const char *text;
};

static const struct sonde_field fields[] = {
	{ "text", SONDE_TYPE_STRING, "the text, repeated" },
	{ NULL },
};

static const struct sonde_param params[] = {
	{ "count", SONDE_TYPE_INT, offsetof(struct args, count), "how often", "times", "2", NULL, 1, 5 },
	{ "text", SONDE_TYPE_STRING, offsetof(struct args, text), "what", NULL, "x", NULL, 0, 10 },
	{ NULL },
};

static int start(struct sonde_probe *p)
{
	const struct args *a = p->args;
	char out[64] = "";

	for (int64_t i = 0; i < a->count; i++)
		strncat(out, a->text, 10);
	p->host->put_text(p, "text", out, strlen(out));
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

SONDE_PLUGIN = {
	SONDE_PLUGIN_HEAD,
	.name = "old",
	.version = "1",
	.summary = "Repeats a text",
	.license = "Apache-2.0",
	.args_size = sizeof(struct args),
	.params = params,
	.fields = fields,
	.start = start,
	.cancel = cancel,
	.finish = finish,
};
