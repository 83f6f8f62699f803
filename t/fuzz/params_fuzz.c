/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: parameters of every plugin as the runner reads them: the plugin's name, its target and
 * the JSON of its options, each on a line. What the rows take, the plugin's own check sees, and what
 * is written back is read as the same. The plugins are those of this build. */
#include <glob.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/status.h"
#include "plug/plugset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEMORY = 1 << 20 };

static void open_all(struct sonde_plug *plugs, unsigned *count)
{
	struct sonde_error e;
	char pattern[4096], self[4000];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	glob_t found;

	if (n < 0)
		abort();
	self[n] = '\0';
	char *end = strstr(self, "/t/fuzz/");
	if (!end)
		abort();
	*end = '\0';
	snprintf(pattern, sizeof(pattern), "%s/plugins/*/.libs/*.so", self);
	if (glob(pattern, 0, NULL, &found))
		abort();
	for (size_t i = 0; i < found.gl_pathc && *count < SONDE_PLUG_MAX; i++) {
		if (sonde_plug_open(found.gl_pathv[i], UINT32_MAX, &plugs[*count], &e) == SONDE_OK)
			(*count)++;
		else
			fprintf(stderr, "%s: %s\n", found.gl_pathv[i], e.text);
	}
	globfree(&found);
	if (!*count)
		abort();
}

static void check(const struct sonde_plug *p, const char *target, const char *options)
{
	struct sonde_error e = { "", "" };
	struct sonde_pool pool;

	sonde_pool_init(&pool, MEMORY);
	void *args = sonde_pool_alloc(&pool, p->desc.args_size + 1);
	json_t *object = *options ? sonde_json_load(options, strlen(options), &e) : NULL;
	if (!*options || object) {
		if (sonde_rows_defaults(p->params, args, &pool, &e) ||
		    (sonde_rows_fill_over(p->params, object, args, &pool, &e) != SONDE_OK) !=
			    (e.text[0] != '\0'))
			abort();
		if (!e.text[0] && p->desc.check &&
		    (p->desc.check(args, target, &e) != 0) != (e.text[0] != '\0'))
			abort();
	}
	json_decref(object);
	sonde_pool_deinit(&pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sonde_plug plugs[SONDE_PLUG_MAX];
	static unsigned count;
	char *text = malloc(size + 1), *rest = text;

	if (!count)
		open_all(plugs, &count);
	memcpy(text, data, size);
	text[size] = '\0';
	char *name = strsep(&rest, "\n"), *target = strsep(&rest, "\n");
	for (unsigned i = 0; target && i < count; i++)
		if (!strcmp(plugs[i].desc.name, name))
			check(&plugs[i], target, rest ? rest : "");
	free(text);
	return 0;
}
