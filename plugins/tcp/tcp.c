/* SPDX-License-Identifier: Apache-2.0 */
/* The tcp plugin: connects several times (connect/series.h) and talks on the first connection that
 * is established (talk.c). The probe ends when both are over or when it is told to. Owns the compiled
 * dialogue; finish() frees it. */
#include "tcp/tcp.h"
#include "connect/errno.h"

#include <stdio.h>
#include <string.h>

static void end(struct sonde_probe *p, enum sonde_failure failure, const char *why)
{
	struct tcp_state *s = p->state;

	if (s->done)
		return;
	s->done = true;
	sonde_series_stop(p, &s->series);
	tcp_talk_abort(p, failure ? failure : SONDE_FAIL_INTERNAL, why ? why : "it was ended");
	if (s->series.started)
		tcp_put_result(p);
	p->host->done(p, failure, failure ? why : NULL);
}

static bool any_up(const struct sonde_series *x)
{
	for (unsigned i = 0; i < x->tried; i++)
		if (x->attempts[i].status == SONDE_ATTEMPT_UP)
			return true;
	return false;
}

static enum sonde_failure judge(struct tcp_state *s)
{
	const struct sonde_series *x = &s->series;
	const struct sonde_attempt *bad = sonde_series_worst(x);

	if (any_up(x)) {
		snprintf(s->why, sizeof(s->why), "%s", s->talk.why);
		return s->talk.failure;
	}
	snprintf(s->why, sizeof(s->why), "%s port %d: %s", x->address, x->port,
	         bad ? sonde_errno_phrase(bad->error) : "no answer");
	return bad ? sonde_errno_failure(bad->error) : SONDE_FAIL_TIMEOUT;
}

void tcp_end_when_over(struct sonde_probe *p)
{
	struct tcp_state *s = p->state;
	bool talking = s->talk.stage != TCP_TALK_NONE && s->talk.stage != TCP_TALK_OVER;

	if (!s->series.over || talking || s->done)
		return;
	enum sonde_failure failure = judge(s);
	end(p, failure, s->why);
}

static void ended(struct sonde_probe *p, unsigned i)
{
	struct tcp_state *s = p->state;

	tcp_print_attempt(p, i);
	if (s->series.attempts[i].status == SONDE_ATTEMPT_UP && s->talk.stage == TCP_TALK_NONE &&
	    tcp_wants_talk(p->args))
		tcp_talk_start(p, sonde_series_take(&s->series, i));
}

static const struct sonde_series_ops ops = { tcp_print_head, ended, tcp_end_when_over };

static void resolved(struct sonde_probe *p, void *arg, enum sonde_failure failure,
                     const struct sonde_addr *addrs, unsigned count, int64_t took_ns,
                     const char *why)
{
	struct tcp_state *s = p->state;

	if (s->done)
		return;
	if (failure || !count) {
		end(p, failure ? failure : SONDE_FAIL_RESOLVE,
		    why ? why : "the name has no address");
		return;
	}
	s->resolve_ns = took_ns;
	if (sonde_series_start(p, &s->series, addrs, count))
		end(p, SONDE_FAIL_OVERLOAD, "the probe's memory limit is too small");
}

static void begin(struct sonde_probe *p, void *arg)
{
	struct tcp_state *s = p->state;
	int family = sonde_address_family(p, &s->series.options.source);

	s->timer = NULL;
	if (family < 0)
		end(p, SONDE_FAIL_INTERNAL,
		    "the source is of another IP version than was asked for");
	else if (p->host->resolve(p, p->target, family, resolved, NULL))
		end(p, SONDE_FAIL_INTERNAL, "the lookup could not be started");
}

/* `banner` alone is a dialogue of one step that any line meets. */
static const char *script_of(const struct tcp_args *a)
{
	return a->dialogue && *a->dialogue ? a->dialogue : a->banner ? "expect ^" : "";
}

static int tcp_start(struct sonde_probe *p)
{
	const struct tcp_args *a = p->args;
	struct tcp_state *s = p->state;
	char why[240];

	s->talk.fd = -1;
	s->series.ops = &ops;
	s->series.count = (unsigned)a->count;
	s->series.port = (uint16_t)a->port;
	s->series.interval = a->interval;
	s->series.wait = a->wait;
	s->series.options.tos = (int)a->tos;
	if (sonde_source_parse(a->source, &s->series.options.source) ||
	    dialogue_parse(script_of(a), &s->dialogue, why, sizeof(why)))
		return -1;
	s->timer = p->host->timer_start(p, 0, begin, NULL);
	if (s->timer)
		return 0;
	dialogue_free(&s->dialogue);
	return -1;
}

static void tcp_cancel(struct sonde_probe *p, enum sonde_why why)
{
	struct tcp_state *s = p->state;

	if (why == SONDE_WHY_TIMEOUT && !s->series.started)
		end(p, SONDE_FAIL_RESOLVE, "the name was not resolved in time");
	else if (why == SONDE_WHY_TIMEOUT)
		end(p, SONDE_FAIL_TIMEOUT, "the time for the measurement was over");
	else
		end(p, SONDE_FAIL_CANCELLED, why == SONDE_WHY_SHUTDOWN
		    ? "the node shut down" : "the measurement was cancelled");
}

static void tcp_finish(struct sonde_probe *p)
{
	struct tcp_state *s = p->state;

	if (s->timer)
		p->host->timer_stop(p, s->timer);
	sonde_series_stop(p, &s->series);
	tcp_talk_close(p);
	dialogue_free(&s->dialogue);
}

static int refuse(struct sonde_error *e, const char *path, const char *text)
{
	snprintf(e->path, sizeof(e->path), "%s", path);
	snprintf(e->text, sizeof(e->text), "%s", text);
	return -1;
}

static int check_dialogue(const struct tcp_args *a, struct sonde_error *e)
{
	struct dialogue d;
	char why[200];

	if (!a->dialogue || !*a->dialogue)
		return 0;
	if (dialogue_parse(a->dialogue, &d, why, sizeof(why)))
		return refuse(e, "dialogue", why);
	bool twice = a->tls && dialogue_has_tls(&d);
	dialogue_free(&d);
	if (twice)
		return refuse(e, "dialogue", "has starttls, but with \"tls\" there is TLS already");
	return a->banner ? refuse(e, "banner", "cannot be given together with \"dialogue\", which "
	                                       "tells the banner as well")
	                 : 0;
}

static int tcp_check(const void *args, const char *target, struct sonde_error *e)
{
	const struct tcp_args *a = args;
	char why[160];

	if (!target || !*target)
		return refuse(e, "target", "must be a host name or an address");
	if (check_dialogue(a, e))
		return -1;
	if (a->ca && *a->ca && tls_check_ca(a->ca, why, sizeof(why)))
		return refuse(e, "ca", why);
	return sonde_source_check(a->source, e);
}

#define AT(member) offsetof(struct tcp_args, member)

static const struct sonde_param params[] = {
	{ "port", SONDE_TYPE_INT, AT(port), "port to connect to", .def = "80", .min = 1,
	  .max = 65535 },
	{ "count", SONDE_TYPE_INT, AT(count), "connections to make", .def = "3", .min = 1,
	  .max = TCP_COUNT_MAX },
	{ "interval", SONDE_TYPE_DURATION, AT(interval),
	  "time between the starts of two connections", .unit = "ms", .def = "500ms", .min = 10,
	  .max = 60000 },
	{ "wait", SONDE_TYPE_DURATION, AT(wait), "how long to wait for one connection",
	  .unit = "ms", .def = "3s", .min = 10, .max = 60000 },
	{ "tls", SONDE_TYPE_BOOL, AT(tls), "begin TLS on the first connection", .def = "false" },
	{ "verify", SONDE_TYPE_BOOL, AT(verify), "fail when the certificate is not to be trusted",
	  .def = "true" },
	{ "serverName", SONDE_TYPE_STRING, AT(server_name),
	  "name to ask for in TLS and to hold the certificate against, in place of the target",
	  .max = 253 },
	{ "ca", SONDE_TYPE_STRING, AT(ca), "PEM of authorities in place of the node's",
	  .max = 32768 },
	{ "banner", SONDE_TYPE_BOOL, AT(banner), "wait for the first line of the server",
	  .def = "false" },
	{ "dialogue", SONDE_TYPE_STRING, AT(dialogue),
	  "what to say on the first connection: lines of send TEXT, write TEXT, expect REGEX, "
	  "expect-bytes TEXT, starttls",
	  .max = DIALOGUE_TEXT_MAX },
	{ "talkWait", SONDE_TYPE_DURATION, AT(talk_wait), "how long TLS and dialogue may take",
	  .unit = "ms", .def = "5s", .min = 10, .max = 60000 },
	{ "tos", SONDE_TYPE_INT, AT(tos), "type of service, or traffic class, byte", .def = "0",
	  .min = 0, .max = 255 },
	{ "source", SONDE_TYPE_STRING, AT(source), "address of the node to connect from",
	  .max = 45 },
	{ .type = SONDE_TYPE_END },
};

static const struct sonde_field fields[] = {
	{ "resolvedAddress", SONDE_TYPE_STRING, "the address that was connected to" },
	{ "resolvedHostname", SONDE_TYPE_STRING, "the name it came from, null for an address" },
	{ "port", SONDE_TYPE_INT, "the port that was connected to" },
	{ "resolveTime", SONDE_TYPE_NUMBER, "time of the name lookup, null for an address", "ms" },
	{ "timings", SONDE_TYPE_ROWS, "one row a connection that was established" },
	{ "timings[].rtt", SONDE_TYPE_NUMBER, "round trip of the handshake", "ms" },
	{ "connections", SONDE_TYPE_ROWS, "every connection" },
	{ "connections[].seq", SONDE_TYPE_INT, "number of the connection, from 1" },
	{ "connections[].status", SONDE_TYPE_STRING, "connected, lost or error" },
	{ "connections[].rtt", SONDE_TYPE_NUMBER, "round trip of the handshake", "ms" },
	{ "connections[].stamp", SONDE_TYPE_STRING,
	  "kernel, or user where a packet had to be sent again" },
	{ "connections[].note", SONDE_TYPE_STRING, "what was wrong" },
	{ "stats", SONDE_TYPE_OBJECT, "sums" },
	{ "stats.min", SONDE_TYPE_NUMBER, "shortest round trip", "ms" },
	{ "stats.avg", SONDE_TYPE_NUMBER, "mean round trip", "ms" },
	{ "stats.max", SONDE_TYPE_NUMBER, "longest round trip", "ms" },
	{ "stats.stddev", SONDE_TYPE_NUMBER, "standard deviation", "ms" },
	{ "stats.total", SONDE_TYPE_INT, "connections tried" },
	{ "stats.rcv", SONDE_TYPE_INT, "connections established" },
	{ "stats.drop", SONDE_TYPE_INT, "connections not established" },
	{ "stats.loss", SONDE_TYPE_NUMBER, "share not established", "%" },
	{ "tls", SONDE_TYPE_OBJECT, "of the TLS handshake, null without one" },
	{ "tls.authorized", SONDE_TYPE_BOOL, "the chain is trusted and for this name" },
	{ "tls.error", SONDE_TYPE_STRING, "why it is not, a name" },
	{ "tls.protocol", SONDE_TYPE_STRING, "TLS version" },
	{ "tls.cipherName", SONDE_TYPE_STRING, "cipher suite" },
	{ "tls.expiresAt", SONDE_TYPE_STRING, "end of the certificate's validity" },
	{ "tls.chainExpiresAt", SONDE_TYPE_STRING, "the earliest end in the chain that was sent" },
	{ "tls.handshakeTime", SONDE_TYPE_NUMBER, "time of the TLS handshake", "ms" },
	{ "banner", SONDE_TYPE_STRING, "first line of the server, at most 256 bytes" },
	{ "received", SONDE_TYPE_INT, "bytes read, null without a dialogue", "bytes" },
	{ "dialogue", SONDE_TYPE_ROWS, "the steps that were done, null without a dialogue" },
	{ "dialogue[].step", SONDE_TYPE_STRING, "send, write, expect, expect-bytes or starttls" },
	{ "dialogue[].text", SONDE_TYPE_STRING, "what was sent or matched, at most 256 bytes" },
	{ "dialogue[].time", SONDE_TYPE_NUMBER, "since the connection was established", "ms" },
	{ .type = SONDE_TYPE_END },
};

SONDE_PLUGIN = {
	SONDE_PLUGIN_HEAD,
	.name = "tcp",
	.version = "1.1",
	.summary = "TCP: does a port answer, how fast is the handshake, what does the server say",
	.license = "Apache-2.0",
	.needs = SONDE_NEED_TCP | SONDE_NEED_RESOLVE,
	.args_size = sizeof(struct tcp_args),
	.state_size = sizeof(struct tcp_state),
	.params = params,
	.fields = fields,
	.check = tcp_check,
	.start = tcp_start,
	.cancel = tcp_cancel,
	.finish = tcp_finish,
};
