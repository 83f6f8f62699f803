/* SPDX-License-Identifier: Apache-2.0 */
/* The order of giving up: limits, bounding set, user, capabilities, no_new_privs, file system,
 * system calls. Each step needs rights that a later one takes. Owns nothing. */
#include "jail/jail.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/sanitized.h"

static int limit(int what, uint64_t value, const char *name, struct sonde_error *e)
{
	struct rlimit have;

	if (getrlimit(what, &have))
		return sonde_fail(e, SONDE_EIO, NULL, "the limit of %s: %s", name, strerror(errno));
	if (have.rlim_max != RLIM_INFINITY && value > have.rlim_max)
		value = have.rlim_max;
	struct rlimit want = { .rlim_cur = value, .rlim_max = value };
	if (setrlimit(what, &want))
		return sonde_fail(e, SONDE_EIO, NULL, "the limit of %s: %s", name, strerror(errno));
	return SONDE_OK;
}

static int set_limits(const struct sonde_jail *j, struct sonde_error *e)
{
	/* The shadow memory of a sanitizer is terabytes, its leak check needs a process. */
	const struct {
		int what;
		uint64_t value;
		bool set;
		const char *name;
	} rows[] = {
		{ RLIMIT_CORE, 0, true, "core files" },
		{ RLIMIT_NOFILE, j->files, j->files, "open files" },
		{ RLIMIT_AS, j->memory, j->memory && !SONDE_SANITIZED, "memory" },
		{ RLIMIT_NPROC, j->processes, j->processes && !SONDE_SANITIZED, "processes" },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int status = rows[i].set ? limit(rows[i].what, rows[i].value, rows[i].name, e)
		                         : SONDE_OK;
		if (status)
			return status;
	}
	return SONDE_OK;
}

static int switch_user(const struct sonde_jail *j, struct sonde_error *e)
{
	if (!j->uid || j->uid == geteuid())
		return SONDE_OK;
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) || setgroups(0, NULL) ||
	    setresgid(j->gid, j->gid, j->gid) || setresuid(j->uid, j->uid, j->uid))
		return sonde_fail(e, SONDE_EIO, NULL, "switching to user %u and group %u: %s",
		                  (unsigned)j->uid, (unsigned)j->gid, strerror(errno));
	return SONDE_OK;
}

int sonde_jail_enter(const struct sonde_jail *j, struct sonde_jail_report *report,
                     struct sonde_error *e)
{
	*report = (struct sonde_jail_report){ 0 };
	int status = set_limits(j, e);
	if (status == SONDE_OK && sonde_jail_drop_bounding(j->keep_raw))
		status = sonde_fail(e, SONDE_EIO, NULL, "the bounding set: %s", strerror(errno));
	if (status == SONDE_OK)
		status = switch_user(j, e);
	if (status)
		return status;
	/* Secrets of measurements are in memory. The leak check of a sanitizer traces its own process. */
	prctl(PR_SET_DUMPABLE, SONDE_SANITIZED, 0, 0, 0);
	if (sonde_jail_drop_caps(j->keep_raw, &report->raw))
		return sonde_fail(e, SONDE_EIO, NULL, "giving up capabilities: %s", strerror(errno));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return sonde_fail(e, SONDE_EIO, NULL, "no_new_privs: %s", strerror(errno));
	report->landlock = sonde_jail_landlock(j->read_paths);
	report->seccomp = sonde_jail_seccomp();
	return SONDE_OK;
}
