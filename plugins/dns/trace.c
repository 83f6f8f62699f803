/* SPDX-License-Identifier: Apache-2.0 */
/* From the root down: each answer either ends the walk or names the servers of a zone nearer to the
 * question. Nearer is a rule, so that no set of servers can lead in circles: a name has at most
 * 127 labels, and STEPS_MAX is less. Addresses come from the answer's glue, when it is about names
 * below the zone that was asked, or from the host's resolver; both go through the guard. Servers
 * that are silent or lame cost a try each, TRIES_MAX in a zone. States:
 *
 *	ROOTS (who are the root's servers?) -> ASKING -> ASKING ... -> done()
 *	                                          \-> LOOKUP (a server's address) -/ */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "dns.h"

enum { SERVERS_MAX = 16, STEPS_MAX = 24, TRIES_MAX = 4 };

struct server {
	struct dns_name name; /* len 0 = has none */
	struct sonde_addr addr;
	bool has_addr;
};

struct dns_trace {
	struct dns_name zone;          /* of the servers */
	struct server servers[SERVERS_MAX];
	unsigned count, at, tries;     /* at: the next to be tried */
	unsigned steps;                /* zones so far */
	bool finding_roots, hops_open;
	enum sonde_failure failure;    /* of the last server */
	char why[DNS_WHY];
	char asked[DNS_NAME_TEXT];     /* name of the server that is asked, or "" */
};

static const struct dns_name root = { 1, { 0 } };

static struct dns_trace *trace_of(struct sonde_probe *p)
{
	return dns_state_of(p)->trace;
}

void dns_trace_end(struct sonde_probe *p)
{
	struct dns_trace *t = trace_of(p);

	if (t->hops_open)
		p->host->close(p);
	t->hops_open = false;
	dns_report_cut(p);
}

static void end(struct sonde_probe *p, enum sonde_failure failure, const char *why)
{
	dns_trace_end(p);
	p->host->done(p, failure, why);
}

/* ---- the list of the option ---- */

/* The number of addresses of the list; *good is false when it is malformed. out may be NULL. */
static unsigned read_roots(const char *list, struct server *out, unsigned max, bool *good)
{
	char text[SONDE_ADDRESS_TEXT];
	struct sonde_addr addr;
	unsigned count = 0;

	*good = true;
	while (*list) {
		size_t n = strcspn(list, ", ");
		if (n) {
			*good = n < sizeof(text) && count < max;
			if (*good) {
				memcpy(text, list, n);
				text[n] = '\0';
				*good = sonde_address_parse(text, &addr);
			}
			if (!*good)
				return 0;
			if (out)
				out[count] = (struct server){ .addr = addr, .has_addr = true };
			count++;
		}
		list += n;
		list += strspn(list, ", ");
	}
	return count;
}

const char *dns_trace_check(const char *roots)
{
	bool good;
	unsigned n = read_roots(roots, NULL, SERVERS_MAX, &good);

	if (!good)
		return "must be a list of at most 16 addresses";
	return *roots && !n ? "holds no address" : NULL;
}

/* ---- asking ---- */

static void try_next(struct sonde_probe *p);

static void ask(struct sonde_probe *p, const struct server *s, const struct sonde_addr *to)
{
	const struct dns_args *args = p->args;
	struct dns_trace *t = trace_of(p);
	struct dns_ask *a = &dns_state_of(p)->ask;

	/* Without the last dot, as dig names servers. */
	size_t n = s->name.len ? dns_name_text(&s->name, t->asked) - 1 : 0;
	t->asked[n] = '\0';
	a->to = *to;
	dns_set_port(&a->to, dns_port(args));
	dns_state_of(p)->hidden = 0;
	a->protocol = (enum dns_protocol)args->protocol;
	a->name = &dns_state_of(p)->name;
	a->type = (uint16_t)dns_type_number(args);
	a->recursion = 0;
	a->tries = (unsigned)args->tries;
	dns_ask_start(p);
}

static void failed(struct sonde_probe *p, enum sonde_failure failure, const char *why)
{
	struct dns_trace *t = trace_of(p);

	t->failure = failure;
	snprintf(t->why, sizeof(t->why), "%s", why ? why : "");
}

static void on_address(struct sonde_probe *p, void *arg, enum sonde_failure failure,
                       const struct sonde_addr *addrs, unsigned count, int64_t took_ns,
                       const char *why)
{
	struct server *s = arg;

	if (failure) {
		sonde_say(p, ";; no address of a name server: %.240s\n", why ? why : "");
		failed(p, failure, why);
		try_next(p);
		return;
	}
	ask(p, s, &addrs[0]);
}

static void on_later(struct sonde_probe *p, void *arg)
{
	dns_state_of(p)->ask.timer = NULL;
	try_next(p);
}

/* Over the loop, so that a row of servers without addresses does not grow the stack. */
static void try_later(struct sonde_probe *p)
{
	struct dns_ask *a = &dns_state_of(p)->ask;

	dns_ask_stop(p);
	a->timer = p->host->timer_start(p, 0, on_later, NULL);
	if (!a->timer)
		end(p, SONDE_FAIL_OVERLOAD, "out of memory");
}

static bool wrong_family(const struct sonde_probe *p, const struct sonde_addr *a)
{
	int family = dns_family(p);

	return family != AF_UNSPEC && a->sa.ss_family != family;
}

static void try_next(struct sonde_probe *p)
{
	struct dns_trace *t = trace_of(p);
	char name[DNS_NAME_TEXT], text[SONDE_ADDRESS_TEXT];

	while (t->at < t->count && t->tries < TRIES_MAX) {
		struct server *s = &t->servers[t->at++];
		if (s->has_addr && wrong_family(p, &s->addr))
			continue;
		t->tries++;
		if (!s->has_addr) {
			dns_name_text(&s->name, name);
			if (!p->host->resolve(p, name, dns_family(p), on_address, s))
				return;
			failed(p, SONDE_FAIL_RESOLVE, "the lookup of a name server was refused");
			continue;
		}
		if (p->host->allowed(p, (const struct sockaddr *)&s->addr.sa, s->addr.len)) {
			ask(p, s, &s->addr);
			return;
		}
		char why[DNS_WHY];
		snprintf(why, sizeof(why), "this node may not probe %s",
		         sonde_address_text(&s->addr, text));
		sonde_say(p, ";; %s\n", why);
		failed(p, SONDE_FAIL_GUARD, why);
	}
	if (!t->failure)
		failed(p, SONDE_FAIL_UNREACHABLE, "no name server has an address of the family");
	end(p, t->failure, t->why);
}

static void enter_zone(struct dns_trace *t, const struct dns_name *zone)
{
	t->zone = *zone;
	t->at = t->tries = 0;
	t->steps++;
	t->failure = SONDE_FAIL_NONE;
}

static void ask_resolver(struct sonde_probe *p, unsigned addr)
{
	const struct dns_args *args = p->args;
	struct dns_ask *a = &dns_state_of(p)->ask;

	dns_aim(p, addr);
	a->protocol = (enum dns_protocol)args->protocol;
	a->name = &root;
	a->type = DNS_TYPE_NS;
	a->recursion = 1;
	a->tries = (unsigned)args->tries;
	dns_ask_start(p);
}

void dns_trace_start(struct sonde_probe *p)
{
	const struct dns_args *args = p->args;
	struct dns_state *s = p->state;
	bool good;

	s->trace = p->host->alloc(p, sizeof(*s->trace));
	if (!s->trace) {
		p->host->done(p, SONDE_FAIL_OVERLOAD, "out of memory");
		return;
	}
	p->host->open(p, "hops", '[');
	s->trace->hops_open = true;
	if (s->addr_count) {
		s->trace->finding_roots = true;
		ask_resolver(p, 0);
		return;
	}
	enter_zone(s->trace, &root);
	s->trace->count = read_roots(args->roots, s->trace->servers, SERVERS_MAX, &good);
	try_next(p);
}

void dns_trace_unanswered(struct sonde_probe *p, enum sonde_failure failure, const char *why)
{
	struct dns_trace *t = trace_of(p);
	struct dns_state *s = p->state;

	if (failure == SONDE_FAIL_OVERLOAD) {
		end(p, failure, why);
	} else if (!t->finding_roots) {
		failed(p, failure, why);
		try_next(p);
	} else if (s->addr + 1 < s->addr_count) {
		ask_resolver(p, s->addr + 1);
	} else {
		end(p, failure, why);
	}
}

/* ---- what an answer says ---- */

static struct server *server_of(struct dns_trace *t, const struct dns_name *name)
{
	for (unsigned i = 0; i < t->count; i++)
		if (dns_name_equal(&t->servers[i].name, name))
			return &t->servers[i];
	return NULL;
}

/* A zone that the message hands the question to: nearer than the one that was asked. */
static bool is_nearer(struct sonde_probe *p, const struct dns_name *zone)
{
	struct dns_trace *t = trace_of(p);

	if (t->finding_roots)
		return zone->len == 1;
	return zone->len > t->zone.len && dns_name_within(zone, &t->zone) &&
		dns_name_within(&dns_state_of(p)->name, zone);
}

/* Fills the servers of the next zone; false when the message names none. */
static bool take_servers(struct sonde_probe *p, const struct dns_message *m, struct dns_name *zone)
{
	struct dns_trace *t = trace_of(p);
	enum dns_section section = t->finding_roots ? DNS_ANSWER : DNS_AUTHORITY;
	struct dns_cursor c;
	struct dns_record r;
	struct dns_name owner, server;
	bool found = false;

	dns_records_begin(m, &c);
	while (dns_records_next(m, &c, &r)) {
		if (r.section != section || r.type != DNS_TYPE_NS || r.class != 1 ||
		    !dns_name_read(m->data, m->len, r.owner, &owner, NULL) ||
		    !is_nearer(p, &owner) || (found && !dns_name_equal(zone, &owner)) ||
		    !dns_name_read(m->data, m->len, r.rdata, &server, NULL))
			continue;
		if (!found)
			t->count = 0;
		found = true;
		*zone = owner;
		if (t->count < SERVERS_MAX && !server_of(t, &server))
			t->servers[t->count++] = (struct server){ .name = server };
	}
	return found;
}

static bool read_glue(const struct dns_message *m, const struct dns_record *r,
                      struct sonde_addr *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&out->sa;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out->sa;

	memset(out, 0, sizeof(*out));
	if (r->type == DNS_TYPE_A && r->rdlen == 4) {
		v4->sin_family = AF_INET;
		memcpy(&v4->sin_addr, m->data + r->rdata, 4);
		out->len = sizeof(*v4);
	} else if (r->type == DNS_TYPE_AAAA && r->rdlen == 16) {
		v6->sin6_family = AF_INET6;
		memcpy(&v6->sin6_addr, m->data + r->rdata, 16);
		out->len = sizeof(*v6);
	}
	return out->len;
}

/* asked: the zone whose server speaks; it has no say about names elsewhere. IPv4 goes first, as
 * not every node has IPv6. */
static void take_glue(struct sonde_probe *p, const struct dns_message *m,
                      const struct dns_name *asked)
{
	struct dns_trace *t = trace_of(p);
	struct dns_cursor c;
	struct dns_record r;
	struct dns_name owner;
	struct sonde_addr addr;

	dns_records_begin(m, &c);
	while (dns_records_next(m, &c, &r)) {
		if (r.section != DNS_ADDITIONAL || r.class != 1 || !read_glue(m, &r, &addr) ||
		    !dns_name_read(m->data, m->len, r.owner, &owner, NULL))
			continue;
		struct server *s = server_of(t, &owner);
		if (!s || !dns_name_within(&owner, asked) || wrong_family(p, &addr) ||
		    (s->has_addr && (s->addr.sa.ss_family == AF_INET || r.type != DNS_TYPE_A)))
			continue;
		s->addr = addr;
		s->has_addr = true;
	}
}

static void prefer_known(struct sonde_probe *p)
{
	struct dns_trace *t = trace_of(p);
	unsigned known = 0;

	/* Any of them serves; asking always the first would tell about one only. */
	for (unsigned i = t->count; i > 1; i--) {
		unsigned j = (unsigned)(p->host->random(p) % i);
		struct server swap = t->servers[i - 1];
		t->servers[i - 1] = t->servers[j];
		t->servers[j] = swap;
	}
	for (unsigned i = 0; i < t->count; i++) {
		if (!t->servers[i].has_addr)
			continue;
		struct server swap = t->servers[known];
		t->servers[known++] = t->servers[i];
		t->servers[i] = swap;
	}
}

static bool descend(struct sonde_probe *p, const struct dns_message *m)
{
	struct dns_trace *t = trace_of(p);
	struct dns_name zone, asked = t->finding_roots ? root : t->zone;

	if (!take_servers(p, m, &zone))
		return false;
	take_glue(p, m, &asked);
	prefer_known(p);
	t->finding_roots = false;
	enter_zone(t, &zone);
	return true;
}

static bool is_refusal(const struct dns_message *m)
{
	return m->rcode && m->rcode != 3; /* neither NOERROR nor NXDOMAIN */
}

static bool is_final(const struct dns_message *m)
{
	return m->rcode == 3 || (!m->rcode && (m->counts[DNS_ANSWER] || (m->flags & DNS_AA)));
}

void dns_trace_answered(struct sonde_probe *p, const struct dns_message *m)
{
	struct dns_trace *t = trace_of(p);
	char why[DNS_WHY], text[SONDE_ADDRESS_TEXT];
	bool finding_roots = t->finding_roots;

	dns_report_hop(p, m, finding_roots ? "" : t->asked);
	if (!finding_roots && is_final(m)) {
		end(p, SONDE_FAIL_NONE, NULL);
		return;
	}
	if (!is_refusal(m) && descend(p, m)) {
		if (t->steps > STEPS_MAX)
			end(p, SONDE_FAIL_PROTOCOL, "too many delegations");
		else
			try_later(p);
		return;
	}
	if (finding_roots) {
		end(p, SONDE_FAIL_PROTOCOL, "the resolver names no root servers");
		return;
	}
	snprintf(why, sizeof(why), "%s is lame: it neither answers nor names servers nearer",
	         sonde_address_text(&dns_state_of(p)->ask.to, text));
	sonde_say(p, ";; %s\n", why);
	failed(p, SONDE_FAIL_PROTOCOL, why);
	try_later(p);
}
