/* SPDX-License-Identifier: Apache-2.0 */
/* The reporting process: starts a child, reads what it says, ends it when a step takes too long,
 * and starts another behind a step that killed it. Owns pipe and child, which never outlive the
 * call. What comes out of the pipe may be the plugin's: it is bounded and printed as ASCII. */
#include "check/check.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/map.h"
#include "check/internal.h"

enum {
	STEP_MS = 5000,
	DEATHS_MAX = 6,
	HANG_WEIGHT = 4, /* a step that hangs costs real time */
	LINES_MAX = 100,
	STEPS_BESIDE = 8,
	PAGE_MAX = 1 << 20,
};

struct report {
	FILE *out;
	struct sonde_map said; /* findings, each told once */
	unsigned lines;
	int errors;
	uint32_t step;
	char where[sizeof(((struct check_record *)0)->what)];
	bool ended;
	unsigned deaths;
};

static void print_plain(FILE *out, const char *text)
{
	for (; *text; text++)
		putc(*text >= 0x20 && *text < 0x7f ? *text : '?', out);
}

/* The first of each kind says in which run it was seen. */
static void tell(struct report *r, enum check_kind kind, const char *what)
{
	size_t len = strlen(what);

	if (r->lines == LINES_MAX || sonde_map_get(&r->said, what, len) ||
	    sonde_map_put(&r->said, what, len, r))
		return;
	r->lines++;
	r->errors += kind == CHECK_ERROR;
	fputs(kind == CHECK_ERROR ? "error: " : "warning: ", r->out);
	print_plain(r->out, what);
	if (r->step > 1) {
		fputs(" [", r->out);
		print_plain(r->out, r->where);
		fputc(']', r->out);
	}
	fputc('\n', r->out);
}

static void take_record(struct report *r, struct check_record *m)
{
	m->what[sizeof(m->what) - 1] = '\0';
	switch (m->kind) {
	case CHECK_STEP:
		r->step = m->step;
		memcpy(r->where, m->what, sizeof(r->where));
		break;
	case CHECK_ERROR:
	case CHECK_WARNING:
		tell(r, (enum check_kind)m->kind, m->what);
		break;
	case CHECK_END:
		r->ended = true;
	}
}

/* Reads until the child ends or a step takes too long; true when it did. */
static bool follow(struct report *r, int in, uint32_t steps)
{
	struct check_record m;
	int64_t until = sonde_boottime_ns() + STEP_MS * SONDE_NS_PER_MS;

	for (;;) {
		struct pollfd ready = { .fd = in, .events = POLLIN };
		int64_t left = (until - sonde_boottime_ns()) / SONDE_NS_PER_MS;
		int n = left > 0 ? poll(&ready, 1, (int)left) : 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return true;
		if (read(in, &m, sizeof(m)) != (ssize_t)sizeof(m))
			return false;
		if (m.kind == CHECK_STEP && steps && steps--)
			until = sonde_boottime_ns() + STEP_MS * SONDE_NS_PER_MS;
		take_record(r, &m);
	}
}

static void explain_death(struct report *r, bool timed_out, int status)
{
	char what[160];

	r->deaths += timed_out ? HANG_WEIGHT : 1;
	if (timed_out)
		snprintf(what, sizeof(what), "it takes longer than %d s of real time", STEP_MS / 1000);
	else if (WIFSIGNALED(status))
		snprintf(what, sizeof(what), "it crashes (%s)", strsignal(WTERMSIG(status)));
	else
		snprintf(what, sizeof(what), "it ends the process (exit code %d)",
		         WEXITSTATUS(status));
	if (r->step <= 1)
		snprintf(what + strlen(what), sizeof(what) - strlen(what), " %.60s", r->where);
	tell(r, CHECK_ERROR, what);
}

static int run_child(struct check *c, struct report *r, uint32_t from, struct sonde_error *e)
{
	int ends[2], status = 0;

	if (pipe(ends))
		return sonde_fail(e, SONDE_EIO, NULL, "pipe: %s", strerror(errno));
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		close(ends[0]);
		c->out = ends[1];
		check_child(c, from);
	}
	close(ends[1]);
	if (child < 0) {
		close(ends[0]);
		return sonde_fail(e, SONDE_EIO, NULL, "fork: %s", strerror(errno));
	}
	r->ended = false;
	bool timed_out = follow(r, ends[0], c->asked->runs + STEPS_BESIDE);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	close(ends[0]);
	if (!r->ended)
		explain_death(r, timed_out, status);
	return SONDE_OK;
}

/* The whole file as text, the caller's; NULL when it is not there. */
static char *read_page(const char *path)
{
	FILE *in = fopen(path, "re");
	struct sonde_buf b;

	if (!in)
		return NULL;
	sonde_buf_init(&b, PAGE_MAX);
	char *text = sonde_buf_reserve(&b, PAGE_MAX - 1);
	size_t n = text ? fread(text, 1, PAGE_MAX - 1, in) : 0;
	char *page = text ? strndup(text, n) : NULL;
	fclose(in);
	sonde_buf_deinit(&b);
	return page;
}

static char *find_page(const struct sonde_check *asked)
{
	char path[PATH_MAX];
	size_t n = strlen(asked->path);

	if (asked->page)
		return read_page(asked->page);
	if (n < 3 || strcmp(asked->path + n - 3, ".so") || n >= sizeof(path))
		return NULL;
	snprintf(path, sizeof(path), "%.*s.md", (int)(n - 3), asked->path);
	return read_page(path);
}

int sonde_check_plugin(const struct sonde_check *asked, FILE *out, struct sonde_error *e)
{
	char *page = find_page(asked);
	struct check c = { .asked = asked, .page = page };
	struct report r = { .out = out };
	int status = SONDE_OK;
	uint32_t from = 0;

	if (asked->page && !page)
		return sonde_fail(e, SONDE_ENOENT, asked->page, "cannot be read");
	sonde_map_init(&r.said);
	while (status == SONDE_OK) {
		status = run_child(&c, &r, from, e);
		if (status || r.ended || r.step == 0)
			break;
		if (r.deaths >= DEATHS_MAX) {
			tell(&r, CHECK_WARNING, "it was given up; later runs were not made");
			break;
		}
		from = r.step + 1;
	}
	sonde_map_deinit(&r.said);
	free(page);
	return status ? status : r.errors;
}
