/* SPDX-License-Identifier: Apache-2.0 */
/* kill -9 at random moments: whatever was acknowledged is there after reopening, without holes and
 * without duplicates, and state never runs ahead of results. STORE_CRASH_SEED repeats a run,
 * STORE_CRASH_ROUNDS makes it longer. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/rng.h"
#include "store/kit.h"
#include "tap.h"

enum { ROUNDS = 25, NODES = 5, FLIGHT = 12, PER_JOB_MAX = 40 };

static int64_t clock_ms = 1795219200000;

static int64_t test_clock(void)
{
	return clock_ms;
}

/* What the child says after each done, and what the parent remembers. */
struct ack {
	uint32_t node;
	uint64_t seq;
};

struct push {
	struct kit_job job;
	uint32_t node;
	uint64_t first;
	unsigned n;
	bool busy;
};

static int push_apply(struct sonde_write *w, void *arg)
{
	struct push *p = arg;
	struct sonde_id node = kit_id(p->node);
	uint64_t last = p->first + p->n - 1;
	enum sonde_ingest got;
	char body[40];

	for (unsigned i = 0; i < p->n; i++) {
		struct sonde_result r = kit_result(p->node, 1, p->first + i, body);
		r.measurement = kit_id(p->first + i);
		r.task = p->node;
		int status = sonde_write_result(w, &r, &got);
		if (status != SONDE_OK)
			return status;
		EXPECT_INT(got, SONDE_INGEST_STORED);
	}
	return sonde_write_put(w, SONDE_TABLE_OPEN, (struct sonde_slice){ node.b, 16 },
	                       (struct sonde_slice){ &last, sizeof(last) });
}

static void start(struct kit *k, struct push *p, struct sonde_rng *rng, uint64_t *next)
{
	p->node = sonde_rng_below(rng, NODES);
	p->n = 1 + sonde_rng_below(rng, PER_JOB_MAX);
	p->first = next[p->node];
	next[p->node] += p->n;
	p->busy = true;
	EXPECT_INT(kit_start(k, &p->job, push_apply, p), SONDE_OK);
}

static void child(struct kit *k, int out, uint64_t seed)
{
	static struct push pushes[FLIGHT];
	uint64_t next[NODES], epoch;
	struct sonde_spans have;
	struct sonde_read *r;
	struct sonde_rng rng;

	sonde_rng_seed(&rng, seed);
	kit_open(k);
	EXPECT_INT(sonde_read_begin(k->store, &r), SONDE_OK);
	for (uint32_t i = 0; i < NODES; i++) {
		struct sonde_id id = kit_id(i);
		EXPECT_INT(sonde_read_mark(r, &id, &epoch, &have), SONDE_OK);
		next[i] = have.cum + 1;
	}
	sonde_read_end(r);
	for (;;) {
		for (int i = 0; i < FLIGHT; i++) {
			struct push *p = &pushes[i];
			if (p->busy && !p->job.finished)
				continue;
			if (p->busy) {
				struct ack a = { p->node, p->first + p->n - 1 };
				EXPECT_INT(p->job.status, SONDE_OK);
				EXPECT_INT(write(out, &a, sizeof(a)), sizeof(a));
			}
			start(k, p, &rng, next);
		}
		if (!sonde_store_reap(k->store))
			usleep(50);
	}
}

static void kill_and_collect(pid_t pid, int in, unsigned after_us, uint64_t *acked)
{
	struct ack a;
	ssize_t n;

	usleep(after_us);
	kill(pid, SIGKILL);
	while ((n = read(in, &a, sizeof(a))) > 0) {
		EXPECT_INT(n, sizeof(a));
		if (a.seq > acked[a.node])
			acked[a.node] = a.seq;
	}
	int status;
	EXPECT_INT(waitpid(pid, &status, 0), pid);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

struct check {
	uint64_t ingest, seq[NODES];
};

static int look(void *arg, uint64_t ingest, const struct sonde_result *r)
{
	struct check *c = arg;
	char body[40];
	uint32_t node = r->node.b[15];

	EXPECT_INT(ingest, ++c->ingest);
	EXPECT(node < NODES);
	EXPECT_INT(r->seq, ++c->seq[node]);
	struct sonde_result want = kit_result(node, 1, r->seq, body);
	EXPECT(r->body.len == want.body.len && !memcmp(r->body.data, body, want.body.len));
	return 0;
}

static void check_store(struct kit *k, const uint64_t *acked)
{
	struct check c = { 0 };
	struct sonde_read *r;
	struct sonde_slice v;
	struct sonde_result found;
	struct sonde_spans have;
	uint64_t next, epoch, mark, state;

	kit_open(k);
	EXPECT_INT(sonde_read_begin(k->store, &r), SONDE_OK);
	EXPECT_INT(sonde_read_results(r, 1, look, &c, &next), 0);
	for (uint32_t i = 0; i < NODES; i++) {
		struct sonde_id id = kit_id(i), last = kit_id(c.seq[i]);
		EXPECT(c.seq[i] >= acked[i]);
		EXPECT_INT(sonde_read_mark(r, &id, &epoch, &have), SONDE_OK);
		mark = have.cum;
		EXPECT_INT(mark, c.seq[i]);
		EXPECT_INT(have.count, 0);
		if (!mark)
			continue;
		EXPECT_INT(sonde_read_result(r, &last, i, &found), SONDE_OK);
		EXPECT_INT(found.seq, mark);
		state = 0;
		if (sonde_read_get(r, SONDE_TABLE_OPEN, (struct sonde_slice){ id.b, 16 }, &v) ==
		    SONDE_OK)
			memcpy(&state, v.data, sizeof(state));
		EXPECT(state >= acked[i] && state <= mark);
	}
	sonde_read_end(r);
	kit_close(k);
}

static uint64_t from_env(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);
	char *end;

	if (!text)
		return otherwise;
	errno = 0;
	unsigned long long v = strtoull(text, &end, 10);
	return errno || *end || end == text ? otherwise : v;
}

static void kills_lose_nothing(void)
{
	struct kit k = { .options.wall_ms = test_clock };
	uint64_t acked[NODES] = { 0 }, total = 0, seed;
	struct sonde_rng rng;

	sonde_random_bytes(&seed, sizeof(seed));
	seed = from_env("STORE_CRASH_SEED", seed >> 1);
	unsigned rounds = from_env("STORE_CRASH_ROUNDS", ROUNDS);
	printf("# STORE_CRASH_SEED=%llu\n", (unsigned long long)seed);
	fflush(stdout);
	tap_limit(60 + rounds);
	sonde_rng_seed(&rng, seed);
	kit_open(&k);
	kit_close(&k);
	for (unsigned round = 0; round < rounds; round++) {
		int fds[2];
		uint64_t child_seed = sonde_rng_next(&rng);
		EXPECT(!pipe(fds));
		pid_t pid = fork();
		if (pid == 0) {
			close(fds[0]);
			child(&k, fds[1], child_seed);
		}
		EXPECT(pid > 0);
		close(fds[1]);
		kill_and_collect(pid, fds[0], sonde_rng_below(&rng, 80000), acked);
		close(fds[0]);
		check_store(&k, acked);
		if (sonde_rng_below(&rng, 4) == 0)
			clock_ms += 86400000;
	}
	for (int i = 0; i < NODES; i++)
		total += acked[i];
	printf("# %u kills, %llu results acknowledged\n", rounds, (unsigned long long)total);
	kit_remove(&k);
}

TAP_MAIN(CASE(kills_lose_nothing))
