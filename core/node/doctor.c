/* SPDX-License-Identifier: Apache-2.0 */
/* A table of looks; each says one or more lines. What a look opens it closes. */
#include "node/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/finding.h"
#include "base/json.h"
#include "base/private.h"
#include "config/config.h"
#include "fetch/fetch.h"
#include "node/checks.h"
#include "node/child.h"
#include "node/identity.h"

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#endif

enum { PATH_LEN = 1024 + 16, DESCRIBED_MAX = 4 << 20, ANSWER_MS = 10000, LANDLOCK_VERSION = 1 };
#define SPACE_FAIL (UINT64_C(64) << 20)

struct doctor {
	struct sonde_node_options o;
	struct sonde_pool pool;
	struct sonde_findings said;
};

static bool given(const char *text)
{
	return text && *text;
}

/* ---- the state directory ---- */

/* Another node holds the lock of sonde_node_lock as long as it runs. */
static bool is_running(const char *state)
{
	int fd = open(state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool running = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;

	if (fd >= 0)
		close(fd);
	return running;
}

static void look_at_state(struct doctor *d)
{
	const char *dir = d->o.state;
	struct stat st;

	if (stat(dir, &st))
		say(d, errno == ENOENT ? WARN : BAD, "state", "%s: %s; the first start makes it, if it may",
		    dir, strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		say(d, BAD, "state", "%s is no directory; name another with --state", dir);
	else if (access(dir, R_OK | W_OK | X_OK))
		say(d, BAD, "state", "%s cannot be written; run as its owner, or chown it", dir);
	else if (st.st_mode & 077)
		say(d, WARN, "state", "%s can be read by others; chmod 700 %s", dir, dir);
	else
		say(d, GOOD, "state", "%s%s", dir, is_running(dir) ? ", in use by a node" : "");
}

static void look_at_token(struct doctor *d)
{
	const char *file = d->o.token_file;
	struct sonde_error e = { 0 };

	if (!given(file))
		say(d, WARN, "key", "not enrolled yet; sonde token create, and start with --token-file FILE, "
		    "or put it into /etc/credstore/sonde.token for the service");
	else if (access(file, R_OK))
		say(d, BAD, "key", "not enrolled yet, and %s: %s; mend --token-file", file, strerror(errno));
	else if (sonde_private_check_path(file, &e) != SONDE_OK)
		say(d, BAD, "key", "not enrolled yet, and %s", e.text);
	else
		say(d, GOOD, "key", "not enrolled yet, the first start does it with the token in %s", file);
}

static void look_at_key(struct doctor *d)
{
	char path[PATH_LEN], id[SONDE_ID_TEXT];
	struct sonde_identity identity;
	struct sonde_error e = { 0 };

	snprintf(path, sizeof(path), "%s/node.key", d->o.state);
	int rc = sonde_identity_load(path, &identity, &e);
	if (rc == SONDE_OK) {
		sonde_id_format(&identity.id, id);
		say(d, GOOD, "key", "enrolled as %s", id);
	} else if (rc == SONDE_ENOENT) {
		look_at_token(d);
	} else {
		say(d, BAD, "key", "%s, or remove it and enrol anew", e.text);
	}
	sonde_secret_wipe(&identity, sizeof(identity));
}

static void look_at_space(struct doctor *d)
{
	uint64_t want = (uint64_t)d->o.spool_max_bytes;
	struct statvfs v;

	if (statvfs(d->o.state, &v))
		return;
	uint64_t free = (uint64_t)v.f_bavail * v.f_frsize;
	enum sonde_finding is = free < SPACE_FAIL ? BAD : free < want ? WARN : GOOD;
	say(d, is, "space", "%" PRIu64 " MiB are free under %s%s", free >> 20, d->o.state,
	    is == GOOD ? "" : ", less than the spool may take; make room, or lower --spool-max-bytes");
}

/* ---- the network ---- */

static void look_at_icmp(struct doctor *d)
{
	struct sonde_check c;

	sonde_check_icmp(&c);
	say(d, c.ok ? GOOD : WARN, "icmp", "%s", c.why);
}

static void look_at_ipv6(struct doctor *d)
{
	struct sonde_check c;

	sonde_check_ipv6(&c);
	say(d, c.ok ? GOOD : WARN, "ipv6", "%s%s", c.ok ? "there is a route" : c.why,
	    c.ok ? "" : "; targets that have only IPv6 cannot be measured from here");
}

static void look_at_resolver(struct doctor *d)
{
	static const char path[] = "/etc/resolv.conf";
	char line[256];
	unsigned servers = 0;
	FILE *f = fopen(path, "re");

	while (f && fgets(line, sizeof(line), f))
		servers += !strncmp(line, "nameserver", 10) && (line[10] == ' ' || line[10] == '\t');
	if (!f)
		say(d, WARN, "resolver", "%s: %s; write a nameserver into it", path, strerror(errno));
	else if (!servers)
		say(d, WARN, "resolver", "%s names no server, 127.0.0.1 is asked; write one into it", path);
	else
		say(d, GOOD, "resolver", "%s names %u server%s", path, servers, servers == 1 ? "" : "s");
	if (f)
		fclose(f);
}

static void look_at_names(struct doctor *d)
{
	struct sonde_check c;
	char host[256];

	sonde_check_host(d->o.controller, host, sizeof(host));
	sonde_check_dns(&c, given(d->o.self_test_name) ? d->o.self_test_name : host);
	say(d, c.ok ? GOOD : BAD, "names", "%s%s", c.why,
	    c.ok ? "" : "; mend /etc/resolv.conf, --controller or --self-test-name");
}

static void look_at_controller(struct doctor *d)
{
	struct sonde_fetcher *fetcher;
	struct sonde_fetch_reply reply;
	struct sonde_error e = { 0 };
	char url[640];

	int len = (int)strlen(d->o.controller);
	snprintf(url, sizeof(url), "%.*s/health", len - (d->o.controller[len - 1] == '/'), d->o.controller);
	const struct sonde_fetch_request request = {
		.url = url, .timeout_ms = ANSWER_MS, .ca_file = given(d->o.ca_file) ? d->o.ca_file : NULL,
		.pins = d->o.pin,
	};
	if (sonde_fetcher_new(&fetcher) != SONDE_OK)
		return;
	int rc = sonde_fetch(fetcher, &request, &reply, &e);
	sonde_fetcher_free(fetcher);
	if (rc == SONDE_EDENIED)
		say(d, BAD, "answers", "%s: %s; name what signed its certificate with --ca-file, or its key with --pin",
		    d->o.controller, e.text);
	else if (rc != SONDE_OK)
		say(d, BAD, "answers", "%s: %s; start sonde-controller there, or mend --controller",
		    d->o.controller, e.text);
	else if (reply.status != 200)
		say(d, BAD, "answers", "%s answers %d; is that a controller?", d->o.controller, reply.status);
	else
		say(d, GOOD, "answers", "%s", d->o.controller);
	if (rc == SONDE_OK)
		sonde_fetch_reply_deinit(&reply);
}

static void look_at_uplink(struct doctor *d)
{
	unsigned asked, reached = sonde_check_uplinks(d->o.uplink_targets, &asked);
	unsigned needed = d->o.uplink_quorum ? (unsigned)d->o.uplink_quorum : asked / 2 + 1;

	if (!asked)
		return;
	needed = needed < asked ? needed : asked;
	say(d, reached < needed ? WARN : GOOD, "uplink", "%u of %u targets answer, %u are needed%s", reached,
	    asked, needed, reached < needed ? "; nothing is measured from here; mend --uplink-targets" : "");
}

/* ---- the programs ---- */

static void look_at_plugins(struct doctor *d)
{
	const struct sonde_child_options child = { .runner = d->o.runner, .plugins = d->o.plugins };
	struct sonde_error e = { 0 };
	const json_t *row;
	struct sonde_buf b;
	size_t i;

	sonde_buf_init(&b, DESCRIBED_MAX);
	int rc = access(d->o.runner, X_OK) ? sonde_fail(&e, SONDE_EIO, NULL, "%s: %s", d->o.runner,
	                                                strerror(errno)) : sonde_describe(&child, &b, &e);
	json_t *doc = rc == SONDE_OK ? sonde_json_load(b.data, b.len, &e) : NULL;
	size_t n = json_array_size(json_object_get(doc, "plugins"));
	if (!doc)
		say(d, BAD, "plugins", "%s; mend --runner or --plugins", e.text);
	else
		say(d, n ? GOOD : BAD, "plugins", "%zu in %s%s", n, d->o.plugins,
		    n ? "" : "; mend --plugins, or install some");
	json_array_foreach(json_object_get(doc, "refused"), i, row) {
		const char *file = json_string_value(json_object_get(row, "file"));
		const char *why = json_string_value(json_object_get(row, "why"));
		say(d, WARN, "plugins", "%s: %s", file ? file : "", why ? why : "");
	}
	json_decref(doc);
	sonde_buf_deinit(&b);
}

/* ---- the machine ---- */

static void look_at_clock(struct doctor *d)
{
	bool good = sonde_check_kernel_clock();

	say(d, good ? GOOD : WARN, "time", good ? "synchronised" :
	    "the system does not know it to be synchronised; run chrony or systemd-timesyncd");
}

static void look_at_limits(struct doctor *d)
{
	static const struct {
		int what;
		rlim_t least;
		const char *name, *unit;
	} all[] = {
		{ RLIMIT_NOFILE, 1024, "LimitNOFILE=1024 or more", "open files" },
		{ RLIMIT_NPROC, 64, "LimitNPROC=64 or more", "processes" },
		{ RLIMIT_CPU, RLIM_INFINITY, "LimitCPU=infinity", "seconds of processor time" },
	};
	unsigned tight = 0;

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct rlimit r;
		if (getrlimit((__rlimit_resource_t)all[i].what, &r) || r.rlim_max >= all[i].least)
			continue;
		say(d, WARN, "limits", "at most %llu %s; %s in its unit, or ulimit",
		    (unsigned long long)r.rlim_max, all[i].unit, all[i].name);
		tight++;
	}
	if (!tight)
		say(d, GOOD, "limits", "files, processes and processor time are enough");
}

/* What the runner's jail is made of; without it plugins are held back less, and work all the same. */
static void look_at_kernel(struct doctor *d)
{
	long landlock = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION);
	bool seccomp = !access("/proc/sys/kernel/seccomp/actions_avail", F_OK);

	if (landlock < 1)
		say(d, WARN, "jail", "no Landlock, plugins can read what the user of the node can; "
		    "a kernel from 5.13 with landlock in /sys/kernel/security/lsm");
	if (!seccomp)
		say(d, WARN, "jail", "no seccomp, plugins may make any system call; "
		    "a kernel with CONFIG_SECCOMP_FILTER");
	if (landlock >= 1 && seccomp)
		say(d, GOOD, "jail", "seccomp and Landlock %ld", landlock);
}

static void look(struct doctor *d)
{
	static void (*const files[])(struct doctor *) = { look_at_state, look_at_key, look_at_space };
	static void (*const machine[])(struct doctor *) = {
		look_at_icmp,       look_at_ipv6,   look_at_resolver, look_at_names,  look_at_controller,
		look_at_uplink,     look_at_plugins, look_at_clock,   look_at_limits, look_at_kernel,
	};

	/* As the user of the service: what root may read and write says little. */
	sonde_private_as_owner(d->o.state);
	for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		files[i](d);
	sonde_private_as_self();
	for (unsigned i = 0; i < sizeof(machine) / sizeof(machine[0]); i++)
		machine[i](d);
}

int sonde_node_doctor(int argc, char **argv)
{
	const char *config = sonde_config_path(argc, argv);
	struct sonde_error e = { 0 };
	struct doctor d = { 0 };

	setvbuf(stdout, NULL, _IOLBF, 0);
	sonde_pool_init(&d.pool, 1 << 20);
	int rc = sonde_node_options_load(&d.o, &d.pool, argc, argv, &e);
	say(&d, rc == SONDE_OK ? GOOD : BAD, "config", "%s", rc != SONDE_OK ? e.text : config ? config :
	    "defaults and flags");
	if (rc == SONDE_OK)
		look(&d);
	sonde_pool_deinit(&d.pool);
	return d.said.failed;
}
