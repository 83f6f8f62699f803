/* SPDX-License-Identifier: Apache-2.0 */
/* The ntp plugin: asks a time server several times (RFC 5905, client mode) and works out offset and
 * delay from kernel time stamps. The course of the requests is that of connect/rounds.h. The
 * transmit time of a request is a random number, checked as the origin of the answer; the true
 * time of the send never leaves this node. A kiss-o'-death ends the asking at once. Owns nothing
 * but what the rounds own. */
#include "ntp/ntp.h"

#include <stdio.h>
#include <string.h>

#include "connect/datagram.h"

static size_t build(struct sonde_probe *p, unsigned i, uint8_t *out)
{
	const struct ntp_args *a = p->args;
	struct ntp_state *s = p->state;

	s->nonce[i] = p->host->random(p);
	ntp_build(out, (unsigned)a->version, s->nonce[i]);
	return NTP_HEADER;
}

static void note_kiss(struct ntp_state *s, const struct ntp_packet *k)
{
	memcpy(s->kiss, k->reference_id, 4);
	snprintf(s->note, sizeof(s->note), "kiss-o'-death %s", s->kiss);
	/* DENY, RSTR and RATE mean "do not go on", and the rest are no better. */
	s->rounds.stop = true;
}

static enum sonde_round_verdict take(struct sonde_probe *p, unsigned i, const uint8_t *data,
                                     size_t len, size_t full)
{
	struct ntp_state *s = p->state;
	struct sonde_round *r = &s->rounds.rounds[i];
	struct ntp_packet *k = &s->packet[i];

	if (!ntp_parse(data, len, k))
		return SONDE_ROUND_IGNORE;
	enum ntp_verdict v = ntp_judge(k, s->nonce[i]);
	if (v == NTP_NOT_OURS)
		return SONDE_ROUND_IGNORE;
	s->last = *k;
	s->last_at = sonde_datagram_wall_ns();
	if (v == NTP_GOOD)
		return SONDE_ROUND_TAKE;
	r->failure = SONDE_FAIL_PROTOCOL;
	if (v == NTP_KISS)
		note_kiss(s, k);
	r->note = v == NTP_KISS ? s->note : v == NTP_BROKEN
		? "the server's times contradict each other" : "the server is not synchronised";
	return SONDE_ROUND_FAIL;
}

/* The four times: sent, received, answered by the server, and back. The way back is taken as the
 * send plus the round trip, so that a step of our clock in between does not count. */
static void work_out(struct ntp_state *s, unsigned i)
{
	const struct sonde_round *r = &s->rounds.rounds[i];
	const struct ntp_packet *k = &s->packet[i];
	int64_t sent = r->tx ? r->tx : r->user_tx;
	int64_t there = ntp_diff(k->receive, ntp_from_unix(sent));
	int64_t back = ntp_diff(k->transmit, ntp_from_unix(sent + r->rtt));

	s->sample[i].offset = there / 2 + back / 2 + (there % 2 + back % 2) / 2;
	s->sample[i].delay = r->rtt - ntp_diff(k->transmit, k->receive);
}

static void ended(struct sonde_probe *p, unsigned i)
{
	struct ntp_state *s = p->state;

	if (s->rounds.rounds[i].status == SONDE_ROUND_REPLY)
		work_out(s, i);
	ntp_print_sample(p, i);
}

static const struct sonde_rounds_ops ops = { build, take, NULL, ended, ntp_report };

static int ntp_start(struct sonde_probe *p)
{
	const struct ntp_args *a = p->args;
	struct sonde_rounds *x = p->state;

	x->ops = &ops;
	x->count = (unsigned)a->samples;
	x->port = (uint16_t)a->port;
	x->interval = a->interval;
	x->wait = a->wait;
	x->source = a->source;
	x->largest = 512;
	return sonde_rounds_start(p);
}

static int ntp_check(const void *args, const char *target, struct sonde_error *e)
{
	const struct ntp_args *a = args;

	if (!target || !*target) {
		snprintf(e->path, sizeof(e->path), "target");
		snprintf(e->text, sizeof(e->text), "must be a host name or an address");
		return -1;
	}
	return sonde_source_check(a->source, e);
}

#define AT(member) offsetof(struct ntp_args, member)

static const struct sonde_param params[] = {
	{ "port", SONDE_TYPE_INT, AT(port), "port of the server", .def = "123", .min = 1,
	  .max = 65535 },
	{ "samples", SONDE_TYPE_INT, AT(samples), "how often to ask", .def = "4", .min = 1,
	  .max = NTP_SAMPLES_MAX },
	{ "interval", SONDE_TYPE_DURATION, AT(interval),
	  "time between two requests; servers refuse clients that ask oftener than every 2s",
	  .unit = "ms", .def = "2s", .min = 10, .max = 60000 },
	SONDE_ROUNDS_PARAMS(AT(wait), AT(source)),
	{ "version", SONDE_TYPE_INT, AT(version), "version of NTP to speak", .def = "4", .min = 3,
	  .max = 4 },
	{ "maxOffset", SONDE_TYPE_DURATION, AT(max_offset),
	  "fail as assertion when the clocks are further apart, 0 = never", .unit = "ms",
	  .def = "0", .min = 0, .max = INT64_C(86400000) },
	{ "maxStratum", SONDE_TYPE_INT, AT(max_stratum), "fail as assertion above this stratum",
	  .def = "15", .min = 1, .max = 15 },
	{ .type = SONDE_TYPE_END },
};

static const struct sonde_field fields[] = {
	SONDE_ROUNDS_FIELDS,
	{ "offset", SONDE_TYPE_NUMBER,
	  "of the sample with the least delay; above 0 the server is ahead of the node", "ms" },
	{ "delay", SONDE_TYPE_NUMBER, "round trip of that sample without the server's own time",
	  "ms" },
	{ "jitter", SONDE_TYPE_NUMBER, "root mean square of the other samples against it", "ms" },
	{ "leap", SONDE_TYPE_STRING, "none, add, delete or unsynchronised" },
	{ "version", SONDE_TYPE_INT, "version of NTP in the answer" },
	{ "stratum", SONDE_TYPE_INT, "steps from a reference clock" },
	{ "poll", SONDE_TYPE_INT, "log2 of the server's poll interval", "s" },
	{ "precision", SONDE_TYPE_INT, "log2 of the precision of the server's clock", "s" },
	{ "rootDelay", SONDE_TYPE_NUMBER, "round trip from the server to the reference", "ms" },
	{ "rootDispersion", SONDE_TYPE_NUMBER, "the server's error against the reference", "ms" },
	{ "rootDistance", SONDE_TYPE_NUMBER,
	  "bound of the error: half of both delays, and the dispersion", "ms" },
	{ "referenceId", SONDE_TYPE_STRING, "what the server follows" },
	{ "referenceTime", SONDE_TYPE_STRING, "when the server's clock was last set, UTC" },
	{ "kissCode", SONDE_TYPE_STRING, "code of a kiss-o'-death" },
	{ "ignored", SONDE_TYPE_INT, "datagrams that answered none of the requests" },
	{ "samples", SONDE_TYPE_ROWS, "every request" },
	{ "samples[].seq", SONDE_TYPE_INT, "number of the request, from 1" },
	{ "samples[].status", SONDE_TYPE_STRING, "reply, lost or error" },
	{ "samples[].offset", SONDE_TYPE_NUMBER, "clock of the server less that of the node", "ms" },
	{ "samples[].delay", SONDE_TYPE_NUMBER, "round trip without the server's own time", "ms" },
	{ "samples[].rtt", SONDE_TYPE_NUMBER, "round trip", "ms" },
	{ "samples[].note", SONDE_TYPE_STRING, "what was wrong" },
	SONDE_STATS_FIELDS,
	{ .type = SONDE_TYPE_END },
};

SONDE_PLUGIN = {
	SONDE_PLUGIN_HEAD,
	.name = "ntp",
	.version = "1.0",
	.summary = "NTP: offset, delay and health of a time server",
	.license = "Apache-2.0",
	.needs = SONDE_NEED_UDP | SONDE_NEED_RESOLVE,
	.args_size = sizeof(struct ntp_args),
	.state_size = sizeof(struct ntp_state),
	.params = params,
	.fields = fields,
	.check = ntp_check,
	.start = ntp_start,
	.cancel = sonde_rounds_cancel,
	.finish = sonde_rounds_finish,
};
