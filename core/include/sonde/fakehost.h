/* SPDX-License-Identifier: Apache-2.0 */
/* A host for one plugin under test: the table of struct sonde_host on poll(), with the real clock
 * or with a virtual one that jumps to the next timer whenever no descriptor is ready. It keeps the
 * contract of sonde/plugin.h strictly and remembers where the plugin broke it.
 *
 *	struct fakehost *h = fakehost_new("./ping.so");
 *	fakehost_set(h, "packets", "2");
 *	fakehost_run(h, "127.0.0.1");
 *	assert(fakehost_failure(h) == SONDE_FAIL_NONE);
 *	... fakehost_json(h), fakehost_raw(h) ...
 *	fakehost_free(h);
 *
 * Link with `pkg-config --cflags --libs sonde-fakehost`. One thread; several hosts may exist. */
#ifndef SONDE_FAKEHOST_H
#define SONDE_FAKEHOST_H

#include <sonde/plugin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fakehost;

/* Open a plugin (a path; a relative one that is not here is looked for below $top_builddir) with
 * all parameters at their defaults. Ends the process with a sentence where a node refuses it. */
struct fakehost *fakehost_new(const char *path);
/* The same around a plugin linked into the test. */
struct fakehost *fakehost_new_linked(const struct sonde_plugin *);
/* The same without ending the process: NULL with the error filled. */
struct fakehost *fakehost_try_new(const struct sonde_plugin *, struct sonde_error *);
void fakehost_free(struct fakehost *);

/* Before run. set returns 0, or -1 for an unknown name or a value that the row refuses. */
int fakehost_set(struct fakehost *, const char *param, const char *value);
/* Every parameter back to its default. */
void fakehost_reset(struct fakehost *);
void fakehost_virtual_clock(struct fakehost *, bool);
/* What each turn with a ready descriptor costs on the virtual clock; default 0. */
void fakehost_step(struct fakehost *, int64_t ns);
/* Make random() replay; 0, the default, is the kernel's randomness. */
void fakehost_seed(struct fakehost *, uint64_t seed);
void fakehost_timeout(struct fakehost *, int64_t ns);  /* default 10 s */
/* why 0 takes it back. */
void fakehost_cancel_at(struct fakehost *, int64_t ns, enum sonde_why why);
void fakehost_memory(struct fakehost *, size_t bytes); /* what alloc may give; default 4 MiB */
void fakehost_ip_version(struct fakehost *, unsigned);
/* Whether left descriptors are looked for, which costs more than a small probe; default true. */
void fakehost_count_descriptors(struct fakehost *, bool);
/* Names that resolve; every other name fails as RESOLVE. */
void fakehost_resolve_add(struct fakehost *, const char *name, const char *address);
/* Names that the name server at that address knows, and nobody else. */
void fakehost_resolve_by_add(struct fakehost *, const char *server, const char *name,
                             const char *address);
/* Addresses that have a name in a reverse lookup; every other has none. */
void fakehost_reverse_add(struct fakehost *, const char *address, const char *name);
/* How long a lookup takes (not of a literal address); default 0. A reverse lookup without a delay
 * answers before it returns. */
void fakehost_resolve_delay(struct fakehost *, int64_t ns);
/* An address the guard refuses; all others are allowed. */
void fakehost_refuse(struct fakehost *, const char *address);
/* The guard allows loopback addresses and nothing else. */
void fakehost_only_loopback(struct fakehost *, bool);
/* Be an older host, whose table ends at `size`: offsetof(struct sonde_host, reverse). */
void fakehost_host_size(struct fakehost *, size_t size);
/* Only raw or only ping sockets; 0 = ping first, raw second. */
enum { FAKEHOST_ANY_SOCKET = 0, FAKEHOST_PING_SOCKET, FAKEHOST_RAW_SOCKET };
void fakehost_icmp_sockets(struct fakehost *, int which);
/* Called with each descriptor the plugin opens. */
void fakehost_on_socket(struct fakehost *, void (*fn)(void *arg, int fd, int is_raw), void *arg);
/* A call of the test's own when the probe's clock says `ns` after start. */
void fakehost_at(struct fakehost *, int64_t ns, void (*fn)(void *arg), void *arg);

/* check(), start(), callbacks, finish(). May be called again; what was set stays. Returns 0 when
 * the probe came to done(), 1 when check() or a required parameter that was not set refused it, 2
 * when start() failed. A probe that hangs (no timer, no watch, or 2 s of clock past its cancel())
 * ends the process with a sentence. */
int fakehost_run(struct fakehost *, const char *target);
/* The same, but 3 for a probe that hangs, with the sentence in fakehost_broken(). */
int fakehost_try(struct fakehost *, const char *target);

/* Of the last run; strings are borrowed until the next. */
enum sonde_failure fakehost_failure(const struct fakehost *);
const char *fakehost_why(const struct fakehost *);  /* "" when NULL */
const char *fakehost_json(const struct fakehost *); /* the result object, without rawOutput */
const char *fakehost_raw(const struct fakehost *);  /* rawOutput */
const struct sonde_error *fakehost_error(const struct fakehost *); /* of check() */
int64_t fakehost_took_ns(const struct fakehost *);  /* start() to done() on its clock */
bool fakehost_cancelled(const struct fakehost *);   /* cancel() was called */
/* What the plugin did against the contract (left descriptors, watches; done() twice; broken JSON,
 * sockets it did not declare), the first one as a sentence, "" when nothing. */
const char *fakehost_broken(const struct fakehost *);

#ifdef __cplusplus
}
#endif
#endif
