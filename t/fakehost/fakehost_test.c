/* SPDX-License-Identifier: Apache-2.0 */
/* The fake host itself, with a plugin that does what each case tells it. */
#include <sonde/fakehost.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "tap.h"

enum deed {
	WAIT, RESOLVE, RANDOM, ALLOC, SOCKET, TWICE, AFTER, IDLE, DEAF, NO_START, UNBALANCED,
};
static const char *const deeds[] = {
	"wait", "resolve", "random", "alloc", "socket", "twice", "after", "idle", "deaf",
	"nostart", "unbalanced", NULL,
};

struct args {
	uint32_t deed;
	int64_t delay;
	const char *must;
};

static const struct sonde_param params[] = {
	{ "deed", SONDE_TYPE_ENUM, offsetof(struct args, deed), "what to do", .def = "wait",
	  .names = deeds },
	{ "delay", SONDE_TYPE_DURATION, offsetof(struct args, delay), "for how long", .def = "1s",
	  .max = 100000 },
	{ "must", SONDE_TYPE_STRING, offsetof(struct args, must), "a text", .max = 8,
	  .flags = SONDE_PARAM_REQUIRED },
	{ NULL },
};

static const struct sonde_field fields[] = {
	{ "n", SONDE_TYPE_INT, "a number" },
	{ NULL },
};

static void end(struct sonde_probe *p, void *arg)
{
	const struct args *a = p->args;

	if (a->deed == UNBALANCED)
		p->host->open(p, "list", '[');
	p->host->done(p, SONDE_FAIL_NONE, NULL);
	if (a->deed == TWICE)
		p->host->done(p, SONDE_FAIL_NONE, NULL);
	if (a->deed == AFTER)
		p->host->put_int(p, "n", 1);
}

static void resolved(struct sonde_probe *p, void *arg, enum sonde_failure failure,
                     const struct sonde_addr *addrs, unsigned count, int64_t took_ns,
                     const char *why)
{
	p->host->put_int(p, "n", took_ns / SONDE_NS_PER_MS);
	p->host->done(p, failure, why);
}

static int do_at_once(struct sonde_probe *p)
{
	const struct args *a = p->args;
	int64_t n = 0;

	if (a->deed == RANDOM)
		n = (int64_t)(p->host->random(p) >> 12);
	else if (a->deed == ALLOC)
		n = p->host->alloc(p, 1 << 20) && p->host->alloc(p, 1 << 20);
	else
		n = p->host->socket(p, AF_INET, SOCK_STREAM, 0, NULL);
	p->host->put_int(p, "n", n);
	p->host->done(p, SONDE_FAIL_NONE, NULL);
	return 0;
}

static int start(struct sonde_probe *p)
{
	const struct args *a = p->args;

	switch (a->deed) {
	case RESOLVE:
		return p->host->resolve(p, p->target, AF_UNSPEC, resolved, NULL);
	case RANDOM:
	case ALLOC:
	case SOCKET:
		return do_at_once(p);
	case IDLE:
		return 0;
	case NO_START:
		return -1;
	default:
		return p->host->timer_start(p, a->delay, end, NULL) ? 0 : -1;
	}
}

static void cancel(struct sonde_probe *p, enum sonde_why why)
{
	const struct args *a = p->args;

	if (a->deed != DEAF)
		p->host->done(p, why == SONDE_WHY_TIMEOUT ? SONDE_FAIL_TIMEOUT : SONDE_FAIL_CANCELLED,
		              "it was told to");
}

static void finish(struct sonde_probe *p)
{
}

static const struct sonde_plugin plugin = {
	SONDE_PLUGIN_HEAD,
	.name = "puppet",
	.version = "1",
	.summary = "s",
	.license = "l",
	.needs = SONDE_NEED_RESOLVE | SONDE_NEED_UDP,
	.args_size = sizeof(struct args),
	.params = params,
	.fields = fields,
	.start = start,
	.cancel = cancel,
	.finish = finish,
};

static struct fakehost *host(enum deed deed)
{
	struct fakehost *h = fakehost_new_linked(&plugin);

	fakehost_virtual_clock(h, true);
	EXPECT_INT(fakehost_set(h, "deed", deeds[deed]), 0);
	EXPECT_INT(fakehost_set(h, "must", "x"), 0);
	return h;
}

static void expect_broken(enum deed deed, int outcome, const char *what)
{
	struct fakehost *h = host(deed);

	EXPECT_INT(fakehost_try(h, "x"), outcome);
	if (!strstr(fakehost_broken(h), what))
		tap_fail(__FILE__, __LINE__, "%s: \"%s\"", deeds[deed], fakehost_broken(h));
	fakehost_free(h);
}

static void breaches_are_noted(void)
{
	expect_broken(TWICE, 0, "done() twice");
	expect_broken(AFTER, 0, "written after done()");
	expect_broken(UNBALANCED, 0, "open bracket");
	expect_broken(SOCKET, 0, "does not declare");
	expect_broken(IDLE, 3, "waits for nothing");
	expect_broken(DEAF, 0, "");
	expect_broken(NO_START, 2, "");
}

static void a_deaf_probe_is_ended(void)
{
	struct fakehost *h = host(DEAF);

	fakehost_set(h, "delay", "100s");
	EXPECT_INT(fakehost_try(h, "x"), 3);
	EXPECT(strstr(fakehost_broken(h), "does not end after cancel()"));
	EXPECT_INT(fakehost_failure(h), SONDE_FAIL_TIMEOUT);
	fakehost_free(h);
}

static void waiting_costs_no_time(void)
{
	struct fakehost *h = host(WAIT);
	int64_t began = sonde_boottime_ns();

	fakehost_timeout(h, 100 * SONDE_NS_PER_S);
	fakehost_set(h, "delay", "90s");
	EXPECT_INT(fakehost_run(h, "x"), 0);
	EXPECT(fakehost_took_ns(h) == 90 * SONDE_NS_PER_S);
	EXPECT(!fakehost_cancelled(h));
	fakehost_cancel_at(h, 0, SONDE_WHY_SHUTDOWN);
	EXPECT_INT(fakehost_run(h, "x"), 0);
	EXPECT(fakehost_took_ns(h) == 0 && fakehost_cancelled(h));
	EXPECT_INT(fakehost_failure(h), SONDE_FAIL_CANCELLED);
	EXPECT(sonde_boottime_ns() - began < 80 * SONDE_NS_PER_S);
	fakehost_free(h);
}

static void lookups(void)
{
	struct fakehost *h = host(RESOLVE);

	fakehost_resolve_add(h, "near.example", "127.0.0.1");
	fakehost_resolve_add(h, "far.example", "192.0.2.1");
	fakehost_resolve_delay(h, 7 * SONDE_NS_PER_MS);
	EXPECT_INT(fakehost_run(h, "NEAR.example"), 0);
	EXPECT_STR(fakehost_json(h), "{\"n\":7}");
	EXPECT_INT(fakehost_run(h, "far.example"), 0);
	EXPECT_INT(fakehost_failure(h), SONDE_FAIL_NONE);
	fakehost_only_loopback(h, true);
	EXPECT_INT(fakehost_run(h, "far.example"), 0);
	EXPECT_INT(fakehost_failure(h), SONDE_FAIL_GUARD);
	EXPECT_INT(fakehost_run(h, "::1"), 0);
	EXPECT_STR(fakehost_json(h), "{\"n\":0}");
	EXPECT_INT(fakehost_run(h, "none.example"), 0);
	EXPECT_INT(fakehost_failure(h), SONDE_FAIL_RESOLVE);
	EXPECT_STR(fakehost_broken(h), "");
	fakehost_free(h);
}

static void a_seed_replays(void)
{
	struct fakehost *h = host(RANDOM);
	char first[64];

	fakehost_seed(h, 7);
	EXPECT_INT(fakehost_run(h, "x"), 0);
	snprintf(first, sizeof(first), "%s", fakehost_json(h));
	EXPECT_INT(fakehost_run(h, "x"), 0);
	EXPECT_STR(fakehost_json(h), first);
	fakehost_seed(h, 0);
	EXPECT_INT(fakehost_run(h, "x"), 0);
	EXPECT(strcmp(fakehost_json(h), first));
	fakehost_free(h);
}

static void memory_has_a_limit(void)
{
	struct fakehost *h = host(ALLOC);

	EXPECT_INT(fakehost_run(h, "x"), 0);
	EXPECT_STR(fakehost_json(h), "{\"n\":1}");
	fakehost_memory(h, 1 << 20);
	EXPECT_INT(fakehost_run(h, "x"), 0);
	EXPECT_STR(fakehost_json(h), "{\"n\":0}");
	fakehost_free(h);
}

static void parameters_are_checked(void)
{
	struct fakehost *h = host(WAIT);

	EXPECT(fakehost_set(h, "none", "1") != 0);
	EXPECT(fakehost_set(h, "delay", "101s") != 0);
	EXPECT(fakehost_set(h, "deed", "sleep") != 0);
	EXPECT(fakehost_set(h, "must", "far too long") != 0);
	fakehost_reset(h);
	EXPECT_INT(fakehost_run(h, "x"), 1);
	EXPECT_STR(fakehost_error(h)->path, "must");
	EXPECT_STR(fakehost_error(h)->text, "is required");
	fakehost_free(h);
}

static void what_a_node_refuses_is_refused(void)
{
	struct sonde_plugin bad = plugin;
	struct sonde_error e = { 0 };

	bad.abi++;
	EXPECT(!fakehost_try_new(&bad, &e));
	EXPECT(strstr(e.text, "ABI"));
	bad = plugin;
	bad.fields = NULL;
	EXPECT(!fakehost_try_new(&bad, &e));
	EXPECT(strstr(e.text, "no field rows"));
	bad = plugin;
	bad.size = offsetof(struct sonde_plugin, target);
	struct fakehost *h = fakehost_try_new(&bad, &e);
	EXPECT(h != NULL);
	fakehost_free(h);
}

TAP_MAIN(CASE(breaches_are_noted), CASE(a_deaf_probe_is_ended), CASE(waiting_costs_no_time),
         CASE(lookups), CASE(a_seed_replays), CASE(memory_has_a_limit),
         CASE(parameters_are_checked), CASE(what_a_node_refuses_is_refused))
