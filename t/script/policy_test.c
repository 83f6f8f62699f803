/* SPDX-License-Identifier: Apache-2.0 */
/* Every policies/X.t.lua against its X.lua, one TAP line a case. A policy without tests fails. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script/trial.h"

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

static int is_policy(const struct dirent *e)
{
	size_t n = strlen(e->d_name);

	return n > 4 && !strcmp(e->d_name + n - 4, ".lua") && !strstr(e->d_name, ".t.lua");
}

static void run(struct report *r, const char *top, const char *file)
{
	char bench[1024], policy[1024], test[1024];
	int stem = (int)strlen(file) - 4;
	struct sonde_error err = { { 0 }, { 0 } };
	unsigned before = r->count;

	r->policy = file;
	snprintf(bench, sizeof(bench), "%s/lua/bench.lua", top);
	snprintf(policy, sizeof(policy), "%s/policies/%s", top, file);
	snprintf(test, sizeof(test), "%s/policies/%.*s.t.lua", top, stem, file);
	if (sonde_policy_trial(bench, policy, test, line, r, &err) != SONDE_OK)
		line(r, false, "runs", err.text);
	else if (r->count == before)
		line(r, false, "has tests", "no case ran");
}

int main(void)
{
	const char *top = getenv("top_srcdir") ? getenv("top_srcdir") : ".";
	char dir[1024];
	struct dirent **entry;
	struct report r = { 0 };

	setvbuf(stdout, NULL, _IOLBF, 0);
	snprintf(dir, sizeof(dir), "%s/policies", top);
	int n = scandir(dir, &entry, is_policy, alphasort);
	for (int i = 0; i < n; i++) {
		run(&r, top, entry[i]->d_name);
		free(entry[i]);
	}
	if (n >= 0)
		free(entry);
	printf("1..%u\n", r.count);
	return r.failed || n <= 0;
}
