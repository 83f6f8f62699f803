/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules in memory, with a real store and no network: a mesh of thousands is made in slices; old
 * measurements are deleted. */
#include "controller/schedules.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "controller/controller.h"
#include "controller/retain.h"
#include "tap.h"

enum { MESH = 2000 };

static const char description[] =
	"{\"plugins\":[{\"name\":\"ping\",\"version\":\"1\",\"params\":["
	"{\"name\":\"packets\",\"type\":\"int\",\"default\":\"3\",\"min\":1,\"max\":1000}]}]}";

static char dir[] = "/tmp/sonde-schedules-XXXXXX";
static struct controller c;

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

static void set_up(unsigned nodes)
{
	struct sonde_store_options o = { .dir = dir, .map_bytes = 1 << 28, .queue_max = 1 << 20 };
	struct sonde_error e = { "", "" };
	char name[32], address[32];

	EXPECT(mkdtemp(dir));
	EXPECT_INT(sonde_store_open(&o, &c.store, &e), SONDE_OK);
	EXPECT_INT(sonde_guard_new("10.0.0.0/8", NULL, &c.guard, &e), SONDE_OK);
	EXPECT_INT(sonde_policies_new(NULL, &c.policies), SONDE_OK);
	EXPECT_INT(types_parse(&c.types, description, strlen(description), &e), SONDE_OK);
	c.options.policy = "least_load";
	nodes_init(&c.nodes, c.policies, &c.bus);
	placement_init(&c.placement, &c.nodes, c.policies);
	EXPECT_INT(events_load(&c.events, &c, &e), SONDE_OK);
	EXPECT_INT(schedules_load(&c.schedules, &c, &e), SONDE_OK);
	for (unsigned i = 0; i < nodes; i++) {
		struct sonde_id id = { { 1, (uint8_t)(i >> 8), (uint8_t)i, 9 } };
		snprintf(name, sizeof(name), "n%u", i);
		snprintf(address, sizeof(address), "10.0.%u.%u", i >> 8, i & 255);
		struct node_facts f = { .name = name, .approved = 1, .address = address, .region = "eu" };
		EXPECT(nodes_add(&c.nodes, &id, &f));
	}
}

static void tear_down(void)
{
	schedules_deinit(&c.schedules);
	sonde_store_close(c.store);
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Time of this thread: on a busy machine the wall clock says more of the others. */
static int64_t own_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * SONDE_NS_PER_S + t.tv_nsec;
}

/* Slices until all is done; the longest one. */
static int64_t make(unsigned *slices)
{
	int64_t longest = 0;

	for (bool done = false; !done; ++*slices) {
		int64_t start = own_ns();
		done = schedules_mesh(&c.schedules, sonde_boottime_ns() + 2000000);
		int64_t took = own_ns() - start;
		longest = took > longest ? took : longest;
		sonde_store_reap(c.store);
	}
	return longest;
}

static void a_large_mesh_is_made_in_slices(void)
{
	struct sonde_id id = { { 7, 7 } };
	struct sonde_error e;
	unsigned slices = 0, moved = 0;
	struct sonde_id before[8];

	tap_limit(60);
	set_up(MESH);
	static const char text[] = "{\"name\":\"m\",\"type\":\"ping\",\"targets\":\"nodes\","
	                           "\"interval\":\"60s\"}";
	json_t *spec = sonde_json_load(text, strlen(text), &e);
	EXPECT(spec);
	int64_t start = own_ns();
	struct schedule *s = schedules_put(&c.schedules, &id, 1, 1, "", spec, NULL, false);
	int64_t first = own_ns() - start;
	EXPECT(s && s->usable);
	int64_t longest = make(&slices);
	printf("# %u nodes: begun in %.2f ms, then %u slices, the longest %.2f ms\n", MESH,
	       (double)first / 1e6, slices, (double)longest / 1e6);
	EXPECT_INT(s->assigned, MESH);
	for (const struct member *m = s->members; m; m = m->next)
		EXPECT_INT(m->peer_count, 8);

	/* One goes: only those that probed it get others. */
	struct node *gone = c.nodes.all[5];
	struct sonde_id gone_id = gone->id;
	unsigned probed_it = 0;
	for (const struct member *m = s->members; m; m = m->next)
		for (unsigned i = 0; i < m->peer_count; i++)
			probed_it += sonde_id_equal(&m->peers[i], &gone_id);
	memcpy(before, schedules_member(&c.schedules, &id, &c.nodes.all[6]->id)->peers, sizeof(before));
	for (struct member *m = s->members; m; m = m->next)
		m->told_ms = 1;
	nodes_remove(&c.nodes, gone);
	start = own_ns();
	schedule_assign(&c.schedules, s);
	first = own_ns() - start;
	slices = 0;
	longest = make(&slices);
	printf("# one goes: begun in %.2f ms, then %u slices, the longest %.2f ms\n",
	       (double)first / 1e6, slices, (double)longest / 1e6);
	EXPECT_INT(s->assigned, MESH - 1);
	for (const struct member *m = s->members; m; m = m->next)
		moved += m->role == MEMBER_ASSIGNED && !m->told_ms;
	EXPECT_INT(moved, probed_it);
	tear_down();
}

/* The policy is asked at once, in one call; the rest is slices. */
static void a_policy_makes_a_large_mesh(void)
{
	static const char text[] = "{\"name\":\"m\",\"type\":\"ping\",\"targets\":\"nodes\","
	                           "\"interval\":\"60s\",\"policy\":\"mesh_random\"}";
	const char *src = getenv("top_srcdir");
	struct sonde_id id = { { 7, 7 } };
	struct sonde_error e = { "", "" };
	char policies[4096];
	unsigned slices = 0;

	tap_limit(60);
	set_up(MESH);
	snprintf(policies, sizeof(policies), "%s/policies", src ? src : ".");
	EXPECT_INT(sonde_policy_load_dir(c.policies, policies, &e), SONDE_OK);
	json_t *spec = sonde_json_load(text, strlen(text), &e);
	int64_t start = own_ns();
	struct schedule *s = schedules_put(&c.schedules, &id, 1, 1, "", spec, NULL, false);
	int64_t first = own_ns() - start;
	EXPECT(s && s->usable);
	int64_t longest = make(&slices);
	printf("# by a policy: begun in %.2f ms, then %u slices, the longest %.2f ms: %s\n",
	       (double)first / 1e6, slices, (double)longest / 1e6, s->members->reason);
	EXPECT_INT(s->assigned, MESH);
	tear_down();
}

struct put {
	struct sonde_job job;
	int64_t first_ms;
	unsigned count;
	const char *owners[3]; /* by turns; NULL = no record at all */
};

static int apply_put(struct sonde_write *w, struct sonde_job *job)
{
	const struct put *p = (struct put *)job;
	struct sonde_id id;
	struct sonde_buf b;

	for (unsigned i = 0; i < p->count; i++) {
		struct sonde_run run = { p->first_ms + i, 1, 2, 3 };
		const char *owner = p->owners[i % 3];
		struct record r = { .owner = { owner, owner ? strlen(owner) : 0 } };
		sonde_run_format(&run, &id);
		sonde_buf_init(&b, 4096);
		if (owner)
			record_write(&b, &r);
		else
			sonde_buf_char(&b, 'x');
		int rc = sonde_write_put(w, SONDE_TABLE_MEASUREMENTS,
		                         (struct sonde_slice){ id.b, sizeof(id.b) },
		                         (struct sonde_slice){ b.data, b.len });
		sonde_buf_deinit(&b);
		if (rc != SONDE_OK)
			return rc;
	}
	return SONDE_OK;
}

static void done_put(struct sonde_job *job, int status)
{
	EXPECT_INT(status, SONDE_OK);
	((struct put *)job)->count = 0;
}

static int count_one(void *arg, struct sonde_slice key, struct sonde_slice value)
{
	++*(unsigned *)arg;
	return 0;
}

static void wait_idle(void)
{
	while (sonde_store_waiting(c.store)) {
		sonde_store_reap(c.store);
		usleep(1000);
	}
}

static void old_measurements_are_deleted(void)
{
	struct put old = { .job = { .apply = apply_put, .done = done_put },
		           .first_ms = INT64_C(1700000000000), .count = 2500 };
	struct put young = { .job = { .apply = apply_put, .done = done_put },
		             .first_ms = INT64_C(1795000000000), .count = 20 };
	struct sonde_read *r;
	unsigned left = 0;

	set_up(0);
	EXPECT_INT(sonde_store_submit(c.store, &old.job), SONDE_OK);
	EXPECT_INT(sonde_store_submit(c.store, &young.job), SONDE_OK);
	wait_idle();
	measurements_forget(&c, INT64_C(1795000000005), INT64_C(1795000000005));
	EXPECT(c.forgetting);
	wait_idle();
	EXPECT(!c.forgetting);
	EXPECT_INT(sonde_read_begin(c.store, &r), SONDE_OK);
	sonde_read_each(r, SONDE_TABLE_MEASUREMENTS, (struct sonde_slice){ NULL, 0 }, count_one, &left);
	sonde_read_end(r);
	EXPECT_INT(left, 15);
	tear_down();
}

struct owners_seen {
	unsigned old[2], young[2];
};

static int count_owner(void *arg, struct sonde_slice key, struct sonde_slice value)
{
	struct owners_seen *o = arg;
	struct sonde_id id;
	struct record r;

	memcpy(id.b, key.data, sizeof(id.b));
	EXPECT_INT(record_read(&r, value.data, value.len), SONDE_OK);
	unsigned *n = sonde_id_wall_ms(&id) < INT64_C(1795000000000) ? o->old : o->young;
	n[r.owner.len && r.owner.s[25] == 'v']++;
	return 0;
}

/* By the tier of their owners, and of no others, however many slices that takes. */
static void tiers_keep_for_fewer_days(void)
{
	static const int64_t day_ms = 86400000, now = INT64_C(1795000000000) + 1000;
	const struct tier_facts brief = { .name = "brief", .retain_days = 3, .nodes = 1, .concurrent = 1,
		                          .priority = 100 };
	const struct user_facts anna = { .id = "01arz3ndektsv4rrffq69g5fav", .name = "anna", .tier = "brief" };
	const struct user_facts bob = { .id = "01arz3ndektsv4rrffq69g5faw", .name = "bob", .tier = "free" };
	const char *owners[3] = { anna.id, bob.id, "" };
	struct put old = { .job = { .apply = apply_put, .done = done_put }, .count = 15000,
		           .first_ms = now - 3 * day_ms - 20000 };
	struct put young = { .job = { .apply = apply_put, .done = done_put }, .count = 30, .first_ms = now - 900 };
	struct owners_seen seen = { { 0 }, { 0 } };
	struct sonde_read *r;

	set_up(0);
	users_init(&c.accounts.users);
	EXPECT_INT(tiers_init(&c.accounts.tiers), SONDE_OK);
	EXPECT(tiers_put(&c.accounts.tiers, &brief));
	EXPECT(users_put(&c.accounts.users, &anna) && users_put(&c.accounts.users, &bob));
	memcpy(old.owners, owners, sizeof(owners));
	memcpy(young.owners, owners, sizeof(owners));
	EXPECT_INT(sonde_store_submit(c.store, &old.job), SONDE_OK);
	EXPECT_INT(sonde_store_submit(c.store, &young.job), SONDE_OK);
	wait_idle();
	measurements_forget(&c, now - 30 * day_ms, now);
	EXPECT(c.forgetting);
	wait_idle();
	EXPECT(!c.forgetting);
	EXPECT_INT(sonde_read_begin(c.store, &r), SONDE_OK);
	sonde_read_each(r, SONDE_TABLE_MEASUREMENTS, (struct sonde_slice){ NULL, 0 }, count_owner, &seen);
	sonde_read_end(r);
	EXPECT_INT(seen.old[1], 0);
	EXPECT_INT(seen.old[0], 10000);
	EXPECT_INT(seen.young[1], 10);
	EXPECT_INT(seen.young[0], 20);
	tiers_deinit(&c.accounts.tiers);
	users_deinit(&c.accounts.users);
	tear_down();
}

TAP_MAIN(CASE(a_large_mesh_is_made_in_slices), CASE(a_policy_makes_a_large_mesh),
         CASE(old_measurements_are_deleted), CASE(tiers_keep_for_fewer_days))
