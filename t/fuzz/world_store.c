/* SPDX-License-Identifier: Apache-2.0 */
/* A second controller over the world's store, which loads everything and ends again: what a start
 * reads, without its listener, threads and password hashing. The record under trial is taken out
 * afterwards. */
#include <stdlib.h>
#include <string.h>

#include "world.h"
#include "world_net.h"

struct trial {
	struct sonde_job job;
	enum sonde_table table;
	struct sonde_slice key, value;
	struct sonde_buf before;
	bool there, out, done;
};

static int apply(struct sonde_write *w, struct sonde_job *job)
{
	struct trial *t = (struct trial *)job;
	struct sonde_slice have;

	if (t->out)
		return t->there ? sonde_write_put(w, t->table, t->key,
		                                  (struct sonde_slice){ t->before.data, t->before.len })
		                : sonde_write_delete(w, t->table, t->key);
	t->there = sonde_write_get(w, t->table, t->key, &have) == 0;
	if (t->there)
		sonde_buf_add(&t->before, have.data, have.len);
	return sonde_write_put(w, t->table, t->key, t->value);
}

static void applied(struct sonde_job *job, int status)
{
	((struct trial *)job)->done = true;
}

static void commit(struct controller *c, struct trial *t)
{
	t->done = false;
	if (sonde_store_submit(c->store, &t->job))
		abort();
	while (!t->done)
		world_settle();
}

static void load(struct controller *d, const struct controller *c)
{
	struct sonde_error e = { "", "" };

	*d = (struct controller){ .options = c->options, .store = c->store, .guard = c->guard,
		                   .types = c->types };
	uv_loop_init(&d->loop);
	tokens_init(&d->tokens);
	users_init(&d->accounts.users);
	sessions_init(&d->accounts.sessions);
	limits_init(&d->accounts.limits);
	d->accounts.keys = c->accounts.keys;
	if (tiers_init(&d->accounts.tiers) || sonde_policies_new(NULL, &d->policies))
		abort();
	d->changes = (struct policies){ .loop = &d->loop, .store = d->store, .live = d->policies,
		                        .dir = d->options.policies, .lua = d->options.lua };
	policies_start(&d->changes);
	nodes_init(&d->nodes, d->policies, &d->bus);
	d->nodes.seal = d->accounts.keys.seal;
	placement_init(&d->placement, &d->nodes, d->policies);
	d->placement.regions = &d->regions;
	tasks_init(&d->tasks, &d->nodes);
	rollups_init(&d->rollups, d);
	if (tokens_load(&d->tokens, d->store, &e) || accounts_load(d, &e) ||
	    nodes_load(&d->nodes, d->store, &e) || events_load(&d->events, d, &e) ||
	    schedules_load(&d->schedules, d, &e) || problems_load(&d->problems, d, &e) ||
	    ingest_init(&d->ingest, d))
		abort();
	past_load(d);
}

static void unload(struct controller *d)
{
	rollups_stop(&d->rollups);
	uv_run(&d->loop, UV_RUN_DEFAULT);
	problems_deinit(&d->problems);
	rollups_deinit(&d->rollups);
	schedules_deinit(&d->schedules);
	events_deinit(&d->events);
	tasks_deinit(&d->tasks);
	policies_deinit(&d->changes);
	placement_deinit(&d->placement);
	nodes_deinit(&d->nodes);
	tokens_deinit(&d->tokens);
	accounts_deinit(d);
	sonde_policies_free(d->policies);
	uv_loop_close(&d->loop);
}

/* What reads the table again and again while the controller runs. */
static void look(void)
{
	static const char *const requests[] = {
		"GET /v1/measurements\n\n", "GET /v1/audit\n\n", "GET /v1/series?step=hour\n\n",
		"GET /v1/users/ada/credits\n\n", "GET /v1/policies\n\n",
		"GET /v1/policies/plain\n\n", "GET /v1/events\n\n",
	};
	static const char *const about[] = {
		"GET /v1/measurements/{finished}\n\n", "GET /v1/measurements/{finished}/explain\n\n",
		"POST /v1/measurements/{finished}/rerun\n\n", "GET /v1/schedules/{schedule}\n\n",
	};
	size_t len;

	for (unsigned i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		world_request(requests[i], strlen(requests[i]));
	for (unsigned i = 0; i < sizeof(about) / sizeof(about[0]); i++) {
		char *text = world_expand(about[i], strlen(about[i]), &len);
		if (*text == 'P')
			world_measure(text, len);
		else
			world_request(text, len);
		free(text);
	}
}

void world_reload(enum sonde_table table, struct sonde_slice key, struct sonde_slice value)
{
	static struct controller d;
	struct controller *c = world_begin();
	struct trial t = { .job = { .apply = apply, .done = applied }, .table = table, .key = key,
		           .value = value };

	fuzz_net_any_json = true;
	sonde_buf_init(&t.before, 4 << 20);
	commit(c, &t);
	load(&d, c);
	unload(&d);
	look();
	t.out = true;
	commit(c, &t);
	sonde_buf_deinit(&t.before);
}
