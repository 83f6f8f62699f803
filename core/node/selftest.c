/* SPDX-License-Identifier: Apache-2.0 */
/* Rounds of checks: IDLE -(timer, demand)-> a worker runs all of them -> the loop takes the report.
 * Owns the timer, the work request and the report. A demand during a round starts no second one. */
#include "node/selftest.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "node/checks.h"
#include "node/machine.h"

enum { REPORT_MAX = 8 << 10, HOST_MAX = 256 };

struct sonde_selftest {
	struct sonde_selftest_options options;
	sonde_selftest_done_fn *done;
	void *arg;
	uv_timer_t timer;
	uv_work_t work;
	char host[HOST_MAX];
	bool running, again, closing, closed;
	bool clock_known, clock_known_now; /* _now: the worker's copy */
	int64_t offset_ms, offset_now_ms;
	/* of the worker */
	struct sonde_check icmp, ipv6, dns, clock;
	struct sonde_machine machine;
	unsigned asked, reached, needed;
	int64_t took_ms, at_ms;
	/* of the loop */
	enum sonde_uplink uplink;
	struct sonde_buf report;
};

/* ---- the worker ---- */

static void on_work(uv_work_t *work)
{
	struct sonde_selftest *t = work->data;
	int64_t start = sonde_boottime_ns();

	sonde_machine_look(&t->machine);
	sonde_check_icmp(&t->icmp);
	sonde_check_ipv6(&t->ipv6);
	sonde_check_dns(&t->dns, t->options.name && *t->options.name ? t->options.name : t->host);
	sonde_check_clock(&t->clock, t->clock_known_now, t->offset_now_ms);
	t->reached = sonde_check_uplinks(t->options.uplinks, &t->asked);
	t->needed = t->options.quorum ? (unsigned)t->options.quorum : t->asked / 2 + 1;
	if (t->needed > t->asked)
		t->needed = t->asked;
	t->at_ms = sonde_wall_ms();
	t->took_ms = (sonde_boottime_ns() - start) / SONDE_NS_PER_MS;
}

/* ---- the loop ---- */

static void put_check(struct sonde_json *j, const char *key, const struct sonde_check *c)
{
	sonde_json_open(j, key, '{');
	sonde_json_bool(j, "ok", c->ok);
	sonde_json_str(j, "why", c->why);
	sonde_json_close(j);
}

static void write_report(struct sonde_selftest *t)
{
	struct sonde_check uplink = { .ok = t->uplink != SONDE_UPLINK_DOWN };
	struct sonde_json j;

	if (t->uplink == SONDE_UPLINK_UNKNOWN)
		snprintf(uplink.why, sizeof(uplink.why), "not checked: no uplink.targets are set");
	else
		snprintf(uplink.why, sizeof(uplink.why), "%u of %u targets answer, %u are needed",
		         t->reached, t->asked, t->needed);
	sonde_buf_reset(&t->report);
	sonde_json_init(&j, &t->report);
	sonde_json_open(&j, NULL, '{');
	put_check(&j, "icmp", &t->icmp);
	put_check(&j, "ipv6", &t->ipv6);
	put_check(&j, "dns", &t->dns);
	put_check(&j, "clock", &t->clock);
	put_check(&j, "uplink", &uplink);
	sonde_machine_write(&t->machine, "machine", &j);
	sonde_json_int(&j, "atMs", t->at_ms);
	sonde_json_int(&j, "tookMs", t->took_ms);
	sonde_json_close(&j);
}

static void free_when_over(struct sonde_selftest *t)
{
	if (!t->closed || t->running)
		return;
	sonde_buf_deinit(&t->report);
	free(t);
}

static void on_done(uv_work_t *work, int status)
{
	struct sonde_selftest *t = work->data;
	enum sonde_uplink before = t->uplink;

	t->running = false;
	if (t->closing) {
		free_when_over(t);
		return;
	}
	if (status)
		return;
	t->uplink = !t->asked              ? SONDE_UPLINK_UNKNOWN :
	            t->reached >= t->needed ? SONDE_UPLINK_UP :
	                                     SONDE_UPLINK_DOWN;
	write_report(t);
	if (t->uplink != before)
		sonde_log(t->uplink == SONDE_UPLINK_DOWN ? SONDE_LOG_WARN : SONDE_LOG_INFO, "selftest",
		          "uplink: %u of %u targets answer, %u are needed", t->reached, t->asked,
		          t->needed);
	t->done(t->arg);
	if (!t->again)
		return;
	t->again = false;
	sonde_selftest_run(t);
}

void sonde_selftest_run(struct sonde_selftest *t)
{
	if (t->running || t->closing)
		return;
	t->clock_known_now = t->clock_known;
	t->offset_now_ms = t->offset_ms;
	t->running = !uv_queue_work(t->timer.loop, &t->work, on_work, on_done);
}

void sonde_selftest_changed(struct sonde_selftest *t)
{
	t->again = t->running;
	sonde_selftest_run(t);
}

static void on_timer(uv_timer_t *timer)
{
	sonde_selftest_run(timer->data);
}

void sonde_selftest_every(struct sonde_selftest *t, int64_t every_ns)
{
	uint64_t ms = (uint64_t)(every_ns / SONDE_NS_PER_MS);

	if (every_ns == t->options.every_ns)
		return;
	t->options.every_ns = every_ns;
	uv_timer_start(&t->timer, on_timer, ms, ms);
}

void sonde_selftest_clock(struct sonde_selftest *t, int64_t offset_ms)
{
	t->clock_known = true;
	t->offset_ms = offset_ms;
}

struct sonde_text sonde_selftest_report(const struct sonde_selftest *t)
{
	return (struct sonde_text){ t->report.len ? t->report.data : "",
		                    t->report.failed ? 0 : t->report.len };
}

enum sonde_uplink sonde_selftest_uplink(const struct sonde_selftest *t)
{
	return t->uplink;
}

int sonde_selftest_new(uv_loop_t *loop, const struct sonde_selftest_options *options,
                       sonde_selftest_done_fn *done, void *arg, struct sonde_selftest **out)
{
	struct sonde_selftest *t = calloc(1, sizeof(*t));

	if (!t)
		return SONDE_ENOMEM;
	t->options = *options;
	t->options.every_ns = 0;
	t->done = done;
	t->arg = arg;
	sonde_check_host(options->controller, t->host, sizeof(t->host));
	sonde_buf_init(&t->report, REPORT_MAX);
	uv_timer_init(loop, &t->timer);
	t->timer.data = t->work.data = t;
	sonde_selftest_every(t, options->every_ns);
	sonde_selftest_run(t);
	*out = t;
	return SONDE_OK;
}

static void on_closed(uv_handle_t *handle)
{
	struct sonde_selftest *t = handle->data;

	t->closed = true;
	free_when_over(t);
}

void sonde_selftest_close(struct sonde_selftest *t)
{
	t->closing = true;
	uv_close((uv_handle_t *)&t->timer, on_closed);
}
