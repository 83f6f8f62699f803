/* SPDX-License-Identifier: Apache-2.0 */
/* Files, names and options that the commands share. Owns nothing. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "author/author.h"

enum { READ_MAX = 64 << 20 };

int author_fail(int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("sonde policy: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	return code;
}

char *author_read(const char *path, size_t *len, struct sonde_error *err)
{
	FILE *f = strcmp(path, "-") ? fopen(path, "rbe") : stdin;
	struct sonde_buf b;
	char piece[65536];
	size_t n;

	sonde_buf_init(&b, READ_MAX);
	while (f && (n = fread(piece, 1, sizeof(piece), f)) > 0)
		sonde_buf_add(&b, piece, n);
	sonde_buf_char(&b, '\0');
	bool ok = f && !ferror(f) && !b.failed;
	if (!ok)
		sonde_fail(err, SONDE_EIO, NULL, "%s: %s", path,
		           b.failed ? "larger than 64 MiB" : strerror(errno));
	if (f && f != stdin)
		fclose(f);
	if (!ok) {
		sonde_buf_deinit(&b);
		return NULL;
	}
	*len = b.len - 1;
	return b.data;
}

bool author_name(const char *path, char out[64])
{
	const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
	size_t n = strlen(file);

	if (n <= 4 || n > 67 || strcmp(file + n - 4, ".lua") ||
	    (n > 6 && !strcmp(file + n - 6, ".t.lua")))
		return false;
	snprintf(out, 64, "%.*s", (int)(n - 4), file);
	return true;
}

/* Installed, or in the source tree above a build tree (build/, build/release/). */
const char *author_lua_dir(void)
{
	static const char *const above[] = { "../lua", "../../lua" };
	static char path[AUTHOR_PATH];
	const char *dir = getenv("SONDE_LUA");

	if (dir && *dir)
		return dir;
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 16);
	while (n > 0 && path[n - 1] != '/')
		n--;
	for (size_t i = 0; n > 0 && access(SONDE_DATADIR "/lua/bench.lua", R_OK) && i < 2; i++) {
		memcpy(path + n, above[i], strlen(above[i]) + 1);
		if (!access(path, R_OK))
			return path;
	}
	return SONDE_DATADIR "/lua";
}

const char *author_option(int argc, char **argv, int *i, const char *name)
{
	size_t n = strlen(name);

	if (strncmp(argv[*i], "--", 2) || strncmp(argv[*i] + 2, name, n))
		return NULL;
	const char *rest = argv[*i] + 2 + n;
	if (*rest == '=')
		return rest + 1;
	return !*rest && *i + 1 < argc ? argv[++*i] : NULL;
}
