/* SPDX-License-Identifier: Apache-2.0 */
/* A matrix of regions. Owns nothing. */
#include "controller/regions.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "controller/nodes.h"

static const float weight = 0.2F;

static unsigned find(const struct regions *r, const char *name)
{
	unsigned i = 0;

	while (i < r->n && strcmp(r->name[i], name))
		i++;
	return i;
}

/* REGIONS when there is no room. */
static unsigned take(struct regions *r, const char *name)
{
	unsigned i = find(r, name);

	if (i == r->n && r->n < REGIONS && *name && strlen(name) < REGION_NAME)
		snprintf(r->name[r->n++], REGION_NAME, "%s", name);
	return i < r->n ? i : REGIONS;
}

static bool has_time(struct regions *r)
{
	int64_t now = sonde_boottime_ns();

	if (now - r->second_ns >= SONDE_NS_PER_S) {
		r->second_ns = now;
		r->in_second = 0;
	}
	return r->in_second++ < REGIONS_A_SECOND;
}

static const char *region_at(const struct nodes *nodes, const char *address)
{
	for (unsigned i = 0; i < nodes->len; i++) {
		const struct node *n = nodes->all[i];
		if (n && n->facts.address && !strcmp(n->facts.address, address))
			return n->facts.region;
	}
	return NULL;
}

static void mix(float *to, double ms)
{
	*to = *to > 0 ? *to + weight * ((float)ms - *to) : (float)ms;
}

void regions_note(struct regions *r, const struct nodes *nodes, const char *from, const char *address,
                  double ms)
{
	if (!from || !*from || !(ms > 0) || !has_time(r))
		return;
	const char *to = region_at(nodes, address);
	if (!to || !*to || !strcmp(from, to))
		return;
	unsigned a = take(r, from), b = take(r, to);
	if (a == REGIONS || b == REGIONS)
		return;
	mix(&r->ms[a][b], ms);
	r->ms[b][a] = r->ms[a][b];
}

unsigned regions_near(const struct regions *r, const char *region, const char *out[REGION_NEAR])
{
	unsigned from = find(r, region), n = 0;
	float ms[REGION_NEAR];

	for (unsigned i = 0; from < r->n && i < r->n; i++) {
		unsigned at = n;
		if (!(r->ms[from][i] > 0))
			continue;
		while (at > 0 && ms[at - 1] > r->ms[from][i])
			at--;
		if (at == REGION_NEAR)
			continue;
		n += n < REGION_NEAR;
		for (unsigned k = n - 1; k > at; k--) {
			ms[k] = ms[k - 1];
			out[k] = out[k - 1];
		}
		ms[at] = r->ms[from][i];
		out[at] = r->name[i];
	}
	return n;
}
