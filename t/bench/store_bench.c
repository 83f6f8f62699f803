/* SPDX-License-Identifier: Apache-2.0 */
/* The store by itself: durable results and submissions a second, each acknowledged after its sync.
 * One JSON line a benchmark. The files go into a directory of their own below the build directory
 * (a real disk, not a tmpfs) and are deleted at the end.
 *
 *	store.ingest   256-byte results, jobs of 100, 1,000 nodes, each measurement with 8 tasks
 *	store.submit   one 200-byte measurement record a job, 64 in flight
 *	store.batch    1,000 records a job, 8 in flight
 *	store.single   one record a job, one in flight, in turns with fdatasync of 4 KiB */
#include <dirent.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/store.h"

enum { BODY = 256, RECORD = 200, PER_JOB = 100, NODES = 1000, TASKS = 8, BATCH = 1000 };

struct bench {
	char dir[512];
	struct sonde_store *store;
	sem_t woken;
	struct bench_job *free;
	uint64_t made;
	struct sonde_id_maker ids;
	struct sonde_id measurements[PER_JOB];
	char body[BODY];
};

struct bench_job {
	struct sonde_job job;
	struct bench *b;
	struct bench_job *next;
	uint64_t n; /* which job */
	unsigned records;
	struct sonde_id ids[BATCH];
};

static void die(const char *what)
{
	fprintf(stderr, "store_bench: %s\n", what);
	exit(1);
}

static double cpu_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_utime.tv_sec + u.ru_stime.tv_sec +
	       (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void wake(void *arg)
{
	sem_post(&((struct bench *)arg)->woken);
}

static void done(struct sonde_job *job, int status)
{
	struct bench_job *j = (struct bench_job *)job;

	if (status != SONDE_OK)
		die(sonde_strstatus(status));
	j->next = j->b->free;
	j->b->free = j;
}

static struct sonde_id node_id(uint64_t n)
{
	struct sonde_id id = { { 0 } };
	uint64_t mixed = n * UINT64_C(0x9e3779b97f4a7c15);

	memcpy(id.b, &mixed, sizeof(mixed));
	memcpy(id.b + 8, &n, sizeof(n));
	return id;
}

static int apply_results(struct sonde_write *w, struct sonde_job *job)
{
	struct bench_job *j = (struct bench_job *)job;
	struct sonde_result r = {
		.node = node_id(j->n % NODES),
		.epoch = 1,
		.seq = j->n / NODES * PER_JOB,
		.task = j->n % TASKS,
		.attempt = 1,
		.received_ms = 1795219200000,
		.body = { j->b->body, BODY },
	};
	enum sonde_ingest got;

	for (int i = 0; i < PER_JOB; i++) {
		r.seq++;
		r.measurement = j->ids[i];
		int status = sonde_write_result(w, &r, &got);
		if (status != SONDE_OK)
			return status;
		if (got != SONDE_INGEST_STORED)
			die("a result was not stored");
	}
	return SONDE_OK;
}

static int apply_records(struct sonde_write *w, struct sonde_job *job)
{
	struct bench_job *j = (struct bench_job *)job;

	for (unsigned i = 0; i < j->records; i++) {
		int status = sonde_write_insert(w, SONDE_TABLE_MEASUREMENTS,
		                                (struct sonde_slice){ j->ids[i].b, 16 },
		                                (struct sonde_slice){ j->b->body, RECORD });
		if (status != SONDE_OK)
			return status;
	}
	return SONDE_OK;
}

/* The ids of a job, made as the loop thread of a controller would. */
static void prepare(struct bench *b, struct bench_job *j)
{
	j->n = b->made++;
	if (j->job.apply == apply_records) {
		for (unsigned i = 0; i < j->records; i++)
			sonde_id_make(&b->ids, &j->ids[i]);
		return;
	}
	if (j->n % TASKS == 0)
		for (int i = 0; i < PER_JOB; i++)
			sonde_id_make(&b->ids, &b->measurements[i]);
	memcpy(j->ids, b->measurements, sizeof(b->measurements));
}

static void reap(struct bench *b)
{
	while (sem_wait(&b->woken))
		;
	sonde_store_reap(b->store);
}

struct run {
	double rate, cpu_us;
	struct sonde_store_stats stats;
};

/* total jobs with at most `flight` under way. */
static struct run run_jobs(struct bench *b, int (*apply)(struct sonde_write *, struct sonde_job *),
                           uint64_t total, unsigned flight, unsigned records)
{
	struct bench_job *jobs = calloc(flight, sizeof(*jobs));
	struct sonde_store_stats before;
	struct run out;

	if (!jobs)
		die("no memory");
	b->free = NULL;
	b->made = 0;
	for (unsigned i = 0; i < flight; i++) {
		jobs[i] = (struct bench_job){ .job = { .apply = apply, .done = done, .bulk = true },
			                      .b = b, .next = b->free, .records = records };
		b->free = &jobs[i];
	}
	sonde_store_stats(b->store, &before);
	double cpu = cpu_s();
	int64_t start = sonde_boottime_ns();
	while (b->made < total) {
		while (b->free && b->made < total) {
			struct bench_job *j = b->free;
			b->free = j->next;
			prepare(b, j);
			if (sonde_store_submit(b->store, &j->job) != SONDE_OK)
				die("submit");
		}
		reap(b);
	}
	while (sonde_store_waiting(b->store))
		reap(b);
	double n = (double)total * records, s = (sonde_boottime_ns() - start) / 1e9;
	out.rate = n / s;
	out.cpu_us = (cpu_s() - cpu) * 1e6 / n;
	sonde_store_stats(b->store, &out.stats);
	out.stats.commits -= before.commits;
	out.stats.syncs -= before.syncs;
	free(jobs);
	return out;
}

static void print(const char *name, const char *unit, const struct run *r, double goal)
{
	printf("{\"bench\":\"%s\",\"unit\":\"%s\",\"value\":%.0f,\"cpu_us_per\":%.3f,\"goal\":%.0f,"
	       "\"syncs\":%llu,\"bytes_used\":%llu}\n",
	       name, unit, r->rate, r->cpu_us, goal, (unsigned long long)r->stats.syncs,
	       (unsigned long long)r->stats.bytes_used);
	fflush(stdout);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

enum { SAMPLES = 1000, BLOCKS = 64 };

static int plain_open(const struct bench *b)
{
	static const char block[4096];
	char path[600];

	snprintf(path, sizeof(path), "%s/plain", b->dir);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	for (int i = 0; i < BLOCKS; i++)
		if (fd < 0 || pwrite(fd, block, sizeof(block), i * 4096L) != sizeof(block))
			die("plain file");
	fsync(fd);
	return fd;
}

static double plain_us(int fd, int i)
{
	char block[4096];
	int64_t start = sonde_boottime_ns();

	memset(block, i, sizeof(block));
	if (pwrite(fd, block, sizeof(block), i % BLOCKS * 4096L) != sizeof(block) || fdatasync(fd))
		die("plain file");
	return (sonde_boottime_ns() - start) / 1e3;
}

static double single_us(struct bench *b, struct bench_job *j)
{
	int64_t start = sonde_boottime_ns();

	prepare(b, j);
	if (sonde_store_submit(b->store, &j->job) != SONDE_OK)
		die("submit");
	while (sonde_store_waiting(b->store))
		reap(b);
	return (sonde_boottime_ns() - start) / 1e3;
}

/* In turns, so that both see the same disk. */
static void single(struct bench *b)
{
	static double us[SAMPLES], plain[SAMPLES];
	struct bench_job j = { .job = { .apply = apply_records, .done = done }, .b = b,
		               .records = 1 };
	int fd = plain_open(b);

	for (int i = 0; i < SAMPLES; i++) {
		us[i] = single_us(b, &j);
		plain[i] = plain_us(fd, i);
	}
	close(fd);
	qsort(us, SAMPLES, sizeof(us[0]), by_value);
	qsort(plain, SAMPLES, sizeof(plain[0]), by_value);
	double p50 = us[SAMPLES / 2], plain50 = plain[SAMPLES / 2];
	printf("{\"bench\":\"store.single\",\"unit\":\"us p50\",\"value\":%.0f,\"p99\":%.0f,"
	       "\"fdatasync_us\":%.0f,\"ratio\":%.2f,\"goal_ratio\":1.5}\n",
	       p50, us[SAMPLES * 99 / 100], plain50, p50 / plain50);
	fflush(stdout);
}

static void clean(struct bench *b)
{
	char path[800];
	struct dirent *entry;
	DIR *d = opendir(b->dir);

	while (d && (entry = readdir(d))) {
		snprintf(path, sizeof(path), "%s/%s", b->dir, entry->d_name);
		unlink(path);
	}
	if (d)
		closedir(d);
	rmdir(b->dir);
}

static void fatal(void *arg, const char *why)
{
	die(why);
}

int main(int argc, char **argv)
{
	static struct bench b;
	const char *top = getenv("top_builddir"), *only = argc > 1 ? argv[1] : NULL;
	struct sonde_store_options o = { .dir = b.dir, .wake = wake, .fatal = fatal, .arg = &b };
	struct sonde_error e;
	struct run r;

	snprintf(b.dir, sizeof(b.dir), "%s/store-bench-XXXXXX", top ? top : ".");
	if (!mkdtemp(b.dir))
		die("mkdtemp");
	memset(b.body, 'x', sizeof(b.body));
	sem_init(&b.woken, 0, 0);
	if (sonde_store_open(&o, &b.store, &e) != SONDE_OK)
		die(e.text);
	if (!only || !strcmp(only, "ingest")) {
		r = run_jobs(&b, apply_results, 10000, 128, PER_JOB);
		print("store.ingest", "results/s", &r, 500000);
	}
	if (!only || !strcmp(only, "submit")) {
		r = run_jobs(&b, apply_records, 100000, 64, 1);
		print("store.submit", "submissions/s", &r, 25000);
	}
	if (!only || !strcmp(only, "batch")) {
		r = run_jobs(&b, apply_records, 1000, 8, BATCH);
		print("store.batch", "submissions/s", &r, 400000);
	}
	if (!only || !strcmp(only, "single"))
		single(&b);
	sonde_store_close(b.store);
	clean(&b);
	return 0;
}
