/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: what the client reads: addresses as people paste them, the file of its contexts, and
 * what a controller answers and tells, as `sonde top` shows it. Byte 0 says which; of the last one
 * each line is a document. */
#include "fuzz_dir.h"

#include <errno.h>

#include "cli/cli.h"
#include "cli/top.h"
#include "fetch/fetch.h"
#include "param/param.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void address(const char *text, size_t len)
{
	struct cli_url u;

	if (cli_split_url(text, &u) && (!u.host[0] || strlen(u.port) >= sizeof(u.port)))
		abort();
}

static void contexts(const char *text, size_t len)
{
	static struct cli cli;
	char dir[80];

	snprintf(dir, sizeof(dir), "%s/sonde", fuzz_dir());
	if (setenv("XDG_CONFIG_HOME", fuzz_dir(), 1) || (mkdir(dir, 0700) && errno != EEXIST))
		abort();
	fuzz_dir_write("sonde/contexts.json", text, len, 0600);
	cli_context_read(&cli, NULL);
	if (!cli.fetcher && sonde_fetcher_new(&cli.fetcher))
		abort();
	cli.url = "http://127.0.0.1:1";
	if (!memchr(cli.context_url, 0, sizeof(cli.context_url)) ||
	    !memchr(cli.context_pins, 0, sizeof(cli.context_pins)) ||
	    !memchr(cli.context_ca, 0, sizeof(cli.context_ca)))
		abort();
	cli_context_token(&cli, "c");
	cli_context_ls(&cli, &(struct cli_args){ 0 });
	json_t *answer = sonde_json_load(text, len, NULL);
	if (answer)
		cli_context_save(&cli, "n", answer);
	json_decref(answer);
}

static void show(struct top_model *m, unsigned size)
{
	struct top_view v = { .url = "http://x", .rows = 5 + size % 40, .columns = 10 + size % 130,
		              .colour = size & 1, .loss = size & 2 };
	struct sonde_buf b;

	sonde_buf_init(&b, 4 << 20);
	top_draw(&v, m, &b);
	top_move(&v, m, TOP_RIGHT);
	top_move(&v, m, TOP_DOWN);
	top_draw(&v, m, &b);
	/* Foreign text may not drive the terminal: what is sent begins sequences of ours only. */
	for (size_t i = 0; i < b.len; i++)
		if (b.data[i] == '\a' || (b.data[i] == '\033' && (i + 1 == b.len || b.data[i + 1] != '[')))
			abort();
	json_decref(top_describe(&v, m));
	top_view_deinit(&v);
	sonde_buf_deinit(&b);
}

static void top(const char *text, size_t len)
{
	static void (*const taking[])(struct top_model *, json_t *) = {
		top_model_nodes, top_model_schedules, top_model_problems, top_model_stats,
	};
	const char *end = text + len;
	struct top_model m;
	struct sonde_error e;
	unsigned at = 0;

	if (top_model_init(&m))
		return;
	for (const char *line = text, *nl; line < end; line = nl + 1, at++) {
		nl = memchr(line, '\n', (size_t)(end - line));
		nl = nl ? nl : end;
		json_t *doc = sonde_json_load(line, (size_t)(nl - line), &e);
		if (doc && at < sizeof(taking) / sizeof(taking[0])) {
			taking[at](&m, doc);
		} else if (doc) {
			top_model_message(&m, doc);
			json_decref(doc);
		}
	}
	show(&m, (unsigned)len);
	top_model_deinit(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(const char *, size_t) = { address, contexts, top };

	static bool quiet;
	if (!size || (!quiet && !(quiet = freopen("/dev/null", "w", stdout) != NULL)))
		return 0;
	char *text = malloc(size);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	readers[data[0] % 3](text, size - 1);
	free(text);
	return 0;
}
