/* SPDX-License-Identifier: Apache-2.0 */
/* Names of the failure taxonomy, the same words in every program. */
#include "wire/wire.h"

#include <sonde/plugin.h>
#include <string.h>

static const char *const names[] = {
	[SONDE_FAIL_NONE] = "ok",
	[SONDE_FAIL_RESOLVE] = "resolve",
	[SONDE_FAIL_CONNECT] = "connect",
	[SONDE_FAIL_REFUSED] = "refused",
	[SONDE_FAIL_UNREACHABLE] = "unreachable",
	[SONDE_FAIL_TLS] = "tls",
	[SONDE_FAIL_PROTOCOL] = "protocol",
	[SONDE_FAIL_TIMEOUT] = "timeout",
	[SONDE_FAIL_ASSERTION] = "assertion",
	[SONDE_FAIL_GUARD] = "guard",
	[SONDE_FAIL_OVERLOAD] = "overload",
	[SONDE_FAIL_PLUGIN_MISSING] = "plugin_missing",
	[SONDE_FAIL_CRASHED] = "crashed",
	[SONDE_FAIL_NODE_LOST] = "node_lost",
	[SONDE_FAIL_CANCELLED] = "cancelled",
	[SONDE_FAIL_INTERNAL] = "internal",
};

const char *sonde_failure_name(unsigned failure)
{
	return failure < sizeof(names) / sizeof(names[0]) ? names[failure] : "internal";
}

int sonde_failure_parse(const char *name, size_t len)
{
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == len && !memcmp(names[i], name, len))
			return (int)i;
	return -1;
}

bool sonde_failure_is_ours(unsigned failure)
{
	return failure >= SONDE_FAIL_GUARD;
}
