/* SPDX-License-Identifier: Apache-2.0 */
/* The commands as data, finding one, and help made from the same rows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

static const struct cli_option token_create_options[] = {
	{ "ttl", 0, "DURATION", "how long it may be used (default 1h)" },
	{ "uses", 0, "N", "how many nodes may use it (default 1)" },
	{ "approve", 0, NULL, "its nodes need no approval" },
	{ "region", 0, "REGION", "region of nodes that name none" },
	{ "description", 0, "TEXT", "what it is for" },
	{ NULL },
};

const struct cli_option cli_global_options[] = {
	{ "output", 'o', "FORMAT", "table, json, jsonl, csv or raw" },
	{ "url", 0, "URL", "the controller (SONDE_URL, default http://127.0.0.1:8756)" },
	{ "token-file", 0, "FILE", "file with the token (or SONDE_TOKEN)" },
	{ "ca-file", 0, "FILE", "certificates to trust instead of the system's" },
	{ "no-headers", 0, NULL, "tables without a first line" },
	{ "color", 0, "WHEN", "auto, always or never (NO_COLOR is honoured)" },
	{ "help", 'h', NULL, "this text" },
	{ NULL },
};

const struct cli_command cli_commands[] = {
	{ "node ls", "", "list the nodes", NULL, cli_node_ls, 0, 0 },
	{ "node show", "NODE", "one node: facts, load, versions", NULL, cli_node_show, 1, 1 },
	{ "node approve", "NODE", "let a pending node work", NULL, cli_node_approve, 1, 1 },
	{ "node disable", "NODE", "give it no tasks", NULL, cli_node_disable, 1, 1 },
	{ "node enable", "NODE", "give it tasks again", NULL, cli_node_enable, 1, 1 },
	{ "node set", "NODE KEY=VALUE...", "region, tags, priority (1-100), ...", NULL, cli_node_set,
	  2, 32 },
	{ "node rm", "NODE", "remove it for good", NULL, cli_node_rm, 1, 1 },
	{ "token create", "", "make a registration token", token_create_options, cli_token_create, 0,
	  0 },
	{ "token ls", "", "list registration tokens", NULL, cli_token_ls, 0, 0 },
	{ "token rm", "ID", "revoke a registration token", NULL, cli_token_rm, 1, 1 },
	{ "measurement show", "ID", "a measurement and its results", NULL, cli_measurement_show, 1,
	  1 },
	{ "plugin ls", "", "list the measurement types", NULL, cli_plugin_ls, 0, 0 },
	{ "plugin show", "TYPE", "options and fields of a type", NULL, cli_plugin_show, 1, 1 },
	{ "policy ls", "", "list the placement policies", NULL, cli_policy_ls, 0, 0 },
	{ NULL },
};

static const char exit_codes[] =
	"0 ok  1 failure  2 usage  3 a result failed  4 not authorised  5 not found\n"
	"6 some nodes could not measure  7 controller unreachable  124 timeout  130 interrupted\n";

static void help_options(const struct cli_option *o)
{
	char left[48];

	for (; o && o->name; o++) {
		snprintf(left, sizeof(left), "%s%c%s--%s%s%s", o->letter ? "-" : "",
		         o->letter ? o->letter : ' ', o->letter ? ", " : "   ", o->name,
		         o->value ? " " : "", o->value ? o->value : "");
		printf("  %-26s %s\n", left, o->help);
	}
}

static int help_all(void)
{
	puts("usage: sonde TYPE TARGET [from LOCATION[,LOCATION...]] [--limit N] [options]\n"
	     "       sonde COMMAND [arguments] [options]\n\n"
	     "Measure from your own nodes: sonde ping example.com from eu,us --limit 4\n"
	     "A location is a country, city, region, continent, network, AS number, tag or node;\n"
	     "+ joins with \"and\", a comma with \"or\". Types: sonde plugin ls.\n\ncommands:");
	for (const struct cli_command *c = cli_commands; c->words; c++) {
		char left[64];
		snprintf(left, sizeof(left), "%s %s", c->words, c->arguments);
		printf("  %-30s %s\n", left, c->summary);
	}
	puts("  help [COMMAND], version\n\noptions of every command:");
	help_options(cli_global_options);
	printf("\nexit codes: %s", exit_codes);
	return EXIT_OK;
}

static int help_one(const struct cli_command *c)
{
	printf("usage: sonde %s %s\n%s\n", c->words, c->arguments, c->summary);
	if (c->options)
		puts("\noptions:");
	help_options(c->options);
	puts("\noptions of every command:");
	help_options(cli_global_options);
	return EXIT_OK;
}

/* The command whose words begin argv; *used is how many. */
static const struct cli_command *find(int argc, char **argv, int *used)
{
	for (const struct cli_command *c = cli_commands; c->words; c++) {
		const char *space = strchr(c->words, ' ');
		size_t len = (size_t)(space - c->words);
		if (argc > 1 && strlen(argv[0]) == len && !strncmp(argv[0], c->words, len) &&
		    !strcmp(argv[1], space + 1)) {
			*used = 2;
			return c;
		}
	}
	return NULL;
}

static bool is_group(const char *word)
{
	size_t len = strlen(word);

	for (const struct cli_command *c = cli_commands; c->words; c++)
		if (!strncmp(c->words, word, len) && c->words[len] == ' ')
			return true;
	return false;
}

static int unknown_in_group(const char *group, const char *word)
{
	const char *names[32] = { NULL };
	unsigned n = 0;
	size_t len = strlen(group);

	for (const struct cli_command *c = cli_commands; c->words && n < 31; c++)
		if (!strncmp(c->words, group, len) && c->words[len] == ' ')
			names[n++] = c->words + len + 1;
	if (!word || word[0] == '-') {
		fprintf(stderr, "sonde: %s needs one of:", group);
		for (unsigned i = 0; i < n; i++)
			fprintf(stderr, " %s", names[i]);
		fputc('\n', stderr);
		return EXIT_USAGE;
	}
	const char *near = sonde_nearest(word, names);
	return cli_fail(EXIT_USAGE, "there is no command '%s %s'%s%s%s", group, word,
	                near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static int set_up(struct cli *cli, const struct cli_args *args)
{
	static const char *const formats[] = { "table", "json", "jsonl", "csv", "raw" };
	const char *format = cli_option(args, "output"), *file = cli_option(args, "token-file");
	const char *colour = cli_option(args, "color"), *url = cli_option(args, "url");
	const char *term = getenv("TERM"), *no = getenv("NO_COLOR"), *token = getenv("SONDE_TOKEN");

	cli->url = url ? url : getenv("SONDE_URL") ? getenv("SONDE_URL") : "http://127.0.0.1:8756";
	cli->ca_file = cli_option(args, "ca-file") ? cli_option(args, "ca-file") :
						     getenv("SONDE_CA_FILE");
	cli->headers = !cli_option(args, "no-headers");
	cli->colour = colour && strcmp(colour, "auto") ? !strcmp(colour, "always") :
		      isatty(STDOUT_FILENO) && !(no && *no) && term && strcmp(term, "dumb");
	unsigned f = 0;
	while (format && f < 5 && strcmp(format, formats[f]))
		f++;
	if (f == 5)
		return cli_fail(EXIT_USAGE, "--output must be table, json, jsonl, csv or raw, not '%s'",
		                format);
	cli->format = (enum cli_format)f;
	snprintf(cli->token, sizeof(cli->token), "%s", token && !file ? token : "");
	if (file) {
		FILE *in = fopen(file, "re");
		if (!in || !fgets(cli->token, sizeof(cli->token), in))
			return cli_fail(EXIT_USAGE, "cannot read a token from %s", file);
		fclose(in);
		cli->token[strcspn(cli->token, "\r\n")] = '\0';
	}
	return sonde_fetcher_new(&cli->fetcher) == SONDE_OK ? EXIT_OK :
							      cli_fail(EXIT_FAILED, "out of memory");
}

static unsigned count_options(const struct cli_option *o)
{
	unsigned n = 0;
	while (o && o[n].name)
		n++;
	return n;
}

static int run_command(const struct cli_command *c, int argc, char **argv)
{
	static struct cli cli;
	static struct cli_args args;

	int rc = cli_parse(&args, argc, argv, c->options, count_options(c->options));
	if (rc == EXIT_OK && cli_option(&args, "help"))
		return help_one(c);
	if (rc == EXIT_OK && (args.word_count < c->min_words || args.word_count > c->max_words))
		rc = cli_fail(EXIT_USAGE, "usage: sonde %s %s", c->words, c->arguments);
	if (rc == EXIT_OK)
		rc = set_up(&cli, &args);
	if (rc == EXIT_OK)
		rc = c->run(&cli, &args);
	sonde_fetcher_free(cli.fetcher);
	return rc;
}

/* Options of a measurement depend on its type, which only the controller knows: a first look
 * finds the global ones. */
static int run_measure(const char *type, int argc, char **argv)
{
	static struct cli cli;
	static struct cli_args globals;

	for (int i = 0; i < argc && globals.option_count < CLI_OPTIONS; i++) {
		for (const struct cli_option *o = cli_global_options; o->name; o++) {
			size_t len = strlen(o->name);
			bool is_short = o->letter && argv[i][0] == '-' && argv[i][1] == o->letter;
			bool is_long = !strncmp(argv[i], "--", 2) && !strncmp(argv[i] + 2, o->name, len);
			const char *tail = is_short ? argv[i] + 2 : is_long ? argv[i] + 2 + len : "x";
			if (*tail && !(is_long && *tail == '=') && !is_short)
				continue;
			const char *value = !o->value ? "" : is_short && *tail ? tail :
				is_long && *tail == '=' ? tail + 1 : i + 1 < argc ? argv[i + 1] : "";
			globals.options[globals.option_count].name = o->name;
			globals.options[globals.option_count++].value = value;
			break;
		}
	}
	int rc = set_up(&cli, &globals);
	if (rc == EXIT_OK)
		rc = cli_measure(&cli, type, argc, argv);
	sonde_fetcher_free(cli.fetcher);
	return rc;
}

int cli_main(int argc, char **argv)
{
	int used = 0;

	if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return help_all();
	if (!strcmp(argv[1], "version") || !strcmp(argv[1], "--version"))
		return puts("sonde " SONDE_VERSION), EXIT_OK;
	if (!strcmp(argv[1], "help")) {
		const struct cli_command *c = find(argc - 2, argv + 2, &used);
		return c ? help_one(c) : help_all();
	}
	const struct cli_command *c = find(argc - 1, argv + 1, &used);
	if (c)
		return run_command(c, argc - 1 - used, argv + 1 + used);
	if (is_group(argv[1]))
		return unknown_in_group(argv[1], argc > 2 ? argv[2] : NULL);
	if (argv[1][0] == '-')
		return cli_fail(EXIT_USAGE, "the command comes first: sonde ping TARGET, sonde node ls; "
		                            "see sonde help");
	return run_measure(argv[1], argc - 2, argv + 2);
}
