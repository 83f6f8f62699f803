/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin with a secret parameter, for the test that secrets reach trusted nodes and nothing
 * else: it tells how long the secret was, never the secret. */
#include <sonde/plugin.h>
#include <stddef.h>
#include <string.h>

#include "../ends.h"

struct args {
	const char *word, *hint;
};

static const struct sonde_param params[] = {
	{ "auth.word", SONDE_TYPE_STRING, offsetof(struct args, word), "a secret", .max = 64,
	  .flags = SONDE_PARAM_SECRET },
	{ "hint", SONDE_TYPE_STRING, offsetof(struct args, hint), "no secret", .max = 64 },
	{ NULL },
};

static const struct sonde_field fields[] = {
	{ "length", SONDE_TYPE_INT, "of the secret" },
	{ NULL },
};

static int start(struct sonde_probe *p)
{
	const struct args *a = p->args;

	p->host->put_int(p, "length", a->word ? (int64_t)strlen(a->word) : 0);
	p->host->done(p, SONDE_FAIL_NONE, NULL);
	return 0;
}

SONDE_PLUGIN = {
	SONDE_PLUGIN_HEAD,
	.name = "keeper",
	.version = "1.0",
	.summary = "Tells how long a secret is",
	.license = "Apache-2.0",
	.args_size = sizeof(struct args),
	.params = params,
	.fields = fields,
	.start = start,
	.cancel = cancel,
	.finish = finish,
	.target = SONDE_TARGET_IS_TEXT,
};
