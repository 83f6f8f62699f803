/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP server, websocket server and websocket client on a libuv loop. The only room that knows
 * libwebsockets. All calls and callbacks are on the loop's thread.
 *
 * HTTP/1.1 only; every Upgrade but websocket is refused; no extensions. Requests are checked
 * before the handler sees them: Transfer-Encoding -> 411, bad or repeated Content-Length, no or two
 * Host headers, what RFC 9112 does not call a head -> 400, body over max_body -> 413 (drained, the
 * connection lives; over 16 times as long it is closed), headers over 8 KiB -> closed. Requests may be
 * pipelined, but one with a body only as the first of what is in flight (else 400 and closed). A head
 * that came in several pieces is answered, and the connection closed. These answers have a JSON body
 * {"error":{"type","message"}}. The headers of a request must be there within 5 s, its body within 20 s.
 * A handler sees the whole body and answers once, now or later. HEAD is handled as GET, and answered
 * without the body. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/buf.h"
#include "base/error.h"

struct sonde_net;  /* one per loop */
struct sonde_req;  /* an HTTP request that waits for its answer */
struct sonde_conn; /* a websocket, either side */

enum { SONDE_NET_HEAD = 32 }; /* head room a websocket message buffer needs (LWS_PRE rounded up) */

struct sonde_net_options {
	size_t max_body;         /* bytes of an HTTP request body */
	size_t max_message;      /* bytes of a websocket message received; over it: close 1009 */
	size_t max_send_queue;   /* bytes queued on one websocket; over it sonde_conn_send refuses */
	unsigned idle_timeout_s; /* HTTP keep-alive and slow request limit */
	/* Connections of listeners at once, a websocket for two; 0 = no limit. */
	unsigned max_conns;
	/* Of them from one address (IPv6: one /64); 0 = no limit. */
	unsigned max_per_address;
	bool spare_loopback;     /* no limit for addresses of this machine's loopback */
	size_t max_unread;       /* bytes of answers that peers have not read, of all; 0 = no limit */
};

/* Since the start, but for the first two. */
struct sonde_net_counts {
	unsigned open, addresses;    /* connections of listeners, and from how many addresses */
	uint64_t refused_full;       /* max_conns was reached */
	uint64_t refused_address;    /* max_per_address was reached */
	uint64_t unread_closed;      /* closed because all together read too little */
	uint64_t headless_closed;    /* closed because too many had not sent their headers */
};

int sonde_net_new(uv_loop_t *, const struct sonde_net_options *, struct sonde_net **out,
                  struct sonde_error *);
/* Stops listeners, says 1001 on all websockets (at most 0.5 s), closes all connections (their close
 * callbacks run), frees; done runs when no handle of the net is left on the loop. A name lookup of a
 * dial cannot be stopped: it may keep the loop alive longer. */
void sonde_net_close(struct sonde_net *, void (*done)(void *), void *arg);
/* A connection over a limit is answered 503 (over TLS only closed). Over max_unread those whose
 * answers wait longest are closed. */
const struct sonde_net_counts *sonde_net_counts(const struct sonde_net *);

/* -------- HTTP server -------- */

enum sonde_method {
	SONDE_GET = 1, SONDE_POST, SONDE_PUT, SONDE_PATCH, SONDE_DELETE, SONDE_OPTIONS, SONDE_HEAD,
};

/* Valid until the request was answered or dropped. */
struct sonde_req_view {
	enum sonde_method method;
	/* Without the query, NUL-terminated, percent-decoded, '+' read as a space, "//", "/./" and
	 * "/../" resolved: libwebsockets does that. No NUL byte inside. */
	const char *path;
	/* After '?', "" when none. Percent-encoded, though not always as the client did: whatever is
	 * not plain ASCII, and %&+#; inside a name or value, is encoded, a space as %20. */
	const char *query;
	const char *body;
	size_t body_len;
	const char *peer;  /* textual address */
	bool tls;
};

const struct sonde_req_view *sonde_req_view(struct sonde_req *);
enum { SONDE_REQ_ROOM = 64 };
/* Memory of the handler's own, zero when the request comes, there until its answer. */
void *sonde_req_room(struct sonde_req *);
/* Value of a request header into out; its length, or -1 when absent or longer than room-1.
 * name: lower case, one of authorization, if-none-match, content-type, origin, user-agent,
 * accept-encoding, idempotency-key, x-request-id. */
int sonde_req_header(struct sonde_req *, const char *name, char *out, size_t room);

struct sonde_header {
	const char *name, *value;
};

struct sonde_reply {
	unsigned status;
	const char *type; /* content type, NULL when there is no body */
	const char *body;
	size_t len;
	const struct sonde_header *headers; /* ends with {NULL}; may be NULL */
};

/* Answer exactly once; the body is copied or sent before this returns. The request is gone after
 * it. Text and JSON of more than 1 KiB goes as gzip to a peer that asked for that, errors never.
 * Safe, and still owed, when the peer has left or the net has closed meanwhile (then it only
 * frees). Nothing more is read from the connection until the answer. Date, Content-Length,
 * X-Content-Type-Options, X-Response-Time, Referrer-Policy, Content-Security-Policy (unless given),
 * Strict-Transport-Security (over TLS), Access-Control-Allow-Origin and Connection come from the
 * server; a header
 * whose value holds a control character is left out. A 204 or 304 has no body. */
void sonde_req_reply(struct sonde_req *, const struct sonde_reply *);

/* An answer that is made piece by piece, as the peer takes it. */
struct sonde_stream {
	/* Append the next piece, some 10 to 100 KiB. 1 = there is more, 0 = that was the end, < 0 =
	 * broken off: the connection is closed. Runs on the loop, short. Must not be NULL. */
	int (*more)(void *arg, struct sonde_buf *);
	void (*close)(void *arg); /* once, at the end or when the peer has left */
	void *arg;
};

/* Instead of sonde_req_reply: head has no body. A peer that takes nothing for 25 s is closed. */
void sonde_req_stream(struct sonde_req *, const struct sonde_reply *head,
                      const struct sonde_stream *);

typedef void sonde_http_fn(struct sonde_req *, void *arg);

/* -------- websockets -------- */

struct sonde_conn_events {
	void (*open)(struct sonde_conn *, void *arg);
	/* One whole text message; bytes are the callee's to change until it returns. */
	void (*message)(struct sonde_conn *, void *arg, char *text, size_t len);
	/* The queue fell below a quarter of its maximum after a refused send. */
	void (*drain)(struct sonde_conn *, void *arg);
	/* Last callback. code: close code of the peer, 1005 when it gave none, 1006 when the
	 * connection broke; after sonde_conn_close the code and reason given there. reason:
	 * NUL-terminated, may be "", foreign text. For a client also when connecting failed: 1006
	 * and the reason says why. */
	void (*close)(struct sonde_conn *, void *arg, unsigned code, const char *reason);
};

/* Send one text message. `b` must have been made with head room SONDE_NET_HEAD; its content may be
 * changed (masking) but the buffer stays the caller's. SONDE_OK sent or queued (copied),
 * SONDE_EFULL over the queue limit, SONDE_EGONE closing. */
int sonde_conn_send(struct sonde_conn *, struct sonde_buf *b);
/* Send what is queued, then start the closing handshake; the close callback follows, within about
 * 10 s whatever the peer does, never inside this call. No message is delivered any more. reason is
 * cut to 123 bytes. A peer that reads nothing for 25 s is closed as well. */
void sonde_conn_close(struct sonde_conn *, unsigned code, const char *reason);
void sonde_conn_set_arg(struct sonde_conn *, void *arg);
/* From now on messages of up to so many bytes are taken, at most max_message of the net. */
void sonde_conn_set_max_message(struct sonde_conn *, size_t);
void *sonde_conn_arg(struct sonde_conn *);
const char *sonde_conn_peer(struct sonde_conn *);
/* The address this end has in the connection, as text without a port; "" when there is none. */
enum { SONDE_NET_ADDRESS = 64 };
void sonde_conn_local(struct sonde_conn *, char out[SONDE_NET_ADDRESS]);
size_t sonde_conn_queued(struct sonde_conn *); /* bytes */

/* One websocket endpoint of a server. `path` is exact.
 *
 * A peer that breaks RFC 6455 is closed: 1002 for a frame without mask, a reserved bit or opcode, a
 * malformed length, a control frame that is long or in pieces, pieces out of order, a close code
 * that nobody may send, bytes before the answer to its upgrade; 1003 for a binary message; 1007 for
 * text that is not UTF-8, told from the first wrong byte on; 1009 for a message that would be too
 * long, told by its header; 1008 for a message in more than 4,096 frames and for too many frames.
 * Each ping is answered. No extension is ever accepted. */
struct sonde_ws_route {
	const char *path, *subprotocol;
	const struct sonde_conn_events *events;
	void *arg; /* initial arg of each connection */
	/* Bytes of a message, until sonde_conn_set_max_message; 0 = max_message of the net, and never
	 * more. */
	size_t max_message;
	/* Frames of messages a peer may send in a second, over any time, and twice as many at once;
	 * 0 = no limit. Pings, pongs and closes are 100 a second. */
	unsigned max_frames_s;
};

struct sonde_listen {
	const char *host; /* "127.0.0.1", "::", NULL = all */
	uint16_t port;    /* 0 = any; see sonde_net_port */
	const char *cert, *key; /* PEM files; both NULL = clear text */
	sonde_http_fn *http;
	void *http_arg;
	const struct sonde_ws_route *routes; /* ends with {NULL} */
	/* Web pages that may open a websocket besides those of this host itself: a comma list of
	 * origins, compared exactly; NULL = none. A request without Origin comes from no page. */
	const char *origins;
	const char *headers; /* lines with CRLF that each answer gets; NULL = none */
	const char *static_dir; /* files served for GET paths under static_url; NULL = none */
	const char *static_url; /* "/ui"; "/" itself redirects there when set */
};

int sonde_net_listen(struct sonde_net *, const struct sonde_listen *, struct sonde_error *);
/* Read the certificate and key of every listener that has one again, from the same files. Handshakes
 * from now on get them; open connections stay. On an error the old ones go on being served. */
int sonde_net_reload_certs(struct sonde_net *, struct sonde_error *);
uint16_t sonde_net_port(struct sonde_net *); /* of the listener made last, 0 when none */

struct sonde_dial {
	const char *url; /* ws://host:port/path or wss:// */
	const char *subprotocol;
	const char *ca_file; /* NULL = the system's */
	const char *pins;    /* as in fetch/fetch.h; NULL or "" = any key */
	const struct sonde_conn_events *events;
	void *arg;
	unsigned timeout_s;
};

/* Connect; names are resolved off the loop. *out is valid until its close callback. Errors that
 * show at once (bad URL) are returned, later ones come as the close callback. */
int sonde_net_dial(struct sonde_net *, const struct sonde_dial *, struct sonde_conn **out,
                   struct sonde_error *);
