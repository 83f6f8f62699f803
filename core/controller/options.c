/* SPDX-License-Identifier: Apache-2.0 */
/* The controller's configuration rows. */
#include "controller/options.h"

#define ROW(n, t, m, h, ...) \
	{ .name = n, .type = SONDE_TYPE_##t, .offset = offsetof(struct controller_options, m), \
	  .help = h, __VA_ARGS__ }

const char *const controller_log_levels[] = { "error", "warn", "info", "debug", NULL };

static const char *const registrations[] = { "off", "invite", "open", NULL };

static const struct sonde_param controller_rows[] = {
	ROW("listen", STRING, listen, "address and port to serve on", .def = "127.0.0.1:8756"),
	ROW("state", STRING, state, "directory of the store", .def = SONDE_STATEDIR "/controller"),
	ROW("cert", STRING, cert, "TLS certificate chain, PEM"),
	ROW("key", STRING, key, "TLS private key, PEM"),
	ROW("plugins", STRING, plugins, "plugin directories, colon separated", .def = SONDE_PLUGINDIR),
	ROW("runner", STRING, runner, "program that describes the plugins",
	    .def = SONDE_LIBEXECDIR "/sonde-runner"),
	ROW("policies", STRING, policies, "directory of placement policies",
	    .def = SONDE_DATADIR "/policies"),
	ROW("policy", STRING, policy, "policy, or chain of policies, used when a request names none",
	    .def = "least_load"),
	ROW("verdicts", STRING, verdicts, "policies that look at every result, comma separated"),
	ROW("verdict_params", STRING, verdict_params,
	    "their parameters, a JSON object by policy name", .max = 16384),
	ROW("notify", STRING, notify,
	    "who is told of events: \"webhook URL\", \"smtp URL from=A to=B\", \"command PROGRAM\"",
	    .max = 8192),
	ROW("lua", STRING, lua, "directory of the test bench of policies", .def = SONDE_DATADIR "/lua"),
	ROW("explain.nodes", INT, explain_nodes, "candidates that an explanation names; 0 = none are kept",
	    .def = "32", .max = 1000),
	ROW("web", STRING, web, "directory of the web pages", .def = SONDE_DATADIR "/web"),
	ROW("guard.allow", STRING, guard_allow,
	    "prefixes that may be probed although special or private", .max = 4096),
	ROW("guard.deny", STRING, guard_deny, "prefixes that must not be probed", .max = 4096),
	ROW("log.level", ENUM, log_level, "least important lines to log", .def = "info",
	    .names = controller_log_levels),
	ROW("admin_token_file", STRING, admin_token_file,
	    "write the admin token made at first start there instead of printing it"),
	ROW("anonymous", BOOL, anonymous, "accept measurements without a token"),
	ROW("beat", INT, beat_s, "heartbeat interval of nodes", .unit = "s", .def = "5", .min = 1,
	    .max = 300),
	ROW("queue.max", INT, queue_max, "tasks that may wait for nodes", .def = "1000000",
	    .min = 100, .max = 100000000),
	ROW("store.map", INT, map_bytes, "largest size of a store file", .unit = "bytes",
	    .def = "68719476736", .min = 16777216, .max = INT64_C(1) << 42),
	ROW("deregistered", DURATION, deregistered_ns, "how long a node that said goodbye is listed",
	    .def = "1h", .max = INT64_C(1000) * 86400 * 365),
	ROW("secret.file", STRING, secret_file,
	    "file with the secret that signs sessions and seals records; made when missing"),
	ROW("origins", STRING, origins, "origins of pages elsewhere that may open websockets",
	    .max = 4096),
	ROW("registration", ENUM, registration, "who may make an account", .def = "off",
	    .names = registrations),
	ROW("limit.anonymous", INT, anonymous_per_hour,
	    "tests an hour that an address may ask for without an account", .def = "250",
	    .max = 1000000000),
	ROW("limit.target", INT, target_per_minute,
	    "tests a minute of one target, of all users together; 0 is no limit", .def = "600",
	    .max = 1000000000),
	ROW("limit.polls", INT, polls,
	    "reads of one measurement by one caller in two seconds, then a pause of five; 0 is no limit",
	    .def = "5", .max = 1000000),
	ROW("limit.logins", INT, logins_per_address,
	    "tries to log in from one address in five minutes", .def = "100", .min = 1,
	    .max = 1000000),
	ROW("connections.max", INT, connections_max,
	    "connections at once, a websocket for two; 0 is as many as open files may be, less 512",
	    .def = "0", .max = 1000000),
	ROW("connections.address", INT, connections_address,
	    "of them from one address (IPv6: one /64); 0 is a quarter, and loopback has no limit",
	    .def = "0", .max = 1000000),
	ROW("retain", INT, retain_days, "days that results are kept", .unit = "days", .def = "30",
	    .min = 1, .max = 36500),
	ROW("rollup.minutes", INT, rollup_minute_days, "days that rollups of a minute are kept",
	    .unit = "days", .def = "7", .min = 1, .max = 3650),
	ROW("rollup.hours", INT, rollup_hour_days, "days that rollups of an hour are kept",
	    .unit = "days", .def = "400", .min = 1, .max = 3650),
	ROW("node_version_min", STRING, node_version_min, "nodes of an older version are sent away",
	    .max = 32),
	ROW("node_version_newest", STRING, node_version_newest,
	    "nodes of an older version are told of it", .def = SONDE_VERSION, .max = 32),
	ROW("latitude", NUMBER, latitude, "degrees north of the controller, to check what nodes claim",
	    .min = -90, .max = 90),
	ROW("longitude", NUMBER, longitude, "degrees east of the controller", .min = -180, .max = 180),
	{ 0 },
};

struct sonde_rows controller_option_rows(void)
{
	return SONDE_ROWS(controller_rows);
}
