/* SPDX-License-Identifier: Apache-2.0 */
/* A host for one plugin under test: the table of struct sonde_host on poll(), with the real clock or
 * with a virtual one that jumps to the next timer whenever no descriptor is ready. It keeps the
 * contract of sonde/plugin.h strictly and remembers where the plugin broke it.
 *
 *	struct fakehost *h = fakehost_new("plugins/ping/.libs/ping.so");
 *	fakehost_set(h, "packets", "2");
 *	fakehost_run(h, "127.0.0.1");
 *	EXPECT_INT(fakehost_failure(h), SONDE_FAIL_NONE);
 *	... fakehost_json(h), fakehost_raw(h) ...
 *	fakehost_free(h); */
#pragma once
#include <sonde/plugin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fakehost;

/* Open a plugin (a path, or one that begins with "plugins/" below $top_builddir) with all
 * parameters at their defaults. Ends the process with a sentence when it does not load. */
struct fakehost *fakehost_new(const char *path);
/* The same around a plugin linked into the test. */
struct fakehost *fakehost_new_linked(const struct sonde_plugin *);
void fakehost_free(struct fakehost *);

/* Before run. set returns 0, or -1 for an unknown name or a value out of the row's range. */
int fakehost_set(struct fakehost *, const char *param, const char *value);
void fakehost_virtual_clock(struct fakehost *, bool);
void fakehost_timeout(struct fakehost *, int64_t ns);  /* default 10 s */
void fakehost_cancel_at(struct fakehost *, int64_t ns, enum sonde_why);
void fakehost_memory(struct fakehost *, size_t bytes); /* what alloc may give; default 64 MiB */
void fakehost_ip_version(struct fakehost *, unsigned);
/* Whether left descriptors are looked for, which costs more than a small probe; default true. */
void fakehost_count_descriptors(struct fakehost *, bool);
/* Names that resolve; every other name fails as RESOLVE. */
void fakehost_resolve_add(struct fakehost *, const char *name, const char *address);
/* An address the guard refuses; all others are allowed. */
void fakehost_refuse(struct fakehost *, const char *address);
/* Only raw or only ping sockets; 0 = ping first, raw second. */
enum { FAKEHOST_ANY_SOCKET = 0, FAKEHOST_PING_SOCKET, FAKEHOST_RAW_SOCKET };
void fakehost_icmp_sockets(struct fakehost *, int which);
/* Called with each descriptor the plugin opens. */
void fakehost_on_socket(struct fakehost *, void (*fn)(void *arg, int fd, int is_raw), void *arg);
/* A call of the test's own when the probe's clock says `ns` after start. */
void fakehost_at(struct fakehost *, int64_t ns, void (*fn)(void *arg), void *arg);

/* check(), start(), callbacks, finish(). May be called again; what was set stays. Returns 0 when
 * the probe came to done(), 1 when check() refused, 2 when start() failed. A probe that hangs (no
 * timer, no watch, or 2 s of clock past its cancel()) ends the process with a sentence. */
int fakehost_run(struct fakehost *, const char *target);

/* Of the last run; strings are borrowed until the next. */
enum sonde_failure fakehost_failure(const struct fakehost *);
const char *fakehost_why(const struct fakehost *);  /* "" when NULL */
const char *fakehost_json(const struct fakehost *); /* the result object */
const char *fakehost_raw(const struct fakehost *);  /* rawOutput */
const struct sonde_error *fakehost_error(const struct fakehost *); /* of check() */
int64_t fakehost_took_ns(const struct fakehost *);  /* start() to done() on its clock */
/* What the plugin did against the contract (left descriptors, watches; done() twice; unbalanced
 * JSON), one sentence, "" when nothing. */
const char *fakehost_broken(const struct fakehost *);
