/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP request, or a chain of redirects. Every hop goes through the host's resolver, so that the
 * guard sees each address before anything is sent there; an address family without a route gives
 * way to the next address. Ends with a report, whatever happened; finish() frees what a transfer
 * left. */
#include "http/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cert/show.h"
#include "cert/trust.h"

#define AT(member) offsetof(struct http_args, member)

static const char *const methods[] = { "HEAD", "GET", "POST", "PUT", "OPTIONS", NULL };
static const char *const protocols[] = { "HTTPS", "HTTP", "HTTP2", NULL };

static const struct sonde_param params[] = {
	{ "request.method", SONDE_TYPE_ENUM, AT(method), "method", .def = "HEAD", .names = methods },
	{ "request.host", SONDE_TYPE_STRING, AT(host),
	  "name for the Host header and TLS instead of the target's", .max = 255 },
	{ "request.path", SONDE_TYPE_STRING, AT(path), "path", .def = "/", .max = 16384 },
	{ "request.query", SONDE_TYPE_STRING, AT(query), "query string", .max = 16384 },
	{ "request.headers", SONDE_TYPE_MAP, AT(headers),
	  "headers; Host and User-Agent cannot be set", .max = 8192 },
	{ "request.secretHeaders", SONDE_TYPE_MAP, AT(secret_headers),
	  "headers that nobody is shown, for trusted nodes and the first host only", .max = 8192,
	  .flags = SONDE_PARAM_SECRET },
	{ "request.user", SONDE_TYPE_STRING, AT(user), "user name of basic authentication", .max = 255 },
	{ "request.password", SONDE_TYPE_STRING, AT(password),
	  "its password, which nobody is shown, for trusted nodes and the first host only", .max = 1024,
	  .flags = SONDE_PARAM_SECRET },
	{ "request.body", SONDE_TYPE_STRING, AT(body), "what POST and PUT send", .max = 65536 },
	{ "protocol", SONDE_TYPE_ENUM, AT(protocol), "HTTPS, HTTP, or HTTP2 over TLS",
	  .def = "HTTPS", .names = protocols },
	{ "port", SONDE_TYPE_INT, AT(port), "0 = 443, or 80 with HTTP", .def = "0", .min = 0,
	  .max = 65535 },
	{ "resolver", SONDE_TYPE_STRING, AT(resolver),
	  "name server to ask in place of the node's own: an address or a name", .max = 255 },
	{ "redirects", SONDE_TYPE_INT, AT(redirects), "redirects to follow", .def = "0", .min = 0,
	  .max = HTTP_REDIRECTS_MAX },
	{ "compression", SONDE_TYPE_BOOL, AT(compression), "accept and undo gzip, br, zstd, deflate",
	  .def = "false" },
	{ "verify", SONDE_TYPE_BOOL, AT(verify),
	  "fail, and send nothing, when the certificate is not trusted", .def = "false" },
	{ "bodyLimit", SONDE_TYPE_INT, AT(body_limit), "bytes of the body to read", .unit = "bytes",
	  .def = "40000", .min = 0, .max = 1 << 20 },
	{ "download", SONDE_TYPE_INT, AT(download),
	  "measure the rate over so many bytes of the body, which are not kept; 0 = no", .unit = "bytes",
	  .def = "0", .min = 0, .max = INT64_C(10000000000) },
	{ "expect.status", SONDE_TYPE_STRING, AT(expect.status), "codes and ranges, \"2xx, 301\"",
	  .max = 256 },
	{ "expect.body", SONDE_TYPE_STRING, AT(expect.body), "pattern that the body must match",
	  .max = 1024 },
	{ "expect.notBody", SONDE_TYPE_STRING, AT(expect.no_body),
	  "pattern that the body must not match", .max = 1024 },
	{ "expect.headers", SONDE_TYPE_MAP, AT(expect.headers), "header: pattern", .max = 1024 },
	{ "expect.json", SONDE_TYPE_MAP, AT(expect.json), "JSON pointer: value, or ~pattern",
	  .max = 1024 },
	{ "expect.certificateDays", SONDE_TYPE_INT, AT(expect.days),
	  "days the certificate must still be good for", .unit = "days", .def = "0", .min = 0,
	  .max = 3650 },
	{ NULL },
};

#define MS_FIELD(name, help) { name, SONDE_TYPE_NUMBER, help, "ms" }
#define INT_MS_FIELD(name, help) { name, SONDE_TYPE_INT, help, "ms" }

static const struct sonde_field fields[] = {
	{ "resolvedAddress", SONDE_TYPE_STRING, "address of the last hop" },
	{ "resolvedHostname", SONDE_TYPE_STRING, "the name it came from, null for an address" },
	{ "url", SONDE_TYPE_STRING, "what was asked for last" },
	{ "httpVersion", SONDE_TYPE_STRING, "version of the answer" },
	{ "statusCode", SONDE_TYPE_INT, "status of the answer" },
	{ "statusCodeName", SONDE_TYPE_STRING, "its name" },
	{ "headers", SONDE_TYPE_OBJECT, "headers by lower-case name; a list where one comes twice" },
	{ "rawHeaders", SONDE_TYPE_STRING, "headers as they came" },
	{ "rawBody", SONDE_TYPE_STRING, "the body's first 10,000 characters, null when there is none" },
	{ "truncated", SONDE_TYPE_BOOL, "the body goes on" },
	{ "rate", SONDE_TYPE_OBJECT, "of a download; null when none was asked for or nothing came" },
	{ "rate.bitsPerSecond", SONDE_TYPE_NUMBER, "rate once the path was full", "bit/s" },
	{ "rate.meanBitsPerSecond", SONDE_TYPE_NUMBER, "rate over the whole body", "bit/s" },
	{ "rate.bytes", SONDE_TYPE_INT, "bytes that came", "bytes" },
	{ "rate.duration", SONDE_TYPE_NUMBER, "first to last arrival", "ms" },
	{ "bodyBytes", SONDE_TYPE_INT, "bytes of the body that were read, decompressed", "bytes" },
	{ "timings", SONDE_TYPE_OBJECT, "consecutive slices, whole milliseconds" },
	INT_MS_FIELD("timings.total", "sum of the others"),
	INT_MS_FIELD("timings.dns", "name lookup"),
	INT_MS_FIELD("timings.tcp", "connection"),
	INT_MS_FIELD("timings.tls", "TLS handshake"),
	INT_MS_FIELD("timings.firstByte", "request until the first byte of the answer"),
	INT_MS_FIELD("timings.download", "first byte until the end"),
	{ "phases", SONDE_TYPE_OBJECT, "the same slices, exact; sums over redirects" },
	MS_FIELD("phases.total", "sum of the others"),
	MS_FIELD("phases.dns", "name lookup"),
	MS_FIELD("phases.tcp", "connection"),
	MS_FIELD("phases.tls", "TLS handshake"),
	MS_FIELD("phases.firstByte", "request until the first byte of the answer"),
	MS_FIELD("phases.download", "first byte until the end"),
	MS_FIELD("phases.tcpRtt", "round trip of the last TCP handshake as the kernel measured it"),
	{ "redirects", SONDE_TYPE_ROWS, "redirects that were followed" },
	{ "redirects[].url", SONDE_TYPE_STRING, "what was asked for" },
	{ "redirects[].statusCode", SONDE_TYPE_INT, "status of that answer" },
	{ "redirects[].resolvedAddress", SONDE_TYPE_STRING, "where it came from" },
	{ "assertions", SONDE_TYPE_ROWS, "what `expect` asked for" },
	{ "assertions[].name", SONDE_TYPE_STRING, "which" },
	{ "assertions[].ok", SONDE_TYPE_BOOL, "whether it holds" },
	{ "assertions[].text", SONDE_TYPE_STRING, "what came, absent where it says nothing more" },
	{ "certificateDays", SONDE_TYPE_INT, "days until the certificate expires", "days" },
	{ "tls", SONDE_TYPE_OBJECT, "null without TLS" },
	CERT_FIELDS("tls."),
	{ NULL },
};

static int wrong(struct sonde_error *e, const char *path, const char *text)
{
	snprintf(e->path, sizeof(e->path), "%s", path);
	snprintf(e->text, sizeof(e->text), "%s", text);
	return -1;
}

static bool has_header(const struct sonde_pair *list, const char *name)
{
	for (const struct sonde_pair *h = list; h && h->name; h++)
		if (!strcasecmp(h->name, name))
			return true;
	return false;
}

static int check_headers(const struct sonde_pair *list, const char *path, struct sonde_error *e)
{
	for (const struct sonde_pair *h = list; h && h->name; h++)
		if (!http_header_valid(h))
			return wrong(e, path,
			             "holds a header that cannot be sent (a name of letters, digits "
			             "and hyphens, a text in one line, none that frames the message)");
	return 0;
}

static int check_credentials(const struct http_args *a, struct sonde_error *e)
{
	bool user = a->user && *a->user, password = a->password && *a->password;

	if (password && !user)
		return wrong(e, "request.password", "needs a request.user");
	/* RFC 7617 2: the first colon ends the name. */
	if (user && strchr(a->user, ':'))
		return wrong(e, "request.user", "must have no colon");
	if (user && (has_header(a->headers, "authorization") ||
	             has_header(a->secret_headers, "authorization")))
		return wrong(e, "request.user", "cannot stand beside a header Authorization");
	for (const struct sonde_pair *h = a->secret_headers; h && h->name; h++)
		if (has_header(a->headers, h->name))
			return wrong(e, "request.secretHeaders", "holds a header that request.headers holds, too");
	return 0;
}

static int check(const void *args, const char *target, struct sonde_error *e)
{
	const struct http_args *a = args;

	if (!http_host_valid(target))
		return wrong(e, "target", "must be a host name or an address");
	if (a->host && *a->host && !http_host_valid(a->host))
		return wrong(e, "request.host", "must be a host name or an address");
	if (a->resolver && *a->resolver && !http_host_valid(a->resolver))
		return wrong(e, "resolver", "must be a host name or an address");
	if (a->body && *a->body && a->method != HTTP_POST && a->method != HTTP_PUT)
		return wrong(e, "request.body", "is only for POST and PUT");
	if (check_headers(a->headers, "request.headers", e) ||
	    check_headers(a->secret_headers, "request.secretHeaders", e) || check_credentials(a, e))
		return -1;
	return http_wishes_check(&a->expect, e);
}

/* Hops */

static void resolve_hop(struct sonde_probe *);

static void end(struct sonde_probe *p, enum sonde_failure failure, const char *why)
{
	http_move_stop(p);
	http_report(p, failure, why);
}

/* A GET after 303, and after POST with 301 or 302, as every browser does it. */
static void change_method(struct http_state *s)
{
	bool to_get = s->reply.status == 303 ||
	              (s->method == HTTP_POST && (s->reply.status == 301 || s->reply.status == 302));

	if (!to_get || s->method == HTTP_HEAD)
		return;
	s->method = HTTP_GET;
	s->send_body = false;
}

static bool is_redirect(int status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* The first Location, in the probe's memory; NULL when there is none that can be one. */
static const char *location(struct sonde_probe *p)
{
	const struct http_state *s = p->state;
	struct http_header h;

	for (size_t at = 0; http_reply_header(&s->reply, &at, &h);) {
		if (!http_name_equal(&h, "location", 8))
			continue;
		char *out = h.value_len ? p->host->alloc(p, h.value_len + 1) : NULL;
		if (!out)
			return NULL;
		memcpy(out, h.value, h.value_len);
		return strlen(out) == h.value_len ? out : NULL;
	}
	return NULL;
}

static void note_hop(struct http_state *s)
{
	struct http_hop *hop = &s->hops[s->hop_count++];

	*hop = (struct http_hop){ .url = s->place.url, .status = s->reply.status };
	memcpy(hop->address, s->address, sizeof(hop->address));
}

/* True when the probe goes on with another hop, or ended because it must not. */
static bool follow(struct sonde_probe *p)
{
	struct http_state *s = p->state;
	const struct http_args *a = p->args;
	struct http_place next = { 0 };

	const char *to = a->redirects && is_redirect(s->reply.status) ? location(p) : NULL;
	if (!to)
		return false;
	const char *why = s->hop_count < (unsigned)a->redirects
	                          ? http_place_next(p, s->place.url, to, &next)
	                          : "there are more redirects than may be followed";
	if (why) {
		end(p, SONDE_FAIL_PROTOCOL, why);
		return true;
	}
	note_hop(s);
	change_method(s);
	s->place = next;
	http_move_stop(p);
	http_reply_deinit(&s->reply);
	resolve_hop(p);
	return true;
}

static bool try_next_address(struct sonde_probe *p, CURLcode code);

static void on_over(struct sonde_probe *p, CURLcode code)
{
	struct http_state *s = p->state;
	char why[HTTP_SENTENCE];

	/* Reading stopped at the limit: that is an answer. */
	bool answered = !code || (code == CURLE_WRITE_ERROR && s->reply.body_cut && !s->own_failure);
	if (!answered && try_next_address(p, code))
		return;
	http_move_measure(p, answered);
	if (!answered) {
		enum sonde_failure failure = http_failure(s, code, why);
		end(p, failure, why);
	} else if (!follow(p)) {
		end(p, SONDE_FAIL_NONE, NULL);
	}
}

static void name_address(struct http_state *s)
{
	const struct sockaddr_storage *sa = &s->addrs[s->addr].sa;
	const void *raw = sa->ss_family == AF_INET
	                          ? (const void *)&((const struct sockaddr_in *)sa)->sin_addr
	                          : (const void *)&((const struct sockaddr_in6 *)sa)->sin6_addr;

	if (!inet_ntop(sa->ss_family, raw, s->address, sizeof(s->address)))
		s->address[0] = '\0';
}

static void start_move(struct sonde_probe *p)
{
	name_address(p->state);
	if (http_move_start(p, on_over))
		end(p, SONDE_FAIL_OVERLOAD, "out of memory");
}

/* An address family without a route here: the next address is the target as well. */
static bool try_next_address(struct sonde_probe *p, CURLcode code)
{
	struct http_state *s = p->state;
	long error = s->socket_error;

	if (s->addr + 1 >= s->addr_count || s->connected)
		return false;
	if (!error && code == CURLE_COULDNT_CONNECT)
		curl_easy_getinfo(s->easy, CURLINFO_OS_ERRNO, &error);
	if (error != ENETUNREACH && error != EAFNOSUPPORT)
		return false;
	http_move_stop(p);
	s->addr++;
	start_move(p);
	return true;
}

static void set_port(struct sonde_addr *addr, int port)
{
	if (addr->sa.ss_family == AF_INET)
		((struct sockaddr_in *)&addr->sa)->sin_port = htons((uint16_t)port);
	else
		((struct sockaddr_in6 *)&addr->sa)->sin6_port = htons((uint16_t)port);
}

static void on_resolved(struct sonde_probe *p, void *arg, enum sonde_failure failure,
                        const struct sonde_addr *addrs, unsigned count, int64_t took_ns,
                        const char *why)
{
	struct http_state *s = p->state;

	s->resolving = false;
	if (failure) {
		http_report(p, failure, why);
		return;
	}
	if (!http_is_address(s->place.lookup))
		s->phases.dns = (s->phases.dns < 0 ? 0 : s->phases.dns) + took_ns / 1000;
	s->addr = 0;
	s->addr_count = count < HTTP_ADDRS_MAX ? count : HTTP_ADDRS_MAX;
	for (unsigned i = 0; i < s->addr_count; i++) {
		s->addrs[i] = addrs[i];
		set_port(&s->addrs[i], s->place.port);
	}
	start_move(p);
}

static int look_up(struct sonde_probe *p, const char *name)
{
	static const int families[] = { [4] = AF_INET, [6] = AF_INET6 };
	const struct http_state *s = p->state;
	int family = p->ip_version == 4 || p->ip_version == 6 ? families[p->ip_version] : AF_UNSPEC;

	if (!s->server.len)
		return p->host->resolve(p, name, family, on_resolved, NULL);
	return p->host->resolve_by(p, (const struct sockaddr *)&s->server.sa, s->server.len, name, family,
	                           on_resolved, NULL);
}

static void resolve_hop(struct sonde_probe *p)
{
	struct http_state *s = p->state;

	s->address[0] = '\0';
	s->addr_count = 0;
	s->has_tls = false;
	s->phases.tcp_rtt = -1;
	s->resolving = true;
	if (look_up(p, s->place.lookup))
		http_report(p, SONDE_FAIL_INTERNAL, "the name cannot be looked up");
}

/* The task's IP version is no matter of the resolver. */
static void on_resolver(struct sonde_probe *p, void *arg, enum sonde_failure failure,
                        const struct sonde_addr *addrs, unsigned count, int64_t took_ns,
                        const char *why)
{
	struct http_state *s = p->state;

	if (failure) {
		s->resolving = false;
		http_report(p, failure, why);
		return;
	}
	s->server = addrs[0];
	resolve_hop(p);
}

static void find_resolver(struct sonde_probe *p, const char *name)
{
	((struct http_state *)p->state)->resolving = true;
	if (!SONDE_HOST_HAS(p->host, resolve_by))
		http_report(p, SONDE_FAIL_INTERNAL, "this node cannot ask another resolver");
	else if (p->host->resolve(p, name, AF_UNSPEC, on_resolver, NULL))
		http_report(p, SONDE_FAIL_INTERNAL, "the resolver cannot be looked up");
}

static int start(struct sonde_probe *p)
{
	struct http_state *s = p->state;
	const struct http_args *a = p->args;

	http_reply_init(&s->reply, (size_t)a->body_limit);
	s->phases = (struct http_phases){ -1, -1, -1, -1, -1, -1 };
	s->method = a->download && a->method == HTTP_HEAD ? HTTP_GET : a->method;
	s->send_body = a->method == HTTP_POST || a->method == HTTP_PUT;
	/* Before any clock runs: the first one parses the system's bundle. */
	if (a->protocol != HTTP_HTTP && !cert_trust_store())
		return -1;
	if (http_place_first(p, &s->first))
		return -1;
	s->place = s->first;
	if (a->resolver && *a->resolver)
		find_resolver(p, a->resolver);
	else
		resolve_hop(p);
	return 0;
}

static void cancel(struct sonde_probe *p, enum sonde_why why)
{
	struct http_state *s = p->state;
	char text[HTTP_SENTENCE];

	if (s->easy)
		http_move_measure(p, false);
	http_move_stop(p);
	if (why != SONDE_WHY_TIMEOUT) {
		http_report(p, SONDE_FAIL_CANCELLED, "it was cancelled");
	} else if (s->resolving) {
		http_report(p, SONDE_FAIL_RESOLVE, "the name was not resolved in time");
	} else {
		snprintf(text, sizeof(text), "the time was over while waiting for %s",
		         http_waiting_for(s));
		http_report(p, SONDE_FAIL_TIMEOUT, text);
	}
}

static void finish(struct sonde_probe *p)
{
	struct http_state *s = p->state;

	http_move_stop(p);
	http_reply_deinit(&s->reply);
}

SONDE_PLUGIN = {
	SONDE_PLUGIN_HEAD,
	.name = "http",
	.version = "1.0",
	.summary = "one HTTP request with its phases, headers, body and certificate",
	.license = "Apache-2.0",
	.needs = SONDE_NEED_TCP | SONDE_NEED_RESOLVE,
	.args_size = sizeof(struct http_args),
	.state_size = sizeof(struct http_state),
	.params = params,
	.fields = fields,
	.check = check,
	.start = start,
	.cancel = cancel,
	.finish = finish,
};
