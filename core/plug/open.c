/* SPDX-License-Identifier: Apache-2.0 */
/* Opens one plugin file. What is read before `abi` and `size` have been checked is nothing, and
 * what is read after is only what `size` covers. Refuses what is not a plain file of the right
 * name that only its owner's group may write. Owns nothing that can be given back: the object and
 * the descriptor of its copy stay for ever. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plug/plugset.h"

enum {
	ARGS_MAX = 64 << 10,
	STATE_MAX = 1 << 20,
	FIELDS_MAX = 512,
	TEXT_MAX = 400,
	FILE_MAX = 64 << 20,
};

/* Sizes of the first version of the structs: nothing smaller was ever a plugin. */
#define PLUGIN_MIN (offsetof(struct sonde_plugin, finish) + sizeof(void (*)(void)))
#define PARAM_MIN (offsetof(struct sonde_param, flags) + sizeof(uint32_t))
#define FIELD_MIN (offsetof(struct sonde_field, flags) + sizeof(uint32_t))
#define NEEDS_KNOWN (SONDE_NEED_ICMP | SONDE_NEED_UDP | SONDE_NEED_TCP | SONDE_NEED_RESOLVE)

/* Lower-case letters, digits and underscores, a letter first, shorter than SONDE_PLUG_NAME. */
static bool name_ok(const char *s, size_t n)
{
	if (!n || n >= SONDE_PLUG_NAME || s[0] < 'a' || s[0] > 'z')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9') || s[i] == '_'))
			return false;
	return true;
}

/* The file, open and looked at; a status when it is refused. */
static int open_file(const char *path, off_t *size, struct sonde_error *e)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 && errno == ELOOP)
		return sonde_fail(e, SONDE_EDENIED, NULL, "the file is a symbolic link");
	if (fd < 0)
		return sonde_fail(e, SONDE_EIO, NULL, "the file cannot be opened: %s",
		                  strerror(errno));
	int rc = fstat(fd, &st);
	if (!rc && S_ISREG(st.st_mode) && !(st.st_mode & S_IWOTH)) {
		*size = st.st_size;
		return fd;
	}
	close(fd);
	if (rc || !S_ISREG(st.st_mode))
		return sonde_fail(e, SONDE_EDENIED, NULL, "this is not a regular file");
	return sonde_fail(e, SONDE_EDENIED, NULL, "anybody may write to the file");
}

/* A sealed copy in memory of what was looked at, so that the file may be written over while its
 * code is mapped; -1 when there is none, which costs only that. */
static int copy_file(int file, off_t size, const char *name)
{
	int copy = size > 0 && size <= FILE_MAX ?
	                   memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING) : -1;
	char chunk[16 << 10];
	ssize_t n;

	if (copy < 0)
		return -1;
	for (off_t done = 0; (n = pread(file, chunk, sizeof(chunk), done)) > 0; done += n)
		if (done + n > FILE_MAX || write(copy, chunk, (size_t)n) != n)
			break;
	if (n == 0 && !fcntl(copy, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE))
		return copy;
	close(copy);
	return -1;
}

static void *map_copy(int copy)
{
	char path[64];

	/* The number stays taken: the linker knows what is loaded by this name. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", copy);
	return dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
}

static const void *map_plugin(const char *path, int copy, struct sonde_error *e)
{
	void *object = copy >= 0 ? map_copy(copy) : NULL;

	/* By its name when the copy would not do: libraries beside it, no /proc. It also says better
	 * what is wrong. */
	if (!object)
		object = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!object) {
		const char *why = dlerror();
		size_t n = strlen(path);
		if (why && !strncmp(why, path, n) && why[n] == ':')
			why += n + 1 + strspn(why + n + 1, " ");
		sonde_fail(e, SONDE_EINVAL, NULL, "it cannot be linked: %s",
		           why ? why : "unknown reason");
		return NULL;
	}
	const void *symbol = dlsym(object, "sonde_plugin");
	if (!symbol)
		sonde_fail(e, SONDE_EINVAL, NULL, "it exports no sonde_plugin");
	return symbol;
}

/* Whether the object holds as many bytes behind the symbol as its `size` says; true where the
 * system cannot tell. */
static bool size_is_there(const void *symbol)
{
#ifdef __GLIBC__
	Dl_info info;
	void *found = NULL;
	uint32_t head[2];

	if (!dladdr1(symbol, &info, &found, RTLD_DL_SYMENT) || !found)
		return true;
	uint64_t bytes = ((const ElfW(Sym) *)found)->st_size;
	if (bytes < sizeof(head))
		return false;
	memcpy(head, symbol, sizeof(head));
	/* Of another ABI: the size need not stand there, and is not read. */
	return head[0] != SONDE_PLUGIN_ABI || head[1] <= bytes;
#else
	return true;
#endif
}

static int check_version(const void *symbol, struct sonde_error *e)
{
	uint32_t head[2];

	memcpy(head, symbol, sizeof(head));
	if (head[0] != SONDE_PLUGIN_ABI)
		return sonde_fail(e, SONDE_EVERSION, NULL,
		                  "it was built for plugin ABI %u, this host has %u", head[0],
		                  SONDE_PLUGIN_ABI);
	if (head[1] < PLUGIN_MIN || head[1] > 4096)
		return sonde_fail(e, SONDE_EVERSION, NULL, "its size of %u bytes is impossible",
		                  head[1]);
	return SONDE_OK;
}

static bool text_ok(const char *s)
{
	if (!s)
		return false;
	size_t n = strnlen(s, TEXT_MAX + 1);
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < 0x20)
			return false;
	return n && n <= TEXT_MAX;
}

static int check_texts(const struct sonde_plugin *d, struct sonde_error *e)
{
	const char *const text[] = { d->name, d->version, d->summary, d->license };
	static const char *const what[] = { "name", "version", "summary", "license" };

	for (unsigned i = 0; i < sizeof(text) / sizeof(text[0]); i++)
		if (!text_ok(text[i]))
			return sonde_fail(e, SONDE_EINVAL, NULL,
			                  "its %s is missing, too long or not plain text", what[i]);
	return SONDE_OK;
}

static int check_fields(const struct sonde_plugin *d, struct sonde_error *e)
{
	if (!d->fields)
		return sonde_fail(e, SONDE_EINVAL, NULL, "it has no field rows");
	for (unsigned i = 0;; i++) {
		struct sonde_field f;
		memcpy(&f, (const char *)d->fields + (size_t)i * d->field_size, FIELD_MIN);
		if (f.type == SONDE_TYPE_END)
			return SONDE_OK;
		if (i == FIELDS_MAX)
			return sonde_fail(e, SONDE_EINVAL, NULL, "its field rows do not end");
		if (f.type > SONDE_TYPE_OBJECT || !text_ok(f.name) || !text_ok(f.help) ||
		    (f.unit && !text_ok(f.unit)))
			return sonde_fail(e, SONDE_EINVAL, NULL, "its field row %u is not valid", i);
	}
}

static int check_desc(const struct sonde_plug *p, uint32_t allowed, struct sonde_error *e)
{
	const struct sonde_plugin *d = &p->desc;
	struct sonde_error row = { 0 };

	if (d->args_size > ARGS_MAX || d->state_size > STATE_MAX)
		return sonde_fail(e, SONDE_EINVAL, NULL, "its args or state are too large");
	if (!d->start || !d->cancel || !d->finish)
		return sonde_fail(e, SONDE_EINVAL, NULL, "start, cancel or finish is missing");
	if (d->param_size < PARAM_MIN || d->param_size > 1024 || d->param_size % 8 ||
	    d->field_size < FIELD_MIN || d->field_size > 1024 || d->field_size % 8)
		return sonde_fail(e, SONDE_EVERSION, NULL, "its rows have an impossible size");
	if (!d->params)
		return sonde_fail(e, SONDE_EINVAL, NULL, "it has no parameter rows");
	if (sonde_rows_check(p->params, d->args_size, &row))
		return sonde_fail(e, SONDE_EINVAL, NULL, "its parameter rows are not valid: %s%s%.160s",
		                  row.path, row.path[0] ? ": " : "", row.text);
	int status = check_fields(d, e);
	if (status)
		return status;
	if (!sonde_plug_target_name(d->target))
		return sonde_fail(e, SONDE_EVERSION, NULL,
		                  "its target is of a kind that this host does not know");
	if (d->needs & ~(uint32_t)NEEDS_KNOWN)
		return sonde_fail(e, SONDE_EVERSION, NULL,
		                  "it needs something that this host does not know");
	if (d->needs & ~allowed)
		return sonde_fail(e, SONDE_EDENIED, NULL, "it needs %s, which this node cannot give",
		                  d->needs & ~allowed & SONDE_NEED_ICMP ? "ICMP sockets"
		                                                        : "a right");
	return SONDE_OK;
}

int sonde_plug_read(const void *symbol, uint32_t allowed, struct sonde_plug *out,
                    struct sonde_error *e)
{
	struct sonde_plug p = { 0 };
	int status = check_version(symbol, e);

	if (status)
		return status;
	uint32_t size = ((const struct sonde_plugin *)symbol)->size;
	memcpy(&p.desc, symbol, size < sizeof(p.desc) ? size : sizeof(p.desc));
	p.params = (struct sonde_rows){ p.desc.params, p.desc.param_size };
	status = check_texts(&p.desc, e);
	if (status == SONDE_OK)
		status = check_desc(&p, allowed, e);
	if (status == SONDE_OK && out)
		*out = p;
	return status;
}

int sonde_plug_open(const char *path, uint32_t allowed, struct sonde_plug *out,
                    struct sonde_error *e)
{
	const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
	size_t n = strlen(file);
	struct sonde_plug p;

	if (n < 4 || strcmp(file + n - 3, ".so") || !name_ok(file, n - 3))
		return sonde_fail(e, SONDE_EINVAL, NULL,
		                  "the file is not called NAME.so with a NAME of lower-case "
		                  "letters, digits and underscores");
	off_t bytes = 0;
	int fd = open_file(path, &bytes, e);
	if (fd < 0)
		return fd;
	int copy = copy_file(fd, bytes, file);
	close(fd);
	const void *symbol = map_plugin(path, copy, e);
	if (!symbol)
		return SONDE_EINVAL;
	if (!size_is_there(symbol))
		return sonde_fail(e, SONDE_EVERSION, NULL,
		                  "its sonde_plugin is shorter than it says");
	int status = sonde_plug_read(symbol, allowed, &p, e);
	if (status)
		return status;
	if (strlen(p.desc.name) != n - 3 || memcmp(p.desc.name, file, n - 3))
		return sonde_fail(e, SONDE_EINVAL, NULL, "it calls itself \"%s\", not as its file",
		                  p.desc.name);
	if (out)
		*out = p;
	return SONDE_OK;
}
