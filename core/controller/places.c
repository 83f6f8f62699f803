/* SPDX-License-Identifier: Apache-2.0 */
/* Tables and their lookups; nothing is allocated. */
#include "controller/places.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct place_region regions[] = {
	{ "Northern Africa", "AF" },
	{ "Eastern Africa", "AF" },
	{ "Middle Africa", "AF" },
	{ "Southern Africa", "AF" },
	{ "Western Africa", "AF" },
	{ "Caribbean", "NA" },
	{ "Central America", "NA" },
	{ "South America", "SA" },
	{ "Northern America", "NA" },
	{ "Antarctica", "AN" },
	{ "Central Asia", "AS" },
	{ "Eastern Asia", "AS" },
	{ "South-eastern Asia", "AS" },
	{ "Southern Asia", "AS" },
	{ "Western Asia", "AS" },
	{ "Eastern Europe", "EU" },
	{ "Northern Europe", "EU" },
	{ "Southern Europe", "EU" },
	{ "Western Europe", "EU" },
	{ "Australia and New Zealand", "OC" },
	{ "Melanesia", "OC" },
	{ "Micronesia", "OC" },
	{ "Polynesia", "OC" },
};

static const struct place countries[] = {
	{ "ad", "and", "andorra", 17 }, { "ae", "are", "united arab emirates", 14 },
	{ "af", "afg", "afghanistan", 13 }, { "ag", "atg", "antigua and barbuda", 5 },
	{ "ai", "aia", "anguilla", 5 }, { "al", "alb", "albania", 17 },
	{ "am", "arm", "armenia", 14 }, { "ao", "ago", "angola", 2 },
	{ "aq", "ata", "antarctica", 9 }, { "ar", "arg", "argentina", 7 },
	{ "as", "asm", "american samoa", 22 }, { "at", "aut", "austria", 18 },
	{ "au", "aus", "australia", 19 }, { "aw", "abw", "aruba", 5 },
	{ "ax", "ala", "aland islands", 16 }, { "az", "aze", "azerbaijan", 14 },
	{ "ba", "bih", "bosnia and herzegovina", 17 }, { "bb", "brb", "barbados", 5 },
	{ "bd", "bgd", "bangladesh", 13 }, { "be", "bel", "belgium", 18 },
	{ "bf", "bfa", "burkina faso", 4 }, { "bg", "bgr", "bulgaria", 15 },
	{ "bh", "bhr", "bahrain", 14 }, { "bi", "bdi", "burundi", 1 },
	{ "bj", "ben", "benin", 4 }, { "bl", "blm", "saint barthelemy", 5 },
	{ "bm", "bmu", "bermuda", 8 }, { "bn", "brn", "brunei", 12 },
	{ "bo", "bol", "bolivia", 7 }, { "bq", "bes", "bonaire", 5 },
	{ "br", "bra", "brazil", 7 }, { "bs", "bhs", "bahamas", 5 },
	{ "bt", "btn", "bhutan", 13 }, { "bv", "bvt", "bouvet island", 7 },
	{ "bw", "bwa", "botswana", 3 }, { "by", "blr", "belarus", 15 },
	{ "bz", "blz", "belize", 6 }, { "ca", "can", "canada", 8 },
	{ "cc", "cck", "cocos (keeling) islands", 19 }, { "cd", "cod", "dr congo", 2 },
	{ "cf", "caf", "central african republic", 2 }, { "cg", "cog", "congo", 2 },
	{ "ch", "che", "switzerland", 18 }, { "ci", "civ", "cote d'ivoire", 4 },
	{ "ck", "cok", "cook islands", 22 }, { "cl", "chl", "chile", 7 },
	{ "cm", "cmr", "cameroon", 2 }, { "cn", "chn", "china", 11 },
	{ "co", "col", "colombia", 7 }, { "cr", "cri", "costa rica", 6 },
	{ "cu", "cub", "cuba", 5 }, { "cv", "cpv", "cabo verde", 4 },
	{ "cw", "cuw", "curacao", 5 }, { "cx", "cxr", "christmas island", 19 },
	{ "cy", "cyp", "cyprus", 14 }, { "cz", "cze", "czechia", 15 },
	{ "de", "deu", "germany", 18 }, { "dj", "dji", "djibouti", 1 },
	{ "dk", "dnk", "denmark", 16 }, { "dm", "dma", "dominica", 5 },
	{ "do", "dom", "dominican republic", 5 }, { "dz", "dza", "algeria", 0 },
	{ "ec", "ecu", "ecuador", 7 }, { "ee", "est", "estonia", 16 },
	{ "eg", "egy", "egypt", 0 }, { "eh", "esh", "western sahara", 0 },
	{ "er", "eri", "eritrea", 1 }, { "es", "esp", "spain", 17 },
	{ "et", "eth", "ethiopia", 1 }, { "fi", "fin", "finland", 16 },
	{ "fj", "fji", "fiji", 20 }, { "fk", "flk", "falkland islands (malvinas)", 7 },
	{ "fm", "fsm", "micronesia", 21 }, { "fo", "fro", "faroe islands", 16 },
	{ "fr", "fra", "france", 18 }, { "ga", "gab", "gabon", 2 },
	{ "gb", "gbr", "united kingdom", 16 }, { "gd", "grd", "grenada", 5 },
	{ "ge", "geo", "georgia", 14 }, { "gf", "guf", "french guiana", 7 },
	{ "gg", "ggy", "guernsey", 16 }, { "gh", "gha", "ghana", 4 },
	{ "gi", "gib", "gibraltar", 17 }, { "gl", "grl", "greenland", 8 },
	{ "gm", "gmb", "gambia", 4 }, { "gn", "gin", "guinea", 4 },
	{ "gp", "glp", "guadeloupe", 5 }, { "gq", "gnq", "equatorial guinea", 2 },
	{ "gr", "grc", "greece", 17 },
	{ "gs", "sgs", "south georgia and the south sandwich islands", 7 },
	{ "gt", "gtm", "guatemala", 6 }, { "gu", "gum", "guam", 21 },
	{ "gw", "gnb", "guinea-bissau", 4 }, { "gy", "guy", "guyana", 7 },
	{ "hk", "hkg", "hong kong", 11 },
	{ "hm", "hmd", "heard island and mcdonald islands", 19 }, { "hn", "hnd", "honduras", 6 },
	{ "hr", "hrv", "croatia", 17 }, { "ht", "hti", "haiti", 5 },
	{ "hu", "hun", "hungary", 15 }, { "id", "idn", "indonesia", 12 },
	{ "ie", "irl", "ireland", 16 }, { "il", "isr", "israel", 14 },
	{ "im", "imn", "isle of man", 16 }, { "in", "ind", "india", 13 },
	{ "io", "iot", "british indian ocean territory", 1 }, { "iq", "irq", "iraq", 14 },
	{ "ir", "irn", "iran", 13 }, { "is", "isl", "iceland", 16 }, { "it", "ita", "italy", 17 },
	{ "je", "jey", "jersey", 16 }, { "jm", "jam", "jamaica", 5 },
	{ "jo", "jor", "jordan", 14 }, { "jp", "jpn", "japan", 11 }, { "ke", "ken", "kenya", 1 },
	{ "kg", "kgz", "kyrgyzstan", 10 }, { "kh", "khm", "cambodia", 12 },
	{ "ki", "kir", "kiribati", 21 }, { "km", "com", "comoros", 1 },
	{ "kn", "kna", "saint kitts and nevis", 5 }, { "kp", "prk", "north korea", 11 },
	{ "kr", "kor", "south korea", 11 }, { "kw", "kwt", "kuwait", 14 },
	{ "ky", "cym", "cayman islands", 5 }, { "kz", "kaz", "kazakhstan", 10 },
	{ "la", "lao", "laos", 12 }, { "lb", "lbn", "lebanon", 14 },
	{ "lc", "lca", "saint lucia", 5 }, { "li", "lie", "liechtenstein", 18 },
	{ "lk", "lka", "sri lanka", 13 }, { "lr", "lbr", "liberia", 4 },
	{ "ls", "lso", "lesotho", 3 }, { "lt", "ltu", "lithuania", 16 },
	{ "lu", "lux", "luxembourg", 18 }, { "lv", "lva", "latvia", 16 },
	{ "ly", "lby", "libya", 0 }, { "ma", "mar", "morocco", 0 }, { "mc", "mco", "monaco", 18 },
	{ "md", "mda", "moldova", 15 }, { "me", "mne", "montenegro", 17 },
	{ "mf", "maf", "saint martin (french part)", 5 }, { "mg", "mdg", "madagascar", 1 },
	{ "mh", "mhl", "marshall islands", 21 }, { "mk", "mkd", "north macedonia", 17 },
	{ "ml", "mli", "mali", 4 }, { "mm", "mmr", "myanmar", 12 },
	{ "mn", "mng", "mongolia", 11 }, { "mo", "mac", "macao", 11 },
	{ "mp", "mnp", "northern mariana islands", 21 }, { "mq", "mtq", "martinique", 5 },
	{ "mr", "mrt", "mauritania", 4 }, { "ms", "msr", "montserrat", 5 },
	{ "mt", "mlt", "malta", 17 }, { "mu", "mus", "mauritius", 1 },
	{ "mv", "mdv", "maldives", 13 }, { "mw", "mwi", "malawi", 1 },
	{ "mx", "mex", "mexico", 6 }, { "my", "mys", "malaysia", 12 },
	{ "mz", "moz", "mozambique", 1 }, { "na", "nam", "namibia", 3 },
	{ "nc", "ncl", "new caledonia", 20 }, { "ne", "ner", "niger", 4 },
	{ "nf", "nfk", "norfolk island", 19 }, { "ng", "nga", "nigeria", 4 },
	{ "ni", "nic", "nicaragua", 6 }, { "nl", "nld", "netherlands", 18 },
	{ "no", "nor", "norway", 16 }, { "np", "npl", "nepal", 13 }, { "nr", "nru", "nauru", 21 },
	{ "nu", "niu", "niue", 22 }, { "nz", "nzl", "new zealand", 19 },
	{ "om", "omn", "oman", 14 }, { "pa", "pan", "panama", 6 }, { "pe", "per", "peru", 7 },
	{ "pf", "pyf", "french polynesia", 22 }, { "pg", "png", "papua new guinea", 20 },
	{ "ph", "phl", "philippines", 12 }, { "pk", "pak", "pakistan", 13 },
	{ "pl", "pol", "poland", 15 }, { "pm", "spm", "saint pierre and miquelon", 8 },
	{ "pn", "pcn", "pitcairn", 22 }, { "pr", "pri", "puerto rico", 5 },
	{ "ps", "pse", "palestine", 14 }, { "pt", "prt", "portugal", 17 },
	{ "pw", "plw", "palau", 21 }, { "py", "pry", "paraguay", 7 },
	{ "qa", "qat", "qatar", 14 }, { "re", "reu", "reunion", 1 },
	{ "ro", "rou", "romania", 15 }, { "rs", "srb", "serbia", 17 },
	{ "ru", "rus", "russia", 15 }, { "rw", "rwa", "rwanda", 1 },
	{ "sa", "sau", "saudi arabia", 14 }, { "sb", "slb", "solomon islands", 20 },
	{ "sc", "syc", "seychelles", 1 }, { "sd", "sdn", "sudan", 0 },
	{ "se", "swe", "sweden", 16 }, { "sg", "sgp", "singapore", 12 },
	{ "sh", "shn", "saint helena", 4 }, { "si", "svn", "slovenia", 17 },
	{ "sj", "sjm", "svalbard and jan mayen", 16 }, { "sk", "svk", "slovakia", 15 },
	{ "sl", "sle", "sierra leone", 4 }, { "sm", "smr", "san marino", 17 },
	{ "sn", "sen", "senegal", 4 }, { "so", "som", "somalia", 1 },
	{ "sr", "sur", "suriname", 7 }, { "ss", "ssd", "south sudan", 1 },
	{ "st", "stp", "sao tome and principe", 2 }, { "sv", "slv", "el salvador", 6 },
	{ "sx", "sxm", "sint maarten (dutch part)", 5 }, { "sy", "syr", "syria", 14 },
	{ "sz", "swz", "eswatini", 3 }, { "tc", "tca", "turks and caicos islands", 5 },
	{ "td", "tcd", "chad", 2 }, { "tf", "atf", "french southern territories", 1 },
	{ "tg", "tgo", "togo", 4 }, { "th", "tha", "thailand", 12 },
	{ "tj", "tjk", "tajikistan", 10 }, { "tk", "tkl", "tokelau", 22 },
	{ "tl", "tls", "timor-leste", 12 }, { "tm", "tkm", "turkmenistan", 10 },
	{ "tn", "tun", "tunisia", 0 }, { "to", "ton", "tonga", 22 },
	{ "tr", "tur", "turkey", 14 }, { "tt", "tto", "trinidad and tobago", 5 },
	{ "tv", "tuv", "tuvalu", 22 }, { "tw", "twn", "taiwan", 11 },
	{ "tz", "tza", "tanzania", 1 }, { "ua", "ukr", "ukraine", 15 },
	{ "ug", "uga", "uganda", 1 }, { "um", "umi", "united states minor outlying islands", 8 },
	{ "us", "usa", "united states", 8 }, { "uy", "ury", "uruguay", 7 },
	{ "uz", "uzb", "uzbekistan", 10 }, { "va", "vat", "holy see (vatican city state)", 17 },
	{ "vc", "vct", "saint vincent and the grenadines", 5 }, { "ve", "ven", "venezuela", 7 },
	{ "vg", "vgb", "british virgin islands", 5 }, { "vi", "vir", "u.s. virgin islands", 5 },
	{ "vn", "vnm", "vietnam", 12 }, { "vu", "vut", "vanuatu", 20 },
	{ "wf", "wlf", "wallis and futuna", 22 }, { "ws", "wsm", "samoa", 22 },
	{ "xk", "xkx", "kosovo", 15 }, { "ye", "yem", "yemen", 14 },
	{ "yt", "myt", "mayotte", 1 }, { "za", "zaf", "south africa", 3 },
	{ "zm", "zmb", "zambia", 1 }, { "zw", "zwe", "zimbabwe", 1 },
};

static const struct {
	const char *code, *name;
} aliases[] = {
	{ "us", "usa" }, { "us", "united states of america" }, { "us", "america" },
	{ "gb", "uk" }, { "gb", "great britain" }, { "gb", "britain" }, { "gb", "england" },
	{ "ae", "uae" }, { "ae", "emirates" }, { "nl", "holland" }, { "kr", "korea" },
	{ "kr", "republic of korea" }, { "cz", "czech republic" }, { "tr", "turkiye" },
	{ "ru", "russian federation" }, { "bo", "plurinational state of bolivia" },
	{ "ci", "ivory coast" }, { "mm", "burma" }, { "sz", "swaziland" }, { "tl", "east timor" },
	{ "va", "vatican" }, { "cv", "cape verde" }, { "mk", "macedonia" }, { "vn", "viet nam" },
}, states[] = {
	{ "al", "alabama" }, { "ak", "alaska" }, { "az", "arizona" }, { "ar", "arkansas" },
	{ "ca", "california" }, { "co", "colorado" }, { "ct", "connecticut" }, { "de", "delaware" },
	{ "dc", "district of columbia" }, { "fl", "florida" }, { "ga", "georgia" },
	{ "hi", "hawaii" }, { "id", "idaho" }, { "il", "illinois" }, { "in", "indiana" },
	{ "ia", "iowa" }, { "ks", "kansas" }, { "ky", "kentucky" }, { "la", "louisiana" },
	{ "me", "maine" }, { "md", "maryland" }, { "ma", "massachusetts" }, { "mi", "michigan" },
	{ "mn", "minnesota" }, { "ms", "mississippi" }, { "mo", "missouri" }, { "mt", "montana" },
	{ "ne", "nebraska" }, { "nv", "nevada" }, { "nh", "new hampshire" }, { "nj", "new jersey" },
	{ "nm", "new mexico" }, { "ny", "new york" }, { "nc", "north carolina" },
	{ "nd", "north dakota" }, { "oh", "ohio" }, { "ok", "oklahoma" }, { "or", "oregon" },
	{ "pa", "pennsylvania" }, { "ri", "rhode island" }, { "sc", "south carolina" },
	{ "sd", "south dakota" }, { "tn", "tennessee" }, { "tx", "texas" }, { "ut", "utah" },
	{ "vt", "vermont" }, { "va", "virginia" }, { "wa", "washington" }, { "wv", "west virginia" },
	{ "wi", "wisconsin" }, { "wy", "wyoming" },
}, continents[] = {
	{ "af", "africa" }, { "an", "antarctica" }, { "as", "asia" }, { "eu", "europe" },
	{ "na", "north america" }, { "oc", "oceania" }, { "sa", "south america" },
};

static int by_code(const void *key, const void *row)
{
	return strcasecmp(key, ((const struct place *)row)->code);
}

const struct place *place_find(const char *code)
{
	if (!code || strlen(code) != 2)
		return NULL;
	return bsearch(code, countries, COUNT(countries), sizeof(countries[0]), by_code);
}

const struct place_region *place_region(const struct place *p)
{
	return &regions[p->region];
}

const char *place_alias(const struct place *p, unsigned *at)
{
	while (*at < COUNT(aliases)) {
		unsigned i = (*at)++;
		if (!strcmp(aliases[i].code, p->code))
			return aliases[i].name;
	}
	return NULL;
}

const char *place_state(const char *code)
{
	for (unsigned i = 0; code && i < COUNT(states); i++)
		if (!strcasecmp(code, states[i].code))
			return states[i].name;
	return NULL;
}

const char *place_continent(const char *code)
{
	for (unsigned i = 0; code && i < COUNT(continents); i++)
		if (!strcasecmp(code, continents[i].code))
			return continents[i].name;
	return NULL;
}

double place_distance(double lat1, double lon1, double lat2, double lon2)
{
	const double rad = M_PI / 180, earth_km = 6371;
	double a = sin((lat2 - lat1) * rad / 2), b = sin((lon2 - lon1) * rad / 2);
	double h = a * a + cos(lat1 * rad) * cos(lat2 * rad) * b * b;

	return 2 * earth_km * asin(sqrt(h < 1 ? h : 1));
}
