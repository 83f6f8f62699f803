/* SPDX-License-Identifier: Apache-2.0 */
/* The parameters that traceroute and mtr share. */
#pragma once
#include <sonde/plugin.h>
#include <stdint.h>

#include "path/path.h"

/* First in the args of a plugin. */
struct path_args {
	int64_t port, first, last, wait;
	uint32_t protocol;
	uint8_t names;
};

/* All but queries and interval. */
struct path_config path_args_config(const struct path_args *);
int path_args_refuse(struct sonde_error *, const char *path, const char *text);
/* 0, or -1 with the error filled. */
int path_args_check(const struct path_args *, const char *target, struct sonde_error *);

extern const char *const path_protocol_names[];

#define PATH_AT(member) offsetof(struct path_args, member)
#define PATH_PARAMS(usual_last) \
	{ "protocol", SONDE_TYPE_ENUM, PATH_AT(protocol), "what the probes are", NULL, "ICMP", \
	  path_protocol_names, 0, 0, 0 }, \
	{ "port", SONDE_TYPE_INT, PATH_AT(port), \
	  "destination port of TCP (0 is 80) and UDP (0 is 33434)", NULL, NULL, NULL, 0, 65535, 0 }, \
	{ "firstHop", SONDE_TYPE_INT, PATH_AT(first), "first time to live", NULL, "1", NULL, 1, \
	  PATH_TTL_MAX, 0 }, \
	{ "maxHops", SONDE_TYPE_INT, PATH_AT(last), "last time to live", NULL, usual_last, NULL, 1, \
	  PATH_TTL_MAX, 0 }, \
	{ "wait", SONDE_TYPE_DURATION, PATH_AT(wait), "how long to wait for answers", NULL, "2s", \
	  NULL, 10, 60000, 0 }, \
	{ "names", SONDE_TYPE_BOOL, PATH_AT(names), "look up the names of hops", NULL, "true", NULL, \
	  0, 0, 0 }
