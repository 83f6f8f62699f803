/* SPDX-License-Identifier: Apache-2.0 */
/* See kit.h. Waits by polling with short sleeps: the tests have no loop. */
#include "store/kit.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"

void kit_open(struct kit *k)
{
	/* The default of 64 GiB for each file is more address space than memcheck has. */
	if (!k->options.map_bytes)
		k->options.map_bytes = (size_t)1 << 30;
	struct sonde_error e;

	if (!k->dir[0]) {
		snprintf(k->dir, sizeof(k->dir), "/tmp/sonde-store-XXXXXX");
		EXPECT(mkdtemp(k->dir));
	}
	k->options.dir = k->dir;
	if (sonde_store_open(&k->options, &k->store, &e) != SONDE_OK)
		tap_fail(__FILE__, __LINE__, "open: %s", e.text);
}

void kit_close(struct kit *k)
{
	if (k->store)
		sonde_store_close(k->store);
	k->store = NULL;
}

void kit_remove(struct kit *k)
{
	char path[400];
	struct dirent *entry;

	kit_close(k);
	DIR *d = opendir(k->dir);
	while (d && (entry = readdir(d))) {
		snprintf(path, sizeof(path), "%s/%s", k->dir, entry->d_name);
		unlink(path);
	}
	if (d)
		closedir(d);
	rmdir(k->dir);
}

static int apply(struct sonde_write *w, struct sonde_job *job)
{
	struct kit_job *j = (struct kit_job *)job;
	return j->fn(w, j->arg);
}

static void done(struct sonde_job *job, int status)
{
	struct kit_job *j = (struct kit_job *)job;
	j->status = status;
	j->finished = true;
}

int kit_start(struct kit *k, struct kit_job *j, int (*fn)(struct sonde_write *, void *), void *arg)
{
	*j = (struct kit_job){ .job = { .apply = apply, .done = done }, .fn = fn, .arg = arg };
	return sonde_store_submit(k->store, &j->job);
}

void kit_wait(struct kit *k, const struct kit_job *j)
{
	while (!j->finished)
		if (!sonde_store_reap(k->store))
			usleep(200);
}

int kit_run(struct kit *k, int (*fn)(struct sonde_write *, void *), void *arg)
{
	struct kit_job j;

	EXPECT_INT(kit_start(k, &j, fn, arg), SONDE_OK);
	kit_wait(k, &j);
	return j.status;
}

struct sonde_slice kit_text(const char *s)
{
	return (struct sonde_slice){ s, strlen(s) };
}

struct sonde_id kit_id(uint32_t n)
{
	uint64_t ms = UINT64_C(1795219200000); /* 2026-11-21T00:00:00Z */
	struct sonde_id id = { { 0 } };

	for (int i = 0; i < 6; i++)
		id.b[i] = ms >> (40 - 8 * i);
	for (int i = 0; i < 4; i++)
		id.b[12 + i] = n >> (24 - 8 * i);
	return id;
}

struct sonde_result kit_result(uint32_t node, uint64_t epoch, uint64_t seq, char *body)
{
	int n = snprintf(body, 40, "{\"seq\":%llu}", (unsigned long long)seq);

	return (struct sonde_result){
		.node = kit_id(node),
		.epoch = epoch,
		.seq = seq,
		.received_ms = 1795219200000,
		.body = { body, n },
	};
}
