/* SPDX-License-Identifier: Apache-2.0 */
/* Bandwidth between two nodes: rows and the life of the probe. Which end it is, the other end's
 * address and the shared token come from the controller, which books both nodes for the test. Owns
 * every socket until finish. */
#include "bandwidth.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static const char *const directions[] = { "up", "down", "both", NULL };
static const char *const roles[] = { "none", "send", "receive", NULL };

static const struct sonde_param params[] = {
	{ "direction", SONDE_TYPE_ENUM, offsetof(struct bandwidth_args, direction),
	  "up is from the measuring node to the target node", .def = "both", .names = directions },
	{ "size", SONDE_TYPE_INT, offsetof(struct bandwidth_args, size),
	  "bytes each way; the test ends when they or the duration are used up", .unit = "bytes",
	  .def = "2000000", .min = 10000, .max = INT64_C(100000000000) },
	{ "duration", SONDE_TYPE_DURATION, offsetof(struct bandwidth_args, duration),
	  "longest time each way", .unit = "ms", .def = "5s", .min = 100, .max = 60000 },
	{ "streams", SONDE_TYPE_INT, offsetof(struct bandwidth_args, streams),
	  "TCP connections at once", .def = "1", .min = 1, .max = BW_STREAMS },
	{ "port", SONDE_TYPE_INT, offsetof(struct bandwidth_args, port),
	  "port on which the target node listens during the test", .def = "8759", .min = 1024,
	  .max = 65535 },
	{ "role", SONDE_TYPE_ENUM, offsetof(struct bandwidth_args, role), "which end this is",
	  .def = "none", .names = roles, .flags = SONDE_PARAM_INTERNAL },
	{ "peer", SONDE_TYPE_STRING, offsetof(struct bandwidth_args, peer),
	  "address of the other end", .max = 64, .flags = SONDE_PARAM_INTERNAL },
	{ "token", SONDE_TYPE_STRING, offsetof(struct bandwidth_args, token),
	  "what both ends know", .max = BW_TOKEN,
	  .flags = SONDE_PARAM_INTERNAL | SONDE_PARAM_SECRET },
	{ NULL },
};

static const struct sonde_field fields[] = {
	{ "role", SONDE_TYPE_STRING, "send: measured; receive: answered" },
	{ "resolvedAddress", SONDE_TYPE_STRING, "address of the other end" },
	{ "port", SONDE_TYPE_INT, "port of the receiver" },
	{ "up", SONDE_TYPE_OBJECT, "from the measuring node to the target; null when not asked for" },
	{ "up.bitsPerSecond", SONDE_TYPE_NUMBER, "rate once the path was full", "bit/s" },
	{ "up.meanBitsPerSecond", SONDE_TYPE_NUMBER, "rate over the whole transfer", "bit/s" },
	{ "up.bytes", SONDE_TYPE_INT, "bytes that arrived", "bytes" },
	{ "up.duration", SONDE_TYPE_NUMBER, "first to last arrival", "ms" },
	{ "down", SONDE_TYPE_OBJECT, "from the target to the measuring node; null when not asked for" },
	{ "down.bitsPerSecond", SONDE_TYPE_NUMBER, "rate once the path was full", "bit/s" },
	{ "down.meanBitsPerSecond", SONDE_TYPE_NUMBER, "rate over the whole transfer", "bit/s" },
	{ "down.bytes", SONDE_TYPE_INT, "bytes that arrived", "bytes" },
	{ "down.duration", SONDE_TYPE_NUMBER, "first to last arrival", "ms" },
	{ "retransmits", SONDE_TYPE_INT, "TCP segments the measuring node sent again" },
	{ "rtt", SONDE_TYPE_OBJECT, "round trips of a second connection" },
	{ "rtt.idle", SONDE_TYPE_OBJECT, "before the test" },
	{ "rtt.idle.min", SONDE_TYPE_NUMBER, "shortest", "ms" },
	{ "rtt.idle.avg", SONDE_TYPE_NUMBER, "mean", "ms" },
	{ "rtt.idle.max", SONDE_TYPE_NUMBER, "longest", "ms" },
	{ "rtt.idle.count", SONDE_TYPE_INT, "how many" },
	{ "rtt.loaded", SONDE_TYPE_OBJECT, "during the test; null when it was too short for one" },
	{ "rtt.loaded.min", SONDE_TYPE_NUMBER, "shortest", "ms" },
	{ "rtt.loaded.avg", SONDE_TYPE_NUMBER, "mean", "ms" },
	{ "rtt.loaded.max", SONDE_TYPE_NUMBER, "longest", "ms" },
	{ "rtt.loaded.count", SONDE_TYPE_INT, "how many" },
	{ NULL },
};

static void on_resolved(struct sonde_probe *p, void *arg, enum sonde_failure failure,
                        const struct sonde_addr *addrs, unsigned count, int64_t took_ns,
                        const char *why)
{
	const struct bandwidth_args *a = p->args;
	struct bw_state *s = p->state;

	if (failure) {
		p->host->done(p, failure, why);
		return;
	}
	s->peer = addrs[0];
	if (a->role == BW_RECEIVE) {
		bw_receive_start(p);
		return;
	}
	if (s->peer.sa.ss_family == AF_INET)
		((struct sockaddr_in *)&s->peer.sa)->sin_port = htons((uint16_t)a->port);
	else
		((struct sockaddr_in6 *)&s->peer.sa)->sin6_port = htons((uint16_t)a->port);
	bw_send_start(p);
}

static int check(const void *args, const char *target, struct sonde_error *e)
{
	const struct bandwidth_args *a = args;

	if (a->role == BW_NONE || (a->peer && *a->peer && a->token && *a->token))
		return 0;
	snprintf(e->path, sizeof(e->path), "peer");
	snprintf(e->text, sizeof(e->text), "and \"token\" must be given with a role");
	return 1;
}

static int start(struct sonde_probe *p)
{
	const struct bandwidth_args *a = p->args;
	struct bw_state *s = p->state;

	s->listener.fd = s->control.fd = s->file = -1;
	for (unsigned i = 0; i < BW_STREAMS; i++)
		s->streams[i].fd = -1;
	for (unsigned i = 0; i < BW_STREAMS + 2; i++)
		s->callers[i].fd = -1;
	if (a->role != BW_NONE)
		return p->host->resolve(p, a->peer, AF_UNSPEC, on_resolved, NULL);
	p->host->done(p, SONDE_FAIL_PROTOCOL, "No other node was booked for this test.");
	return 0;
}

static void cancel(struct sonde_probe *p, enum sonde_why why)
{
	const struct bandwidth_args *a = p->args;

	if (why != SONDE_WHY_TIMEOUT)
		bw_fail(p, SONDE_FAIL_CANCELLED, "It was cancelled.");
	else
		bw_fail(p, SONDE_FAIL_TIMEOUT, a->role == BW_RECEIVE ?
		        "The sender did not come, or did not end, in time." :
		        "The test did not end in time.");
}

static void finish(struct sonde_probe *p)
{
	bw_close_all(p);
}

SONDE_PLUGIN = {
	SONDE_PLUGIN_HEAD,
	.name = "bandwidth",
	.version = "1.0",
	.summary = "bandwidth between two nodes, both ways, with the round trip under load",
	.license = "Apache-2.0",
	.needs = SONDE_NEED_TCP | SONDE_NEED_RESOLVE,
	.args_size = sizeof(struct bandwidth_args),
	.state_size = sizeof(struct bw_state),
	.params = params,
	.fields = fields,
	.check = check,
	.start = start,
	.cancel = cancel,
	.finish = finish,
	.target = SONDE_TARGET_IS_NODE,
};
