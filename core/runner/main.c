/* SPDX-License-Identifier: Apache-2.0 */
/* sonde-runner: the process in which plugins run. The order matters: plugins are rehearsed in
 * children, then rights are given up for ever, and only then is the first plugin opened here.
 * Ends with 0 after quit or when the node is gone, 1 on a failure, 2 on wrong usage. */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/rng.h"
#include "check/check.h"
#include "jail/jail.h"
#include "runner/options.h"
#include "runner/rehearse.h"
#include "runner/runner.h"

enum { DESCRIBE_MAX = 8 << 20, DEFAULTS_MAX = SONDE_PLUG_MAX * SONDE_PROBE_MEMORY };

static int complain(const struct sonde_error *e)
{
	sonde_log(SONDE_LOG_ERROR, "runner", "%s%s%s", e->path, e->path[0] ? " " : "", e->text);
	return 1;
}

static bool can_open(int domain, int type, int protocol)
{
	int fd = socket(domain, type | SOCK_CLOEXEC, protocol);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static uint32_t rights_left(void)
{
	uint32_t rights = SONDE_NEED_UDP | SONDE_NEED_TCP | SONDE_NEED_RESOLVE;

	if (can_open(AF_INET, SOCK_DGRAM, IPPROTO_ICMP) || can_open(AF_INET, SOCK_RAW, IPPROTO_ICMP))
		rights |= SONDE_NEED_ICMP;
	return rights;
}

static char *paths_to_read(const struct sonde_runner_options *o, const char *plugins,
                           struct sonde_pool *pool)
{
	const char *const parts[] = { plugins, o->read };
	struct sonde_buf b;

	sonde_buf_init(&b, 16 << 10);
	for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		sonde_buf_str(&b, parts[i] ? parts[i] : "");
		sonde_buf_char(&b, ':');
	}
	char *out = b.failed ? NULL : sonde_pool_strndup(pool, b.data, b.len);
	sonde_buf_deinit(&b);
	return out;
}

static struct sonde_jail jail_of(const struct sonde_runner_options *o, const char *read_paths)
{
	return (struct sonde_jail){
		.memory = (uint64_t)o->memory << 20,
		.files = (uint32_t)o->nofile,
		.processes = (uint32_t)o->nproc,
		.uid = (uid_t)o->uid,
		.gid = (gid_t)o->gid,
		.read_paths = read_paths,
	};
}

static int go_to_jail(const struct sonde_jail *jail, struct sonde_error *e)
{
	struct sonde_jail_report report;
	int status = sonde_jail_enter(jail, &report, e);

	if (status)
		return status;
	if (!report.seccomp || !report.landlock)
		sonde_log(SONDE_LOG_WARN, "runner", "this kernel confines plugins less:%s%s",
		          report.seccomp ? "" : " no seccomp", report.landlock ? "" : " no Landlock");
	return SONDE_OK;
}

/* Rehearse, go to jail, open: the set, or NULL with the error filled. */
static struct sonde_plugset *open_plugins(const struct sonde_runner_options *o,
                                          struct sonde_pool *pool, struct sonde_error *e)
{
	struct sonde_plugset *set = sonde_plugset_new();
	struct sonde_jail jail = jail_of(o, paths_to_read(o, o->plugins, pool));

	if (!set || !jail.read_paths) {
		sonde_fail(e, SONDE_ENOMEM, NULL, "out of memory");
		sonde_plugset_free(set);
		return NULL;
	}
	sonde_plugset_scan(set, o->plugins);
	if (o->jail) {
		jail.keep_raw = sonde_rehearse(set, &jail) & SONDE_NEED_ICMP;
		if (go_to_jail(&jail, e)) {
			sonde_plugset_free(set);
			return NULL;
		}
	}
	/* Giving up rights also took back the wish to end with the node. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sonde_plugset_open(set, rights_left());
	return set;
}

static int describe(const struct sonde_plugset *set)
{
	struct sonde_buf b;
	struct sonde_json j;

	sonde_buf_init(&b, DESCRIBE_MAX);
	sonde_json_init(&j, &b);
	sonde_plugset_describe(set, &j);
	sonde_buf_char(&b, '\n');
	bool ok = !b.failed && fwrite(b.data, 1, b.len, stdout) == b.len && !fflush(stdout);
	sonde_buf_deinit(&b);
	return ok ? 0 : 1;
}

/* dlopen looks a name without a slash up elsewhere. */
static char *with_dot(const char *file, struct sonde_pool *pool)
{
	size_t n = strlen(file) + 3;
	char *out = sonde_pool_alloc(pool, n);

	if (out)
		snprintf(out, n, "./%s", file);
	return out;
}

static int check(const struct sonde_runner_options *o, struct sonde_pool *pool)
{
	const char *slash = strrchr(o->check, '/');
	char *dir = slash ? sonde_pool_strndup(pool, o->check, (size_t)(slash - o->check) + 1)
	                  : sonde_pool_strndup(pool, ".", 1);
	struct sonde_error e = { 0 };
	struct sonde_check asked = {
		.path = slash || !dir ? o->check : with_dot(o->check, pool),
		.page = o->page,
		.seed = (uint64_t)o->seed,
		.runs = (uint32_t)o->runs,
	};

	asked.jail = jail_of(o, dir ? paths_to_read(o, dir, pool) : NULL);
	if (!asked.jail.read_paths || !asked.path) {
		sonde_fail(&e, SONDE_ENOMEM, NULL, "out of memory");
		return complain(&e);
	}
	while (!asked.seed)
		sonde_random_bytes(&asked.seed, sizeof(uint32_t));
	printf("%s: %u runs with seed %llu\n", o->check, asked.runs,
	       (unsigned long long)asked.seed);
	int errors = sonde_check_plugin(&asked, stdout, &e);
	if (errors < 0)
		return complain(&e);
	printf("%s: %s\n", o->check, errors ? "it is not well" : "it is well");
	return errors ? 1 : 0;
}

static int share_blame(struct sonde_runner *r, int fd, struct sonde_blame *own,
                       struct sonde_error *e)
{
	r->blame = own;
	if (fd < 0)
		return SONDE_OK;
	void *page = mmap(NULL, sizeof(*own), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (page == MAP_FAILED)
		return sonde_fail(e, SONDE_EIO, "--blame-fd", "cannot be mapped: %s",
		                  strerror(errno));
	r->blame = page;
	return SONDE_OK;
}

static int serve(struct sonde_runner *r, const struct sonde_runner_options *o,
                 struct sonde_error *e)
{
	struct sonde_blame own = { 0 };

	r->limit = (unsigned)o->concurrency;
	r->random_at = sizeof(r->random);
	TAILQ_INIT(&r->running);
	TAILQ_INIT(&r->waiting);
	TAILQ_INIT(&r->talking);
	sonde_map_init(&r->by_key);
	sonde_pool_init(&r->defaults_pool, DEFAULTS_MAX);
	sonde_channel_init(&r->channel, (int)o->fd);
	sonde_pace_init(&r->pace, &r->poller, o->bits_per_second);
	int status = sonde_poller_init(&r->poller);
	if (status)
		status = sonde_fail(e, status, NULL, "epoll: %s", strerror(errno));
	if (!status)
		status = share_blame(r, (int)o->blame_fd, &own, e);
	if (!status)
		status = sonde_guard_new(o->guard_allow, o->guard_deny, &r->guard, e);
	if (!status && o->guard_only && *o->guard_only)
		status = sonde_guard_only(r->guard, o->guard_only, e);
	if (!status && o->guard_own)
		status = sonde_guard_refuse_own(r->guard, o->guard_own, e);
	if (!status)
		status = sonde_resolver_new(&r->poller, r->guard, o->resolver, &r->resolver, e);
	if (!status && sonde_names_new(&r->poller, r->resolver, &r->names))
		status = sonde_fail(e, SONDE_ENOMEM, NULL, "out of memory");
	if (!status && sonde_decoder_new(&r->decoder))
		status = sonde_fail(e, SONDE_ENOMEM, NULL, "out of memory");
	if (!status && sonde_runner_loop(r))
		status = sonde_fail(e, SONDE_EIO, NULL, "the loop cannot be made");
	sonde_decoder_free(r->decoder);
	sonde_resolver_free(r->resolver);
	sonde_names_free(r->names);
	sonde_guard_free(r->guard);
	sonde_poller_deinit(&r->poller);
	sonde_channel_deinit(&r->channel);
	sonde_map_deinit(&r->by_key);
	sonde_given_deinit(r);
	return status;
}

static void log_refusals(const struct sonde_plugset *set)
{
	for (unsigned i = 0; i < set->file_count; i++)
		if (set->files[i].why)
			sonde_log(SONDE_LOG_WARN, "runner", "%s is not used: %s", set->files[i].path,
			          set->files[i].why);
}

static int run(const struct sonde_runner_options *o, struct sonde_pool *pool)
{
	static const int levels[] = { SONDE_LOG_ERROR, SONDE_LOG_WARN, SONDE_LOG_INFO,
	                              SONDE_LOG_DEBUG };
	struct sonde_error e = { 0 };

	sonde_log_level(levels[o->log_level]);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN); /* of the terminal: the node's to answer */
	if (o->check)
		return check(o, pool);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	struct sonde_plugset *set = open_plugins(o, pool, &e);
	if (!set)
		return complain(&e);
	int code = 0;
	if (o->describe) {
		code = describe(set);
	} else {
		struct sonde_runner *r = calloc(1, sizeof(*r));
		log_refusals(set);
		if (r)
			r->plugs = set;
		if (!r || serve(r, o, &e))
			code = complain(&e);
		free(r);
	}
	sonde_plugset_free(set);
	return code;
}

int main(int argc, char **argv)
{
	struct sonde_runner_options options;
	struct sonde_error e = { 0 };
	struct sonde_pool pool;
	int code = 0;

	sonde_pool_init(&pool, 1 << 20);
	if (sonde_runner_options_parse(argc, argv, &options, &pool, &e)) {
		fprintf(stderr, "sonde-runner: %s %s\n", e.path, e.text);
		code = 2;
	} else if (options.help) {
		sonde_runner_options_help();
	} else {
		code = run(&options, &pool);
	}
	sonde_pool_deinit(&pool);
	return code;
}
