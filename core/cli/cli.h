/* SPDX-License-Identifier: Apache-2.0 */
/* The command line client: one table of commands, one way to ask the controller, one way to print.
 * Text that came from elsewhere reaches a terminal only through the functions of "printing". */
#pragma once
#include <jansson.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/error.h"
#include "fetch/fetch.h"

enum {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_RESULT = 3,      /* it ran, but a result failed */
	EXIT_AUTH = 4,
	EXIT_NOT_FOUND = 5,
	EXIT_PARTIAL = 6,     /* some nodes could not measure */
	EXIT_UNREACHABLE = 7, /* the controller */
	EXIT_TIMEOUT = 124,
	EXIT_INTERRUPTED = 130,
};

enum cli_format { FORMAT_TABLE, FORMAT_JSON, FORMAT_JSONL, FORMAT_CSV, FORMAT_RAW };

/* Dots, dashes, underscores and case do not tell names apart: dontFragment is --dont-fragment. */
struct cli_option {
	const char *name;  /* long, without dashes; NULL ends a list */
	char letter;       /* 0 = none */
	const char *value; /* what the value is called in help; NULL = a switch */
	const char *help;
	const char *env; /* variable that stands in for the option; NULL = none */
};

enum { CLI_WHY = 256 };

enum { CLI_OPTIONS = 64, CLI_WORDS = 64 };

/* A parsed command line; texts are borrowed from argv. */
struct cli_args {
	const char *words[CLI_WORDS]; /* what is not an option, after the command's own words */
	unsigned word_count;
	struct {
		const char *name, *value; /* name as in its row; value "" for a switch */
	} options[CLI_OPTIONS];
	unsigned option_count;
};

/* ^C ends the program until watch() was called; then the first one sets *seen, the second ends. */
struct cli_interrupt {
	void (*watch)(void);
	const volatile sig_atomic_t *seen;
};

enum { CLI_PATH = 1024 };

struct cli {
	const char *url, *ca_file; /* borrowed from argv or the environment; ca_file may be NULL */
	const char *pins; /* as in fetch/fetch.h; may be NULL */
	bool insecure;    /* clear text to another machine is wanted */
	char token[1100];          /* "" = none */
	char context_url[1024], context_pins[1024], context_ca[CLI_PATH]; /* of the context; "" = none */
	enum cli_format format;
	bool headers, colour;
	unsigned columns; /* of the terminal that stdout is; 0 = it is none */
	bool live;     /* stderr is a terminal that can redraw a line */
	bool progress; /* a progress line stands there now */
	struct sonde_fetcher *fetcher;
	const char *context; /* by its name; NULL = the current one */
	bool session;        /* the token is that of the context */
	char ended[128];     /* whose session has just ended, "" = nobody's */
	char *why; /* of CLI_WHY bytes: the first sentence goes there, not to stderr; NULL = stderr */
	const atomic_bool *stop; /* ends a request early when it becomes true; NULL = never */
	const struct cli_interrupt *interrupt;
};

struct cli_command {
	const char *group, *verb; /* NULL ends the table; verb "" = the group is the command */
	const char *arguments;    /* for help */
	const char *summary;
	const struct cli_option *options; /* NULL = only the global ones */
	int (*run)(struct cli *, const struct cli_args *);
	unsigned min_words, max_words;
	bool local; /* asks no controller: struct cli is empty */
};

extern const struct cli_command cli_commands[];     /* ends with { NULL } */
extern const struct cli_option cli_global_options[]; /* ends with { NULL } */
/* Values of --output, in the order of enum cli_format, and of --color; each ends with NULL. */
extern const char *const cli_formats[], *const cli_whens[];

/* The exit code. */
int cli_main(int argc, char **argv, const struct cli_interrupt *);

/* ---- arguments ---- */
/* Splits argv into words and options by `rows` (may be NULL) and the global rows. known_only skips
 * what no row names: for a first look, when the rows of a type are not there yet. Otherwise an
 * unknown option is one sentence with a suggestion and EXIT_USAGE, as is text that is not UTF-8. */
int cli_parse(struct cli_args *, int argc, char **argv, const struct cli_option *rows,
              bool known_only);
/* Puts the global options at the front of argv behind its first word, where cli_parse takes them.
 * Another option there is one sentence and EXIT_USAGE. */
int cli_put_behind(int argc, char **argv);
/* The global option that arg ("--name", "--name=value", "-x") names; NULL when it is none. */
const struct cli_option *cli_global(const char *arg);
/* The last value given, NULL when not given. */
const char *cli_option(const struct cli_args *, const char *name);
enum { CLI_FILE_MAX = 1 << 20, CLI_VALUE_MAX = 64 << 10 };
/* All of the file, "-" = standard input, up to the buffer's maximum; an exit code. */
int cli_read_file(const char *path, struct sonde_buf *);
/* What a file holds, without the end of its last line, as a JSON text; an exit code. */
int cli_read_value(const char *path, json_t **);
/* Sets object[a][b] for "a.b"; takes the value. */
void cli_set_at(json_t *object, const char *path, json_t *value);
/* Each KEY=VALUE of the option into the object body[member], which is made when there is one; "a.b" is b in the
 * object a. Values go as text: the controller checks and converts them. EXIT_USAGE when one is no pair. */
int cli_add_pairs(json_t *body, const char *member, const char *option, const struct cli_args *);
/* Fills everything of struct cli but `interrupt` from global options and the environment; flags win. */
int cli_set_up(struct cli *, const struct cli_args *);
/* For a command that goes on for long: a new token where that of a session is about to end. */
void cli_refresh(struct cli *);
/* One line on stderr; returns code. */
int cli_fail(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- help ---- */
/* A name as people type it: dontFragment -> dont-fragment; cut at room. */
const char *cli_kebab(const char *name, char *out, size_t room);
int cli_help_all(void);
int cli_help_group(const char *group);
int cli_help_command(const struct cli_command *);
void cli_help_options(const struct cli_option *rows); /* NULL prints nothing */
void cli_help_params(const json_t *rows, bool as_flags); /* as the controller describes them */

/* ---- asking the controller ---- */
/* The answer as JSON, the caller's (json_null() for an empty body). NULL after a sentence on
 * stderr; *code then says how to exit. `name`, when not NULL, is one more segment of the path and
 * is percent-encoded. A body is borrowed. */
json_t *cli_get(struct cli *, const char *path, const char *name, int *code);
json_t *cli_send(struct cli *, const char *method, const char *path, const char *name,
                 const json_t *body, int *code);
/* As cli_get with a buffer of SONDE_FETCH_ETAG bytes, first "", that is sent and updated; NULL
 * with *code EXIT_OK when nothing changed. */
json_t *cli_get_changed(struct cli *, const char *path, const char *name, const char *query,
                        char *etag, int *code);

/* The body of a good answer into a file. The exit code, after a sentence when it is not EXIT_OK. */
int cli_download(struct cli *, const char *method, const char *path, FILE *);

/* Append ?name=value, or & after the first. A value may hold anything: what is no plain character is
 * percent-encoded. */
void cli_add_query(struct sonde_buf *, const char *name, const char *value);

/* ---- values ---- */
/* The member at a dotted path, borrowed; NULL when absent. */
const json_t *cli_at(const json_t *object, const char *path);
/* Its text, borrowed; "" when it is absent or no string. */
const char *cli_str(const json_t *object, const char *path);
/* Append a value as people read it: nothing for null, the names of objects in a list. */
void cli_add_value(struct sonde_buf *, const json_t *value);

/* ---- printing ---- */
/* Control characters, direction overrides and broken UTF-8 come out as \u001b or \x9b; newlines
 * and tabs stay. JSON stays JSON that way. */
void cli_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same for one text; newlines and tabs only when keep_newlines. */
void cli_put(FILE *, const char *text, bool keep_newlines);
/* Columns that cli_put without newlines takes on a terminal. */
unsigned cli_width(const char *text);
/* Append the text as cli_put shows it in exactly so many columns: cut, or filled with blanks. */
void cli_add_fitted(struct sonde_buf *, const char *text, unsigned columns);
/* All members of an object, three levels deep, a line each. */
void cli_print_members(const json_t *);
/* Redraw the progress line, or take it away; nothing unless cli->live. */
void cli_progress(struct cli *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void cli_progress_end(struct cli *);
/* json: the value as it is; jsonl: one line an element. false when the format is another one. */
bool cli_print_json(const struct cli *, const json_t *);

struct cli_column {
	const char *header; /* for people; NULL = only in CSV */
	const char *key;    /* in the first line of CSV; NULL = only for people */
	const char *path;   /* of the value in a row */
	const char *unit;   /* put behind the value for people; NULL = none */
	void (*text)(const json_t *row, struct sonde_buf *); /* instead of path */
};

/* A list of objects as an aligned table ("-" where there is nothing), or as CSV (RFC 4180). */
void cli_print_rows(const struct cli *, const struct cli_column *, unsigned columns,
                    const json_t *list);
/* A list that the controller has at that path, in columns or as JSON; the exit code. */
int cli_list(struct cli *, const char *path, const struct cli_column *, unsigned columns);

/* ---- commands ---- */
/* argv[0] is the type. */
/* Whether the option of a type, as the controller describes it, is a secret one. */
bool cli_is_secret(const json_t *plugin, const char *name);
int cli_measure(struct cli *, int argc, char **argv, bool help);
/* Wait until a measurement is over, at most so many seconds, and show it; the exit code. */
int cli_wait(struct cli *, const char *id, unsigned max_wait, bool latency_only);
/* The option max-wait, or its default. */
int cli_read_max_wait(const struct cli_args *, unsigned *seconds);
void cli_nap(unsigned ms); /* a signal ends it early */
/* Print a measurement in the chosen format; the exit code its results call for. */
int cli_show_results(struct cli *, const json_t *measurement, bool latency_only);
extern const struct cli_option cli_measurement_ls_options[], cli_rerun_options[], cli_show_options[],
	cli_export_options[];
int cli_measurement_ls(struct cli *, const struct cli_args *);
int cli_measurement_cancel(struct cli *, const struct cli_args *);
int cli_measurement_rerun(struct cli *, const struct cli_args *);
int cli_export(struct cli *, const struct cli_args *);
int cli_measurement_show(struct cli *, const struct cli_args *);
int cli_node_ls(struct cli *, const struct cli_args *);
int cli_node_show(struct cli *, const struct cli_args *);
int cli_node_approve(struct cli *, const struct cli_args *);
int cli_node_enable(struct cli *, const struct cli_args *);
int cli_node_disable(struct cli *, const struct cli_args *);
int cli_node_set(struct cli *, const struct cli_args *);
int cli_node_rm(struct cli *, const struct cli_args *);
int cli_node_configure(struct cli *, const struct cli_args *);
int cli_node_sync(struct cli *, const struct cli_args *);
int cli_node_drain(struct cli *, const struct cli_args *);
int cli_node_undrain(struct cli *, const struct cli_args *);
int cli_node_logs(struct cli *, const struct cli_args *);
int cli_node_restart_runner(struct cli *, const struct cli_args *);
int cli_node_self_test(struct cli *, const struct cli_args *);
int cli_node_rotate_key(struct cli *, const struct cli_args *);
int cli_node_ban(struct cli *, const struct cli_args *);
int cli_node_unban(struct cli *, const struct cli_args *);
int cli_token_create(struct cli *, const struct cli_args *);
int cli_token_ls(struct cli *, const struct cli_args *);
int cli_token_rm(struct cli *, const struct cli_args *);
int cli_plugin_ls(struct cli *, const struct cli_args *);
int cli_plugin_reload(struct cli *, const struct cli_args *);
int cli_plugin_show(struct cli *, const struct cli_args *);
int cli_measurement_explain(struct cli *, const struct cli_args *);
extern const struct cli_option cli_restore_options[], cli_measure_options[];
/* A program of ours: what the variable says, or the installed one, or that beside this program in a
 * build tree. May be a path that is not there; borrowed from the environment or from `beside`. */
const char *cli_program(const char *variable, const char *installed, char beside[CLI_PATH]);
const char *cli_controller_program(char beside[CLI_PATH]);
int cli_doctor(struct cli *, const struct cli_args *);
int cli_completion(struct cli *, const struct cli_args *);
int cli_backup(struct cli *, const struct cli_args *);
int cli_restore(struct cli *, const struct cli_args *);
int cli_plugin_new(struct cli *, const struct cli_args *);
int cli_plugin_check(struct cli *, const struct cli_args *);
extern const struct cli_option cli_plugin_new_options[], cli_plugin_check_options[];
/* The path of a file of this name that is kept between runs, only for the user; false when there is no
 * place for one. make: its directory, too. */
bool cli_own_file(char out[CLI_PATH], const char *name, bool make);

/* ---- sessions between runs; a name of NULL is the current context ---- */
/* EXIT_FAILED after a sentence when others can read the file of sessions. */
int cli_context_private(void);
/* What a context says of the controller's address, and of its certificate as it was logged in with. */
void cli_context_read(struct cli *, const char *name);
/* EXIT_NOT_FOUND after a sentence when there is no context of this name. */
int cli_context_check(const char *name);
/* Its access token into cli->token, when cli->url is where it came from; refreshed when old. */
void cli_context_token(struct cli *, const char *name);
/* The answer to a log-in becomes the current context of this name. */
int cli_context_save(struct cli *, const char *name, const json_t *answer);
int cli_login(struct cli *, const struct cli_args *);
int cli_logout(struct cli *, const struct cli_args *);
int cli_whoami(struct cli *, const struct cli_args *);
int cli_context_ls(struct cli *, const struct cli_args *);
int cli_context_use(struct cli *, const struct cli_args *);
int cli_context_rm(struct cli *, const struct cli_args *);
int cli_user_ls(struct cli *, const struct cli_args *);
int cli_user_add(struct cli *, const struct cli_args *);
int cli_user_set(struct cli *, const struct cli_args *);
int cli_user_credits(struct cli *, const struct cli_args *);
int cli_user_tokens(struct cli *, const struct cli_args *);
int cli_limits(struct cli *, const struct cli_args *);
int cli_audit(struct cli *, const struct cli_args *);
extern const struct cli_option cli_login_options[], cli_user_add_options[], cli_credits_options[],
	cli_tokens_options[];
/* The parts of an http or https URL; absent ones are "". */
struct cli_url {
	const char *protocol; /* HTTP or HTTPS */
	char host[256], port[6], path[4096], query[4096];
};
/* False when it is none, or a part is too long. */
bool cli_split_url(const char *text, struct cli_url *);
int cli_policy_ls(struct cli *, const struct cli_args *);
int cli_policy_console(struct cli *, const struct cli_args *);
int cli_policy_logs(struct cli *, const struct cli_args *);
int cli_policy_show(struct cli *, const struct cli_args *);
int cli_policy_new(struct cli *, const struct cli_args *);
int cli_policy_check(struct cli *, const struct cli_args *);
int cli_policy_test(struct cli *, const struct cli_args *);
int cli_policy_simulate(struct cli *, const struct cli_args *);
int cli_policy_diff(struct cli *, const struct cli_args *);
int cli_policy_apply(struct cli *, const struct cli_args *);
int cli_policy_rollback(struct cli *, const struct cli_args *);
int cli_schedule_ls(struct cli *, const struct cli_args *);
int cli_schedule_show(struct cli *, const struct cli_args *);
int cli_schedule_add(struct cli *, const struct cli_args *);
int cli_schedule_edit(struct cli *, const struct cli_args *);
int cli_schedule_pause(struct cli *, const struct cli_args *);
int cli_schedule_resume(struct cli *, const struct cli_args *);
int cli_schedule_rm(struct cli *, const struct cli_args *);
int cli_schedule_run(struct cli *, const struct cli_args *);
int cli_event_ls(struct cli *, const struct cli_args *);
int cli_event_show(struct cli *, const struct cli_args *);
int cli_event_ack(struct cli *, const struct cli_args *);
int cli_event_silence(struct cli *, const struct cli_args *);
extern const struct cli_option cli_top_options[];
int cli_top(struct cli *, const struct cli_args *);
int cli_apply(struct cli *, const struct cli_args *);
