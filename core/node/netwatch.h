/* SPDX-License-Identifier: Apache-2.0 */
/* Tells when addresses or routes of this machine change: once for a burst, when it has been quiet. */
#pragma once
#include <uv.h>

struct sonde_netwatch;

enum { SONDE_NETWATCH_QUIET_MS = 300 };

/* SONDE_EIO where the kernel has no such news: the node goes on without them. */
int sonde_netwatch_new(uv_loop_t *, void (*changed)(void *arg), void *arg, struct sonde_netwatch **);
/* NULL is ignored. No call comes after this; freed once the loop has run. */
void sonde_netwatch_close(struct sonde_netwatch *);
