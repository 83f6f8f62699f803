/* SPDX-License-Identifier: Apache-2.0 */
/* The traceroute plugin: parameters, and the path engine's table as a result and as the text of the
 * classic tool. Owns nothing but its state; sending and matching is plugins/path/. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "connect/say.h"
#include "path/args.h"
#include "path/path.h"

struct args {
	struct path_args path; /* first */
	int64_t queries;
};

struct state {
	struct path path;
};

static void print_hop(struct sonde_probe *p, const struct path *s, unsigned ttl)
{
	const struct path_probe *said = NULL;
	char text[PATH_ADDRESS_TEXT], mark[16];
	unsigned n, got = 0;
	const struct path_label *l = path_stack(s, ttl, &n);

	sonde_say(p, "%2u ", ttl);
	for (unsigned i = 0; i < s->slots; i++) {
		const struct path_probe *k = path_slot(s, ttl, i);
		if (k->status != PATH_ANSWERED)
			continue;
		got++;
		if (k->has_from && (!said || memcmp(said->from, k->from, sizeof(k->from)))) {
			path_text(s, k->from, text);
			const char *name = path_name(s, k->from);
			if (s->config.names)
				sonde_say(p, " %s (%s)", name ? name : text, text);
			else
				sonde_say(p, " %s", text);
			for (unsigned j = 0; !said && j < n; j++)
				sonde_say(p, "%sL=%u,E=%u,S=%u,T=%u%s", j ? "/" : " <MPLS:",
				           l[j].label, l[j].tc, l[j].bottom, l[j].ttl,
				           j + 1 == n ? ">" : "");
			said = k;
		}
		path_mark(s, k, mark);
		int64_t us = (k->rtt + 500) / 1000;
		sonde_say(p, "  %" PRId64 ".%03d ms%s", us / 1000, (int)(us % 1000), mark);
	}
	for (; got < s->config.queries; got++)
		sonde_say(p, " *");
	sonde_say(p, "\n");
}

static void write_hop(struct sonde_probe *p, const struct path *s, unsigned ttl)
{
	struct path_sum u = path_sum(s, ttl);

	p->host->open(p, NULL, '{');
	path_put_hop(p, s, ttl);
	p->host->put_int(p, "sent", u.sent);
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

static void write_result(struct sonde_probe *p, const struct path *s)
{
	unsigned last = path_last(s, false);

	path_put_head(p, s);
	sonde_say(p, "traceroute to %.255s (%s), %u hops max, %d byte packets\n", p->target,
	           s->address, s->config.last, s->family == AF_INET ? 60 : 80);
	p->host->open(p, "hops", '[');
	for (unsigned ttl = s->config.first; ttl <= last; ttl++) {
		write_hop(p, s, ttl);
		print_hop(p, s, ttl);
	}
	p->host->close(p);
	path_put_summary(p, s, last);
}

static void over(struct sonde_probe *p, struct path *s, enum sonde_failure failure, const char *why)
{
	if (s->probes)
		write_result(p, s);
	p->host->done(p, failure, why);
}

static int start(struct sonde_probe *p)
{
	const struct args *a = p->args;
	struct state *s = p->state;
	struct path_config c = path_args_config(&a->path);

	c.queries = (unsigned)a->queries;
	return path_start(p, &s->path, &c, over);
}

static void cancel(struct sonde_probe *p, enum sonde_why why)
{
	path_cancel(p, &((struct state *)p->state)->path, why);
}

static void finish(struct sonde_probe *p)
{
	path_finish(p, &((struct state *)p->state)->path);
}

static int check(const void *args, const char *target, struct sonde_error *e)
{
	const struct args *a = args;
	int64_t hops = a->path.last - a->path.first + 1;

	if (path_args_check(&a->path, target, e))
		return -1;
	if (a->path.protocol == PATH_TCP && hops * a->queries > PATH_TCP_MAX)
		return path_args_refuse(e, "queries", "with TCP hops times queries must be at most 256");
	return 0;
}

#define AT(member) offsetof(struct args, member)

static const struct sonde_param params[] = {
	PATH_PARAMS("20"),
	{ "queries", SONDE_TYPE_INT, AT(queries), "probes to each hop", NULL, "2", NULL, 1, 10, 0 },
	{ .type = SONDE_TYPE_END },
};

static const struct sonde_field fields[] = {
	PATH_HEAD_FIELDS,
	PATH_HOP_FIELDS,
	{ "hops[].sent", SONDE_TYPE_INT, "probes with this time to live", NULL, 0 },
	{ "hops[].timings", SONDE_TYPE_ROWS, "the answers; none when silent", NULL, 0 },
	{ "hops[].timings[].rtt", SONDE_TYPE_NUMBER, "round-trip time", "ms", 0 },
	PATH_SUMMARY_FIELDS,
	{ .type = SONDE_TYPE_END },
};

SONDE_PLUGIN = {
	SONDE_PLUGIN_HEAD,
	.name = "traceroute",
	.version = "1.0",
	.summary = "the routers on the way to a target, by ICMP, UDP or TCP",
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
