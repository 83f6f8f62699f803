/* SPDX-License-Identifier: Apache-2.0 */
/* What the link sends. Results leave in two lanes, new ones beside the backlog, each in order, in
 * frames of bounded size, with a bounded number not yet acknowledged; when the connection is lost,
 * what the controller does not have is sent again. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "node/link_private.h"
#include "node/machine.h"

enum {
	FRAME_RESULTS = 100,
	FRAME_BYTES = 256 << 10,
	WINDOW = 512,
	PROGRESS_QUEUE = 64 << 10,
	PROGRESS_TEXT = 10 << 10,
	FACTS_BYTES = 4 << 10,
};

int sonde_link_send(struct sonde_link *l, const struct sonde_msg *m)
{
	if (!l->conn)
		return SONDE_EGONE;
	sonde_buf_reset(&l->out);
	sonde_msg_encode(&l->out, m);
	if (l->out.failed)
		return SONDE_ENOMEM;
	return sonde_conn_send(l->conn, &l->out);
}

int sonde_link_send_hello(struct sonde_link *l)
{
	struct sonde_spool_state spool = sonde_spool_state(l->spool);
	const char *key = l->options.identity->key;
	const char *advertise = l->options.advertise;
	char address[SONDE_NET_ADDRESS] = "";
	struct sonde_machine machine;
	struct sonde_buf facts;
	struct sonde_json j;
	if (!advertise || !*advertise)
		sonde_conn_local(l->conn, address);
	sonde_machine_look(&machine);
	sonde_buf_init(&facts, FACTS_BYTES);
	sonde_json_init(&j, &facts);
	sonde_machine_write(&machine, NULL, &j);
	struct sonde_msg m = {
		.kind = SONDE_MSG_HELLO,
		.hello = {
			.node = l->options.identity->id,
			.key = { key, strlen(key) },
			.version = SONDE_TEXT(SONDE_VERSION),
			.epoch = spool.epoch,
			.first = spool.first,
			.last = spool.synced,
			.wall_ms = sonde_wall_ms(),
			.capacity = l->options.capacity,
			.plugins = l->options.plugins,
			.schedules = l->schedules,
			.address = { advertise && *advertise ? advertise : address },
			.config = l->config,
			.insecure = l->options.insecure,
			.facts = { facts.data, facts.failed ? 0 : facts.len },
		},
	};
	m.hello.address.len = strlen(m.hello.address.s);
	int rc = sonde_link_send(l, &m);

	sonde_buf_deinit(&facts);
	sonde_secret_wipe(l->out.data, l->out.len);
	return rc;
}

void sonde_link_types(struct sonde_link *l, const struct sonde_msg_types *types)
{
	const struct sonde_msg m = { .kind = SONDE_MSG_TYPES, .types = *types };

	l->options.plugins = types->plugins;
	if (l->state < SONDE_LINK_GREETING || l->leaving || !sonde_link_send(l, &m))
		return;
	sonde_conn_close(l->conn, SONDE_LINK_CODE_LEFT, "the plugins could not be told");
}

void sonde_link_send_beat(struct sonde_link *l)
{
	struct sonde_msg m = { .kind = SONDE_MSG_BEAT };

	l->beat_ns = sonde_boottime_ns();
	l->events.beat(l->arg, &m.beat);
	m.beat.wall_ms = sonde_wall_ms();
	m.beat.echo_ms = l->server_ms;
	m.beat.held_ms = (l->beat_ns - l->server_ns) / SONDE_NS_PER_MS;
	sonde_link_send(l, &m);
}

int sonde_link_say(struct sonde_link *l, const struct sonde_msg *m)
{
	return l->state >= SONDE_LINK_WELCOMED ? sonde_link_send(l, m) : SONDE_EGONE;
}

void sonde_link_scheduled(struct sonde_link *l, uint64_t version, unsigned failure)
{
	struct sonde_msg m = { .kind = SONDE_MSG_SCHEDULED,
		               .scheduled = { version, (uint8_t)failure } };

	sonde_link_say(l, &m);
}

int sonde_link_accept(struct sonde_link *l, struct sonde_msg_accept *items, unsigned count)
{
	struct sonde_msg m = { .kind = SONDE_MSG_ACCEPT, .list = { .count = count } };

	m.list.accepts = items;
	return sonde_link_say(l, &m);
}

void sonde_link_progress(struct sonde_link *l, const struct sonde_msg *m)
{
	if (sonde_link_is_up(l) && m->progress.text.len <= PROGRESS_TEXT &&
	    sonde_conn_queued(l->conn) < PROGRESS_QUEUE)
		sonde_link_send(l, m);
}

/* ---- lanes ---- */

/* A backlog that would keep new results waiting gets a lane of its own, where the controller still has
 * room for a stretch more. */
static void set_lanes(struct sonde_link *l)
{
	struct sonde_spool_state spool = sonde_spool_state(l->spool);
	uint64_t cum = l->have.cum, behind = spool.synced > cum ? spool.synced - cum : 0;
	bool two = behind > WINDOW && l->have.count + 1 < SONDE_SPANS;
	uint64_t split = two ? spool.synced : cum;

	l->lanes[SONDE_LANE_BACKLOG] = (struct sonde_lane){ cum + 1, split, cum, cum };
	l->lanes[SONDE_LANE_LIVE] = (struct sonde_lane){ split + 1, UINT64_MAX, split, split };
	for (unsigned i = 0; i < SONDE_LANES; i++)
		sonde_spool_seek(l->spool, i, l->lanes[i].sent);
	l->turn = 0;
}

bool sonde_link_unacked(const struct sonde_link *l)
{
	for (unsigned i = 0; i < SONDE_LANES; i++)
		if (l->lanes[i].sent > l->lanes[i].acked)
			return true;
	return false;
}

void sonde_link_stored(struct sonde_link *l, uint64_t seq, struct sonde_text also)
{
	struct sonde_spans have = { .cum = seq };

	if (seq < l->have.cum || seq > sonde_spool_state(l->spool).synced ||
	    !sonde_spans_parse(&have, also.s, also.len))
		return;
	l->have = have;
	for (unsigned i = 0; i < SONDE_LANES; i++) {
		struct sonde_lane *lane = &l->lanes[i];
		uint64_t end = sonde_spans_end(&have, lane->first);
		if (end > lane->last)
			end = lane->last;
		if (end > lane->acked) {
			lane->acked = end;
			l->acked_ns = l->seen_ns;
		}
	}
	SONDE_EDGE("link.stored");
	sonde_spool_ack(l->spool, have.cum);
	SONDE_EDGE("link.trimmed");
}

/* ---- frames ---- */

/* Packed results of one frame: where each begins in l->batch; len 0 where they are lost. */
struct frame {
	unsigned count;
	uint64_t last;
	struct {
		uint64_t seq, lost;
		size_t at, len;
	} items[FRAME_RESULTS];
};

static void add_lost(struct frame *f, const struct sonde_record *r)
{
	f->items[f->count].seq = r->seq;
	f->items[f->count].len = 0;
	f->items[f->count++].lost = r->lost;
	f->last = r->seq + r->lost - 1;
}

static int add_record(struct sonde_link *l, struct frame *f, const struct sonde_record *r)
{
	f->items[f->count].seq = r->seq;
	f->items[f->count].lost = 0;
	f->items[f->count].at = l->batch.len;
	f->items[f->count++].len = r->len;
	f->last = r->seq;
	sonde_buf_add(&l->batch, r->payload, r->len);
	return l->batch.failed ? SONDE_ENOMEM : SONDE_OK;
}

static int collect(struct sonde_link *l, unsigned which, struct frame *f)
{
	struct sonde_lane *lane = &l->lanes[which];
	struct sonde_record r;
	int rc = SONDE_OK;

	f->count = 0;
	f->last = lane->sent;
	sonde_buf_reset(&l->batch);
	while (!rc && f->count < FRAME_RESULTS && f->last < lane->last &&
	       f->last < lane->acked + WINDOW) {
		uint64_t stored = sonde_spans_end(&l->have, f->last + 1);
		if (stored) {
			f->last = stored < lane->last ? stored : lane->last;
			sonde_spool_seek(l->spool, which, f->last);
			continue;
		}
		rc = sonde_spool_peek(l->spool, which, &r);
		if (rc || (f->count && l->batch.len + r.len > FRAME_BYTES))
			break;
		if (r.lost > lane->last - f->last)
			r.lost = lane->last - f->last;
		if (r.lost && SONDE_BUG(6))
			f->last = r.seq + r.lost - 1;
		else if (r.lost)
			add_lost(f, &r);
		else
			rc = add_record(l, f, &r);
		sonde_spool_pass(l->spool, which);
	}
	return rc == SONDE_ENOENT ? SONDE_OK : rc;
}

static void unpack(struct sonde_link *l, const struct frame *f, struct sonde_msg_result *results)
{
	for (unsigned i = 0; i < f->count; i++) {
		struct sonde_msg_result *r = &results[i];
		*r = (struct sonde_msg_result){ 0 };
		r->seq = f->items[i].seq;
		if (f->items[i].lost) {
			r->lost = f->items[i].lost;
			r->why = SONDE_TEXT("gone from the node's disk: damaged, or pushed out of a full spool");
			r->body = SONDE_TEXT("{}");
			continue;
		}
		if (!sonde_result_unpack(l->batch.data + f->items[i].at, f->items[i].len, r))
			continue;
		/* Its seq must not be missing. */
		sonde_log(SONDE_LOG_ERROR, "link", "result %" PRIu64 " is malformed", r->seq);
		*r = (struct sonde_msg_result){
			.seq = r->seq, .failure = SONDE_FAIL_INTERNAL,
			.why = SONDE_TEXT("the kept result is malformed"), .body = SONDE_TEXT("{}"),
		};
	}
}

/* SONDE_ENOENT when the lane has nothing to send now. */
static int send_frame(struct sonde_link *l, unsigned which)
{
	struct sonde_lane *lane = &l->lanes[which];
	struct sonde_msg_result results[FRAME_RESULTS];
	struct frame f;

	int rc = collect(l, which, &f);
	if (rc)
		return rc;
	if (f.count == 0) {
		lane->sent = f.last;
		return SONDE_ENOENT;
	}
	struct sonde_msg m = {
		.kind = SONDE_MSG_RESULTS,
		.list = { .epoch = sonde_spool_state(l->spool).epoch },
	};
	m.list.results = results;
	m.list.count = f.count;
	unpack(l, &f, results);
	bool first = !sonde_link_unacked(l);
	rc = sonde_link_send(l, &m);
	if (rc) {
		sonde_spool_seek(l->spool, which, lane->sent);
		return rc;
	}
	if (first)
		l->acked_ns = sonde_boottime_ns();
	lane->sent = f.last;
	SONDE_EDGE("link.sent");
	if (SONDE_BUG(4))
		sonde_spool_ack(l->spool, f.last);
	return SONDE_OK;
}

/* Of four frames one is for the backlog, as long as both lanes have some. */
static int send_next(struct sonde_link *l)
{
	unsigned which = l->turn++ % 4 == 3 ? SONDE_LANE_BACKLOG : SONDE_LANE_LIVE;
	int rc = send_frame(l, which);

	return rc == SONDE_ENOENT ? send_frame(l, SONDE_LANES - 1 - which) : rc;
}

void sonde_link_pump(struct sonde_link *l)
{
	int rc = SONDE_OK;

	if (l->state == SONDE_LINK_WELCOMED) {
		uint64_t highest = l->have.count ? l->have.at[l->have.count - 1].to : l->have.cum;
		rc = sonde_spool_confirm(l->spool, l->welcome.epoch, l->have.cum, highest);
		if (rc == SONDE_EFULL)
			return;
		if (rc) {
			l->events.fatal(l->arg);
			return;
		}
		if (sonde_spool_state(l->spool).epoch != l->welcome.epoch)
			l->have = (struct sonde_spans){ 0 };
		set_lanes(l);
		l->acked_ns = sonde_boottime_ns();
		l->state = SONDE_LINK_UP;
		sonde_backoff_reset(&l->backoff);
		l->events.up(l->arg);
		sonde_link_send_beat(l);
	}
	/* A full connection calls back when it has drained. */
	while (l->state == SONDE_LINK_UP && rc == SONDE_OK)
		rc = send_next(l);
	if (rc && rc != SONDE_ENOENT && rc != SONDE_EFULL && rc != SONDE_EGONE)
		sonde_log(SONDE_LOG_ERROR, "link", "cannot send results: %s", sonde_strstatus(rc));
}
