/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments of probes. The same options come again and again, from schedules and for many targets,
 * and reading them costs more than a short probe: what the last task of each plugin gave is kept,
 * counted by the probes that use it, and freed by the last of them. Below that lie the defaults of
 * each plugin, which are read once and kept until the end. */
#include <stdlib.h>
#include <string.h>

#include "param/param.h"
#include "runner/runner.h"

struct sonde_given {
	unsigned holders;
	struct sonde_pool pool;
	void *args;
	struct sonde_text options;
};

const void *sonde_given_args(const struct sonde_given *g)
{
	return g->args;
}

void sonde_given_drop(struct sonde_given *g)
{
	if (!g || --g->holders)
		return;
	sonde_pool_deinit(&g->pool);
	free(g);
}

void sonde_given_deinit(struct sonde_runner *r)
{
	for (unsigned i = 0; i < SONDE_PLUG_MAX; i++)
		sonde_given_drop(r->given[i]);
	sonde_pool_deinit(&r->defaults_pool);
}

/* NULL when out of memory: that the defaults fit their rows was checked at open. */
static const void *defaults_of(struct sonde_runner *r, const struct sonde_plug *plug)
{
	void **known = &r->defaults[plug - r->plugs->plugs];

	if (*known)
		return *known;
	void *args = sonde_pool_alloc(&r->defaults_pool, plug->desc.args_size + 1);
	if (args && !sonde_rows_defaults(plug->params, args, &r->defaults_pool, NULL))
		*known = args;
	return *known;
}

static int fill(struct sonde_given *g, struct sonde_runner *r, const struct sonde_plug *plug,
                struct sonde_text options, struct sonde_error *e)
{
	const void *defaults = defaults_of(r, plug);
	const char *text = sonde_pool_strndup(&g->pool, options.len ? options.s : "", options.len);
	json_t *object = NULL;

	g->args = sonde_pool_alloc(&g->pool, plug->desc.args_size + 1);
	if (!defaults || !text || !g->args)
		return sonde_fail(e, SONDE_ENOMEM, NULL, "out of memory");
	memcpy(g->args, defaults, plug->desc.args_size);
	g->options = (struct sonde_text){ text, options.len };
	if (options.len) {
		object = sonde_json_load(text, options.len, e);
		if (!object)
			return SONDE_EINVAL;
	}
	int status = sonde_rows_fill_over(plug->params, object, g->args, &g->pool, e);
	json_decref(object);
	return status;
}

int sonde_given_hold(struct sonde_runner *r, const struct sonde_plug *plug,
                     struct sonde_text options, struct sonde_given **out, struct sonde_error *e)
{
	struct sonde_given **last = &r->given[plug - r->plugs->plugs], *g = *last;

	if (!g || g->options.len != options.len ||
	    memcmp(g->options.s, options.len ? options.s : "", options.len)) {
		g = calloc(1, sizeof(*g));
		if (!g)
			return sonde_fail(e, SONDE_ENOMEM, NULL, "out of memory");
		g->holders = 1;
		sonde_pool_init(&g->pool, SONDE_PROBE_MEMORY);
		int status = fill(g, r, plug, options, e);
		if (status) {
			sonde_given_drop(g);
			return status;
		}
		sonde_given_drop(*last);
		*last = g;
	}
	g->holders++;
	*out = g;
	return SONDE_OK;
}
