/* SPDX-License-Identifier: Apache-2.0 */
/* What the ntp plugin says: the result, and the lines of the classic client. A value that was not
 * measured is null. Owns nothing. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ntp/ntp.h"

#define NS INT64_C(1000000000)

static const char *const leaps[] = { "none", "add", "delete", "unsynchronised" };
static const char *const classic_leaps[] = { "no-leap", "add-leap", "del-leap", "unsync" };

/* The answer with the least delay says most about the clock. */
static int best_of(const struct ntp_state *s)
{
	int best = -1;

	for (unsigned i = 0; i < s->rounds.sent; i++) {
		if (s->rounds.rounds[i].status != SONDE_ROUND_REPLY)
			continue;
		if (best < 0 || s->sample[i].delay < s->sample[best].delay)
			best = (int)i;
	}
	return best;
}

static bool jitter_of(const struct ntp_state *s, int best, double *out)
{
	double squares = 0;
	unsigned n = 0;

	for (unsigned i = 0; best >= 0 && i < s->rounds.sent; i++) {
		if (s->rounds.rounds[i].status != SONDE_ROUND_REPLY || (int)i == best)
			continue;
		double d = (double)(s->sample[i].offset - s->sample[best].offset);
		squares += d * d;
		n++;
	}
	*out = n ? sqrt(squares / n) : 0;
	return n > 0;
}

static int64_t distance_of(const struct ntp_state *s, int best)
{
	const struct ntp_packet *k = &s->packet[best];
	int64_t delay = s->sample[best].delay > 0 ? s->sample[best].delay : 0;

	return ntp_short_ns(k->root_delay) / 2 + ntp_short_ns(k->root_dispersion) + delay / 2;
}

/* "2026-11-21 08:30:00.123456", or with T and Z for the result. */
static const char *time_text(int64_t ns, bool iso, char out[48])
{
	time_t seconds = (time_t)(ns / NS - (ns % NS < 0));
	int micros = (int)((ns - (int64_t)seconds * NS) / 1000);
	struct tm tm;
	char day[32];

	if (!gmtime_r(&seconds, &tm))
		return NULL;
	strftime(day, sizeof(day), iso ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &tm);
	snprintf(out, 48, "%s.%06d%s", day, micros, iso ? "Z" : "");
	return out;
}

void ntp_print_sample(struct sonde_probe *p, unsigned i)
{
	const struct ntp_state *s = p->state;
	const struct sonde_round *r = &s->rounds.rounds[i];
	const struct ntp_packet *k = &s->packet[i];
	char when[48];

	if (r->status != SONDE_ROUND_REPLY) {
		sonde_say(p, "%.255s %s: %s%s%s\n", p->target, s->rounds.address,
		          r->note ? r->note : "no answer", *r->says ? ", says " : "", r->says);
		return;
	}
	const char *at = time_text(ntp_to_unix(k->transmit, r->user_rx), false, when);
	sonde_say(p, "%s (+0000) %+.6f +/- %.6f %.255s %s s%u %s\n", at ? at : "?",
	          (double)s->sample[i].offset / 1e9, (double)distance_of(s, (int)i) / 1e9,
	          p->target, s->rounds.address, k->stratum, classic_leaps[k->leap]);
}

static void put_server(struct sonde_probe *p)
{
	const struct ntp_state *s = p->state;
	const struct ntp_packet *k = &s->last;
	static const char *const names[] = {
		"leap", "version", "stratum", "poll", "precision", "rootDelay", "rootDispersion",
		"referenceId", "referenceTime",
	};
	char text[48];

	if (!s->last_at) {
		for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			p->host->put_null(p, names[i]);
		return;
	}
	sonde_put_str(p, "leap", leaps[k->leap]);
	p->host->put_int(p, "version", k->version);
	p->host->put_int(p, "stratum", k->stratum);
	p->host->put_int(p, "poll", k->poll);
	p->host->put_int(p, "precision", k->precision);
	sonde_put_ms(p, "rootDelay", true, (double)ntp_short_ns(k->root_delay));
	sonde_put_ms(p, "rootDispersion", true, (double)ntp_short_ns(k->root_dispersion));
	ntp_reference_text(k, text);
	sonde_put_str(p, "referenceId", *text ? text : NULL);
	sonde_put_str(p, "referenceTime",
	              k->reference ? time_text(ntp_to_unix(k->reference, s->last_at), true, text)
	                           : NULL);
}

static void put_samples(struct sonde_probe *p)
{
	const struct ntp_state *s = p->state;

	p->host->open(p, "samples", '[');
	for (unsigned i = 0; i < s->rounds.sent; i++) {
		const struct sonde_round *r = &s->rounds.rounds[i];
		bool good = r->status == SONDE_ROUND_REPLY;
		if (r->status == SONDE_ROUND_PENDING)
			continue;
		p->host->open(p, NULL, '{');
		p->host->put_int(p, "seq", i + 1);
		sonde_put_str(p, "status", sonde_round_status_name(r->status));
		sonde_put_ms(p, "offset", good, (double)s->sample[i].offset);
		sonde_put_ms(p, "delay", good, (double)s->sample[i].delay);
		sonde_put_ms(p, "rtt", r->taken, (double)r->rtt);
		sonde_put_str(p, "note", r->note);
		p->host->close(p);
	}
	p->host->close(p);
}

static enum sonde_failure hold_against(const struct ntp_args *a, struct ntp_state *s, int best)
{
	int64_t offset = s->sample[best].offset;

	if (a->max_offset && (offset > a->max_offset || offset < -a->max_offset))
		snprintf(s->why, sizeof(s->why), "the clocks are %.3f ms apart",
		         fabs((double)offset) / 1e6);
	else if (s->packet[best].stratum > a->max_stratum)
		snprintf(s->why, sizeof(s->why), "the server's stratum is %u",
		         s->packet[best].stratum);
	else
		return SONDE_FAIL_NONE;
	return SONDE_FAIL_ASSERTION;
}

enum sonde_failure ntp_report(struct sonde_probe *p, enum sonde_failure failure, const char **why)
{
	struct ntp_state *s = p->state;
	struct sonde_sums u = sonde_rounds_sums(&s->rounds);
	double jitter;
	int best = best_of(s);
	bool some = jitter_of(s, best, &jitter);

	sonde_put_target(p, s->rounds.address);
	sonde_put_ms(p, "resolveTime", s->rounds.resolve_ns > 0, (double)s->rounds.resolve_ns);
	sonde_put_str(p, "timestamps", sonde_rounds_stamps(&s->rounds));
	sonde_put_ms(p, "offset", best >= 0, best < 0 ? 0 : (double)s->sample[best].offset);
	sonde_put_ms(p, "delay", best >= 0, best < 0 ? 0 : (double)s->sample[best].delay);
	sonde_put_ms(p, "jitter", some, jitter);
	put_server(p);
	sonde_put_ms(p, "rootDistance", best >= 0, best < 0 ? 0 : (double)distance_of(s, best));
	sonde_put_str(p, "kissCode", *s->kiss ? s->kiss : NULL);
	p->host->put_int(p, "ignored", s->rounds.ignored);
	put_samples(p);
	sonde_put_stats(p, &u);
	if (failure || best < 0)
		return failure;
	if (s->kiss[0]) { /* a server that sends us away has not answered well */
		snprintf(s->why, sizeof(s->why), "%s port %d: %s", s->rounds.address,
		         s->rounds.port, s->note);
		*why = s->why;
		return SONDE_FAIL_PROTOCOL;
	}
	failure = hold_against(p->args, s, best);
	if (failure)
		*why = s->why;
	return failure;
}
