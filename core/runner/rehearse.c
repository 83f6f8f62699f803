/* SPDX-License-Identifier: Apache-2.0 */
/* The children answer over pipes with one fixed struct and end without running exit handlers, in
 * which a plugin could have a say. Owns the pipes and the children, which never outlive the call. */
#include "runner/rehearse.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

enum { PATIENCE_MS = 5000, GRACE_MS = 2000 };

struct verdict {
	int32_t status;
	uint32_t needs;
	struct sonde_error error;
};

/* One file being tried. */
struct trial {
	pid_t child; /* 0 = none */
	unsigned file;
};

static void rehearse_in_child(const char *path, const struct sonde_jail *jail, int out)
{
	struct sonde_jail_report report;
	struct verdict v = { 0 };
	struct sonde_plug plug;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	v.status = sonde_jail_enter(jail, &report, &v.error);
	if (v.status == SONDE_OK)
		v.status = sonde_plug_open(path, UINT32_MAX, &plug, &v.error);
	if (v.status == SONDE_OK)
		v.needs = plug.desc.needs;
	ssize_t n = write(out, &v, sizeof(v));
	_exit(n == (ssize_t)sizeof(v) ? 0 : 1);
}

static int start(const char *path, const struct sonde_jail *jail, struct trial *t,
                 struct pollfd *ready)
{
	int ends[2];

	if (pipe(ends))
		return -1;
	t->child = fork();
	if (t->child == 0) {
		close(ends[0]);
		rehearse_in_child(path, jail, ends[1]);
	}
	close(ends[1]);
	if (t->child < 0) {
		t->child = 0;
		close(ends[0]);
		return -1;
	}
	*ready = (struct pollfd){ .fd = ends[0], .events = POLLIN };
	return 0;
}

static void explain_end(int wait_status, bool hangs, struct sonde_error *e)
{
	if (hangs)
		sonde_fail(e, SONDE_ETIMEOUT, NULL, "it hangs while it is opened");
	else if (WIFSIGNALED(wait_status))
		sonde_fail(e, SONDE_EINVAL, NULL, "it crashes while it is opened (%s)",
		           strsignal(WTERMSIG(wait_status)));
	else
		sonde_fail(e, SONDE_EINVAL, NULL, "it ends the process while it is opened");
}

/* Reads what the child has to say, ends it, and refuses the file unless all is well. */
static uint32_t finish(struct sonde_plugset *set, const struct trial *t, int fd, bool hangs)
{
	struct verdict v = { 0 };
	int wait_status = 0;

	ssize_t n = hangs ? 0 : read(fd, &v, sizeof(v));
	close(fd);
	kill(t->child, SIGKILL); /* it has said all, or never will */
	waitpid(t->child, &wait_status, 0);
	v.error.text[sizeof(v.error.text) - 1] = '\0';
	if (n != (ssize_t)sizeof(v))
		explain_end(wait_status, hangs, &v.error);
	else if (v.status == SONDE_OK)
		return v.needs;
	sonde_plugset_refuse(set, t->file, v.error.text);
	return 0;
}

static uint32_t await(struct sonde_plugset *set, const struct trial *trials, struct pollfd *ready,
                      unsigned count)
{
	int64_t started = sonde_boottime_ns(), until = started + PATIENCE_MS * SONDE_NS_PER_MS;
	unsigned left = count;
	uint32_t needs = 0;

	while (left) {
		int64_t now = sonde_boottime_ns();
		int ms = now < until ? (int)((until - now) / SONDE_NS_PER_MS) + 1 : 0;
		int polled = poll(ready, count, ms);
		bool hangs = polled == 0;
		if (polled < 0 && errno == EINTR)
			continue;
		for (unsigned i = 0; i < count; i++) {
			if (ready[i].fd < 0 || (!hangs && !ready[i].revents))
				continue;
			needs |= finish(set, &trials[i], ready[i].fd, hangs);
			ready[i].fd = -1;
			left--;
		}
		int64_t grace = sonde_boottime_ns() + GRACE_MS * SONDE_NS_PER_MS;
		if (grace < started + PATIENCE_MS * SONDE_NS_PER_MS)
			until = grace;
	}
	return needs;
}

uint32_t sonde_rehearse(struct sonde_plugset *set, const struct sonde_jail *jail)
{
	struct trial trials[SONDE_PLUG_MAX];
	struct pollfd ready[SONDE_PLUG_MAX];
	unsigned count = 0;

	for (unsigned i = 0; i < set->file_count; i++) {
		if (set->files[i].why)
			continue;
		trials[count].file = i;
		if (start(set->files[i].path, jail, &trials[count], &ready[count]))
			sonde_plugset_refuse(set, i, "it cannot be tried: no process or pipe is left");
		else
			count++;
	}
	return await(set, trials, ready, count);
}
