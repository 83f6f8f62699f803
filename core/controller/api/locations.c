/* SPDX-License-Identifier: Apache-2.0 */
/* Locations of a measurement request: filters by table, or the nodes of an earlier measurement. */
#include <string.h>
#include <strings.h>

#include "controller/api/reading.h"
#include "controller/magic.h"
#include "controller/places.h"
#include "controller/retain.h"

enum { TEXT_MAX = 128, EARTH_KM = 20038 };

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
	                                     "latitude", "longitude", "radius", NULL };

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

static int read_degrees(struct reading *rd, const json_t *v, const char *key, double max, double *out)
{
	*out = json_number_value(v);
	if (!json_is_number(v) || !(*out >= -max && *out <= max))
		return sonde_fail(rd->e, SONDE_EINVAL, key, "\"%s\" must be a number from %g to %g",
		                  key, -max, max);
	return SONDE_OK;
}

static int read_member(struct reading *rd, struct location *l, const char *key, const json_t *v)
{
	int64_t n = 0;
	int rc;

	if (!strcmp(key, "asn"))
		return request_int(rd, v, "asn", 1, UINT32_MAX, &l->asn);
	if (!strcmp(key, "tags"))
		return read_tags(rd, l, v);
	if (!strcmp(key, "latitude"))
		return read_degrees(rd, v, key, 90, &l->latitude);
	if (!strcmp(key, "longitude"))
		return read_degrees(rd, v, key, 180, &l->longitude);
	if (!strcmp(key, "radius")) {
		rc = request_int(rd, v, key, 1, EARTH_KM, &n);
		l->radius_km = (double)n;
		return rc;
	}
	if (!strcmp(key, "limit")) {
		rc = request_int(rd, v, "limit", 1, PLACE_MAX, &n);
		l->limit = (unsigned)n;
		return rc;
	}
	return read_location_text(rd, l, key, v);
}

static bool node_is_in(const struct nodes *nodes, const char *country)
{
	for (unsigned i = 0; i < nodes->len; i++)
		if (nodes->all[i] && nodes->all[i]->facts.country &&
		    !strcasecmp(nodes->all[i]->facts.country, country))
			return true;
	return false;
}

/* A continent or country that is none is a mistake, not a place without nodes. */
static int check_codes(struct reading *rd, const struct location *l)
{
	if (l->continent && !place_continent(l->continent))
		return request_wrong(rd, "continent", "\"continent\" must be one of AF, AN, AS, EU, NA, OC, SA");
	if (l->country && !place_find(l->country) && !node_is_in(&rd->c->nodes, l->country))
		return request_wrong(rd, "country", "\"country\" must be a code of ISO 3166-1, such as DE");
	return SONDE_OK;
}

static int check_location(struct reading *rd, const struct location *l, const json_t *object)
{
	bool latitude = json_object_get(object, "latitude"), longitude = json_object_get(object, "longitude");
	unsigned parts = 1;

	if (l->limit && json_object_size(object) == 1)
		return request_wrong(rd, "", "a location must say where, not only how many");
	if (latitude != longitude || latitude != (l->radius_km > 0))
		return request_wrong(rd, "radius", "\"radius\" needs \"latitude\" and \"longitude\", and they it");
	for (const char *p = l->magic; p && *p; p++)
		parts += *p == '+';
	if (check_codes(rd, l) != SONDE_OK)
		return SONDE_EINVAL;
	return parts > MAGIC_PARTS ?
		request_wrong(rd, "magic", "\"magic\" may have at most 4 parts") : SONDE_OK;
}

static int read_location(struct reading *rd, struct location *l, const json_t *object)
{
	const char *key;
	json_t *v;

	memset(l, 0, sizeof(*l));
	if (!json_is_object(object) || !json_object_size(object))
		return request_wrong(rd, "", "a location must be an object with at least one member");
	json_object_foreach((json_t *)object, key, v) {
		int rc = read_member(rd, l, key, v);
		if (rc != SONDE_OK)
			return rc;
	}
	return check_location(rd, l, object);
}

/* An array of objects into at most `max` places; its name stands before the path of an error. */
static int read_array(struct reading *rd, const char *name, const json_t *v, struct location *to,
                      unsigned *count, unsigned max)
{
	const json_t *object;
	size_t i;

	if (!json_is_array(v) || json_array_size(v) > max - *count)
		return sonde_fail(rd->e, SONDE_EINVAL, name,
		                  "\"%s\" must be an array of at most %u objects", name, max);
	json_array_foreach(v, i, object) {
		int rc = read_location(rd, &to[(*count)++], object);
		if (rc != SONDE_OK) {
			sonde_error_nest(rd->e, name, (int)i);
			return rc;
		}
	}
	return SONDE_OK;
}

/* As the measurement shows them: a limit of 1 is what there is without one. */
static void remember(struct measurement_request *r, const json_t *v)
{
	json_t *object;
	size_t i;

	if (!r->locations_json)
		r->locations_json = json_array();
	json_array_foreach((json_t *)v, i, object) {
		json_t *shown = json_copy(object);
		int64_t limit = 0;
		const json_t *given = json_object_get(shown, "limit");
		if (json_is_integer(given))
			limit = json_integer_value(given);
		if (limit == 1)
			json_object_del(shown, "limit");
		json_array_append_new(r->locations_json, shown);
	}
}

int request_locations(struct reading *rd, const json_t *v)
{
	struct measurement_request *r = rd->r;

	if (json_is_string(v)) {
		if (!json_string_length(v) || json_string_length(v) > TEXT_MAX)
			return request_wrong(rd, "locations", "\"locations\" must be the id of a measurement");
		return request_reuse(rd->c, r, json_string_value(v));
	}
	int rc = read_array(rd, "locations", v, r->locations, &r->location_count, LOCATIONS_MAX);
	if (rc == SONDE_OK && json_array_size(v))
		remember(r, v);
	return rc;
}

/* Ids or names of nodes, each a location of its own. */
int request_nodes(struct reading *rd, const json_t *v)
{
	json_t *objects = json_array();
	const json_t *name;
	size_t i;

	json_array_foreach((json_t *)v, i, name)
		json_array_append_new(objects, json_pack("{s:O}", "node", name));
	int rc = json_is_array(v) && json_array_size(v) == json_array_size(objects) ?
		read_array(rd, "nodes", objects, rd->r->locations, &rd->r->location_count,
		           LOCATIONS_MAX) :
		request_wrong(rd, "nodes", "\"nodes\" must be an array of ids or names");
	if (rc == SONDE_OK)
		remember(rd->r, objects);
	json_decref(objects);
	return rc;
}

int request_exclude(struct reading *rd, const json_t *v)
{
	rd->r->exclude_json = json_array_size(v) ? v : NULL;
	return read_array(rd, "exclude", v, rd->r->exclude, &rd->r->exclude_count, EXCLUDE_MAX);
}

static const char *id_text(struct measurement_request *r, const struct sonde_id *id)
{
	char text[SONDE_ID_TEXT];

	sonde_id_format(id, text);
	return sonde_pool_strndup(&r->pool, text, strlen(text));
}

int request_reuse(struct controller *c, struct measurement_request *r, const char *text)
{
	struct retention retention;
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
	retention_init(&retention, c);
	if (rc == SONDE_OK && !retention_keeps(&retention, &id, &record))
		rc = SONDE_ENOENT;
	if (rc == SONDE_OK) {
		r->reuse_count = record_probes(&record);
		r->reuse_count = r->reuse_count < PLACE_MAX ? r->reuse_count : PLACE_MAX;
		r->location_count = 0;
		json_decref(r->locations_json);
		r->locations_json = record.locations.len ?
			json_loadb(record.locations.s, record.locations.len, 0, NULL) : NULL;
		if (!json_is_array(r->locations_json)) {
			json_decref(r->locations_json);
			r->locations_json = NULL;
		}
	}
	for (uint32_t i = 0; rc == SONDE_OK && i < r->reuse_count; i++) {
		record_node(&record, i, &r->reuse[i]);
		if (i < LOCATIONS_MAX) /* for a schedule they are places like others */
			r->locations[r->location_count++] = (struct location){ .node = id_text(r, &r->reuse[i]) };
	}
	sonde_read_end(read);
	return rc == SONDE_OK ? SONDE_OK : SONDE_ENOENT;
}
