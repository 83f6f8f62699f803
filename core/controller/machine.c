/* SPDX-License-Identifier: Apache-2.0 */
/* What a node tells of its machine, checked: what is not as it should be counts as not told. In memory
 * only, since the node tells it with each hello. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "controller/nodes.h"

enum { CPUS_MAX = 65536, MEMORY_MAX = 1 << 30 };

static int64_t number_of(const json_t *o, const char *key, int64_t max)
{
	int64_t n = json_integer_value(json_object_get(o, key));

	return n >= 0 && n <= max ? n : 0;
}

static bool is_resolver(const char *text)
{
	uint8_t address[16];

	return text && (!strcmp(text, "private") || inet_pton(AF_INET, text, address) == 1 ||
	                inet_pton(AF_INET6, text, address) == 1);
}

static void read_resolvers(struct node_machine *m, const json_t *list)
{
	const json_t *v;
	size_t i;

	json_array_foreach(list, i, v) {
		const char *text = json_string_value(v);
		if (m->resolver_count < NODE_RESOLVERS && is_resolver(text))
			snprintf(m->resolvers[m->resolver_count++], sizeof(m->resolvers[0]), "%s", text);
	}
}

void node_set_machine(struct nodes *n, struct node *node, const json_t *told)
{
	struct node_machine m;

	memset(&m, 0, sizeof(m));
	if (!json_is_object(told))
		return;
	m.known = json_is_boolean(json_object_get(told, "ipv4")) &&
	          json_is_boolean(json_object_get(told, "ipv6"));
	m.ipv4 = json_is_true(json_object_get(told, "ipv4"));
	m.ipv6 = json_is_true(json_object_get(told, "ipv6"));
	m.cpus = number_of(told, "cpus", CPUS_MAX);
	m.memory_mib = number_of(told, "memoryMiB", MEMORY_MAX);
	read_resolvers(&m, json_object_get(told, "resolvers"));
	if (!memcmp(&m, &node->machine, sizeof(m)))
		return;
	node->machine = m;
	node_machine_columns(n, node);
	n->generation++;
}

bool node_has_family(const struct node *node, unsigned family)
{
	if (!family || !node->machine.known)
		return true;
	return family == 6 ? node->machine.ipv6 : node->machine.ipv4;
}

void node_resolvers(const struct node *node, struct sonde_json *j)
{
	sonde_json_open(j, "resolvers", '[');
	for (unsigned i = 0; node && i < node->machine.resolver_count; i++)
		sonde_json_str(j, NULL, node->machine.resolvers[i]);
	sonde_json_close(j);
}

double node_uptime(const struct node *node)
{
	int64_t now = sonde_boottime_ns(), up = node->up_ns;

	if (!node->known_ns || now <= node->known_ns)
		return node->conn ? 1 : 0;
	if (node->conn)
		up += now - node->up_since_ns;
	return (double)up / (double)(now - node->known_ns);
}
