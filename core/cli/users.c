/* SPDX-License-Identifier: Apache-2.0 */
/* Logging in, users, their tokens and credits, limits and the audit log. Passwords are read from a
 * file, from the terminal without echo, or from the first line of standard input; never from argv. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli/cli.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum { PASSWORD_ROOM = 1100 };

const struct cli_option cli_login_options[] = {
	{ "password-file", 0, "FILE", "file with the password in its first line" },
	{ NULL },
};

const struct cli_option cli_user_add_options[] = {
	{ "password-file", 0, "FILE", "file with the password in its first line" },
	{ "role", 0, "ROLE", "viewer, user, operator or admin (default user)" },
	{ "tier", 0, "TIER", "its limits (default free)" },
	{ "email", 0, "ADDRESS", "to be reached at" },
	{ NULL },
};

const struct cli_option cli_credits_options[] = {
	{ "grant", 0, "N", "add credits; below zero takes away" },
	{ "note", 0, "TEXT", "why" },
	{ NULL },
};

const struct cli_option cli_tokens_options[] = {
	{ "create", 0, "TEXT", "make a token, for what TEXT says" },
	{ "revoke", 0, "ID", "revoke a token" },
	{ "scopes", 0, "LIST", "of a new one: read, measure, account, manage (default all)" },
	{ "role", 0, "ROLE", "the most a new one may do (default user)" },
	{ "ttl", 0, "DURATION", "how long a new one is good (default 2160h)" },
	{ NULL },
};

static int read_line(FILE *in, char *out)
{
	bool got = fgets(out, PASSWORD_ROOM, in) != NULL;
	size_t len = got ? strcspn(out, "\r\n") : 0;

	if (!len || len + 1 >= PASSWORD_ROOM)
		return cli_fail(EXIT_USAGE, "there is no password in the first line of %s",
		                in == stdin ? "the input; --password-file FILE names another place" :
		                              "the file");
	out[len] = '\0';
	return EXIT_OK;
}

static int ask_terminal(char *out)
{
	struct termios was, quiet;

	if (tcgetattr(STDIN_FILENO, &was))
		return read_line(stdin, out);
	quiet = was;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	fputs("password: ", stderr);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	int rc = read_line(stdin, out);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
	fputc('\n', stderr);
	return rc;
}

static int read_password(const struct cli_args *a, char *out)
{
	const char *file = cli_option(a, "password-file");

	if (!file)
		return isatty(STDIN_FILENO) ? ask_terminal(out) : read_line(stdin, out);
	FILE *in = fopen(file, "re");
	if (!in)
		return cli_fail(EXIT_USAGE, "cannot read a password from %s: %s", file, strerror(errno));
	int rc = read_line(in, out);
	fclose(in);
	return rc;
}

int cli_login(struct cli *cli, const struct cli_args *a)
{
	const char *context = cli_option(a, "context");
	char password[PASSWORD_ROOM];
	int code;

	int rc = read_password(a, password);
	if (rc != EXIT_OK)
		return rc;
	json_t *body = json_pack("{s:s,s:s}", "name", a->words[0], "password", password);
	explicit_bzero(password, sizeof(password));
	cli->token[0] = '\0';
	json_t *answer = body ? cli_send(cli, "POST", "/v1/auth/login", NULL, body, &code) : NULL;
	if (!body)
		code = cli_fail(EXIT_USAGE, "the password is not UTF-8");
	json_decref(body);
	if (!answer)
		return code;
	rc = cli_context_save(cli, context ? context : "default", answer);
	if (rc == EXIT_OK)
		cli_printf("logged in to %s as %s (%s)\n", cli->url, cli_str(answer, "user.name"),
		           cli_str(answer, "user.role"));
	json_decref(answer);
	return rc;
}

static const struct cli_column user_columns[] = {
	{ "NAME", "name", "name" },           { "ROLE", "role", "role" },
	{ "TIER", "tier", "tier" },           { "DISABLED", "disabled", "disabled" },
	{ "CREDITS", "credits", "credits" },  { "SESSIONS", "sessions", "sessions" },
	{ "TOKENS", "tokens", "tokens" },     { "EMAIL", "email", "email" },
	{ "CREATED", "created", "createdAt" },
};

/* A list, or one object as a list of one. Takes the document. */
static int print(struct cli *cli, json_t *doc, const struct cli_column *columns, unsigned n)
{
	if (!doc)
		return EXIT_FAILED;
	if (!cli_print_json(cli, doc)) {
		json_t *rows = json_is_array(doc) ? json_incref(doc) : json_pack("[O]", doc);
		cli_print_rows(cli, columns, n, rows);
		json_decref(rows);
	}
	json_decref(doc);
	return EXIT_OK;
}

static int get(struct cli *cli, const char *path, const struct cli_column *columns, unsigned n)
{
	int code;
	json_t *doc = cli_get(cli, path, NULL, &code);

	return doc ? print(cli, doc, columns, n) : code;
}

int cli_whoami(struct cli *cli, const struct cli_args *a)
{
	static const struct cli_column columns[] = {
		{ "NAME", "name", "name" },       { "ROLE", "role", "role" },
		{ "TIER", "tier", "tier" },       { "CREDITS", "credits", "credits" },
		{ "SESSIONS", "sessions", "sessions" }, { "TOKENS", "tokens", "tokens" },
		{ "EMAIL", "email", "email" },    { "CONTROLLER", "controller", "controller" },
	};
	int code;
	json_t *me = cli_get(cli, "/v1/auth/me", NULL, &code);

	if (!me)
		return code;
	if (cli->format != FORMAT_JSON && cli->format != FORMAT_JSONL)
		json_object_set_new(me, "controller", json_string(cli->url));
	return print(cli, me, columns, COUNT(columns));
}

int cli_user_ls(struct cli *cli, const struct cli_args *a)
{
	return get(cli, "/v1/users", user_columns, COUNT(user_columns));
}

static void take_options(const struct cli_args *a, const char *const *names, json_t *body)
{
	for (unsigned i = 0; names[i]; i++)
		if (cli_option(a, names[i]))
			json_object_set_new(body, names[i], json_string(cli_option(a, names[i])));
}

int cli_user_add(struct cli *cli, const struct cli_args *a)
{
	static const char *const names[] = { "role", "tier", "email", NULL };
	char password[PASSWORD_ROOM];
	int code;

	int rc = read_password(a, password);
	if (rc != EXIT_OK)
		return rc;
	json_t *body = json_pack("{s:s,s:s}", "name", a->words[0], "password", password);
	explicit_bzero(password, sizeof(password));
	take_options(a, names, body);
	json_t *user = cli_send(cli, "POST", "/v1/users", NULL, body, &code);
	json_decref(body);
	return user ? print(cli, user, user_columns, COUNT(user_columns)) : code;
}

int cli_user_set(struct cli *cli, const struct cli_args *a)
{
	json_t *patch = json_object();
	int code;

	for (unsigned i = 1; i < a->word_count; i++) {
		const char *equals = strchr(a->words[i], '=');
		if (!equals || equals == a->words[i] ||
		    !strncmp(a->words[i], "password=", strlen("password="))) {
			json_decref(patch);
			return cli_fail(EXIT_USAGE, equals ? "a password is not given as an argument" :
			                "'%s' is not KEY=VALUE", a->words[i]);
		}
		char *key = strndup(a->words[i], (size_t)(equals - a->words[i]));
		if (key)
			json_object_set_new(patch, key, json_string(equals + 1));
		free(key);
	}
	json_t *user = cli_send(cli, "PATCH", "/v1/users", a->words[0], patch, &code);
	json_decref(patch);
	return user ? print(cli, user, user_columns, COUNT(user_columns)) : code;
}

/* ---- credits ---- */

static const struct cli_column entry_columns[] = {
	{ "AT", "at", "at" },       { "KIND", "kind", "kind" }, { "AMOUNT", "amount", "amount" },
	{ "NOTE", "note", "note" }, { "BY", "by", "by" },
};

static int show_credits(struct cli *cli, json_t *doc)
{
	if (!cli_print_json(cli, doc)) {
		if (cli->format == FORMAT_TABLE)
			cli_printf("%s has %lld credits\n", cli_str(doc, "user"),
			           (long long)json_integer_value(cli_at(doc, "balance")));
		if (json_is_array(cli_at(doc, "entries")))
			cli_print_rows(cli, entry_columns, COUNT(entry_columns), cli_at(doc, "entries"));
	}
	json_decref(doc);
	return EXIT_OK;
}

int cli_user_credits(struct cli *cli, const struct cli_args *a)
{
	const char *grant = cli_option(a, "grant"), *note = cli_option(a, "note");
	char path[256];
	int code;
	json_t *doc;

	if (!a->word_count) {
		if (grant)
			return cli_fail(EXIT_USAGE, "--grant needs the name of a user");
		doc = cli_get(cli, "/v1/credits", NULL, &code);
		return doc ? show_credits(cli, doc) : code;
	}
	const char *name = a->words[0];
	if (strlen(name) > 64 || name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-@+")])
		return cli_fail(EXIT_USAGE, "'%s' is no name of a user", name);
	snprintf(path, sizeof(path), "/v1/users/%s/credits", name);
	if (grant) {
		json_t *body = json_pack("{s:s,s:s}", "amount", grant, "note", note ? note : "");
		doc = cli_send(cli, "POST", path, NULL, body, &code);
		json_decref(body);
	} else {
		doc = cli_get(cli, path, NULL, &code);
	}
	return doc ? show_credits(cli, doc) : code;
}

/* ---- API tokens ---- */

static const struct cli_column token_columns[] = {
	{ "ID", "id", "id" },             { "USABLE", "usable", "usable" },
	{ "ROLE", "role", "role" },       { "SCOPES", "scopes", "scopes" },
	{ "EXPIRES", "expires", "expiresAt" }, { "DESCRIPTION", "description", "description" },
};

static int create_token(struct cli *cli, const struct cli_args *a)
{
	static const char *const names[] = { "scopes", "role", "ttl", NULL };
	json_t *body = json_pack("{s:s}", "description", cli_option(a, "create"));
	int code;

	take_options(a, names, body);
	json_t *doc = cli_send(cli, "POST", "/v1/auth/tokens", NULL, body, &code);
	json_decref(body);
	if (!doc)
		return code;
	if (!cli_print_json(cli, doc))
		cli_printf("%s\n", cli_str(doc, "token"));
	json_decref(doc);
	return EXIT_OK;
}

int cli_user_tokens(struct cli *cli, const struct cli_args *a)
{
	int code;

	if (cli_option(a, "create"))
		return create_token(cli, a);
	if (!cli_option(a, "revoke"))
		return get(cli, "/v1/auth/tokens", token_columns, COUNT(token_columns));
	json_decref(cli_send(cli, "DELETE", "/v1/auth/tokens", cli_option(a, "revoke"), NULL, &code));
	return code;
}

/* ---- limits and audit ---- */

int cli_limits(struct cli *cli, const struct cli_args *a)
{
	static const struct cli_column columns[] = {
		{ "COUNTED BY", "type", "rateLimit.measurements.create.type" },
		{ "MEASUREMENTS AN HOUR", "limit", "rateLimit.measurements.create.limit" },
		{ "LEFT", "remaining", "rateLimit.measurements.create.remaining" },
		{ "ALL AGAIN IN", "reset", "rateLimit.measurements.create.reset", " s" },
		{ "CREDITS", "credits", "credits.remaining" },
	};
	return get(cli, "/v1/limits", columns, COUNT(columns));
}

int cli_audit(struct cli *cli, const struct cli_args *a)
{
	static const struct cli_column columns[] = {
		{ "AT", "at", "at" },         { "WHO", "who", "who" },    { "FROM", "from", "from" },
		{ "METHOD", "method", "method" }, { "PATH", "path", "path" },
		{ "STATUS", "status", "status" }, { "NOTE", "note", "note" },
	};
	return get(cli, "/v1/audit", columns, COUNT(columns));
}
