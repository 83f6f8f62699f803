/* SPDX-License-Identifier: Apache-2.0 */
/* Waiters of one measurement are a list, the next to time out is the top of the heap. A peer that
 * left is found at its answer only; its waiter is small and its time bounded. */
#include "controller/api/wait.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "controller/api/api.h"

struct waiter {
	struct sonde_heap_entry due; /* boottime ns; first, so that an entry is its waiter */
	struct waiter *prev, *next;
	struct sonde_req *req;
	struct sonde_id measurement;
	unsigned status, header_count;
	struct {
		const char *name;
		char value[64];
	} headers[];
};

static void unlink_one(struct waits *w, struct waiter *one)
{
	if (one->next)
		one->next->prev = one->prev;
	if (one->prev)
		one->prev->next = one->next;
	else if (one->next)
		sonde_map_put(&w->by_measurement, one->measurement.b, 16, one->next);
	else
		sonde_map_take(&w->by_measurement, one->measurement.b, 16);
	sonde_heap_remove(&w->due, &one->due);
	w->count--;
}

static void answer(struct waits *w, struct waiter *one, unsigned status)
{
	struct sonde_header headers[WAIT_HEADERS + 1];

	unlink_one(w, one);
	for (unsigned i = 0; i < one->header_count; i++)
		headers[i] = (struct sonde_header){ one->headers[i].name, one->headers[i].value };
	headers[one->header_count].name = NULL;
	measurement_answer(w->c, one->req, &one->measurement, status, headers);
	free(one);
}

static void on_time(uv_timer_t *timer);

static void arm(struct waits *w)
{
	struct sonde_heap_entry *top = sonde_heap_peek(&w->due);
	int64_t left = top ? (top->key - sonde_boottime_ns()) / SONDE_NS_PER_MS + 1 : 0;

	if (!top)
		uv_timer_stop(&w->timer);
	else
		uv_timer_start(&w->timer, on_time, left > 0 ? (uint64_t)left : 0, 0);
}

static void on_time(uv_timer_t *timer)
{
	struct waits *w = timer->data;
	struct sonde_heap_entry *top;

	while ((top = sonde_heap_peek(&w->due)) && top->key <= sonde_boottime_ns()) {
		struct waiter *one = (struct waiter *)top;
		answer(w, one, one->status);
	}
	arm(w);
}

static void on_finished(void *arg, enum topic t, const void *what)
{
	struct waits *w = arg;
	const struct measurement *m = what;
	struct waiter *one;

	(void)t;
	if (!w->count)
		return;
	while ((one = sonde_map_get(&w->by_measurement, m->id.b, sizeof(m->id.b))))
		answer(w, one, 200);
}

int waits_init(struct waits *w, struct controller *c)
{
	w->c = c;
	sonde_map_init(&w->by_measurement);
	sonde_heap_init(&w->due);
	uv_timer_init(&c->loop, &w->timer);
	w->timer.data = w;
	return bus_subscribe(&c->bus, TOPIC_FINISHED, on_finished, w);
}

bool waits_add(struct waits *w, struct sonde_req *req, const struct sonde_id *measurement,
               int64_t ms, unsigned status, const struct sonde_header *also)
{
	unsigned n = 0;

	while (also && also[n].name && n < WAIT_HEADERS)
		n++;
	struct waiter *one = w->count < WAITERS_MAX ?
		calloc(1, sizeof(*one) + n * sizeof(one->headers[0])) : NULL;
	if (!one)
		return false;
	one->req = req;
	one->measurement = *measurement;
	one->status = status;
	for (; one->header_count < n; one->header_count++) {
		one->headers[one->header_count].name = also[one->header_count].name;
		snprintf(one->headers[one->header_count].value, sizeof(one->headers[0].value), "%s",
		         also[one->header_count].value);
	}
	one->next = sonde_map_get(&w->by_measurement, measurement->b, sizeof(measurement->b));
	if (sonde_heap_set(&w->due, &one->due, sonde_boottime_ns() + ms * SONDE_NS_PER_MS) != SONDE_OK) {
		free(one);
		return false;
	}
	if (sonde_map_put(&w->by_measurement, measurement->b, sizeof(measurement->b), one) != SONDE_OK) {
		sonde_heap_remove(&w->due, &one->due);
		free(one);
		return false;
	}
	if (one->next)
		one->next->prev = one;
	w->count++;
	arm(w);
	return true;
}

void waits_stop(struct waits *w)
{
	struct sonde_heap_entry *top;

	while ((top = sonde_heap_peek(&w->due)))
		answer(w, (struct waiter *)top, ((struct waiter *)top)->status);
	uv_close((uv_handle_t *)&w->timer, NULL);
}

void waits_deinit(struct waits *w)
{
	sonde_map_deinit(&w->by_measurement);
	sonde_heap_deinit(&w->due);
}
