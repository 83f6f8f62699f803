/* SPDX-License-Identifier: Apache-2.0 */
/* Which versions, and which ciphers of each, the peer takes: a version's line offers that version
 * alone with all ciphers, then again without the cipher that was chosen, until the peer refuses.
 * Lines run side by side, each with one connection at a time. A library that cannot offer a version
 * leaves it unknown. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cert/trust.h"
#include "tls/tls.h"

#define WAIT_NS INT64_C(3000000000)

const struct tls_version tls_versions[TLS_VERSIONS] = {
	{ TLS1_VERSION, "TLSv1" },
	{ TLS1_1_VERSION, "TLSv1.1" },
	{ TLS1_2_VERSION, "TLSv1.2" },
	{ TLS1_3_VERSION, "TLSv1.3" },
};

#define SUITES \
	"TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:" \
	"TLS_AES_128_CCM_SHA256:TLS_AES_128_CCM_8_SHA256"

/* Takes NAME out of a list "A:B:C". */
static void list_drop(char *list, const char *name)
{
	size_t n = strlen(name);

	for (char *at = list; *at;) {
		size_t len = strcspn(at, ":");
		char *next = at + len + (at[len] == ':');
		if (len == n && !memcmp(at, name, n)) {
			memmove(at, next, strlen(next) + 1);
			break;
		}
		at = next;
	}
	size_t len = strlen(list);
	if (len && list[len - 1] == ':')
		list[len - 1] = '\0';
}

static struct tls_line *line_of(struct tls_try *t)
{
	return (struct tls_line *)((char *)t - offsetof(struct tls_line, attempt));
}

static int version_of(struct tls_state *s, const struct tls_line *line)
{
	return (int)(line - s->lines);
}

static int offer(struct sonde_probe *p, SSL *ssl, void *arg)
{
	struct tls_state *s = p->state;
	struct tls_line *line = arg;
	const struct tls_version *v = &tls_versions[version_of(s, line)];

	SSL_set_security_level(ssl, 0);
	if (!SSL_set_min_proto_version(ssl, v->number) || !SSL_set_max_proto_version(ssl, v->number))
		return -1;
	if (!(v->number == TLS1_3_VERSION ? SSL_set_ciphersuites(ssl, line->left)
	                                  : SSL_set_cipher_list(ssl, line->left)))
		return -1;
	return *s->server_name ? !SSL_set_tlsext_host_name(ssl, s->server_name) : 0;
}

/* Every cipher that this library has for versions before 1.3. */
static void list_all(char *out, size_t size)
{
	SSL *ssl = SSL_new(cert_trust_context());
	size_t at = 0;

	out[0] = '\0';
	if (!ssl)
		return;
	SSL_set_security_level(ssl, 0);
	STACK_OF(SSL_CIPHER) *list =
		SSL_set_cipher_list(ssl, "ALL:COMPLEMENTOFALL:!PSK:!SRP") ? SSL_get_ciphers(ssl) : NULL;
	for (int i = 0; list && i < sk_SSL_CIPHER_num(list); i++) {
		const SSL_CIPHER *c = sk_SSL_CIPHER_value(list, i);
		const char *name = SSL_CIPHER_get_name(c);
		size_t n = strlen(name);
		if (!strcmp(SSL_CIPHER_get_version(c), "TLSv1.3") || at + n + 2 > size)
			continue;
		at += (size_t)snprintf(out + at, size - at, "%s%s", at ? ":" : "", name);
	}
	SSL_free(ssl);
}

static void end_line(struct sonde_probe *, struct tls_line *);
static tls_over_fn on_over;

static void next_in_line(struct sonde_probe *p, struct tls_line *line)
{
	if (tls_try_start(p, &line->attempt, WAIT_NS, offer, line, on_over))
		end_line(p, line);
}

/* Keeps the cipher; true when the line has more to ask. */
static bool take_cipher(struct sonde_probe *p, struct tls_line *line)
{
	struct tls_state *s = p->state;
	const struct tls_args *a = p->args;
	const char *name = SSL_get_cipher_name(line->attempt.ssl);

	line->offered = TLS_UP;
	if (!a->ciphers || s->cipher_count == TLS_CIPHERS_MAX)
		return false;
	struct tls_cipher *c = &s->ciphers[s->cipher_count++];
	c->version = version_of(s, line);
	snprintf(c->name, sizeof(c->name), "%s", name);
	line->count++;
	size_t before = strlen(line->left);
	list_drop(line->left, name);
	line->complete = !*line->left;
	/* A peer that chose what was not offered would go on for ever. */
	return *line->left && strlen(line->left) < before;
}

static void on_over(struct sonde_probe *p, struct tls_try *t)
{
	struct tls_line *line = line_of(t);
	bool more = t->outcome == TLS_UP && take_cipher(p, line);

	if (t->outcome == TLS_REFUSED) {
		line->complete = line->count > 0;
		if (line->offered != TLS_UP)
			line->offered = TLS_REFUSED;
	}
	tls_try_stop(p, t);
	if (more)
		next_in_line(p, line);
	else
		end_line(p, line);
}

static void end_line(struct sonde_probe *p, struct tls_line *line)
{
	struct tls_state *s = p->state;

	tls_try_stop(p, &line->attempt);
	line->over = true;
	for (unsigned i = 0; i < TLS_VERSIONS; i++)
		if (!s->lines[i].over)
			return;
	s->offers_over(p);
}

void tls_offers_start(struct sonde_probe *p, void (*over)(struct sonde_probe *))
{
	const struct tls_args *a = p->args;
	struct tls_state *s = p->state;

	s->offers_over = over;
	if (!a->versions && !a->ciphers) {
		over(p);
		return;
	}
	for (unsigned i = 0; i < TLS_VERSIONS; i++) {
		struct tls_line *line = &s->lines[i];
		if (tls_versions[i].number == TLS1_3_VERSION)
			snprintf(line->left, sizeof(line->left), "%s", SUITES);
		else
			list_all(line->left, sizeof(line->left));
	}
	for (unsigned i = 0; i < TLS_VERSIONS; i++)
		next_in_line(p, &s->lines[i]);
}

void tls_offers_stop(struct sonde_probe *p)
{
	struct tls_state *s = p->state;

	for (unsigned i = 0; i < TLS_VERSIONS; i++)
		tls_try_stop(p, &s->lines[i].attempt);
}
