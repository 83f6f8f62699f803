/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of countries: ISO 3166-1 codes, names, the UN M49 region and the continent each lies
 * in; and of the states of the USA. All texts of tables are lower case but regions and continents,
 * which are written as the API shows them. */
#pragma once
#include <stddef.h>

struct place_region {
	const char *name, *continent; /* "Western Europe", "EU" */
};

struct place {
	const char *code, *code3, *name; /* "fr", "fra", "france" */
	unsigned region;
};

/* NULL where the code (two letters, any case) is of no country; code may be NULL. */
const struct place *place_find(const char *code);
const struct place_region *place_region(const struct place *);
/* Another name of a country, the next after *at (start with 0); NULL when there is none. */
const char *place_alias(const struct place *, unsigned *at);
/* "new york" for "NY"; NULL when it is none. */
const char *place_state(const char *code);
/* "europe" for "EU"; NULL when it is none. */
const char *place_continent(const char *code);
/* Kilometres between two points in degrees, on a sphere. */
double place_distance(double lat1, double lon1, double lat2, double lon2);
