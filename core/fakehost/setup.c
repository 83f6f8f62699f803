/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a fake host around a plugin that a node would take, and keeps what the test sets. Owns the
 * args and their texts; the plugin stays open, as in the runner. The caller frees the host. */
#include "fakehost/internal.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "param/param.h"

enum { ARG_TEXTS = 1 << 20 };

static int set_row(struct fakehost *h, unsigned i, const struct sonde_param *row, const char *text)
{
	struct sonde_error e = { 0 };

	if (sonde_row_set_text(row, h->args, text, &h->arg_pool, &e))
		return -1;
	h->given[i] = true;
	return 0;
}

int fakehost_set(struct fakehost *h, const char *name, const char *value)
{
	struct sonde_param row;

	for (unsigned i = 0; sonde_row_at(h->plug.params, i, &row); i++)
		if (!strcmp(row.name, name))
			return set_row(h, i, &row, value);
	return -1;
}

void fakehost_reset(struct fakehost *h)
{
	struct sonde_param row;

	sonde_pool_deinit(&h->arg_pool);
	sonde_pool_init(&h->arg_pool, ARG_TEXTS);
	memset(h->args, 0, h->plug.desc.args_size);
	memset(h->given, 0, sizeof(h->given));
	for (unsigned i = 0; sonde_row_at(h->plug.params, i, &row); i++)
		if (row.def && set_row(h, i, &row, row.def))
			fakehost_die("%s: the default of %s does not parse", h->plug.desc.name,
			             row.name);
}

struct fakehost *fakehost_try_new(const struct sonde_plugin *plugin, struct sonde_error *e)
{
	struct fakehost *h = calloc(1, sizeof(*h));

	if (!h || sonde_plug_read(plugin, UINT32_MAX, &h->plug, e)) {
		free(h);
		return NULL;
	}
	h->args = calloc(1, h->plug.desc.args_size + 1);
	if (!h->args) {
		free(h);
		sonde_fail(e, SONDE_ENOMEM, NULL, "out of memory");
		return NULL;
	}
	h->timeout = 10 * SONDE_NS_PER_S;
	h->memory = SONDE_PROBE_MEMORY;
	h->json = "";
	sonde_pool_init(&h->arg_pool, ARG_TEXTS);
	sonde_buf_init(&h->raw, SONDE_RAW_MAX);
	fakehost_reset(h);
	return h;
}

struct fakehost *fakehost_new_linked(const struct sonde_plugin *plugin)
{
	struct sonde_error e = { 0 };
	struct fakehost *h = fakehost_try_new(plugin, &e);

	if (!h)
		fakehost_die("%s", e.text[0] ? e.text : "out of memory");
	return h;
}

struct fakehost *fakehost_new(const char *path)
{
	char full[PATH_MAX];
	const char *top = getenv("top_builddir");
	struct sonde_error e = { 0 };
	struct sonde_plug plug;

	/* With a slash, because dlopen looks a bare name up elsewhere. */
	snprintf(full, sizeof(full), "%s/%s", top && access(path, F_OK) ? top : ".", path);
	if (sonde_plug_open(*path == '/' ? path : full, UINT32_MAX, &plug, &e))
		fakehost_die("%s: %s", path, e.text);
	return fakehost_new_linked(&plug.desc);
}

void fakehost_free(struct fakehost *h)
{
	if (!h)
		return;
	if (h->has_result)
		sonde_result_deinit(&h->result);
	sonde_buf_deinit(&h->raw);
	sonde_pool_deinit(&h->arg_pool);
	free(h->args);
	free(h);
}

void fakehost_virtual_clock(struct fakehost *h, bool on)
{
	h->virtual_clock = on;
}

void fakehost_step(struct fakehost *h, int64_t ns)
{
	h->step = ns;
}

void fakehost_seed(struct fakehost *h, uint64_t seed)
{
	h->seed = seed;
}

void fakehost_count_descriptors(struct fakehost *h, bool on)
{
	h->leaves_uncounted = !on;
}

void fakehost_timeout(struct fakehost *h, int64_t ns)
{
	h->timeout = ns;
}

void fakehost_cancel_at(struct fakehost *h, int64_t ns, enum sonde_why why)
{
	h->cancel_at = ns;
	h->cancel_why = why;
}

void fakehost_memory(struct fakehost *h, size_t bytes)
{
	h->memory = bytes;
}

void fakehost_ip_version(struct fakehost *h, unsigned version)
{
	h->probe.ip_version = version;
}

static void add_name(struct fakehost_name *rows, unsigned *n, const char *name,
                     const char *address)
{
	if (*n == FAKEHOST_NAMES || !fakehost_parse_address(address, &rows[*n].addr))
		fakehost_die("too many names, or no address: %s", address);
	snprintf(rows[*n].name, sizeof(rows[*n].name), "%s", name);
	(*n)++;
}

void fakehost_resolve_add(struct fakehost *h, const char *name, const char *address)
{
	add_name(h->names, &h->n_names, name, address);
}

void fakehost_resolve_by_add(struct fakehost *h, const char *server, const char *name,
                             const char *address)
{
	add_name(h->names, &h->n_names, name, address);
	if (!fakehost_parse_address(server, &h->names[h->n_names - 1].server))
		fakehost_die("no address: %s", server);
}

void fakehost_reverse_add(struct fakehost *h, const char *address, const char *name)
{
	add_name(h->reverse, &h->n_reverse, name, address);
}

void fakehost_host_size(struct fakehost *h, size_t size)
{
	size = size < sizeof(h->table) ? size : sizeof(h->table);
	memset(&h->table, 0, sizeof(h->table));
	memcpy(&h->table, &fakehost_table, size);
	h->table.size = (uint32_t)size;
}

void fakehost_resolve_delay(struct fakehost *h, int64_t ns)
{
	h->resolve_delay = ns;
}

void fakehost_refuse(struct fakehost *h, const char *address)
{
	add_name(h->refused, &h->n_refused, "", address);
}

void fakehost_only_loopback(struct fakehost *h, bool on)
{
	h->only_loopback = on;
}

void fakehost_icmp_sockets(struct fakehost *h, int which)
{
	static const enum sonde_icmp kinds[] = {
		[FAKEHOST_ANY_SOCKET] = SONDE_ICMP_ANY,
		[FAKEHOST_PING_SOCKET] = SONDE_ICMP_PING,
		[FAKEHOST_RAW_SOCKET] = SONDE_ICMP_RAW,
	};

	if (which >= 0 && which <= FAKEHOST_RAW_SOCKET)
		h->icmp = kinds[which];
}

void fakehost_on_socket(struct fakehost *h, void (*fn)(void *, int, int), void *arg)
{
	h->on_socket = fn;
	h->on_socket_arg = arg;
}

void fakehost_at(struct fakehost *h, int64_t ns, void (*fn)(void *), void *arg)
{
	if (h->n_calls == FAKEHOST_CALLS)
		fakehost_die("too many calls");
	h->calls[h->n_calls++] = (struct fakehost_call){ ns, fn, arg, false };
}
