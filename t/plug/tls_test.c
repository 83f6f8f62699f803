/* SPDX-License-Identifier: Apache-2.0 */
/* The tls plugin as it is built, against servers on loopback, and its pure parts. */
#include <arpa/inet.h>
#include <jansson.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "plug/fakehost.h"
#include "tap.h"

enum server { SERVES_TLS, SERVES_TLS12, SAYS_RUBBISH, IS_SILENT, CLOSES };

static void set_certificate(SSL_CTX *c)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	X509_NAME *n = X509_get_subject_name(x);

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 77);
	X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_ASC, (const unsigned char *)"old.test", -1, -1, 0);
	X509_set_issuer_name(x, n);
	X509_gmtime_adj(X509_getm_notBefore(x), -20 * 86400);
	X509_gmtime_adj(X509_getm_notAfter(x), -10 * 86400);
	X509_set_pubkey(x, key);
	X509_sign(x, key, EVP_sha256());
	SSL_CTX_use_certificate(c, x);
	SSL_CTX_use_PrivateKey(c, key);
	X509_free(x);
	EVP_PKEY_free(key);
}

static int choose_h2(SSL *ssl, const unsigned char **out, unsigned char *n, const unsigned char *in,
                     unsigned in_len, void *arg)
{
	*out = (const unsigned char *)"h2";
	*n = 2;
	return SSL_TLSEXT_ERR_OK;
}

static void speak(int fd, enum server what, SSL_CTX *c)
{
	char byte;

	if (what == SAYS_RUBBISH && write(fd, "220 hello there\r\n", 17) < 0)
		_exit(1);
	if (what == IS_SILENT)
		poll(NULL, 0, 20000);
	if (what == SERVES_TLS || what == SERVES_TLS12) {
		SSL *ssl = SSL_new(c);
		SSL_set_fd(ssl, fd);
		if (SSL_accept(ssl) == 1)
			SSL_read(ssl, &byte, 1);
		SSL_free(ssl);
	}
	/* What was not read would make the end a reset. */
	shutdown(fd, SHUT_WR);
	while (what == SAYS_RUBBISH && read(fd, &byte, 1) > 0)
		;
	close(fd);
}

/* Returns the port; the server ends with this process. */
static int serve(enum server what)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	int l = socket(AF_INET, SOCK_STREAM, 0);

	EXPECT(!bind(l, (struct sockaddr *)&sa, len) && !listen(l, 16) &&
	       !getsockname(l, (struct sockaddr *)&sa, &len));
	if (fork()) {
		close(l);
		return ntohs(sa.sin_port);
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	static SSL_CTX *c; /* reachable for whoever looks for leaks in the children */
	c = SSL_CTX_new(TLS_server_method());
	set_certificate(c);
	SSL_CTX_set_alpn_select_cb(c, choose_h2, NULL);
	if (what == SERVES_TLS12) {
		SSL_CTX_set_max_proto_version(c, TLS1_2_VERSION);
		SSL_CTX_set_cipher_list(c, "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384");
	}
	for (;;) {
		int fd = accept(l, NULL, NULL);
		if (!fork()) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			speak(fd, what, c);
			_exit(0);
		}
		close(fd);
	}
}

static struct fakehost *tls(int port)
{
	struct fakehost *h = fakehost_new("plugins/tls/.libs/tls.so");
	char text[16];

	/* Nobody is trusted here, and the system's bundle need not be read. */
	setenv("SSL_CERT_FILE", "/dev/null", 1);
	fakehost_timeout(h, 100000000000);
	signal(SIGPIPE, SIG_IGN);
	snprintf(text, sizeof(text), "%d", port);
	EXPECT_INT(fakehost_set(h, "port", text), 0);
	fakehost_resolve_add(h, "old.test", "127.0.0.1");
	fakehost_resolve_add(h, "new.test", "127.0.0.1");
	return h;
}

static json_t *run(struct fakehost *h, const char *target, enum sonde_failure want)
{
	EXPECT_INT(fakehost_run(h, target), 0);
	if (fakehost_failure(h) != want)
		tap_fail(__FILE__, __LINE__, "failure %d: %s", fakehost_failure(h), fakehost_why(h));
	EXPECT_STR(fakehost_broken(h), "");
	json_t *j = json_loads(fakehost_json(h), JSON_REJECT_DUPLICATES, NULL);
	EXPECT(j);
	return j;
}

static const json_t *at(const json_t *j, const char *key)
{
	return json_object_get(j, key);
}

static const char *text_at(const json_t *j, const char *key)
{
	return json_string_value(at(j, key));
}

static void facts_of_a_handshake(void)
{
	struct fakehost *h = tls(serve(SERVES_TLS));

	fakehost_set(h, "verify", "false");
	json_t *j = run(h, "old.test", SONDE_FAIL_NONE);
	EXPECT(json_is_false(at(j, "authorized")));
	EXPECT_STR(text_at(j, "protocol"), "TLSv1.3");
	EXPECT_STR(text_at(j, "alpn"), "h2");
	EXPECT_STR(text_at(j, "keyExchange"), "X25519");
	EXPECT_STR(text_at(j, "serverName"), "old.test");
	EXPECT(json_integer_value(at(j, "daysLeft")) < -9);
	const json_t *c = json_array_get(at(j, "chain"), 0);
	EXPECT_STR(text_at(c, "commonName"), "old.test");
	EXPECT_STR(text_at(c, "serialNumber"), "4D");
	EXPECT_STR(text_at(c, "curve"), "prime256v1");
	EXPECT(json_is_false(at(at(j, "ocsp"), "stapled")));
	EXPECT_INT(json_array_size(at(j, "versions")), 4);
	EXPECT(strstr(fakehost_raw(h), "New, TLSv1.3, Cipher is TLS_"));
	json_decref(j);
	fakehost_free(h);
}

static void an_old_certificate_fails(void)
{
	struct fakehost *h = tls(serve(SERVES_TLS));

	json_t *j = run(h, "old.test", SONDE_FAIL_TLS);
	EXPECT_STR(text_at(j, "error"), "CERT_HAS_EXPIRED");
	EXPECT_INT(json_array_size(at(j, "chain")), 1);
	json_decref(j);
	fakehost_set(h, "verify", "false");
	fakehost_set(h, "expect.certificateDays", "1");
	json_decref(run(h, "old.test", SONDE_FAIL_ASSERTION));
	fakehost_free(h);
}

static void ciphers_are_found(void)
{
	struct fakehost *h = tls(serve(SERVES_TLS12));

	fakehost_set(h, "verify", "false");
	fakehost_set(h, "ciphers", "true");
	json_t *j = run(h, "127.0.0.1", SONDE_FAIL_NONE);
	EXPECT_INT(json_array_size(at(j, "ciphers")), 2);
	EXPECT(json_is_true(at(j, "ciphersComplete")));
	EXPECT(json_is_null(at(j, "serverName")));
	const json_t *v = at(j, "versions");
	EXPECT(json_is_true(at(json_array_get(v, 2), "offered")));
	EXPECT(json_is_false(at(json_array_get(v, 3), "offered")));
	json_decref(j);
	fakehost_free(h);
}

static void peers_that_speak_no_tls(void)
{
	struct fakehost *h = tls(serve(SAYS_RUBBISH));
	json_t *j = run(h, "new.test", SONDE_FAIL_TLS);

	EXPECT(strstr(fakehost_why(h), "wrong version number"));
	EXPECT(json_is_null(at(j, "authorized")) && json_is_null(at(j, "protocol")));
	EXPECT_INT(json_array_size(at(j, "chain")), 0);
	json_decref(j);
	fakehost_free(h);
	h = tls(serve(CLOSES));
	json_decref(run(h, "new.test", SONDE_FAIL_TLS));
	fakehost_free(h);
}

static void silence_is_a_timeout(void)
{
	struct fakehost *h = tls(serve(IS_SILENT));

	fakehost_timeout(h, 2000000000);
	json_t *j = run(h, "new.test", SONDE_FAIL_TIMEOUT);
	EXPECT(json_is_number(at(at(j, "timings"), "tcp")));
	EXPECT(json_is_null(at(at(j, "timings"), "tls")));
	json_decref(j);
	fakehost_cancel_at(h, 50000000, SONDE_WHY_CANCELLED);
	json_decref(run(h, "new.test", SONDE_FAIL_CANCELLED));
	fakehost_free(h);
}

static void no_way_there(void)
{
	struct fakehost *h = tls(1);

	json_decref(run(h, "127.0.0.1", SONDE_FAIL_REFUSED));
	json_decref(run(h, "gone.test", SONDE_FAIL_RESOLVE));
	fakehost_refuse(h, "127.0.0.1");
	json_decref(run(h, "127.0.0.1", SONDE_FAIL_GUARD));
	fakehost_free(h);
}

static void bad_parameters_are_refused(void)
{
	static const char *const bad[][2] = {
		{ "serverName", "a b" }, { "alpn", "h2,," }, { "alpn", "," }, { "alpn", "h2," },
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct fakehost *h = tls(1);
		EXPECT_INT(fakehost_set(h, bad[i][0], bad[i][1]), 0);
		EXPECT_INT(fakehost_run(h, "127.0.0.1"), 1);
		EXPECT_STR(fakehost_error(h)->path, bad[i][0]);
		fakehost_free(h);
	}
}

TAP_MAIN(CASE(facts_of_a_handshake), CASE(an_old_certificate_fails), CASE(ciphers_are_found),
         CASE(peers_that_speak_no_tls), CASE(silence_is_a_timeout), CASE(no_way_there),
         CASE(bad_parameters_are_refused))
