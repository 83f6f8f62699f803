/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl's codes into the project's failures, by table. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "connect/errno.h"
#include "http/http.h"

static enum sonde_failure of_code(CURLcode code)
{
	static const struct {
		CURLcode code;
		enum sonde_failure failure;
	} rows[] = {
		{ CURLE_SSL_CONNECT_ERROR, SONDE_FAIL_TLS },
		{ CURLE_PEER_FAILED_VERIFICATION, SONDE_FAIL_TLS },
		{ CURLE_SSL_CERTPROBLEM, SONDE_FAIL_TLS },
		{ CURLE_SSL_CIPHER, SONDE_FAIL_TLS },
		{ CURLE_SSL_SHUTDOWN_FAILED, SONDE_FAIL_TLS },
		{ CURLE_SEND_ERROR, SONDE_FAIL_CONNECT },
		{ CURLE_RECV_ERROR, SONDE_FAIL_CONNECT },
		{ CURLE_GOT_NOTHING, SONDE_FAIL_PROTOCOL },
		{ CURLE_PARTIAL_FILE, SONDE_FAIL_PROTOCOL },
		{ CURLE_BAD_CONTENT_ENCODING, SONDE_FAIL_PROTOCOL },
		{ CURLE_WEIRD_SERVER_REPLY, SONDE_FAIL_PROTOCOL },
		{ CURLE_UNSUPPORTED_PROTOCOL, SONDE_FAIL_PROTOCOL },
		{ CURLE_HTTP2, SONDE_FAIL_PROTOCOL },
		{ CURLE_HTTP2_STREAM, SONDE_FAIL_PROTOCOL },
		{ CURLE_WRITE_ERROR, SONDE_FAIL_PROTOCOL },
		{ CURLE_OPERATION_TIMEDOUT, SONDE_FAIL_TIMEOUT },
		{ CURLE_OUT_OF_MEMORY, SONDE_FAIL_OVERLOAD },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].code == code)
			return rows[i].failure;
	return SONDE_FAIL_INTERNAL;
}

const char *http_waiting_for(const struct http_state *s)
{
	if (!s->connected)
		return "the connection";
	if (!s->sent)
		return "the TLS handshake";
	return !s->reply.head_done ? s->reply.head_len ? "the end of the headers" : "the answer"
	                           : "the end of the body";
}

enum sonde_failure http_failure(const struct http_state *s, CURLcode code, char *why)
{
	long error = 0;

	if (s->own_failure) {
		snprintf(why, HTTP_SENTENCE, "%s", s->own_why);
		return s->own_failure;
	}
	if (s->refused_address) {
		snprintf(why, HTTP_SENTENCE, "the guard refuses the address");
		return SONDE_FAIL_GUARD;
	}
	if (s->socket_error) {
		snprintf(why, HTTP_SENTENCE, "no socket: %s", strerror(s->socket_error));
		return sonde_errno_failure(s->socket_error);
	}
	/* libcurl gives a lost connection the errno of the moment. */
	if (code == CURLE_COULDNT_CONNECT) {
		curl_easy_getinfo(s->easy, CURLINFO_OS_ERRNO, &error);
		snprintf(why, HTTP_SENTENCE, "%s port %d: %s", s->address, s->place.port,
		         error ? strerror((int)error) : "cannot connect");
		return sonde_errno_failure((int)error);
	}
	/* So libcurl calls a line that is longer than it takes. */
	if (code == CURLE_OUT_OF_MEMORY && s->sent && !s->reply.head_done) {
		snprintf(why, HTTP_SENTENCE, "a header of the answer is too long");
		return SONDE_FAIL_PROTOCOL;
	}
	snprintf(why, HTTP_SENTENCE, "%.250s", *s->why ? s->why : curl_easy_strerror(code));
	enum sonde_failure failure = of_code(code);
	/* A handshake that the peer breaks off is one that did not work. */
	if (failure == SONDE_FAIL_CONNECT && s->place.tls && s->connected && !s->sent)
		return SONDE_FAIL_TLS;
	return failure;
}
