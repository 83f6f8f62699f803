/* SPDX-License-Identifier: Apache-2.0 */
/* The node's configuration rows. Owns nothing: strings live in the caller's pool. */
#include "node/options.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/trust.h"
#include "config/config.h"
#include "guard/guard.h"
#include "node/local.h"

#define AT(member) offsetof(struct sonde_node_options, member)

static const char *const levels[] = { "error", "warn", "info", "debug", NULL };

static const struct sonde_param rows[] = {
	{ "controller", SONDE_TYPE_STRING, AT(controller), "URL of the controller",
	  .def = "http://127.0.0.1:8756", .min = 1, .max = 512 },
	{ "state", SONDE_TYPE_STRING, AT(state), "directory for the key, the journal and the spool",
	  .def = SONDE_STATEDIR "/node", .min = 1, .max = 1024 },
	{ "name", SONDE_TYPE_STRING, AT(name), "name of the node; its host name when not given",
	  .max = 64 },
	{ "region", SONDE_TYPE_STRING, AT(region), "region, such as western-europe", .max = 64 },
	{ "continent", SONDE_TYPE_STRING, AT(continent), "two letters, such as EU", .max = 2 },
	{ "country", SONDE_TYPE_STRING, AT(country), "two letters, such as DE", .max = 2 },
	{ "city", SONDE_TYPE_STRING, AT(city), "city", .max = 64 },
	{ "latitude", SONDE_TYPE_NUMBER, AT(latitude), "degrees north", .min = -90, .max = 90 },
	{ "longitude", SONDE_TYPE_NUMBER, AT(longitude), "degrees east", .min = -180, .max = 180 },
	{ "asn", SONDE_TYPE_INT, AT(asn), "number of the autonomous system", .max = UINT32_MAX },
	{ "network", SONDE_TYPE_STRING, AT(network), "name of the network", .max = 128 },
	{ "tags", SONDE_TYPE_STRING, AT(tags), "tags, separated by commas", .max = 1024 },
	/* Only as a file: arguments and the environment can be read by others. */
	{ "token_file", SONDE_TYPE_STRING, AT(token_file),
	  "file that holds the registration token, mode 0600", .max = 4096 },
	{ "ca_file", SONDE_TYPE_STRING, AT(ca_file),
	  "PEM file to trust for the controller instead of the system's", .max = 4096 },
	{ "pin", SONDE_TYPE_STRING, AT(pin),
	  "key that the controller must have, sha256//BASE64, several with commas; without ca_file it "
	  "replaces a certificate authority", .max = 512 },
	{ "insecure", SONDE_TYPE_BOOL, AT(insecure),
	  "http:// to a controller on another machine: keys and results in clear text" },
	{ "plugins", SONDE_TYPE_STRING, AT(plugins), "directory of the probe plugins",
	  .def = SONDE_PLUGINDIR, .min = 1, .max = 4096 },
	{ "runner", SONDE_TYPE_STRING, AT(runner), "the program that runs the plugins",
	  .def = SONDE_LIBEXECDIR "/sonde-runner", .min = 1, .max = 4096 },
	{ "advertise", SONDE_TYPE_STRING, AT(advertise),
	  "name or address that other nodes use for this one; the link's own when not given",
	  .max = 255 },
	{ "capacity", SONDE_TYPE_INT, AT(capacity), "tasks at once", .def = "64", .min = 1,
	  .max = 4096 },
	{ "drain", SONDE_TYPE_DURATION, AT(drain), "how long running tasks may go on after SIGTERM",
	  .def = "10s", .max = 600000 },
	{ "guard.allow", SONDE_TYPE_STRING, AT(guard_allow),
	  "prefixes that may be probed although they are special", .max = 8192 },
	{ "guard.deny", SONDE_TYPE_STRING, AT(guard_deny), "prefixes that may not be probed",
	  .max = 8192 },
	{ "log.level", SONDE_TYPE_ENUM, AT(log_level), "least important lines to log",
	  .def = "info", .names = levels },
	{ "spool.max_bytes", SONDE_TYPE_INT, AT(spool_max_bytes),
	  "results kept while the controller is away; then new tasks are refused", "bytes",
	  .def = "268435456", .min = 1 << 20, .max = INT64_C(1) << 40 },
	{ "link.backoff_min", SONDE_TYPE_DURATION, AT(backoff_min), "first delay before a redial",
	  .def = "1s", .min = 1, .max = 60000 },
	{ "link.backoff_max", SONDE_TYPE_DURATION, AT(backoff_max), "longest delay before a redial",
	  .def = "60s", .min = 1, .max = 3600000 },
	{ "link.backoff_banned", SONDE_TYPE_DURATION, AT(backoff_banned),
	  "about how often a controller is asked that has banned this node", .def = "1h", .min = 1,
	  .max = 604800000 },
	{ "link.backoff_outdated", SONDE_TYPE_DURATION, AT(backoff_outdated),
	  "about how often a controller is asked that wants a newer version", .def = "10m", .min = 1,
	  .max = 604800000 },
	{ "limits.targets", SONDE_TYPE_STRING, AT(targets),
	  "nothing but these prefixes is probed, whatever is asked; empty = no such limit", .max = 8192 },
	{ "limits.packets_per_second", SONDE_TYPE_INT, AT(packets_per_second),
	  "of all probes together, over time, and the most that one may ask for; 0 = any", "packets/s",
	  .max = 10000000 },
	{ "limits.bits_per_second", SONDE_TYPE_INT, AT(bits_per_second),
	  "of all connections of all probes together; 0 = any", "bit/s", .max = INT64_C(1) << 50 },
	{ "uplink.targets", SONDE_TYPE_STRING, AT(uplink_targets),
	  "host:port, separated by commas, at most 8: the node's uplink is down when too few answer",
	  .max = 2048 },
	{ "uplink.quorum", SONDE_TYPE_INT, AT(uplink_quorum),
	  "how many of them must answer, 0 = more than half", .max = 8 },
	{ "self_test.every", SONDE_TYPE_DURATION, AT(self_test), "between self-tests", .def = "1m",
	  .min = 100, .max = 86400000 },
	{ "self_test.name", SONDE_TYPE_STRING, AT(self_test_name),
	  "name to look up; the controller's when not given", .max = 253 },
	{ "api.listen", SONDE_TYPE_STRING, AT(api_listen),
	  "loopback address and port of the local API, empty = none", .def = "127.0.0.1:8757",
	  .max = 64 },
	{ 0 },
};

struct sonde_rows sonde_node_rows(void)
{
	return SONDE_ROWS(rows);
}

int sonde_node_log_level(const struct sonde_node_options *o)
{
	return sonde_log_level_parse(levels[o->log_level]);
}

static int check_url(const char *url, struct sonde_error *e)
{
	const char *host = !strncmp(url, "https://", 8)  ? url + 8 :
	                   !strncmp(url, "http://", 7) ? url + 7 :
	                                                 NULL;

	if (!host || !*host || *host == '/')
		return sonde_fail(e, SONDE_EINVAL, NULL,
		                  "controller must be an http:// or https:// URL");
	size_t n = strcspn(host, "/?#");
	if (host[n] && strcmp(host + n, "/"))
		return sonde_fail(e, SONDE_EINVAL, NULL, "controller must be a URL without a path");
	return SONDE_OK;
}

bool sonde_node_in_clear(const struct sonde_node_options *o)
{
	return sonde_url_in_clear(o->controller);
}

static int check_trust(const struct sonde_node_options *o, struct sonde_error *e)
{
	struct sonde_pins pins;

	if (sonde_node_in_clear(o) && !o->insecure)
		return sonde_fail(e, SONDE_EINVAL, NULL,
		                  "controller is http:// on another machine, so that keys and results "
		                  "could be read on the way: use https://, or --insecure");
	return sonde_pins_parse(&pins, o->pin, true, e);
}

static int default_name(struct sonde_node_options *o, struct sonde_pool *pool)
{
	char host[65] = "";

	if (o->name && *o->name)
		return SONDE_OK;
	if (gethostname(host, sizeof(host) - 1) || !*host)
		memcpy(host, "node", sizeof("node"));
	o->name = sonde_pool_strndup(pool, host, strlen(host));
	return o->name ? SONDE_OK : SONDE_ENOMEM;
}

int sonde_node_options_load(struct sonde_node_options *o, struct sonde_pool *pool, int argc,
                            char **argv, struct sonde_error *e)
{
	struct sonde_guard *guard;
	int rest = argc;

	int rc = sonde_config_load(sonde_node_rows(), o, pool, sonde_config_path(argc, argv), argc,
	                           argv, &rest, e);
	if (rc)
		return rc;
	if (rest < argc)
		return sonde_fail(e, SONDE_EINVAL, NULL, "unexpected argument \"%s\"", argv[rest]);
	rc = check_url(o->controller, e);
	if (!rc)
		rc = check_trust(o, e);
	if (rc)
		return rc;
	if (o->backoff_max < o->backoff_min)
		return sonde_fail(e, SONDE_EINVAL, NULL,
		                  "link.backoff_max must not be less than link.backoff_min");
	if (o->backoff_banned < 2 * SONDE_NS_PER_MS || o->backoff_outdated < 2 * SONDE_NS_PER_MS)
		return sonde_fail(e, SONDE_EINVAL, NULL, "link.backoff_banned and "
		                  "link.backoff_outdated must be at least 2ms");
	rc = sonde_local_check(o->api_listen, e);
	if (rc)
		return rc;
	rc = sonde_guard_new(o->guard_allow, o->guard_deny, &guard, e);
	if (rc)
		return rc;
	if (o->targets && *o->targets)
		rc = sonde_guard_only(guard, o->targets, e);
	sonde_guard_free(guard);
	if (rc)
		return rc;
	return default_name(o, pool);
}
