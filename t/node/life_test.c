/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of what a node keeps for its life: settings and what they do to a task, the log ring, the
 * recent results, the checks of the self-test, the address of the local API. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/checks.h"
#include "node/local.h"
#include "node/machine.h"
#include "node/recent.h"
#include "node/ring.h"
#include "node/settings.h"
#include "tap.h"

static struct sonde_error error;

static const char described[] =
	"{\"plugins\":[{\"name\":\"sweep\",\"params\":[{\"name\":\"rate\",\"unit\":\"packets/s\","
	"\"default\":\"0\"},{\"name\":\"slow\",\"unit\":\"packets/s\",\"default\":\"5\"},"
	"{\"name\":\"other\"}]}]}";

static int set(struct sonde_node_settings *s, const char *path, uint64_t version, const char *text)
{
	const struct sonde_msg_config m = { version, { text, strlen(text) } };

	return sonde_node_settings_set(s, path, &m, &error);
}

static void settings_are_kept(void)
{
	char dir[] = "/tmp/sonde-life-XXXXXX", path[64];
	struct sonde_node_settings s = { 0 }, again = { 0 };
	struct stat st;

	EXPECT(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/config.json", dir);
	EXPECT_INT(sonde_node_settings_load(&s, path, &error), 0);
	EXPECT_INT(s.version, 0);
	EXPECT_INT(set(&s, path, 7, "{\"capacity\":3,\"plugins\":{\"ping\":{\"packets\":1}}}"), 0);
	EXPECT(set(&s, path, 8, "{\"capacity\":-3}") != 0);
	EXPECT(set(&s, path, 8, "{\"nosuch\":3}") != 0);
	EXPECT_INT(s.version, 7);
	EXPECT(!stat(path, &st) && (st.st_mode & 0777) == 0600);
	EXPECT_INT(sonde_node_settings_load(&again, path, &error), 0);
	EXPECT_INT(again.version, 7);
	EXPECT_INT(again.settings.capacity, 3);
	EXPECT(json_object_get(again.plugins, "ping"));
	FILE *f = fopen(path, "w");
	EXPECT(f && fputs("{\"version\":9,\"settings\":{\"capacity\":", f) >= 0 && !fclose(f));
	EXPECT(sonde_node_settings_load(&again, path, &error) != 0);
	EXPECT_INT(again.version, 7);
	unlink(path);
	rmdir(dir);
	sonde_node_settings_deinit(&s);
	sonde_node_settings_deinit(&again);
}

static const char *adjusted(const struct sonde_node_settings *s, int64_t limit, const char *options)
{
	static char out[256];
	struct sonde_msg_task task = { .type = SONDE_TEXT("sweep"),
		                       .options = { options, strlen(options) } };
	struct sonde_buf b;

	sonde_buf_init(&b, 4096);
	bool changed = sonde_node_settings_adjust(s, limit, &task, &b);
	snprintf(out, sizeof(out), "%s", changed ? sonde_buf_cstr(&b) : "as it was");
	sonde_buf_deinit(&b);
	return out;
}

static void packets_are_limited(void)
{
	struct sonde_node_settings s = { 0 };

	sonde_node_settings_describe(&s, described, strlen(described));
	EXPECT_STR(adjusted(&s, 0, "{\"rate\":1000}"), "as it was");
	EXPECT_STR(adjusted(&s, 100, "{\"rate\":1000}"), "{\"rate\":100}");
	EXPECT_STR(adjusted(&s, 100, "{\"rate\":10}"), "as it was");
	EXPECT_STR(adjusted(&s, 100, "{\"rate\":0}"), "{\"rate\":100}");
	EXPECT_STR(adjusted(&s, 100, ""), "{\"rate\":100}");
	EXPECT_STR(adjusted(&s, 4, "{\"rate\":1}"), "{\"rate\":1,\"slow\":4}");
	s.plugins = json_loads("{\"sweep\":{\"other\":2,\"rate\":500}}", 0, NULL);
	EXPECT_STR(adjusted(&s, 0, "{\"other\":1,\"rate\":7}"), "{\"other\":1,\"rate\":7}");
	EXPECT_STR(adjusted(&s, 0, "{\"other\":1}"), "{\"other\":1,\"rate\":500}");
	EXPECT_STR(adjusted(&s, 100, "{\"other\":1}"), "{\"other\":1,\"rate\":100}");
	json_decref(s.plugins);
	s.plugins = json_loads("{\"sweep\":{\"query\":{\"a\":1,\"b\":2}}}", 0, NULL);
	EXPECT_STR(adjusted(&s, 0, "{\"query\":{\"b\":3}}"), "{\"query\":{\"a\":1,\"b\":3}}");
	EXPECT_STR(adjusted(&s, 0, "{broken"), "as it was");
	sonde_node_settings_deinit(&s);
}

static void the_narrower_limit_holds(void)
{
	EXPECT_INT(sonde_narrower(0, 0), 0);
	EXPECT_INT(sonde_narrower(5, 0), 5);
	EXPECT_INT(sonde_narrower(0, 5), 5);
	EXPECT_INT(sonde_narrower(5, 9), 5);
	EXPECT_INT(sonde_narrower(9, 5), 5);
}

static void the_ring_gives_what_is_new(void)
{
	struct sonde_ring *r = sonde_ring_new();
	char line[32], longest[2000];
	struct sonde_buf b;

	sonde_buf_init(&b, 1 << 20);
	EXPECT_INT(sonde_ring_read(r, 0, 10, &b), 0);
	for (int i = 1; i <= 1000; i++)
		sonde_ring_add(r, line, (size_t)snprintf(line, sizeof(line), "line %d", i));
	EXPECT_INT(sonde_ring_read(r, 0, 2, &b), 1000);
	EXPECT_STR(sonde_buf_cstr(&b), "line 999\nline 1000\n");
	sonde_buf_reset(&b);
	EXPECT_INT(sonde_ring_read(r, 998, 1000, &b), 1000);
	EXPECT_STR(sonde_buf_cstr(&b), "line 999\nline 1000\n");
	sonde_buf_reset(&b);
	sonde_ring_read(r, 1000, 1000, &b);
	EXPECT_INT(b.len, 0);
	/* A number of before a restart. */
	sonde_ring_read(r, 5000, 1, &b);
	EXPECT_STR(sonde_buf_cstr(&b), "line 1000\n");
	memset(longest, 'x', sizeof(longest));
	sonde_ring_add(r, longest, sizeof(longest));
	sonde_buf_reset(&b);
	sonde_ring_read(r, 1000, 1, &b);
	EXPECT_INT(b.len, SONDE_RING_LINE + 1);
	sonde_buf_deinit(&b);
	sonde_ring_free(r);
}

static void recent_results_are_bounded(void)
{
	static struct sonde_recent r;
	struct sonde_msg_result m = { .body = SONDE_TEXT("{}"), .why = SONDE_TEXT("") };
	struct sonde_buf packed, out;
	struct sonde_json j;

	sonde_buf_init(&packed, 1 << 20);
	sonde_buf_init(&out, 1 << 20);
	for (uint32_t i = 0; i < 1000; i++) {
		m.task = i;
		sonde_buf_reset(&packed);
		sonde_result_pack(&packed, &m);
		sonde_recent_add(&r, packed.data, packed.len);
	}
	sonde_json_init(&j, &out);
	sonde_json_open(&j, NULL, '[');
	sonde_recent_write(&r, 2, &j);
	sonde_json_close(&j);
	json_t *list = sonde_json_load(out.data, out.len, &error);
	EXPECT_INT(json_array_size(list), 2);
	EXPECT_INT(json_integer_value(json_object_get(json_array_get(list, 0), "task")), 999);
	EXPECT_INT(json_integer_value(json_object_get(json_array_get(list, 1), "task")), 998);
	json_decref(list);
	char *large = calloc(1, 100000);
	for (int i = 0; i < 300; i++)
		sonde_recent_add(&r, large, 100000);
	EXPECT(r.bytes <= SONDE_RECENT_BYTES);
	free(large);
	sonde_recent_deinit(&r);
	EXPECT_INT(r.bytes, 0);
	sonde_buf_deinit(&packed);
	sonde_buf_deinit(&out);
}

static void uplinks_are_counted(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof(at);
	char list[256];
	unsigned count;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	EXPECT(!bind(fd, (struct sockaddr *)&at, sizeof(at)) && !listen(fd, 8));
	EXPECT(!getsockname(fd, (struct sockaddr *)&at, &size));
	snprintf(list, sizeof(list), "127.0.0.1:%u, 127.0.0.1:1 127.0.0.1:%u,nonsense,[::1]:1",
	         ntohs(at.sin_port), ntohs(at.sin_port));
	EXPECT_INT(sonde_check_uplinks(list, &count), 2);
	EXPECT_INT(count, 5);
	EXPECT_INT(sonde_check_uplinks("", &count), 0);
	EXPECT_INT(count, 0);
	EXPECT_INT(sonde_check_uplinks(NULL, &count), 0);
	close(fd);
}

static void checks_give_reasons(void)
{
	struct sonde_check c;

	sonde_check_clock(&c, true, 1500);
	EXPECT(!c.ok && strstr(c.why, "+1500 ms"));
	sonde_check_clock(&c, true, -10);
	EXPECT(c.ok && strstr(c.why, "-10 ms"));
	sonde_check_dns(&c, "127.0.0.1");
	EXPECT(c.ok && strstr(c.why, "not checked"));
	sonde_check_dns(&c, "localhost");
	EXPECT(c.ok);
	sonde_check_icmp(&c);
	EXPECT(*c.why);
	sonde_check_ipv6(&c);
	EXPECT(c.ok || *c.why);
}

static const char *resolvers(const char *text)
{
	static char out[512];
	struct sonde_machine m;

	memset(&m, 0, sizeof(m));
	sonde_machine_resolvers(&m, text);
	*out = '\0';
	for (unsigned i = 0; i < m.resolver_count; i++)
		snprintf(out + strlen(out), sizeof(out) - strlen(out), "%s%s", i ? " " : "",
		         m.resolvers[i]);
	return out;
}

static void resolvers_are_read(void)
{
	EXPECT_STR(resolvers(""), "private");
	EXPECT_STR(resolvers("nameserver 8.8.8.8\nnameserver 2001:4860:4860::8888\n"),
	           "8.8.8.8 2001:4860:4860::8888");
	EXPECT_STR(resolvers("search example.com\n# nameserver 9.9.9.9\n\tnameserver\t10.0.0.1\r\n"
	                     "nameserver 127.0.0.53\nnameserver 1.1.1.1"),
	           "private 1.1.1.1");
	EXPECT_STR(resolvers("nameserver fe80::1%eth0\nnameserver 8.8.8.8\nnameserver 8.8.8.8\n"),
	           "private 8.8.8.8");
	EXPECT_STR(resolvers("nameserver\nnameserver resolver.example\nnameservers 1.1.1.1\n"), "private");
	EXPECT_STR(resolvers("nameserver 1.0.0.1\nnameserver 1.0.0.2\nnameserver 1.0.0.3\n"
	                     "nameserver 1.0.0.4\nnameserver 1.0.0.5\nnameserver 1.0.0.6\n"
	                     "nameserver 1.0.0.7\nnameserver 1.0.0.8\nnameserver 1.0.0.9\n"),
	           "1.0.0.1 1.0.0.2 1.0.0.3 1.0.0.4 1.0.0.5 1.0.0.6 1.0.0.7 1.0.0.8");
}

static void the_machine_is_described(void)
{
	struct sonde_machine m;
	struct sonde_buf b;
	struct sonde_json j;

	sonde_machine_look(&m);
	EXPECT(m.cpus >= 1);
	EXPECT(m.memory_mib > 0);
	EXPECT(m.ipv4 || m.ipv6);
	EXPECT(m.resolver_count >= 1);
	sonde_buf_init(&b, 4096);
	sonde_json_init(&j, &b);
	sonde_machine_write(&m, NULL, &j);
	EXPECT(!b.failed && sonde_json_valid(b.data, b.len, true));
	sonde_buf_deinit(&b);
}

static void only_loopback_is_served(void)
{
	static const char *const good[] = { "", "127.0.0.1:8757", "[::1]:0" };
	static const char *const bad[] = { "0.0.0.0:1", ":1", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x",
		                           "127.0.0.1:65536", "localhost:1", "[::]:1", "127.0.0.1:-1" };

	EXPECT_INT(sonde_local_check(NULL, &error), 0);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		EXPECT_INT(sonde_local_check(good[i], &error), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		EXPECT(sonde_local_check(bad[i], &error) != 0);
}

TAP_MAIN(CASE(settings_are_kept), CASE(packets_are_limited), CASE(the_narrower_limit_holds),
         CASE(the_ring_gives_what_is_new), CASE(recent_results_are_bounded),
         CASE(uplinks_are_counted), CASE(checks_give_reasons), CASE(resolvers_are_read),
         CASE(the_machine_is_described), CASE(only_loopback_is_served))
