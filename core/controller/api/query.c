/* SPDX-License-Identifier: Apache-2.0 */
/* Values of the query that several handlers read the same way; what is wrong is answered here. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "controller/api/api.h"

bool call_wrong(struct call *call, const char *name, const char *must)
{
	struct sonde_error e;

	sonde_fail(&e, SONDE_EINVAL, name, "\"%s\" %s", name, must);
	answer_invalid(call, &e);
	return false;
}

bool call_wait(struct call *call, int64_t *ms)
{
	char text[32];
	int64_t ns;

	*ms = 0;
	if (!call_query(call, "wait", text, sizeof(text)))
		return true;
	if (sonde_parse_duration(text, &ns) != SONDE_OK || ns / SONDE_NS_PER_MS > WAIT_MAX_MS)
		return call_wrong(call, "wait", "must be a duration of at most 300 s, as in 10s");
	*ms = ns / SONDE_NS_PER_MS;
	return true;
}

static bool whole(const char *text, int64_t min, int64_t max, int64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoll(text, &end, 10);
	return *text && *text != ' ' && !*end && !errno && *out >= min && *out <= max;
}

bool call_time(struct call *call, const char *name, int64_t fallback, int64_t *ms)
{
	char text[48];

	*ms = fallback;
	if (!call_query(call, name, text, sizeof(text)))
		return true;
	if (whole(text, 0, INT64_C(253402300799999), ms) || sonde_parse_time(text, strlen(text), ms))
		return true;
	return call_wrong(call, name, "must be a time as in 2026-11-21T07:21:00Z, or milliseconds since 1970");
}

bool call_number(struct call *call, const char *name, int64_t min, int64_t max, int64_t fallback,
                 int64_t *out)
{
	char text[32], must[96];

	*out = fallback;
	if (!call_query(call, name, text, sizeof(text)) || whole(text, min, max, out))
		return true;
	snprintf(must, sizeof(must), "must be an integer from %lld to %lld", (long long)min,
	         (long long)max);
	return call_wrong(call, name, must);
}
