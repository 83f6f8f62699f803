/* SPDX-License-Identifier: Apache-2.0 */
/* posix_spawn with what every child of the node gets: no signal mask, default handlers, a process
 * group of its own (so that a terminal's interrupt reaches the node alone), stdin from /dev/null, and
 * no descriptor but those named. */
#pragma once
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

struct sonde_spawn_fd {
	int ours, theirs; /* ends with ours -1; at most 4 */
};

/* argv[0] is the program's path, argv ends with NULL. SONDE_EIO with a sentence. */
int sonde_spawn(const char *const *argv, const struct sonde_spawn_fd *, pid_t *, struct sonde_error *);
/* "was killed by signal 11 (Segmentation fault)" or "ended with status 1". */
void sonde_exit_phrase(int wait_status, char *out, size_t room);
