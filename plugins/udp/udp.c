/* SPDX-License-Identifier: Apache-2.0 */
/* The udp plugin: sends one datagram a request and looks at what comes back. The course of the
 * requests is that of connect/rounds.h; this file is the payload, the expectation and the result.
 * An ICMP "port unreachable" is refused, silence is a timeout, an answer that does not match is an
 * assertion. Owns the compiled expression; finish() frees it. */
#include <stdio.h>
#include <string.h>

#include "connect/bytes.h"
#include "connect/pattern.h"
#include "connect/rounds.h"

enum { PAYLOAD_MAX = 1400, KEEP_MAX = 4096, SHOW_MAX = 1024, LINE_MAX_BYTES = 60 };

struct udp_args {
	int64_t port, count, interval, wait;
	const char *send, *hex, *expect, *source;
};

struct udp_state {
	struct sonde_rounds rounds; /* first */
	struct sonde_pattern *pattern;
	unsigned steps; /* left for matching */
	uint8_t *answer; /* the first that came */
	size_t answer_len, answer_full;
	size_t bytes[SONDE_ROUNDS_MAX];
};

static size_t payload_of(const struct udp_args *a, uint8_t *out)
{
	ssize_t n = a->hex && *a->hex
	                    ? sonde_bytes_hex(a->hex, strlen(a->hex), out, PAYLOAD_MAX)
	                    : a->send ? sonde_bytes_unescape(a->send, strlen(a->send), out,
	                                                     PAYLOAD_MAX)
	                              : 0;
	return n < 0 ? 0 : (size_t)n;
}

static size_t build(struct sonde_probe *p, unsigned i, uint8_t *out)
{
	return payload_of(p->args, out);
}

static void keep(struct sonde_probe *p, const uint8_t *data, size_t len, size_t full)
{
	struct udp_state *s = p->state;

	if (s->answer)
		return;
	s->answer = p->host->alloc(p, len ? len : 1);
	if (!s->answer)
		return;
	memcpy(s->answer, data, len);
	s->answer_len = len;
	s->answer_full = full;
}

static enum sonde_round_verdict take(struct sonde_probe *p, unsigned i, const uint8_t *data,
                                     size_t len, size_t full)
{
	struct udp_state *s = p->state;
	struct sonde_round *r = &s->rounds.rounds[i];

	s->bytes[i] = full;
	keep(p, data, len, full);
	enum sonde_pattern_found found =
		s->pattern ? sonde_pattern_match(s->pattern, data, len, &s->steps)
			   : SONDE_PATTERN_YES;
	if (found == SONDE_PATTERN_YES)
		return SONDE_ROUND_TAKE;
	r->failure = SONDE_FAIL_ASSERTION;
	r->note = found == SONDE_PATTERN_NO ? "the answer does not match"
	                                    : "the expression took too many steps";
	return SONDE_ROUND_FAIL;
}

static void head(struct sonde_probe *p)
{
	const struct sonde_rounds *x = p->state;
	uint8_t payload[PAYLOAD_MAX];

	sonde_say(p, "UDP %.255s (%s) port %d: %zu bytes of data\n", p->target, x->address, x->port,
	          payload_of(p->args, payload));
}

static void ended(struct sonde_probe *p, unsigned i)
{
	const struct udp_state *s = p->state;
	const struct sonde_round *r = &s->rounds.rounds[i];
	char from[SONDE_ADDRESS_TEXT + 8];

	snprintf(from, sizeof(from), "%s", *r->says ? r->says : s->rounds.address);
	if (r->taken)
		sonde_say(p, "%zu bytes from %s: seq=%u time=%.3f ms%s%s\n", s->bytes[i], from,
		          i + 1, (double)r->rtt / 1e6, r->note ? " " : "", r->note ? r->note : "");
	else
		sonde_say(p, "From %s seq=%u %s\n", from, i + 1, r->note ? r->note : "no answer");
}

static void put_timings(struct sonde_probe *p)
{
	const struct sonde_rounds *x = p->state;

	p->host->open(p, "timings", '[');
	for (unsigned i = 0; i < x->sent; i++) {
		if (!x->rounds[i].taken)
			continue;
		p->host->open(p, NULL, '{');
		sonde_put_ms(p, "rtt", true, (double)x->rounds[i].rtt);
		p->host->close(p);
	}
	p->host->close(p);
}

static void put_packets(struct sonde_probe *p)
{
	const struct udp_state *s = p->state;

	p->host->open(p, "packets", '[');
	for (unsigned i = 0; i < s->rounds.sent; i++) {
		const struct sonde_round *r = &s->rounds.rounds[i];
		if (r->status == SONDE_ROUND_PENDING)
			continue;
		p->host->open(p, NULL, '{');
		p->host->put_int(p, "seq", i + 1);
		sonde_put_str(p, "status", sonde_round_status_name(r->status));
		sonde_put_ms(p, "rtt", r->taken, (double)r->rtt);
		if (r->taken)
			p->host->put_int(p, "bytes", (int64_t)s->bytes[i]);
		else
			p->host->put_null(p, "bytes");
		sonde_put_str(p, "note", r->note);
		p->host->close(p);
	}
	p->host->close(p);
}

static void put_answer(struct sonde_probe *p)
{
	const struct udp_state *s = p->state;
	static const char digits[] = "0123456789abcdef";
	char hex[2 * SHOW_MAX];
	size_t n = s->answer_len < SHOW_MAX ? s->answer_len : SHOW_MAX;

	if (!s->answer) {
		p->host->put_null(p, "response");
		p->host->put_null(p, "responseHex");
		p->host->put_null(p, "truncated");
		return;
	}
	for (size_t i = 0; i < n; i++) {
		hex[2 * i] = digits[s->answer[i] >> 4];
		hex[2 * i + 1] = digits[s->answer[i] & 15];
	}
	p->host->put_text(p, "response", (const char *)s->answer, n);
	p->host->put_text(p, "responseHex", hex, 2 * n);
	p->host->put_bool(p, "truncated", n < s->answer_full);
}

static void print_tail(struct sonde_probe *p, const struct sonde_sums *u)
{
	const struct udp_state *s = p->state;
	char line[4 * LINE_MAX_BYTES + 1];
	size_t n = s->answer_len < LINE_MAX_BYTES ? s->answer_len : LINE_MAX_BYTES;

	if (s->answer)
		sonde_say(p, "answer: %s%s\n", sonde_bytes_show(s->answer, n, line, sizeof(line)),
		          n < s->answer_full ? "..." : "");
	sonde_say(p, "\n--- %.255s udp statistics ---\n%u requests, %u answers, %.4g%% loss\n",
	          p->target, u->total, u->rcv,
	          u->total ? 100.0 * (u->total - u->rcv) / u->total : 0.0);
	if (u->rcv)
		sonde_say(p, "rtt min/avg/max/mdev = %.3f/%.3f/%.3f/%.3f ms\n", u->min / 1e6,
		          u->sum / u->rcv / 1e6, u->max / 1e6, sonde_sums_deviation(u) / 1e6);
}

static enum sonde_failure report(struct sonde_probe *p, enum sonde_failure failure,
                                 const char **why)
{
	const struct udp_state *s = p->state;
	struct sonde_sums u = sonde_rounds_sums(&s->rounds);

	sonde_put_target(p, s->rounds.address);
	p->host->put_int(p, "port", s->rounds.port);
	sonde_put_ms(p, "resolveTime", s->rounds.resolve_ns > 0, (double)s->rounds.resolve_ns);
	sonde_put_str(p, "timestamps", sonde_rounds_stamps(&s->rounds));
	put_timings(p);
	put_packets(p);
	put_answer(p);
	sonde_put_stats(p, &u);
	print_tail(p, &u);
	return failure;
}

static const struct sonde_rounds_ops ops = { build, take, head, ended, report };

static int udp_start(struct sonde_probe *p)
{
	const struct udp_args *a = p->args;
	struct udp_state *s = p->state;
	char why[160];

	if (a->expect && *a->expect) {
		s->pattern = sonde_pattern_new(a->expect, strlen(a->expect), why, sizeof(why));
		if (!s->pattern)
			return -1;
	}
	s->steps = SONDE_PATTERN_STEPS;
	s->rounds.ops = &ops;
	s->rounds.count = (unsigned)a->count;
	s->rounds.port = (uint16_t)a->port;
	s->rounds.interval = a->interval;
	s->rounds.wait = a->wait;
	s->rounds.source = a->source;
	s->rounds.largest = KEEP_MAX;
	int rc = sonde_rounds_start(p);
	if (rc)
		sonde_pattern_free(s->pattern);
	return rc;
}

static void udp_finish(struct sonde_probe *p)
{
	struct udp_state *s = p->state;

	sonde_rounds_finish(p);
	sonde_pattern_free(s->pattern);
}

static int refuse(struct sonde_error *e, const char *path, const char *text)
{
	snprintf(e->path, sizeof(e->path), "%s", path);
	snprintf(e->text, sizeof(e->text), "%s", text);
	return -1;
}

static int udp_check(const void *args, const char *target, struct sonde_error *e)
{
	const struct udp_args *a = args;
	uint8_t bytes[PAYLOAD_MAX];
	char why[160];

	if (!target || !*target)
		return refuse(e, "target", "must be a host name or an address");
	if (a->send && *a->send && a->hex && *a->hex)
		return refuse(e, "hex", "cannot be given together with \"send\"");
	if (a->send && sonde_bytes_unescape(a->send, strlen(a->send), bytes, sizeof(bytes)) < 0)
		return refuse(e, "send", "has an escape that is none of \\r \\n \\t \\0 \\\\ \\xHH, "
		                         "or is longer than 1400 bytes");
	if (a->hex && sonde_bytes_hex(a->hex, strlen(a->hex), bytes, sizeof(bytes)) < 0)
		return refuse(e, "hex", "must be pairs of hex digits, at most 1400");
	if (a->expect && *a->expect) {
		struct sonde_pattern *pattern =
			sonde_pattern_new(a->expect, strlen(a->expect), why, sizeof(why));
		if (!pattern)
			return refuse(e, "expect", why);
		sonde_pattern_free(pattern);
	}
	return sonde_source_check(a->source, e);
}

#define AT(member) offsetof(struct udp_args, member)

static const struct sonde_param params[] = {
	{ "port", SONDE_TYPE_INT, AT(port), "port to send to", .min = 1, .max = 65535,
	  .flags = SONDE_PARAM_REQUIRED },
	{ "send", SONDE_TYPE_STRING, AT(send), "text to send; \\r \\n \\t \\0 \\\\ \\xHH are bytes",
	  .max = 5600 },
	{ "hex", SONDE_TYPE_STRING, AT(hex), "bytes to send, as hex", .max = 5600 },
	{ "expect", SONDE_TYPE_STRING, AT(expect), "regular expression the answer must match",
	  .max = SONDE_PATTERN_MAX },
	{ "count", SONDE_TYPE_INT, AT(count), "requests to send", .def = "1", .min = 1,
	  .max = SONDE_ROUNDS_MAX },
	{ "interval", SONDE_TYPE_DURATION, AT(interval), "time between two requests", .unit = "ms",
	  .def = "500ms", .min = 10, .max = 60000 },
	SONDE_ROUNDS_PARAMS(AT(wait), AT(source)),
	{ .type = SONDE_TYPE_END },
};

static const struct sonde_field fields[] = {
	SONDE_ROUNDS_FIELDS,
	{ "port", SONDE_TYPE_INT, "the port that was sent to" },
	{ "timings", SONDE_TYPE_ROWS, "the answers in order; a lost request has no entry" },
	{ "timings[].rtt", SONDE_TYPE_NUMBER, "from the request to its answer", "ms" },
	{ "packets", SONDE_TYPE_ROWS, "every request" },
	{ "packets[].seq", SONDE_TYPE_INT, "number of the request, from 1" },
	{ "packets[].status", SONDE_TYPE_STRING, "reply, lost or error" },
	{ "packets[].rtt", SONDE_TYPE_NUMBER, "from the request to its answer", "ms" },
	{ "packets[].bytes", SONDE_TYPE_INT, "length of the answer", "bytes" },
	{ "packets[].note", SONDE_TYPE_STRING, "what was wrong" },
	{ "response", SONDE_TYPE_STRING, "the first answer as text, at most 1024 bytes" },
	{ "responseHex", SONDE_TYPE_STRING, "the same bytes as hex" },
	{ "truncated", SONDE_TYPE_BOOL, "the answer was longer" },
	SONDE_STATS_FIELDS,
	{ .type = SONDE_TYPE_END },
};

SONDE_PLUGIN = {
	SONDE_PLUGIN_HEAD,
	.name = "udp",
	.version = "1.0",
	.summary = "UDP: send bytes to a port, hold the answer against an expression",
	.license = "Apache-2.0",
	.needs = SONDE_NEED_UDP | SONDE_NEED_RESOLVE,
	.args_size = sizeof(struct udp_args),
	.state_size = sizeof(struct udp_state),
	.params = params,
	.fields = fields,
	.check = udp_check,
	.start = udp_start,
	.cancel = sonde_rounds_cancel,
	.finish = udp_finish,
};
