/* SPDX-License-Identifier: Apache-2.0 */
/* The node's cached settings. Owns the JSON of plugin options and the plugins' description. What the
 * controller sends is checked here again: an older node must not guess at what it does not know. */
#include "node/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "node/allowance.h"
#include "node/durable.h"

enum { FILE_MAX = 64 << 10 };

void sonde_node_settings_deinit(struct sonde_node_settings *s)
{
	json_decref(s->plugins);
	json_decref(s->described);
	s->plugins = s->described = NULL;
}

void sonde_node_settings_describe(struct sonde_node_settings *s, const char *text, size_t len)
{
	json_decref(s->described);
	s->described = sonde_json_load(text, len, NULL);
}

static int use(struct sonde_node_settings *s, uint64_t version, const json_t *doc,
               struct sonde_error *e)
{
	struct sonde_settings settings;

	int rc = sonde_settings_read(doc, &settings, e);
	if (rc != SONDE_OK)
		return rc;
	json_decref(s->plugins);
	s->plugins = json_incref(json_object_get(doc, "plugins"));
	s->settings = settings;
	s->version = version;
	return SONDE_OK;
}

int sonde_node_settings_load(struct sonde_node_settings *s, const char *path, struct sonde_error *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return errno == ENOENT ? SONDE_OK :
		                         sonde_fail(e, SONDE_EIO, NULL, "cannot open %s: %s", path,
		                                    strerror(errno));
	char *text = malloc(FILE_MAX);
	ssize_t n = text ? read(fd, text, FILE_MAX) : -1;
	close(fd);
	json_t *doc = n > 0 ? sonde_json_load(text, (size_t)n, e) : NULL;
	free(text);
	json_int_t version = json_integer_value(json_object_get(doc, "version"));
	int rc = version > 0 ? use(s, (uint64_t)version, json_object_get(doc, "settings"), e) :
	                       sonde_fail(e, SONDE_EINVAL, NULL, "%s holds no settings", path);
	json_decref(doc);
	return rc;
}

static int save(const char *path, const struct sonde_msg_config *m, struct sonde_error *e)
{
	struct sonde_buf b;
	struct sonde_json j;

	sonde_buf_init(&b, FILE_MAX);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '{');
	sonde_json_int(&j, "version", (int64_t)m->version);
	sonde_json_raw(&j, "settings", m->settings.s, m->settings.len);
	sonde_json_close(&j);
	int rc = b.failed ? sonde_fail(e, SONDE_ENOMEM, NULL, "the settings are too long") :
	                    sonde_durable_write(path, b.data, b.len, e);
	sonde_buf_deinit(&b);
	return rc;
}

int sonde_node_settings_set(struct sonde_node_settings *s, const char *path,
                            const struct sonde_msg_config *m, struct sonde_error *e)
{
	struct sonde_settings checked;

	json_t *doc = sonde_json_load(m->settings.s, m->settings.len, e);
	int rc = doc ? sonde_settings_read(doc, &checked, e) : SONDE_EINVAL;
	if (rc == SONDE_OK)
		rc = save(path, m, e);
	if (rc == SONDE_OK)
		rc = use(s, m->version, doc, e);
	json_decref(doc);
	return rc;
}

int64_t sonde_narrower(int64_t a, int64_t b)
{
	return !a ? b : !b ? a : a < b ? a : b;
}

/* ---- tasks ---- */

static json_t *plugin_of(const json_t *described, struct sonde_text type)
{
	json_t *plugin;
	size_t i;

	json_array_foreach(json_object_get(described, "plugins"), i, plugin) {
		const char *name = json_string_value(json_object_get(plugin, "name"));
		if (name && strlen(name) == type.len && !memcmp(name, type.s, type.len))
			return plugin;
	}
	return NULL;
}

/* The time between two packets, for the limit. */
static bool stretch(json_t *options, const json_t *value, int64_t limit)
{
	int64_t asked = 0, least = SONDE_NS_PER_S / limit;
	const char *text = json_string_value(value);
	char wanted[32];

	if (text ? sonde_parse_duration(text, &asked) != SONDE_OK : !json_is_number(value))
		return false; /* not a duration: the runner says so */
	if (!text)
		asked = (int64_t)(json_number_value(value) * (double)SONDE_NS_PER_S);
	if (asked >= least)
		return false;
	snprintf(wanted, sizeof(wanted), "%lldus", (long long)((least + 999) / 1000));
	json_object_set_new(options, "interval", json_string(wanted));
	return true;
}

/* True when an option was changed. 0 of such an option means: as fast as it goes. */
static bool slow_down(json_t *options, const json_t *params, int64_t limit)
{
	bool changed = false;
	json_t *param;
	size_t i;

	json_array_foreach(params, i, param) {
		const char *unit = json_string_value(json_object_get(param, "unit"));
		const char *name = json_string_value(json_object_get(param, "name"));
		const json_t *given = json_object_get(options, name);
		if (name && !strcmp(name, "interval")) {
			changed |= stretch(options, given ? given : json_object_get(param, "default"), limit);
			continue;
		}
		if (!unit || !name || strcmp(unit, "packets/s"))
			continue;
		double asked = sonde_allowance_number(given ? given : json_object_get(param, "default"));
		if (asked > 0 && asked <= (double)limit)
			continue;
		json_object_set_new(options, name, json_integer(limit));
		changed = true;
	}
	return changed;
}

static bool write_options(const json_t *options, struct sonde_buf *out)
{
	char *text = json_dumps(options, JSON_COMPACT);

	if (text)
		sonde_buf_str(out, text);
	free(text);
	return text && !out->failed;
}

bool sonde_node_settings_adjust(const struct sonde_node_settings *s, int64_t packets_per_second,
                                const struct sonde_msg_task *task, struct sonde_buf *out)
{
	char type[65];

	if ((!s->plugins && !packets_per_second) || task->type.len >= sizeof(type))
		return false;
	memcpy(type, task->type.s, task->type.len);
	type[task->type.len] = '\0';
	json_t *set = json_object_get(s->plugins, type);
	json_t *params = packets_per_second ?
		json_object_get(plugin_of(s->described, task->type), "params") : NULL;
	if (!set && !params)
		return false;
	json_t *given = task->options.len ?
		sonde_json_load(task->options.s, task->options.len, NULL) : json_object();
	json_t *options = set ? json_deep_copy(set) : json_incref(given);
	bool changed = set && given && json_object_update_recursive(options, given) == 0;
	changed |= params && slow_down(options, params, packets_per_second);
	changed = changed && write_options(options, out);
	json_decref(options);
	json_decref(given);
	return changed;
}

double sonde_node_settings_cost(const struct sonde_node_settings *s, int64_t packets_per_second,
                                const struct sonde_msg_task *task)
{
	json_t *given = task->options.len ?
		sonde_json_load(task->options.s, task->options.len, NULL) : NULL;
	double cost = sonde_allowance_cost(plugin_of(s->described, task->type), given,
	                                   packets_per_second);

	json_decref(given);
	return cost;
}
