/* SPDX-License-Identifier: Apache-2.0 */
/* What is written from the rows: the definitions for the Lua language server, the std for luacheck,
 * and the reference part of doc/policies.md. Owns nothing. */
#include <string.h>

#include "script/facts.h"
#include "script/names.h"

/* ---- definitions ---- */

static const char meta_head[] =
	"---@meta\n"
	"-- SPDX-License-Identifier: Apache-2.0\n"
	"-- What a policy can call, for the Lua language server: put the folder of this file into\n"
	"-- \"workspace.library\" of .luarc.json. It is never run. Written by `sonde-policy reference meta`.\n"
	"\n"
	"---A position of a node in the columns, from 1 on. Only good within one decision.\n"
	"---@alias position integer\n"
	"\n"
	"---A list of positions: the candidates, or what a helper returned. It may be read, changed,\n"
	"---sorted; it belongs to the one decision.\n"
	"---@alias set position[]\n"
	"\n"
	"---A column of numbers, indexed by position. Read-only. An unknown value is not a number: every\n"
	"---comparison with it is false, and helpers take it for the worst.\n"
	"---@alias numbers table<position, number>\n"
	"\n"
	"---A column of texts, indexed by position. Read-only; \"\" when unknown.\n"
	"---@alias texts table<position, string>\n";

static const char *kind_name(const struct sonde_column_info *c)
{
	return c->kind == SONDE_KIND_NUMBER ? "numbers" : "texts";
}

static void put_field(struct sonde_buf *b, const char *name, const char *type, const char *doc)
{
	sonde_buf_printf(b, "---@field %s %s %s\n", name, type, doc);
}

/* "---@param" lines of "a: x, b?: y"; types may hold commas inside brackets. */
static void put_params(struct sonde_buf *b, const char *args)
{
	while (*args) {
		size_t name = strcspn(args, ":"), end = name + 2;
		int depth = 0;
		for (; args[end] && (depth || args[end] != ','); end++)
			depth += strchr("(<", args[end]) ? 1 : strchr(")>", args[end]) ? -1 : 0;
		sonde_buf_printf(b, "---@param %.*s %.*s\n", (int)name, args, (int)(end - name - 2),
		                 args + name + 2);
		args += end;
		args += strspn(args, ", ");
	}
}

/* The names of "a: x, b?: y" alone. */
static void put_names(struct sonde_buf *b, const char *args)
{
	int depth = 0;
	bool in_name = true;

	for (; *args; args++) {
		depth += strchr("(<", *args) ? 1 : strchr(")>", *args) ? -1 : 0;
		if (!depth && *args == ':')
			in_name = false;
		if (!depth && *args == ',') {
			in_name = true;
			sonde_buf_str(b, ", ");
			args += args[1] == ' ';
		} else if (in_name && *args != '?') {
			sonde_buf_char(b, *args);
		}
	}
}

static const char *const window_fields[] = { "loss", "mean", "min", "max", "last", "jitter",
	                                     "p50", "p90", "p95", "p99" };

static void put_facts(struct sonde_buf *b, const char *class, const struct sonde_fact_row *rows)
{
	sonde_buf_printf(b, "\n---@class %s\n", class);
	for (const struct sonde_fact_row *r = rows; r->name; r++)
		put_field(b, r->name, r->type, r->doc);
}

static void put_meta(struct sonde_buf *b)
{
	sonde_buf_str(b, meta_head);
	sonde_buf_str(b, "\n---@class view\n");
	for (unsigned i = 0; i < SONDE_COL_ALL; i++)
		put_field(b, sonde_column_infos[i].name, kind_name(&sonde_column_infos[i]),
		          sonde_column_infos[i].doc);
	sonde_buf_str(b, "\n---@class request\n");
	for (const struct sonde_request_row *r = sonde_request_rows; r->name; r++)
		put_field(b, r->name, r->type, r->doc);
	put_facts(b, "result", sonde_result_rows);
	put_facts(b, "node", sonde_change_rows);
	sonde_buf_str(b, "\n---@class window\n---@field n integer\n---@field missing integer\n");
	for (unsigned i = 0; i < sizeof(window_fields) / sizeof(window_fields[0]); i++)
		put_field(b, window_fields[i], "number", "");
	sonde_buf_str(b, "\n---@class tally\n---@field members integer\n---@field bad integer\n"
	                 "---@field groups integer\n---@field bad_groups integer\n"
	                 "---@field names string[]\n---@field where string[]\n");
	sonde_buf_str(b, "\n---@class param\n");
	for (const struct sonde_name_row *r = sonde_param_fields; r->name; r++)
		put_field(b, r->name, r->type, r->doc);
	sonde_buf_str(b, "\n---What a policy file returns.\n---@class policy\n");
	for (const struct sonde_name_row *r = sonde_policy_fields; r->name; r++)
		put_field(b, r->name, r->type, r->doc);
	for (unsigned i = 0; i < SONDE_ENTRY_COUNT; i++) {
		const struct sonde_entry_row *e = &sonde_entry_rows[i];
		sonde_buf_printf(b, "---@field %s (%sfun(%s): %s)? %s\n", e->name,
		                 i == SONDE_ENTRY_PICK ? "string|" : "", e->args, e->returns, e->doc);
	}
	sonde_buf_str(b, "\n---Helpers in C. Those that choose answer with at most `want` positions "
	                 "of the set.\nlb = {}\n");
	for (const struct sonde_lb_row *r = sonde_lb_rows; r->name; r++) {
		sonde_buf_printf(b, "\n---%s\n", r->doc);
		put_params(b, r->args);
		sonde_buf_printf(b, "---@return %s\nfunction lb.%s(", r->returns, r->name);
		put_names(b, r->args);
		sonde_buf_str(b, ") end\n");
	}
}

/* ---- luacheck ---- */

static void put_library(struct sonde_buf *b, const char *library)
{
	size_t n = strlen(library);

	sonde_buf_printf(b, "    %s = { fields = {", library);
	for (unsigned i = 0; sonde_sandbox_names[i]; i++)
		if (!strncmp(sonde_sandbox_names[i], library, n) && sonde_sandbox_names[i][n] == '.')
			sonde_buf_printf(b, " \"%s\",", sonde_sandbox_names[i] + n + 1);
	sonde_buf_str(b, " } },\n");
}

static void put_luacheck(struct sonde_buf *b)
{
	sonde_buf_str(b, "-- SPDX-License-Identifier: Apache-2.0\n"
	                 "-- For luacheck --config; written by `sonde-policy reference luacheck`.\n"
	                 "stds.sonde = {\n  read_globals = {\n");
	for (unsigned i = 0; sonde_sandbox_names[i]; i++) {
		const char *name = sonde_sandbox_names[i];
		if (strchr(name, '.'))
			continue;
		if (sonde_names_group(name))
			put_library(b, name);
		else
			sonde_buf_printf(b, "    \"%s\",\n", name);
	}
	sonde_buf_str(b, "    lb = { fields = {");
	for (const struct sonde_lb_row *r = sonde_lb_rows; r->name; r++)
		sonde_buf_printf(b, " \"%s\",", r->name);
	sonde_buf_str(b, " } },\n  },\n}\nstd = \"sonde\"\nmax_line_length = 120\n"
	                 "unused_args = false -- an entry has all its arguments\n");
}

/* ---- the manual ---- */

/* A table cell must not hold the sign that parts cells. */
static void put_cell(struct sonde_buf *b, const char *text, bool code)
{
	sonde_buf_str(b, code ? " `" : " ");
	for (; *text; text++) {
		if (*text == '|')
			sonde_buf_char(b, '\\');
		sonde_buf_char(b, *text);
	}
	sonde_buf_str(b, code ? "` |" : " |");
}

static void put_row(struct sonde_buf *b, const char *name, const char *type, const char *doc)
{
	sonde_buf_char(b, '|');
	put_cell(b, name, true);
	put_cell(b, type, true);
	put_cell(b, doc, false);
	sonde_buf_char(b, '\n');
}

static void put_head(struct sonde_buf *b, const char *title, const char *columns)
{
	sonde_buf_printf(b, "\n### %s\n\n%s\n|---|---|---|\n", title, columns);
}

static void put_request_row(struct sonde_buf *b, const struct sonde_request_row *r)
{
	struct sonde_buf doc;

	sonde_buf_init(&doc, 1024);
	sonde_buf_str(&doc, r->doc);
	if (r->entries != (1u << SONDE_ENTRY_COUNT) - 1) {
		const char *between = " (only in ";
		for (unsigned i = 0; i < SONDE_ENTRY_COUNT; i++) {
			if (!(r->entries & 1u << i))
				continue;
			sonde_buf_printf(&doc, "%s%s", between, sonde_entry_rows[i].name);
			between = ", ";
		}
		sonde_buf_char(&doc, ')');
	}
	put_row(b, r->name, r->type, sonde_buf_cstr(&doc));
	sonde_buf_deinit(&doc);
}

static void put_markdown(struct sonde_buf *b)
{
	struct sonde_buf call;

	sonde_buf_init(&call, 4096);
	put_head(b, "What a policy file returns", "| field | type | |");
	for (const struct sonde_name_row *r = sonde_policy_fields; r->name; r++)
		put_row(b, r->name, r->type, r->doc);
	for (unsigned i = 0; i < SONDE_ENTRY_COUNT; i++) {
		const struct sonde_entry_row *e = &sonde_entry_rows[i];
		sonde_buf_reset(&call);
		sonde_buf_printf(&call, "%s(", e->name);
		put_names(&call, e->args);
		sonde_buf_char(&call, ')');
		put_row(b, sonde_buf_cstr(&call), e->returns, e->doc);
	}
	put_head(b, "A parameter", "| field | type | |");
	for (const struct sonde_name_row *r = sonde_param_fields; r->name; r++)
		put_row(b, r->name, r->type, r->doc);
	put_head(b, "The request: `req`", "| field | type | |");
	for (const struct sonde_request_row *r = sonde_request_rows; r->name; r++)
		put_request_row(b, r);
	put_head(b, "The nodes: `view`", "| column | type | |");
	for (unsigned i = 0; i < SONDE_COL_ALL; i++)
		put_row(b, sonde_column_infos[i].name, kind_name(&sonde_column_infos[i]),
		        sonde_column_infos[i].doc);
	put_head(b, "What on_result sees: `result`", "| field | type | |");
	for (const struct sonde_fact_row *r = sonde_result_rows; r->name; r++)
		put_row(b, r->name, r->type, r->doc);
	put_head(b, "What on_node sees: `node`", "| field | type | |");
	for (const struct sonde_fact_row *r = sonde_change_rows; r->name; r++)
		put_row(b, r->name, r->type, r->doc);
	put_head(b, "The helpers: `lb`", "| call | returns | |");
	for (const struct sonde_lb_row *r = sonde_lb_rows; r->name; r++) {
		sonde_buf_reset(&call);
		sonde_buf_printf(&call, "lb.%s(", r->name);
		put_names(&call, r->args);
		sonde_buf_char(&call, ')');
		put_row(b, sonde_buf_cstr(&call), r->returns, r->doc);
	}
	sonde_buf_str(b, "\n### Of Lua's own library\n\n");
	for (unsigned i = 0; sonde_sandbox_names[i]; i++)
		sonde_buf_printf(b, "%s`%s`", i ? " " : "", sonde_sandbox_names[i]);
	sonde_buf_char(b, '\n');
	sonde_buf_deinit(&call);
}

void sonde_reference_write(enum sonde_reference what, struct sonde_buf *b)
{
	static void (*const put[])(struct sonde_buf *) = {
		[SONDE_REFERENCE_META] = put_meta,
		[SONDE_REFERENCE_LUACHECK] = put_luacheck,
		[SONDE_REFERENCE_MARKDOWN] = put_markdown,
	};

	put[what](b);
}
