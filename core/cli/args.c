/* SPDX-License-Identifier: Apache-2.0 */
/* Splitting a command line by rows of options, and reading a file that it names. Options may stand
 * anywhere; "--" ends them. Owns nothing: names point into rows, values into argv. */
#include <ctype.h>
#include <errno.h>
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
	fputs("sonde: ", stderr);
	cli_put(stderr, text, false);
	fputc('\n', stderr);
	return code;
}

struct parser {
	struct cli_args *args;
	const struct cli_option *rows; /* may be NULL */
	bool known_only, front;
	int argc, at;
	char **argv;
};

static bool is_joint(char c)
{
	return c == '-' || c == '_' || c == '.';
}

static bool same_name(const char *name, const char *word, size_t len)
{
	const char *end = word + len;

	for (;;) {
		while (is_joint(*name))
			name++;
		while (word < end && is_joint(*word))
			word++;
		if (!*name || word == end)
			return !*name && word == end;
		if (tolower((unsigned char)*name++) != tolower((unsigned char)*word++))
			return false;
	}
}

/* arg is "--name..." or "-x...". */
static size_t name_len(const char *arg)
{
	return arg[1] == '-' ? strcspn(arg + 2, "=") : 1;
}

static const struct cli_option *find_in(const struct cli_option *rows, const char *arg)
{
	for (const struct cli_option *o = rows; o && o->name; o++)
		if (arg[1] == '-' ? same_name(o->name, arg + 2, name_len(arg)) : o->letter == arg[1])
			return o;
	return NULL;
}

static const struct cli_option *find(const struct parser *p, const char *arg)
{
	const struct cli_option *o = find_in(p->rows, arg);

	return o ? o : find_in(cli_global_options, arg);
}

static int unknown(const struct parser *p, const char *arg, size_t len)
{
	enum { NAMES = 192, NAME = 64 };
	const struct cli_option *lists[] = { p->rows, cli_global_options };
	const char *names[NAMES + 1] = { NULL };
	char kebabs[NAMES][NAME], word[NAME];
	unsigned n = 0;

	if (arg[1] != '-')
		return cli_fail(EXIT_USAGE, "unknown option %.2s; a value that begins with - is "
		                            "written --option=VALUE", arg);
	for (unsigned i = 0; i < 2; i++)
		for (const struct cli_option *o = lists[i]; o && o->name && n < NAMES; o++, n++)
			names[n] = cli_kebab(o->name, kebabs[n], NAME);
	snprintf(word, sizeof(word), "%.*s", (int)(len < NAME ? len : NAME - 1), arg + 2);
	const char *near = sonde_nearest(word, names);
	return cli_fail(EXIT_USAGE, "unknown option --%s%s%s%s%s", word, p->front ? " before the command" : "",
	                near ? "; did you mean --" : "", near ? near : "", near ? "?" : "");
}

static int add(struct parser *p, const struct cli_option *o, const char *value)
{
	struct cli_args *a = p->args;

	if (a->option_count == CLI_OPTIONS)
		return cli_fail(EXIT_USAGE, "more than %d options", CLI_OPTIONS);
	a->options[a->option_count].name = o->name;
	a->options[a->option_count++].value = value;
	return EXIT_OK;
}

/* The option at argv[at]; moves at when it takes the next argument. */
static int option(struct parser *p)
{
	const char *arg = p->argv[p->at];
	char name[64];
	bool is_long = arg[1] == '-';
	size_t len = name_len(arg);
	const char *rest = is_long ? arg + 2 + len : arg + 2;
	const char *value = *rest ? rest + is_long : NULL; /* --name=value, -xvalue */

	const struct cli_option *o = find(p, arg);
	if (!o)
		return p->known_only ? EXIT_OK : unknown(p, arg, len);
	cli_kebab(o->name, name, sizeof(name));
	if (!o->value)
		return value ? cli_fail(EXIT_USAGE, "--%s takes no value", name) : add(p, o, "");
	if (!value && p->at + 1 >= p->argc)
		return cli_fail(EXIT_USAGE, "--%s needs a value (%s)", name, o->value);
	return add(p, o, value ? value : p->argv[++p->at]);
}

static int word(struct parser *p)
{
	struct cli_args *a = p->args;

	if (a->word_count == CLI_WORDS)
		return cli_fail(EXIT_USAGE, "more than %d arguments", CLI_WORDS);
	a->words[a->word_count++] = p->argv[p->at];
	return EXIT_OK;
}

static int check_text(int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		json_t *text = json_string(argv[i]);
		if (!text)
			return cli_fail(EXIT_USAGE, "'%s' is not UTF-8", argv[i]);
		json_decref(text);
	}
	return EXIT_OK;
}

int cli_parse(struct cli_args *a, int argc, char **argv, const struct cli_option *rows,
              bool known_only)
{
	struct parser p = { .args = a, .rows = rows, .known_only = known_only, .argc = argc, .argv = argv };
	bool ended = false;

	*a = (struct cli_args){ 0 };
	int rc = check_text(argc, argv);
	for (; rc == EXIT_OK && p.at < argc; p.at++) {
		const char *arg = argv[p.at];
		if (!ended && !strcmp(arg, "--"))
			ended = true;
		else if (!ended && arg[0] == '-' && arg[1])
			rc = option(&p);
		else
			rc = word(&p);
	}
	return rc;
}

static bool is_option(const char *arg)
{
	return arg[0] == '-' && arg[1] && strcmp(arg, "--") != 0;
}

int cli_put_behind(int argc, char **argv)
{
	struct cli_args args = { 0 };
	struct parser p = { .args = &args, .front = true, .argc = argc, .argv = argv };

	for (; p.at < argc && is_option(argv[p.at]); p.at++) {
		int rc = option(&p);
		if (rc != EXIT_OK)
			return rc;
	}
	if (p.at < argc) {
		char *word = argv[p.at];
		memmove(argv + 1, argv, (size_t)p.at * sizeof(*argv));
		argv[0] = word;
	}
	return EXIT_OK;
}

const struct cli_option *cli_global(const char *arg)
{
	return is_option(arg) ? find_in(cli_global_options, arg) : NULL;
}

const char *cli_option(const struct cli_args *a, const char *name)
{
	const char *value = NULL;

	for (unsigned i = 0; i < a->option_count; i++)
		if (!strcmp(a->options[i].name, name))
			value = a->options[i].value;
	return value;
}

int cli_read_file(const char *path, struct sonde_buf *b)
{
	FILE *f = strcmp(path, "-") ? fopen(path, "re") : stdin;
	char block[4096];
	size_t n = 1;

	if (!f)
		return cli_fail(EXIT_USAGE, "cannot open %s: %s", path, strerror(errno));
	while (n > 0 && !b->failed) {
		n = fread(block, 1, sizeof(block), f);
		sonde_buf_add(b, block, n);
	}
	int code = ferror(f) ? cli_fail(EXIT_FAILED, "cannot read %s", path) :
		   b->failed ? cli_fail(EXIT_USAGE, "%s is larger than %zu KiB", path, b->max >> 10) : EXIT_OK;
	if (f != stdin)
		fclose(f);
	explicit_bzero(block, sizeof(block));
	return code;
}

int cli_read_value(const char *path, json_t **value)
{
	struct sonde_buf text;

	sonde_buf_init(&text, CLI_VALUE_MAX);
	int code = cli_read_file(path, &text);
	size_t n = text.len;
	while (n && (text.data[n - 1] == '\n' || text.data[n - 1] == '\r'))
		n--;
	*value = code == EXIT_OK ? json_stringn(n ? text.data : "", n) : NULL;
	if (code == EXIT_OK && !*value)
		code = cli_fail(EXIT_USAGE, "%s is not UTF-8", path);
	if (text.data)
		explicit_bzero(text.data, text.len);
	sonde_buf_deinit(&text);
	return code;
}

void cli_set_at(json_t *object, const char *path, json_t *value)
{
	char key[64];

	for (const char *dot; (dot = strchr(path, '.')); path = dot + 1) {
		snprintf(key, sizeof(key), "%.*s", (int)(dot - path), path);
		if (!json_object_get(object, key))
			json_object_set_new(object, key, json_object());
		object = json_object_get(object, key);
	}
	json_object_set_new(object, path, value);
}

int cli_add_pairs(json_t *body, const char *member, const char *option, const struct cli_args *a)
{
	json_t *pairs = json_object();
	char key[65];

	for (unsigned i = 0; i < a->option_count; i++) {
		const char *value = a->options[i].value, *equals = strchr(value, '=');
		if (strcmp(a->options[i].name, option))
			continue;
		if (!equals || equals == value || equals - value > 64) {
			json_decref(pairs);
			return cli_fail(EXIT_USAGE, "--%s wants KEY=VALUE, not '%s'", option, value);
		}
		snprintf(key, sizeof(key), "%.*s", (int)(equals - value), value);
		cli_set_at(pairs, key, json_string(equals + 1));
	}
	if (json_object_size(pairs))
		json_object_set(body, member, pairs);
	json_decref(pairs);
	return EXIT_OK;
}
