/* SPDX-License-Identifier: Apache-2.0 */
/* The result of one probe as the plugin writes it. Owns both texts. The JSON writer below trusts
 * its caller; a plugin is not trusted, so that every call is checked here first. */
#include "plug/result.h"

#include <string.h>

/* The outcome message wraps the body in a few more levels. */
enum { DEPTH_MAX = SONDE_JSON_DEPTH - 4, KEY_MAX = 64, RAW_MIN = 64 };

void sonde_result_init(struct sonde_result *r, size_t body_max, size_t raw_max)
{
	*r = (struct sonde_result){ 0 };
	sonde_buf_init(&r->body, body_max);
	sonde_buf_init(&r->raw, raw_max < RAW_MIN ? RAW_MIN : raw_max);
	sonde_json_init(&r->json, &r->body);
	sonde_json_open(&r->json, NULL, '{');
}

void sonde_result_deinit(struct sonde_result *r)
{
	sonde_buf_deinit(&r->body);
	sonde_buf_deinit(&r->raw);
}

static bool key_ok(const char *key)
{
	static const bool good[256] = { [0x20 ... '"' - 1] = true, ['"' + 1 ... '\\' - 1] = true,
		                        ['\\' + 1 ... 0x7e] = true };
	size_t n = 0;

	while (n <= KEY_MAX && good[(unsigned char)key[n]])
		n++;
	return n && n <= KEY_MAX && !key[n];
}

static bool may_write(struct sonde_result *r, const char *key)
{
	bool in_object = r->json.close[r->json.depth - 1] == '}';

	if (r->broken)
		return false;
	if (r->body.failed)
		r->broken = "it is too large";
	else if (in_object && !key)
		r->broken = "a member of an object has no key";
	else if (!in_object && key)
		r->broken = "an item of an array has a key";
	else if (key && !key_ok(key))
		r->broken = "a key is not plain text of 1 to 64 letters";
	return !r->broken;
}

void sonde_result_open(struct sonde_result *r, const char *key, char bracket)
{
	if (!may_write(r, key))
		return;
	if (bracket != '{' && bracket != '[')
		r->broken = "an unknown bracket was opened";
	else if (r->json.depth >= DEPTH_MAX)
		r->broken = "it is nested too deep";
	else
		sonde_json_open(&r->json, key, bracket);
}

void sonde_result_close(struct sonde_result *r)
{
	if (r->broken)
		return;
	if (r->json.depth <= 1)
		r->broken = "more was closed than opened";
	else
		sonde_json_close(&r->json);
}

void sonde_result_int(struct sonde_result *r, const char *key, int64_t v)
{
	if (may_write(r, key))
		sonde_json_int(&r->json, key, v);
}

void sonde_result_number(struct sonde_result *r, const char *key, double v, int digits)
{
	if (may_write(r, key))
		sonde_json_number(&r->json, key, v, digits);
}

void sonde_result_text(struct sonde_result *r, const char *key, const char *s, size_t len)
{
	if (may_write(r, key))
		sonde_json_text(&r->json, key, s, len);
}

void sonde_result_bool(struct sonde_result *r, const char *key, bool v)
{
	if (may_write(r, key))
		sonde_json_bool(&r->json, key, v);
}

void sonde_result_null(struct sonde_result *r, const char *key)
{
	if (may_write(r, key))
		sonde_json_null(&r->json, key);
}

/* How deep a valid JSON text is nested. */
static unsigned depth_of(const char *s, size_t len)
{
	unsigned depth = 0, deepest = 0;
	bool in_string = false;

	for (size_t i = 0; i < len; i++) {
		if (in_string && s[i] == '\\')
			i++;
		else if (s[i] == '"')
			in_string = !in_string;
		else if (!in_string && (s[i] == '{' || s[i] == '['))
			deepest = ++depth > deepest ? depth : deepest;
		else if (!in_string && (s[i] == '}' || s[i] == ']'))
			depth--;
	}
	return deepest;
}

void sonde_result_raw(struct sonde_result *r, const char *key, const char *s, size_t len)
{
	if (!may_write(r, key))
		return;
	if (!sonde_json_valid(s, len, false))
		r->broken = "a part of it is not valid JSON";
	else if (r->json.depth + depth_of(s, len) > DEPTH_MAX)
		r->broken = "it is nested too deep";
	else
		sonde_json_raw(&r->json, key, s, len);
}

void sonde_result_print(struct sonde_result *r, const char *s, size_t len)
{
	static const char cut[] = "\n[output cut here]\n";

	if (r->raw_cut)
		return;
	size_t room = r->raw.max - r->raw.len - (sizeof(cut) - 1);
	if (len <= room) {
		sonde_buf_add(&r->raw, s, len);
		return;
	}
	sonde_buf_add(&r->raw, s, room);
	sonde_buf_add(&r->raw, cut, sizeof(cut) - 1);
	r->raw_cut = true;
}

static void add_raw_output(struct sonde_result *r)
{
	while (r->json.depth > 1)
		sonde_json_close(&r->json);
	if (r->raw.len)
		sonde_json_text(&r->json, "rawOutput", r->raw.data, r->raw.len);
	sonde_json_close(&r->json);
}

const char *sonde_result_end(struct sonde_result *r, size_t *len)
{
	if (!r->broken)
		add_raw_output(r);
	if (!r->broken && r->body.failed)
		r->broken = "it is too large";
	if (r->broken) {
		sonde_buf_reset(&r->body);
		sonde_json_init(&r->json, &r->body);
		sonde_json_open(&r->json, NULL, '{');
		add_raw_output(r);
	}
	const char *text = sonde_buf_cstr(&r->body);
	if (r->body.failed || !*text)
		text = "{}";
	*len = strlen(text);
	return text;
}
