/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the plugin `dns` only: its parameters, one probe's state, and the parts that share them.
 *
 *	params.c   parameters and fields
 *	dns.c      the resolver's addresses, what follows on an answer
 *	own.c      the node's own resolvers
 *	ask.c      one question to one address: sockets, time stamps, retries
 *	stream.c   the same over TCP, TLS and HTTPS
 *	trace.c    from the root down
 *	report.c   the result and the text
 *	edns.c     what EDNS says, in both
 *	rows.c     records in both */
#pragma once
#include <sonde/plugin.h>

#include "connect/address.h"
#include "connect/say.h"
#include "http.h"
#include "query.h"
#include "tls.h"

enum dns_protocol { DNS_UDP, DNS_TCP, DNS_DOT, DNS_DOH };

enum { DNS_ADDRS_MAX = 8, DNS_WHY = 240 };

struct dns_args {
	int64_t port, edns_size, tries;
	int64_t wait; /* ns */
	uint32_t type, class, protocol, expect_rcode;
	uint8_t recursion, dnssec, nsid, checking_disabled, authentic, random_case, trace, verify;
	const char *resolver, *roots, *name, *path, *expect_value;
};

/* Bytes and state of a connection; lives in the probe's pool, made when first needed. */
struct dns_stream {
	struct dns_tls *tls;
	struct dns_http http;
	uint8_t prefix[2];
	unsigned prefix_len;
	uint8_t *message;
	size_t size, len, want; /* of message: memory, what came, what was announced */
};

/* One question to one address. */
struct dns_ask {
	/* set by who asks */
	struct sonde_addr to;      /* with its port */
	enum dns_protocol protocol;
	const struct dns_name *name;
	uint16_t type;
	uint8_t recursion;
	unsigned tries;            /* over UDP */
	/* of the exchange */
	uint8_t query[DNS_QUERY_MAX];
	size_t query_len;
	int fd; /* -1 = closed */
	unsigned tried;
	uint8_t step;
	uint8_t truncated;         /* the UDP answer was cut; asked again over TCP */
	unsigned ignored;          /* datagrams that were no reply to the query */
	struct sonde_watch *watch;
	struct sonde_timer *timer;
	enum sonde_failure failure;
	char why[DNS_WHY];
	struct dns_stream *stream;
	struct dns_tls_facts tls;
	/* host clock; 0 = not reached */
	int64_t started, connected, secured, sent, answered;
	int64_t connect_rtt; /* by the kernel, 0 = unknown */
	int64_t tx, rx;      /* kernel stamps, wall clock, 0 = missing */
	int64_t before;      /* what the exchange over UDP took that was cut, 0 = none was */
};

struct dns_trace;

struct dns_state {
	struct dns_name name; /* the question */
	struct dns_ask ask;
	struct sonde_addr addrs[DNS_ADDRS_MAX]; /* of the resolver */
	unsigned addr, addr_count;
	int64_t resolve_ns; /* 0 = no lookup */
	uint8_t started;    /* something was asked */
	uint8_t own;        /* addrs are the node's own resolvers, not the user's choice */
	uint8_t hidden;     /* the address of ask.to is not to be told: private, and not asked for */
	uint8_t value_seen; /* expect.value is in the answer */
	uint8_t cut;        /* rows were left out of the result */
	size_t rows_bytes;  /* of rows so far */
	char *long_value;   /* memory for a value beyond the usual, NULL until needed */
	struct dns_trace *trace;
};

static inline struct dns_state *dns_state_of(struct sonde_probe *p)
{
	return p->state;
}

/* params.c */
extern const struct sonde_param dns_params[];
extern const struct sonde_field dns_fields[];
int dns_check(const void *args, const char *target, struct sonde_error *);
unsigned dns_type_number(const struct dns_args *);
unsigned dns_class_number(const struct dns_args *);
unsigned dns_port(const struct dns_args *);
int dns_expected_rcode(const struct dns_args *); /* -1 = any */

/* dns.c */
int dns_family(const struct sonde_probe *); /* AF_UNSPEC, or what the task asks for */
void dns_set_port(struct sonde_addr *, unsigned port);
/* Aim the next question at an address of the task's resolver. */
void dns_aim(struct sonde_probe *, unsigned addr);
/* The answers to dns_ask_start; the message lives only during the call. */
void dns_answered(struct sonde_probe *, const struct dns_message *);
void dns_unanswered(struct sonde_probe *, enum sonde_failure, const char *why);

/* own.c: addresses that resolv.conf names, at least one and at most max. The task's IP version is
 * no matter of theirs: it is about a resolver that the user names. */
unsigned dns_own_resolvers(struct sonde_addr *, unsigned max);

/* ask.c */
void dns_ask_start(struct sonde_probe *);
/* Closes everything; may be called at any time. */
void dns_ask_stop(struct sonde_probe *);
/* Nanoseconds of the exchange that was answered. *kernel: by kernel stamps. */
int64_t dns_ask_took(const struct dns_ask *, int *kernel);
/* Whether the message is the reply to what was asked. */
bool dns_ask_fits(const struct sonde_probe *, const struct dns_ask *, const struct dns_message *);
/* Between the parts of an exchange. failed() answers by a timer, so that no caller is called back
 * from inside. */
void dns_ask_failed(struct sonde_probe *, enum sonde_failure, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void dns_ask_failed_errno(struct sonde_probe *, int error);
void dns_ask_done(struct sonde_probe *, const struct dns_message *);
int dns_socket_open(struct sonde_probe *, int type);
/* recv() with the kernel's stamp; *stamp is left alone without one. */
long dns_socket_read(int fd, uint8_t *, size_t, int64_t *stamp);
int64_t dns_socket_sent_stamp(int fd);
void dns_socket_want_sent_stamp(int fd);

/* stream.c */
void dns_stream_start(struct sonde_probe *);
void dns_stream_stop(struct dns_ask *);

/* trace.c */
/* The addresses of the resolver are known, or roots are given. */
void dns_trace_start(struct sonde_probe *);
/* NULL, or half a sentence about a bad list of root servers. */
const char *dns_trace_check(const char *roots);
void dns_trace_answered(struct sonde_probe *, const struct dns_message *);
void dns_trace_unanswered(struct sonde_probe *, enum sonde_failure, const char *why);
void dns_trace_end(struct sonde_probe *); /* close what is open in the result */

/* report.c */
/* Of the server that is asked, or what stands for it. */
const char *dns_server_text(const struct sonde_probe *, char out[SONDE_ADDRESS_TEXT]);
void dns_print_head(struct sonde_probe *);
void dns_print_error(struct sonde_probe *, const char *why);
void dns_report_answer(struct sonde_probe *, const struct dns_message *);
void dns_report_nothing(struct sonde_probe *);
/* Inside an open array: one hop of a trace. server: its name, or "". */
void dns_report_hop(struct sonde_probe *, const struct dns_message *, const char *server);
void dns_report_cut(struct sonde_probe *);

/* rows.c: a section as rows of the result under `key` (NULL = not) and lines of the text */
struct dns_page {
	struct sonde_probe *p;
	struct dns_text text;
	char memory[4096];
};

void dns_page_init(struct dns_page *, struct sonde_probe *);
void dns_page_put(struct dns_page *, const char *, size_t);
void dns_page_putf(struct dns_page *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void dns_page_pad(struct dns_page *, size_t *column, size_t to);
void dns_page_flush(struct dns_page *);
void dns_rows_put(struct dns_page *, const struct dns_message *, enum dns_section);

/* edns.c */
void dns_edns_put(struct dns_page *, const struct dns_message *);
