/* SPDX-License-Identifier: Apache-2.0 */
/* The engine under traceroute and mtr: sends probes with rising TTLs to one target, all of them in
 * flight at once, and fills a table with who answered each. It needs no privilege: answers of
 * routers come by the error queue of the socket that sent the probe (ICMP may fall back to a raw
 * socket, when the host gives that).
 *
 * A plugin embeds struct path in its state, calls path_start() from start(), path_cancel() from
 * cancel() and path_finish() from finish(). `over` runs exactly once, with the table complete; it
 * writes the result and calls done(). */
#pragma once
#include <netinet/in.h>
#include <sonde/plugin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "icmp/socket.h"
#include "path/wire.h"

enum { PATH_TTL_MAX = 64, PATH_ADDRESS_TEXT = 64, PATH_TCP_MAX = 256,
       PATH_ADDRESSES = 8, /* shown of a hop */ PATH_NAMES = SONDE_REVERSE_MAX };

enum path_protocol { PATH_ICMP = 0, PATH_TCP, PATH_UDP };

struct path_config {
	enum path_protocol protocol;
	uint16_t port;        /* TCP, UDP; 0 = the usual one */
	unsigned first, last; /* TTLs, 1 <= first <= last <= PATH_TTL_MAX */
	unsigned queries;     /* to each hop */
	/* Between two queries to a hop. 0 = all at once, and one that does not answer all is asked
	 * once more half a second later: it may be a router that limits its rate. */
	int64_t interval;
	int64_t wait; /* for an answer */
	bool names;   /* look up the names of those who answer */
};

/* Who answered, and what it is called. */
struct path_name {
	struct path *path;
	uint8_t address[16];
	const char *text; /* NULL none */
};

enum path_status {
	PATH_UNSENT = 0,
	PATH_PENDING,
	PATH_ARRIVED,  /* answered, its send stamp may still be in the error queue */
	PATH_ANSWERED,
	PATH_LOST,
	PATH_SKIPPED,  /* went beyond the end of the path, which was not known then */
};

/* How an answer was given. */
enum path_answer {
	PATH_EXCEEDED = 0, /* by a router on the way */
	PATH_TARGET,       /* echo reply, datagram, connection, reset, or port unreachable */
	PATH_STOPPED,      /* unreachable: the path ends here, before the target */
};

struct path_probe {
	uint8_t status, ttl, answer;
	uint8_t user_stamp; /* rtt is of user-space or one-sided stamps */
	uint8_t type, code; /* ICMP error; 0 for an answer of the target itself */
	uint8_t n_labels;
	uint8_t has_from;
	uint32_t key;       /* of its kernel send stamp */
	struct path_socket *socket;
	int64_t sent_at, arrived_at; /* host clock */
	int64_t user_tx, tx, rx;     /* wall clock, 0 = missing */
	int64_t rtt;                 /* ns, valid for PATH_ANSWERED */
	uint8_t from[16];            /* 4 bytes for IPv4 */
	struct path_label labels[PATH_LABELS];
};

struct path;
typedef void path_over_fn(struct sonde_probe *, struct path *, enum sonde_failure,
                          const char *why);

/* One descriptor. `ttl` is set when all its probes have that one. */
struct path_socket {
	struct sonde_icmp_socket s; /* also for UDP and TCP */
	struct sonde_watch *watch;
	struct path *path;
	struct path_socket *next; /* of the open ones */
	struct path_probe *probe; /* TCP */
	unsigned ttl, set_ttl;
	bool used;
};

struct path {
	struct path_config config;
	path_over_fn *over;
	struct sonde_addr target;
	int family;
	char address[PATH_ADDRESS_TEXT];
	struct path_probe *probes; /* slots of the first TTL, then of the next one ...; NULL early */
	uint16_t *order;           /* indices of the sent ones, in order of sending */
	unsigned slots;            /* a TTL */
	unsigned sent, oldest, pending;
	struct path_socket main;
	struct path_socket *sockets, *spare;
	struct path_socket *own[PATH_TTL_MAX + 1];
	struct sonde_timer *timer;
	int64_t timer_at; /* host clock */
	uint8_t cookie[PATH_COOKIE];
	unsigned round, cursor;  /* next TTL to send in this round */
	unsigned chunk;          /* TTLs sent at once the last time */
	unsigned heard, end;     /* farthest TTL that answered; where the path ends, 0 unknown */
	int64_t end_rtt;
	int64_t due, round_at, last_sent; /* host clock */
	int64_t again_at;                 /* 0 = at the usual time */
	bool reached, again_done, is_over, is_near;
	bool unsigned_quotes;    /* errors came that quote too little to tell the probe */
	struct path_name *names; /* NULL: not looked up */
	unsigned n_names, unnamed; /* those whose lookups pend */
	bool naming;             /* all is measured, names are waited for */
	const char *refused;     /* why this host could not send */
	int refused_error;
};

/* 0, or non-zero when nothing was started. */
int path_start(struct sonde_probe *, struct path *, const struct path_config *, path_over_fn *);
void path_cancel(struct sonde_probe *, struct path *, enum sonde_why);
void path_finish(struct sonde_probe *, struct path *);

static inline bool path_in_rounds(const struct path *s)
{
	return s->config.interval > 0;
}
/* Slot i of a TTL. */
const struct path_probe *path_slot(const struct path *, unsigned ttl, unsigned i);
static inline bool path_was_asked(const struct path_probe *k)
{
	return k->status == PATH_ANSWERED || k->status == PATH_LOST;
}

/* socket.c */
int path_open_main(struct sonde_probe *, struct path *);
/* NULL when there is no socket to be had; *error is an errno. */
struct path_socket *path_open_own(struct sonde_probe *, struct path *, unsigned ttl, int *error);
void path_close(struct sonde_probe *, struct path_socket *);
/* 0 or an errno. */
int path_send(struct path *, struct path_socket *, struct path_probe *, uint16_t seq);
/* Entry of a read. */
struct path_rx {
	enum { PATH_RX_NONE, PATH_RX_DATA, PATH_RX_ERROR, PATH_RX_STAMP } kind;
	const uint8_t *data; /* in the batch */
	size_t len;
	uint32_t key;       /* STAMP */
	int64_t stamp;      /* 0 when missing */
	uint8_t type, code; /* ERROR */
	size_t extension;   /* ERROR: offset in data, 0 when the kernel told none */
	bool has_from;
	uint8_t from[16], to[16];
};
/* Memory of a read. */
enum { PATH_BATCH = 12, PATH_KEEP = 512 };
struct path_batch {
	struct mmsghdr msgs[PATH_BATCH];
	struct iovec iov[PATH_BATCH];
	struct sockaddr_storage peers[PATH_BATCH];
	uint8_t data[PATH_BATCH][PATH_KEEP];
	_Alignas(max_align_t) uint8_t control[PATH_BATCH][256];
};
/* How many entries one read gave; 0 = nothing is there. */
unsigned path_read(struct path_socket *, int flags, struct path_batch *);
/* Entry i of a read with these flags. */
void path_get(struct path_batch *, int flags, unsigned i, struct path_rx *);

/* match.c: read what came on a socket, as events say; what it says goes into the table. */
void path_drain(struct sonde_probe *, struct path_socket *, unsigned events);
/* engine.c */
void path_end_with(struct sonde_probe *, struct path *, enum sonde_failure, const char *why);
void path_send_failed(struct path *, int error);
/* End by what the table says. */
void path_conclude(struct sonde_probe *, struct path *);
/* Set the timer for what is due next. */
void path_arm(struct sonde_probe *, struct path *, int64_t now);
void path_event(struct sonde_probe *, void *socket, int fd, unsigned events);
/* A probe ended. */
void path_settle(struct sonde_probe *, struct path *, struct path_probe *, int64_t now);

/* names.c: looked up from the first answer on, and waited for after the last one for at most a second. */
/* 0, or -1 without memory. */
int path_names_init(struct sonde_probe *, struct path *);
void path_names_ask(struct sonde_probe *, struct path *, const uint8_t *address);
/* True when it took over: `over` runs when all names are there. */
bool path_names_wait(struct sonde_probe *, struct path *);
/* Ends the waiting. */
void path_names_over(struct sonde_probe *, struct path *);
/* NULL when it has none or was not asked for. */
const char *path_name(const struct path *, const uint8_t *address);
/* Closes all. */
void path_close_all(struct sonde_probe *, struct path *);

/* facts.c: what traceroute and mtr both say of a path. */
struct path_sum {
	unsigned sent, rcv;
	const struct path_probe *first; /* the first that was answered, NULL none */
	int64_t min, max;               /* ns */
	double sum;
};
struct path_sum path_sum(const struct path *, unsigned ttl);
/* The different ones that answered, slot by slot; borrowed from the table. */
unsigned path_addresses(const struct path *, unsigned ttl, const uint8_t *out[PATH_ADDRESSES]);
/* The last TTL worth showing. */
unsigned path_last(const struct path *, bool trim);
const char *path_text(const struct path *, const uint8_t *address, char out[PATH_ADDRESS_TEXT]);
void path_put_ms(struct sonde_probe *, const char *key, bool known, double ms);
/* resolvedAddress, resolvedHostname, protocol, port, flow, reached, timestamps. */
void path_put_head(struct sonde_probe *, const struct path *);
/* Address and name of a hop, its other addresses, ICMP code and labels; inside the hop's object. */
void path_put_hop(struct sonde_probe *, const struct path *, unsigned ttl);
void path_put_summary(struct sonde_probe *, const struct path *, unsigned last);
/* The first label stack an answer of this TTL told; *n is its depth, 0 none. */
const struct path_label *path_stack(const struct path *, unsigned ttl, unsigned *n);
/* The mark of the classic tools: "!H", "" for an ordinary answer. */
void path_mark(const struct path *, const struct path_probe *, char out[16]);

/* Field rows of the above. */
#define PATH_HEAD_FIELDS \
	{ "resolvedAddress", SONDE_TYPE_STRING, "the address the path leads to", NULL, 0 }, \
	{ "resolvedHostname", SONDE_TYPE_STRING, "the name it came from, null for an address", NULL, \
	  0 }, \
	{ "protocol", SONDE_TYPE_STRING, "what the probes were: ICMP, TCP or UDP", NULL, 0 }, \
	{ "port", SONDE_TYPE_INT, "destination port, null for ICMP", NULL, 0 }, \
	{ "flow", SONDE_TYPE_STRING, \
	  "stable: routers that spread flows see one; mixed: a few hops were asked otherwise; " \
	  "varied: each probe was a flow of its own", NULL, 0 }, \
	{ "reached", SONDE_TYPE_BOOL, "the target answered", NULL, 0 }, \
	{ "timestamps", SONDE_TYPE_STRING, \
	  "whose clock readings the times are of: kernel, mixed or user", NULL, 0 }
#define PATH_HOP_FIELDS \
	{ "hops", SONDE_TYPE_ROWS, "one row a TTL, in order", NULL, 0 }, \
	{ "hops[].resolvedAddress", SONDE_TYPE_STRING, "who answered first, null when silent", NULL, \
	  0 }, \
	{ "hops[].resolvedHostname", SONDE_TYPE_STRING, \
	  "its name, null when it has none or was not looked up", NULL, 0 }, \
	{ "hops[].ttl", SONDE_TYPE_INT, "time to live of the probes", NULL, 0 }, \
	{ "hops[].addresses", SONDE_TYPE_ROWS, "all who answered, at most eight", NULL, 0 }, \
	{ "hops[].icmpType", SONDE_TYPE_INT, "ICMP type of the answer, null for the target's own", \
	  NULL, 0 }, \
	{ "hops[].icmpCode", SONDE_TYPE_INT, "ICMP code of the answer", NULL, 0 }, \
	{ "hops[].note", SONDE_TYPE_STRING, "why the path ends here, null when it goes on", NULL, 0 }, \
	{ "hops[].mpls", SONDE_TYPE_ROWS, "MPLS label stack the router told", NULL, 0 }, \
	{ "hops[].mpls[].label", SONDE_TYPE_INT, "label", NULL, 0 }, \
	{ "hops[].mpls[].tc", SONDE_TYPE_INT, "traffic class", NULL, 0 }, \
	{ "hops[].mpls[].bottom", SONDE_TYPE_BOOL, "bottom of the stack", NULL, 0 }, \
	{ "hops[].mpls[].ttl", SONDE_TYPE_INT, "time to live of the label", NULL, 0 }
#define PATH_SUMMARY_FIELDS \
	{ "summary", SONDE_TYPE_OBJECT, "what the path is like", NULL, 0 }, \
	{ "summary.hops", SONDE_TYPE_INT, "distance of the target, null when it did not answer", NULL, \
	  0 }, \
	{ "summary.silent", SONDE_TYPE_INT, "hops without an answer before the last one with one", \
	  NULL, 0 }, \
	{ "summary.maxLatency", SONDE_TYPE_NUMBER, "longest round trip of all hops", "ms", 0 }, \
	{ "summary.maxLatencyHop", SONDE_TYPE_INT, "the hop it was of", NULL, 0 }, \
	{ "summary.bottleneckHop", SONDE_TYPE_INT, \
	  "where latency rises most for good: all later hops have it too", NULL, 0 }, \
	{ "summary.bottleneckLatency", SONDE_TYPE_NUMBER, "by how much", "ms", 0 }, \
	{ "summary.loopHop", SONDE_TYPE_INT, "first hop that answers again later with others between", \
	  NULL, 0 }
