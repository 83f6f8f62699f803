/* SPDX-License-Identifier: Apache-2.0 */
/* The rules: a list of prefixes sorted so that the first match decides (longest first; at equal
 * length the operator's deny, the operator's allow, then the built-in rule). An IPv6 address that
 * carries an IPv4 address must be allowed as both. The guard owns the list and does not change
 * once it is in use, so that threads may share it. */
#include "guard/guard.h"

#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* IANA's special-purpose registries, multicast, and what is not global unicast. */
static const char *const refused[] = {
	"0.0.0.0/8",       /* this network */
	"10.0.0.0/8",      /* private */
	"100.64.0.0/10",   /* carrier-grade NAT */
	"127.0.0.0/8",     /* loopback */
	"169.254.0.0/16",  /* link-local, cloud metadata */
	"172.16.0.0/12",   /* private */
	"192.0.0.0/24",    /* protocol assignments */
	"192.0.2.0/24",    /* documentation */
	"192.31.196.0/24", /* AS112 */
	"192.52.193.0/24", /* AMT */
	"192.88.99.0/24",  /* 6to4 relay anycast */
	"192.168.0.0/16",  /* private */
	"192.175.48.0/24", /* AS112 */
	"198.18.0.0/15",   /* benchmarking */
	"198.51.100.0/24", /* documentation */
	"203.0.113.0/24",  /* documentation */
	"224.0.0.0/4",     /* multicast */
	"240.0.0.0/4",     /* reserved */
	"255.255.255.255/32",
	"::/0",  /* all that is not global unicast */
	"::/96", /* IPv4-compatible */
	"::/128",
	"::1/128",
	"::ffff:0:0/96",     /* IPv4-mapped */
	"::ffff:0:0:0/96",   /* IPv4-translated */
	"64:ff9b::/96",      /* NAT64 */
	"64:ff9b:1::/48",    /* local NAT64 */
	"100::/64",          /* discard */
	"100:0:0:1::/64",    /* dummy */
	"2001::/23",         /* protocol assignments: Teredo, benchmarking, ORCHID, AMT */
	"2001:db8::/32",     /* documentation */
	"2002::/16",         /* 6to4 */
	"2620:4f:8000::/48", /* AS112 */
	"3fff::/20",         /* documentation */
	"5f00::/16",         /* segment routing */
	"fc00::/7",          /* unique local */
	"fe80::/10",         /* link-local */
	"fec0::/10",         /* site-local */
	"ff00::/8",          /* multicast */
};
static const char global_unicast[] = "2000::/3";

/* Where an IPv6 prefix carries an IPv4 address. */
static const struct carrier {
	unsigned char prefix[12];
	unsigned bytes; /* of the prefix that count */
	unsigned at;
	unsigned char mask; /* Teredo hides the client's address by inverting it */
} carriers[] = {
	{ { 0 }, 12, 12, 0 },
	{ { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff }, 12, 12, 0 },
	{ { 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0 }, 12, 12, 0 },
	{ { 0, 0x64, 0xff, 0x9b }, 12, 12, 0 },
	{ { 0x20, 0x02 }, 2, 2, 0 },
	{ { 0x20, 0x01, 0, 0 }, 4, 4, 0 },
	{ { 0x20, 0x01, 0, 0 }, 4, 12, 0xff },
};

/* Names of private use: the last labels of a name. */
static const char *const private_names[] = {
	"alt", "arpa",  "corp",        "example",   "home",  "internal", "intranet", "invalid",
	"lan", "local", "localdomain", "localhost", "onion", "private",  "test",
};

enum rank { RANK_DENY, RANK_ALLOW, RANK_BUILT_IN };
enum { RULES_MAX = 16384 };
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct rule {
	struct sonde_prefix prefix;
	enum rank rank;
	bool allow;
};

struct sonde_guard {
	struct rule *rules;
	size_t len, cap;
	struct sonde_prefix own[SONDE_GUARD_OWN_MAX]; /* of this machine and the controller */
	unsigned own_count;
	struct sonde_guard *only; /* its rules are all that may be probed; NULL = no such list */
	bool loopback; /* names of this machine and this site are allowed */
};

static int add_rule(struct sonde_guard *g, const char *text, size_t len, enum rank rank, bool allow,
                    struct sonde_error *err)
{
	if (g->len == RULES_MAX)
		return sonde_fail(err, SONDE_EINVAL, "", "more than %d prefixes", RULES_MAX);
	if (g->len == g->cap) {
		size_t cap = g->cap ? g->cap * 2 : 128;
		struct rule *more = realloc(g->rules, cap * sizeof(*more));
		if (!more)
			return sonde_fail(err, SONDE_ENOMEM, "", "out of memory");
		g->rules = more;
		g->cap = cap;
	}
	struct rule *r = &g->rules[g->len];
	*r = (struct rule){ .rank = rank, .allow = allow };
	int rc = sonde_prefix_parse(text, len, &r->prefix, err);
	if (!rc)
		g->len++;
	return rc;
}

static int add_refused(struct sonde_guard *g, enum rank rank, bool allow, struct sonde_error *err)
{
	int rc = SONDE_OK;

	for (unsigned i = 0; i < COUNT(refused) && !rc; i++)
		rc = add_rule(g, refused[i], strlen(refused[i]), rank, allow, err);
	return rc;
}

static int add_list(struct sonde_guard *g, const char *list, enum rank rank,
                    struct sonde_error *err)
{
	static const char blanks[] = ", \t\r\n", alias[] = "private";
	bool allow = rank == RANK_ALLOW;
	int rc = SONDE_OK;

	for (list += strspn(list, blanks); *list && !rc; list += strspn(list, blanks)) {
		size_t n = strcspn(list, blanks);
		if (n == strlen(alias) && !strncasecmp(list, alias, n))
			rc = add_refused(g, rank, allow, err);
		else
			rc = add_rule(g, list, n, rank, allow, err);
		list += n;
	}
	return rc;
}

static int by_weight(const void *pa, const void *pb)
{
	const struct rule *a = pa, *b = pb;

	if (a->prefix.bits != b->prefix.bits)
		return a->prefix.bits > b->prefix.bits ? -1 : 1;
	return (int)a->rank - (int)b->rank;
}

static bool covers(const struct sonde_prefix *p, const unsigned char *addr)
{
	unsigned whole = p->bits / 8, rest = p->bits % 8;

	return !memcmp(p->addr, addr, whole) &&
	       (!rest || (p->addr[whole] ^ addr[whole]) >> (8 - rest) == 0);
}

static bool is_own(const struct sonde_guard *g, int family, const unsigned char *addr)
{
	for (unsigned i = 0; i < g->own_count; i++)
		if (g->own[i].family == family && covers(&g->own[i], addr))
			return true;
	return false;
}

static bool is_within(const struct sonde_guard *g, int family, const unsigned char *addr)
{
	if (!g->only)
		return true;
	for (size_t i = 0; i < g->only->len; i++)
		if (g->only->rules[i].prefix.family == family && covers(&g->only->rules[i].prefix, addr))
			return true;
	return false;
}

static bool rules_allow(const struct sonde_guard *g, int family, const unsigned char *addr)
{
	if (!is_within(g, family, addr))
		return false;
	for (size_t i = 0; i < g->len; i++) {
		const struct rule *r = &g->rules[i];
		if (r->prefix.family != family || !covers(&r->prefix, addr))
			continue;
		return r->allow && (r->rank == RANK_ALLOW || !is_own(g, family, addr));
	}
	/* IPv6 has a rule for everything, IPv4 none for what is public. */
	return family == AF_INET && !is_own(g, family, addr);
}

/* Local NAT64 (RFC 8215): which of RFC 6052's lengths is used there, only the site knows. What is
 * an address in any of them must be allowed; 0.0.0.0/8 is none. */
static bool local_nat64_allowed(const struct sonde_guard *g, const unsigned char addr[16])
{
	static const unsigned char prefix[] = { 0, 0x64, 0xff, 0x9b, 0, 1 };
	static const unsigned char octets[][4] = {
		{ 6, 7, 9, 10 }, { 7, 9, 10, 11 }, { 9, 10, 11, 12 }, { 12, 13, 14, 15 },
	};

	if (memcmp(addr, prefix, sizeof(prefix)))
		return true;
	for (unsigned i = 0; i < COUNT(octets); i++) {
		unsigned char inner[4];
		for (unsigned k = 0; k < 4; k++)
			inner[k] = addr[octets[i][k]];
		if (inner[0] && !rules_allow(g, AF_INET, inner))
			return false;
	}
	return true;
}

/* ISATAP (RFC 5214): an interface identifier 0000:5efe or 0200:5efe below any prefix. */
static bool isatap_allowed(const struct sonde_guard *g, const unsigned char addr[16])
{
	static const unsigned char mark[] = { 0, 0x5e, 0xfe };

	if ((addr[8] & ~2) || memcmp(addr + 9, mark, sizeof(mark)))
		return true;
	return rules_allow(g, AF_INET, addr + 12);
}

static bool carried_allowed(const struct sonde_guard *g, const unsigned char addr[16])
{
	/* "::" and "::1" are addresses of their own, not 0.0.0.0 and 0.0.0.1. */
	static const unsigned char zero[15];
	if (!memcmp(addr, zero, sizeof(zero)) && addr[15] <= 1)
		return true;
	for (unsigned i = 0; i < COUNT(carriers); i++) {
		const struct carrier *c = &carriers[i];
		unsigned char inner[4];
		if (memcmp(addr, c->prefix, c->bytes))
			continue;
		for (unsigned k = 0; k < 4; k++)
			inner[k] = addr[c->at + k] ^ c->mask;
		if (!rules_allow(g, AF_INET, inner))
			return false;
	}
	return local_nat64_allowed(g, addr) && isatap_allowed(g, addr);
}

bool sonde_guard_allows(const struct sonde_guard *g, const struct sockaddr *sa, socklen_t len)
{
	sa_family_t family;
	struct sockaddr_in sin;
	struct sockaddr_in6 sin6;

	if (len < offsetof(struct sockaddr, sa_data))
		return false;
	memcpy(&family, (const char *)sa + offsetof(struct sockaddr, sa_family), sizeof(family));
	if (family == AF_INET && len >= sizeof(sin)) {
		memcpy(&sin, sa, sizeof(sin));
		return rules_allow(g, AF_INET, (const unsigned char *)&sin.sin_addr);
	}
	if (family == AF_INET6 && len >= sizeof(sin6)) {
		memcpy(&sin6, sa, sizeof(sin6));
		return rules_allow(g, AF_INET6, sin6.sin6_addr.s6_addr) &&
		       carried_allowed(g, sin6.sin6_addr.s6_addr);
	}
	return false;
}

bool sonde_guard_allows_name(const struct sonde_guard *g, const char *name)
{
	size_t n = strlen(name);

	if (g->loopback)
		return true;
	if (n && name[n - 1] == '.')
		n--;
	size_t start = n;
	while (start && name[start - 1] != '.')
		start--;
	/* One label is a name of this site: only a search list could resolve it. */
	if (!start)
		return false;
	for (unsigned i = 0; i < COUNT(private_names); i++)
		if (strlen(private_names[i]) == n - start &&
		    !strncasecmp(name + start, private_names[i], n - start))
			return false;
	return true;
}

int sonde_guard_new(const char *allow, const char *deny, struct sonde_guard **out,
                    struct sonde_error *err)
{
	static const unsigned char local4[4] = { 127, 0, 0, 1 }, local6[16] = { [15] = 1 };
	struct sonde_guard *g = calloc(1, sizeof(*g));

	*out = NULL;
	if (!g)
		return sonde_fail(err, SONDE_ENOMEM, "", "out of memory");
	int rc = add_refused(g, RANK_BUILT_IN, false, err);
	if (!rc)
		rc = add_rule(g, global_unicast, strlen(global_unicast), RANK_BUILT_IN, true, err);
	if (!rc && allow && (rc = add_list(g, allow, RANK_ALLOW, err)))
		sonde_error_nest(err, "guard.allow", -1);
	if (!rc && deny && (rc = add_list(g, deny, RANK_DENY, err)))
		sonde_error_nest(err, "guard.deny", -1);
	if (rc) {
		sonde_guard_free(g);
		return rc;
	}
	qsort(g->rules, g->len, sizeof(*g->rules), by_weight);
	g->loopback = rules_allow(g, AF_INET, local4) || rules_allow(g, AF_INET6, local6);
	*out = g;
	return SONDE_OK;
}

int sonde_guard_only(struct sonde_guard *g, const char *list, struct sonde_error *err)
{
	g->only = calloc(1, sizeof(*g->only));
	if (!g->only)
		return sonde_fail(err, SONDE_ENOMEM, "", "out of memory");
	int rc = add_list(g->only, list, RANK_ALLOW, err);
	if (rc)
		sonde_error_nest(err, "limits.targets", -1);
	return rc;
}

int sonde_guard_refuse_own(struct sonde_guard *g, const char *list, struct sonde_error *err)
{
	static const char blanks[] = ", ";

	for (list += strspn(list, blanks); *list; list += strspn(list, blanks)) {
		size_t n = strcspn(list, blanks);
		if (g->own_count == SONDE_GUARD_OWN_MAX)
			return sonde_fail(err, SONDE_EFULL, "", "more than %d addresses of its own",
			                  SONDE_GUARD_OWN_MAX);
		int rc = sonde_prefix_parse(list, n, &g->own[g->own_count], err);
		if (rc)
			return rc;
		g->own_count++;
		list += n;
	}
	return SONDE_OK;
}

void sonde_guard_free(struct sonde_guard *g)
{
	if (!g)
		return;
	if (g->only)
		free(g->only->rules);
	free(g->only);
	free(g->rules);
	free(g);
}
