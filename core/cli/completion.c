/* SPDX-License-Identifier: Apache-2.0 */
/* Completion. The scripts for the shells are a few lines that ask this program what may stand next;
 * it answers from the table of commands, the rows of options, and the plugins that are installed here.
 * It asks no controller: a key press must not wait for a network. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

static const struct {
	const char *shell, *script;
} scripts[] = {
	{ "bash",
	  "# eval \"$(sonde completion bash)\", or put it into /etc/bash_completion.d/sonde\n"
	  "_sonde() {\n"
	  "\tlocal IFS=$'\\n'\n"
	  "\tCOMPREPLY=($(\"${COMP_WORDS[0]}\" completion words -- \"${COMP_WORDS[@]:1:COMP_CWORD}\" "
	  "2>/dev/null))\n"
	  "}\n"
	  "complete -o default -F _sonde sonde\n" },
	{ "zsh",
	  "#compdef sonde\n"
	  "# eval \"$(sonde completion zsh)\" after compinit, or a file _sonde in $fpath\n"
	  "_sonde() {\n"
	  "\tlocal -a list\n"
	  "\tlist=(${(f)\"$(\"${words[1]}\" completion words -- \"${(@)words[2,CURRENT]}\" 2>/dev/null)\"})\n"
	  "\tif (( $#list )); then compadd -- $list; else _files; fi\n"
	  "}\n"
	  "if [[ $funcstack[1] = _sonde ]]; then _sonde \"$@\"; else compdef _sonde sonde; fi\n" },
	{ "fish",
	  "# sonde completion fish | source, or a file ~/.config/fish/completions/sonde.fish\n"
	  "function __sonde_words\n"
	  "\tset -l done (commandline -opc)\n"
	  "\tset -l now (commandline -ct)\n"
	  "\t$done[1] completion words -- $done[2..-1] \"$now\" 2>/dev/null\n"
	  "end\n"
	  "complete -c sonde -a '(__sonde_words)'\n" },
};

enum { SCRIPTS = sizeof(scripts) / sizeof(scripts[0]), TYPE_MAX = 64 };

/* What fits is printed, once. */
struct candidates {
	const char *begin;
	char last[TYPE_MAX];
};

static void offer(struct candidates *c, const char *word)
{
	if (strncmp(word, c->begin, strlen(c->begin)) || !strcmp(word, c->last))
		return;
	snprintf(c->last, sizeof(c->last), "%s", word);
	cli_put(stdout, word, false);
	fputc('\n', stdout);
}

static void offer_options(struct candidates *c, const struct cli_option *rows)
{
	char name[TYPE_MAX], word[TYPE_MAX + 2];

	for (; rows && rows->name; rows++) {
		snprintf(word, sizeof(word), "--%s", cli_kebab(rows->name, name, sizeof(name)));
		offer(c, word);
	}
}

static int is_plugin(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return n > 3 && n < TYPE_MAX && !strcmp(entry->d_name + n - 3, ".so");
}

static void offer_types(struct candidates *c)
{
	struct dirent **all;
	int n = scandir(SONDE_PLUGINDIR, &all, is_plugin, alphasort);

	for (int i = 0; i < n; i++) {
		all[i]->d_name[strlen(all[i]->d_name) - 3] = '\0';
		offer(c, all[i]->d_name);
		free(all[i]);
	}
	if (n >= 0)
		free(all);
}

static void offer_commands(struct candidates *c, const char *group)
{
	for (const struct cli_command *row = cli_commands; row->group; row++)
		if (!group || (!strcmp(row->group, group) && *row->verb))
			offer(c, group ? row->verb : row->group);
	if (group)
		return;
	offer(c, "help");
	offer(c, "version");
	offer_types(c);
}

/* NULL: a type, or a group whose command does not stand there yet. */
static const struct cli_command *command_of(const char *const *words, unsigned n)
{
	for (const struct cli_command *row = cli_commands; n && row->group; row++)
		if (!strcmp(row->group, words[0]) &&
		    (!*row->verb || (n > 1 && !strcmp(row->verb, words[1]))))
			return row;
	return NULL;
}

static bool is_group(const char *word)
{
	for (const struct cli_command *row = cli_commands; row->group; row++)
		if (!strcmp(row->group, word))
			return true;
	return false;
}

/* The values of a global option, where they are few. */
static void offer_values(struct candidates *c, const struct cli_option *o)
{
	const char *const *values = !strcmp(o->name, "output") ? cli_formats :
	                            !strcmp(o->name, "color")  ? cli_whens :
	                                                         NULL;

	while (values && *values)
		offer(c, *values++);
}

/* The words without global options and their values; how many. *open: the option whose value is
 * typed now, or NULL. */
static unsigned skip_globals(const char *const *words, unsigned n, const char **rest,
                             const struct cli_option **open)
{
	unsigned count = 0;

	*open = NULL;
	for (unsigned i = 0; i < n; i++) {
		const struct cli_option *o = cli_global(words[i]);
		bool takes_next = o && o->value &&
			(words[i][1] == '-' ? !strchr(words[i], '=') : !words[i][2]);
		if (!o)
			rest[count++] = words[i];
		else if (takes_next && ++i == n)
			*open = o;
	}
	return count;
}

/* count words stand before the one that is typed. */
static void complete(const char *const *all, unsigned count, const char *now)
{
	struct candidates c = { .begin = now };
	const char *rest[CLI_WORDS];
	const char *const *words = rest;
	const struct cli_option *open;

	unsigned n = skip_globals(all, count, rest, &open);
	if (open) {
		offer_values(&c, open);
		return;
	}
	if (n && !strcmp(words[0], "help")) {
		words++;
		n--;
	}
	const struct cli_command *row = command_of(words, n);
	if (now[0] == '-' && (!n || (n == 1 && !row && is_group(words[0]))))
		offer_options(&c, cli_global_options);
	else if (!n)
		offer_commands(&c, NULL);
	else if (n == 1 && !row && is_group(words[0]))
		offer_commands(&c, words[0]);
	else if (now[0] == '-') {
		offer_options(&c, row ? row->options : is_group(words[0]) ? NULL : cli_measure_options);
		offer_options(&c, cli_global_options);
	} else if (row && !strcmp(row->group, "completion")) {
		for (unsigned i = 0; i < SCRIPTS; i++)
			offer(&c, scripts[i].shell);
	}
}

int cli_completion(struct cli *cli, const struct cli_args *a)
{
	const char *shell = a->words[0];

	if (!strcmp(shell, "words")) {
		unsigned n = a->word_count - 1;
		if (n)
			complete(a->words + 1, n - 1, a->words[n]);
		return EXIT_OK;
	}
	for (unsigned i = 0; i < SCRIPTS; i++)
		if (!strcmp(scripts[i].shell, shell)) {
			fputs(scripts[i].script, stdout);
			return EXIT_OK;
		}
	return cli_fail(EXIT_USAGE, "there is completion for bash, zsh and fish");
}
