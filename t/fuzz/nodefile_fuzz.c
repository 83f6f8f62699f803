/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: the files that a node finds in its state directory: key, settings, journal, and the
 * spool with its epoch. Byte 0 says which; of the spool byte 1 is the length of the epoch's file and
 * what follows is a segment. */
#include "fuzz_dir.h"

#include "base/log.h"
#include "base/status.h"
#include "node/allowance.h"
#include "node/identity.h"
#include "node/journal.h"
#include "node/settings.h"
#include "node/spool.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", fuzz_dir(), name);
	return path;
}

static void key(const uint8_t *p, size_t n)
{
	struct sonde_identity identity, again;
	struct sonde_error e = { "", "" };

	if (sonde_identity_load(path_of("node.key"), &identity, &e) != SONDE_ENOENT || !e.text[0])
		abort();
	e = (struct sonde_error){ "", "" };
	/* Others may not read it. */
	fuzz_dir_write("node.key", p, n, n % 16 ? 0600 : 0644);
	int rc = sonde_identity_load(path_of("node.key"), &identity, &e);
	if ((rc != 0) != (e.text[0] != '\0'))
		abort();
	if (!rc && (sonde_identity_save(path_of("node.key"), &identity, &e) ||
	            sonde_identity_load(path_of("node.key"), &again, &e) ||
	            memcmp(&identity.id, &again.id, sizeof(again.id)) || strcmp(identity.key, again.key)))
		abort();
}

static const char described[] =
	"{\"plugins\":[{\"name\":\"ping\",\"needs\":[\"icmp\"],\"params\":[{\"name\":\"packets\",\"type\":\"int\",\"default\":"
	"\"3\"},{\"name\":\"interval\",\"type\":\"duration\",\"default\":\"500ms\"},{\"name\":\"maxHops\",\"default\":\"3\"}]},{\"name\":\"echo\",\"needs\":[]},{\"name\":\"sweep\","
	"\"params\":[{\"name\":\"rate\",\"type\":\"int\",\"unit\":\"packets/s\",\"default\":\"1000\"}]}]}";

static void adjust(const struct sonde_node_settings *s, struct sonde_text type,
                   struct sonde_text options)
{
	struct sonde_msg_task task = { .type = type, .target = SONDE_TEXT("192.0.2.1"),
		                       .options = options };
	struct sonde_buf b;

	sonde_buf_init(&b, 1 << 20);
	if (sonde_node_settings_adjust(s, 5, &task, &b) && !b.failed &&
	    !sonde_json_valid(b.data, b.len, true))
		abort();
	if (!(sonde_node_settings_cost(s, 5, &task) >= 0))
		abort();
	sonde_buf_deinit(&b);
}

static void settings(const uint8_t *p, size_t n)
{
	struct sonde_node_settings s = { 0 };
	struct sonde_error e = { "", "" };

	fuzz_dir_write("config.json", p, n, 0600);
	sonde_node_settings_describe(&s, described, sizeof(described) - 1);
	sonde_node_settings_load(&s, path_of("config.json"), &e);
	const struct sonde_text text = { (const char *)p, n };
	struct sonde_msg_config m = { .version = 7, .settings = text };
	if (sonde_node_settings_set(&s, path_of("config.json"), &m, &e) == SONDE_OK && s.version != 7)
		abort();
	adjust(&s, SONDE_TEXT("ping"), (struct sonde_text){ NULL, 0 });
	if (sonde_json_valid(text.s, text.len, true)) {
		adjust(&s, SONDE_TEXT("ping"), text);
		adjust(&s, SONDE_TEXT("echo"), text);
		adjust(&s, SONDE_TEXT("sweep"), text);
	}
	sonde_settings_log_level(&s.settings, 6);
	struct sonde_allowance a = { 0 };
	for (int64_t now = 0; now < 4; now++)
		sonde_allowance_take(&a, sonde_narrower(s.settings.packets_per_second, 10),
		                     (double)(n % 40), now * 500000000);
	if (!(a.owed >= 0))
		abort();
	sonde_node_settings_deinit(&s);
}

static void journal(const uint8_t *p, size_t n)
{
	struct sonde_journal *j;
	struct sonde_journal_line line;
	struct sonde_journal_group *g;
	struct sonde_error e = { "", "" };
	size_t at = 0;

	fuzz_dir_write("journal", p, n, 0600);
	if (sonde_journal_open(path_of("journal"), &j, &e))
		return;
	while (sonde_journal_next(j, &at, &line))
		if (sonde_journal_find(j, &line.key) != SONDE_JOURNAL_TAKEN)
			abort();
	at = 0;
	for (int i = 0; sonde_journal_next(j, &at, &line) && i < 3; i++)
		sonde_journal_finish(j, &line.key, 9);
	line = (struct sonde_journal_line){ .key = { .task = 3, .attempt = 1 } };
	sonde_journal_take(j, &line.key, 5);
	while ((g = sonde_journal_stage(j))) {
		sonde_journal_write(g);
		if (sonde_journal_commit(j, g))
			abort();
	}
	sonde_journal_close(j);
}

static void see(void *arg, const struct sonde_record *r)
{
	uint64_t *last = arg;

	if (r->seq <= *last)
		abort();
	*last = r->seq;
}

static void drain(struct sonde_spool *s)
{
	struct sonde_record r;
	struct sonde_spool_group *g;
	uint64_t seq, last = 0;

	for (unsigned i = 0; i < 2000 && !sonde_spool_peek(s, SONDE_LANE_BACKLOG, &r); i++) {
		if (r.seq <= last)
			abort();
		last = r.seq;
		sonde_spool_pass(s, SONDE_LANE_BACKLOG);
	}
	if (sonde_spool_append(s, "x", 1, &seq) == SONDE_OK && seq <= last)
		abort();
	while ((g = sonde_spool_stage(s))) {
		sonde_spool_write(g);
		if (sonde_spool_commit(s, g))
			abort();
	}
	/* A controller that has part of it, one that has more than there is, and one put back. */
	sonde_spool_confirm(s, 1, last / 2, last / 2);
	sonde_spool_seek(s, SONDE_LANE_LIVE, last / 2);
	if (!sonde_spool_peek(s, SONDE_LANE_LIVE, &r))
		sonde_spool_pass(s, SONDE_LANE_LIVE);
	struct sonde_spool_state now = sonde_spool_state(s);
	if (last & 1)
		sonde_spool_confirm(s, now.epoch, now.last + 9, now.last + 9);
	else if (last & 2)
		sonde_spool_confirm(s, now.epoch + 2, 1, 1);
	sonde_spool_confirm(s, sonde_spool_state(s).epoch, 0, 0);
	sonde_spool_full(s);
}

static void spool(const uint8_t *p, size_t n)
{
	struct sonde_spool_options o = { .dir = path_of("spool"), .max_bytes = 1 << 20,
		                         .keep_bytes = 1 << 16, .segment_bytes = 4096 };
	struct sonde_error e = { "", "" };
	struct sonde_spool *s;
	uint64_t last = 0;

	if (!n)
		return;
	size_t epoch = p[0] < n - 1 ? p[0] : n - 1;
	mkdir(path_of("spool"), 0700);
	fuzz_dir_write("spool/epoch", p + 1, epoch, 0600);
	fuzz_dir_write("spool/0000000000000001-0000000000000001.seg", p + 1 + epoch, n - 1 - epoch, 0600);
	o.dir = path_of("spool");
	char *dir = strdup(o.dir);
	o.dir = dir;
	if (sonde_spool_open(&o, see, &last, &s, &e) == SONDE_OK) {
		drain(s);
		sonde_spool_close(s);
	}
	free(dir);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const files[])(const uint8_t *, size_t) = { key, settings, journal, spool };

	sonde_log_level(-1);
	if (size)
		files[data[0] % 4](data + 1, size - 1);
	fuzz_dir_empty();
	return 0;
}
