/* SPDX-License-Identifier: Apache-2.0 */
/* Node columns in C. Owns every array and its interned strings. Refuses rows over ROWS_MAX, a
 * priority outside 1..100 and texts over TEXT_MAX; an unknown number is NaN, never a zero. */
#include "script/columns.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"

enum { ROWS_MAX = 1 << 20, TEXT_MAX = 1024, WORDS_MAX = 256, PRIORITY_DEFAULT = 50 };

#define NUMBER(id, label, at, value, ...) [id] = { label, SONDE_KIND_NUMBER, at, value, __VA_ARGS__ }
#define TEXT(id, label, at, ...) [id] = { label, SONDE_KIND_TEXT, at, 0, __VA_ARGS__ }
const struct sonde_column_info sonde_column_infos[SONDE_COL_ALL] = {
	NUMBER(SONDE_COL_LOAD, "load", 0, 0, "0..1 and above"),
	NUMBER(SONDE_COL_RTT, "rtt", 1, NAN, "controller to node, ms"),
	NUMBER(SONDE_COL_ERROR_RATE, "error_rate", 2, 0, "0..1"),
	NUMBER(SONDE_COL_RESPONSE, "response", 3, NAN, "average time of a task, ms"),
	NUMBER(SONDE_COL_PRIORITY, "priority", 4, PRIORITY_DEFAULT, "1..100"),
	NUMBER(SONDE_COL_ACTIVE, "active", 5, 0, "tasks now on it"),
	NUMBER(SONDE_COL_CAPACITY, "capacity", 6, 1, "tasks it takes at once"),
	NUMBER(SONDE_COL_LATITUDE, "latitude", 7, NAN, "degrees, north is positive"),
	NUMBER(SONDE_COL_LONGITUDE, "longitude", 8, NAN, "degrees, east is positive"),
	NUMBER(SONDE_COL_ASN, "asn", 9, 0, "number of its autonomous system, 0 = unknown"),
	NUMBER(SONDE_COL_PAST_OK, "past_ok", 15, NAN,
	       "share of answers in the node's results for req.target (or its network, or all targets) of "
	       "req.type, 0..1; new results weigh most"),
	NUMBER(SONDE_COL_PAST_RTT, "past_rtt", 16, NAN, "their mean time, ms"),
	NUMBER(SONDE_COL_PAST_SPREAD, "past_spread", 17, NAN, "standard deviation of that time, ms"),
	NUMBER(SONDE_COL_PAST_SEEN, "past_seen", 18, 0, "how many results these are from, 0 = none"),
	NUMBER(SONDE_COL_PRESSURE, "pressure", 10, 0, "load + active / capacity"),
	NUMBER(SONDE_COL_CAPABILITIES, "capabilities", 11, 0, "how many tags and types it has"),
	NUMBER(SONDE_COL_SPOOL, "spool", 12, 0, "results that wait on it for the controller"),
	NUMBER(SONDE_COL_UPLINK, "uplink", 13, NAN, "1 = its uplink check passes, 0 = it fails"),
	NUMBER(SONDE_COL_DRAINING, "draining", 14, 0, "1 = it takes no new tasks"),
	NUMBER(SONDE_COL_IPV4, "ipv4", 19, NAN, "1 = it has IPv4, 0 = it has not"),
	NUMBER(SONDE_COL_IPV6, "ipv6", 20, NAN, "1 = it has IPv6, 0 = it has not"),
	NUMBER(SONDE_COL_CPUS, "cpus", 21, NAN, "processors it may use"),
	NUMBER(SONDE_COL_MEMORY, "memory", 22, NAN, "of its machine, MiB"),
	TEXT(SONDE_COL_REGION, "region", 0, "such as \"europe\""),
	TEXT(SONDE_COL_COUNTRY, "country", 1, "two letters"),
	TEXT(SONDE_COL_CITY, "city", 2, "name"),
	TEXT(SONDE_COL_NAME, "name", 3, "of the node"),
	TEXT(SONDE_COL_CONTINENT, "continent", 4, "AF, AN, AS, EU, NA, OC or SA"),
	[SONDE_COL_TAGS] = { "tags", SONDE_KIND_LIST, 0, 0, "separated by commas; ask with lb.has" },
	[SONDE_COL_TYPES] = { "types", SONDE_KIND_LIST, 1, 0, "separated by commas; ask with lb.has" },
};

uint64_t sonde_hash_mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint64_t sonde_hash_text(const char *s, size_t len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)s[i]) * UINT64_C(0x100000001b3);
	return sonde_hash_mix(h);
}

void sonde_columns_init(struct sonde_columns *c)
{
	*c = (struct sonde_columns){ 0 };
	sonde_intern_init(&c->intern);
	c->keeps = calloc(1, sizeof(*c->keeps));
}

void sonde_columns_deinit(struct sonde_columns *c)
{
	for (unsigned k = 0; k < SONDE_LISTS; k++) {
		for (unsigned i = 0; i < c->rows; i++)
			free(c->list[k][i].ids);
		free(c->list[k]);
	}
	for (unsigned i = 0; i < SONDE_NUMBERS; i++)
		free(c->number[i]);
	for (unsigned i = 0; i < SONDE_TEXTS; i++)
		free(c->text[i]);
	for (unsigned i = 0; i < 3; i++)
		free(c->place[i]);
	free(c->identity);
	free(c->used);
	free(c->keeps);
	sonde_intern_deinit(&c->intern);
	*c = (struct sonde_columns){ 0 };
}

const double *sonde_columns_numbers(const struct sonde_columns *c, unsigned column)
{
	return c->number[sonde_column_infos[column].slot];
}

const uint32_t *sonde_columns_texts(const struct sonde_columns *c, unsigned column)
{
	return c->text[sonde_column_infos[column].slot];
}

static bool widen(void *array, size_t item, unsigned cap)
{
	void **p = array;
	void *more = realloc(*p, item * cap);

	if (more)
		*p = more;
	return more;
}

static bool reserve(struct sonde_columns *c, unsigned cap)
{
	bool ok = widen(&c->identity, sizeof(*c->identity), cap) && widen(&c->used, 1, cap);

	for (unsigned i = 0; ok && i < SONDE_NUMBERS; i++)
		ok = widen(&c->number[i], sizeof(double), cap);
	for (unsigned i = 0; ok && i < SONDE_TEXTS; i++)
		ok = widen(&c->text[i], sizeof(uint32_t), cap);
	for (unsigned i = 0; ok && i < SONDE_LISTS; i++)
		ok = widen(&c->list[i], sizeof(struct sonde_id_list), cap);
	for (unsigned i = 0; ok && i < 3; i++)
		ok = widen(&c->place[i], sizeof(double), cap);
	if (ok)
		c->cap = cap;
	return ok;
}

static void blank(struct sonde_columns *c, unsigned at)
{
	for (unsigned i = 0; i < SONDE_COL_ALL; i++)
		if (sonde_column_infos[i].kind == SONDE_KIND_NUMBER)
			c->number[sonde_column_infos[i].slot][at] = sonde_column_infos[i].unset;
	for (unsigned i = 0; i < SONDE_TEXTS; i++)
		c->text[i][at] = SONDE_INTERN_EMPTY;
	for (unsigned i = 0; i < SONDE_LISTS; i++)
		c->list[i][at] = (struct sonde_id_list){ 0 };
	for (unsigned i = 0; i < 3; i++)
		c->place[i][at] = NAN;
	c->identity[at] = sonde_hash_mix(at + 1);
	c->used[at] = 0;
}

int sonde_columns_grow(struct sonde_columns *c, unsigned at)
{
	if (at < c->rows)
		return SONDE_OK;
	if (at >= ROWS_MAX)
		return SONDE_EFULL;
	unsigned cap = c->cap ? c->cap : 64;
	while (cap <= at)
		cap *= 2;
	if (cap > c->cap && !reserve(c, cap))
		return SONDE_ENOMEM;
	while (c->rows <= at)
		blank(c, c->rows++);
	return SONDE_OK;
}

static unsigned priority_of(const struct sonde_columns *c, unsigned at)
{
	return (unsigned)sonde_columns_numbers(c, SONDE_COL_PRIORITY)[at];
}

static int use(struct sonde_columns *c, unsigned at)
{
	int rc = sonde_columns_grow(c, at);

	if (rc == SONDE_OK && !c->used[at]) {
		c->used[at] = 1;
		c->priorities[priority_of(c, at)]++;
		c->version++;
	}
	return rc;
}

static double *cell(struct sonde_columns *c, unsigned column, unsigned at)
{
	return &c->number[sonde_column_infos[column].slot][at];
}

static void set_cell(struct sonde_columns *c, unsigned column, unsigned at, double v)
{
	double *to = cell(c, column, at);

	sonde_keep_changed(c->keeps, sonde_column_infos[column].slot, at, *to, v);
	*to = v;
}

static void derive_pressure(struct sonde_columns *c, unsigned at)
{
	double capacity = *cell(c, SONDE_COL_CAPACITY, at);

	set_cell(c, SONDE_COL_PRESSURE, at,
	         *cell(c, SONDE_COL_LOAD, at) +
	         *cell(c, SONDE_COL_ACTIVE, at) / (capacity >= 1 ? capacity : 1));
}

static void derive_place(struct sonde_columns *c, unsigned at)
{
	double lat = *cell(c, SONDE_COL_LATITUDE, at) * M_PI / 180;
	double lon = *cell(c, SONDE_COL_LONGITUDE, at) * M_PI / 180;

	c->place[0][at] = cos(lat) * cos(lon);
	c->place[1][at] = cos(lat) * sin(lon);
	c->place[2][at] = sin(lat);
}

static int set_priority(struct sonde_columns *c, unsigned at, double v)
{
	if (!(v >= 1 && v <= 100))
		return SONDE_EINVAL;
	c->priorities[priority_of(c, at)]--;
	set_cell(c, SONDE_COL_PRIORITY, at, floor(v));
	c->priorities[priority_of(c, at)]++;
	c->version++;
	return SONDE_OK;
}

/* No finer than a record of a decision can say, so that a replay sees the same. */
static double rounded(double v)
{
	return fabs(v) < 1e9 ? rint(v * 1e6) / 1e6 : v;
}

int sonde_columns_number(struct sonde_columns *c, unsigned at, enum sonde_column column, double v)
{
	if (column >= SONDE_COL_FIRST_TEXT)
		return SONDE_EINVAL;
	int rc = use(c, at);
	if (rc != SONDE_OK)
		return rc;
	if (column == SONDE_COL_PRIORITY)
		return set_priority(c, at, v);
	set_cell(c, column, at, rounded(v));
	if (column == SONDE_COL_LOAD || column == SONDE_COL_ACTIVE || column == SONDE_COL_CAPACITY)
		derive_pressure(c, at);
	if (column == SONDE_COL_LATITUDE || column == SONDE_COL_LONGITUDE)
		derive_place(c, at);
	return SONDE_OK;
}

void sonde_columns_past(struct sonde_columns *c, unsigned at, unsigned column, double v)
{
	*cell(c, column, at) = rounded(v);
}

void sonde_columns_blank_past(struct sonde_columns *c)
{
	for (unsigned k = SONDE_COL_PAST_OK; k <= SONDE_COL_PAST_SEEN; k++)
		for (unsigned i = 0; i < c->rows; i++)
			*cell(c, k, i) = sonde_column_infos[k].unset;
}

int sonde_columns_text(struct sonde_columns *c, unsigned at, enum sonde_column column,
                       const char *text)
{
	size_t len = text ? strlen(text) : 0;

	if (column < SONDE_COL_FIRST_TEXT || column >= SONDE_COL_COUNT || len > TEXT_MAX)
		return SONDE_EINVAL;
	int rc = use(c, at);
	if (rc != SONDE_OK)
		return rc;
	uint32_t id = sonde_intern_take(&c->intern, text, len);
	if (id == SONDE_INTERN_NONE)
		return SONDE_ENOMEM;
	uint32_t *slot = &c->text[sonde_column_infos[column].slot][at];
	sonde_intern_drop(&c->intern, *slot);
	*slot = id;
	if (column == SONDE_COL_NAME)
		c->identity[at] = len ? sonde_hash_text(text, len) : sonde_hash_mix(at + 1);
	return SONDE_OK;
}

static void drop_list(struct sonde_columns *c, struct sonde_id_list *l)
{
	for (uint32_t i = 0; i < l->n; i++)
		sonde_intern_drop(&c->intern, l->ids[i]);
	sonde_intern_drop(&c->intern, l->joined);
	free(l->ids);
	*l = (struct sonde_id_list){ 0 };
}

static uint32_t take_joined(struct sonde_columns *c, const char *const *words, unsigned n)
{
	char text[TEXT_MAX * 4];
	size_t len = 0;

	for (unsigned i = 0; i < n; i++) {
		size_t more = strlen(words[i]);
		if (len + more + 1 > sizeof(text))
			break;
		if (i)
			text[len++] = ',';
		memcpy(text + len, words[i], more);
		len += more;
	}
	return sonde_intern_take(&c->intern, text, len);
}

static int fill_list(struct sonde_columns *c, struct sonde_id_list *l, const char *const *words,
                     unsigned n)
{
	l->ids = n ? calloc(n, sizeof(*l->ids)) : NULL;
	if (n && !l->ids)
		return SONDE_ENOMEM;
	for (; l->n < n; l->n++) {
		uint32_t id = sonde_intern_take(&c->intern, words[l->n], strlen(words[l->n]));
		if (id == SONDE_INTERN_NONE)
			return SONDE_ENOMEM;
		l->ids[l->n] = id;
	}
	l->joined = take_joined(c, words, n);
	return l->joined == SONDE_INTERN_NONE ? SONDE_ENOMEM : SONDE_OK;
}

int sonde_columns_list(struct sonde_columns *c, unsigned at, unsigned column,
                       const char *const *words, unsigned n)
{
	struct sonde_id_list fresh = { 0 };

	if (n > WORDS_MAX)
		return SONDE_EINVAL;
	for (unsigned i = 0; i < n; i++)
		if (strlen(words[i]) > TEXT_MAX)
			return SONDE_EINVAL;
	int rc = use(c, at);
	if (rc == SONDE_OK)
		rc = fill_list(c, &fresh, words, n);
	if (rc != SONDE_OK) {
		drop_list(c, &fresh);
		return rc;
	}
	struct sonde_id_list *slot = &c->list[sonde_column_infos[column].slot][at];
	drop_list(c, slot);
	*slot = fresh;
	set_cell(c, SONDE_COL_CAPABILITIES, at, c->list[0][at].n + c->list[1][at].n);
	return SONDE_OK;
}

void sonde_columns_clear(struct sonde_columns *c, unsigned at)
{
	if (at >= c->rows)
		return;
	if (c->used[at]) {
		c->priorities[priority_of(c, at)]--;
		c->version++;
	}
	for (unsigned i = 0; i < SONDE_TEXTS; i++)
		sonde_intern_drop(&c->intern, c->text[i][at]);
	for (unsigned i = 0; i < SONDE_LISTS; i++)
		drop_list(c, &c->list[i][at]);
	sonde_keep_clear(c->keeps);
	blank(c, at);
}

bool sonde_columns_one_priority(const struct sonde_columns *c)
{
	unsigned kinds = 0;

	for (unsigned i = 0; i < SONDE_PRIORITIES; i++)
		kinds += c->priorities[i] != 0;
	return kinds <= 1;
}
