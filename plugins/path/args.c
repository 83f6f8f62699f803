/* SPDX-License-Identifier: Apache-2.0 */
/* The parameters that traceroute and mtr share: what they mean to the engine, and the rules between
 * them. Owns nothing. */
#include "path/args.h"

#include <stdio.h>

const char *const path_protocol_names[] = { "ICMP", "TCP", "UDP", NULL };

struct path_config path_args_config(const struct path_args *a)
{
	return (struct path_config){
		.protocol = (enum path_protocol)a->protocol,
		.port = (uint16_t)a->port,
		.first = (unsigned)a->first,
		.last = (unsigned)a->last,
		.wait = a->wait,
		.names = a->names,
	};
}

int path_args_refuse(struct sonde_error *e, const char *path, const char *text)
{
	snprintf(e->path, sizeof(e->path), "%s", path);
	snprintf(e->text, sizeof(e->text), "%s", text);
	return -1;
}

int path_args_check(const struct path_args *a, const char *target, struct sonde_error *e)
{
	if (!target || !*target)
		return path_args_refuse(e, "target", "must be a host name or an address");
	if (a->first > a->last)
		return path_args_refuse(e, "firstHop", "must not be above maxHops");
	return 0;
}
