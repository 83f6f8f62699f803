/* SPDX-License-Identifier: Apache-2.0 */
/* One transfer of libcurl on the host's timers and watches. Owns the handles and their sockets from
 * start to stop. The address is fixed twice: CONNECT_TO gives libcurl the checked address instead
 * of a name, and a socket to any other address is refused. Nothing is taken from the environment. */
#include "http/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cert/trust.h"

/* Sockets */

static struct http_socket *socket_of(struct http_state *s, curl_socket_t fd)
{
	for (unsigned i = 0; i < HTTP_SOCKETS_MAX; i++)
		if (s->sockets[i].used && s->sockets[i].fd == fd)
			return &s->sockets[i];
	return NULL;
}

static bool is_checked(const struct sonde_addr *a, const struct curl_sockaddr *b)
{
	const struct sockaddr_in *a4 = (const void *)&a->sa, *b4 = (const void *)&b->addr;
	const struct sockaddr_in6 *a6 = (const void *)&a->sa, *b6 = (const void *)&b->addr;

	if (a->sa.ss_family != b->family)
		return false;
	if (b->family == AF_INET)
		return a4->sin_addr.s_addr == b4->sin_addr.s_addr && a4->sin_port == b4->sin_port;
	return !memcmp(&a6->sin6_addr, &b6->sin6_addr, 16) && a6->sin6_port == b6->sin6_port;
}

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct sonde_probe *p = arg;
	struct http_state *s = p->state;
	const struct sonde_addr *checked = &s->addrs[s->addr];

	if (purpose != CURLSOCKTYPE_IPCXN || !is_checked(checked, to) ||
	    !p->host->allowed(p, &to->addr, to->addrlen)) {
		s->refused_address = true;
		return CURL_SOCKET_BAD;
	}
	for (unsigned i = 0; i < HTTP_SOCKETS_MAX; i++) {
		struct http_socket *k = &s->sockets[i];
		if (k->used)
			continue;
		int fd = p->host->socket(p, to->family, SOCK_STREAM, 0, NULL);
		if (fd < 0) {
			s->socket_error = -fd;
			return CURL_SOCKET_BAD;
		}
		*k = (struct http_socket){ .fd = fd, .used = true };
		return fd;
	}
	return CURL_SOCKET_BAD;
}

static void unwatch(struct sonde_probe *p, struct http_socket *k)
{
	if (k->watch)
		p->host->watch_stop(p, k->watch);
	k->watch = NULL;
}

static int close_socket(void *arg, curl_socket_t fd)
{
	struct sonde_probe *p = arg;
	struct http_socket *k = socket_of(p->state, fd);

	if (k) {
		unwatch(p, k);
		k->used = false;
	}
	return close(fd);
}

/* The loop */

static void act(struct sonde_probe *p, curl_socket_t fd, int what)
{
	struct http_state *s = p->state;
	int running, left;

	curl_multi_socket_action(s->multi, fd, what, &running);
	const CURLMsg *m = curl_multi_info_read(s->multi, &left);
	if (m && m->msg == CURLMSG_DONE)
		s->on_over(p, m->data.result);
}

static void note_handshake(struct http_state *s, int fd)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	s->connected = true;
	if (!getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) && info.tcpi_rtt &&
	    !info.tcpi_total_retrans && info.tcpi_state == TCP_ESTABLISHED)
		s->phases.tcp_rtt = info.tcpi_rtt;
}

static void on_watch(struct sonde_probe *p, void *arg, int fd, unsigned events)
{
	struct http_state *s = p->state;

	/* Before the first byte is sent, the kernel's round trip is that of the handshake alone. */
	if (!s->connected && events & SONDE_WRITABLE)
		note_handshake(s, fd);
	act(p, fd, (events & SONDE_READABLE ? CURL_CSELECT_IN : 0) |
	                   (events & SONDE_WRITABLE ? CURL_CSELECT_OUT : 0) |
	                   (events & SONDE_ERRQUEUE ? CURL_CSELECT_ERR : 0));
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
	struct sonde_probe *p = arg;
	struct http_socket *k = socket_of(p->state, fd);
	unsigned events = (what & CURL_POLL_IN ? SONDE_READABLE : 0) |
	                  (what & CURL_POLL_OUT ? SONDE_WRITABLE : 0);

	if (!k)
		return 0;
	if (what == CURL_POLL_REMOVE)
		unwatch(p, k);
	else if (k->watch)
		p->host->watch_change(p, k->watch, events);
	else
		k->watch = p->host->watch_start(p, fd, events, on_watch, k);
	return 0;
}

static void on_timer(struct sonde_probe *p, void *arg)
{
	((struct http_state *)p->state)->timer = NULL;
	act(p, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timeout(CURLM *multi, long ms, void *arg)
{
	struct sonde_probe *p = arg;
	struct http_state *s = p->state;

	if (s->timer)
		p->host->timer_stop(p, s->timer);
	s->timer = ms < 0 ? NULL : p->host->timer_start(p, ms * 1000000LL, on_timer, NULL);
	return 0;
}

/* What comes */

static void fail(struct http_state *s, enum sonde_failure failure, const char *why)
{
	s->own_failure = failure;
	s->own_why = why;
}

static size_t on_line(char *line, size_t size, size_t n, void *arg)
{
	struct http_state *s = ((struct sonde_probe *)arg)->state;

	if (http_reply_line(&s->reply, line, size * n))
		return size * n;
	fail(s, SONDE_FAIL_PROTOCOL, "the headers of the answer are too large");
	return 0;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct sonde_probe *p = arg;
	struct http_state *s = p->state;
	const struct http_args *a = p->args;
	bool room = http_reply_body(&s->reply, data, size * n);

	if (!a->download)
		return room ? size * n : 0;
	rate_meter_add(&s->meter, p->host->now(p), size * n);
	if (s->meter.bytes < (uint64_t)a->download)
		return size * n;
	s->reply.body_cut = true; /* enough is no failure */
	return 0;
}

static CURLcode on_ssl_context(CURL *easy, void *context, void *arg)
{
	return cert_trust_use(context) ? CURLE_OUT_OF_MEMORY : CURLE_OK;
}

static void read_tls(struct http_state *s)
{
	struct curl_tlssessioninfo *info = NULL;

	if (curl_easy_getinfo(s->easy, CURLINFO_TLS_SSL_PTR, &info) || !info || !info->internals ||
	    info->backend != CURLSSLBACKEND_OPENSSL)
		return;
	SSL *ssl = info->internals;
	X509 *x = SSL_get1_peer_certificate(ssl);
	s->has_tls = true;
	snprintf(s->tls_version, sizeof(s->tls_version), "%s", SSL_get_version(ssl));
	snprintf(s->cipher, sizeof(s->cipher), "%s", SSL_get_cipher_name(ssl));
	cert_judge(&s->verdict, ssl, s->place.host);
	s->facts = (struct cert_facts){ 0 };
	if (x)
		cert_facts_read(&s->facts, x);
	X509_free(x);
}

/* Connected, TLS is up, nothing is sent yet. */
static int on_ready(void *arg, char *address, char *local, int port, int local_port)
{
	struct sonde_probe *p = arg;
	struct http_state *s = p->state;
	const struct http_args *a = p->args;

	if (s->place.tls)
		read_tls(s);
	s->sent = !s->place.tls || !a->verify || (s->has_tls && s->verdict.authorized);
	if (s->sent)
		return CURL_PREREQFUNC_OK;
	fail(s, SONDE_FAIL_TLS, s->has_tls ? s->verdict.text : "the certificate cannot be read");
	return CURL_PREREQFUNC_ABORT;
}

/* Options. An easy handle keeps what is the same for every transfer; the rest is set for each. */

static void set_rules(CURL *c)
{
	curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(c, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	/* An empty string switches the proxy variables of the environment off. */
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(c, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	curl_easy_setopt(c, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
	curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(c, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "sonde");
	curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(c, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
	curl_easy_setopt(c, CURLOPT_PREREQFUNCTION, on_ready);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_line);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
}

/* Verification is OpenSSL's with our store, and judged by us: libcurl would load a bundle of its
 * own for each transfer, and could not go on with a bad certificate and tell what is wrong. */
static void set_tls(CURL *c)
{
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
	curl_easy_setopt(c, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(c, CURLOPT_SSL_CTX_FUNCTION, on_ssl_context);
	curl_easy_setopt(c, CURLOPT_SSL_SESSIONID_CACHE, 0L);
}

static void set_request(struct sonde_probe *p, CURL *c)
{
	static const char *const names[] = { "HEAD", "GET", "POST", "PUT", "OPTIONS" };
	const struct http_args *a = p->args;
	struct http_state *s = p->state;
	const char *body = a->body ? a->body : "";

	curl_easy_setopt(c, CURLOPT_URL, s->place.url);
	curl_easy_setopt(c, CURLOPT_CONNECT_TO, s->connect_to);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, s->headers);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, s->why);
	curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, p);
	curl_easy_setopt(c, CURLOPT_CLOSESOCKETDATA, p);
	curl_easy_setopt(c, CURLOPT_PREREQDATA, p);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, p);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, p);
	if (a->user && *a->user && http_same_origin(&s->first, &s->place)) {
		curl_easy_setopt(c, CURLOPT_USERNAME, a->user);
		curl_easy_setopt(c, CURLOPT_PASSWORD, a->password ? a->password : "");
	}
	if (s->send_body) {
		curl_easy_setopt(c, CURLOPT_POST, 1L);
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, body);
	}
	if (s->method == HTTP_HEAD)
		curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
	curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, names[s->method]);
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION,
	                 a->protocol == HTTP_HTTP2 ? (long)CURL_HTTP_VERSION_2TLS
	                                           : (long)CURL_HTTP_VERSION_1_1);
	/* All that this libcurl can undo. */
	curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, a->compression ? "" : NULL);
}

/* Takes back whatever points into a probe, the credentials, and the method. */
static void forget_request(CURL *c)
{
	static const CURLoption pointers[] = {
		CURLOPT_USERNAME, CURLOPT_PASSWORD, CURLOPT_CONNECT_TO, CURLOPT_HTTPHEADER, CURLOPT_ERRORBUFFER,
		CURLOPT_OPENSOCKETDATA, CURLOPT_CLOSESOCKETDATA, CURLOPT_PREREQDATA,
		CURLOPT_HEADERDATA, CURLOPT_WRITEDATA, CURLOPT_POSTFIELDS,
	};

	for (unsigned i = 0; i < sizeof(pointers) / sizeof(pointers[0]); i++)
		curl_easy_setopt(c, pointers[i], NULL);
	curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)-1);
	/* Undoes NOBODY and POST, which taking back the body chose. */
	curl_easy_setopt(c, CURLOPT_HTTPGET, 1L);
}

/* Idle handles of libcurl for the next transfers, without connections and without anything of a
 * probe: making and clearing the tables of a pair costs half a probe. They are made when the plugin
 * is opened and always as many when no probe runs, since each pair holds descriptors and a probe
 * must leave as many as it found. All probes run on one thread. */
struct pair {
	CURLM *multi;
	CURL *easy;
};

static struct {
	struct pair list[HTTP_SPARE_MAX];
	unsigned count;
} spare;

static void free_pair(struct pair t)
{
	curl_easy_cleanup(t.easy);
	curl_multi_cleanup(t.multi);
}

/* Without an easy handle, which holds no descriptor and is made when it is first needed. */
static struct pair make_pair(void)
{
	struct pair t = { .multi = curl_multi_init() };

	if (t.multi) {
		curl_multi_setopt(t.multi, CURLMOPT_SOCKETFUNCTION, on_socket);
		curl_multi_setopt(t.multi, CURLMOPT_TIMERFUNCTION, on_timeout);
	}
	return t;
}

static CURL *make_easy(void)
{
	CURL *easy = curl_easy_init();

	if (easy) {
		set_rules(easy);
		set_tls(easy);
	}
	return easy;
}

static void put_spare(struct pair t)
{
	if (t.multi && spare.count < HTTP_SPARE_MAX)
		spare.list[spare.count++] = t;
	else
		free_pair(t);
}

__attribute__((constructor)) static void fill_spare(void)
{
	for (unsigned i = 0; i < HTTP_SPARE_MAX; i++)
		put_spare(make_pair());
}

__attribute__((destructor)) static void empty_spare(void)
{
	while (spare.count)
		free_pair(spare.list[--spare.count]);
}

static bool holds_sockets(const struct http_state *s)
{
	for (unsigned i = 0; i < HTTP_SOCKETS_MAX; i++)
		if (s->sockets[i].used)
			return true;
	return false;
}

static bool take_pair(struct sonde_probe *p)
{
	struct http_state *s = p->state;
	struct pair t = spare.count ? spare.list[--spare.count] : make_pair();

	s->multi = t.multi;
	s->easy = t.multi && !t.easy ? make_easy() : t.easy;
	if (!s->multi || !s->easy)
		return false;
	curl_multi_setopt(t.multi, CURLMOPT_SOCKETDATA, p);
	curl_multi_setopt(t.multi, CURLMOPT_TIMERDATA, p);
	return true;
}

/* One that still holds a connection would call back with this probe later: it is closed, which
 * closes the connection now, and another one takes its place. */
static void give_back(struct http_state *s)
{
	struct pair t = { s->multi, s->easy };

	if (!t.multi)
		return;
	if (t.easy)
		curl_multi_remove_handle(t.multi, t.easy);
	s->multi = NULL;
	s->easy = NULL;
	if (holds_sockets(s)) {
		free_pair(t);
		t = spare.count < HTTP_SPARE_MAX ? make_pair() : (struct pair){ NULL, NULL };
	} else {
		if (t.easy)
			forget_request(t.easy);
		curl_multi_setopt(t.multi, CURLMOPT_SOCKETDATA, NULL);
		curl_multi_setopt(t.multi, CURLMOPT_TIMERDATA, NULL);
	}
	put_spare(t);
}

static int make_handles(struct sonde_probe *p)
{
	struct http_state *s = p->state;
	char line[96];
	bool six = s->addrs[s->addr].sa.ss_family == AF_INET6;

	snprintf(line, sizeof(line), "::%s%s%s:%d", six ? "[" : "", s->address, six ? "]" : "",
	         s->place.port);
	s->connect_to = curl_slist_append(NULL, line);
	return take_pair(p) && s->connect_to && !http_make_headers(p, &s->headers) ? 0 : -1;
}

int http_move_start(struct sonde_probe *p, void (*over)(struct sonde_probe *, CURLcode))
{
	struct http_state *s = p->state;

	s->on_over = over;
	s->why[0] = '\0';
	s->connected = s->sent = s->has_tls = s->refused_address = false;
	s->socket_error = 0;
	fail(s, SONDE_FAIL_NONE, NULL);
	if (make_handles(p))
		return -1;
	set_request(p, s->easy);
	if (curl_multi_add_handle(s->multi, s->easy))
		return -1;
	act(p, CURL_SOCKET_TIMEOUT, 0);
	return 0;
}

static int64_t info_us(CURL *c, CURLINFO what)
{
	curl_off_t us = 0;

	return curl_easy_getinfo(c, what, &us) ? 0 : us;
}

static void add_slice(int64_t *to, int64_t from_us, int64_t until_us)
{
	int64_t slice = until_us > from_us ? until_us - from_us : 0;

	*to = *to < 0 ? slice : *to + slice;
}

void http_move_measure(struct sonde_probe *p, bool complete)
{
	struct http_state *s = p->state;

	if (!s->easy)
		return;
	int64_t begin = info_us(s->easy, CURLINFO_NAMELOOKUP_TIME_T);
	int64_t tcp = info_us(s->easy, CURLINFO_CONNECT_TIME_T);
	int64_t tls = info_us(s->easy, CURLINFO_APPCONNECT_TIME_T);
	int64_t first = info_us(s->easy, CURLINFO_STARTTRANSFER_TIME_T);
	int64_t end = info_us(s->easy, CURLINFO_TOTAL_TIME_T);

	if (tcp)
		add_slice(&s->phases.tcp, begin, tcp);
	if (tls)
		add_slice(&s->phases.tls, tcp, tls);
	if (first && s->reply.status)
		add_slice(&s->phases.first_byte, tls ? tls : tcp, first);
	if (complete)
		add_slice(&s->phases.download, first, end);
}

void http_move_stop(struct sonde_probe *p)
{
	struct http_state *s = p->state;

	give_back(s);
	curl_slist_free_all(s->headers);
	curl_slist_free_all(s->connect_to);
	s->headers = s->connect_to = NULL;
	if (s->timer)
		p->host->timer_stop(p, s->timer);
	s->timer = NULL;
	ERR_clear_error();
}
