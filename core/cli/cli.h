/* SPDX-License-Identifier: Apache-2.0 */
/* The command line client: one table of commands, one printer, one way to ask the controller. */
#pragma once
#include <jansson.h>
#include <signal.h>
#include <stdbool.h>

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

struct cli_option {
	const char *name;  /* long, without dashes; NULL ends a list */
	char letter;       /* 0 = none */
	const char *value; /* what the value is called in help; NULL = a switch */
	const char *help;
};

enum { CLI_OPTIONS = 64, CLI_WORDS = 64 };

/* A parsed command line. */
struct cli_args {
	const char *words[CLI_WORDS]; /* what is not an option, after the command's own words */
	unsigned word_count;
	struct {
		const char *name, *value; /* value "" for a switch */
	} options[CLI_OPTIONS];
	unsigned option_count;
};

struct cli {
	const char *url, *ca_file;
	char token[256];
	enum cli_format format;
	bool headers, colour;
	struct sonde_fetcher *fetcher;
};

struct cli_command {
	const char *words;     /* "node ls", or "TYPE" for measurements */
	const char *arguments; /* for help */
	const char *summary;
	const struct cli_option *options;
	int (*run)(struct cli *, const struct cli_args *);
	unsigned min_words, max_words;
};

extern const struct cli_command cli_commands[]; /* ends with {NULL} */
extern const struct cli_option cli_global_options[];
extern volatile sig_atomic_t cli_interrupted;

int cli_main(int argc, char **argv);

/* ---- arguments ---- */
/* Split argv into words and options; own options are looked up in `rows` and the global ones.
 * Unknown: one sentence on stderr with a suggestion, EXIT_USAGE. `-O key=value` may repeat. */
int cli_parse(struct cli_args *, int argc, char **argv, const struct cli_option *rows,
              unsigned row_count);
const char *cli_option(const struct cli_args *, const char *name); /* NULL when not given */
int cli_fail(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- asking the controller ---- */
/* The answer as JSON (json_null() for an empty body). NULL after a sentence on stderr; *code then
 * says how to exit. body may be NULL; it is borrowed. */
json_t *cli_ask(struct cli *, const char *method, const char *path, json_t *body, int *code);
/* As cli_ask, with an ETag buffer of SONDE_FETCH_ETAG bytes that is sent and updated; NULL with
 * *code EXIT_OK when nothing changed. */
json_t *cli_ask_again(struct cli *, const char *path, char *etag, int *code);

/* ---- printing ---- */
/* A table: rows of texts. Widths fit the content; CSV is RFC 4180. Control characters of foreign
 * text are escaped. */
struct cli_table {
	unsigned columns, rows, cap;
	char **cells;
};
void cli_table_init(struct cli_table *, unsigned columns, const char *const *headers);
void cli_table_add(struct cli_table *, unsigned column, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void cli_table_end_row(struct cli_table *);
void cli_table_print(const struct cli *, struct cli_table *); /* and frees */
/* json: the value as it is; jsonl: one line an element. true when the format was one of the two. */
bool cli_print_json(const struct cli *, const json_t *);
/* Text of a member, "" when absent; a number is written into a ring of small buffers. */
const char *cli_text(const json_t *object, const char *path);
void cli_print_escaped(const char *text, bool keep_newlines);

/* ---- commands ---- */
int cli_measure(struct cli *, const char *type, int argc, char **argv);
int cli_node_ls(struct cli *, const struct cli_args *);
int cli_node_show(struct cli *, const struct cli_args *);
int cli_node_approve(struct cli *, const struct cli_args *);
int cli_node_enable(struct cli *, const struct cli_args *);
int cli_node_disable(struct cli *, const struct cli_args *);
int cli_node_rm(struct cli *, const struct cli_args *);
int cli_node_set(struct cli *, const struct cli_args *);
int cli_token_create(struct cli *, const struct cli_args *);
int cli_token_ls(struct cli *, const struct cli_args *);
int cli_token_rm(struct cli *, const struct cli_args *);
int cli_measurement_show(struct cli *, const struct cli_args *);
int cli_plugin_ls(struct cli *, const struct cli_args *);
int cli_plugin_show(struct cli *, const struct cli_args *);
int cli_policy_ls(struct cli *, const struct cli_args *);
/* Print a measurement in the chosen format; the exit code its results call for. */
int cli_show_measurement(struct cli *, const json_t *measurement);
