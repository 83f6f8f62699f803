/* SPDX-License-Identifier: Apache-2.0 */
/* What the API says of itself: its OpenAPI document, which the build put into the program, and the
 * catalog that points to it (RFC 9727). Owns nothing. */
#include <string.h>

#include "controller/api/api.h"
#include "controller/api/spec.h"

static void reply(struct call *call, const char *type, const char *text, size_t len)
{
	static const struct sonde_header headers[] = { { "Cache-Control", "public, max-age=300" },
		                                       { NULL } };

	answer_reply(call->c, call->req, &(struct sonde_reply){ .status = 200, .type = type,
		.body = text, .len = len, .headers = headers });
}

void api_spec(struct call *call)
{
	struct sonde_buf b;

	sonde_buf_init(&b, REPLY_MAX);
	for (const char *const *line = api_spec_lines; *line; line++)
		sonde_buf_str(&b, *line);
	if (b.failed)
		answer_busy(call->c, call->req, SONDE_ENOMEM);
	else
		reply(call, "application/yaml", b.data, b.len);
	sonde_buf_deinit(&b);
}

void api_catalog(struct call *call)
{
	static const char text[] =
		"{\"linkset\":[{\"anchor\":\"/v1\","
		"\"service-desc\":[{\"href\":\"/v1/spec.yaml\",\"type\":\"application/yaml\"}],"
		"\"service-meta\":[{\"href\":\"/v1/plugins\",\"type\":\"application/json\"}],"
		"\"status\":[{\"href\":\"/health\",\"type\":\"text/plain\"}]}]}";

	reply(call, "application/linkset+json; profile=\"https://www.rfc-editor.org/info/rfc9727\"", text,
	      sizeof(text) - 1);
}
