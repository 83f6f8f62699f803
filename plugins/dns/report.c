/* SPDX-License-Identifier: Apache-2.0 */
/* What a dns probe tells: the result's fields, and the text as dig prints it, which people paste
 * into tickets. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "dns.h"
#include "record.h"

#define MS(ns) ((double)(ns) / 1e6)

static const char hidden_address[] = "x.x.x.x";

const char *dns_server_text(const struct sonde_probe *p, char out[SONDE_ADDRESS_TEXT])
{
	const struct dns_state *s = p->state;

	return s->hidden ? hidden_address : sonde_address_text(&s->ask.to, out);
}

void dns_print_head(struct sonde_probe *p)
{
	const struct dns_args *a = p->args;
	const struct dns_state *s = p->state;
	char type[16];
	bool named = a->resolver && *a->resolver && (s->addr_count || !a->trace);

	sonde_say(p, "\n; <<>> sonde dns <<>> %s %s%s%.255s%s\n", p->target,
	          dns_type_text(dns_type_number(a), type), named ? " @" : "",
	          named ? a->resolver : "", a->trace ? " +trace" : "");
}

void dns_print_error(struct sonde_probe *p, const char *why)
{
	const struct dns_state *s = p->state;
	char text[SONDE_ADDRESS_TEXT];
	const struct sockaddr_storage *sa = &s->ask.to.sa;
	unsigned port = ntohs(sa->ss_family == AF_INET
	                              ? ((const struct sockaddr_in *)sa)->sin_port
	                              : ((const struct sockaddr_in6 *)sa)->sin6_port);

	const char *server = dns_server_text(p, text);
	size_t n = strlen(server);
	if (!strncmp(why, server, n) && why[n] == ':' && why[n + 1] == ' ')
		why += n + 2;
	sonde_say(p, ";; communications error to %s#%u: %.240s\n", server, port, why);
}

/* The server as the user knows it. */
static const char *resolver_text(const struct sonde_probe *p, char out[SONDE_ADDRESS_TEXT])
{
	const struct dns_args *a = p->args;
	const struct dns_state *s = p->state;

	if (!s->own && a->resolver && *a->resolver)
		return a->resolver;
	return s->hidden ? "private" : sonde_address_text(&s->ask.to, out);
}

static void put_string(struct sonde_probe *p, const char *key, const char *text)
{
	if (text)
		p->host->put_text(p, key, text, strlen(text));
	else
		p->host->put_null(p, key);
}

static void put_ms(struct sonde_probe *p, const char *key, int64_t ns)
{
	if (ns > 0)
		p->host->put_number(p, key, MS(ns), 3);
	else
		p->host->put_null(p, key);
}

/* ---- times ---- */

struct phases {
	int64_t connect, tls, query, total; /* ns, 0 = there was none */
	int kernel;
};

static struct phases phases_of(const struct dns_ask *a)
{
	struct phases t = { .query = dns_ask_took(a, &t.kernel) };

	if (a->connected)
		t.connect = a->connect_rtt ? a->connect_rtt : a->connected - a->started;
	if (a->secured)
		t.tls = a->secured - a->connected;
	t.total = a->before + t.connect + t.tls + t.query;
	return t;
}

static void put_timings(struct sonde_probe *p, const struct phases *t)
{
	p->host->open(p, "timings", '{');
	put_ms(p, "total", t ? t->total : 0);
	put_ms(p, "resolve", dns_state_of(p)->resolve_ns);
	put_ms(p, "connect", t ? t->connect : 0);
	put_ms(p, "tls", t ? t->tls : 0);
	put_ms(p, "query", t ? t->query : 0);
	p->host->close(p);
}

/* ---- the answer ---- */

static const char *flags_text(unsigned flags, char out[32])
{
	static const struct {
		unsigned bit;
		char name[4];
	} rows[] = { { DNS_QR, " qr" }, { DNS_AA, " aa" }, { DNS_TC, " tc" }, { DNS_RD, " rd" },
		     { DNS_RA, " ra" }, { DNS_AD, " ad" }, { DNS_CD, " cd" } };
	size_t n = 0;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (flags & rows[i].bit) {
			memcpy(out + n, rows[i].name, 3);
			n += 3;
		}
	out[n] = '\0';
	return n ? out + 1 : out;
}

static void put_status(struct sonde_probe *p, const struct dns_message *m)
{
	char text[16];

	p->host->put_int(p, "statusCode", m->rcode);
	put_string(p, "statusCodeName", dns_rcode_text(m->rcode, text));
}

static void print_counts(struct dns_page *g, const struct dns_message *m)
{
	char text[16], flags[32];

	dns_page_putf(g, ";; Got answer:\n;; ->>HEADER<<- opcode: QUERY, status: %s, id: %u\n"
	                 ";; flags: %s; QUERY: %u, ANSWER: %u, AUTHORITY: %u, ADDITIONAL: %u\n",
	              dns_rcode_text(m->rcode, text), m->id, flags_text(m->flags, flags),
	              m->counts[DNS_QUESTION], m->counts[DNS_ANSWER], m->counts[DNS_AUTHORITY],
	              m->counts[DNS_ADDITIONAL]);
	if ((m->flags & DNS_RD) && !(m->flags & DNS_RA))
		dns_page_putf(g, ";; WARNING: recursion requested but not available\n");
	dns_page_put(g, "\n", 1);
}

static void print_question(struct dns_page *g, const struct dns_message *m)
{
	char text[DNS_NAME_TEXT], type[16], class[16];
	struct dns_name name;
	size_t end, column;

	if (!m->counts[DNS_QUESTION] ||
	    !dns_name_read(m->data, m->len, m->question, &name, &end))
		return;
	const uint8_t *q = m->data + end;
	column = dns_name_text(&name, text);
	dns_page_putf(g, ";; QUESTION SECTION:\n;");
	dns_page_put(g, text, column);
	dns_page_pad(g, &column, 32);
	const char *class_name = dns_class_text((unsigned)q[2] << 8 | q[3], class);
	dns_page_put(g, class_name, strlen(class_name));
	column += strlen(class_name);
	dns_page_pad(g, &column, 40);
	dns_page_putf(g, "%s\n\n", dns_type_text((unsigned)q[0] << 8 | q[1], type));
}

static void put_section(struct dns_page *g, const struct dns_message *m, enum dns_section section)
{
	static const struct {
		const char *key, *title;
	} rows[] = {
		[DNS_ANSWER] = { "answers", ";; ANSWER SECTION:\n" },
		[DNS_AUTHORITY] = { "authorities", ";; AUTHORITY SECTION:\n" },
		[DNS_ADDITIONAL] = { "additionals", ";; ADDITIONAL SECTION:\n" },
	};
	unsigned shown = m->counts[section] - (section == DNS_ADDITIONAL && m->edns.present);

	if (shown)
		dns_page_put(g, rows[section].title, strlen(rows[section].title));
	g->p->host->open(g->p, rows[section].key, '[');
	if (shown)
		dns_rows_put(g, m, section);
	g->p->host->close(g->p);
	if (shown)
		dns_page_put(g, "\n", 1);
}

/* ---- the result ---- */

static void put_server(struct sonde_probe *p)
{
	char text[SONDE_ADDRESS_TEXT];
	const struct dns_state *s = p->state;

	put_string(p, "resolver", resolver_text(p, text));
	put_string(p, "resolvedAddress", s->hidden ? NULL : sonde_address_text(&s->ask.to, text));
}

static void put_tls(struct sonde_probe *p)
{
	const struct dns_tls_facts *t = &dns_state_of(p)->ask.tls;

	if (!t->version) {
		p->host->put_null(p, "tls");
		return;
	}
	p->host->open(p, "tls", '{');
	p->host->put_bool(p, "authorized", !t->error);
	put_string(p, "error", t->error);
	put_string(p, "protocol", t->version);
	put_string(p, "cipherName", t->cipher);
	p->host->close(p);
}

static void put_exchange(struct sonde_probe *p)
{
	static const char *const protocols[] = { "UDP", "TCP", "DOT", "DOH" };
	const struct dns_ask *a = &dns_state_of(p)->ask;

	put_string(p, "protocol", protocols[a->protocol]);
	if (a->tried)
		p->host->put_int(p, "tries", a->tried);
	else
		p->host->put_null(p, "tries");
	p->host->put_bool(p, "truncated", a->truncated);
	p->host->put_int(p, "ignored", a->ignored);
	put_tls(p);
}

static void print_foot(struct dns_page *g, const struct phases *t, size_t size)
{
	static const char *const protocols[] = { "UDP", "TCP", "TLS", "HTTPS" };
	const struct dns_args *a = g->p->args;
	const struct dns_state *s = g->p->state;
	char text[SONDE_ADDRESS_TEXT], named[SONDE_ADDRESS_TEXT], when[64];
	const char *name = s->hidden ? hidden_address : resolver_text(g->p, named);
	time_t now = time(NULL);
	struct tm tm;

	if (!gmtime_r(&now, &tm) || !strftime(when, sizeof(when), "%a %b %d %H:%M:%S UTC %Y", &tm))
		*when = '\0';
	dns_page_putf(g, ";; Query time: %lld msec\n;; SERVER: %s#%u(%s) (%s)\n;; WHEN: %s\n"
	                 ";; MSG SIZE  rcvd: %zu\n\n",
	              (long long)(t->query / 1000000), dns_server_text(g->p, text), dns_port(a), name,
	              protocols[s->ask.protocol], when, size);
}

void dns_report_cut(struct sonde_probe *p)
{
	if (dns_state_of(p)->cut)
		p->host->put_bool(p, "cut", 1);
}

void dns_report_answer(struct sonde_probe *p, const struct dns_message *m)
{
	struct dns_page g;
	char flags[32];
	struct phases t = phases_of(&dns_state_of(p)->ask);

	dns_page_init(&g, p);
	put_status(p, m);
	put_server(p);
	put_string(p, "flags", flags_text(m->flags, flags));
	print_counts(&g, m);
	dns_edns_put(&g, m);
	print_question(&g, m);
	for (enum dns_section i = DNS_ANSWER; i <= DNS_ADDITIONAL; i++)
		put_section(&g, m, i);
	dns_report_cut(p);
	put_timings(p, &t);
	put_string(p, "timestamps", t.kernel ? "kernel" : "host");
	p->host->put_int(p, "size", (int64_t)m->len);
	put_exchange(p);
	print_foot(&g, &t, m->len);
	dns_page_flush(&g);
}

void dns_report_nothing(struct sonde_probe *p)
{
	p->host->put_null(p, "statusCode");
	p->host->put_null(p, "statusCodeName");
	put_server(p);
	p->host->open(p, "answers", '[');
	p->host->close(p);
	put_timings(p, NULL);
	put_exchange(p);
	sonde_say(p, ";; no servers could be reached\n\n");
}

void dns_report_hop(struct sonde_probe *p, const struct dns_message *m, const char *server)
{
	const struct sonde_host *h = p->host;
	const struct dns_state *s = p->state;
	struct phases t = phases_of(&s->ask);
	char text[SONDE_ADDRESS_TEXT], named[SONDE_ADDRESS_TEXT];
	const char *name = *server ? server : resolver_text(p, named);
	struct dns_page g;

	dns_page_init(&g, p);
	h->open(p, NULL, '{');
	put_string(p, "resolver", name);
	put_string(p, "resolvedAddress", s->hidden ? NULL : sonde_address_text(&s->ask.to, text));
	put_status(p, m);
	h->open(p, "answers", '[');
	dns_rows_put(&g, m, DNS_ANSWER);
	dns_rows_put(&g, m, DNS_AUTHORITY);
	h->close(p);
	h->open(p, "timings", '{');
	put_ms(p, "total", t.total);
	h->close(p);
	h->close(p);
	dns_page_putf(&g, ";; Received %zu bytes from %s#%u(%s) in %lld ms\n\n", m->len,
	              dns_server_text(p, text), dns_port(p->args),
	              s->hidden && !*server ? hidden_address : name, (long long)(t.total / 1000000));
	dns_page_flush(&g);
}
