/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of traceroute and mtr share. */
#include "plug/pathkit.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

const char *path_top(const char *name)
{
	const char *v = getenv(name);
	return v ? v : ".";
}

const struct path_way path_ways[PATH_WAYS] = {
	{ "ICMP", PATHSIM_TARGET4, FAKEHOST_PING_SOCKET, false },
	{ "ICMP", PATHSIM_TARGET6, FAKEHOST_PING_SOCKET, true },
	{ "ICMP", PATHSIM_TARGET4, FAKEHOST_RAW_SOCKET, false },
	{ "ICMP", PATHSIM_TARGET6, FAKEHOST_RAW_SOCKET, true },
	{ "UDP", PATHSIM_TARGET4, 0, false },
	{ "UDP", PATHSIM_TARGET6, 0, true },
	{ "TCP", PATHSIM_TARGET4, 0, false },
	{ "TCP", PATHSIM_TARGET6, 0, true },
};

bool path_is_one_of(const struct path_way *w, unsigned which)
{
	unsigned kind = *w->protocol == 'U' ? UDP : *w->protocol == 'T' ? TCP
		: w->sockets == FAKEHOST_RAW_SOCKET ? RAW : ICMP;

	return which & kind && which & (w->v6 ? V6 : V4);
}

struct fakehost *path_tool(const char *name, const struct path_way *w)
{
	char path[64];

	snprintf(path, sizeof(path), "plugins/%s/.libs/%s.so", name, name);
	struct fakehost *h = fakehost_new(path);
	EXPECT_INT(fakehost_set(h, "protocol", w->protocol), 0);
	/* Long, because the simulated path may not run for a while; what is silent says less. */
	EXPECT_INT(fakehost_set(h, "wait", "4s"), 0);
	fakehost_icmp_sockets(h, w->sockets);
	return h;
}

/* Every value's path is a row of the plugin's table of fields. */
static void expect_known(const struct sonde_field *fields, const json_t *j, const char *path)
{
	char below[128];
	const char *key;
	json_t *value;
	size_t i;

	for (i = 0; *path && fields[i].type != SONDE_TYPE_END && strcmp(fields[i].name, path); i++)
		;
	if (*path && fields[i].type == SONDE_TYPE_END && path[strlen(path) - 1] != ']')
		tap_fail(__FILE__, __LINE__, "no field is named %s", path);
	json_object_foreach((json_t *)j, key, value) {
		snprintf(below, sizeof(below), "%s%s%s", path, *path ? "." : "", key);
		expect_known(fields, value, below);
	}
	json_array_foreach(j, i, value) {
		snprintf(below, sizeof(below), "%s[]", path);
		expect_known(fields, value, below);
	}
}

static void expect_known_fields(const char *name, const json_t *j)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/plugins/%s/.libs/%s.so", path_top("top_builddir"), name, name);
	void *so = dlopen(path, RTLD_NOW);
	EXPECT(so);
	const struct sonde_plugin *plugin = dlsym(so, "sonde_plugin");
	expect_known(plugin->fields, j, "");
	dlclose(so);
}

json_t *path_run(const char *name, struct fakehost *h, const char *target)
{
	EXPECT_INT(fakehost_run(h, target), 0);
	if (fakehost_failure(h))
		tap_fail(__FILE__, __LINE__, "failure %d: %s", fakehost_failure(h), fakehost_why(h));
	EXPECT_STR(fakehost_broken(h), "");
	json_t *j = json_loads(fakehost_json(h), JSON_REJECT_DUPLICATES, NULL);
	EXPECT(j);
	expect_known_fields(name, j);
	return j;
}

const json_t *path_hop(const json_t *j, unsigned ttl)
{
	const json_t *r = json_array_get(json_object_get(j, "hops"), ttl - 1);
	EXPECT(r);
	return r;
}

const char *path_text_of(const json_t *j, const char *key)
{
	return json_string_value(json_object_get(j, key));
}

long long path_int_of(const json_t *j, const char *key)
{
	EXPECT(json_is_integer(json_object_get(j, key)));
	return json_integer_value(json_object_get(j, key));
}

size_t path_size_of(const json_t *j, const char *key)
{
	EXPECT(json_is_array(json_object_get(j, key)));
	return json_array_size(json_object_get(j, key));
}

void path_expect_router(const struct path_way *w, const json_t *j, unsigned ttl, size_t answers)
{
	char want[32];

	snprintf(want, sizeof(want), w->v6 ? "fd02::%x" : "10.2.0.%u", ttl);
	EXPECT_STR(path_text_of(path_hop(j, ttl), "resolvedAddress"), want);
	EXPECT(json_is_null(json_object_get(path_hop(j, ttl), "resolvedHostname")));
	EXPECT_INT(path_size_of(path_hop(j, ttl), "timings"), answers);
	EXPECT_INT(path_int_of(path_hop(j, ttl), "icmpType"), w->v6 ? 3 : 11);
}

void path_expect_silent(const json_t *j, unsigned ttl)
{
	EXPECT(json_is_null(json_object_get(path_hop(j, ttl), "resolvedAddress")));
	EXPECT(json_is_null(json_object_get(path_hop(j, ttl), "resolvedHostname")));
	EXPECT_INT(path_size_of(path_hop(j, ttl), "timings"), 0);
	EXPECT(json_is_null(json_object_get(path_hop(j, ttl), "icmpType")));
}

void path_expect_target(const struct path_way *w, const json_t *j, unsigned ttl, size_t answers)
{
	EXPECT(json_is_true(json_object_get(j, "reached")));
	EXPECT_INT(path_size_of(j, "hops"), ttl);
	EXPECT_STR(path_text_of(path_hop(j, ttl), "resolvedAddress"), w->target);
	EXPECT_INT(path_size_of(path_hop(j, ttl), "timings"), answers);
	EXPECT_INT(path_int_of(json_object_get(j, "summary"), "hops"), ttl);
}
