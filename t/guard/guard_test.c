/* SPDX-License-Identifier: Apache-2.0 */
/* core/guard: a table of spellings with what becomes of each, and the operator's rules. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "guard/guard.h"
#include "spellings.h"
#include "tap.h"

static struct sonde_guard *guard_of(const char *allow, const char *deny)
{
	struct sonde_error err = { "", "" };
	struct sonde_guard *g = NULL;

	if (sonde_guard_new(allow, deny, &g, &err))
		tap_fail(__FILE__, __LINE__, "%s: %s", err.path, err.text);
	return g;
}

/* 'P' the parser refuses, 'N' the name rules refuse, 'G' the guard refuses, 'A' all accept. */
static char fate(const struct sonde_guard *g, const char *text, size_t len)
{
	struct sonde_error err = { "", "" };
	struct sonde_target t;

	if (sonde_target_parse(text, len, &t, &err)) {
		EXPECT_STR(err.path, "target");
		EXPECT(err.text[0]);
		return 'P';
	}
	if (t.kind == SONDE_TARGET_NAME)
		return sonde_guard_allows_name(g, t.text) ? 'A' : 'N';
	return sonde_guard_allows(g, (const struct sockaddr *)&t.sa, t.len) ? 'A' : 'G';
}

static bool allows(const struct sonde_guard *g, const char *text)
{
	return fate(g, text, strlen(text)) == 'A';
}

static void every_spelling_meets_its_fate(void)
{
	struct sonde_guard *g = guard_of(NULL, "");
	unsigned n = sizeof(spellings) / sizeof(spellings[0]);

	EXPECT(n >= 300);
	for (unsigned i = 0; i < n; i++) {
		char got = fate(g, spellings[i].text, strlen(spellings[i].text));
		if (got != spellings[i].fate)
			tap_fail(__FILE__, __LINE__, "\"%s\" met %c, expected %c",
			         spellings[i].text, got, spellings[i].fate);
	}
	sonde_guard_free(g);
}

static void bytes_that_no_name_has(void)
{
	struct sonde_guard *g = guard_of(NULL, NULL);
	char text[400];

	for (unsigned c = 0; c < 256; c++) {
		bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
		             (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';
		int n = snprintf(text, sizeof(text), "a%cb.example.com", c ? (int)c : 'x');
		if (!c)
			text[1] = '\0';
		EXPECT_INT(fate(g, text, (size_t)n), plain ? 'A' : 'P');
	}
	EXPECT_INT(fate(g, "8.8.8.8\0", 8), 'P');
	EXPECT_INT(fate(g, "2001:4860::1\0", 13), 'P');
	memset(text, 'a', sizeof(text));
	EXPECT_INT(fate(g, text, sizeof(text)), 'P');
	text[63] = '.';
	EXPECT_INT(fate(g, text, 70), 'A');
	text[63] = 'a';
	text[64] = '.';
	EXPECT_INT(fate(g, text, 70), 'P');
	for (unsigned i = 0; i < 253; i++)
		text[i] = i % 2 ? '.' : 'a';
	EXPECT_INT(fate(g, text, 253), 'A');
	text[253] = '.';
	EXPECT_INT(fate(g, text, 254), 'A');
	text[254] = 'a';
	EXPECT_INT(fate(g, text, 255), 'P');
	sonde_guard_free(g);
}

static void targets_are_normalised(void)
{
	static const char *const table[][2] = {
		{ "EXAMPLE.com.", "example.com" },
		{ "[2001:DB8:0:0::1]", "2001:db8::1" },
		{ "2001:db8:0:0:0:0:0:1", "2001:db8::1" },
		{ "192.0.2.1", "192.0.2.1" },
		{ "XN--BCHER-KVA.example", "xn--bcher-kva.example" },
	};
	struct sonde_target t;

	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		EXPECT_INT(sonde_target_parse(table[i][0], strlen(table[i][0]), &t, NULL),
		           SONDE_OK);
		EXPECT_STR(t.text, table[i][1]);
	}
	EXPECT_INT(sonde_target_parse("192.0.2.1", 9, &t, NULL), SONDE_OK);
	EXPECT_INT(t.kind, SONDE_TARGET_IPV4);
	EXPECT_INT(t.len, sizeof(struct sockaddr_in));
	EXPECT_INT(sonde_target_parse("::1", 3, &t, NULL), SONDE_OK);
	EXPECT_INT(t.kind, SONDE_TARGET_IPV6);
	EXPECT_INT(t.len, sizeof(struct sockaddr_in6));
	EXPECT_INT(sonde_target_parse("a.b", 3, &t, NULL), SONDE_OK);
	EXPECT_INT(t.kind, SONDE_TARGET_NAME);
	EXPECT_INT(t.len, 0);
}

static void the_longest_prefix_wins(void)
{
	struct sonde_guard *g =
		guard_of("10.0.0.0/8, 10.1.2.0/24\tfd00::/8", "10.1.0.0/16 10.1.2.3,8.8.8.8");

	EXPECT(allows(g, "10.0.0.1"));
	EXPECT(!allows(g, "10.1.0.1"));
	EXPECT(allows(g, "10.1.2.4"));
	EXPECT(!allows(g, "10.1.2.3"));
	EXPECT(!allows(g, "8.8.8.8"));
	EXPECT(allows(g, "8.8.4.4"));
	EXPECT(allows(g, "fd12::1"));
	EXPECT(!allows(g, "fc12::1"));
	EXPECT(!allows(g, "127.0.0.1"));
	EXPECT(!allows(g, "localhost"));
	sonde_guard_free(g);
}

static void deny_wins_at_equal_length(void)
{
	struct sonde_guard *g = guard_of("10.0.0.0/8", "10.0.0.0/8");
	EXPECT(!allows(g, "10.0.0.1"));
	sonde_guard_free(g);
	/* The whole internet is shorter than every block in it. */
	g = guard_of("0.0.0.0/0,::/0", NULL);
	EXPECT(!allows(g, "10.0.0.1"));
	EXPECT(!allows(g, "127.0.0.1"));
	EXPECT(!allows(g, "fd00::1"));
	EXPECT(!allows(g, "fe80::1"));
	EXPECT(!allows(g, "::1"));
	EXPECT(allows(g, "8.8.8.8"));
	sonde_guard_free(g);
	g = guard_of(NULL, "0.0.0.0/0 ::/0 2000::/3");
	EXPECT(!allows(g, "8.8.8.8"));
	EXPECT(!allows(g, "2606:4700::1"));
	sonde_guard_free(g);
}

static void private_opens_and_deny_closes_again(void)
{
	struct sonde_guard *g = guard_of("private", NULL);
	EXPECT(allows(g, "127.0.0.1"));
	EXPECT(allows(g, "::1"));
	EXPECT(allows(g, "10.0.0.1"));
	EXPECT(allows(g, "fd00::1"));
	EXPECT(allows(g, "localhost"));
	EXPECT(allows(g, "web.lan"));
	EXPECT(!allows(g, "0x7f.1"));
	sonde_guard_free(g);
	g = guard_of("Private", "169.254.0.0/16");
	EXPECT(!allows(g, "169.254.169.254"));
	EXPECT(!allows(g, "::ffff:169.254.169.254"));
	EXPECT(allows(g, "::ffff:10.0.0.1"));
	sonde_guard_free(g);
}

static void carried_addresses_are_checked_too(void)
{
	static const char *const inside[] = {
		"::ffff:10.0.0.1",         "::10.0.0.1",
		"::ffff:0:10.0.0.1",       "64:ff9b::10.0.0.1",
		"64:ff9b:1::10.0.0.1",     "2002:a00:1::1",
		"2001:0:a00:1::f7f7:f7f7", "2001:0:808:808::f5ff:fffe",
		/* RFC 6052 with 48, 56, 64 bits of prefix, also with something behind. */
		"64:ff9b:1:a00:0:100::",   "64:ff9b:1:a00:0:1ff:ffff:ffff",
		"64:ff9b:1:c0a8:1:100::",  "64:ff9b:1:7f:0:1::",
		"64:ff9b:1:a9:fe:a9fe::",  "64:ff9b:1:1:a:0:100:0",
		/* ISATAP */
		"2a00:1450::5efe:10.0.0.1", "2a00:1450::200:5efe:127.0.0.1",
		"2a00:1450:1:2:0:5efe:a9fe:a9fe", "2600::5efe:192.168.1.1",
	};
	static const char *const outside[] = {
		"::ffff:8.8.8.8",
		"::8.8.8.8",
		"64:ff9b::8.8.8.8",
		"2002:808:808::1",
		"2001:0:808:808::f7f7:f7f7",
		"64:ff9b:1::8.8.8.8",
		"64:ff9b:1:808:8:800::",
		"2a00:1450::5efe:8.8.8.8",
		"2a00:1450::5eff:10.0.0.1",
		"2a00:1450::100:5efe:10.0.0.1",
	};
	const char *open =
		"::/96 ::ffff:0:0/96 ::ffff:0:0:0/96 64:ff9b::/96 64:ff9b:1::/48 2002::/16 "
		"2001::/23";
	struct sonde_guard *g = guard_of(open, NULL);

	for (unsigned i = 0; i < sizeof(inside) / sizeof(inside[0]); i++)
		if (allows(g, inside[i]))
			tap_fail(__FILE__, __LINE__, "%s was allowed", inside[i]);
	for (unsigned i = 0; i < sizeof(outside) / sizeof(outside[0]); i++)
		if (!allows(g, outside[i]))
			tap_fail(__FILE__, __LINE__, "%s was refused", outside[i]);
	sonde_guard_free(g);
}

static void own_addresses_need_to_be_allowed(void)
{
	static const char own[] = "8.8.4.4,2606:4700::1, 9.9.9.9";
	struct sonde_error err = { "", "" };
	char list[SONDE_GUARD_OWN_TEXT] = "";
	struct sonde_guard *g = guard_of(NULL, NULL);

	EXPECT(allows(g, "8.8.4.4"));
	EXPECT_INT(sonde_guard_refuse_own(g, own, &err), SONDE_OK);
	EXPECT(!allows(g, "8.8.4.4"));
	EXPECT(!allows(g, "9.9.9.9"));
	EXPECT(!allows(g, "2606:4700::1"));
	EXPECT(!allows(g, "2606:4700::5efe:8.8.4.4"));
	EXPECT(allows(g, "8.8.8.8"));
	EXPECT_INT(sonde_guard_refuse_own(g, "8.8.8", &err), SONDE_EINVAL);
	sonde_guard_free(g);
	g = guard_of("8.8.0.0/16", "8.8.4.5");
	EXPECT_INT(sonde_guard_refuse_own(g, own, &err), SONDE_OK);
	EXPECT(allows(g, "8.8.4.4"));
	EXPECT(!allows(g, "8.8.4.5"));
	EXPECT(!allows(g, "9.9.9.9"));
	EXPECT(!allows(g, "2606:4700::1"));
	sonde_guard_free(g);
	EXPECT(sonde_guard_own_add(list, "192.0.2.1"));
	EXPECT(sonde_guard_own_add(list, "2001:DB8:0::1"));
	EXPECT(!sonde_guard_own_add(list, "192.0.2.1"));
	EXPECT(!sonde_guard_own_add(list, "example.com"));
	EXPECT(!sonde_guard_own_add(list, "192.0.2.0/24"));
	EXPECT_STR(list, "192.0.2.1,2001:db8::1");
	sonde_guard_own_addresses(list);
	EXPECT(!strstr(list, "127.0.0.1"));
}

static void one_loopback_address_opens_its_name(void)
{
	struct sonde_guard *g = guard_of("127.0.0.1", NULL);
	EXPECT(allows(g, "localhost"));
	EXPECT(allows(g, "127.0.0.1"));
	EXPECT(!allows(g, "127.0.0.2"));
	EXPECT(!allows(g, "::1"));
	sonde_guard_free(g);
	g = guard_of("::1", NULL);
	EXPECT(allows(g, "localhost"));
	EXPECT(allows(g, "::1"));
	sonde_guard_free(g);
}

static void other_families_and_short_addresses_are_refused(void)
{
	struct sonde_guard *g = guard_of("private 0.0.0.0/0", NULL);
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x08080808) };
	struct sockaddr_storage ss = { .ss_family = AF_UNIX };

	EXPECT(sonde_guard_allows(g, (struct sockaddr *)&sin, sizeof(sin)));
	EXPECT(!sonde_guard_allows(g, (struct sockaddr *)&sin, sizeof(sin) - 1));
	EXPECT(!sonde_guard_allows(g, (struct sockaddr *)&sin, 1));
	EXPECT(!sonde_guard_allows(g, (struct sockaddr *)&sin, 0));
	EXPECT(!sonde_guard_allows(g, (struct sockaddr *)&ss, sizeof(ss)));
	ss.ss_family = AF_UNSPEC;
	EXPECT(!sonde_guard_allows(g, (struct sockaddr *)&ss, sizeof(ss)));
	ss.ss_family = AF_INET6;
	EXPECT(!sonde_guard_allows(g, (struct sockaddr *)&ss, sizeof(struct sockaddr_in6) - 1));
	sonde_guard_free(g);
}

static void prefixes_have_one_spelling(void)
{
	static const char *const good[] = {
		"0.0.0.0/0",     "10.0.0.0/8", "192.0.2.1", "192.0.2.1/32",        "::/0",
		"2001:db8::/32", "::1",        "fe80::/10", "2001:db8::8000:0/97",
	};
	static const char *const bad[] = {
		"",
		"/",
		"/8",
		"10.0.0.0/",
		"10.0.0.0/33",
		"10.0.0.0/08",
		"10.0.0.0/-1",
		"10.0.0.0/+8",
		"10.0.0.0/8 ",
		" 10.0.0.0/8",
		"10.0.0.0/8/8",
		"10.0.0.1/8",
		"10/8",
		"10.0.0/8",
		"010.0.0.0/8",
		"0xa.0.0.0/8",
		"167772160/8",
		"::/129",
		"2001:db8::1/32",
		"[::1]",
		"[::]/0",
		"fe80::%lo/10",
		"example.com",
		"10.0.0.0/1e1",
		"10.0.0.0/255.0.0.0",
		"10.0.0.0/0x8",
		"10.0.0.0/1000",
		"1.2.3.4.5/8",
		"::ffff:1.2.3/96",
	};
	struct sonde_error err;
	struct sonde_prefix p;

	for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (sonde_prefix_parse(good[i], strlen(good[i]), &p, &err))
			tap_fail(__FILE__, __LINE__, "%s was refused: %s", good[i], err.text);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (!sonde_prefix_parse(bad[i], strlen(bad[i]), &p, &err))
			tap_fail(__FILE__, __LINE__, "%s was taken", bad[i]);
	EXPECT_INT(sonde_prefix_parse("2001:db8::/32", 13, &p, &err), SONDE_OK);
	EXPECT_INT(p.family, AF_INET6);
	EXPECT_INT(p.bits, 32);
	EXPECT_INT(p.addr[1], 1);
}

static void a_bad_list_names_its_entry(void)
{
	struct sonde_guard *g = NULL;
	struct sonde_error err;

	EXPECT_INT(sonde_guard_new("10.0.0.0/8, ten", NULL, &g, &err), SONDE_EINVAL);
	EXPECT(!g);
	EXPECT_STR(err.path, "guard.allow");
	EXPECT_STR(err.text, "\"ten\" is not an address or a prefix");
	EXPECT_INT(sonde_guard_new(" ,", "10.0.0.1/8", &g, &err), SONDE_EINVAL);
	EXPECT_STR(err.path, "guard.deny");
	char *many = malloc(20000 * 8 + 1);
	for (unsigned i = 0; i < 20000; i++)
		memcpy(many + i * 8, "9.9.9.9 ", 9);
	EXPECT_INT(sonde_guard_new(NULL, many, &g, &err), SONDE_EINVAL);
	free(many);
}

TAP_MAIN(CASE(every_spelling_meets_its_fate), CASE(bytes_that_no_name_has),
         CASE(targets_are_normalised), CASE(the_longest_prefix_wins),
         CASE(deny_wins_at_equal_length), CASE(private_opens_and_deny_closes_again),
         CASE(carried_addresses_are_checked_too), CASE(own_addresses_need_to_be_allowed), CASE(one_loopback_address_opens_its_name),
         CASE(other_families_and_short_addresses_are_refused), CASE(prefixes_have_one_spelling),
         CASE(a_bad_list_names_its_entry))
