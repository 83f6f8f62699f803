/* SPDX-License-Identifier: Apache-2.0 */
/* Registration: one POST with the token, answered with id and key. Runs before the loop and
 * blocks. A refusal is final and shown in the controller's words; anything that may pass is tried
 * again. The reply is foreign: bounded by the fetcher, read with depth and duplicate checks. */
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/private.h"
#include "fetch/fetch.h"
#include "node/backoff.h"
#include "node/identity.h"

#define CREDENTIAL "sonde.token"
enum { TOKEN_MAX = 128, BODY_MAX = 16 << 10 };

static int read_token(const struct sonde_node_options *o, char out[TOKEN_MAX + 1],
                      struct sonde_error *e)
{
	char credential[4096];
	const char *file = o->token_file && *o->token_file ? o->token_file : NULL;

	if (!file && sonde_private_credential(CREDENTIAL, credential, sizeof(credential)))
		file = credential;
	if (!file)
		return sonde_fail(e, SONDE_EINVAL, NULL,
		                  "this node is not registered yet: give --token-file with a registration "
		                  "token (from `sonde token create`)");
	int rc = sonde_private_read(file, out, TOKEN_MAX + 1, e);
	if (!rc)
		out[strcspn(out, " \t")] = '\0';
	return rc;
}

static void put_given(struct sonde_json *j, const char *key, const char *text)
{
	if (text && *text)
		sonde_json_str(j, key, text);
}

static void put_tags(struct sonde_json *j, const char *tags)
{
	sonde_json_open(j, "tags", '[');
	while (tags && *tags) {
		tags += strspn(tags, ", ");
		size_t n = strcspn(tags, ", ");
		if (n)
			sonde_json_text(j, NULL, tags, n);
		tags += n;
	}
	sonde_json_close(j);
}

static void write_request(struct sonde_buf *b, const struct sonde_node_options *o,
                          const char *token)
{
	struct sonde_json j;

	sonde_json_init(&j, b);
	sonde_json_open(&j, NULL, '{');
	sonde_json_str(&j, "token", token);
	sonde_json_str(&j, "name", o->name);
	put_given(&j, "region", o->region);
	put_given(&j, "country", o->country);
	put_given(&j, "city", o->city);
	put_given(&j, "continent", o->continent);
	put_given(&j, "network", o->network);
	if (o->latitude != 0 || o->longitude != 0) {
		sonde_json_number(&j, "latitude", o->latitude, 6);
		sonde_json_number(&j, "longitude", o->longitude, 6);
	}
	if (o->asn)
		sonde_json_int(&j, "asn", o->asn);
	put_tags(&j, o->tags);
	sonde_json_str(&j, "version", SONDE_VERSION);
	sonde_json_close(&j);
}

static int read_reply(const struct sonde_fetch_reply *reply, struct sonde_identity *out,
                      struct sonde_error *e)
{
	json_t *root = sonde_json_load(reply->body.data, reply->body.len, e);
	json_t *id = json_object_get(root, "id"), *key = json_object_get(root, "key");
	size_t len = json_string_length(key);
	int rc = SONDE_OK;

	if (!json_is_string(id) || !json_is_string(key) || len == 0 || len >= sizeof(out->key) ||
	    !sonde_id_parse(json_string_value(id), json_string_length(id), &out->id))
		rc = sonde_fail(e, SONDE_EINVAL, NULL, "the controller's answer holds no id and key");
	else
		memcpy(out->key, json_string_value(key), len + 1);
	json_decref(root);
	return rc;
}

/* The sentence of {"error":{"message":...}} when there is one. */
static int refused(const struct sonde_fetch_reply *reply, struct sonde_error *e)
{
	json_t *root = sonde_json_load(reply->body.data, reply->body.len, NULL);
	const char *said =
		json_string_value(json_object_get(json_object_get(root, "error"), "message"));
	int rc = sonde_fail(e, SONDE_EDENIED, NULL, "the controller refused the registration: %s",
	                    said ? said : "no reason given");

	if (!said)
		sonde_fail(e, rc, NULL, "the controller refused the registration with status %d",
		           reply->status);
	json_decref(root);
	return rc;
}

/* SONDE_ETIMEOUT: try again. */
static int attempt(struct sonde_fetcher *fetcher, const struct sonde_fetch_request *request,
                   struct sonde_identity *out, struct sonde_error *e)
{
	struct sonde_fetch_reply reply;
	int rc = sonde_fetch(fetcher, request, &reply, e);

	if (rc == SONDE_EIO)
		rc = SONDE_ETIMEOUT;
	else if (rc)
		;
	else if (reply.status == 201 || reply.status == 200)
		rc = read_reply(&reply, out, e);
	else if (reply.status == 429 || reply.status >= 500)
		rc = sonde_fail(e, SONDE_ETIMEOUT, NULL, "it answers with status %d", reply.status);
	else
		rc = refused(&reply, e);
	sonde_fetch_reply_deinit(&reply);
	return rc;
}

static void pause_ms(int64_t ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

static int repeat(const struct sonde_node_options *o, const struct sonde_fetch_request *request,
                  struct sonde_identity *out, struct sonde_error *e)
{
	struct sonde_fetcher *fetcher;
	struct sonde_backoff backoff;

	if (sonde_fetcher_new(&fetcher))
		return sonde_fail(e, SONDE_ENOMEM, NULL, "out of memory");
	sonde_backoff_init(&backoff, o->backoff_min / SONDE_NS_PER_MS,
	                   o->backoff_max / SONDE_NS_PER_MS);
	int rc;
	while ((rc = attempt(fetcher, request, out, e)) == SONDE_ETIMEOUT) {
		int64_t ms = sonde_backoff_next(&backoff);
		sonde_log(SONDE_LOG_WARN, "enrol", "%s: %s; trying again in %.1f s", o->controller,
		          e->text, (double)ms / 1000);
		pause_ms(ms);
	}
	sonde_fetcher_free(fetcher);
	return rc;
}

int sonde_enrol(const struct sonde_node_options *o, struct sonde_identity *out,
                struct sonde_error *e)
{
	char token[TOKEN_MAX + 1] = "", url[640];
	struct sonde_buf body;

	int rc = read_token(o, token, e);
	if (rc)
		return rc;
	sonde_buf_init(&body, BODY_MAX);
	write_request(&body, o, token);
	snprintf(url, sizeof(url), "%.*s/v1/nodes/register",
	         (int)(strlen(o->controller) - (o->controller[strlen(o->controller) - 1] == '/')),
	         o->controller);
	const struct sonde_fetch_request request = {
		.method = "POST", .url = url, .body = body.data, .len = body.len,
		.ca_file = o->ca_file && *o->ca_file ? o->ca_file : NULL, .pins = o->pin,
	};
	rc = body.failed ? sonde_fail(e, SONDE_ENOMEM, NULL, "the registration is too long") :
	                   repeat(o, &request, out, e);
	sonde_secret_wipe(token, sizeof(token));
	if (body.data)
		sonde_secret_wipe(body.data, body.len);
	sonde_buf_deinit(&body);
	return rc;
}
