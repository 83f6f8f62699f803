/* SPDX-License-Identifier: Apache-2.0 */
/* Only writes; owns nothing. */
#include "controller/members.h"

#include "base/clock.h"

void member_id(struct sonde_json *j, const char *key, const struct sonde_id *id)
{
	char text[SONDE_ID_TEXT];

	sonde_id_format(id, text);
	sonde_json_str(j, key, text);
}

void member_time(struct sonde_json *j, const char *key, int64_t wall_ms)
{
	char when[SONDE_TIME_TEXT];

	sonde_format_time(when, wall_ms);
	sonde_json_str(j, key, when);
}

void member_id_or_null(struct sonde_json *j, const char *key, const struct sonde_id *id)
{
	if (sonde_id_is_zero(id))
		sonde_json_str(j, key, NULL);
	else
		member_id(j, key, id);
}

void member_time_or_null(struct sonde_json *j, const char *key, int64_t wall_ms)
{
	if (wall_ms)
		member_time(j, key, wall_ms);
	else
		sonde_json_str(j, key, NULL);
}
