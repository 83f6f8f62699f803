/* SPDX-License-Identifier: Apache-2.0 */
/* The agenda at work. Owns the agenda, a timer, and the bytes of the set while a worker writes them.
 *
 * The file is the parts as they came, one record each (node/record.h), written beside and renamed:
 * it is whole or it is the one before. A set is run as soon as it is complete and told as kept when
 * it is durable; a newer one that comes meanwhile is written next.
 *
 * Options with secrets are in memory only: after a start such schedules rest until the controller,
 * which is told that there is no set, has sent it again. */
#include "node/schedule.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/node_private.h"

enum { FILE_MAX = 512 << 20, VALID_MS = 60000, PATH_MAX_BYTES = 4096 };

struct save {
	uv_work_t work;
	struct sonde_schedule *schedule;
	struct sonde_buf bytes;
	uint64_t version;
	int error; /* errno */
};

struct sonde_schedule {
	struct sonde_node *node;
	struct sonde_agenda *agenda;
	struct sonde_decoder *decoder;
	uv_timer_t timer;
	struct sonde_buf parts;   /* records of the set being gathered or waiting to be written */
	struct sonde_buf text;
	uint64_t parts_version;   /* complete in parts, 0 = not */
	struct save *saving;
	char path[PATH_MAX_BYTES], fresh[PATH_MAX_BYTES + 8];
	bool closing, closed, started;
	bool lacks; /* the set of the file had schedules with secrets */
};

static struct sonde_agenda_now now(void)
{
	return (struct sonde_agenda_now){ sonde_wall_ms(), sonde_boottime_ns() / SONDE_NS_PER_MS };
}

/* ---- the file ---- */

static int write_file(const struct save *s)
{
	int fd = open(s->schedule->fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	const char *p = s->bytes.data, *end = p + s->bytes.len;

	if (fd < 0)
		return errno;
	while (p < end) {
		ssize_t n = write(fd, p, (size_t)(end - p));
		if (n < 0 && errno != EINTR)
			break;
		p += n > 0 ? n : 0;
	}
	bool good = p == end && !fsync(fd);
	int why = good ? 0 : errno;
	close(fd);
	return good && rename(s->schedule->fresh, s->schedule->path) ? errno : why;
}

static void on_write(uv_work_t *work)
{
	struct save *s = work->data;

	s->error = write_file(s);
	int dir = s->error ? -1 : open(s->schedule->node->options->state,
	                               O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir >= 0 && fsync(dir))
		s->error = errno;
	if (dir >= 0)
		close(dir);
}

static void free_when_over(struct sonde_schedule *s)
{
	if (!s->closing || !s->closed || s->saving)
		return;
	sonde_agenda_free(s->agenda);
	sonde_decoder_free(s->decoder);
	sonde_buf_deinit(&s->parts);
	sonde_buf_deinit(&s->text);
	free(s);
}

static void save_next(struct sonde_schedule *s);

static void on_written(uv_work_t *work, int status)
{
	struct save *save = work->data;
	struct sonde_schedule *s = save->schedule;
	unsigned failure = save->error ? SONDE_FAIL_INTERNAL : SONDE_FAIL_NONE;

	(void)status;
	s->saving = NULL;
	if (save->error)
		sonde_log(SONDE_LOG_ERROR, "schedule", "cannot keep the schedules: %s",
		          strerror(save->error));
	if (!s->closing)
		sonde_link_scheduled(s->node->link, save->version, failure);
	sonde_buf_deinit(&save->bytes);
	free(save);
	if (!s->closing)
		save_next(s);
	free_when_over(s);
}

static void save_next(struct sonde_schedule *s)
{
	if (s->saving || !s->parts_version)
		return;
	struct save *save = calloc(1, sizeof(*save));
	if (!save)
		return;
	save->schedule = s;
	save->work.data = save;
	save->version = s->parts_version;
	save->bytes = s->parts;
	sonde_buf_init(&s->parts, FILE_MAX);
	s->parts_version = 0;
	s->saving = save;
	if (uv_queue_work(&s->node->loop, &save->work, on_write, on_written)) {
		on_write(&save->work);
		on_written(&save->work, 0);
	}
}

static void leave_out_secret(struct sonde_schedule *s, struct sonde_msg *m)
{
	unsigned n = 0;

	for (unsigned i = 0; i < m->list.count; i++)
		if (!m->list.schedules[i].secret)
			m->list.schedules[n++] = m->list.schedules[i];
	s->lacks |= n < m->list.count;
	m->list.count = n;
}

/* One record of the file into the agenda; 1 when the set is complete. */
static int load_part(struct sonde_schedule *s, const struct sonde_record *r)
{
	struct sonde_error e;
	struct sonde_msg m;

	sonde_buf_reset(&s->text);
	sonde_buf_add(&s->text, r->payload, r->len);
	if (s->text.failed || sonde_msg_decode(s->decoder, s->text.data, s->text.len, &m, &e) ||
	    m.kind != SONDE_MSG_SCHEDULES)
		return SONDE_EINVAL;
	leave_out_secret(s, &m);
	return sonde_agenda_part(s->agenda, &m, &e);
}

static int load_bytes(struct sonde_schedule *s, const uint8_t *bytes, size_t len)
{
	struct sonde_record r;
	int rc = 0;

	for (uint64_t seq = 1; rc == 0 && len; seq++) {
		if (sonde_record_read(bytes, len, seq, &r) != SONDE_OK || r.skipped)
			return SONDE_EINVAL;
		rc = load_part(s, &r);
		bytes += r.size;
		len -= r.size;
	}
	return rc == 1 ? SONDE_OK : SONDE_EINVAL;
}

static void load(struct sonde_schedule *s)
{
	int fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;

	if (fd < 0)
		return;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size <= FILE_MAX) {
		uint8_t *bytes = malloc((size_t)st.st_size + 1);
		ssize_t n = bytes ? read(fd, bytes, (size_t)st.st_size) : -1;
		if (n == st.st_size && load_bytes(s, bytes, (size_t)n) == SONDE_OK)
			sonde_agenda_swap(s->agenda, now());
		else
			sonde_log(SONDE_LOG_WARN, "schedule", "%s is damaged and is left aside",
			          s->path);
		free(bytes);
	}
	close(fd);
}

/* ---- running ---- */

static void skip(struct sonde_schedule *s, const struct sonde_agenda_run *r, unsigned failure,
                 const char *why)
{
	struct sonde_msg_result result = {
		.measurement = r->id, .attempt = 1, .failure = (uint8_t)failure,
		.started_ms = sonde_wall_ms(), .why = { why, strlen(why) }, .body = SONDE_TEXT("{}"),
	};

	if (!sonde_spool_full(s->node->spool))
		sonde_work_keep(s->node, &result);
}

static int submit(struct sonde_schedule *s, const struct sonde_agenda_run *r, uint32_t attempt)
{
	struct sonde_msg_task task = {
		.measurement = r->id, .attempt = attempt, .type = r->what->type,
		.target = r->what->target, .options = r->what->options,
		.timeout_ms = r->what->timeout_ms, .ip_version = r->what->ip_version,
		.valid_ms = VALID_MS,
	};
	struct sonde_task_key key = sonde_task_key_of(&task);

	int rc = sonde_work_submit(s->node, &task);
	if (rc == SONDE_OK && sonde_journal_take(s->node->journal, &key, sonde_wall_ms()))
		sonde_log(SONDE_LOG_ERROR, "schedule", "a run goes that is not in the journal");
	return rc;
}

static void run(struct sonde_schedule *s, const struct sonde_agenda_run *r)
{
	struct sonde_task_key key = { r->id, 0, 1 };
	struct sonde_agenda_run none;
	unsigned failure = SONDE_FAIL_NONE;

	if (r->skipped) {
		if (sonde_journal_find(s->node->journal, &key) == SONDE_JOURNAL_UNKNOWN)
			skip(s, r, SONDE_FAIL_OVERLOAD, r->skipped);
		return;
	}
	/* A clock that was set back, or a node that was killed: this time was measured already. */
	if (sonde_journal_find(s->node->journal, &key) == SONDE_JOURNAL_UNKNOWN) {
		if (sonde_super_disabled(s->node->super, r->what->type))
			failure = SONDE_FAIL_PLUGIN_MISSING;
		else if (submit(s, r, 1) == SONDE_OK)
			return;
		else
			failure = SONDE_FAIL_OVERLOAD;
		skip(s, r, failure, failure == SONDE_FAIL_OVERLOAD ?
		     "the node had no memory for it" : "the plugin crashes and is switched off");
	}
	sonde_agenda_finish(s->agenda, &r->id, UINT32_MAX, false, &none);
}

static bool has_room(const struct sonde_schedule *s)
{
	const struct sonde_jobs *jobs = sonde_super_jobs(s->node->super);

	return s->node->phase == SONDE_NODE_RUNNING && !sonde_spool_full(s->node->spool) &&
	       sonde_allowance_open(&s->node->allowance, sonde_life_packets(s->node),
	                            sonde_boottime_ns()) &&
	       jobs->waiting.count + jobs->running.count < (uint64_t)sonde_life_capacity(s->node);
}

static void run_some(struct sonde_schedule *s)
{
	struct sonde_agenda_run r;
	struct sonde_agenda_now t = now();
	unsigned runs = 0;

	sonde_agenda_advance(s->agenda, t);
	while (has_room(s) && sonde_agenda_take(s->agenda, t, &r)) {
		run(s, &r);
		runs++;
	}
	if (runs) {
		sonde_super_flush(s->node->super);
		sonde_sync_request(s->node->sync);
	}
}

static void on_timer(uv_timer_t *timer)
{
	struct sonde_schedule *s = timer->data;

	run_some(s);
	/* libuv counts whole milliseconds from the loop's own time: never fire before the time. */
	int64_t wait = sonde_agenda_wait(s->agenda, now());
	uv_update_time(timer->loop);
	uv_timer_start(timer, on_timer, (uint64_t)(wait < 1 ? 1 : wait), 0);
}

void sonde_schedule_poke(struct sonde_schedule *s)
{
	struct sonde_agenda_stats stats;

	if (!s || s->closing || !s->started)
		return;
	sonde_agenda_stats(s->agenda, &stats);
	if (stats.ready)
		uv_timer_start(&s->timer, on_timer, 0, 0);
}

bool sonde_schedule_outcome(struct sonde_schedule *s, const struct sonde_msg_result *r)
{
	struct sonde_task_key key = { r->measurement, r->task, r->attempt };
	struct sonde_agenda_run again;
	bool could_not = sonde_failure_is_ours(r->failure) && s->node->phase == SONDE_NODE_RUNNING;

	if (!sonde_agenda_finish(s->agenda, &r->measurement, r->attempt, could_not, &again))
		return false;
	if (submit(s, &again, r->attempt + 1)) {
		sonde_agenda_finish(s->agenda, &r->measurement, UINT32_MAX, false, &again);
		return false;
	}
	/* In one group with the attempt that follows: a kill between the two loses neither. */
	sonde_journal_finish(s->node->journal, &key, sonde_wall_ms());
	sonde_super_flush(s->node->super);
	return true;
}

/* ---- from the controller ---- */

/* Into the bytes of the file, with nothing in place of secrets. */
static bool keep_part(struct sonde_schedule *s, const struct sonde_msg *m)
{
	for (unsigned i = 0; i < m->list.count; i++)
		if (m->list.schedules[i].secret)
			m->list.schedules[i].options = SONDE_TEXT("{}");
	sonde_buf_reset(&s->text);
	sonde_msg_encode(&s->text, m);
	if (!s->text.failed)
		sonde_record_write(&s->parts, m->list.part + UINT64_C(1), s->text.data, s->text.len);
	return !s->text.failed && !s->parts.failed;
}

void sonde_schedule_take(struct sonde_schedule *s, const struct sonde_msg *m)
{
	struct sonde_error e = { "", "do not fit into memory" };

	if (m->list.part == 0) {
		sonde_buf_reset(&s->parts);
		s->parts_version = 0;
	}
	int rc = sonde_agenda_part(s->agenda, m, &e);
	if (rc >= 0 && !keep_part(s, m))
		rc = SONDE_ENOMEM;
	if (rc < 0) {
		sonde_log(SONDE_LOG_ERROR, "schedule", "schedules refused: %s %s", e.path, e.text);
		sonde_link_scheduled(s->node->link, m->list.version, SONDE_FAIL_PROTOCOL);
	}
	if (rc != 1)
		return;
	s->parts_version = m->list.version;
	s->lacks = false;
	run_some(s); /* what is due until now is of the set before */
	sonde_agenda_swap(s->agenda, now());
	sonde_link_set_schedules(s->node->link, m->list.version);
	save_next(s);
	on_timer(&s->timer);
}

uint64_t sonde_schedule_version(const struct sonde_schedule *s)
{
	return s->lacks ? 0 : sonde_agenda_version(s->agenda);
}

/* ---- life ---- */

int sonde_schedule_new(struct sonde_node *node, const struct sonde_id *id,
                       struct sonde_schedule **out)
{
	struct sonde_schedule *s = calloc(1, sizeof(*s));

	if (!s || sonde_agenda_new(id, &s->agenda) || sonde_decoder_new(&s->decoder)) {
		if (s)
			sonde_agenda_free(s->agenda);
		free(s);
		return SONDE_ENOMEM;
	}
	s->node = node;
	sonde_buf_init(&s->parts, FILE_MAX);
	sonde_buf_init(&s->text, SONDE_MSG_MAX);
	snprintf(s->path, sizeof(s->path), "%s/schedules", node->options->state);
	snprintf(s->fresh, sizeof(s->fresh), "%s.new", s->path);
	uv_timer_init(&node->loop, &s->timer);
	s->timer.data = s;
	load(s);
	*out = s;
	return SONDE_OK;
}

void sonde_schedule_start(struct sonde_schedule *s)
{
	struct sonde_agenda_stats stats;

	sonde_agenda_stats(s->agenda, &stats);
	if (stats.entries)
		sonde_log(SONDE_LOG_INFO, "schedule", "%u schedules go on", stats.entries);
	s->started = true;
	uv_timer_start(&s->timer, on_timer, 0, 0);
}

static void on_closed(uv_handle_t *handle)
{
	struct sonde_schedule *s = handle->data;

	s->closed = true;
	free_when_over(s);
}

void sonde_schedule_close(struct sonde_schedule *s)
{
	s->closing = true;
	uv_close((uv_handle_t *)&s->timer, on_closed);
}
