/* SPDX-License-Identifier: Apache-2.0 */
/* The options that every command has, and what they and the environment make of struct cli. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/trust.h"
#include "cli/cli.h"

const struct cli_option cli_global_options[] = {
	{ "output", 'o', "FORMAT", "table, json, jsonl, csv or, for measurements, raw", "SONDE_OUTPUT" },
	{ "url", 0, "URL", "the controller (default http://127.0.0.1:8756)", "SONDE_URL" },
	{ "token-file", 0, "FILE", "file with the token; or the token in SONDE_TOKEN",
	  "SONDE_TOKEN_FILE" },
	{ "context", 0, "NAME", "controller and session to use; see sonde context ls",
	  "SONDE_CONTEXT" },
	{ "ca-file", 0, "FILE", "certificates to trust instead of the system's", "SONDE_CA_FILE" },
	{ "pin", 0, "PIN", "key of the controller, sha256//BASE64; several with commas", "SONDE_PIN" },
	{ "insecure", 0, NULL, "http:// to another machine: the token in clear text", "SONDE_INSECURE" },
	{ "no-headers", 0, NULL, "tables without a first line" },
	{ "color", 0, "WHEN", "auto, always or never; NO_COLOR counts for auto" },
	{ "help", 'h', NULL, "this text" },
	{ NULL },
};

const char *const cli_formats[] = { "table", "json", "jsonl", "csv", "raw", NULL };
const char *const cli_whens[] = { "auto", "always", "never", NULL };

static const char *variable(const char *name)
{
	const char *value = name ? getenv(name) : NULL;

	return value && *value ? value : NULL;
}

static const char *setting(const struct cli_args *a, const char *name, const char *otherwise)
{
	const char *value = cli_option(a, name);

	for (const struct cli_option *o = cli_global_options; o->name && !value; o++)
		if (!strcmp(o->name, name))
			value = variable(o->env);
	return value ? value : otherwise;
}

/* The index of value in the list, -1 after a sentence. */
static int choose(const char *option, const char *value, const char *const *names, const char *all)
{
	for (int i = 0; names[i]; i++)
		if (!strcmp(value, names[i]))
			return i;
	const char *near = sonde_nearest(value, names);
	cli_fail(EXIT_USAGE, "--%s must be %s, not '%s'%s%s%s", option, all, value,
	         near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
	return -1;
}

static int read_token(struct cli *cli, const char *file)
{
	FILE *in = fopen(file, "re");

	if (!in)
		return cli_fail(EXIT_USAGE, "cannot read a token from %s: %s", file, strerror(errno));
	bool got = fgets(cli->token, sizeof(cli->token), in) != NULL;
	fclose(in);
	size_t len = got ? strcspn(cli->token, "\r\n") : 0;
	if (!len || len + 1 == sizeof(cli->token))
		return cli_fail(EXIT_USAGE, "there is no token in the first line of %s", file);
	cli->token[len] = '\0';
	return EXIT_OK;
}

static int find_token(struct cli *cli, const struct cli_args *a)
{
	const char *token = variable("SONDE_TOKEN"), *file = setting(a, "token-file", NULL);

	cli->token[0] = '\0';
	if (file && (!token || cli_option(a, "token-file")))
		return read_token(cli, file);
	if (token && strlen(token) >= sizeof(cli->token))
		return cli_fail(EXIT_USAGE, "SONDE_TOKEN is longer than a token");
	if (token)
		memcpy(cli->token, token, strlen(token) + 1);
	return EXIT_OK;
}

static int set_looks(struct cli *cli, const struct cli_args *a)
{
	enum { AUTO, ALWAYS };
	const char *term = variable("TERM");
	bool smart = term && strcmp(term, "dumb");
	struct winsize size;

	int format = choose("output", setting(a, "output", "table"), cli_formats,
	                    "table, json, jsonl, csv or raw");
	int when = format < 0 ? -1 : choose("color", setting(a, "color", "auto"), cli_whens,
	                                    "auto, always or never");
	if (when < 0)
		return EXIT_USAGE;
	cli->format = (enum cli_format)format;
	cli->headers = !cli_option(a, "no-headers");
	cli->colour = when == ALWAYS ||
	              (when == AUTO && smart && !variable("NO_COLOR") && isatty(STDOUT_FILENO));
	cli->live = smart && isatty(STDERR_FILENO);
	cli->columns = !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) ? size.ws_col : 0;
	return EXIT_OK;
}

static int set_trust(struct cli *cli, const struct cli_args *a)
{
	struct sonde_pins pins;
	struct sonde_error e;

	cli->ca_file = setting(a, "ca-file", NULL);
	cli->pins = setting(a, "pin", NULL);
	if (!cli->ca_file && !cli->pins && !strcmp(cli->url, cli->context_url)) {
		cli->ca_file = *cli->context_ca ? cli->context_ca : NULL;
		cli->pins = *cli->context_pins ? cli->context_pins : NULL;
	}
	cli->insecure = setting(a, "insecure", NULL) != NULL;
	if (sonde_pins_parse(&pins, cli->pins, true, &e) != SONDE_OK)
		return cli_fail(EXIT_USAGE, "%s", e.text);
	if (sonde_url_in_clear(cli->url) && !cli->insecure)
		return cli_fail(EXIT_USAGE, "%s is another machine, and http:// would send the token in "
		                "clear text: use https://, or --insecure", cli->url);
	return EXIT_OK;
}

int cli_set_up(struct cli *cli, const struct cli_args *a)
{
	const char *context = setting(a, "context", NULL);

	cli->url = setting(a, "url", NULL);
	cli->session = false;
	int rc = cli_context_private();
	if (rc != EXIT_OK)
		return rc;
	cli_context_read(cli, context);
	if (!cli->url && *cli->context_url)
		cli->url = cli->context_url;
	if (!cli->url)
		cli->url = "http://127.0.0.1:8756";
	rc = set_trust(cli, a);
	if (rc == EXIT_OK)
		rc = set_looks(cli, a);
	if (rc == EXIT_OK)
		rc = find_token(cli, a);
	if (rc == EXIT_OK && sonde_fetcher_new(&cli->fetcher) != SONDE_OK)
		rc = cli_fail(EXIT_FAILED, "out of memory");
	cli->context = context;
	cli->session = rc == EXIT_OK && !cli->token[0];
	cli_refresh(cli);
	return rc;
}

void cli_refresh(struct cli *cli)
{
	if (cli->session)
		cli_context_token(cli, cli->context);
}
