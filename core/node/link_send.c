/* SPDX-License-Identifier: Apache-2.0 */
/* What the link sends. Results leave in order, in frames of bounded size, with a bounded number not
 * yet acknowledged; when the connection is lost they are sent again from the last acknowledged. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/link_private.h"

enum {
	FRAME_RESULTS = 100,
	FRAME_BYTES = 256 << 10,
	WINDOW = 512,
	PROGRESS_QUEUE = 64 << 10,
	PROGRESS_TEXT = 10 << 10,
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
	if (!advertise || !*advertise)
		sonde_conn_local(l->conn, address);
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
		},
	};
	m.hello.address.len = strlen(m.hello.address.s);
	int rc = sonde_link_send(l, &m);

	sonde_secret_wipe(l->out.data, l->out.len);
	return rc;
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

void sonde_link_scheduled(struct sonde_link *l, uint64_t version, unsigned failure)
{
	struct sonde_msg m = { .kind = SONDE_MSG_SCHEDULED,
		               .scheduled = { version, (uint8_t)failure } };

	if (sonde_link_is_up(l))
		sonde_link_send(l, &m);
}

int sonde_link_accept(struct sonde_link *l, struct sonde_msg_accept *items, unsigned count)
{
	struct sonde_msg m = { .kind = SONDE_MSG_ACCEPT, .list = { .count = count } };

	m.list.accepts = items;
	return sonde_link_is_up(l) ? sonde_link_send(l, &m) : SONDE_EGONE;
}

void sonde_link_progress(struct sonde_link *l, const struct sonde_msg *m)
{
	if (sonde_link_is_up(l) && m->progress.text.len <= PROGRESS_TEXT &&
	    sonde_conn_queued(l->conn) < PROGRESS_QUEUE)
		sonde_link_send(l, m);
}

/* Packed results of one frame: where each begins in l->batch. */
struct frame {
	unsigned count;
	uint64_t last;
	struct {
		uint64_t seq;
		size_t at, len;
	} items[FRAME_RESULTS];
};

static int collect(struct sonde_link *l, struct frame *f)
{
	struct sonde_record r;
	int rc = SONDE_OK;

	f->count = 0;
	sonde_buf_reset(&l->batch);
	while (f->count < FRAME_RESULTS && l->sent + f->count < l->acked + WINDOW) {
		rc = sonde_spool_peek(l->spool, &r);
		if (!rc && r.seq != l->sent + f->count + 1)
			return SONDE_EGONE;
		if (rc || (f->count && l->batch.len + r.len > FRAME_BYTES))
			break;
		f->items[f->count].seq = r.seq;
		f->items[f->count].at = l->batch.len;
		f->items[f->count++].len = r.len;
		f->last = r.seq;
		sonde_buf_add(&l->batch, r.payload, r.len);
		if (l->batch.failed)
			return SONDE_ENOMEM;
		sonde_spool_pass(l->spool);
	}
	return rc == SONDE_ENOENT ? SONDE_OK : rc;
}

static void unpack(struct sonde_link *l, const struct frame *f, struct sonde_msg_result *results)
{
	for (unsigned i = 0; i < f->count; i++) {
		struct sonde_msg_result *r = &results[i];
		r->seq = f->items[i].seq;
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

/* SONDE_ENOENT when there is nothing to send now. SONDE_EGONE: results are missing, which the next
 * welcome settles. */
static int send_frame(struct sonde_link *l)
{
	struct sonde_msg_result results[FRAME_RESULTS];
	struct frame f = { 0 };

	int rc = collect(l, &f);
	if (rc == SONDE_EGONE)
		sonde_conn_close(l->conn, SONDE_LINK_CODE_LEFT, "results are missing on disk");
	if (rc)
		return rc;
	if (f.count == 0)
		return SONDE_ENOENT;
	struct sonde_msg m = {
		.kind = SONDE_MSG_RESULTS,
		.list = { .epoch = sonde_spool_state(l->spool).epoch },
	};
	m.list.results = results;
	m.list.count = f.count;
	unpack(l, &f, results);
	rc = sonde_link_send(l, &m);
	if (rc) {
		sonde_spool_rewind(l->spool, f.items[0].seq - 1);
		return rc;
	}
	if (l->sent == l->acked)
		l->acked_ns = sonde_boottime_ns();
	l->sent = f.last;
	return SONDE_OK;
}

void sonde_link_pump(struct sonde_link *l)
{
	int rc = SONDE_OK;

	if (l->state == SONDE_LINK_WELCOMED) {
		rc = sonde_spool_confirm(l->spool, l->welcome.epoch, l->welcome.seq);
		if (rc == SONDE_EFULL)
			return;
		if (rc) {
			l->events.fatal(l->arg);
			return;
		}
		l->sent = l->acked = sonde_spool_state(l->spool).first - 1;
		l->acked_ns = sonde_boottime_ns();
		l->state = SONDE_LINK_UP;
		sonde_backoff_reset(&l->backoff);
		l->events.up(l->arg);
		sonde_link_send_beat(l);
	}
	/* A full connection calls back when it has drained. */
	while (l->state == SONDE_LINK_UP && rc == SONDE_OK)
		rc = send_frame(l);
	if (rc && rc != SONDE_ENOENT && rc != SONDE_EFULL && rc != SONDE_EGONE)
		sonde_log(SONDE_LOG_ERROR, "link", "cannot send results: %s", sonde_strstatus(rc));
}
