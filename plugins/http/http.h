/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the plugin `http` only. One probe is one request, or a chain of redirects: each hop is
 * resolved by the host and is a transfer of its own.
 *
 *	start -> RESOLVING -> MOVING -> next hop (RESOLVING) or settled (report, done) */
#pragma once
#include <curl/curl.h>
#include <sonde/plugin.h>
#include <stdbool.h>

#include "cert/facts.h"
#include "http/expect.h"
#include "http/reply.h"
#include "rate/meter.h"

enum {
	HTTP_REDIRECTS_MAX = 5,
	HTTP_ADDRS_MAX = 8,
	HTTP_SOCKETS_MAX = 4,
	HTTP_SPARE_MAX = 32,
	HTTP_URL_MAX = 100 << 10,
	HTTP_HOST_MAX = 256,
	HTTP_BODY_SHOWN = 10000, /* characters, as Globalping shows */
};

enum http_method { HTTP_HEAD, HTTP_GET, HTTP_POST, HTTP_PUT, HTTP_OPTIONS };
enum http_protocol { HTTP_HTTPS, HTTP_HTTP, HTTP_HTTP2 };

struct http_args {
	uint32_t method, protocol;
	const char *host, *path, *query, *body, *resolver;
	const struct sonde_pair *headers, *secret_headers;
	const char *user, *password;
	int64_t port, redirects, body_limit, download;
	uint8_t compression, verify;
	struct http_wishes expect;
};

/* Where one hop goes. Texts in the probe's memory. */
struct http_place {
	const char *url, *host; /* host without brackets */
	const char *lookup;     /* the name whose addresses are connected to */
	int port;
	bool tls;
};

/* Consecutive slices of a transfer in microseconds; -1 = not measured. */
struct http_phases {
	int64_t dns, tcp, tls, first_byte, download;
	int64_t tcp_rtt; /* as the kernel measured the handshake */
};

/* One redirect that was followed. */
struct http_hop {
	const char *url;
	int status;
	char address[64];
};

struct http_socket {
	curl_socket_t fd;
	bool used;
	struct sonde_watch *watch;
};

struct http_state {
	struct http_place first, place;
	enum http_method method;
	bool send_body;
	struct http_hop hops[HTTP_REDIRECTS_MAX];
	unsigned hop_count;

	struct sonde_addr addrs[HTTP_ADDRS_MAX];
	unsigned addr, addr_count; /* the one in use */
	char address[64];          /* its text, "" before the lookup */
	bool resolving;
	struct sonde_addr server; /* the resolver that the user names; len 0 until it is known */

	CURLM *multi;
	CURL *easy;
	struct curl_slist *headers, *connect_to;
	struct sonde_timer *timer;
	struct http_socket sockets[HTTP_SOCKETS_MAX];
	char why[CURL_ERROR_SIZE];
	void (*on_over)(struct sonde_probe *, CURLcode);
	bool connected, sent; /* sent: the request may have left */
	bool refused_address; /* libcurl wanted to connect elsewhere */
	int socket_error;     /* errno of a socket that could not be opened, 0 = none */
	enum sonde_failure own_failure; /* set inside a libcurl callback, with own_why */
	const char *own_why;

	struct http_reply reply;
	struct rate_meter meter; /* of a download */
	struct http_phases phases; /* sums over the hops */
	bool has_tls;
	struct cert_facts facts;
	struct cert_verdict verdict;
	char tls_version[16], cipher[64];
};

/* place.c: pure; texts in the probe's memory. */
bool http_is_address(const char *host);
bool http_host_valid(const char *host);
bool http_header_valid(const struct sonde_pair *);
/* The first place from args and target; 0, or -1 when out of memory. */
int http_place_first(struct sonde_probe *, struct http_place *);
/* Where a redirect of the URL `from` leads. NULL, or a constant sentence why not. */
const char *http_place_next(struct sonde_probe *, const char *from, const char *location,
                            struct http_place *);
/* Whether credentials for one may be sent to the other. */
bool http_same_origin(const struct http_place *, const struct http_place *);
/* The header lines for this hop, *out is the caller's; 0 or -1 when out of memory. */
int http_make_headers(struct sonde_probe *, struct curl_slist **out);

/* move.c: the transfer of one hop on the host's timers and watches. */
int http_move_start(struct sonde_probe *, void (*over)(struct sonde_probe *, CURLcode));
/* Adds what was measured of this transfer to state->phases. */
void http_move_measure(struct sonde_probe *, bool complete);
/* Ends it; sockets and watches are gone afterwards. */
void http_move_stop(struct sonde_probe *);

/* failure.c: what an ended transfer means. why holds HTTP_SENTENCE bytes. */
enum { HTTP_SENTENCE = 300 };
enum sonde_failure http_failure(const struct http_state *, CURLcode, char *why);
/* What a probe waited for whose time is over. */
const char *http_waiting_for(const struct http_state *);

/* report.c: writes the result and calls done(). */
void http_report(struct sonde_probe *, enum sonde_failure, const char *why);
