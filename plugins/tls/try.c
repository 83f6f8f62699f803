/* SPDX-License-Identifier: Apache-2.0 */
/* One TCP connection and one TLS handshake on the host's watches: connecting -> shaking hands -> over.
 * Owns socket and SSL handle from start to stop. The certificate does not decide here whether the
 * handshake goes on. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cert/trust.h"
#include "connect/errno.h"
#include "tls/tls.h"

static void end(struct sonde_probe *p, struct tls_try *t, enum tls_outcome outcome,
                enum sonde_failure failure, const char *why)
{
	t->outcome = outcome;
	t->failure = failure;
	snprintf(t->why, sizeof(t->why), "%s", why);
	t->done_at = p->host->now(p);
	if (t->watch)
		p->host->watch_stop(p, t->watch);
	if (t->timer)
		p->host->timer_stop(p, t->timer);
	t->watch = NULL;
	t->timer = NULL;
	t->over(p, t);
}

static void on_wait_over(struct sonde_probe *p, void *arg)
{
	struct tls_try *t = arg;

	t->timer = NULL;
	end(p, t, TLS_UNKNOWN, SONDE_FAIL_TIMEOUT, "no answer");
}

static void want(struct sonde_probe *p, struct tls_try *t, unsigned events)
{
	if (t->events != events)
		p->host->watch_change(p, t->watch, events);
	t->events = events;
}

/* The library's reason: an alert of the peer, or what it made of the bytes. */
static void break_off(struct sonde_probe *p, struct tls_try *t, int kind)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	if (kind == SSL_ERROR_SSL && reason && strcmp(reason, "unexpected eof while reading"))
		end(p, t, TLS_REFUSED, SONDE_FAIL_TLS, reason);
	else
		end(p, t, TLS_REFUSED, SONDE_FAIL_TLS,
		    "the connection was closed during the handshake");
}

static void shake(struct sonde_probe *p, struct tls_try *t)
{
	ERR_clear_error();
	int rc = SSL_connect(t->ssl);
	int kind = rc == 1 ? SSL_ERROR_NONE : SSL_get_error(t->ssl, rc);

	if (kind == SSL_ERROR_WANT_READ)
		want(p, t, SONDE_READABLE);
	else if (kind == SSL_ERROR_WANT_WRITE)
		want(p, t, SONDE_WRITABLE);
	else if (kind == SSL_ERROR_NONE)
		end(p, t, TLS_UP, SONDE_FAIL_NONE, "");
	else
		break_off(p, t, kind);
}

static void on_connected(struct sonde_probe *p, struct tls_try *t)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(t->error), info_len = sizeof(info);

	if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &t->error, &len))
		t->error = errno;
	if (t->error) {
		end(p, t, TLS_UNKNOWN, sonde_errno_failure(t->error), strerror(t->error));
		return;
	}
	t->connected = true;
	t->connected_at = p->host->now(p);
	if (!getsockopt(t->fd, IPPROTO_TCP, TCP_INFO, &info, &info_len) && !info.tcpi_total_retrans)
		t->rtt = (int64_t)info.tcpi_rtt * 1000;
	shake(p, t);
}

static void on_watch(struct sonde_probe *p, void *arg, int fd, unsigned events)
{
	struct tls_try *t = arg;

	if (t->connected)
		shake(p, t);
	else
		on_connected(p, t);
}

static int connect_it(struct sonde_probe *p, struct tls_try *t)
{
	const struct tls_state *s = p->state;
	const struct sonde_addr *to = &s->addrs[s->addr];

	t->fd = p->host->socket(p, to->sa.ss_family, SOCK_STREAM, 0, NULL);
	if (t->fd < 0) {
		int error = -t->fd;
		t->fd = -1;
		return error;
	}
	if (connect(t->fd, (const struct sockaddr *)&to->sa, to->len) && errno != EINPROGRESS)
		return errno;
	t->events = SONDE_WRITABLE;
	t->watch = p->host->watch_start(p, t->fd, t->events, on_watch, t);
	return t->watch ? 0 : ENOMEM;
}

int tls_try_start(struct sonde_probe *p, struct tls_try *t, int64_t wait_ns,
                  int (*prepare)(struct sonde_probe *, SSL *, void *arg), void *arg,
                  tls_over_fn *over)
{
	SSL_CTX *context = cert_trust_context();

	*t = (struct tls_try){ .fd = -1, .over = over, .started = p->host->now(p) };
	t->ssl = context ? SSL_new(context) : NULL;
	if (!t->ssl)
		return ENOMEM;
	if (prepare(p, t->ssl, arg))
		return EPROTONOSUPPORT;
	int error = connect_it(p, t);
	if (!error && wait_ns) {
		t->timer = p->host->timer_start(p, wait_ns, on_wait_over, t);
		error = t->timer ? 0 : ENOMEM;
	}
	if (!error && !SSL_set_fd(t->ssl, t->fd))
		error = ENOMEM;
	if (error) {
		t->error = error;
		tls_try_stop(p, t);
	}
	return error;
}

void tls_try_stop(struct sonde_probe *p, struct tls_try *t)
{
	if (t->watch)
		p->host->watch_stop(p, t->watch);
	if (t->timer)
		p->host->timer_stop(p, t->timer);
	SSL_free(t->ssl);
	if (t->fd >= 0)
		close(t->fd);
	t->watch = NULL;
	t->timer = NULL;
	t->ssl = NULL;
	t->fd = -1;
}
