/* SPDX-License-Identifier: Apache-2.0 */
/* A table of looks; each says one or more lines. Owns nothing between them. */
#include "controller/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include "base/finding.h"
#include "base/json.h"
#include "base/private.h"
#include "base/trust.h"
#include "config/config.h"
#include "controller/describe.h"
#include "controller/options.h"
#include "controller/own_files.h"
#include "store/store.h"

enum { PATH_LEN = 4096, DESCRIBED_MAX = 4 << 20, ANSWER_S = 5 };
#define SPACE_FAIL (UINT64_C(64) << 20)
#define SPACE_WARN (UINT64_C(1) << 30)

struct doctor {
	struct controller_options o;
	struct sonde_pool pool;
	const char *config;
	struct sonde_findings said;
};

/* ---- the looks ---- */

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
		say(d, GOOD, "state", "%s", dir);
}

static void look_at_secret(struct doctor *d)
{
	struct sonde_error e = { "", "" };
	char file[PATH_LEN];

	own_secret_path(&d->o, file, sizeof(file));
	if (access(file, F_OK))
		say(d, errno == ENOENT ? WARN : BAD, "secret", "%s: %s; the first start makes it", file,
		    strerror(errno));
	else if (sonde_private_check_path(file, &e) != SONDE_OK ||
	         own_files_check(&d->o, &e) != SONDE_OK)
		say(d, BAD, "secret", "%s", e.text);
	else
		say(d, GOOD, "secret", "%s; keep a copy apart from backups", file);
}

static void look_at_space(struct doctor *d)
{
	struct statvfs v;

	if (statvfs(d->o.state, &v))
		return;
	uint64_t free = (uint64_t)v.f_bavail * v.f_frsize;
	enum sonde_finding is = free < SPACE_FAIL ? BAD : free < SPACE_WARN ? WARN : GOOD;
	say(d, is, "space", "%" PRIu64 " MiB are free under %s%s", free >> 20, d->o.state,
	    is == BAD ? "; under 64 MiB nothing new is taken: make room, or --retain fewer days" :
	    is == WARN ? "; make room" : "");
}

static bool is_running(const struct doctor *d)
{
	char path[PATH_LEN];

	snprintf(path, sizeof(path), "%s/writer.lock", d->o.state);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool running = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;
	if (fd >= 0)
		close(fd);
	return running;
}

static void look_at_store(struct doctor *d)
{
	const struct sonde_store_options options = { .dir = d->o.state, .no_writer = true };
	struct sonde_error e = { "", "" };
	struct sonde_store *store;
	char path[PATH_LEN];
	unsigned have, most;

	snprintf(path, sizeof(path), "%s/state.mdb", d->o.state);
	if (access(path, F_OK)) {
		say(d, GOOD, "store", "there is none yet");
		return;
	}
	if (sonde_store_open(&options, &store, &e) != SONDE_OK) {
		say(d, BAD, "store", "%s; put a backup back with sonde restore", e.text);
		return;
	}
	sonde_store_readers(store, &have, &most);
	sonde_store_close(store);
	say(d, have * 5 > most * 4 ? WARN : GOOD, "store", "%s, %u of %u readers%s",
	    is_running(d) ? "in use by a controller" : "not in use", have, most,
	    have * 5 > most * 4 ? "; end programs that look at it" : "");
}

/* A connection to the address that the controller serves on, or -1. */
static int dial(const struct addrinfo *a)
{
	const struct timeval patience = { ANSWER_S, 0 };
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, a->ai_addr, a->ai_addrlen)) {
		close(fd);
		return -1;
	}
	return fd;
}

static void look_at_address(struct doctor *d, const struct addrinfo *a)
{
	const int yes = 1;
	int fd = dial(a);

	if (fd >= 0 || is_running(d)) {
		say(d, is_running(d) && fd >= 0 ? GOOD : BAD, "port", "%s %s", d->o.listen,
		    !is_running(d) ? "is taken by another program; end it, or --listen elsewhere" :
		    fd >= 0 ? "answers" : "does not answer, though a controller runs; look at its log");
		if (fd >= 0)
			close(fd);
		return;
	}
	fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (fd < 0 || bind(fd, a->ai_addr, a->ai_addrlen))
		say(d, BAD, "port", "%s: %s; --listen on an address of this machine", d->o.listen,
		    strerror(errno));
	else
		say(d, GOOD, "port", "%s is free", d->o.listen);
	if (fd >= 0)
		close(fd);
}

static void look_at_port(struct doctor *d)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST |
	                                AI_NUMERICSERV };
	const char *colon = strrchr(d->o.listen, ':');
	struct addrinfo *found = NULL;
	char host[256];

	snprintf(host, sizeof(host), "%.*s", colon ? (int)(colon - d->o.listen) : 0, d->o.listen);
	if (!colon || getaddrinfo(host, colon + 1, &hints, &found))
		say(d, BAD, "port", "%s is not ADDRESS:PORT; mend --listen", d->o.listen);
	else
		look_at_address(d, found);
	if (found)
		freeaddrinfo(found);
}

static void look_at_tls(struct doctor *d)
{
	const char *const files[] = { d->o.cert, d->o.key };
	struct sonde_error e = { "", "" };
	char pin[SONDE_PIN_TEXT];

	if (!d->o.cert != !d->o.key)
		say(d, BAD, "tls", "cert and key are given together or not at all");
	else if (!d->o.cert && strncmp(d->o.listen, "127.", 4) && strncmp(d->o.listen, "::1", 3))
		say(d, WARN, "tls", "%s is clear text; give --cert and --key, or serve behind a proxy",
		    d->o.listen);
	for (int i = 0; i < 2 && d->o.cert && d->o.key; i++)
		say(d, access(files[i], R_OK) ? BAD : GOOD, "tls", "%s%s%s", files[i],
		    access(files[i], R_OK) ? ": " : "", access(files[i], R_OK) ? strerror(errno) : "");
	if (d->o.cert && d->o.key && sonde_pin_of_file(d->o.cert, pin, &e) != SONDE_OK)
		say(d, BAD, "tls", "%s", e.text);
	else if (d->o.cert && d->o.key)
		say(d, GOOD, "pin", "%s, for --pin of nodes and clients", pin);
}

static void look_at_plugins(struct doctor *d)
{
	struct sonde_error e = { "", "" };
	const json_t *row;
	struct sonde_buf b;
	size_t i;

	sonde_buf_init(&b, DESCRIBED_MAX);
	int rc = describe_plugins(d->o.runner, d->o.plugins, &b, &e);
	json_t *doc = rc == SONDE_OK ? sonde_json_load(b.data, b.len, &e) : NULL;
	size_t n = json_array_size(json_object_get(doc, "plugins"));
	if (!doc)
		say(d, BAD, "plugins", "%s; mend --runner", e.text);
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

static void look_at_folders(struct doctor *d)
{
	const struct {
		const char *what, *path;
		enum sonde_finding without;
	} all[] = { { "policies", d->o.policies, BAD }, { "lua", d->o.lua, WARN },
		    { "web", d->o.web, WARN } };

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		bool good = all[i].path && !access(all[i].path, R_OK | X_OK);
		say(d, good ? GOOD : all[i].without, all[i].what, "%s%s%s%s",
		    all[i].path ? all[i].path : "none", good ? "" : ": ", good ? "" : strerror(errno),
		    good ? "" : "; name the folder in the configuration");
	}
}

static void look_at_clock(struct doctor *d)
{
	struct timex t = { .modes = 0 };
	bool good = adjtimex(&t) != TIME_ERROR && !(t.status & STA_UNSYNC);

	say(d, good ? GOOD : WARN, "time", good ? "synchronised" :
	    "the system does not know it to be synchronised; run chrony or systemd-timesyncd");
}

int doctor_command(int argc, char **argv)
{
	static void (*const looks[])(struct doctor *) = {
		look_at_state, look_at_secret, look_at_space, look_at_store, look_at_port,
		look_at_tls,   look_at_plugins, look_at_folders, look_at_clock,
	};
	struct doctor d = { .config = sonde_config_path(argc, argv) };
	struct sonde_error e = { "", "" };
	int rest;

	setvbuf(stdout, NULL, _IOLBF, 0);
	sonde_pool_init(&d.pool, 1 << 20);
	int rc = sonde_config_load(controller_option_rows(), &d.o, &d.pool, d.config, argc, argv, &rest,
	                           &e);
	if (rc == SONDE_OK && rest < argc)
		rc = sonde_fail(&e, SONDE_EINVAL, "", "unexpected argument %s", argv[rest]);
	say(&d, rc == SONDE_OK ? GOOD : BAD, "config", "%s", rc != SONDE_OK ? e.text : d.config ? d.config :
	    "defaults and flags");
	/* As the user of the service: what root may read and write says little. */
	if (rc == SONDE_OK)
		sonde_private_as_owner(d.o.state);
	for (unsigned i = 0; rc == SONDE_OK && i < sizeof(looks) / sizeof(looks[0]); i++)
		looks[i](&d);
	sonde_private_as_self();
	sonde_pool_deinit(&d.pool);
	return d.said.failed;
}
