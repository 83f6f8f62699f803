/* SPDX-License-Identifier: Apache-2.0 */
/* A new policy that works, with a test that passes. Refuses to overwrite. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "author/author.h"

static const char policy_text[] =
	"-- What it is for, and when another policy is the better one.\n"
	"return {\n"
	"  api = 1,\n"
	"  summary = \"the least loaded of the near nodes\",\n"
	"  params = {\n"
	"    max_rtt = { type = \"duration\", default = \"80ms\", help = \"farther nodes only if needed\" },\n"
	"  },\n"
	"  pick = function(req, set, view)\n"
	"    local near = lb.below(set, view.rtt, req.params.max_rtt)\n"
	"    return lb.least(#near >= req.want and near or set, view.pressure, req.want)\n"
	"  end,\n"
	"}\n";

static const char test_text[] =
	"local nodes = {\n"
	"  { name = \"near\", rtt = 10, load = 0.5 },\n"
	"  { name = \"far\", rtt = 200, load = 0.1 },\n"
	"}\n"
	"\n"
	"return {\n"
	"  { name = \"near before idle\", given = nodes, when = { want = 1 }, expect = { \"near\" } },\n"
	"  { name = \"the far one where it is needed\", given = nodes, when = { want = 2 },\n"
	"    expect = { \"far\", \"near\" } },\n"
	"}\n";

static int write_new(const char *path, const char *text)
{
	FILE *f = fopen(path, "wxe");

	if (!f)
		return author_fail(AUTHOR_FAILED, "%s: %s", path, strerror(errno));
	bool bad = fputs(text, f) < 0;
	bad |= fclose(f) != 0;
	if (bad)
		return author_fail(AUTHOR_FAILED, "%s cannot be written", path);
	printf("%s\n", path);
	return AUTHOR_OK;
}

static void write_editor_files(void)
{
	char text[AUTHOR_PATH];

	/* These may be there from an earlier policy. */
	snprintf(text, sizeof(text), "{ \"workspace.library\": [\"%s\"], \"runtime.version\": \"Lua 5.4\" }\n",
	         author_lua_dir());
	FILE *f = fopen(".luarc.json", "wxe");
	if (f) {
		fputs(text, f);
		fclose(f);
		puts(".luarc.json");
	}
}

int author_new(int argc, char **argv)
{
	char path[AUTHOR_PATH];

	if (argc != 1)
		return author_fail(AUTHOR_USAGE, "usage: new NAME");
	size_t n = strspn(argv[0], "abcdefghijklmnopqrstuvwxyz0123456789_-");
	if (!n || argv[0][n] || n > 63)
		return author_fail(AUTHOR_USAGE, "a name is 1 to 63 of a-z, 0-9, '_' and '-'");
	snprintf(path, sizeof(path), "%s.lua", argv[0]);
	int code = write_new(path, policy_text);
	if (code != AUTHOR_OK)
		return code;
	snprintf(path, sizeof(path), "%s.t.lua", argv[0]);
	code = write_new(path, test_text);
	if (code == AUTHOR_OK)
		write_editor_files();
	return code;
}
