/* SPDX-License-Identifier: Apache-2.0 */
/* core/config: which source wins, what a file may hold, and where errors point. */
#include <stdlib.h>
#include <unistd.h>

#include "config/config.h"
#include "tap.h"

struct settings {
	int64_t limit, wait;
	const char *name, *allow, *key;
	uint32_t level;
	uint8_t verbose, open;
};

static const char *const levels[] = { "error", "info", "debug", NULL };

static const struct sonde_param rows_array[] = {
	{ "limit", SONDE_TYPE_INT, offsetof(struct settings, limit), "Most", NULL, "10", NULL, 1,
	  100 },
	{ "name", SONDE_TYPE_STRING, offsetof(struct settings, name), "Of it", NULL, "nobody" },
	{ "guard.allow", SONDE_TYPE_STRING, offsetof(struct settings, allow), "Prefixes" },
	{ "guard.open", SONDE_TYPE_BOOL, offsetof(struct settings, open) },
	{ "link.retry.max_wait", SONDE_TYPE_DURATION, offsetof(struct settings, wait), NULL, NULL,
	  "2s", NULL, 1, 60000 },
	{ "level", SONDE_TYPE_ENUM, offsetof(struct settings, level), "Log level", NULL, "info",
	  levels },
	{ "verbose", SONDE_TYPE_BOOL, offsetof(struct settings, verbose) },
	{ "key", SONDE_TYPE_STRING, offsetof(struct settings, key), NULL, NULL, NULL, NULL, 0, 16,
	  SONDE_PARAM_SECRET },
	{ 0 },
};
static const struct sonde_rows rows = SONDE_ROWS(rows_array);

static struct settings got;
static struct sonde_pool pool;
static struct sonde_error err;

static int parse(const char *text)
{
	sonde_pool_deinit(&pool);
	sonde_pool_init(&pool, 1 << 17);
	got = (struct settings){ 0 };
	err = (struct sonde_error){ "", "" };
	return sonde_config_parse(rows, &got, &pool, "x.yaml", text, strlen(text), &err);
}

static int load(const char *path, int *rest, int argc, char **argv)
{
	sonde_pool_deinit(&pool);
	sonde_pool_init(&pool, 1 << 17);
	got = (struct settings){ 0 };
	err = (struct sonde_error){ "", "" };
	return sonde_config_load(rows, &got, &pool, path, argc, argv, rest, &err);
}

#define LOAD(path, rest, ...)                                                                      \
	load(path, rest, sizeof((char *[]){ __VA_ARGS__ }) / sizeof(char *),                       \
	     (char *[]){ __VA_ARGS__ })

static void write_file(char path[32], const char *text)
{
	snprintf(path, 32, "/tmp/sonde-config-XXXXXX");
	int fd = mkstemp(path);
	EXPECT(fd >= 0);
	EXPECT_INT(write(fd, text, strlen(text)), (long long)strlen(text));
	close(fd);
}

static void flags_beat_environment_beats_file_beats_default(void)
{
	char path[32];
	int rest = -1;

	write_file(path, "limit: 20\nname: file\nguard:\n  allow: [10.0.0.0/8, 'fd00::/8']\n");
	int rc = LOAD(path, &rest, "rest");
	EXPECT_INT(rc, SONDE_OK);
	EXPECT_INT(rest, 0);
	EXPECT_INT(got.limit, 20);
	EXPECT_STR(got.name, "file");
	EXPECT_STR(got.allow, "10.0.0.0/8,fd00::/8");
	EXPECT_INT(got.wait, 2000000000);
	EXPECT_INT(got.level, 1);
	setenv("SONDE_LIMIT", "30", 1);
	setenv("SONDE_LINK_RETRY_MAX_WAIT", "250ms", 1);
	setenv("SONDE_NAME", "", 1);
	EXPECT_INT(LOAD(path, &rest, "--guard-open"), SONDE_OK);
	EXPECT_INT(rest, 1);
	EXPECT_INT(got.limit, 30);
	EXPECT_INT(got.wait, 250000000);
	EXPECT_STR(got.name, "file");
	EXPECT_INT(got.open, 1);
	EXPECT_INT(LOAD(path, &rest, "-c", path, "--limit", "40", "--name=--x", "--verbose=no",
	                "--level", "DEBUG", "--", "--limit"),
	           SONDE_OK);
	EXPECT_INT(rest, 9);
	EXPECT_INT(got.limit, 40);
	EXPECT_STR(got.name, "--x");
	EXPECT_INT(got.verbose, 0);
	EXPECT_INT(got.level, 2);
	unlink(path);
	EXPECT_INT(LOAD(path, &rest, "--limit"), SONDE_ENOENT);
	EXPECT(strstr(err.text, path));
}

static void flags_that_are_wrong(void)
{
	EXPECT_INT(LOAD(NULL, NULL, "--limt", "3"), SONDE_EINVAL);
	EXPECT_STR(err.text, "unknown flag --limt, did you mean --limit?");
	EXPECT_INT(LOAD(NULL, NULL, "--zzzzzzzzz=secret"), SONDE_EINVAL);
	EXPECT_STR(err.text, "unknown flag --zzzzzzzzz");
	EXPECT_INT(LOAD(NULL, NULL, "-x"), SONDE_EINVAL);
	EXPECT_INT(LOAD(NULL, NULL, "--limit"), SONDE_EINVAL);
	EXPECT_STR(err.text,
	           "--limit needs a value (--limit=VALUE for one that begins with a dash)");
	EXPECT_INT(LOAD(NULL, NULL, "--limit", "--verbose"), SONDE_EINVAL);
	EXPECT_INT(LOAD(NULL, NULL, "--config"), SONDE_EINVAL);
	EXPECT_INT(LOAD(NULL, NULL, "--limit", "-1"), SONDE_EINVAL);
	EXPECT_STR(err.text, "--limit must be between 1 and 100");
	EXPECT_STR(err.path, "limit");
	EXPECT_INT(LOAD(NULL, NULL, "--guard-open=maybe"), SONDE_EINVAL);
	EXPECT_STR(err.text, "--guard-open must be true or false");
	setenv("SONDE_KEY", "01234567890123456789", 1);
	EXPECT_INT(LOAD(NULL, NULL, "x"), SONDE_EINVAL);
	EXPECT_STR(err.text, "SONDE_KEY must be at most 16 bytes");
	unsetenv("SONDE_KEY");
	setenv("SONDE_NAME", "\xff\xfe", 1);
	EXPECT_INT(LOAD(NULL, NULL, "x"), SONDE_EINVAL);
	EXPECT_STR(err.text, "SONDE_NAME must be valid UTF-8");
}

static void required_rows_come_from_anywhere(void)
{
	static const struct sonde_param need[] = {
		{ "a.b", SONDE_TYPE_INT, 0, NULL, NULL, NULL, NULL, 0, 0, SONDE_PARAM_REQUIRED },
		{ 0 },
	};
	struct sonde_rows r = SONDE_ROWS(need);
	char path[32], *argv[] = { "--a-b=3" };
	int64_t v = 0;

	sonde_pool_init(&pool, 4096);
	EXPECT_INT(sonde_config_load(r, &v, &pool, NULL, 0, NULL, NULL, &err), SONDE_EINVAL);
	EXPECT_STR(err.path, "a.b");
	EXPECT(strstr(err.text, "SONDE_A_B") && strstr(err.text, "--a-b"));
	EXPECT_INT(sonde_config_load(r, &v, &pool, NULL, 1, argv, NULL, &err), SONDE_OK);
	EXPECT_INT(v, 3);
	write_file(path, "a: {b: 4}\n");
	EXPECT_INT(sonde_config_load(r, &v, &pool, path, 0, NULL, NULL, &err), SONDE_OK);
	EXPECT_INT(v, 4);
	unlink(path);
	write_file(path, "a: {b: }\n");
	EXPECT_INT(sonde_config_load(r, &v, &pool, path, 0, NULL, NULL, &err), SONDE_EINVAL);
	unlink(path);
	setenv("SONDE_A_B", "5", 1);
	EXPECT_INT(sonde_config_load(r, &v, &pool, NULL, 0, NULL, NULL, &err), SONDE_OK);
	EXPECT_INT(v, 5);
}

static void files_that_are_fine(void)
{
	static const char *const good[] = {
		"",
		"# only a comment\n",
		"---\n",
		"---\n...\n",
		"~\n",
		"{}\n",
		"limit: 5",
		"limit: '5'\n",
		"{\"limit\": 5, \"guard\": {\"allow\": [\"a\", \"b\"]}}",
		"guard:\n  # nothing\nlimit: 1\n",
		"guard: {}\n",
		"guard:\n  allow: []\n",
		"guard:\n  allow:\n  - a\n  - b\n",
		"link:\n  retry:\n    max_wait: 5s\n",
		"%YAML 1.1\n---\nlimit: 3\n",
		"verbose: on\n",
		"\xef\xbb\xbflimit: 5\n",
		"name: |\n  a\n  b\n",
		"name: \"d\xc3\xa9j\xc3\xa0\"\n",
		"name:\n",
	};

	for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (parse(good[i]))
			tap_fail(__FILE__, __LINE__, "%u was refused: %s", i, err.text);
	EXPECT_INT(parse("limit: 7\nguard: {open: yes, allow: [a, b]}\nlink: {retry: {max_wait: "
	                 "3}}\n"),
	           SONDE_OK);
	EXPECT_INT(got.limit, 7);
	EXPECT_INT(got.open, 1);
	EXPECT_STR(got.allow, "a,b");
	EXPECT_INT(got.wait, 3000000000);
}

static void errors_point_at_the_place(void)
{
	static const struct {
		const char *in, *path, *text;
	} bad[] = {
		{ "limit: 5\nguard:\n  alow: x\n", "guard.alow",
		  "x.yaml:3:3: \"guard.alow\" is unknown, did you mean \"guard.allow\"?" },
		{ "limit: 5\nlimt: 6\n", "limt",
		  "x.yaml:2:1: \"limt\" is unknown, did you mean \"limit\"?" },
		{ "qqqqqqqqqqq: 1\n", "qqqqqqqqqqq", "x.yaml:1:1: \"qqqqqqqqqqq\" is unknown" },
		{ "limit:   500\n", "limit", "x.yaml:1:10: \"limit\" must be between 1 and 100" },
		{ "limit: 5\nlimit: 6\n", "limit",
		  "x.yaml:2:1: \"limit\" stands here for the second time" },
		{ "limit: ~\nlimit: 6\n", "limit",
		  "x.yaml:2:1: \"limit\" stands here for the second time" },
		{ "guard: {open: 1}\nname: a\nguard: {allow: b}\n", "guard",
		  "x.yaml:3:1: \"guard\" stands here for the second time" },
		{ "guard.allow: x\n", "guard.allow",
		  "x.yaml:1:1: \"guard.allow\" must be written as nested maps, without dots" },
		{ "guard: 5\n", "guard", "x.yaml:1:8: \"guard\" must be a map" },
		{ "guard: [a]\n", "guard", "x.yaml:1:8: \"guard\" must not be a list" },
		{ "limit: [1]\n", "limit", "x.yaml:1:8: \"limit\" must not be a list" },
		{ "limit: {a: 1}\n", "limit",
		  "x.yaml:1:8: \"limit\" must be a plain value, not a map" },
		{ "name: [[a]]\n", "name", "x.yaml:1:8: \"name\" must be a list of plain values" },
		{ "name: [{a: b}]\n", "name",
		  "x.yaml:1:8: \"name\" must be a list of plain values" },
		{ "name: ['a,b']\n", "name",
		  "x.yaml:1:8: \"name\" has a list item that is empty or holds a comma" },
		{ "name: [a, ~]\n", "name",
		  "x.yaml:1:11: \"name\" has a list item that is empty or holds a comma" },
		{ "name: &a x\n", "", "x.yaml:1:7: anchors and tags are not taken" },
		{ "name: *a\n", "", "x.yaml:1:7: anchors and tags are not taken" },
		{ "name: !!str x\n", "", "x.yaml:1:7: anchors and tags are not taken" },
		{ "guard: !x {open: 1}\n", "", "x.yaml:1:8: anchors and tags are not taken" },
		{ "&a guard: {open: 1}\n", "", "x.yaml:1:1: anchors and tags are not taken" },
		{ "name: &l [a]\n", "", "x.yaml:1:7: anchors and tags are not taken" },
		{ "%TAG ! tag:x,2000:\n---\nlimit: 1\n", "",
		  "x.yaml:1:1: anchors and tags are not taken" },
		{ "limit: 1\n---\nlimit: 2\n", "", "x.yaml:2:1: a second document is not taken" },
		{ "- a\n", "", "x.yaml:1:1: the file must be a map" },
		{ "hello\n", "", "x.yaml:1:1: the file must be a map" },
		{ "? [a]\n: b\n", "", "x.yaml:1:3: a key must be a plain value" },
		{ "? {a: b}\n: b\n", "", "x.yaml:1:3: a key must be a plain value" },
		{ "name: \"a\\0b\"\n", "", "x.yaml:1:7: a NUL byte is not taken" },
		{ "'': b\n", "", "x.yaml:1:1: a key must have 1 to 64 bytes" },
		{ "name: a: b\n", "",
		  "x.yaml:1:8: mapping values are not allowed in this context" },
		{ "name: 'a\n", "", "x.yaml:2:1: found unexpected end of stream" },
		{ "\tlimit: 1\n", "", "x.yaml:1:1: found character that cannot start any token" },
		{ "level: loud\n", "level",
		  "x.yaml:1:8: \"level\" must be one of error, info, debug" },
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (parse(bad[i].in) != SONDE_EINVAL)
			tap_fail(__FILE__, __LINE__, "%s was taken", bad[i].in);
		EXPECT_STR(err.text, bad[i].text);
		EXPECT_STR(err.path, bad[i].path);
	}
	EXPECT_INT(parse("name: \xff\xfe\n"), SONDE_EINVAL);
	EXPECT(!strncmp(err.text, "x.yaml:", 7));
}

static void large_and_deep_files_are_refused(void)
{
	size_t n = 2u << 20;
	char *text = malloc(n + 1);

	memset(text, '#', n);
	text[n] = '\0';
	EXPECT_INT(parse(text), SONDE_EINVAL);
	memset(text, '[', 200000);
	text[200000] = '\0';
	EXPECT_INT(parse(text), SONDE_EINVAL);
	memset(text, '{', 200000);
	EXPECT_INT(parse(text), SONDE_EINVAL);
	size_t at = (size_t)snprintf(text, n, "name: [a");
	for (unsigned i = 0; i < 50000; i++)
		at += (size_t)snprintf(text + at, n - at, ", a");
	snprintf(text + at, n - at, "]\n");
	EXPECT_INT(parse(text), SONDE_EINVAL);
	EXPECT_STR(err.path, "name");
	free(text);
}

static void the_path_of_the_file(void)
{
	char *long_flag[] = { "--x", "--config=a.yaml" }, *two[] = { "--config", "b.yaml" };
	char *dashes[] = { "--", "-c", "c.yaml" }, *none[] = { "-c" };

	unsetenv("SONDE_CONFIG");
	EXPECT_STR(sonde_config_path(2, long_flag), "a.yaml");
	EXPECT_STR(sonde_config_path(2, two), "b.yaml");
	EXPECT(!sonde_config_path(3, dashes));
	EXPECT(!sonde_config_path(0, NULL));
	setenv("SONDE_CONFIG", "e.yaml", 1);
	EXPECT_STR(sonde_config_path(3, dashes), "e.yaml");
	EXPECT_STR(sonde_config_path(2, two), "b.yaml");
	EXPECT(!sonde_config_path(1, none));
}

static void help_tells_every_row(void)
{
	char path[32], text[8192];

	write_file(path, "");
	EXPECT(fflush(stdout) == 0);
	int saved = dup(1);
	EXPECT(freopen(path, "w", stdout));
	sonde_config_help(rows, "sonde-x", "Does x.");
	fflush(stdout);
	dup2(saved, 1);
	close(saved);
	FILE *f = fopen(path, "r");
	size_t n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	unlink(path);
	EXPECT(strstr(text, "Usage: sonde-x"));
	EXPECT(strstr(
		text,
		"  --guard-allow TEXT\n      Prefixes\n      SONDE_GUARD_ALLOW; no default\n"));
	EXPECT(strstr(text, "  --link-retry-max-wait DURATION\n      From 1 to 60000 ms.\n"));
	EXPECT(strstr(text, "One of error, info, debug.\n      SONDE_LEVEL; default info\n"));
	EXPECT(strstr(text, "  --verbose\n"));
}

TAP_MAIN(CASE(flags_beat_environment_beats_file_beats_default), CASE(flags_that_are_wrong),
         CASE(required_rows_come_from_anywhere), CASE(files_that_are_fine),
         CASE(errors_point_at_the_place), CASE(large_and_deep_files_are_refused),
         CASE(the_path_of_the_file), CASE(help_tells_every_row))
