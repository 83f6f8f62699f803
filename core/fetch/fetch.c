/* SPDX-License-Identifier: Apache-2.0 */
/* One libcurl easy handle, reset before each request so that nothing of the last one (token,
 * method, trust) leaks into the next; its connections survive the reset. The reply's body belongs
 * to the caller; everything else here is freed with the fetcher or at the end of the call.
 * curl_global_init happens inside curl_easy_init: a program makes its first fetcher before it
 * starts threads. */
#include "fetch/fetch.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>
#include <openssl/ssl.h>

#include "base/trust.h"

struct sonde_fetcher {
	CURL *curl;
	char why[CURL_ERROR_SIZE];
	struct sonde_pins pins; /* of the request under way */
};

int sonde_fetcher_new(struct sonde_fetcher **out)
{
	struct sonde_fetcher *f = calloc(1, sizeof(*f));

	if (!f)
		return SONDE_ENOMEM;
	f->curl = curl_easy_init();
	if (!f->curl) {
		free(f);
		return SONDE_ENOMEM;
	}
	*out = f;
	return SONDE_OK;
}

void sonde_fetcher_free(struct sonde_fetcher *f)
{
	if (!f)
		return;
	curl_easy_cleanup(f->curl);
	free(f);
}

void sonde_fetch_reply_deinit(struct sonde_fetch_reply *reply)
{
	sonde_buf_deinit(&reply->body);
}

/* What comes back */

struct incoming {
	const struct sonde_fetch_request *request;
	struct sonde_fetch_reply *reply;
	CURL *curl;
};

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	const struct incoming *in = arg;
	struct sonde_buf *body = &in->reply->body;
	long status = 0;

	if (in->request->sink)
		curl_easy_getinfo(in->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status >= 200 && status < 300)
		return in->request->sink(in->request->sink_arg, data, size * n) ? size * n : 0;
	sonde_buf_add(body, data, size * n);
	return body->failed ? 0 : size * n;
}

/* The value of `line` without blanks around it when it is the header `name`; false otherwise. */
static bool header_value(const char *line, size_t n, const char *name, const char **value,
                         size_t *len)
{
	size_t k = strlen(name);

	if (n <= k || line[k] != ':' || strncasecmp(line, name, k))
		return false;
	for (k++; k < n && isspace((unsigned char)line[k]); k++)
		;
	while (n > k && isspace((unsigned char)line[n - 1]))
		n--;
	*value = line + k;
	*len = n - k;
	return true;
}

static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
	struct sonde_fetch_reply *reply = arg;
	const char *v;
	size_t len;

	n *= size;
	if (header_value(line, n, "ETag", &v, &len) && len < sizeof(reply->etag)) {
		memcpy(reply->etag, v, len);
		reply->etag[len] = '\0';
	} else if (header_value(line, n, "Content-Type", &v, &len)) {
		size_t k = 0;
		for (; k < len && k + 1 < sizeof(reply->type) && v[k] != ';' && v[k] != ' '; k++)
			reply->type[k] = (char)tolower((unsigned char)v[k]);
		reply->type[k] = '\0';
	}
	return n;
}

/* What goes out */

/* Only visible ASCII: a CR or LF in a token or etag would write headers of its own. */
static bool is_plain(const char *text)
{
	for (; *text; text++)
		if (*text < 0x21 || *text > 0x7e)
			return false;
	return true;
}

static bool add_line(struct curl_slist **list, const char *line)
{
	struct curl_slist *more = curl_slist_append(*list, line);

	if (more)
		*list = more;
	return more != NULL;
}

static bool add_header(struct curl_slist **list, const char *name, const char *value)
{
	char line[1024];

	snprintf(line, sizeof(line), "%s: %s", name, value);
	return add_line(list, line);
}

static int make_headers(const struct sonde_fetch_request *req, struct curl_slist **list,
                        struct sonde_error *err)
{
	char bearer[600];

	if (req->method && (!is_plain(req->method) || strlen(req->method) > 16))
		return sonde_fail(err, SONDE_EINVAL, "", "not an HTTP method");
	if ((req->token && (strlen(req->token) > 512 || !is_plain(req->token))) ||
	    (req->etag && (strlen(req->etag) >= SONDE_FETCH_ETAG || !is_plain(req->etag))))
		return sonde_fail(
			err, SONDE_EINVAL, "",
			"the token or etag is too long or holds other than visible ASCII");
	snprintf(bearer, sizeof(bearer), "Bearer %s", req->token ? req->token : "");
	/* Without "Expect:" libcurl waits up to a second for 100 Continue on larger bodies. */
	bool ok = add_header(list, "Accept", "application/json") && add_line(list, "Expect:") &&
	          (!req->token || add_header(list, "Authorization", bearer)) &&
	          (!req->etag || add_header(list, "If-None-Match", req->etag)) &&
	          (!req->body || add_header(list, "Content-Type", "application/json"));
	for (unsigned i = 0; ok && req->headers && req->headers[i]; i++) {
		if (strpbrk(req->headers[i], "\r\n"))
			return sonde_fail(err, SONDE_EINVAL, "", "a header holds a line end");
		ok = add_line(list, req->headers[i]);
	}
	return ok ? SONDE_OK : sonde_fail(err, SONDE_ENOMEM, "", "out of memory");
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	(void)a, (void)b, (void)c, (void)d;
	return atomic_load((const atomic_bool *)arg);
}

static CURLcode on_context(CURL *c, void *ssl, void *pins)
{
	(void)c;
	SSL_CTX_set_cert_verify_callback(ssl, sonde_pins_verify, pins);
	return CURLE_OK;
}

static void set_trust(struct sonde_fetcher *f, const struct sonde_fetch_request *req)
{
	CURL *c = f->curl;

	curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	/* Of TLS 1.2; all of 1.3 are like that. */
	curl_easy_setopt(c, CURLOPT_SSL_CIPHER_LIST, "ECDHE+AESGCM:ECDHE+CHACHA20");
	if (req->ca_file)
		curl_easy_setopt(c, CURLOPT_CAINFO, req->ca_file);
	if (!f->pins.count)
		return;
	if (f->pins.alone) {
		curl_easy_setopt(c, CURLOPT_CAINFO, NULL);
		curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
	}
	curl_easy_setopt(c, CURLOPT_SSL_CTX_FUNCTION, on_context);
	curl_easy_setopt(c, CURLOPT_SSL_CTX_DATA, &f->pins);
}

static void set_url_rules(CURL *c, const struct sonde_fetch_request *req)
{
	curl_easy_setopt(c, CURLOPT_URL, req->url);
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(c, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	/* An empty string switches the proxy variables of the environment off. */
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
}

static void set_method(CURL *c, const struct sonde_fetch_request *req)
{
	const char *method = req->method ? req->method : req->body ? "POST" : "GET";

	if (req->body) {
		curl_easy_setopt(c, CURLOPT_POST, 1L);
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, req->body);
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->len);
	} else if (!strcmp(method, "HEAD")) {
		curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
	} else if (!strcmp(method, "POST")) {
		curl_easy_setopt(c, CURLOPT_POST, 1L);
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, "");
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)0);
	}
	curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
}

static void set_limits(struct sonde_fetcher *f, const struct sonde_fetch_request *req,
                       struct sonde_fetch_reply *reply, struct incoming *in)
{
	unsigned ms = req->timeout_ms ? req->timeout_ms : SONDE_FETCH_TIMEOUT_MS;
	CURL *c = f->curl;

	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)ms);
	if (!req->sink)
		curl_easy_setopt(c, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)SONDE_FETCH_BODY_MAX);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, f->why);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, in);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, reply);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "sonde");
	if (req->stop) {
		curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
		curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
		curl_easy_setopt(c, CURLOPT_XFERINFODATA, (void *)req->stop);
	}
}

static int explain(struct sonde_fetcher *f, const struct sonde_fetch_request *req, CURLcode code,
                   struct sonde_error *err)
{
	static const struct {
		CURLcode code;
		int status;
	} table[] = {
		{ CURLE_UNSUPPORTED_PROTOCOL, SONDE_EINVAL },
		{ CURLE_URL_MALFORMAT, SONDE_EINVAL },
		{ CURLE_LOGIN_DENIED, SONDE_EINVAL }, /* a user name in the URL */
		{ CURLE_OUT_OF_MEMORY, SONDE_ENOMEM },
		{ CURLE_OPERATION_TIMEDOUT, SONDE_ETIMEOUT },
		{ CURLE_PEER_FAILED_VERIFICATION, SONDE_EDENIED },
		{ CURLE_SSL_CACERT_BADFILE, SONDE_EINVAL },
	};
	const char *why = f->pins.why[0] ? f->pins.why : f->why[0] ? f->why : curl_easy_strerror(code);

	if (code == CURLE_WRITE_ERROR && req->sink)
		return sonde_fail(err, SONDE_EIO, "", "the answer could not be kept");
	if (code == CURLE_WRITE_ERROR || code == CURLE_FILESIZE_EXCEEDED)
		return sonde_fail(err, SONDE_ENOMEM, "", "the response is larger than %d MiB",
		                  SONDE_FETCH_BODY_MAX >> 20);
	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].code == code)
			return sonde_fail(err, table[i].status, "", "%s", why);
	return sonde_fail(err, SONDE_EIO, "", "%s", why);
}

static void read_info(CURL *c, struct sonde_fetch_reply *reply)
{
	curl_off_t wait = 0;
	long status = 0;

	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(c, CURLINFO_RETRY_AFTER, &wait);
	reply->status = (int)status;
	reply->retry_after = wait < 0 ? 0 : wait > 86400 ? 86400 : (unsigned)wait;
}

int sonde_fetch(struct sonde_fetcher *f, const struct sonde_fetch_request *req,
                struct sonde_fetch_reply *reply, struct sonde_error *err)
{
	struct incoming in = { req, reply, f->curl };
	struct curl_slist *headers = NULL;

	*reply = (struct sonde_fetch_reply){ .status = 0 };
	sonde_buf_init(&reply->body, SONDE_FETCH_BODY_MAX);
	int rc = sonde_pins_parse(&f->pins, req->pins, !req->ca_file, err);
	if (!rc)
		rc = make_headers(req, &headers, err);
	if (rc)
		goto done;
	curl_easy_reset(f->curl);
	f->why[0] = '\0';
	set_url_rules(f->curl, req);
	set_trust(f, req);
	set_method(f->curl, req);
	set_limits(f, req, reply, &in);
	curl_easy_setopt(f->curl, CURLOPT_HTTPHEADER, headers);
	CURLcode code = curl_easy_perform(f->curl);
	if (code)
		rc = explain(f, req, code, err);
	else
		read_info(f->curl, reply);
	/* The list must not be reachable from the handle once it is gone. */
	curl_easy_setopt(f->curl, CURLOPT_HTTPHEADER, NULL);
done:
	curl_slist_free_all(headers);
	if (rc)
		sonde_fetch_reply_deinit(reply);
	return rc;
}
