/* SPDX-License-Identifier: Apache-2.0 */
/* check and test: load a policy as the controller would, look for names it cannot use, run the
 * tests beside it. Owns nothing. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "author/author.h"
#include "script/trial.h"

static int check_one(const char *path)
{
	struct sonde_error err = { { 0 }, { 0 } };
	struct sonde_policies *ps = NULL;
	char name[64];
	size_t len = 0;

	if (!author_name(path, name))
		return author_fail(AUTHOR_USAGE, "%s: a policy is a file NAME.lua", path);
	char *text = author_read(path, &len, &err);
	if (!text)
		return author_fail(AUTHOR_FAILED, "%s", err.text);
	int rc = sonde_policies_new(NULL, &ps);
	if (rc == SONDE_OK)
		rc = sonde_policy_load(ps, name, path, text, len, &err);
	if (rc != SONDE_OK)
		fprintf(stderr, "%s\n", err.text);
	/* A text that does not compile has no names worth a look. */
	unsigned unknown = rc == SONDE_OK ? author_lint(path, text, len) : 0;
	if (rc == SONDE_OK && !unknown)
		printf("%s: ok\n", path);
	sonde_policies_free(ps);
	free(text);
	return rc == SONDE_OK && !unknown ? AUTHOR_OK : AUTHOR_FAILED;
}

int author_check(int argc, char **argv)
{
	int code = AUTHOR_OK;

	if (!argc)
		return author_fail(AUTHOR_USAGE, "usage: check FILE...");
	for (int i = 0; i < argc; i++) {
		int one = check_one(argv[i]);
		code = one > code ? one : code;
	}
	return code;
}

struct report {
	const char *policy;
	unsigned count, failed;
};

static void line(void *arg, bool passed, const char *name, const char *why)
{
	struct report *r = arg;

	if (!passed)
		printf("# %s\n", why);
	printf("%sok %u - %s: %s\n", passed ? "" : "not ", ++r->count, r->policy, name);
	r->failed += !passed;
}

static void test_one(struct report *r, const char *path)
{
	char bench[AUTHOR_PATH], test[AUTHOR_PATH], name[64];
	struct sonde_error err = { { 0 }, { 0 } };
	unsigned before = r->count;

	if (!author_name(path, name))
		return;
	r->policy = name;
	snprintf(bench, sizeof(bench), "%s/bench.lua", author_lua_dir());
	snprintf(test, sizeof(test), "%.*s.t.lua", (int)strlen(path) - 4, path);
	if (sonde_policy_trial(bench, path, test, line, r, &err) != SONDE_OK)
		line(r, false, "runs", err.text);
	else if (r->count == before)
		line(r, false, "has tests", "no case ran");
}

static int test_dir(struct report *r, const char *dir)
{
	struct dirent **entry;
	char path[AUTHOR_PATH];
	int n = scandir(dir, &entry, NULL, alphasort);

	if (n < 0)
		return author_fail(AUTHOR_FAILED, "%s: %s", dir, strerror(errno));
	for (int i = 0; i < n; i++) {
		int len = snprintf(path, sizeof(path), "%s/%s", dir, entry[i]->d_name);
		if (len > 0 && (size_t)len < sizeof(path))
			test_one(r, path);
		free(entry[i]);
	}
	free(entry);
	return AUTHOR_OK;
}

int author_test(int argc, char **argv)
{
	struct report r = { 0 };
	int code = AUTHOR_OK;

	if (!argc)
		return author_fail(AUTHOR_USAGE, "usage: test DIR|FILE...");
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 0; i < argc; i++) {
		struct stat st;
		if (stat(argv[i], &st))
			code = author_fail(AUTHOR_FAILED, "%s: %s", argv[i], strerror(errno));
		else if (S_ISDIR(st.st_mode))
			code = test_dir(&r, argv[i]);
		else
			test_one(&r, argv[i]);
	}
	printf("1..%u\n", r.count);
	if (!r.count && code == AUTHOR_OK)
		code = author_fail(AUTHOR_FAILED, "no policy was found");
	return r.failed ? AUTHOR_FAILED : code;
}
