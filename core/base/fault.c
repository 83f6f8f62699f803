/* SPDX-License-Identifier: Apache-2.0 */
/* The environment is read once; edges are passed by several threads. */
#include "base/fault.h"

#ifdef SONDE_FAULT_POINTS
#include <pthread.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct {
	const char *edge; /* its name, not terminated */
	size_t len;
	int bug;
	atomic_int left;
	const _Atomic int64_t *wrong_by; /* of the clock; NULL = it is right */
} asked;

static pthread_once_t once = PTHREAD_ONCE_INIT;

static const _Atomic int64_t *map_clock(const char *path)
{
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	if (fd < 0)
		return NULL;
	void *page = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	return page == MAP_FAILED ? NULL : page;
}

static void read_environment(void)
{
	const char *bug = getenv("SONDE_BUG");

	asked.bug = bug ? (int)strtol(bug, NULL, 10) : 0;
	asked.edge = getenv("SONDE_KILL_AT");
	asked.len = asked.edge ? strcspn(asked.edge, ":") : 0;
	asked.left = asked.edge && asked.edge[asked.len] ?
		(int)strtol(asked.edge + asked.len + 1, NULL, 10) : 1;
	asked.wrong_by = map_clock(getenv("SONDE_CLOCK_FILE"));
}

int64_t sonde_clock_wrong_by(void)
{
	pthread_once(&once, read_environment);
	return asked.wrong_by ? atomic_load(asked.wrong_by) : 0;
}

void sonde_edge(const char *name)
{
	pthread_once(&once, read_environment);
	if (asked.len && strlen(name) == asked.len && !memcmp(name, asked.edge, asked.len) &&
	    atomic_fetch_sub(&asked.left, 1) == 1)
		kill(getpid(), SIGKILL);
}

bool sonde_bug(int number)
{
	pthread_once(&once, read_environment);
	return asked.bug == number;
}
#else
typedef int sonde_no_faults; /* a translation unit is never empty */
#endif
