/* SPDX-License-Identifier: Apache-2.0 */
/* Sends each malformed request, with an honest one behind it, to a real server: it must give the
 * answer of the table, or none, close, and never answer the second. Then the same behind honest ones, in
 * one segment: those are answered. Over TLS it asks for HTTP/2 too.
 *
 *	smuggler PORT [tls] */
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "bench/load.h"
#include "net/malformed.h"

enum { PATIENCE_S = 20, ANSWER_MAX = 1 << 20, BEFORE = 3 };

struct peer {
	int fd;
	SSL *tls; /* NULL = clear */
};

static bool dial(struct peer *p, uint16_t port, SSL_CTX *ctx)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval patience = { .tv_sec = PATIENCE_S };

	p->tls = NULL;
	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(p->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(p->fd, (struct sockaddr *)&to, sizeof(to)))
		return false;
	if (!ctx)
		return true;
	p->tls = SSL_new(ctx);
	SSL_set_fd(p->tls, p->fd);
	return SSL_connect(p->tls) == 1;
}

static void hang_up(struct peer *p)
{
	SSL_free(p->tls);
	close(p->fd);
}

static void say(struct peer *p, const char *text, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = p->tls ? SSL_write(p->tls, text + at, (int)(len - at)) :
				     send(p->fd, text + at, len - at, MSG_NOSIGNAL);
		if (n <= 0)
			return; /* it was refused; the answer tells */
		at += (size_t)n;
	}
}

/* All until it closes; false when it does not. */
static bool hear(struct peer *p, char *out)
{
	struct timeval start, now;
	size_t len = 0;
	ssize_t n;

	gettimeofday(&start, NULL);
	while (len + 1 < ANSWER_MAX) {
		n = p->tls ? SSL_read(p->tls, out + len, (int)(ANSWER_MAX - 1 - len)) :
			     recv(p->fd, out + len, ANSWER_MAX - 1 - len, 0);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	out[len] = '\0';
	gettimeofday(&now, NULL);
	return len + 1 < ANSWER_MAX && now.tv_sec - start.tv_sec < PATIENCE_S - 1;
}

static unsigned answers(const char *in)
{
	unsigned n = 0;

	while ((in = strstr(in, "HTTP/1.1 "))) {
		in += strlen("HTTP/1.1 ");
		n += *in >= '1' && *in <= '9';
	}
	return n;
}

static const char honest[] = "GET /ready HTTP/1.1\r\nHost: x\r\n\r\n";

/* After the answers to those before it. */
static unsigned status_behind(const char *in, unsigned before)
{
	while ((in = strstr(in, "HTTP/1.1 ")) && before--)
		in++;
	return in && strlen(in) > 12 ? (unsigned)strtoul(in + 9, NULL, 10) : 0;
}

static bool try_one(const struct malformed *m, unsigned before, unsigned number, uint16_t port, SSL_CTX *ctx,
                    char *in)
{
	struct peer p;
	size_t len, first = before * (sizeof(honest) - 1);
	char *text = malformed_text(m, honest, &len), *all = malloc(first + len);
	bool dialled = dial(&p, port, ctx), closed = false;
	unsigned status = 0, count = 0;

	if (!all)
		abort();
	for (size_t at = 0; at < first; at += sizeof(honest) - 1)
		memcpy(all + at, honest, sizeof(honest) - 1);
	memcpy(all + first, text, len);
	if (dialled) {
		say(&p, all, first + len);
		closed = hear(&p, in);
		count = answers(in);
		status = status_behind(in, before);
	}
	if (!m->status && status == 403)
		status = 0;
	bool good = dialled && closed && count <= before + 1 && (int)status == m->status;
	printf("%sok %u - %s, behind %u: %d\n", good ? "" : "not ", number, m->what, before, m->status);
	if (!good)
		printf("# %s, %u answers, this one %u\n", !dialled ? "no connection" : closed ? "closed" :
		       "still open", count, status);
	hang_up(&p);
	free(all);
	free(text);
	return good;
}

static bool try_alpn(unsigned number, uint16_t port, SSL_CTX *ctx)
{
	static const unsigned char both[] = "\x02h2\x08http/1.1";
	const unsigned char *got = NULL;
	unsigned len = 0;
	struct peer p;

	SSL_CTX_set_alpn_protos(ctx, both, sizeof(both) - 1);
	bool good = dial(&p, port, ctx);
	if (good)
		SSL_get0_alpn_selected(p.tls, &got, &len);
	good = good && len == 8 && !memcmp(got, "http/1.1", 8);
	printf("%sok %u - h2 and http/1.1 are offered: http/1.1 is taken\n", good ? "" : "not ", number);
	hang_up(&p);
	return good;
}

int main(int argc, char **argv)
{
	uint16_t port = argc > 1 ? (uint16_t)load_number("port", argv[1], 65535) : 0;
	SSL_CTX *ctx = argc > 2 ? SSL_CTX_new(TLS_client_method()) : NULL;
	char *in = malloc(ANSWER_MAX);
	unsigned bad = 0, i = 0;

	if (!port || !in)
		load_die("usage: smuggler PORT [tls]");
	signal(SIGPIPE, SIG_IGN);
	printf("1..%u\n", BEFORE * malformed_count + (ctx != NULL));
	for (; i < BEFORE * malformed_count; i++)
		bad += !try_one(&malformed[i % malformed_count], i / malformed_count, i + 1, port, ctx, in);
	if (ctx)
		bad += !try_alpn(i + 1, port, ctx);
	SSL_CTX_free(ctx);
	free(in);
	return bad != 0;
}
