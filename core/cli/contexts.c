/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions between runs: $XDG_CONFIG_HOME/sonde/contexts.json, 0600, replaced as a whole under a
 * lock, so that two commands at once do not use one refresh token twice. A session's token is sent
 * only to the address that it came from. Owns the document while it is open. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/private.h"
#include "cli/cli.h"

enum { PATH_ROOM = CLI_PATH, EARLY_S = 30, FILE_MAX = 1 << 20 };

bool cli_own_file(char out[CLI_PATH], const char *name, bool make)
{
	const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	char dir[PATH_ROOM - 64];
	int n;

	if (base && *base == '/')
		n = snprintf(dir, sizeof(dir), "%s", base);
	else if (home && *home)
		n = snprintf(dir, sizeof(dir), "%s/.config", home);
	else
		return false;
	if (n < 0 || (size_t)n + 8 >= sizeof(dir))
		return false;
	if (make)
		mkdir(dir, 0700);
	strncat(dir, "/sonde", sizeof(dir) - strlen(dir) - 1);
	if (make)
		mkdir(dir, 0700);
	return snprintf(out, PATH_ROOM, "%s/%s", dir, name) < PATH_ROOM;
}

static json_t *read_file(void)
{
	char path[PATH_ROOM];
	json_t *doc = cli_own_file(path, "contexts.json", false) ?
		json_load_file(path, JSON_REJECT_DUPLICATES, NULL) : NULL;

	if (json_is_object(doc))
		return doc;
	json_decref(doc);
	return json_pack("{s:{}}", "contexts");
}

int cli_context_private(void)
{
	struct sonde_error e;
	char path[PATH_ROOM];

	if (!cli_own_file(path, "contexts.json", false) || sonde_private_check_path(path, &e) == SONDE_OK)
		return EXIT_OK;
	return cli_fail(EXIT_FAILED, "%s", e.text);
}

static int write_file(const json_t *doc)
{
	char path[PATH_ROOM], fresh[PATH_ROOM];

	if (!cli_own_file(path, "contexts.json", true) || !cli_own_file(fresh, "contexts.new", true))
		return cli_fail(EXIT_FAILED, "there is no home directory for contexts");
	unlink(fresh);
	int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool good = fd >= 0 && json_dumpfd(doc, fd, JSON_INDENT(2)) == 0 && fsync(fd) == 0;
	if (fd >= 0)
		close(fd);
	if (good && rename(fresh, path) == 0)
		return EXIT_OK;
	return cli_fail(EXIT_FAILED, "cannot write %s: %s", path, strerror(errno));
}

/* Held until the end of the program, or until it is closed. */
static int lock(void)
{
	char path[PATH_ROOM];
	int fd = cli_own_file(path, "contexts.lock", true) ?
		open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;

	if (fd >= 0)
		while (flock(fd, LOCK_EX) && errno == EINTR)
			;
	return fd;
}

static void unlock(int fd)
{
	if (fd >= 0)
		close(fd);
}

static json_t *current(json_t *doc, const char *name)
{
	return json_object_get(json_object_get(doc, "contexts"),
	                       name ? name : cli_str(doc, "current"));
}

void cli_context_read(struct cli *cli, const char *name)
{
	json_t *doc = read_file(), *context = current(doc, name);

	snprintf(cli->context_url, sizeof(cli->context_url), "%s", cli_str(context, "url"));
	snprintf(cli->context_pins, sizeof(cli->context_pins), "%s", cli_str(context, "pins"));
	snprintf(cli->context_ca, sizeof(cli->context_ca), "%s", cli_str(context, "caFile"));
	json_decref(doc);
}

static void take_answer(json_t *context, const json_t *answer)
{
	const json_t *life = cli_at(answer, "expiresIn");

	json_object_set_new(context, "token", json_string(cli_str(answer, "token")));
	json_object_set_new(context, "refreshToken", json_string(cli_str(answer, "refreshToken")));
	json_object_set_new(context, "user", json_string(cli_str(answer, "user.name")));
	json_object_set_new(context, "expires", json_integer(time(NULL) + json_integer_value(life)));
}

/* An answer of 401 ends the session here, too: the command that wants to know says so. */
static void refresh(struct cli *cli, json_t *doc, json_t *context)
{
	json_t *body = json_pack("{s:s}", "refreshToken", cli_str(context, "refreshToken"));
	char why[CLI_WHY] = "", *before = cli->why;
	int code;

	cli->token[0] = '\0';
	cli->why = why;
	json_t *answer = cli_send(cli, "POST", "/v1/auth/refresh", NULL, body, &code);
	cli->why = before;
	json_decref(body);
	if (answer)
		take_answer(context, answer);
	else if (code != EXIT_AUTH)
		cli_fail(code, "%s", why);
	if (!answer && code == EXIT_AUTH) {
		snprintf(cli->ended, sizeof(cli->ended), "%s", cli_str(context, "user"));
		json_object_del(context, "token");
		json_object_del(context, "refreshToken");
	}
	if (answer || code == EXIT_AUTH)
		write_file(doc);
	json_decref(answer);
}

void cli_context_token(struct cli *cli, const char *name)
{
	json_t *doc = read_file(), *context = current(doc, name);
	int fd = -1;

	if (*cli_str(context, "refreshToken") && !strcmp(cli_str(context, "url"), cli->url) &&
	    json_integer_value(cli_at(context, "expires")) < time(NULL) + EARLY_S) {
		/* Another command may have refreshed it while this one waited. */
		fd = lock();
		json_decref(doc);
		doc = read_file();
		context = current(doc, name);
		if (json_integer_value(cli_at(context, "expires")) < time(NULL) + EARLY_S)
			refresh(cli, doc, context);
	}
	const char *token = cli_str(context, "token");
	if (!strcmp(cli_str(context, "url"), cli->url) && strlen(token) < sizeof(cli->token))
		memcpy(cli->token, token, strlen(token) + 1);
	unlock(fd);
	json_decref(doc);
}

int cli_context_save(struct cli *cli, const char *name, const json_t *answer)
{
	int fd = lock();
	json_t *doc = read_file(), *all = json_object_get(doc, "contexts");
	json_t *context = json_pack("{s:s}", "url", cli->url);
	char *ca_file = cli->ca_file ? realpath(cli->ca_file, NULL) : NULL;

	if (!json_is_object(all)) {
		all = json_object();
		json_object_set_new(doc, "contexts", all);
	}
	take_answer(context, answer);
	if (cli->pins)
		json_object_set_new(context, "pins", json_string(cli->pins));
	if (ca_file)
		json_object_set_new(context, "caFile", json_string(ca_file));
	free(ca_file);
	json_object_set_new(all, name, context);
	json_object_set_new(doc, "current", json_string(name));
	int rc = write_file(doc);
	json_decref(doc);
	unlock(fd);
	return rc;
}

/* ---- commands ---- */

int cli_logout(struct cli *cli, const struct cli_args *a)
{
	int fd = lock(), code = EXIT_OK, rc = EXIT_OK;
	json_t *doc = read_file(), *context = current(doc, cli_option(a, "context"));

	if (!*cli_str(context, "refreshToken")) {
		rc = cli_fail(EXIT_AUTH, "there is no session to end");
	} else {
		json_t *body = json_pack("{s:s}", "refreshToken", cli_str(context, "refreshToken"));
		cli->token[0] = '\0';
		json_t *answer = cli_send(cli, "POST", "/v1/auth/logout", NULL, body, &code);
		json_decref(body);
		json_decref(answer);
		json_object_del(context, "token");
		json_object_del(context, "refreshToken");
		rc = write_file(doc);
	}
	json_decref(doc);
	unlock(fd);
	if (rc == EXIT_OK && code == EXIT_OK)
		cli_printf("logged out of %s\n", cli->url);
	return rc == EXIT_OK ? code : rc;
}

int cli_context_ls(struct cli *cli, const struct cli_args *a)
{
	static const struct cli_column columns[] = {
		{ "CONTEXT", "context", "context" }, { "CURRENT", "current", "current" },
		{ "URL", "url", "url" }, { "USER", "user", "user" }, { "SESSION", "session", "session" },
	};
	json_t *doc = read_file(), *rows = json_array(), *context;
	const char *name;

	json_object_foreach(json_object_get(doc, "contexts"), name, context)
		json_array_append_new(rows, json_pack("{s:s,s:b,s:s,s:s,s:b}", "context", name,
			"current", !strcmp(name, cli_str(doc, "current")), "url",
			cli_str(context, "url"), "user", cli_str(context, "user"), "session",
			*cli_str(context, "refreshToken") != '\0'));
	if (!cli_print_json(cli, rows))
		cli_print_rows(cli, columns, sizeof(columns) / sizeof(columns[0]), rows);
	json_decref(rows);
	json_decref(doc);
	return EXIT_OK;
}

int cli_context_check(const char *name)
{
	json_t *doc = read_file();
	bool known = json_object_get(json_object_get(doc, "contexts"), name) != NULL;

	json_decref(doc);
	return known ? EXIT_OK :
	       cli_fail(EXIT_NOT_FOUND, "there is no context '%s'; see sonde context ls", name);
}

static int change(const char *name, bool take_away)
{
	int fd = lock(), rc;
	json_t *doc = read_file(), *all = json_object_get(doc, "contexts");

	if (!json_object_get(all, name))
		rc = cli_fail(EXIT_NOT_FOUND, "there is no context '%s'; see sonde context ls", name);
	else {
		if (take_away)
			json_object_del(all, name);
		else
			json_object_set_new(doc, "current", json_string(name));
		rc = write_file(doc);
	}
	json_decref(doc);
	unlock(fd);
	return rc;
}

int cli_context_use(struct cli *cli, const struct cli_args *a)
{
	return change(a->words[0], false);
}

int cli_context_rm(struct cli *cli, const struct cli_args *a)
{
	return change(a->words[0], true);
}
