/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share; nobody outside includes it. */
#pragma once
#include <libwebsockets.h>
#include <uv.h>

#include "base/map.h"
#include "base/trust.h"
#include "net/frame.h"
#include "net/net.h"

enum {
	RX_BYTES = 16384,       /* read at once from a socket; a websocket client's receive buffer */
	EARLY_BYTES = 128,      /* the same of a server, which reads by itself; see reader.c */
	UNSENT_BYTES = 256 << 10, /* the kernel keeps of a connection, beside what is on its way */
	TX_BYTES = 1 << 20,     /* given to the kernel at once */
	HEADER_BYTES = 8192,    /* all headers of a request */
	KEEP_BODY = 16384,      /* a connection keeps this much body memory between requests */
	HANDSHAKE_S = 5,        /* TLS, headers, gaps in a body, what is queued before a close */
	CLOSE_ACK_MS = 750,     /* a peer may take to answer a close; the tick adds up to a second */
	BODY_S = 20,            /* a whole body */
	STALL_S = 25,           /* a peer that reads nothing for so long is dropped */
	GOODBYE_MS = 500,       /* how long close frames may take when the net closes */
	MAX_FRAGMENTS = 4096,   /* pieces of one message */
	PEER_TEXT = 48,
	REASON_TEXT = 124,      /* a close frame holds 123 bytes of reason */
	HTTP_NAME = 0,          /* index of the HTTP protocol in a listener's table */
};

_Static_assert((int)SONDE_NET_HEAD >= (int)LWS_PRE, "head room for the websocket header");

/* Intrusive list; an entry outside any list points to itself. */
struct link {
	struct link *prev, *next;
};

static inline void link_init(struct link *l)
{
	l->prev = l->next = l;
}

static inline bool link_alone(const struct link *l)
{
	return l->next == l;
}

static inline void link_remove(struct link *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	link_init(l);
}

static inline void link_append(struct link *list, struct link *l)
{
	link_remove(l);
	l->prev = list->prev;
	l->next = list;
	list->prev->next = l;
	list->prev = l;
}

#define LINK_OWNER(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

/* What a client is waited for. */
enum wait { WAIT_HEADERS, WAIT_BODY, WAIT_NEXT, WAITS };

struct static_files;
struct gzip;

struct listener {
	struct listener *next;
	struct sonde_net *net;
	struct lws_vhost *vhost;
	sonde_http_fn *http;
	void *http_arg;
	struct sonde_ws_route *routes; /* copies, ends with a NULL path */
	unsigned route_count;
	struct lws_protocols *protocols;
	struct static_files *files; /* NULL = none */
	char *origins;
	char *extra;                /* header lines of each answer; NULL = none */
	bool tls;
	char *cert, *key;           /* with tls: where they are read from */
	struct ssl_ctx_st *ctx;     /* of the vhost, which owns it; NULL without tls */
	struct ssl_ctx_st *fresh;   /* what was read last; NULL until it was read again */
};

struct client_vhost {
	struct client_vhost *next;
	struct lws_vhost *vhost;
	char *ca_file; /* NULL = the system's */
	bool tls;
	struct sonde_pins pins; /* lives as long as the vhost's SSL_CTX */
};

enum net_state { NET_OPEN, NET_GOODBYE, NET_DESTROYING };

struct sonde_net {
	uv_loop_t *loop;
	struct lws_context *context; /* NULLed by lws when it is really gone */
	struct sonde_net_options options;
	struct listener *listeners;
	struct client_vhost *clients;
	struct link conns;           /* all websockets, also those dialling */
	struct link busy;            /* websockets that queue or close */
	struct link settle;          /* sessions whose reply went out in this turn */
	struct link waits[WAITS];    /* sessions, the first due first */
	unsigned headless;           /* how many wait for their headers */
	struct link fresh;           /* sessions made in this turn */
	struct link unread;          /* sessions whose answer lws still holds, the oldest first */
	size_t unread_bytes;
	struct sonde_map addresses;  /* 16 bytes -> struct address */
	unsigned upgraded;           /* of the connections: websockets, which have two descriptors */
	struct address *arriving;    /* counted, its connection is not made yet */
	struct sonde_net_counts counts;
	int64_t full_told_ns, address_told_ns; /* when the log last said so */
	struct sonde_buf out;        /* a reply is put together here */
	struct sonde_buf packed;     /* and its body as gzip here */
	char *frames;                /* what a websocket of a server is read into */
	struct gzip *gzip;           /* NULL until first used */
	uv_check_t check;
	uv_timer_t tick, closer;
	enum net_state state;
	int64_t goodbye_ns;
	unsigned quiet_turns, open_handles;
	time_t date_at;
	char date[40];
	const char *rx_base;         /* where lws puts what it reads: RX_BYTES */
	bool rx_dirty;               /* something is there that nobody has used */
	bool kick; /* lws timers were set outside of its own callbacks */
	void (*done)(void *);
	void *done_arg;
};

enum session_state {
	SESSION_IDLE,    /* between requests */
	SESSION_BODY,    /* collecting */
	SESSION_DRAIN,   /* throwing an oversized body away */
	SESSION_HANDLER, /* the handler owes an answer */
};

/* One connection of a listener, from its first request to its end; also the request handle. */
struct sonde_req {
	struct sonde_net *net;   /* NULL once the connection is gone */
	struct listener *listener;
	struct lws *wsi;         /* NULL once the connection is gone */
	enum session_state state;
	struct sonde_req_view view;
	struct sonde_buf target; /* path NUL query NUL */
	struct sonde_buf body;
	struct sonde_buf behind; /* raw.c: what came behind its last request */
	size_t behind_at;        /* where it was: all before that was made zero */
	int64_t wait_ns;         /* until when it is waited for */
	bool headless;           /* its first headers are waited for */
	struct link settle, unread, wait, fresh;
	size_t unread_bytes;
	struct address *from;               /* where it is counted; NULL = nowhere */
	const struct sonde_ws_route *route; /* chosen by the upgrade request */
	struct sonde_conn *conn;            /* after the upgrade */
	bool keep, inside, head_only;
	bool gzip; /* the peer takes it */
	bool chunked;
	struct sonde_stream stream; /* more is NULL when there is none */
	int64_t came_ns;
	bool answered; /* lws has not yet gone on to the next request */
	int rc; /* what the callback that ran the handler gives to lws */
	char peer[PEER_TEXT];
	uint64_t room[SONDE_REQ_ROOM / 8];
};

struct packet {
	struct packet *next;
	enum lws_write_protocol kind;
	size_t len;
	unsigned char room[LWS_PRE]; /* lws writes the frame header here */
	unsigned char text[];
};

struct sonde_conn {
	struct sonde_net *net;
	struct lws *wsi; /* NULL while dialling and between attempts */
	struct sonde_conn_events events;
	void *arg;
	struct link all, busy;
	struct sonde_buf message; /* pieces so far */
	size_t max_message;
	unsigned pieces;
	struct packet *head, **tail;
	size_t queued, in_lws; /* bytes in our queue; bytes lws could not write at once */
	int64_t progress_ns;   /* last time the queue moved, or closing began */
	bool open, refused, closing, close_sent;
	unsigned code, answer; /* answer: code for the peer where it is another one; else 0 */
	char reason[REASON_TEXT], peer[PEER_TEXT];
	struct dialer *dialer; /* client only, until connected or failed */
	struct reader *reader; /* server only */
};

/* net.c */
extern const lws_retry_bo_t net_no_validity;
void net_handle_opened(struct sonde_net *);
void net_handle_closed(struct sonde_net *);
/* Errors of lws are warnings while something is set up, and debug lines afterwards: foreign input
 * causes them. */
void net_log_loud(bool);
/* lws arms its timers only after one of its own callbacks; make one happen. */
void net_wake(struct sonde_net *);
/* When it is closed the kernel drops what the peer did not read, instead of keeping it for minutes. */
void net_reset(struct lws *);
void net_peer_text(struct lws *, char out[PEER_TEXT]);

/* listen.c */
void listener_free(struct listener *);
void listener_calibrated(struct listener *, const char *rx_base);
const struct sonde_ws_route *listener_route(const struct listener *, const char *path);

/* admit.c */
struct lws_filter_network_conn_args;
/* A connection comes: 0 and it is counted, or -1 and it was told to go. */
int admit_arrival(struct listener *, const struct lws_filter_network_conn_args *);
/* It is made: what was counted is the session's. */
void admit_made(struct sonde_req *);
/* Whether there is a descriptor more for a websocket. */
bool admit_upgrade(const struct sonde_net *);
void admit_gone(struct sonde_req *, struct sonde_net *);
void admit_deinit(struct sonde_net *);

/* raw.c */
enum raw_head { RAW_GOOD, RAW_BAD, RAW_UNKNOWN };
/* The head of the request of this method that lws has just told of; UNKNOWN when it is not to be
 * seen in one piece. Once a request. body: bytes of it that follow; RX_BYTES: no request follows. */
enum raw_head raw_check(struct sonde_req *, const char *method, int64_t body);
/* The bytes of a body, which lws has just told of, are used. */
void raw_used(struct sonde_net *, const void *bytes, size_t len);
/* A turn of the loop is over: lws has taken everything. */
void raw_settle(struct sonde_net *);

/* patience.c */
void patience_init(struct sonde_net *);
/* A connection that has said nothing yet. */
void patience_made(struct sonde_req *);
/* From now on it is waited for this, and no longer for what it was before. */
void patience_start(struct sonde_req *, enum wait);
void patience_stop(struct sonde_req *);
/* After the callbacks of a turn. */
void patience_settle(struct sonde_net *);
/* Close whose time is over; true when there may be more of them. */
bool patience_tick(struct sonde_net *, int64_t now_ns);

/* unread.c */
/* lws holds up to `len` bytes of an answer because the peer does not read. */
void unread_add(struct sonde_req *, size_t len);
void unread_done(struct sonde_req *);
/* Forget those that were read meanwhile. */
void unread_tick(struct sonde_net *);

/* http.c */
int http_callback(struct lws *, enum lws_callback_reasons, void *user, void *in, size_t len);
void http_settle(struct sonde_net *);
/* One whose connection is gone and whose handler has answered. */
void session_free(struct sonde_req *);

/* head.c */
/* HTTP/1.0 is always closed: a keep-alive answer would need a header of its own. */
enum version { VERSION_OTHER, VERSION_1_0, VERSION_1_1 };
enum { LENGTH_ABSENT = -1, LENGTH_BAD = -2 };
struct head {
	const char *name; /* of the method; "" when it is none of ours */
	enum sonde_method method;
	enum version version;
	bool close, gzip; /* it asks to close, it takes gzip */
	bool coded;       /* it has a Transfer-Encoding */
	bool good_host;   /* one Host, a name or an address, and a port; HTTP/1.0 needs none */
	int64_t length;   /* of the body, or a LENGTH_ */
};
void head_read(struct lws *, struct head *);
/* The target into path and query of the view; false when it is malformed. */
bool head_target(struct sonde_req *, const char *uri, size_t len);

/* reply.c */
/* Answer at once from inside a callback and close after it. */
int reply_refuse(struct sonde_req *, unsigned status, const char *why);
/* Answer at once with an error; the connection lives. why: plain text without quotes. */
int reply_error(struct sonde_req *, unsigned status, const char *why);
/* Answer from inside a callback; what the callback must return. */
int reply_now(struct sonde_req *, const struct sonde_reply *);

/* Status line and headers of an answer whose body comes in pieces. */
int reply_head(struct sonde_req *, const struct sonde_reply *);
/* The answer is complete: on to the next request, or close. */
int reply_finish(struct sonde_req *);

/* stream.c */
int stream_writable(struct sonde_req *);
/* The connection is gone: the stream, if there is one, is closed. */
void stream_gone(struct sonde_req *);

/* gzip.c */
/* An Accept-Encoding header allows gzip. */
bool gzip_accepted(const char *header);
/* The body is text, long enough, and no error: clients that ask for compression do not always undo
 * it there. */
bool gzip_worthwhile(const struct sonde_reply *);
bool gzip_pack(struct sonde_net *, struct sonde_buf *to, const void *data, size_t len);
void gzip_free(struct gzip *); /* NULL is fine */

/* upgrade.c */
/* Whether a header that is a comma list of at most 127 bytes holds the word. */
bool header_has(struct lws *, enum lws_token_indexes, const char *word, bool any_case);
int upgrade_check(struct sonde_req *, struct lws *);

/* ws.c */
struct sonde_conn *conn_new(struct sonde_net *, const struct sonde_conn_events *, void *arg);
/* Calls the close event and frees. */
void conn_gone(struct sonde_conn *);
void conn_set_reason(struct sonde_conn *, unsigned code, const char *reason, size_t len);
void conn_opened(struct sonde_conn *, struct lws *);
int conn_receive(struct sonde_conn *, char *in, size_t len);
/* A piece of a message; false when there is no memory for it. */
bool conn_piece(struct sonde_conn *, char *in, size_t len, bool last);
/* Nothing of the peer is wanted any more: what waits goes out, then the close frame. */
void conn_begin_close(struct sonde_conn *);
/* Now, or after what waits. len is at most 127. */
int conn_send_control(struct sonde_conn *, enum lws_write_protocol, const void *, size_t len);
int conn_writable(struct sonde_conn *);
void conn_peer_closes(struct sonde_conn *, const unsigned char *in, size_t len);
/* Ends the connection soon, not inside this call. */
void conn_kill(struct sonde_conn *);
void conns_tick(struct sonde_net *, int64_t now_ns);

/* reader.c */
/* From now on the websocket is read here and not by lws. */
int reader_open(struct sonde_conn *, const struct sonde_ws_route *, struct lws *);
/* Messages of up to so many bytes from now on. */
void reader_allow(struct reader *, size_t max_message);
void reader_close(struct reader *); /* NULL is fine */
/* Writes the close frame; what the writable callback must return. */
int reader_say_goodbye(struct sonde_conn *);
/* The close frame may have left the process meanwhile. */
void reader_half_close(struct sonde_conn *);
/* Bytes came before the answer to the upgrade. */
int reader_too_early(struct sonde_conn *);

/* trust.c */
/* The one there is, or a new one; NULL when the certificates cannot be used. ca_file: NULL = the
 * system's. */
struct client_vhost *client_vhost(struct sonde_net *, const struct lws_protocols *, bool tls,
                                  const char *ca_file, const struct sonde_pins *);
/* While lws sets up the SSL_CTX of the vhost. */
void client_pins(struct ssl_ctx_st *, struct client_vhost *);
/* After lws has destroyed its context. */
void client_vhosts_free(struct sonde_net *);

/* dial.c */
/* The caller wants no connection any more; the close event follows from the loop. */
void dialer_abort(struct sonde_conn *);
/* As above, now: the net closes. */
void dialer_drop(struct sonde_conn *);

/* static.c */
int static_load(const char *dir, const char *url, struct static_files **out, struct sonde_error *);
void static_free(struct static_files *);
/* Answers a GET it knows: true and *rc is what the callback must return. */
bool static_serve(struct static_files *, struct sonde_req *, int *rc);
