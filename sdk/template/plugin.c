/* @name@: sends one datagram to a port of the target and tells how long the answer took. It shows
 * each part of a plugin once; put your own measurement in its place. The contract stands in
 * sonde/plugin.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sonde/plugin.h>

/* What a user may say. The host checks it against the rows and fills the struct. */
struct args {
	int64_t port;
	int64_t wait; /* ns */
	const char *text;
};

static const struct sonde_param params[] = {
	{ "port", SONDE_TYPE_INT, offsetof(struct args, port), "UDP port of the target", .def = "7",
	  .min = 1, .max = 65535 },
	{ "wait", SONDE_TYPE_DURATION, offsetof(struct args, wait), "how long to wait for the answer",
	  .unit = "ms", .def = "2s", .min = 1, .max = 60000 },
	{ "text", SONDE_TYPE_STRING, offsetof(struct args, text), "what to send", .def = "hello",
	  .max = 1024 },
	{ NULL },
};

/* What a result may hold. What did not happen is left out or null, never zero. */
static const struct sonde_field fields[] = {
	{ "resolvedAddress", SONDE_TYPE_STRING, "the address that was asked" },
	{ "answer", SONDE_TYPE_STRING, "what came back" },
	{ "rtt", SONDE_TYPE_NUMBER, "time from the question to the answer", "ms" },
	{ NULL },
};

/* What one probe remembers. Many run at once on one thread: no globals, nothing that blocks. */
struct state {
	int fd;
	struct sonde_watch *watch;
	int64_t sent;
};

static void fail(struct sonde_probe *p, int error, const char *what)
{
	char why[128];

	snprintf(why, sizeof(why), "%s: %s", what, strerror(error));
	p->host->done(p, error == ECONNREFUSED ? SONDE_FAIL_REFUSED
	                 : error == EHOSTUNREACH || error == ENETUNREACH ? SONDE_FAIL_UNREACHABLE
	                                                                 : SONDE_FAIL_INTERNAL, why);
}

static void on_answer(struct sonde_probe *p, void *arg, int fd, unsigned events)
{
	const struct state *s = p->state;
	double rtt = (double)(p->host->now(p) - s->sent) / 1e6;
	char text[1500], line[64];
	ssize_t n = recv(fd, text, sizeof(text), 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		fail(p, errno, "no answer");
		return;
	}
	p->host->put_text(p, "answer", text, (size_t)n);
	p->host->put_number(p, "rtt", rtt, 3);
	int len = snprintf(line, sizeof(line), "%zd bytes in %.3f ms\n", n, rtt);
	p->host->print(p, line, (size_t)len);
	p->host->done(p, SONDE_FAIL_NONE, NULL);
}

static void on_wait_over(struct sonde_probe *p, void *arg)
{
	p->host->done(p, SONDE_FAIL_TIMEOUT, "no answer came in time");
}

static void on_resolved(struct sonde_probe *p, void *arg, enum sonde_failure failure,
                        const struct sonde_addr *addrs, unsigned count, int64_t took_ns,
                        const char *why)
{
	const struct args *a = p->args;
	struct state *s = p->state;
	char address[INET6_ADDRSTRLEN] = "";

	if (failure) {
		p->host->done(p, failure, why);
		return;
	}
	/* The address that the guard allowed is the address that is asked: never look up again. */
	struct sonde_addr to = addrs[0];
	if (to.sa.ss_family == AF_INET) {
		struct sockaddr_in *v4 = (struct sockaddr_in *)&to.sa;
		v4->sin_port = htons((uint16_t)a->port);
		inet_ntop(AF_INET, &v4->sin_addr, address, sizeof(address));
	} else {
		struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&to.sa;
		v6->sin6_port = htons((uint16_t)a->port);
		inet_ntop(AF_INET6, &v6->sin6_addr, address, sizeof(address));
	}
	p->host->put_text(p, "resolvedAddress", address, strlen(address));
	s->fd = p->host->socket(p, to.sa.ss_family, SOCK_DGRAM, 0, NULL);
	s->sent = p->host->now(p);
	if (s->fd < 0)
		fail(p, -s->fd, "no socket");
	else if (connect(s->fd, (struct sockaddr *)&to.sa, to.len) ||
	         send(s->fd, a->text, strlen(a->text), 0) < 0)
		fail(p, errno, "not sent");
	else if (!(s->watch = p->host->watch_start(p, s->fd, SONDE_READABLE, on_answer, NULL)) ||
	         !p->host->timer_start(p, a->wait, on_wait_over, NULL))
		p->host->done(p, SONDE_FAIL_OVERLOAD, "out of memory");
}

static int start(struct sonde_probe *p)
{
	struct state *s = p->state;
	int family = p->ip_version == 4 ? AF_INET : p->ip_version == 6 ? AF_INET6 : AF_UNSPEC;

	s->fd = -1;
	return p->host->resolve(p, p->target, family, on_resolved, NULL);
}

/* The time is over, or somebody takes the task back: tell what is known, and end. */
static void cancel(struct sonde_probe *p, enum sonde_why why)
{
	if (why == SONDE_WHY_TIMEOUT)
		p->host->done(p, SONDE_FAIL_TIMEOUT, "no answer came within the task's time");
	else
		p->host->done(p, SONDE_FAIL_CANCELLED, "it was cancelled");
}

static void finish(struct sonde_probe *p)
{
	const struct state *s = p->state;

	if (s->watch)
		p->host->watch_stop(p, s->watch);
	if (s->fd >= 0)
		close(s->fd);
}

SONDE_PLUGIN = {
	SONDE_PLUGIN_HEAD,
	.name = "@name@",
	.version = "0.1",
	.summary = "Sends a datagram and times the answer",
	.license = "Apache-2.0",
	.needs = SONDE_NEED_UDP | SONDE_NEED_RESOLVE,
	.args_size = sizeof(struct args),
	.state_size = sizeof(struct state),
	.params = params,
	.fields = fields,
	.start = start,
	.cancel = cancel,
	.finish = finish,
};
