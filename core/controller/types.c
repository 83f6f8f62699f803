/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the runner once at start and keeps the rows. A plugin whose description is bad is left out
 * with a log line; the others serve. */
#include "controller/types.h"

#include <errno.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"

extern char **environ;

enum { DESCRIBE_MAX = 4 << 20, POOL_MAX = 16 << 20 };

static int read_all(int fd, struct sonde_buf *b)
{
	for (;;) {
		char *to = sonde_buf_reserve(b, 4096);
		if (!to)
			return SONDE_EFULL;
		ssize_t n = read(fd, to, 4096);
		if (n == 0)
			return SONDE_OK;
		if (n < 0 && errno != EINTR)
			return SONDE_EIO;
		if (n > 0)
			b->len += (size_t)n;
	}
}

static int run_describe(const char *runner, const char *dirs, struct sonde_buf *out,
                        struct sonde_error *e)
{
	char *argv[] = { (char *)runner, "--describe", "--plugins", (char *)dirs, NULL };
	posix_spawn_file_actions_t actions;
	int pipefd[2], status = 0;
	pid_t pid;

	if (pipe(pipefd) != 0)
		return sonde_fail(e, SONDE_EIO, "runner", "no pipe for %s: %s", runner, strerror(errno));
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, pipefd[1], STDOUT_FILENO);
	posix_spawn_file_actions_addclose(&actions, pipefd[0]);
	posix_spawn_file_actions_addclose(&actions, pipefd[1]);
	int rc = posix_spawn(&pid, runner, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(pipefd[1]);
	if (rc != 0) {
		close(pipefd[0]);
		return sonde_fail(e, SONDE_EIO, "runner", "cannot start %s: %s", runner, strerror(rc));
	}
	rc = read_all(pipefd[0], out);
	close(pipefd[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (rc != SONDE_OK || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return sonde_fail(e, SONDE_EIO, "runner", "%s --describe failed (status %d)", runner,
		                  status);
	return SONDE_OK;
}

static enum type_target target_kind(const json_t *plugin)
{
	static const char *const names[] = { "host", "list", "text", "node" };
	const char *kind = json_string_value(json_object_get(plugin, "target"));

	for (unsigned i = 0; kind && i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(kind, names[i]))
			return i;
	return TYPE_TARGET_HOST;
}

static int add_type(struct types *t, json_t *plugin, struct sonde_error *e)
{
	const char *name = json_string_value(json_object_get(plugin, "name"));
	struct type *type = sonde_pool_alloc(&t->pool, sizeof(*type));

	if (!name || !type)
		return sonde_fail(e, SONDE_EINVAL, "name", "is missing");
	type->name = name;
	type->version = json_string_value(json_object_get(plugin, "version"));
	type->summary = json_string_value(json_object_get(plugin, "summary"));
	type->target = target_kind(plugin);
	type->described = plugin;
	int rc = sonde_rows_parse(json_object_get(plugin, "params"), &t->pool, &type->params,
	                          &type->args_size, e);
	if (rc != SONDE_OK)
		return rc;
	void *args = sonde_pool_alloc(&t->pool, type->args_size + 1);
	if (args && sonde_rows_fill(type->params, NULL, args, &t->pool, NULL) == SONDE_OK)
		type->defaults = args;
	return sonde_map_put(&t->by_name, name, strlen(name), type);
}

int types_parse(struct types *t, const char *text, size_t len, struct sonde_error *e)
{
	json_t *plugin;
	size_t i;

	sonde_pool_init(&t->pool, POOL_MAX);
	sonde_map_init(&t->by_name);
	json_t *doc = sonde_json_load(text, len, e);
	if (!doc)
		return SONDE_EINVAL;
	t->plugins = json_incref(json_object_get(doc, "plugins"));
	json_array_foreach(t->plugins, i, plugin) {
		struct sonde_error why;
		if (add_type(t, plugin, &why) != SONDE_OK)
			sonde_log(SONDE_LOG_WARN, "types", "plugin %zu left out: %s %s", i, why.path,
			          why.text);
	}
	json_t *refused = json_object_get(doc, "refused");
	json_array_foreach(refused, i, plugin)
		sonde_log(SONDE_LOG_WARN, "types", "%s: %s",
		          json_string_value(json_object_get(plugin, "file")),
		          json_string_value(json_object_get(plugin, "why")));
	json_decref(doc);
	return SONDE_OK;
}

int types_load(struct types *t, const char *runner, const char *dirs, struct sonde_error *e)
{
	struct sonde_buf out;

	sonde_buf_init(&out, DESCRIBE_MAX);
	int rc = run_describe(runner, dirs, &out, e);
	if (rc == SONDE_OK)
		rc = types_parse(t, out.data, out.len, e);
	sonde_buf_deinit(&out);
	return rc;
}

void types_deinit(struct types *t)
{
	json_decref(t->plugins);
	sonde_map_deinit(&t->by_name);
	sonde_pool_deinit(&t->pool);
}

const struct type *types_find(const struct types *t, const char *name, size_t len)
{
	return sonde_map_get(&t->by_name, name, len);
}

const char *types_nearest(const struct types *t, const char *name)
{
	const char *names[65] = { NULL };
	const struct type *type;
	size_t at = 0, n = 0;

	while (n < 64 && (type = sonde_map_next(&t->by_name, &at)))
		names[n++] = type->name;
	return sonde_nearest(name, names);
}
