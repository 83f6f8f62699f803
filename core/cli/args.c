/* SPDX-License-Identifier: Apache-2.0 */
/* Splitting a command line by rows of options. Options may stand anywhere; "--" ends them. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

int cli_fail(int code, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* What a server or a user wrote must not drive the terminal. */
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	fprintf(stderr, "sonde: %s\n", text);
	return code;
}

struct search {
	const struct cli_option *rows;
	unsigned count;
};

static const struct cli_option *by_name(const struct search *s, const char *name, size_t len)
{
	for (unsigned i = 0; i < s->count; i++)
		if (strlen(s->rows[i].name) == len && !strncmp(s->rows[i].name, name, len))
			return &s->rows[i];
	for (const struct cli_option *o = cli_global_options; o->name; o++)
		if (strlen(o->name) == len && !strncmp(o->name, name, len))
			return o;
	return NULL;
}

static const struct cli_option *by_letter(const struct search *s, char letter)
{
	for (unsigned i = 0; i < s->count; i++)
		if (s->rows[i].letter == letter)
			return &s->rows[i];
	for (const struct cli_option *o = cli_global_options; o->name; o++)
		if (o->letter == letter)
			return o;
	return NULL;
}

static int unknown(const struct search *s, const char *arg, size_t len)
{
	const char *names[CLI_OPTIONS + 16] = { NULL };
	char word[64];
	unsigned n = 0;

	for (unsigned i = 0; i < s->count && n < CLI_OPTIONS; i++)
		names[n++] = s->rows[i].name;
	for (const struct cli_option *o = cli_global_options; o->name; o++)
		names[n++] = o->name;
	snprintf(word, sizeof(word), "%.*s", (int)len, arg);
	const char *near = sonde_nearest(word, names);
	return cli_fail(EXIT_USAGE, "unknown option --%s%s%s%s", word, near ? "; did you mean --" : "",
	                near ? near : "", near ? "?" : "");
}

static int add(struct cli_args *a, const struct cli_option *o, const char *value)
{
	if (a->option_count == CLI_OPTIONS)
		return cli_fail(EXIT_USAGE, "more than %d options", CLI_OPTIONS);
	a->options[a->option_count].name = o->name;
	a->options[a->option_count++].value = value;
	return EXIT_OK;
}

/* One option at argv[*i]; moves *i when it takes the next argument. */
static int option(struct cli_args *a, const struct search *s, int argc, char **argv, int *i)
{
	const char *arg = argv[*i], *inline_value = NULL;
	const struct cli_option *o;

	if (arg[1] == '-') {
		size_t len = strcspn(arg + 2, "=");
		o = by_name(s, arg + 2, len);
		if (!o)
			return unknown(s, arg + 2, len);
		inline_value = arg[2 + len] ? arg + 3 + len : NULL;
	} else {
		o = by_letter(s, arg[1]);
		if (!o)
			return cli_fail(EXIT_USAGE, "unknown option -%c", arg[1]);
		inline_value = arg[2] ? arg + 2 : NULL;
	}
	if (!o->value)
		return inline_value ? cli_fail(EXIT_USAGE, "--%s takes no value", o->name) :
				      add(a, o, "");
	if (inline_value)
		return add(a, o, inline_value);
	if (*i + 1 >= argc)
		return cli_fail(EXIT_USAGE, "--%s needs a value (%s)", o->name, o->value);
	return add(a, o, argv[++*i]);
}

int cli_parse(struct cli_args *a, int argc, char **argv, const struct cli_option *rows,
              unsigned row_count)
{
	struct search s = { rows, row_count };
	bool ended = false;

	memset(a, 0, sizeof(*a));
	for (int i = 0; i < argc; i++) {
		int rc = EXIT_OK;
		if (!ended && !strcmp(argv[i], "--"))
			ended = true;
		else if (!ended && argv[i][0] == '-' && argv[i][1])
			rc = option(a, &s, argc, argv, &i);
		else if (a->word_count == CLI_WORDS)
			rc = cli_fail(EXIT_USAGE, "too many arguments");
		else
			a->words[a->word_count++] = argv[i];
		if (rc != EXIT_OK)
			return rc;
	}
	return EXIT_OK;
}

const char *cli_option(const struct cli_args *a, const char *name)
{
	const char *value = NULL;

	for (unsigned i = 0; i < a->option_count; i++)
		if (!strcmp(a->options[i].name, name))
			value = a->options[i].value;
	return value;
}
