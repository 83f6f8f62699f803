/* SPDX-License-Identifier: Apache-2.0 */
/* DNS: one question to one resolver, or a walk from the root down. An answer of any rcode is a
 * result; silence is a failure. The user's resolver goes through the host's guard. The node's own
 * does not, because the operator chose it and the host asks it as well, but then it is asked as the
 * host asks it: another port or an HTTP request would be a way into the operator's network. States:
 *
 *	IDLE -> RESOLVING (a named resolver) -> ASKING (ask.c, again for each address, or trace.c)
 *	     -> done() */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "dns.h"
#include "record.h"

int dns_family(const struct sonde_probe *p)
{
	return p->ip_version == 4 ? AF_INET : p->ip_version == 6 ? AF_INET6 : AF_UNSPEC;
}

void dns_set_port(struct sonde_addr *a, unsigned port)
{
	if (a->sa.ss_family == AF_INET)
		((struct sockaddr_in *)&a->sa)->sin_port = htons((uint16_t)port);
	else
		((struct sockaddr_in6 *)&a->sa)->sin6_port = htons((uint16_t)port);
}

void dns_aim(struct sonde_probe *p, unsigned addr)
{
	const struct dns_args *a = p->args;
	struct dns_state *s = p->state;

	s->addr = addr;
	s->ask.to = s->addrs[addr];
	dns_set_port(&s->ask.to, dns_port(a));
	s->hidden = s->own && !p->host->allowed(p, (const struct sockaddr *)&s->ask.to.sa,
	                                        s->ask.to.len);
}

static void ask_next(struct sonde_probe *p, unsigned addr)
{
	const struct dns_args *a = p->args;
	struct dns_ask *ask = &dns_state_of(p)->ask;

	dns_aim(p, addr);
	ask->protocol = (enum dns_protocol)a->protocol;
	ask->name = &dns_state_of(p)->name;
	ask->type = (uint16_t)dns_type_number(a);
	ask->recursion = a->recursion;
	ask->tries = (unsigned)a->tries;
	dns_ask_start(p);
}

/* The answer is reported; was it the one that was expected? */
static void judge(struct sonde_probe *p, const struct dns_message *m)
{
	const struct dns_args *a = p->args;
	int rcode = dns_expected_rcode(a);
	char got[16], want[16], why[DNS_WHY];

	if (rcode >= 0 && m->rcode != (unsigned)rcode) {
		snprintf(why, sizeof(why), "the rcode is %s instead of %s",
		         dns_rcode_text(m->rcode, got), dns_rcode_text((unsigned)rcode, want));
		p->host->done(p, SONDE_FAIL_ASSERTION, why);
	} else if (a->expect_value && *a->expect_value && !dns_state_of(p)->value_seen) {
		snprintf(why, sizeof(why), "no record of the answer has the value %.160s",
		         a->expect_value);
		p->host->done(p, SONDE_FAIL_ASSERTION, why);
	} else {
		p->host->done(p, SONDE_FAIL_NONE, NULL);
	}
}

void dns_answered(struct sonde_probe *p, const struct dns_message *m)
{
	if (dns_state_of(p)->trace) {
		dns_trace_answered(p, m);
		return;
	}
	dns_report_answer(p, m);
	judge(p, m);
}

void dns_unanswered(struct sonde_probe *p, enum sonde_failure failure, const char *why)
{
	struct dns_state *s = p->state;

	dns_print_error(p, failure == SONDE_FAIL_TIMEOUT ? "timed out" : why);
	if (s->trace) {
		dns_trace_unanswered(p, failure, why);
		return;
	}
	if (s->addr + 1 < s->addr_count && failure != SONDE_FAIL_OVERLOAD) {
		ask_next(p, s->addr + 1);
		return;
	}
	dns_report_nothing(p);
	p->host->done(p, failure, why);
}

static void begin(struct sonde_probe *p)
{
	const struct dns_args *a = p->args;

	dns_print_head(p);
	if (a->trace)
		dns_trace_start(p);
	else
		ask_next(p, 0);
}

static void on_resolved(struct sonde_probe *p, void *arg, enum sonde_failure failure,
                        const struct sonde_addr *addrs, unsigned count, int64_t took_ns,
                        const char *why)
{
	const struct dns_args *a = p->args;
	struct dns_state *s = p->state;

	if (failure) {
		dns_print_head(p);
		sonde_say(p, ";; no address of %.253s: %.240s\n", a->resolver, why ? why : "");
		p->host->done(p, failure, why);
		return;
	}
	s->addr_count = count < DNS_ADDRS_MAX ? count : DNS_ADDRS_MAX;
	memcpy(s->addrs, addrs, s->addr_count * sizeof(addrs[0]));
	s->resolve_ns = took_ns;
	begin(p);
}

/* The node's own resolvers, as far as this task may ask them. */
static void find_own(struct sonde_probe *p)
{
	const struct dns_args *a = p->args;
	struct dns_state *s = p->state;
	bool plain = dns_port(a) == 53 && (a->protocol == DNS_UDP || a->protocol == DNS_TCP);
	unsigned n = dns_own_resolvers(s->addrs, DNS_ADDRS_MAX);

	s->own = 1;
	for (unsigned i = 0; i < n; i++)
		if (plain || p->host->allowed(p, (const struct sockaddr *)&s->addrs[i].sa,
		                              s->addrs[i].len))
			s->addrs[s->addr_count++] = s->addrs[i];
}

static int start(struct sonde_probe *p)
{
	const struct dns_args *a = p->args;
	struct dns_state *s = p->state;

	s->ask.fd = -1;
	if (dns_name_parse(p->target, dns_type_number(a) == DNS_TYPE_PTR, &s->name))
		return -1;
	if (a->trace && a->roots && *a->roots) {
		begin(p);
		return 0;
	}
	if (a->resolver && *a->resolver)
		return p->host->resolve(p, a->resolver, dns_family(p), on_resolved, NULL);
	find_own(p);
	if (s->addr_count)
		begin(p);
	else
		p->host->done(p, SONDE_FAIL_GUARD,
		              "the node's own resolver is asked on port 53 over UDP or TCP only");
	return 0;
}

static void cancel(struct sonde_probe *p, enum sonde_why why)
{
	struct dns_state *s = p->state;
	char text[SONDE_ADDRESS_TEXT], line[DNS_WHY];

	if (!s->started) {
		if (s->trace)
			dns_trace_end(p);
		p->host->done(p, why == SONDE_WHY_TIMEOUT ? SONDE_FAIL_RESOLVE : SONDE_FAIL_CANCELLED,
		              why == SONDE_WHY_TIMEOUT ? "the server's name was not resolved in time"
		                                       : "it was cancelled");
		return;
	}
	dns_ask_stop(p);
	if (why == SONDE_WHY_TIMEOUT)
		dns_print_error(p, "timed out");
	if (s->trace)
		dns_trace_end(p);
	else
		dns_report_nothing(p);
	snprintf(line, sizeof(line), "no answer from %s in time", dns_server_text(p, text));
	if (why == SONDE_WHY_TIMEOUT)
		p->host->done(p, SONDE_FAIL_TIMEOUT, line);
	else
		p->host->done(p, SONDE_FAIL_CANCELLED, "it was cancelled");
}

static void finish(struct sonde_probe *p)
{
	dns_ask_stop(p);
}

SONDE_PLUGIN = {
	SONDE_PLUGIN_HEAD,
	.name = "dns",
	.version = "1.0",
	.summary = "DNS: what a resolver answers, how fast, and the delegations from the root down",
	.license = "Apache-2.0",
	.needs = SONDE_NEED_UDP | SONDE_NEED_TCP | SONDE_NEED_RESOLVE,
	.args_size = sizeof(struct dns_args),
	.state_size = sizeof(struct dns_state),
	.params = dns_params,
	.fields = dns_fields,
	.check = dns_check,
	.start = start,
	.cancel = cancel,
	.finish = finish,
	.target = SONDE_TARGET_IS_TEXT,
};
