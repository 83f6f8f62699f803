/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: the body of POST /v1/measurements, as the API reads it. What is accepted must hold
 * what the rest of the controller relies on. */
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/api/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char description[] =
	"{\"plugins\":[{\"name\":\"ping\",\"version\":\"1\",\"params\":["
	"{\"name\":\"packets\",\"type\":\"int\",\"default\":\"3\",\"min\":1,\"max\":1000},"
	"{\"name\":\"interval\",\"type\":\"duration\",\"default\":\"500ms\",\"min\":1,\"max\":60000},"
	"{\"name\":\"protocol\",\"type\":\"enum\",\"default\":\"ICMP\",\"enum\":[\"ICMP\",\"TCP\"]},"
	"{\"name\":\"fragment\",\"type\":\"bool\"}]},"
	"{\"name\":\"sweep\",\"version\":\"1\",\"target\":\"list\",\"params\":[]},"
	"{\"name\":\"echo\",\"version\":\"1\",\"target\":\"text\",\"params\":["
	"{\"name\":\"text\",\"type\":\"string\",\"max\":64}]}]}";

static char dir[] = "/tmp/sonde-fuzz-XXXXXX";

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

static void remove_dir(void)
{
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static struct controller *set_up(void)
{
	static struct controller c;
	struct sonde_store_options o = { .dir = dir, .map_bytes = 1 << 24, .queue_max = 16 };
	struct sonde_error e;

	if (c.store)
		return &c;
	if (!mkdtemp(dir) || atexit(remove_dir) != 0 ||
	    sonde_store_open(&o, &c.store, &e) != SONDE_OK ||
	    sonde_guard_new("10.0.0.0/8", NULL, &c.guard, &e) != SONDE_OK ||
	    sonde_policies_new(NULL, &c.policies) != SONDE_OK ||
	    types_parse(&c.types, description, strlen(description), &e) != SONDE_OK)
		abort();
	if (c.types.by_name.len != 3)
		abort();
	c.options.policy = "least_load";
	return &c;
}

static void check(const struct measurement_request *r)
{
	if (!r->type || !r->target || !*r->target || r->location_count > LOCATIONS_MAX ||
	    r->limit > PLACE_MAX || r->timeout_ms < 1000 || r->timeout_ms > 300000 ||
	    (r->ip_version && r->ip_version != 4 && r->ip_version != 6) || r->options.failed ||
	    !sonde_json_valid(r->options.data, r->options.len, true))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct measurement_request r;
	struct controller *c = set_up();
	struct sonde_error e;
	json_t *body = sonde_json_load((const char *)data, size, &e);

	if (!body)
		return 0;
	if (request_parse(c, body, &r, &e) == SONDE_OK)
		check(&r);
	request_deinit(&r);
	json_decref(body);
	return 0;
}
