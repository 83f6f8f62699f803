/* SPDX-License-Identifier: Apache-2.0 */
/* What the opened plugins offer, as JSON: controller, node and client never open a plugin and
 * know only this. */
#include <string.h>

#include "plug/plugset.h"

static const char *const type_names[] = {
	[SONDE_TYPE_BOOL] = "bool",         [SONDE_TYPE_INT] = "int",
	[SONDE_TYPE_NUMBER] = "number",     [SONDE_TYPE_STRING] = "string",
	[SONDE_TYPE_ENUM] = "enum",         [SONDE_TYPE_DURATION] = "duration",
	[SONDE_TYPE_ROWS] = "rows",         [SONDE_TYPE_OBJECT] = "object",
};

static const struct {
	uint32_t bit;
	const char *name;
} needs[] = {
	{ SONDE_NEED_ICMP, "icmp" },
	{ SONDE_NEED_UDP, "udp" },
	{ SONDE_NEED_TCP, "tcp" },
	{ SONDE_NEED_RESOLVE, "resolve" },
};

static void describe_fields(const struct sonde_plugin *d, struct sonde_json *j)
{
	sonde_json_open(j, "fields", '[');
	for (const char *at = (const char *)d->fields;; at += d->field_size) {
		const struct sonde_field *f = (const struct sonde_field *)at;
		if (f->type == SONDE_TYPE_END)
			break;
		sonde_json_open(j, NULL, '{');
		sonde_json_str(j, "name", f->name);
		sonde_json_str(j, "type", type_names[f->type]);
		sonde_json_str(j, "help", f->help);
		if (f->unit)
			sonde_json_str(j, "unit", f->unit);
		sonde_json_close(j);
	}
	sonde_json_close(j);
}

static const char *const targets[] = {
	[SONDE_TARGET_IS_HOST] = "host",
	[SONDE_TARGET_IS_LIST] = "list",
	[SONDE_TARGET_IS_TEXT] = "text",
	[SONDE_TARGET_IS_NODE] = "node",
};

const char *sonde_plug_target_name(uint32_t target)
{
	return target < sizeof(targets) / sizeof(targets[0]) ? targets[target] : NULL;
}

static void describe_plug(const struct sonde_plug *p, struct sonde_json *j)
{
	const struct sonde_plugin *d = &p->desc;

	sonde_json_open(j, NULL, '{');
	sonde_json_str(j, "name", d->name);
	sonde_json_str(j, "version", d->version);
	sonde_json_str(j, "summary", d->summary);
	sonde_json_str(j, "license", d->license);
	sonde_json_str(j, "target", sonde_plug_target_name(d->target));
	sonde_json_open(j, "needs", '[');
	for (unsigned i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
		if (d->needs & needs[i].bit)
			sonde_json_str(j, NULL, needs[i].name);
	sonde_json_close(j);
	sonde_rows_describe(p->params, j, "params");
	describe_fields(d, j);
	sonde_json_close(j);
}

void sonde_plugset_describe(const struct sonde_plugset *set, struct sonde_json *j)
{
	sonde_json_open(j, NULL, '{');
	sonde_json_open(j, "plugins", '[');
	for (unsigned i = 0; i < set->count; i++)
		describe_plug(&set->plugs[i], j);
	sonde_json_close(j);
	sonde_json_open(j, "refused", '[');
	for (unsigned i = 0; i < set->file_count; i++) {
		if (!set->files[i].why)
			continue;
		sonde_json_open(j, NULL, '{');
		sonde_json_str(j, "file", set->files[i].path);
		sonde_json_str(j, "why", set->files[i].why);
		sonde_json_close(j);
	}
	sonde_json_close(j);
	sonde_json_close(j);
}
