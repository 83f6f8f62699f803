/* SPDX-License-Identifier: Apache-2.0 */
/* The definitions, the luacheck std and the manual say what the rows say, and name the same. */
#include <stdio.h>
#include <stdlib.h>

#include "script/names.h"
#include "tap.h"

static char *read_shipped(const char *name)
{
	const char *top = getenv("top_srcdir") ? getenv("top_srcdir") : ".";
	enum { MAX = 1 << 20 };
	char path[1024], *text = calloc(1, MAX);

	snprintf(path, sizeof(path), "%s/%s", top, name);
	FILE *f = fopen(path, "re");
	if (!f || !text)
		tap_fail(__FILE__, __LINE__, "cannot read %s", path);
	size_t n = fread(text, 1, MAX - 1, f);
	fclose(f);
	EXPECT(n > 0 && n < MAX - 1);
	return text;
}

static void expect_in(const char *file, enum sonde_reference what, bool whole)
{
	char *shipped = read_shipped(file);
	struct sonde_buf b;

	sonde_buf_init(&b, 1 << 20);
	sonde_reference_write(what, &b);
	const char *text = sonde_buf_cstr(&b);
	if (whole ? strcmp(shipped, text) != 0 : !strstr(shipped, text))
		tap_fail(__FILE__, __LINE__, "%s is not what the rows say: write it again with "
		         "sonde-policy reference", file);
	sonde_buf_deinit(&b);
	free(shipped);
}

static void the_shipped_files_are_those_of_the_rows(void)
{
	expect_in("lua/sonde.meta.lua", SONDE_REFERENCE_META, true);
	expect_in("lua/luacheckrc", SONDE_REFERENCE_LUACHECK, true);
	expect_in("doc/policies.md", SONDE_REFERENCE_MARKDOWN, false);
}

static void expect_name(const char *text, const char *before, const char *name, const char *after)
{
	char line[128];

	snprintf(line, sizeof(line), "%s%s%s", before, name, after);
	if (!strstr(text, line))
		tap_fail(__FILE__, __LINE__, "%s is missing", line);
}

/* By name and not through the writer: each of the three knows each name. */
static void the_three_have_the_same_names(void)
{
	char *meta = read_shipped("lua/sonde.meta.lua"), *std = read_shipped("lua/luacheckrc");
	char *manual = read_shipped("doc/policies.md");

	for (const struct sonde_lb_row *r = sonde_lb_rows; r->name; r++) {
		expect_name(meta, "\nfunction lb.", r->name, "(");
		expect_name(std, " \"", r->name, "\",");
		expect_name(manual, "\n| `lb.", r->name, "(");
	}
	for (unsigned i = 0; i < SONDE_ENTRY_COUNT; i++) {
		expect_name(meta, "\n---@field ", sonde_entry_rows[i].name, " (");
		expect_name(manual, "\n| `", sonde_entry_rows[i].name, "(req");
	}
	for (const struct sonde_request_row *r = sonde_request_rows; r->name; r++) {
		expect_name(meta, "\n---@field ", r->name, " ");
		expect_name(manual, "\n| `", r->name, "` |");
	}
	for (unsigned i = 0; i < SONDE_COL_ALL; i++) {
		expect_name(meta, "\n---@field ", sonde_column_infos[i].name, " ");
		expect_name(manual, "\n| `", sonde_column_infos[i].name, "` |");
	}
	for (unsigned i = 0; sonde_sandbox_names[i]; i++) {
		const char *dot = strchr(sonde_sandbox_names[i], '.');
		expect_name(std, dot || !sonde_names_group(sonde_sandbox_names[i]) ? "\"" : "    ",
		            dot ? dot + 1 : sonde_sandbox_names[i], "");
		expect_name(manual, "`", sonde_sandbox_names[i], "`");
	}
	free(meta);
	free(std);
	free(manual);
}

static void a_near_name_is_found(void)
{
	bool known;

	EXPECT_STR(sonde_names_nearest("lb", "leest", &known), "least");
	EXPECT(!known);
	EXPECT_STR(sonde_names_nearest("view", "load", &known), "load");
	EXPECT(known);
	EXPECT_STR(sonde_names_nearest("policy", "rotue", &known), "route");
	EXPECT_STR(sonde_names_nearest("", "ipair", &known), "ipairs");
	EXPECT_STR(sonde_names_nearest("string", "formt", &known), "format");
	EXPECT(sonde_names_group("math") && !sonde_names_group("io") && !sonde_names_group(""));
}

TAP_MAIN(CASE(the_shipped_files_are_those_of_the_rows), CASE(the_three_have_the_same_names),
         CASE(a_near_name_is_found))
