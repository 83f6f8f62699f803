/* SPDX-License-Identifier: Apache-2.0 */
/* Slots are not kept: a candidate list is made from them once and then cached by placement.c. */
#include "controller/magic.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "controller/places.h"

enum slot {
	SLOT_COUNTRY, SLOT_CODE3, SLOT_COUNTRY_NAME, SLOT_COUNTRY_ALIAS, SLOT_CITY, SLOT_STATE,
	SLOT_US_STATE, SLOT_STATE_NAME, SLOT_CONTINENT, SLOT_CONTINENT_NAME, SLOT_REGION, SLOT_ASN,
	SLOT_TAG, SLOT_NETWORK, SLOT_NAME, SLOT_ID, SLOT_COUNT
};

/* What is looked for, and how. */
struct look {
	const char *text, *spaced;
	bool whole;
};

static bool fits(const struct look *l, const char *value)
{
	if (!value || !*value)
		return false;
	if (l->whole)
		return !strcasecmp(value, l->text) || !strcasecmp(value, l->spaced);
	return strcasestr(value, l->text) || strcasestr(value, l->spaced);
}

const char *node_continent(const struct node *n)
{
	const struct place *p;

	if (n->facts.continent && *n->facts.continent)
		return n->facts.continent;
	p = place_find(n->facts.country);
	return p ? place_region(p)->continent : NULL;
}

bool node_in_region(const struct node *n, const char *region)
{
	const struct place *p = place_find(n->facts.country);

	return (n->facts.region && !strcasecmp(region, n->facts.region)) ||
	       (p && !strcasecmp(region, place_region(p)->name));
}

static bool tag_fits(const struct look *l, const char *tag, size_t len)
{
	char part[MAGIC_TEXT];

	for (size_t n = 1; n <= len && n < sizeof(part); n++) {
		if (n < len && tag[n] != '-')
			continue;
		snprintf(part, sizeof(part), "%.*s", (int)n, tag);
		if (fits(l, part))
			return true;
	}
	return false;
}

/* "u-" before a tag is Globalping's sign of one that a user gave. */
static bool tags_fit(const struct look *l, const char *list)
{
	struct look plain = *l;
	bool user = !strncasecmp(l->text, "u-", 2) && l->text[2];

	if (user)
		plain.text = plain.spaced = l->text + 2;
	for (const char *p = list; p && *p;) {
		size_t len = strcspn(p, ",");
		if (tag_fits(l, p, len) || (user && tag_fits(&plain, p, len)))
			return true;
		p += len + (p[len] == ',');
	}
	return false;
}

/* The name up to each of its words: "deutsche", "deutsche telekom". */
static bool network_fits(const struct look *l, const char *name)
{
	char part[MAGIC_TEXT];

	if (!name || !l->whole)
		return fits(l, name);
	for (size_t n = 1; name[n - 1] && n < sizeof(part); n++) {
		if (name[n] && name[n] != ' ')
			continue;
		snprintf(part, sizeof(part), "%.*s", (int)n, name);
		if (fits(l, part))
			return true;
	}
	return false;
}

static bool alias_fits(const struct look *l, const struct place *p)
{
	const char *name;
	unsigned at = 0;

	while ((name = place_alias(p, &at)))
		if (fits(l, name))
			return true;
	return false;
}

static bool us_state_fits(const struct look *l, const char *state)
{
	char text[8];

	if (!place_state(state))
		return false;
	snprintf(text, sizeof(text), "us-%.2s", state);
	return fits(l, text);
}

static bool id_fits(const struct look *l, const struct node *n)
{
	char id[SONDE_ID_TEXT];

	if (!l->whole) /* a part of an id means nothing */
		return false;
	sonde_id_format(&n->id, id);
	return fits(l, id);
}

static bool asn_fits(const struct look *l, int64_t asn)
{
	char text[24];

	snprintf(text, sizeof(text), "as%lld", (long long)asn);
	return asn && fits(l, text);
}

static bool slot_fits(const struct look *l, const struct node *n, int slot)
{
	const struct node_facts *f = &n->facts;
	const struct place *p = place_find(f->country);

	switch (slot) {
	case SLOT_COUNTRY:
		return fits(l, f->country);
	case SLOT_CODE3:
		return p && fits(l, p->code3);
	case SLOT_COUNTRY_NAME:
		return p && fits(l, p->name);
	case SLOT_COUNTRY_ALIAS:
		return p && alias_fits(l, p);
	case SLOT_CITY:
		return fits(l, f->city);
	case SLOT_STATE:
		return fits(l, f->state);
	case SLOT_US_STATE:
		return us_state_fits(l, f->state);
	case SLOT_STATE_NAME:
		return fits(l, place_state(f->state));
	case SLOT_CONTINENT:
		return fits(l, node_continent(n));
	case SLOT_CONTINENT_NAME:
		return fits(l, place_continent(node_continent(n)));
	case SLOT_REGION:
		return fits(l, f->region) || (p && fits(l, place_region(p)->name));
	case SLOT_ASN:
		return asn_fits(l, f->asn);
	case SLOT_TAG:
		return tags_fit(l, f->tags);
	case SLOT_NETWORK:
		return network_fits(l, f->network);
	case SLOT_NAME:
		return fits(l, f->name);
	default:
		return id_fits(l, n);
	}
}

static int slot_of(const struct look *l, const struct nodes *nodes)
{
	for (int slot = 0; slot < SLOT_COUNT; slot++)
		for (unsigned i = 0; i < nodes->len; i++)
			if (nodes->all[i] && node_is_ready(nodes, nodes->all[i]) &&
			    slot_fits(l, nodes->all[i], slot))
				return slot;
	return -1;
}

static void read_part(struct magic *m, const char *text, size_t len, const struct nodes *nodes)
{
	while (len && *text == ' ')
		text++, len--;
	while (len && text[len - 1] == ' ')
		len--;
	if (!len || len >= MAGIC_TEXT || m->count == MAGIC_PARTS)
		return;
	char *to = m->parts[m->count].text, *spaced = m->parts[m->count].spaced;
	memcpy(to, text, len);
	to[len] = '\0';
	for (size_t i = 0; i <= len; i++)
		spaced[i] = to[i] == '-' ? ' ' : to[i];
	m->parts[m->count].world = !strcasecmp(to, "world");
	m->parts[m->count].slot = m->parts[m->count].world ? -1 :
		slot_of(&(struct look){ to, spaced, true }, nodes);
	m->count++;
}

void magic_read(struct magic *m, const char *text, const struct nodes *nodes)
{
	m->count = 0;
	while (text && *text) {
		size_t len = strcspn(text, "+");
		read_part(m, text, len, nodes);
		text += len + (text[len] == '+');
	}
}

static bool part_matches(const struct magic *m, unsigned i, const struct node *n)
{
	struct look l = { m->parts[i].text, m->parts[i].spaced, m->parts[i].slot >= 0 };

	if (m->parts[i].world)
		return true;
	if (l.whole)
		return slot_fits(&l, n, m->parts[i].slot);
	for (int slot = 0; slot < SLOT_COUNT; slot++)
		if (slot_fits(&l, n, slot))
			return true;
	return false;
}

bool magic_matches(const struct magic *m, const struct node *n)
{
	for (unsigned i = 0; i < m->count; i++)
		if (!part_matches(m, i, n))
			return false;
	return true;
}
