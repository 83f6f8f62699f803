/* SPDX-License-Identifier: Apache-2.0 */
/* The contract between Sonde and a probe plugin.
 *
 * A plugin is a shared object NAME.so that exports one constant,
 *
 *	const struct sonde_plugin sonde_plugin = { ... };
 *
 * and nothing else. It has no undefined symbol of ours: everything it asks of the host goes
 * through the function table in struct sonde_probe. One probe is one task; the host runs many
 * probes of many plugins on one thread, so that no function here may block.
 *
 * Life of a probe: check() on the filled args; start(); then timer, watch and resolve callbacks;
 * then the plugin calls host->done() exactly once; then finish() exactly once, after which no
 * callback comes. cancel() asks to end soon: the plugin answers with done(). When start() returns
 * non-zero the probe has ended as `internal` and finish() is not called.
 *
 * The ABI law: within one SONDE_PLUGIN_ABI, members, rows, bits and numbers are only ever appended,
 * never moved, resized or given another meaning. `size` members say how much the other side knows.
 *
 *	older plugin, newer host	the host reads `size` bytes; what is missing is zero, which
 *					always means "as before"
 *	newer plugin, older host	the host reads what it knows and steps over rows by param_size
 *					and field_size. A type, need or kind of target that it does
 *					not know refuses the plugin with a sentence
 *	a function of the host		the plugin asks SONDE_HOST_HAS before it calls one that came
 *					later than the header of ABI 1 (the last one there is random)
 *	a number from the host		an unknown enum sonde_why or failure is like CANCELLED and
 *					INTERNAL
 *	another SONDE_PLUGIN_ABI	refused before anything behind `abi` and `size` is read */
#ifndef SONDE_PLUGIN_H
#define SONDE_PLUGIN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SONDE_PLUGIN_ABI 1u

/* One sentence for a person, with the dotted path of the parameter it is about ("" = the whole). */
struct sonde_error {
	char path[96];
	char text[224];
};

/* How a result failed. Up to SONDE_FAIL_ASSERTION the target failed; after that the measurement
 * could not be made. Loss and NXDOMAIN are results, not failures. */
enum sonde_failure {
	SONDE_FAIL_NONE = 0,
	SONDE_FAIL_RESOLVE,
	SONDE_FAIL_CONNECT,
	SONDE_FAIL_REFUSED,
	SONDE_FAIL_UNREACHABLE,
	SONDE_FAIL_TLS,
	SONDE_FAIL_PROTOCOL,
	SONDE_FAIL_TIMEOUT,
	SONDE_FAIL_ASSERTION,
	SONDE_FAIL_GUARD,
	SONDE_FAIL_OVERLOAD,
	SONDE_FAIL_PLUGIN_MISSING,
	SONDE_FAIL_CRASHED,
	SONDE_FAIL_NODE_LOST,
	SONDE_FAIL_CANCELLED,
	SONDE_FAIL_INTERNAL,
};

/* C type of a parameter or field. */
enum sonde_type {
	SONDE_TYPE_END = 0,
	SONDE_TYPE_BOOL,     /* args: uint8_t */
	SONDE_TYPE_INT,      /* args: int64_t; min..max */
	SONDE_TYPE_NUMBER,   /* args: double; min..max */
	SONDE_TYPE_STRING,   /* args: const char *, UTF-8, at most max bytes */
	SONDE_TYPE_ENUM,     /* args: uint32_t, index in names; input is matched without case */
	SONDE_TYPE_DURATION, /* args: int64_t nanoseconds; input "250ms", "2s", or a number of
	                        seconds; min..max in milliseconds */
	SONDE_TYPE_ROWS,     /* fields only: an array of objects, described by "name[].x" rows */
	SONDE_TYPE_OBJECT,   /* fields only */
	SONDE_TYPE_MAP,      /* parameters only; args: const struct sonde_pair *, ended by a pair without
	                        a name, or NULL; input {"name": "text"} or lines "name: text"; at most
	                        128 pairs, names of 256 bytes, texts of max (0 = 8192) bytes; no default */
};

/* One entry of a SONDE_TYPE_MAP parameter, in the order of the input. UTF-8. */
struct sonde_pair {
	const char *name, *value;
};

enum {
	SONDE_PARAM_REQUIRED = 1u << 0,
	SONDE_PARAM_SECRET = 1u << 1, /* never shown again after it was written */
	SONDE_PARAM_INTERNAL = 1u << 2, /* filled by the controller; a user may not give it */
};

/* One parameter. The host checks the input against the row and stores it at `offset` of args. */
struct sonde_param {
	const char *name;
	uint32_t type;   /* enum sonde_type */
	uint32_t offset; /* into the plugin's args struct */
	const char *help;
	const char *unit;         /* "ms", "bytes", NULL */
	const char *def;          /* default as a user would type it, NULL = zero/NULL */
	const char *const *names; /* SONDE_TYPE_ENUM: NULL-terminated */
	int64_t min, max;
	uint32_t flags;
};

/* One field of a result: dotted path ("stats.min", "timings[].rtt"). */
struct sonde_field {
	const char *name;
	uint32_t type;
	const char *help;
	const char *unit;
	uint32_t flags;
};

/* Rights a plugin needs from the kernel; the runner refuses a plugin whose needs it cannot give. */
enum {
	SONDE_NEED_ICMP = 1u << 0,
	SONDE_NEED_UDP = 1u << 1,
	SONDE_NEED_TCP = 1u << 2,
	SONDE_NEED_RESOLVE = 1u << 3,
};

/* What the target of a type is; the controller's guard checks it accordingly. */
enum {
	SONDE_TARGET_IS_HOST = 0, /* a name or an address */
	SONDE_TARGET_IS_LIST,     /* comma list of addresses and prefixes */
	SONDE_TARGET_IS_TEXT,     /* any text; nothing on the network is meant */
	/* Another node, by id or name. The controller books both nodes, runs the probe on both, and
	 * fills `role` (send, receive), `peer` (the other's address) and `token` (the same on both),
	 * which the plugin must have as internal parameters. */
	SONDE_TARGET_IS_NODE,
};

enum sonde_why {
	SONDE_WHY_TIMEOUT = 1, /* the task's time is over */
	SONDE_WHY_CANCELLED,   /* the user or the controller took it back */
	SONDE_WHY_SHUTDOWN,    /* the node goes away */
};

struct sonde_probe;
struct sonde_timer; /* opaque handle */
struct sonde_watch; /* opaque handle */

enum {
	SONDE_READABLE = 1,
	SONDE_WRITABLE = 2,
	SONDE_ERRQUEUE = 4, /* POLLERR: error queue or pending error */
};

/* One address of the target after resolution and the guard's check. */
struct sonde_addr {
	struct sockaddr_storage sa;
	socklen_t len;
};

/* status 0 and count >= 1, or a failure (RESOLVE, GUARD, TIMEOUT) and count 0 with a sentence.
 * took_ns is the time of the lookup, 0 for a literal address. */
typedef void sonde_resolved_fn(struct sonde_probe *, void *arg, enum sonde_failure failure,
                               const struct sonde_addr *addrs, unsigned count, int64_t took_ns,
                               const char *why);
/* What a reverse lookup said: letters, digits, "-", "_" and "." in at most 253 bytes, gone after the
 * call; NULL when the address has no name or nobody answered. */
typedef void sonde_named_fn(struct sonde_probe *, void *arg, const char *name);
typedef void sonde_timer_fn(struct sonde_probe *, void *arg);
typedef void sonde_watch_fn(struct sonde_probe *, void *arg, int fd, unsigned events);

/* What the host does for a plugin. All functions are to be called on the host's thread from
 * inside a callback of the same probe. */
struct sonde_host {
	uint32_t size;
	/* Nanoseconds of CLOCK_BOOTTIME (or of the virtual clock of a test host). */
	int64_t (*now)(struct sonde_probe *);
	/* Call fn once after delay_ns (>= 0). The handle is dead after fn ran or after timer_stop.
	 * NULL when out of memory. Sub-millisecond delays are honoured as well as the loop can. */
	struct sonde_timer *(*timer_start)(struct sonde_probe *, int64_t delay_ns, sonde_timer_fn *,
	                                   void *arg);
	void (*timer_stop)(struct sonde_probe *, struct sonde_timer *);
	/* Level-triggered watch of a descriptor; one watch a descriptor. events 0 in watch_change
	 * pauses. The plugin closes the descriptor itself, after watch_stop. */
	struct sonde_watch *(*watch_start)(struct sonde_probe *, int fd, unsigned events,
	                                   sonde_watch_fn *, void *arg);
	int (*watch_change)(struct sonde_probe *, struct sonde_watch *, unsigned events);
	void (*watch_stop)(struct sonde_probe *, struct sonde_watch *);
	/* Addresses of `name` (or of a literal) that the guard allows. family: AF_INET, AF_INET6, or
	 * AF_UNSPEC for both. The callback may run before resolve returns only for literals. Returns
	 * 0, or non-zero when nothing was started. At most one pending lookup a probe. */
	int (*resolve)(struct sonde_probe *, const char *name, int family, sonde_resolved_fn *,
	               void *arg);
	/* 1 when the guard allows the address. */
	int (*allowed)(struct sonde_probe *, const struct sockaddr *, socklen_t);
	/* Non-blocking, close-on-exec socket, or -errno. For ICMP (domain AF_INET/AF_INET6, protocol
	 * IPPROTO_ICMP/IPPROTO_ICMPV6, type 0) the host tries the unprivileged ping socket first and
	 * a raw one second; *is_raw (may be NULL) tells which. */
	int (*socket)(struct sonde_probe *, int domain, int type, int protocol, int *is_raw);
	/* Memory that lives as long as the probe, zeroed; NULL when the probe's limit is reached. */
	void *(*alloc)(struct sonde_probe *, size_t);
	/* The result's JSON, written in order. key is NULL inside an array. Numbers are written
	 * with at most `digits` decimals (0 to 6). text is UTF-8; broken bytes are replaced. */
	void (*open)(struct sonde_probe *, const char *key, char bracket); /* '{' or '[' */
	void (*close)(struct sonde_probe *);
	void (*put_int)(struct sonde_probe *, const char *key, int64_t);
	void (*put_number)(struct sonde_probe *, const char *key, double, int digits);
	void (*put_text)(struct sonde_probe *, const char *key, const char *text, size_t len);
	void (*put_bool)(struct sonde_probe *, const char *key, int);
	void (*put_null)(struct sonde_probe *, const char *key);
	/* JSON the plugin wrote itself; must be one valid value. For hot loops only. */
	void (*put_raw)(struct sonde_probe *, const char *key, const char *json, size_t len);
	/* Append to rawOutput, the text the classic tool prints; also sent on as progress when the
	 * user asked for updates. */
	void (*print)(struct sonde_probe *, const char *text, size_t len);
	/* One line into the runner's log, at a level of syslog (3 error, 4 warning, 6 info, 7 debug). */
	void (*log)(struct sonde_probe *, int level, const char *text);
	/* The probe is over. why: one sentence for a failure, NULL when ok. */
	void (*done)(struct sonde_probe *, enum sonde_failure, const char *why);
	/* A fresh 64-bit random number. */
	uint64_t (*random)(struct sonde_probe *);
	/* From here on SONDE_HOST_HAS must be asked. */
	/* The name of an address, by the node's own resolver and from a cache of some minutes. For
	 * people to read: whoever holds the address chose it, so nothing may be decided by it. Exactly
	 * one callback unless the probe ends first, perhaps before this returns, perhaps after many
	 * seconds: who waits, waits with a timer. Returns 0, or non-zero when nothing was started; at
	 * most SONDE_REVERSE_MAX lookups of a probe may be pending. Needs SONDE_NEED_RESOLVE. */
	int (*reverse)(struct sonde_probe *, const struct sockaddr *, socklen_t, sonde_named_fn *,
	               void *arg);
	/* As resolve, but the name server at that address is asked, on port 53, and no hosts file; the
	 * guard must allow the server, too. */
	int (*resolve_by)(struct sonde_probe *, const struct sockaddr *server, socklen_t,
	                  const char *name, int family, sonde_resolved_fn *, void *arg);
};

enum { SONDE_REVERSE_MAX = 64 };

/* One running task. The plugin reads it, only the host writes it. */
struct sonde_probe {
	const struct sonde_host *host;
	const void *args; /* the plugin's args struct, filled from its params */
	void *state;      /* state_size zeroed bytes of the plugin's own */
	const char *target;
	int64_t timeout_ns;  /* from start() until the host calls cancel() */
	uint32_t ip_version; /* 4, 6, or 0 = no preference */
};

struct sonde_plugin {
	uint32_t abi, size;               /* SONDE_PLUGIN_ABI, sizeof; checked before all else */
	uint32_t param_size, field_size;  /* sizeof of the rows as the plugin was built */
	const char *name, *version, *summary, *license;
	uint32_t needs;
	uint32_t args_size, state_size;
	const struct sonde_param *params; /* ends with a row of type SONDE_TYPE_END */
	const struct sonde_field *fields;
	/* Rules between parameters, and of the target; 0 or non-zero with the error filled. Runs in
	 * the runner before start() and must be pure. May be NULL. */
	int (*check)(const void *args, const char *target, struct sonde_error *);
	int (*start)(struct sonde_probe *);
	void (*cancel)(struct sonde_probe *, enum sonde_why);
	void (*finish)(struct sonde_probe *);
	uint32_t target; /* SONDE_TARGET_IS_... */
	/* A test of the plugin's own tables and parsers for `sonde plugin check`; no node calls it.
	 * 0, or non-zero with the error filled. Takes no time, needs no network. May be NULL. */
	int (*self_test)(struct sonde_error *);
};

/* Whether the host knows a function: SONDE_HOST_HAS(p->host, random). */
#define SONDE_HOST_HAS(table, member) \
	((table)->size >= offsetof(struct sonde_host, member) + sizeof((table)->member))

#if defined(__GNUC__)
#define SONDE_EXPORT __attribute__((visibility("default")))
#else
#define SONDE_EXPORT
#endif

/* The export of every plugin: SONDE_PLUGIN = { SONDE_PLUGIN_HEAD, .name = ... }; */
#ifdef __cplusplus
#define SONDE_PLUGIN extern "C" SONDE_EXPORT const struct sonde_plugin sonde_plugin
#else
#define SONDE_PLUGIN SONDE_EXPORT extern const struct sonde_plugin sonde_plugin; \
	const struct sonde_plugin sonde_plugin
#endif
#define SONDE_PLUGIN_HEAD \
	.abi = SONDE_PLUGIN_ABI, .size = sizeof(struct sonde_plugin), \
	.param_size = sizeof(struct sonde_param), .field_size = sizeof(struct sonde_field)

#ifdef __cplusplus
}
#endif
#endif
