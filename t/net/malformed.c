/* SPDX-License-Identifier: Apache-2.0 */
/* The requests, and one of them as it is sent. Owns nothing; the caller frees the text. */
#include "net/malformed.h"

#include <stdlib.h>
#include <string.h>

#define M_HOST "Host: x\r\n"
#define M_GET "GET / HTTP/1.1\r\n" M_HOST
#define M_POST "POST / HTTP/1.1\r\n" M_HOST
#define M_TEXT(t) (t), sizeof(t) - 1

const struct malformed malformed[] = {
	{ "Transfer-Encoding", M_TEXT(M_POST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 411 },
	{ "Transfer-Encoding and a length", M_TEXT(M_POST "Transfer-Encoding: chunked\r\n"
		"Content-Length: 5\r\n\r\n0\r\n\r\n"), 411 },
	{ "a length and an unknown coding", M_TEXT(M_POST "Content-Length: 5\r\n"
		"Transfer-Encoding: xchunked\r\n\r\nhello"), 411 },
	{ "identity", M_TEXT(M_GET "Transfer-Encoding: identity\r\n\r\n"), 411 },
	{ "a coding in other letters", M_TEXT(M_POST "TRANSFER-encoding: Chunked\r\n\r\n0\r\n\r\n"), 411 },
	{ "a coding after a tab", M_TEXT(M_POST "Transfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n"), 411 },
	{ "a chunk whose size overflows", M_TEXT(M_POST "Transfer-Encoding: chunked\r\n\r\n"
		"ffffffffffffffff1\r\nx\r\n0\r\n\r\n"), 411 },
	{ "a chunk of negative size", M_TEXT(M_POST "Transfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n"), 411 },
	{ "a folded coding", M_TEXT(M_POST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"), 400 },
	{ "a coding behind a control character", M_TEXT(M_POST "Transfer-Encoding\x0b: chunked\r\n\r\n"
		"0\r\n\r\n"), 400 },
	{ "a coding as a folded line", M_TEXT(M_POST "X: y\r\n Transfer-Encoding: chunked\r\n"
		"Content-Length: 5\r\n\r\nhello"), 400 },
	{ "a coding with a wrong first letter", M_TEXT(M_POST "Content-Length: 5\r\n"
		";Transfer-Encoding: chunked\r\n\r\nhello"), 400 },
	{ "a negative length", M_TEXT(M_POST "Content-Length: -5\r\n\r\n"), 400 },
	{ "a length with a plus", M_TEXT(M_POST "Content-Length: +5\r\n\r\nhello"), 400 },
	{ "a length in hex", M_TEXT(M_POST "Content-Length: 0x5\r\n\r\nhello"), 400 },
	{ "a list of lengths", M_TEXT(M_POST "Content-Length: 5,5\r\n\r\nhello"), 400 },
	{ "two numbers", M_TEXT(M_POST "Content-Length: 5 5\r\n\r\nhello"), 400 },
	{ "an empty length", M_TEXT(M_POST "Content-Length:\r\n\r\nhello"), 400 },
	{ "a length twice", M_TEXT(M_POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"), 400 },
	{ "two lengths", M_TEXT(M_POST "Content-Length: 5\r\nContent-Length: 9\r\n\r\nhello"), 400 },
	{ "a length of 23 digits", M_TEXT(M_POST "Content-Length: 99999999999999999999999\r\n\r\n"), 400 },
	{ "a length of 2^64 - 1", M_TEXT(M_POST "Content-Length: 18446744073709551615\r\n\r\n"), 400 },
	{ "a huge length", M_TEXT(M_POST "Content-Length: 100000000\r\n\r\n"), 413 },
	{ "NUL in a length", M_TEXT(M_POST "Content-Length: 5\0\r\n\r\nhello"), 400 },
	{ "a folded length", M_TEXT(M_POST "Content-Length:\r\n 5\r\n\r\nhello"), 400 },
	{ "a length as a folded line", M_TEXT(M_POST " Content-Length: 5\r\n\r\nhello"), 400 },
	{ "a space before the colon of a length", M_TEXT(M_GET "Content-Length : 5\r\n\r\nhello"), 400 },
	{ "a space before the colon of a coding", M_TEXT(M_GET "Transfer-Encoding : chunked\r\n\r\n"
		"0\r\n\r\n"), 400 },
	{ "a space before a colon", M_TEXT(M_GET "X-A : b\r\n\r\n"), 400 },
	{ "a space in a name", M_TEXT(M_GET "X A: b\r\n\r\n"), 400 },
	{ "lines that end with LF", M_TEXT("GET / HTTP/1.1\nHost: x\n\n"), 400 },
	{ "one line that ends with LF", M_TEXT(M_GET "X-A: b\nX-B: c\r\n\r\n"), 400 },
	{ "a last line that ends with LF", M_TEXT(M_GET "\n"), 400 },
	{ "a length behind LF", M_TEXT(M_POST "X-A: b\nContent-Length: 5\r\n\r\nhello"), 400 },
	{ "a bare CR in a value", M_TEXT(M_GET "X-A: b\rX-B: c\r\n\r\n"), 400 },
	{ "a bare CR in a known value", M_TEXT(M_GET "Accept: b\rc\r\n\r\n"), 400 },
	{ "a bare CR in a name", M_TEXT(M_GET "X\rA: b\r\n\r\n"), 400 },
	{ "a length behind CR", M_TEXT(M_POST "X-A: b\rContent-Length: 5\r\n\r\nhello"), 400 },
	{ "CR CR LF", M_TEXT(M_GET "X-A: b\r\r\n\r\n"), 400 },
	{ "a folded value", M_TEXT(M_GET "X-A: b\r\n c\r\n\r\n"), 400 },
	{ "a folded known value", M_TEXT(M_GET "Accept: b\r\n\tc\r\n\r\n"), 400 },
	{ "a folded first line", M_TEXT("GET / HTTP/1.1\r\n Host: x\r\n" M_HOST "\r\n"), 400 },
	{ "NUL in a value", M_TEXT(M_GET "X-A: b\0c\r\n\r\n"), 400 },
	{ "NUL in a known value", M_TEXT(M_GET "Accept: b\0c\r\n\r\n"), 400 },
	{ "NUL in a name", M_TEXT(M_GET "X\0A: b\r\n\r\n"), 400 },
	{ "NUL in the path", M_TEXT("GET /a\0b HTTP/1.1\r\n" M_HOST "\r\n"), 0 },
	{ "a control character in a name", M_TEXT(M_GET "X\x01" "A: b\r\n\r\n"), 400 },
	{ "DEL in a value", M_TEXT(M_GET "X-A: b\x7f\r\n\r\n"), 400 },
	{ "a byte over 127 in a name", M_TEXT(M_GET "X\xff: b\r\n\r\n"), 400 },
	{ "no colon", M_TEXT(M_GET "nonsense\r\n\r\n"), 400 },
	{ "no name", M_TEXT(M_GET ": b\r\n\r\n"), 400 },
	{ "no Host", M_TEXT("GET / HTTP/1.1\r\n\r\n"), 400 },
	{ "two Hosts", M_TEXT(M_GET "Host: y\r\n\r\n"), 400 },
	{ "a space in Host", M_TEXT("GET / HTTP/1.1\r\nHost: x y\r\n\r\n"), 400 },
	{ "a path in Host", M_TEXT("GET / HTTP/1.1\r\nHost: x/y\r\n\r\n"), 400 },
	{ "HTTP/2.0", M_TEXT("GET / HTTP/2.0\r\n" M_HOST "\r\n"), 400 },
	{ "HTTP/1.2", M_TEXT("GET / HTTP/1.2\r\n" M_HOST "\r\n"), 400 },
	{ "HTTP/0.9", M_TEXT("GET /\r\n\r\n"), 400 },
	{ "words behind the version", M_TEXT("GET / HTTP/1.1 x\r\n" M_HOST "\r\n"), 400 },
	{ "a tab in the first line", M_TEXT("GET\t/ HTTP/1.1\r\n" M_HOST "\r\n"), 0 },
	{ "BREW", M_TEXT("BREW / HTTP/1.1\r\n" M_HOST "\r\n"), 0 },
	{ "CONNECT", M_TEXT("CONNECT x:443 HTTP/1.1\r\n" M_HOST "\r\n"), 0 },
	{ "OPTIONS *", M_TEXT("OPTIONS * HTTP/1.1\r\n" M_HOST "\r\n"), 0 },
	{ "an absolute target", M_TEXT("GET http://x/ HTTP/1.1\r\n" M_HOST "\r\n"), 0 },
	{ "an absolute target elsewhere", M_TEXT("GET https://evil.example/ HTTP/1.1\r\n" M_HOST "\r\n"), 0 },
	{ "a target without a slash", M_TEXT("GET v1/nodes HTTP/1.1\r\n" M_HOST "\r\n"), 0 },
	{ "an upgrade to h2c", M_TEXT(M_GET "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
		"HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"), 426 },
	{ "an upgrade to foo", M_TEXT(M_GET "Connection: Upgrade\r\nUpgrade: foo\r\n\r\n"), 0 },
	{ "an upgrade to TLS", M_TEXT(M_GET "Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n\r\n"), 0 },
	{ "a websocket with a folded line", M_TEXT("GET /v1/live HTTP/1.1\r\n" M_HOST
		"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nX-A: b\r\n c\r\n"
		"Sec-WebSocket-Protocol: sonde.live.v1\r\n\r\n"), 400 },
	{ "the preface of HTTP/2", M_TEXT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 0 },
	{ "a TLS hello", M_TEXT("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"), 0 },
	{ "%00 in a path", M_TEXT("GET /%00a HTTP/1.1\r\n" M_HOST "\r\n"), 400 },
	{ "%00 at the end of a path", M_TEXT("GET /a%00 HTTP/1.1\r\n" M_HOST "\r\n"), 0 },
	{ "%zz", M_TEXT("GET /%zz HTTP/1.1\r\n" M_HOST "\r\n"), 0 },
	{ "a header of 20 KB", M_TEXT(M_GET "X-A: "), 0, "x", "\r\n\r\n", 20000 },
	{ "a name of 20 KB", M_TEXT(M_GET), 0, "x", ": b\r\n\r\n", 20000 },
	{ "a path of 20 KB", M_TEXT("GET /"), 0, "x", " HTTP/1.1\r\n" M_HOST "\r\n", 20000 },
	{ "a method of 20 KB", M_TEXT(""), 0, "G", " / HTTP/1.1\r\n" M_HOST "\r\n", 20000 },
	{ "10,000 headers", M_TEXT(M_GET), 0, "a: b\r\n", "\r\n", 10000 },
};
const unsigned malformed_count = sizeof(malformed) / sizeof(malformed[0]);

char *malformed_text(const struct malformed *m, const char *behind, size_t *len)
{
	size_t fill = m->fill ? strlen(m->fill) : 0, end = m->end ? strlen(m->end) : 0;
	size_t last = strlen(behind), at = m->len;
	char *all = malloc(m->len + fill * m->times + end + last + 1);

	if (!all)
		abort();
	memcpy(all, m->text, m->len);
	for (unsigned i = 0; i < m->times; i++, at += fill)
		memcpy(all + at, m->fill, fill);
	if (end)
		memcpy(all + at, m->end, end);
	memcpy(all + at + end, behind, last);
	*len = at + end + last;
	return all;
}
