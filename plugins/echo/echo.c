/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest probe: gives back its target and a text, after a delay when asked. It touches no
 * network; it shows that the way from the user to a node and back works. Owns nothing. */
#include <sonde/plugin.h>

#include <string.h>

struct args {
	const char *text;
	int64_t delay; /* ns */
};

static const struct sonde_param params[] = {
	{ "text", SONDE_TYPE_STRING, offsetof(struct args, text), "text to give back",
	  .def = "", .max = 4096 },
	{ "delay", SONDE_TYPE_DURATION, offsetof(struct args, delay), "wait before the answer",
	  .unit = "ms", .def = "0", .min = 0, .max = 3600000 },
	{ NULL },
};

static const struct sonde_field fields[] = {
	{ "target", SONDE_TYPE_STRING, "the target as it came" },
	{ "text", SONDE_TYPE_STRING, "the text as it came" },
	{ NULL },
};

static void answer(struct sonde_probe *p, void *arg)
{
	const struct args *a = p->args;
	const char *text = a->text ? a->text : "";

	p->host->put_text(p, "target", p->target, strlen(p->target));
	p->host->put_text(p, "text", text, strlen(text));
	p->host->print(p, p->target, strlen(p->target));
	if (*text) {
		p->host->print(p, " ", 1);
		p->host->print(p, text, strlen(text));
	}
	p->host->print(p, "\n", 1);
	p->host->done(p, SONDE_FAIL_NONE, NULL);
}

static int start(struct sonde_probe *p)
{
	const struct args *a = p->args;

	if (a->delay)
		return p->host->timer_start(p, a->delay, answer, NULL) ? 0 : -1;
	answer(p, NULL);
	return 0;
}

static void cancel(struct sonde_probe *p, enum sonde_why why)
{
	if (why == SONDE_WHY_TIMEOUT)
		p->host->done(p, SONDE_FAIL_TIMEOUT, "the delay is longer than the time limit");
	else
		p->host->done(p, SONDE_FAIL_CANCELLED, "it was cancelled");
}

static void finish(struct sonde_probe *p)
{
}

SONDE_PLUGIN = {
	SONDE_PLUGIN_HEAD,
	.name = "echo",
	.version = "1.0",
	.summary = "Gives back its target and a text, without touching the network",
	.license = "Apache-2.0",
	.args_size = sizeof(struct args),
	.params = params,
	.fields = fields,
	.start = start,
	.cancel = cancel,
	.finish = finish,
	.target = SONDE_TARGET_IS_TEXT,
};
