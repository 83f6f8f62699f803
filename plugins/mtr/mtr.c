/* SPDX-License-Identifier: Apache-2.0 */
/* The mtr plugin: rounds of probes to every hop, and what each hop's round trips are like. Owns
 * nothing but its state; sending and matching is plugins/path/. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "connect/say.h"
#include "mtr/asn.h"
#include "path/args.h"
#include "path/path.h"

enum { HOST_TEXT = 256 + PATH_ADDRESS_TEXT };

struct args {
	struct path_args path; /* first */
	int64_t packets, interval;
};

struct state {
	struct path path;
	struct asn *asn; /* NULL = no database */
};

/* Of one hop, in ms. Jitter is the difference of neighbouring answers. */
struct stats {
	unsigned total, rcv, pairs;
	double min, avg, max, deviation, last;
	double j_min, j_avg, j_max;
};

static void add_jitter(struct stats *t, double step)
{
	if (!t->pairs || step < t->j_min)
		t->j_min = step;
	if (!t->pairs || step > t->j_max)
		t->j_max = step;
	t->j_avg += step;
	t->pairs++;
}

static struct stats stats_of(const struct path *s, unsigned ttl)
{
	struct path_sum u = path_sum(s, ttl);
	struct stats t = { .total = u.sent, .rcv = u.rcv };
	double squares = 0;

	if (!u.rcv)
		return t;
	t.min = (double)u.min / 1e6;
	t.max = (double)u.max / 1e6;
	t.avg = u.sum / u.rcv / 1e6;
	for (unsigned i = 0, seen = 0; i < s->slots; i++) {
		const struct path_probe *k = path_slot(s, ttl, i);
		double rtt = (double)k->rtt / 1e6;
		if (k->status != PATH_ANSWERED)
			continue;
		if (seen++)
			add_jitter(&t, fabs(rtt - t.last));
		t.last = rtt;
		squares += (rtt - t.avg) * (rtt - t.avg);
	}
	t.deviation = sqrt(squares / t.rcv);
	if (t.pairs)
		t.j_avg /= t.pairs;
	return t;
}

static double loss(const struct stats *t)
{
	return t->total ? 100.0 * (t->total - t->rcv) / t->total : 0;
}

static void write_stats(struct sonde_probe *p, const struct stats *t)
{
	p->host->open(p, "stats", '{');
	path_put_ms(p, "min", t->rcv, t->min);
	path_put_ms(p, "avg", t->rcv, t->avg);
	path_put_ms(p, "max", t->rcv, t->max);
	path_put_ms(p, "stDev", t->rcv, t->deviation);
	path_put_ms(p, "jMin", t->pairs, t->j_min);
	path_put_ms(p, "jAvg", t->pairs, t->j_avg);
	path_put_ms(p, "jMax", t->pairs, t->j_max);
	p->host->put_int(p, "total", t->total);
	p->host->put_int(p, "rcv", t->rcv);
	p->host->put_int(p, "drop", t->total - t->rcv);
	if (t->total)
		p->host->put_number(p, "loss", loss(t), 2);
	else
		p->host->put_null(p, "loss");
	p->host->close(p);
}

/* Of all the addresses that answered. */
static void write_asn(struct sonde_probe *p, const struct path *s, unsigned ttl)
{
	struct state *st = p->state;
	uint32_t seen[PATH_ADDRESSES];
	const uint8_t *from[PATH_ADDRESSES];
	unsigned n = path_addresses(s, ttl, from), found = 0;

	p->host->open(p, "asn", '[');
	for (unsigned i = 0; i < n; i++) {
		uint32_t number = asn_find(st->asn, s->family, from[i]);
		unsigned j = 0;
		while (j < found && seen[j] != number)
			j++;
		if (!number || j < found)
			continue;
		seen[found++] = number;
		p->host->put_int(p, NULL, number);
	}
	p->host->close(p);
}

static void write_hop(struct sonde_probe *p, const struct path *s, unsigned ttl,
                      const struct stats *t)
{
	p->host->open(p, NULL, '{');
	path_put_hop(p, s, ttl);
	write_asn(p, s, ttl);
	write_stats(p, t);
	p->host->open(p, "timings", '[');
	for (unsigned i = 0; i < s->slots; i++) {
		const struct path_probe *k = path_slot(s, ttl, i);
		if (k->status != PATH_ANSWERED)
			continue;
		p->host->open(p, NULL, '{');
		path_put_ms(p, "rtt", true, (double)k->rtt / 1e6);
		p->host->close(p);
	}
	p->host->close(p);
	p->host->close(p);
}

static void print_hop(struct sonde_probe *p, const struct path *s, unsigned ttl,
                      const struct stats *t)
{
	const struct path_probe *k = path_sum(s, ttl).first;
	const char *name = k && k->has_from ? path_name(s, k->from) : NULL;
	char text[PATH_ADDRESS_TEXT] = "???", host[HOST_TEXT];

	if (k && k->has_from)
		path_text(s, k->from, text);
	if (name)
		snprintf(host, sizeof(host), "%s (%s)", name, text);
	sonde_say(p, "%3u.|-- %-40s %5.1f%% %5u", ttl, name ? host : text, loss(t), t->total);
	if (t->rcv)
		sonde_say(p, " %6.1f %6.1f %6.1f %6.1f %6.1f", t->last, t->avg, t->min, t->max,
		           t->deviation);
	if (t->pairs)
		sonde_say(p, " %6.1f", t->j_avg);
	sonde_say(p, "\n");
}

static void write_result(struct sonde_probe *p, const struct path *s)
{
	unsigned last = path_last(s, true);

	path_put_head(p, s);
	sonde_say(p, "%-48s  Loss%%   Snt   Last    Avg   Best   Wrst  StDev   Javg\n", p->target);
	p->host->open(p, "hops", '[');
	for (unsigned ttl = s->config.first; ttl <= last; ttl++) {
		struct stats t = stats_of(s, ttl);
		write_hop(p, s, ttl, &t);
		print_hop(p, s, ttl, &t);
	}
	p->host->close(p);
	path_put_summary(p, s, last);
}

static void over(struct sonde_probe *p, struct path *s, enum sonde_failure failure, const char *why)
{
	struct state *st = p->state;

	if (s->probes) {
		st->asn = asn_open(p);
		write_result(p, s);
	}
	p->host->done(p, failure, why);
}

static int start(struct sonde_probe *p)
{
	const struct args *a = p->args;
	struct state *s = p->state;
	struct path_config c = path_args_config(&a->path);

	c.queries = (unsigned)a->packets;
	c.interval = a->interval;
	return path_start(p, &s->path, &c, over);
}

static void cancel(struct sonde_probe *p, enum sonde_why why)
{
	path_cancel(p, &((struct state *)p->state)->path, why);
}

static void finish(struct sonde_probe *p)
{
	struct state *s = p->state;

	asn_close(s->asn);
	path_finish(p, &s->path);
}

static int check(const void *args, const char *target, struct sonde_error *e)
{
	const struct args *a = args;
	int64_t hops = a->path.last - a->path.first + 1;

	if (path_args_check(&a->path, target, e))
		return -1;
	/* Each is a socket. */
	int64_t rounds = a->path.wait / a->interval + 1;
	rounds = rounds < a->packets ? rounds : a->packets;
	if (a->path.protocol == PATH_TCP && hops * rounds > PATH_TCP_MAX)
		return path_args_refuse(e, "interval", "with TCP at most 256 probes may be in "
		                        "flight: hops times wait over interval");
	return 0;
}

#define AT(member) offsetof(struct args, member)

static const struct sonde_param params[] = {
	PATH_PARAMS("30"),
	{ "packets", SONDE_TYPE_INT, AT(packets), "rounds: probes to each hop", NULL, "3", NULL, 1,
	  100, 0 },
	{ "interval", SONDE_TYPE_DURATION, AT(interval), "time between two rounds", NULL, "500ms", NULL,
	  200, 60000, 0 },
	{ .type = SONDE_TYPE_END },
};

static const struct sonde_field fields[] = {
	PATH_HEAD_FIELDS,
	PATH_HOP_FIELDS,
	{ "hops[].asn", SONDE_TYPE_ROWS, "autonomous systems of the address; empty when not known",
	  NULL, 0 },
	{ "hops[].stats", SONDE_TYPE_OBJECT, "over all rounds", NULL, 0 },
	{ "hops[].stats.min", SONDE_TYPE_NUMBER, "shortest round trip", "ms", 0 },
	{ "hops[].stats.avg", SONDE_TYPE_NUMBER, "mean round trip", "ms", 0 },
	{ "hops[].stats.max", SONDE_TYPE_NUMBER, "longest round trip", "ms", 0 },
	{ "hops[].stats.stDev", SONDE_TYPE_NUMBER, "standard deviation", "ms", 0 },
	{ "hops[].stats.jMin", SONDE_TYPE_NUMBER, "least difference of neighbouring answers", "ms", 0 },
	{ "hops[].stats.jAvg", SONDE_TYPE_NUMBER, "mean difference of neighbouring answers", "ms", 0 },
	{ "hops[].stats.jMax", SONDE_TYPE_NUMBER, "largest difference of neighbouring answers", "ms",
	  0 },
	{ "hops[].stats.total", SONDE_TYPE_INT, "probes", NULL, 0 },
	{ "hops[].stats.rcv", SONDE_TYPE_INT, "answers", NULL, 0 },
	{ "hops[].stats.drop", SONDE_TYPE_INT, "probes without an answer", NULL, 0 },
	{ "hops[].stats.loss", SONDE_TYPE_NUMBER, "share without an answer", "%", 0 },
	{ "hops[].timings", SONDE_TYPE_ROWS, "the answers in order; none when silent", NULL, 0 },
	{ "hops[].timings[].rtt", SONDE_TYPE_NUMBER, "round-trip time", "ms", 0 },
	PATH_SUMMARY_FIELDS,
	{ .type = SONDE_TYPE_END },
};

SONDE_PLUGIN = {
	SONDE_PLUGIN_HEAD,
	.name = "mtr",
	.version = "1.0",
	.summary = "every hop on the way to a target, asked again and again: loss, latency, jitter",
	.license = "Apache-2.0",
	.needs = SONDE_NEED_ICMP | SONDE_NEED_UDP | SONDE_NEED_TCP | SONDE_NEED_RESOLVE,
	.args_size = sizeof(struct args),
	.state_size = sizeof(struct state),
	.params = params,
	.fields = fields,
	.check = check,
	.start = start,
	.cancel = cancel,
	.finish = finish,
};
