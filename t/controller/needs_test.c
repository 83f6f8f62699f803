/* SPDX-License-Identifier: Apache-2.0 */
/* What a node tells of its machine is checked, and what a measurement requires of nodes is met or not. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "controller/needs.h"
#include "controller/nodes.h"
#include "tap.h"

static struct sonde_error error;
static struct sonde_pool pool;

static void told(struct nodes *nodes, struct node *node, const char *text)
{
	json_t *doc = json_loads(text, JSON_DECODE_ANY, NULL);

	EXPECT(doc != NULL);
	node_set_machine(nodes, node, doc);
	json_decref(doc);
}

static void a_machine_is_taken_as_told(void)
{
	struct nodes nodes = { .generation = 1 };
	struct node node = { .row = 0 };

	EXPECT_INT(sonde_policies_new(NULL, &nodes.policies), 0);
	EXPECT(node_has_family(&node, 4) && node_has_family(&node, 6));
	told(&nodes, &node, "{\"ipv4\":true,\"ipv6\":false,\"cpus\":4,\"memoryMiB\":2048,"
	                    "\"resolvers\":[\"private\",\"8.8.8.8\",\"2001:db8::1\"]}");
	EXPECT(node_has_family(&node, 4) && !node_has_family(&node, 6) && node_has_family(&node, 0));
	EXPECT_INT(node.machine.cpus, 4);
	EXPECT_INT(node.machine.resolver_count, 3);
	EXPECT_STR(node.machine.resolvers[2], "2001:db8::1");
	EXPECT_INT(nodes.generation, 2);
	told(&nodes, &node, "{\"ipv4\":true,\"ipv6\":false,\"cpus\":4,\"memoryMiB\":2048,"
	                    "\"resolvers\":[\"private\",\"8.8.8.8\",\"2001:db8::1\"]}");
	EXPECT_INT(nodes.generation, 2); /* nothing new */
	sonde_policies_free(nodes.policies);
}

static void what_is_wrong_counts_as_not_told(void)
{
	struct nodes nodes = { .generation = 1 };
	struct node node = { .row = 0 };

	EXPECT_INT(sonde_policies_new(NULL, &nodes.policies), 0);
	told(&nodes, &node, "{\"ipv4\":1,\"ipv6\":true,\"cpus\":-1,\"memoryMiB\":1e30,\"resolvers\":"
	                    "[\"<script>\",17,null,\"8.8.8\",\"1.1.1.1%eth0\",\"Private\",\"\"]}");
	EXPECT(!node.machine.known && node_has_family(&node, 4));
	EXPECT_INT(node.machine.cpus, 0);
	EXPECT_INT(node.machine.memory_mib, 0);
	EXPECT_INT(node.machine.resolver_count, 0);
	told(&nodes, &node, "{\"ipv4\":false,\"ipv6\":false,\"resolvers\":{\"a\":1}}");
	EXPECT(!node_has_family(&node, 4) && !node_has_family(&node, 6));
	told(&nodes, &node, "[1,2]");
	EXPECT(node.machine.known); /* as it was */
	told(&nodes, &node, "{\"ipv4\":true,\"ipv6\":true,\"resolvers\":[\"1.0.0.1\",\"1.0.0.2\",\"1.0.0.3\","
	                    "\"1.0.0.4\",\"1.0.0.5\",\"1.0.0.6\",\"1.0.0.7\",\"1.0.0.8\",\"1.0.0.9\"]}");
	EXPECT_INT(node.machine.resolver_count, NODE_RESOLVERS);
	sonde_policies_free(nodes.policies);
}

static int read_needs(struct needs *n, const char *text)
{
	json_t *doc = json_loads(text, JSON_DECODE_ANY, NULL);
	int rc = needs_read(n, doc, &pool, &error);

	json_decref(doc);
	return rc;
}

static const char *unmet(const struct node *node, const char *text)
{
	struct needs n = { 0 };

	if (read_needs(&n, text) != SONDE_OK)
		return error.path;
	int i = needs_unmet(&n, node);
	return i == NEED_FAMILY ? "family" : i < (int)n.count ? need_name(&n.items[i]) : "";
}

static void requirements_are_met_or_named(void)
{
	struct node node = { .version = "1.10.2", .capacity = 8, .beat = { .load = 0.5, .error_rate = 0.1 },
		             .facts = { .priority = 50, .tags = "ssd,wired", .trusted = 1 },
		             .machine = { .known = true, .ipv4 = true, .cpus = 4, .memory_mib = 2048 } };
	static const char *const rows[][2] = {
		{ "{}", "" }, { "{\"cpus\":4}", "" }, { "{\"cpus\":\"4.5\"}", "cpus" },
		{ "{\"memoryMiB\":2049,\"cpus\":1}", "memoryMiB" }, { "{\"capacity\":8}", "" },
		{ "{\"priority\":51}", "priority" }, { "{\"load\":0.5}", "" }, { "{\"load\":0.4}", "load" },
		{ "{\"errorRate\":0.05}", "errorRate" }, { "{\"ipv6\":true}", "ipv6" }, { "{\"ipv6\":false}", "" },
		{ "{\"trusted\":false}", "trusted" }, { "{\"tags\":[\"ssd\",\"wired\"]}", "" },
		{ "{\"tags\":\"ssd,fast\"}", "tags" }, { "{\"types\":[\"ping\"]}", "types" },
		{ "{\"version\":\">1.9\"}", "" }, { "{\"version\":\">=1.10.2\"}", "" }, { "{\"version\":\"<1.9\"}", "version" },
		{ "{\"version\":\"1.10.2\"}", "" }, { "{\"version\":\"=1.10\"}", "version" },
		{ "{\"version\":\">1.10.2\"}", "version" }, { "{\"version\":\"<=1.10.2\"}", "" },
		{ "{\"version\":\"~1\"}", "requirements.version" }, { "{\"cpus\":true}", "requirements.cpus" },
		{ "{\"tags\":[\"\"]}", "requirements.tags" }, { "{\"tags\":\"a,,b\"}", "requirements.tags" },
		{ "{\"ipv4\":\"yes\"}", "requirements.ipv4" }, { "{\"nosuch\":1}", "requirements.nosuch" },
		{ "{\"errorRate\":1.5}", "requirements.errorRate" }, { "{\"cpus\":\"\"}", "requirements.cpus" },
		{ "{\"cpus\":\"nan\"}", "requirements.cpus" }, { "{\"load\":\"inf\"}", "requirements.load" },
		{ "7", "requirements" },
	};

	sonde_pool_init(&pool, 1 << 20);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		EXPECT_STR(unmet(&node, rows[i][0]), rows[i][1]);
	memset(node.version, 0, sizeof(node.version));
	EXPECT_STR(unmet(&node, "{\"version\":\"<9\"}"), "version"); /* it has not said one */
	sonde_pool_deinit(&pool);
}

static void a_family_comes_first(void)
{
	struct node node = { .machine = { .known = true, .ipv6 = true } };
	struct needs n = { 0 };

	sonde_pool_init(&pool, 1 << 20);
	EXPECT_INT(read_needs(&n, "{\"cpus\":9}"), 0);
	n.family = 4;
	EXPECT_INT(needs_unmet(&n, &node), NEED_FAMILY);
	n.family = 6;
	EXPECT_INT(needs_unmet(&n, &node), 0);
	sonde_pool_deinit(&pool);
}

static void the_text_is_the_same_for_the_same(void)
{
	struct needs a = { 0 }, b = { 0 };

	sonde_pool_init(&pool, 1 << 20);
	EXPECT_INT(read_needs(&a, "{\"version\":\">=1\",\"cpus\":\"2\",\"tags\":\"b,a\",\"trusted\":\"true\"}"), 0);
	EXPECT_INT(read_needs(&b, "{\"trusted\":true,\"tags\":[\"b\",\"a\"],\"cpus\":2,\"version\":\">=1\"}"), 0);
	EXPECT_STR(a.text, b.text);
	EXPECT_STR(a.text, "{\"cpus\":2,\"trusted\":true,\"tags\":[\"b\",\"a\"],\"version\":\">=1\"}");
	EXPECT(!a.moves);
	EXPECT_INT(read_needs(&a, "{\"uptime\":0.5}"), 0);
	EXPECT(a.moves);
	EXPECT_INT(read_needs(&a, a.text), 0); /* as it is read again from a record */
	EXPECT_STR(a.text, "{\"uptime\":0.5}");
	EXPECT_INT(read_needs(&a, "{}"), 0);
	EXPECT(!a.text && !a.moves);
	sonde_pool_deinit(&pool);
}

static void uptime_is_a_share(void)
{
	int64_t now = sonde_boottime_ns(), hour = 3600 * SONDE_NS_PER_S;
	struct node node = { .known_ns = now - 4 * hour, .up_ns = hour };
	struct sonde_conn *connected = (struct sonde_conn *)&node;

	EXPECT(node_uptime(&node) > 0.24 && node_uptime(&node) < 0.251);
	node.conn = connected;
	node.up_since_ns = now - hour;
	EXPECT(node_uptime(&node) > 0.49 && node_uptime(&node) < 0.51);
}

TAP_MAIN(CASE(a_machine_is_taken_as_told), CASE(what_is_wrong_counts_as_not_told),
         CASE(requirements_are_met_or_named), CASE(a_family_comes_first),
         CASE(the_text_is_the_same_for_the_same), CASE(uptime_is_a_share))
