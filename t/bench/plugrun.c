/* SPDX-License-Identifier: Apache-2.0 */
/* Runs one probe of one plugin file in this process, without node or runner, and prints its result:
 *
 *	plugrun [-n REPEATS] [-r] [-c] [-t SECONDS] PLUGIN.so TARGET [name=value ...]
 *
 * -r prints rawOutput instead of the JSON, -c one JSON line of what the runs cost instead of
 * their results. Exit code: 0 ok, 1 a probe failed, 2 usage. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "plug/fakehost.h"

struct options {
	long repeats, seconds;
	int raw, cost;
};

static double cpu_seconds(const struct rusage *r)
{
	return r->ru_utime.tv_sec + r->ru_stime.tv_sec +
		(r->ru_utime.tv_usec + r->ru_stime.tv_usec) * 1e-6;
}

static int usage(void)
{
	fputs("usage: plugrun [-n repeats] [-r] [-c] [-t seconds] plugin.so target [name=value ...]\n",
	      stderr);
	return 2;
}

static long number(const char *text, long max)
{
	char *end;
	long v = strtol(text, &end, 10);
	return *text && !*end && v > 0 && v <= max ? v : -1;
}

static int read_flags(int argc, char **argv, struct options *o)
{
	int c;

	*o = (struct options){ 1, 60, 0, 0 };
	while ((c = getopt(argc, argv, "n:t:rc")) != -1) {
		if (c == 'n')
			o->repeats = number(optarg, 1000000);
		else if (c == 't')
			o->seconds = number(optarg, 3600);
		else if (c == 'r' || c == 'c')
			*(c == 'r' ? &o->raw : &o->cost) = 1;
		else
			return -1;
	}
	return o->repeats < 0 || o->seconds < 0 || argc - optind < 2 ? -1 : 0;
}

static int set_params(struct fakehost *h, char **args, int n)
{
	for (int i = 0; i < n; i++) {
		char *eq = strchr(args[i], '=');
		if (eq)
			*eq++ = 0;
		if (!eq || fakehost_set(h, args[i], eq)) {
			fprintf(stderr, "plugrun: bad parameter %s\n", args[i]);
			return -1;
		}
	}
	return 0;
}

static int run_once(struct fakehost *h, const char *target, const struct options *o, size_t *bytes)
{
	int rc = fakehost_run(h, target);

	if (rc == 1)
		fprintf(stderr, "plugrun: %s: %s\n", fakehost_error(h)->path,
		        fakehost_error(h)->text);
	if (rc)
		return 1;
	if (*fakehost_broken(h))
		fprintf(stderr, "plugrun: contract broken: %s\n", fakehost_broken(h));
	if (fakehost_failure(h))
		fprintf(stderr, "plugrun: failure %d: %s\n", fakehost_failure(h), fakehost_why(h));
	*bytes = strlen(fakehost_json(h));
	if (!o->cost)
		puts(o->raw ? fakehost_raw(h) : fakehost_json(h));
	return fakehost_failure(h) ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct options o;
	struct rusage before, after;
	int failed = 0;
	size_t bytes = 0;

	if (read_flags(argc, argv, &o))
		return usage();
	struct fakehost *h = fakehost_new(argv[optind]);
	fakehost_count_descriptors(h, !o.cost);
	fakehost_timeout(h, o.seconds * SONDE_NS_PER_S);
	if (set_params(h, argv + optind + 2, argc - optind - 2))
		return usage();
	getrusage(RUSAGE_SELF, &before);
	int64_t start = sonde_boottime_ns();
	for (long i = 0; i < o.repeats; i++)
		failed |= run_once(h, argv[optind + 1], &o, &bytes);
	int64_t wall = sonde_boottime_ns() - start;
	getrusage(RUSAGE_SELF, &after);
	if (o.cost)
		printf("{\"repeats\":%ld,\"cpu\":%.6f,\"wall\":%.6f,\"bytes\":%zu,\"rss_kb\":%ld}\n",
		       o.repeats, cpu_seconds(&after) - cpu_seconds(&before), wall / 1e9, bytes,
		       after.ru_maxrss);
	fakehost_free(h);
	return failed;
}
