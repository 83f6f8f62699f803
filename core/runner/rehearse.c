/* SPDX-License-Identifier: Apache-2.0 */
/* The child answers over a pipe with one fixed struct and ends without running exit handlers, in
 * which the plugin could have a say. Owns the pipe and the child, which never outlives the call. */
#include "runner/rehearse.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plug/plugset.h"

enum { PATIENCE_MS = 5000 };

struct verdict {
	int32_t status;
	uint32_t needs;
	struct sonde_error error;
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

static int explain_end(int wait_status, bool timed_out, struct sonde_error *e)
{
	if (timed_out)
		return sonde_fail(e, SONDE_ETIMEOUT, NULL, "it hangs while it is opened");
	if (WIFSIGNALED(wait_status))
		return sonde_fail(e, SONDE_EINVAL, NULL, "it crashes while it is opened (%s)",
		                  strsignal(WTERMSIG(wait_status)));
	return sonde_fail(e, SONDE_EINVAL, NULL, "it ends the process while it is opened");
}

int sonde_rehearse(const char *path, const struct sonde_jail *jail, uint32_t *needs,
                   struct sonde_error *e)
{
	struct verdict v = { 0 };
	int ends[2], wait_status = 0;

	if (pipe(ends))
		return sonde_fail(e, SONDE_EIO, NULL, "it cannot be tried: %s", strerror(errno));
	pid_t child = fork();
	if (child == 0) {
		close(ends[0]);
		rehearse_in_child(path, jail, ends[1]);
	}
	close(ends[1]);
	struct pollfd ready = { .fd = ends[0], .events = POLLIN };
	int polled = child > 0 ? poll(&ready, 1, PATIENCE_MS) : -1;
	ssize_t n = polled > 0 ? read(ends[0], &v, sizeof(v)) : 0;
	close(ends[0]);
	if (child < 0)
		return sonde_fail(e, SONDE_EIO, NULL, "it cannot be tried: %s", strerror(errno));
	if (n <= 0 && polled == 0)
		kill(child, SIGKILL);
	waitpid(child, &wait_status, 0);
	if (n != (ssize_t)sizeof(v))
		return explain_end(wait_status, polled == 0, e);
	*needs = v.needs;
	v.error.text[sizeof(v.error.text) - 1] = '\0';
	*e = v.error;
	return v.status;
}
