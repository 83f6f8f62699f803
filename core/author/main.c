/* SPDX-License-Identifier: Apache-2.0 */
/* sonde-policy: the first word is the command. Owns nothing. */
#include <stdio.h>
#include <string.h>

#include "author/author.h"
#include "script/reference.h"

static int reference(int argc, char **argv)
{
	static const char *const kinds[] = { "meta", "luacheck", "markdown" };
	struct sonde_buf b;
	unsigned i = 0;

	while (i < 3 && (argc != 1 || strcmp(kinds[i], argv[0])))
		i++;
	if (i == 3)
		return author_fail(AUTHOR_USAGE, "usage: reference meta|luacheck|markdown");
	sonde_buf_init(&b, 1 << 20);
	sonde_reference_write(i, &b);
	fwrite(b.data, 1, b.len, stdout);
	sonde_buf_deinit(&b);
	return AUTHOR_OK;
}

static const struct {
	const char *name, *help;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "new", "NAME: write NAME.lua, its tests and an editor's configuration", author_new },
	{ "check", "FILE...: syntax, fields, parameters, unknown names", author_check },
	{ "test", "DIR|FILE...: run the tests beside each policy, TAP on stdout", author_test },
	{ "simulate", "FILE --nodes N | --input RECORDS: decide many times and count", author_simulate },
	{ "console", "FILE --snapshot NODES: a prompt in the sandbox of a policy", author_console },
	{ "reference", "meta|luacheck|markdown: every name a policy sees", reference },
};

int main(int argc, char **argv)
{
	for (unsigned i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 2, argv + 2);
	fputs("usage: sonde-policy COMMAND\n", stderr);
	for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(stderr, "  %-10s %s\n", commands[i].name, commands[i].help);
	return AUTHOR_USAGE;
}
