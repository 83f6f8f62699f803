/* SPDX-License-Identifier: Apache-2.0 */
/* Records in a map and a list by use. Owns all of them; evicts from the old end when a record grows
 * over the bounds, never the one in hand. */
#include "script/window.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"

void sonde_windows_init(struct sonde_windows *ws)
{
	*ws = (struct sonde_windows){ .now_ms = 0 };
	sonde_map_init(&ws->map);
}

static void unlink_one(struct sonde_windows *ws, struct sonde_window *w)
{
	*(w->newer ? &w->newer->older : &ws->newest) = w->older;
	*(w->older ? &w->older->newer : &ws->oldest) = w->newer;
	w->newer = w->older = NULL;
}

static void put_first(struct sonde_windows *ws, struct sonde_window *w)
{
	w->older = ws->newest;
	w->newer = NULL;
	*(ws->newest ? &ws->newest->newer : &ws->oldest) = w;
	ws->newest = w;
}

static void window_free(struct sonde_windows *ws, struct sonde_window *w)
{
	unlink_one(ws, w);
	sonde_map_take(&ws->map, w->key, w->key_len);
	ws->bytes -= w->bytes;
	free(w->values);
	free(w->text);
	free(w->votes);
	free(w);
}

void sonde_windows_deinit(struct sonde_windows *ws)
{
	while (ws->newest)
		window_free(ws, ws->newest);
	sonde_map_deinit(&ws->map);
}

/* The newest is the one in hand. */
static void make_room(struct sonde_windows *ws)
{
	while ((ws->map.len > SONDE_WINDOWS || ws->bytes > SONDE_WINDOW_BYTES) &&
	       ws->oldest != ws->newest) {
		window_free(ws, ws->oldest);
		ws->evicted++;
	}
}

static void grew(struct sonde_windows *ws, struct sonde_window *w, size_t before, size_t after)
{
	w->bytes += after - before;
	ws->bytes += after - before;
	make_room(ws);
}

struct sonde_window *sonde_windows_get(struct sonde_windows *ws, char kind, const char *key,
                                       size_t len)
{
	char full[SONDE_WINDOW_KEY + 1] = { kind };

	len = len < SONDE_WINDOW_KEY ? len : SONDE_WINDOW_KEY;
	memcpy(full + 1, key, len);
	struct sonde_window *w = sonde_map_get(&ws->map, full, len + 1);
	if (w) {
		unlink_one(ws, w);
		put_first(ws, w);
		return w;
	}
	w = calloc(1, sizeof(*w) + len + 1);
	if (!w)
		return NULL;
	w->key_len = len + 1;
	w->number = NAN;
	memcpy(w->key, full, len + 1);
	if (sonde_map_put(&ws->map, w->key, w->key_len, w) != SONDE_OK) {
		free(w);
		return NULL;
	}
	put_first(ws, w);
	grew(ws, w, 0, sizeof(*w) + len + 1);
	return w;
}

int sonde_window_push(struct sonde_windows *ws, struct sonde_window *w, unsigned cap, double value)
{
	if (w->cap != cap) {
		double *fresh = malloc(cap * sizeof(*fresh));
		if (!fresh)
			return SONDE_ENOMEM;
		free(w->values);
		w->values = fresh;
		grew(ws, w, w->cap * sizeof(*fresh), cap * sizeof(*fresh));
		w->cap = cap;
		w->n = w->next = 0;
	}
	w->values[w->next] = value;
	w->next = (w->next + 1) % cap;
	w->n += w->n < cap;
	return SONDE_OK;
}

int sonde_window_set(struct sonde_windows *ws, struct sonde_window *w, const char *text, size_t len,
                     double number)
{
	char *copy = text ? malloc(len + 1) : NULL;
	size_t before = w->text ? strlen(w->text) + 1 : 0;

	if (text && !copy)
		return SONDE_ENOMEM;
	if (copy) {
		memcpy(copy, text, len);
		copy[len] = '\0';
	}
	free(w->text);
	w->text = copy;
	w->number = number;
	grew(ws, w, before, copy ? strlen(copy) + 1 : 0);
	return SONDE_OK;
}

/* ---- votes ---- */

static struct sonde_vote *vote_of(struct sonde_window *w, const char *member)
{
	for (unsigned i = 0; i < w->votes_n; i++)
		if (!strcmp(w->votes[i].member, member))
			return &w->votes[i];
	return NULL;
}

static struct sonde_vote *oldest_vote(struct sonde_window *w)
{
	struct sonde_vote *oldest = w->votes;

	for (unsigned i = 1; i < w->votes_n; i++)
		if (w->votes[i].at_ms < oldest->at_ms)
			oldest = &w->votes[i];
	return oldest;
}

static struct sonde_vote *new_vote(struct sonde_windows *ws, struct sonde_window *w)
{
	if (w->votes_n == SONDE_VOTES)
		return oldest_vote(w);
	if (w->votes_n == w->votes_cap) {
		unsigned cap = w->votes_cap ? w->votes_cap * 2 : 4;
		struct sonde_vote *more = realloc(w->votes, cap * sizeof(*more));
		if (!more)
			return NULL;
		w->votes = more;
		grew(ws, w, w->votes_cap * sizeof(*more), cap * sizeof(*more));
		w->votes_cap = cap;
	}
	return &w->votes[w->votes_n++];
}

int sonde_window_vote(struct sonde_windows *ws, struct sonde_window *w, const char *member,
                      const char *group, bool bad)
{
	char name[SONDE_VOTE_NAME];

	snprintf(name, sizeof(name), "%s", member);
	struct sonde_vote *v = vote_of(w, name);
	if (!v && !(v = new_vote(ws, w)))
		return SONDE_ENOMEM;
	snprintf(v->member, sizeof(v->member), "%s", name);
	snprintf(v->group, sizeof(v->group), "%s", group);
	v->at_ms = ws->now_ms;
	v->bad = bad;
	return SONDE_OK;
}

bool sonde_window_unvote(struct sonde_window *w, const char *member)
{
	struct sonde_vote *v = vote_of(w, member);

	if (v)
		*v = w->votes[--w->votes_n];
	return v;
}

/* ---- sums ---- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* The least value that so many percent do not exceed. */
static double percentile(const double *sorted, unsigned n, double percent)
{
	unsigned at = n ? (unsigned)ceil(percent / 100 * n) : 0;

	return n ? sorted[at ? at - 1 : 0] : NAN;
}

void sonde_window_sum(const struct sonde_window *w, struct sonde_window_sums *s)
{
	double sorted[SONDE_WINDOW_VALUES], sum = 0, steps = 0, before = NAN;
	unsigned n = 0, pairs = 0, first = w->n < w->cap ? 0 : w->next;

	for (unsigned i = 0; i < w->n; i++) {
		double v = w->values[(first + i) % w->cap];
		if (isnan(v))
			continue;
		sum += v;
		if (!isnan(before)) {
			steps += fabs(v - before);
			pairs++;
		}
		before = v;
		sorted[n++] = v;
	}
	qsort(sorted, n, sizeof(sorted[0]), by_value);
	*s = (struct sonde_window_sums){
		.n = w->n, .missing = w->n - n, .loss = w->n ? (double)(w->n - n) / w->n : NAN,
		.mean = n ? sum / n : NAN, .min = n ? sorted[0] : NAN, .max = n ? sorted[n - 1] : NAN,
		.last = w->n ? w->values[(w->next + w->cap - 1) % w->cap] : NAN,
		.jitter = pairs ? steps / pairs : NAN, .p50 = percentile(sorted, n, 50),
		.p90 = percentile(sorted, n, 90), .p95 = percentile(sorted, n, 95),
		.p99 = percentile(sorted, n, 99),
	};
}
