/* SPDX-License-Identifier: Apache-2.0 */
/* Help, made from the rows of commands and options, and from what the controller says of a type. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static const struct {
	int code;
	const char *meaning;
} exit_codes[] = {
	{ EXIT_OK, "ok" },
	{ EXIT_FAILED, "failure" },
	{ EXIT_USAGE, "usage: the command line or the request is wrong" },
	{ EXIT_RESULT, "it ran, but a result failed" },
	{ EXIT_AUTH, "not authorised" },
	{ EXIT_NOT_FOUND, "not found" },
	{ EXIT_PARTIAL, "some nodes could not measure" },
	{ EXIT_UNREACHABLE, "the controller cannot be reached" },
	{ EXIT_TIMEOUT, "results did not come in time" },
	{ EXIT_INTERRUPTED, "interrupted" },
};

const char *cli_kebab(const char *name, char *out, size_t room)
{
	size_t n = 0;

	for (const char *p = name; *p && n + 2 < room; p++) {
		if (isupper((unsigned char)*p) && p > name)
			out[n++] = '-';
		out[n++] = *p == '_' ? '-' : (char)tolower((unsigned char)*p);
	}
	out[n] = '\0';
	return out;
}

void cli_help_options(const struct cli_option *o)
{
	char name[64], left[160], letter[8];

	for (; o && o->name; o++) {
		snprintf(letter, sizeof(letter), o->letter ? "-%c, " : "    ", o->letter);
		snprintf(left, sizeof(left), "%s--%s%s%s", letter,
		         cli_kebab(o->name, name, sizeof(name)), o->value ? " " : "",
		         o->value ? o->value : "");
		cli_printf("  %-26s %s%s%s%s\n", left, o->help ? o->help : "", o->env ? " (" : "",
		           o->env ? o->env : "", o->env ? ")" : "");
	}
}

static void help_globals(void)
{
	puts("\noptions of every command:");
	cli_help_options(cli_global_options);
}

static void add_member(struct sonde_buf *b, const json_t *row, const char *before, const char *key)
{
	const json_t *value = cli_at(row, key);

	if (!value || json_is_null(value))
		return;
	sonde_buf_str(b, b->len ? ", " : " (");
	sonde_buf_str(b, before);
	cli_add_value(b, value);
}

/* A bound of a duration is in milliseconds. */
static void add_bound(struct sonde_buf *b, const json_t *row, const char *key)
{
	const json_t *bound = cli_at(row, key);
	json_int_t ms = json_integer_value(bound);

	if (strcmp(cli_str(row, "type"), "duration") || !json_is_integer(bound))
		cli_add_value(b, bound);
	else if (ms % 1000)
		sonde_buf_printf(b, "%lldms", (long long)ms);
	else
		sonde_buf_printf(b, "%llds", (long long)ms / 1000);
}

static void add_range(struct sonde_buf *b, const json_t *row)
{
	bool text = !strcmp(cli_str(row, "type"), "string"), least = json_number_value(cli_at(row, "min")) > 0;

	if (!cli_at(row, "min"))
		return;
	sonde_buf_str(b, b->len ? ", " : " (");
	if (!text || least) {
		sonde_buf_str(b, text ? "" : "from ");
		add_bound(b, row, "min");
		sonde_buf_str(b, " to ");
	} else {
		sonde_buf_str(b, "at most ");
	}
	add_bound(b, row, "max");
	sonde_buf_str(b, text ? " characters" : "");
}

/* " (1 to 16, default 3)", or nothing. */
static void add_facts(struct sonde_buf *b, const json_t *row)
{
	add_member(b, row, "one of ", "enum");
	add_range(b, row);
	add_member(b, row, "", "unit");
	add_member(b, row, "default ", "default");
	if (json_is_true(cli_at(row, "secret")))
		sonde_buf_str(b, b->len ? ", @FILE reads it" : " (@FILE reads it");
	if (b->len)
		sonde_buf_char(b, ')');
}

enum { LEFT = 160 };

static void name_param(const json_t *row, bool as_flag, char left[LEFT])
{
	const char *name = cli_str(row, "name"), *type = cli_str(row, "type");
	char kebab[64];

	if (as_flag)
		snprintf(left, LEFT, "    --%s %s", cli_kebab(name, kebab, sizeof(kebab)),
		         strcmp(type, "bool") ? type : "");
	else
		snprintf(left, LEFT, "%-22s %s", name, type);
}

static void help_param(const json_t *row, bool as_flag, int width, struct sonde_buf *b)
{
	char left[LEFT];

	name_param(row, as_flag, left);
	sonde_buf_reset(b);
	add_facts(b, row);
	cli_printf("  %-*s %s%s\n", width, left, cli_str(row, "help"), sonde_buf_cstr(b));
}

void cli_help_params(const json_t *rows, bool as_flags)
{
	char left[LEFT];
	struct sonde_buf b;
	const json_t *row;
	int width = 26;
	size_t i;

	sonde_buf_init(&b, 4096);
	json_array_foreach(rows, i, row) {
		name_param(row, as_flags, left);
		if ((int)strlen(left) > width)
			width = (int)strlen(left);
	}
	json_array_foreach(rows, i, row)
		help_param(row, as_flags, width, &b);
	sonde_buf_deinit(&b);
}

static void help_line(const struct cli_command *c)
{
	char left[64];

	snprintf(left, sizeof(left), "%s%s%s %s", c->group, *c->verb ? " " : "", c->verb,
	         c->arguments);
	printf("  %-30s  %s\n", left, c->summary);
}

int cli_help_all(void)
{
	puts("usage: sonde TYPE TARGET [from LOCATION[,LOCATION...]] [--limit N] [options]\n"
	     "       sonde COMMAND [arguments] [options]\n\n"
	     "Measure from your own nodes: sonde ping example.com from eu,us --limit 4\n"
	     "A location is a country, city, region, continent, network, AS number, tag or node;\n"
	     "+ joins with \"and\", a comma with \"or\". Types: sonde plugin ls.\n\ncommands:");
	for (const struct cli_command *c = cli_commands; c->group; c++)
		help_line(c);
	printf("  %-30s  %s\n  %-30s  %s\n", "help [COMMAND or TYPE]", "this text, or that of one",
	       "version", "of this program");
	help_globals();
	puts("\nexit codes:");
	for (unsigned i = 0; i < sizeof(exit_codes) / sizeof(exit_codes[0]); i++)
		printf("  %3d  %s\n", exit_codes[i].code, exit_codes[i].meaning);
	return EXIT_OK;
}

int cli_help_group(const char *group)
{
	printf("usage: sonde %s COMMAND [arguments] [options]\n\ncommands:\n", group);
	for (const struct cli_command *c = cli_commands; c->group; c++)
		if (!strcmp(c->group, group))
			help_line(c);
	help_globals();
	return EXIT_OK;
}

int cli_help_command(const struct cli_command *c)
{
	printf("usage: sonde %s%s%s%s%s [options]\n%s\n", c->group, *c->verb ? " " : "", c->verb,
	       *c->arguments ? " " : "", c->arguments, c->summary);
	if (c->options)
		puts("\noptions:");
	cli_help_options(c->options);
	help_globals();
	return EXIT_OK;
}
