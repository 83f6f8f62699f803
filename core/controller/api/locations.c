/* SPDX-License-Identifier: Apache-2.0 */
/* Locations of a measurement request: filters by table, or the nodes of an earlier measurement. */
#include <string.h>

#include "controller/api/reading.h"

enum { MAGIC_PARTS = 4, TEXT_MAX = 128 };

static const struct {
	const char *name;
	size_t offset;
	size_t max;
} location_texts[] = {
	{ "continent", offsetof(struct location, continent), 2 },
	{ "region", offsetof(struct location, region), TEXT_MAX },
	{ "country", offsetof(struct location, country), 2 },
	{ "state", offsetof(struct location, state), 2 },
	{ "city", offsetof(struct location, city), TEXT_MAX },
	{ "network", offsetof(struct location, network), TEXT_MAX },
	{ "magic", offsetof(struct location, magic), TEXT_MAX },
	{ "node", offsetof(struct location, node), 64 },
};

static const char *const location_keys[] = { "continent", "region", "country", "state", "city",
	                                     "network", "magic", "node", "asn", "tags", "limit",
	                                     NULL };

enum { LOCATION_TEXTS = sizeof(location_texts) / sizeof(location_texts[0]) };

static int read_location_text(struct reading *rd, struct location *l, const char *key,
                              const json_t *v)
{
	for (unsigned i = 0; i < LOCATION_TEXTS; i++) {
		if (strcmp(key, location_texts[i].name))
			continue;
		const char *text = json_string_value(v);
		if (!text || !*text || strlen(text) > location_texts[i].max)
			return sonde_fail(rd->e, SONDE_EINVAL, key,
			                  "\"%s\" must be a text of 1 to %zu characters", key,
			                  location_texts[i].max);
		*(const char **)((char *)l + location_texts[i].offset) = request_keep(rd, text);
		return SONDE_OK;
	}
	const char *near = sonde_nearest(key, location_keys);
	return sonde_fail(rd->e, SONDE_EINVAL, key, "\"%s\" is not allowed%s%s%s", key,
	                  near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static int read_tags(struct reading *rd, struct location *l, const json_t *v)
{
	const json_t *tag;
	size_t i;

	if (!json_is_array(v) || json_array_size(v) > LOCATION_TAGS)
		return request_wrong(rd, "tags", "\"tags\" must be an array of at most 32 texts");
	json_array_foreach(v, i, tag) {
		const char *text = json_string_value(tag);
		if (!text || !*text || strlen(text) > TEXT_MAX)
			return request_wrong(rd, "tags", "a tag must be a text of 1 to 128 characters");
		l->tags[l->tag_count++] = request_keep(rd, text);
	}
	return SONDE_OK;
}

static int read_location(struct reading *rd, struct location *l, const json_t *object)
{
	const char *key;
	json_t *v;
	int64_t n;
	int rc = SONDE_OK;

	if (!json_is_object(object) || !json_object_size(object))
		return request_wrong(rd, "", "a location must be an object with at least one member");
	json_object_foreach((json_t *)object, key, v) {
		if (!strcmp(key, "asn")) {
			rc = request_int(rd, v, "asn", 1, UINT32_MAX, &l->asn);
		} else if (!strcmp(key, "tags")) {
			rc = read_tags(rd, l, v);
		} else if (!strcmp(key, "limit")) {
			rc = request_int(rd, v, "limit", 1, PLACE_MAX, &n);
			l->limit = (unsigned)n;
		} else {
			rc = read_location_text(rd, l, key, v);
		}
		if (rc != SONDE_OK)
			return rc;
	}
	if (l->limit && json_object_size(object) == 1)
		return request_wrong(rd, "", "a location must say where, not only how many");
	unsigned parts = 1;
	for (const char *p = l->magic; p && *p; p++)
		parts += *p == '+';
	return parts > MAGIC_PARTS ? request_wrong(rd, "magic", "\"magic\" may have at most 4 parts") : SONDE_OK;
}

int request_locations(struct reading *rd, const json_t *v)
{
	const json_t *object;
	size_t i;

	rd->r->locations_json = v;
	if (json_is_string(v)) {
		int rc = request_reuse(rd->c, rd->r, json_string_value(v));
		return rc == SONDE_ENOENT ? SONDE_ENOENT : rc;
	}
	if (!json_is_array(v) || json_array_size(v) > LOCATIONS_MAX)
		return request_wrong(rd, "locations", "\"locations\" must be an array of at most 128 objects");
	json_array_foreach(v, i, object) {
		struct location *l = &rd->r->locations[rd->r->location_count++];
		memset(l, 0, sizeof(*l));
		int rc = read_location(rd, l, object);
		if (rc != SONDE_OK) {
			sonde_error_nest(rd->e, "locations", (int)i);
			return rc;
		}
	}
	return SONDE_OK;
}

int request_reuse(struct controller *c, struct measurement_request *r, const char *text)
{
	struct sonde_slice value;
	struct sonde_read *read;
	struct record record;
	struct sonde_id id;

	if (!sonde_id_parse(text, strlen(text), &id) || sonde_read_begin(c->store, &read) != SONDE_OK)
		return SONDE_ENOENT;
	int rc = sonde_read_get(read, SONDE_TABLE_MEASUREMENTS,
	                        (struct sonde_slice){ id.b, sizeof(id.b) }, &value);
	if (rc == SONDE_OK)
		rc = record_read(&record, value.data, value.len);
	r->location_count = 0;
	for (uint32_t i = 0; rc == SONDE_OK && i < record_probes(&record) && i < LOCATIONS_MAX; i++) {
		char node[SONDE_ID_TEXT];
		record_node(&record, i, &id);
		sonde_id_format(&id, node);
		struct location *l = &r->locations[r->location_count++];
		memset(l, 0, sizeof(*l));
		l->node = sonde_pool_strndup(&r->pool, node, strlen(node));
	}
	sonde_read_end(read);
	return rc == SONDE_OK ? SONDE_OK : SONDE_ENOENT;
}
