/* SPDX-License-Identifier: Apache-2.0 */
/* The commands as data, and the way from argv to one of them. What is no command is the type of a
 * measurement, which only the controller knows. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static const struct cli_option token_create_options[] = {
	{ "ttl", 0, "DURATION", "how long it may be used (default 1h)" },
	{ "uses", 0, "N", "how many nodes may use it (default 1)" },
	{ "approve", 0, NULL, "its nodes need no approval" },
	{ "region", 0, "REGION", "region of nodes that name none" },
	{ "description", 0, "TEXT", "what it is for" },
	{ NULL },
};

static const struct cli_option ban_options[] = {
	{ "reason", 0, "TEXT", "told to the node" },
	{ "for", 0, "DURATION", "how long; for good when not given" },
	{ NULL },
};

static const struct cli_option logs_options[] = {
	{ "follow", 'f', NULL, "go on with new lines until interrupted" },
	{ "lines", 0, "N", "how many of the last lines (default 100)" },
	{ NULL },
};

static const struct cli_option version_options[] = {
	{ "version", 0, "N", "this version" },
	{ NULL },
};

static const struct cli_option schedule_add_options[] = {
	{ "interval", 'i', "DURATION", "time from one run to the next" },
	{ "cron", 0, "EXPR", "cron expression, instead of an interval" },
	{ "zone", 0, "ZONE", "UTC (default) or an offset such as +02:00, for cron" },
	{ "start", 0, "TIME", "first moment, RFC 3339" },
	{ "until", 0, "TIME", "end, RFC 3339" },
	{ "spread", 0, "DURATION", "nodes are spread over this time" },
	{ "from", 'F', "LOCATION", "locations, as of a measurement" },
	{ "limit", 'L', "N", "how many nodes" },
	{ "node", 0, "NODE", "this node; may be repeated" },
	{ "to-region", 0, "REGION", "mesh: only nodes of it; may be repeated" },
	{ "to-tag", 0, "TAG", "mesh: only nodes with it; may be repeated" },
	{ "option", 'O', "KEY=VALUE", "option of the type, a secret one as KEY=@FILE; may be repeated" },
	{ "timeout", 0, "SECONDS", "time of a run" },
	{ "retries", 0, "N", "more attempts when it could not be measured" },
	{ "priority", 0, "N", "1 to 100: who goes first on a full node" },
	{ "grace", 0, "DURATION", "how long a node may be lost before another stands in" },
	{ "policy", 0, "NAME", "placement policy" },
	{ "require", 0, "KEY=VALUE", "what each node must have; may be repeated" },
	{ "description", 0, "TEXT", "what it is for" },
	{ "exclusive", 0, NULL, "never two of these at once on a node" },
	{ "paused", 0, NULL, "do not run it yet" },
	{ NULL },
};

static const struct cli_option apply_options[] = {
	{ "file", 'f', "FILE", "YAML file with a list named schedules; - reads stdin" },
	{ "dry-run", 'n', NULL, "show the difference, change nothing" },
	{ "prune", 0, NULL, "remove the schedules that the file does not name" },
	{ NULL },
};

static const struct cli_option policy_apply_options[] = {
	{ "dry-run", 0, NULL, "compile and test only" },
	{ "shadow", 0, NULL, "let it decide beside the active one, and only compare" },
	{ NULL },
};

static const struct cli_option simulate_options[] = {
	{ "nodes", 0, "N", "with so many invented nodes" },
	{ "from-store", 0, NULL, "with the requests that the controller recorded" },
	{ "since", 0, "DURATION", "how far back (default 1h)" },
	{ "count", 0, "N", "invented requests (default 1000)" },
	{ "want", 0, "N", "nodes a request (default 1)" },
	{ "region", 0, "REGION", "asked for by invented requests" },
	{ "type", 0, "TYPE", "of invented requests (default ping)" },
	{ "params", 0, "JSON", "parameters of the policy" },
	{ NULL },
};

static const struct cli_option console_options[] = {
	{ "want", 0, "N", "nodes the request asks for (default 1)" },
	{ "type", 0, "TYPE", "of the request (default ping)" },
	{ "target", 0, "TARGET", "of the request" },
	{ "region", 0, "REGION", "of the request" },
	{ "params", 0, "JSON", "parameters of the policy" },
	{ NULL },
};

static const struct cli_option event_ls_options[] = {
	{ "open", 0, NULL, "what is wrong now" },
	{ "kind", 0, "KIND", "of this kind, such as problem.raised" },
	{ "limit", 'L', "N", "at most so many (default 100)" },
	{ "follow", 'f', NULL, "go on with new events until interrupted" },
	{ NULL },
};

static const struct cli_option event_ack_options[] = {
	{ "comment", 0, "TEXT", "who looks at it" },
	{ NULL },
};

static const struct cli_option event_silence_options[] = {
	{ "for", 0, "DURATION", "how long (default 1h)" },
	{ "comment", 0, "TEXT", "why" },
	{ "end", 0, "ID", "end this one" },
	{ NULL },
};

static const struct cli_option plugin_options[] = {
	{ "node", 0, "NODE", "of this node only" },
	{ NULL },
};

const struct cli_command cli_commands[] = {
	{ "node", "ls", "", "list the nodes", NULL, cli_node_ls, 0, 0 },
	{ "node", "show", "NODE", "one node: facts, load, versions", NULL, cli_node_show, 1, 1 },
	{ "node", "approve", "NODE", "let a pending node work", NULL, cli_node_approve, 1, 1 },
	{ "node", "disable", "NODE", "give it no tasks", NULL, cli_node_disable, 1, 1 },
	{ "node", "enable", "NODE", "give it tasks again", NULL, cli_node_enable, 1, 1 },
	{ "node", "set", "NODE KEY=VALUE...", "region, tags, priority (1-100), ...", NULL,
	  cli_node_set, 2, 32 },
	{ "node", "configure", "NODE KEY=VALUE...",
	  "settings: capacity, packetsPerSecond, beat, selfTest, logLevel, plugins.TYPE.OPTION", NULL,
	  cli_node_configure, 2, 32 },
	{ "node", "sync", "NODE", "send it its settings again", NULL, cli_node_sync, 1, 1 },
	{ "node", "drain", "NODE", "no new tasks; what runs goes on", NULL, cli_node_drain, 1, 1 },
	{ "node", "undrain", "NODE", "end a drain", NULL, cli_node_undrain, 1, 1 },
	{ "node", "logs", "NODE", "last lines of its log", logs_options, cli_node_logs, 1, 1 },
	{ "node", "restart-runner", "NODE", "replace its runner", NULL, cli_node_restart_runner, 1, 1 },
	{ "node", "self-test", "NODE", "let it test itself now", NULL, cli_node_self_test, 1, 1 },
	{ "node", "rotate-key", "NODE", "give it a new key", NULL, cli_node_rotate_key, 1, 1 },
	{ "node", "ban", "NODE", "send it away", ban_options, cli_node_ban, 1, 1 },
	{ "node", "unban", "NODE", "let it come back", NULL, cli_node_unban, 1, 1 },
	{ "node", "rm", "NODE", "remove it for good", NULL, cli_node_rm, 1, 1 },
	{ "token", "create", "", "make a registration token", token_create_options,
	  cli_token_create, 0, 0 },
	{ "token", "ls", "", "list registration tokens", NULL, cli_token_ls, 0, 0 },
	{ "token", "rm", "ID", "revoke a registration token", NULL, cli_token_rm, 1, 1 },
	{ "measurement", "ls", "", "the newest measurements", cli_measurement_ls_options,
	  cli_measurement_ls, 0, 0 },
	{ "measurement", "cancel", "ID", "end a measurement now", NULL, cli_measurement_cancel, 1, 1 },
	{ "measurement", "rerun", "ID", "measure the same again", cli_rerun_options,
	  cli_measurement_rerun, 1, 1 },
	{ "measurement", "show", "ID", "a measurement: its placement and results", cli_show_options,
	  cli_measurement_show, 1, 1 },
	{ "measurement", "explain", "ID", "why these nodes: filters, policy, answer", NULL,
	  cli_measurement_explain, 1, 1 },
	{ "plugin", "ls", "", "list the measurement types", plugin_options, cli_plugin_ls, 0, 0 },
	{ "plugin", "show", "TYPE", "options and fields of a type", NULL, cli_plugin_show, 1, 1 },
	{ "plugin", "new", "DIR", "write a first plugin that works", cli_plugin_new_options,
	  cli_plugin_new, 1, 1 },
	{ "plugin", "check", "FILE", "try a plugin: rows, self-test, generated parameters",
	  cli_plugin_check_options, cli_plugin_check, 1, 1 },
	{ "plugin", "reload", "", "look at the plugin directories again: new and changed types are live",
	  plugin_options, cli_plugin_reload, 0, 0 },
	{ "policy", "ls", "", "list the placement policies", NULL, cli_policy_ls, 0, 0 },
	{ "policy", "show", "NAME", "its source and versions", version_options, cli_policy_show, 1, 1 },
	{ "policy", "new", "NAME", "write NAME.lua with its tests", NULL, cli_policy_new, 1, 1 },
	{ "policy", "check", "FILE...", "syntax, parameters, unknown names", NULL, cli_policy_check, 1,
	  32 },
	{ "policy", "test", "DIR|FILE...", "run the tests beside each policy (TAP)", NULL,
	  cli_policy_test, 1, 32 },
	{ "policy", "simulate", "FILE", "decide many times and count", simulate_options,
	  cli_policy_simulate, 1, 1 },
	{ "policy", "console", "NAME|FILE", "a prompt in its sandbox, on the nodes as they are now",
	  console_options, cli_policy_console, 1, 1 },
	{ "policy", "diff", "FILE", "against the active version", NULL, cli_policy_diff, 1, 1 },
	{ "policy", "apply", "FILE", "compile, test and swap it in", policy_apply_options, cli_policy_apply, 1,
	  1 },
	{ "policy", "logs", "NAME", "what it said, its faults, its versions", logs_options, cli_policy_logs, 1, 1 },
	{ "policy", "rollback", "NAME", "back to the version before", version_options,
	  cli_policy_rollback, 1, 1 },
	{ "schedule", "add", "NAME TYPE [TARGET]", "measure again and again; without a target: a mesh",
	  schedule_add_options, cli_schedule_add, 2, 3 },
	{ "schedule", "ls", "", "list the schedules", NULL, cli_schedule_ls, 0, 0 },
	{ "schedule", "show", "NAME", "its nodes, what was expected and received", NULL,
	  cli_schedule_show, 1, 1 },
	{ "schedule", "edit", "NAME KEY=VALUE...", "change it; KEY= takes a member away", NULL,
	  cli_schedule_edit, 2, 32 },
	{ "schedule", "pause", "NAME", "run it no more", NULL, cli_schedule_pause, 1, 1 },
	{ "schedule", "resume", "NAME", "run it again", NULL, cli_schedule_resume, 1, 1 },
	{ "schedule", "run", "NAME", "measure now, once", NULL, cli_schedule_run, 1, 1 },
	{ "schedule", "rm", "NAME", "remove it", NULL, cli_schedule_rm, 1, 1 },
	{ "event", "ls", "", "the newest events", event_ls_options, cli_event_ls, 0, 0 },
	{ "event", "show", "EVENT", "one event, or the problem that it raised", NULL, cli_event_show, 1, 1 },
	{ "event", "ack", "EVENT", "acknowledge the problem that it raised", event_ack_options,
	  cli_event_ack, 1, 1 },
	{ "event", "silence", "[MATCH]", "tell nobody of what matches; without it: list",
	  event_silence_options, cli_event_silence, 0, 1 },
	{ "top", "", "", "nodes, targets and what fails, as it happens", cli_top_options, cli_top, 0,
	  0 },
	{ "apply", "", "-f FILE", "make the schedules what a YAML file says", apply_options, cli_apply,
	  0, 0 },
	{ "login", "", "USER", "log in; the session is kept for the next commands", cli_login_options,
	  cli_login, 1, 1 },
	{ "logout", "", "", "end the session", NULL, cli_logout, 0, 0 },
	{ "whoami", "", "", "the account that commands run as", NULL, cli_whoami, 0, 0 },
	{ "context", "ls", "", "list the controllers and sessions known here", NULL, cli_context_ls,
	  0, 0 },
	{ "context", "use", "CONTEXT", "make it the one that commands go to", NULL, cli_context_use,
	  1, 1 },
	{ "context", "rm", "CONTEXT", "forget it", NULL, cli_context_rm, 1, 1 },
	{ "user", "ls", "", "list the users", NULL, cli_user_ls, 0, 0 },
	{ "user", "add", "NAME", "make a user", cli_user_add_options, cli_user_add, 1, 1 },
	{ "user", "set", "NAME KEY=VALUE...", "role, tier, disabled, email, display", NULL,
	  cli_user_set, 2, 16 },
	{ "user", "credits", "[NAME]", "credits and where they came from", cli_credits_options,
	  cli_user_credits, 0, 1 },
	{ "user", "tokens", "", "the own API tokens", cli_tokens_options, cli_user_tokens, 0, 0 },
	{ "limits", "", "", "what remains of the hourly limit", NULL, cli_limits, 0, 0 },
	{ "audit", "", "", "administrative acts, newest first", NULL, cli_audit, 0, 0 },
	{ "export", "", "", "results as JSON lines, or as CSV with -o csv", cli_export_options,
	  cli_export, 0, 0 },
	{ "backup", "", "FILE", "the controller's store as one file, while it is in use", NULL, cli_backup,
	  1, 1 },
	{ "restore", "", "FILE", "the store of a stopped controller out of a backup", cli_restore_options,
	  cli_restore, 1, 1, true },
	{ "doctor", "", "", "what is well and what is not, each with how to mend it", cli_restore_options,
	  cli_doctor, 0, 0 },
	{ "completion", "", "SHELL", "a script for bash, zsh or fish that completes commands", NULL,
	  cli_completion, 1, CLI_WORDS, true },
	{ NULL },
};

static const struct cli_command *find(const char *group, const char *verb)
{
	for (const struct cli_command *c = cli_commands; c->group; c++)
		if (!strcmp(c->group, group) && (!verb || !strcmp(c->verb, verb)))
			return c;
	return NULL;
}

static bool asks_help(const char *word)
{
	return !strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help");
}

/* `sonde GROUP` without one of its commands. */
static int run_group(const char *group, const char *verb, bool help)
{
	const char *names[32] = { NULL };
	unsigned n = 0;

	if (verb ? asks_help(verb) : help)
		return cli_help_group(group);
	for (const struct cli_command *c = cli_commands; c->group && n < 31; c++)
		if (!strcmp(c->group, group))
			names[n++] = c->verb;
	if (!verb || verb[0] == '-')
		return cli_fail(EXIT_USAGE, "%s needs a command; see sonde help %s", group, group);
	const char *near = sonde_nearest(verb, names);
	return cli_fail(EXIT_USAGE, "there is no command '%s %s'%s%s%s sonde help %s", group, verb,
	                near ? "; did you mean '" : "", near ? near : "", near ? "'? See" : "; see", group);
}

static int run_command(struct cli *cli, const struct cli_command *c, int argc, char **argv,
                       bool help)
{
	struct cli_args args;

	int rc = cli_parse(&args, argc, argv, c->options, false);
	if (rc != EXIT_OK)
		return rc;
	if (help || cli_option(&args, "help"))
		return cli_help_command(c);
	if (args.word_count < c->min_words || args.word_count > c->max_words)
		return cli_fail(EXIT_USAGE, "usage: sonde %s%s%s%s%s", c->group, *c->verb ? " " : "",
		                c->verb, *c->arguments ? " " : "", c->arguments);
	if (c->local)
		return c->run(cli, &args);
	const char *context = cli_option(&args, "context");
	if (context && c->run != cli_login)
		rc = cli_context_check(context);
	if (rc == EXIT_OK)
		rc = cli_set_up(cli, &args);
	return rc == EXIT_OK ? c->run(cli, &args) : rc;
}

static int dispatch(struct cli *cli, int argc, char **argv, bool help)
{
	const char *verb = argc > 1 ? argv[1] : NULL;
	const struct cli_command *c = verb ? find(argv[0], verb) : NULL;

	if (c)
		return run_command(cli, c, argc - 2, argv + 2, help);
	c = find(argv[0], "");
	if (c)
		return run_command(cli, c, argc - 1, argv + 1, help);
	if (find(argv[0], NULL))
		return run_group(argv[0], verb, help);
	return cli_measure(cli, argc, argv, help);
}

/* Options only. */
static int no_command(int argc, char **argv, bool help)
{
	for (int i = 0; i < argc; i++)
		help |= asks_help(argv[i]);
	if (help)
		return cli_help_all();
	return cli_fail(EXIT_USAGE, "there is no command: sonde ping TARGET, sonde node ls; "
	                            "see sonde help");
}

static int print_version(void)
{
	puts("sonde " SONDE_VERSION);
	return EXIT_OK;
}

int cli_main(int argc, char **argv, const struct cli_interrupt *interrupt)
{
	struct cli cli = { .interrupt = interrupt };

	if (argc < 2) {
		cli_help_all();
		return EXIT_USAGE;
	}
	argc--, argv++;
	if (!strcmp(argv[0], "--version"))
		return print_version();
	/* Options of every command may stand before it, and between its two words. */
	int code = cli_put_behind(argc, argv);
	bool help = !strcmp(argv[0], "help");
	argc -= help, argv += help;
	if (code == EXIT_OK)
		code = cli_put_behind(argc, argv);
	if (code == EXIT_OK && argc && find(argv[0], NULL) && !find(argv[0], ""))
		code = cli_put_behind(argc - 1, argv + 1);
	if (code != EXIT_OK)
		return code;
	if (!argc || argv[0][0] == '-')
		return no_command(argc, argv, help);
	if (!strcmp(argv[0], "version"))
		return print_version();
	code = dispatch(&cli, argc, argv, help);
	sonde_fetcher_free(cli.fetcher);
	return code;
}
