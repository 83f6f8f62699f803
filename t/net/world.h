/* SPDX-License-Identifier: Apache-2.0 */
/* A loop with a net in the test's process, and blocking raw-socket clients in a thread beside it. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "net/net.h"

struct world {
	uv_loop_t loop;
	struct sonde_net *net;
	uint16_t port;
	uv_async_t over;
	void (*client)(struct world *);
	void *arg;
};

/* Options with small limits: body 1000, message 1 MiB, queue 64 KiB, idle 2 s. */
struct sonde_net_options world_options(void);
void world_open(struct world *, const struct sonde_net_options *, const struct sonde_listen *);
/* Runs the loop until world_over was called, from any thread. */
void world_run(struct world *);
void world_over(struct world *);
/* Runs `client` in a thread beside the loop, until it returns. */
void world_with(struct world *, void (*client)(struct world *));
/* Closes the net and the loop; fails when a handle is left. */
void world_close(struct world *);

int raw_dial(struct world *);
void raw_say(int fd, const void *, size_t);
void raw_text(int fd, const char *);
/* One answer with its body; its status, 0 when the peer closed, -1 when it reset. */
int raw_answer(int fd, char *out, size_t room);
/* Whether the peer closes or resets, after throwing away what it still sends. */
bool raw_closed(int fd);
/* Exactly n bytes; false when the peer closed before. */
bool raw_read(int fd, void *, size_t n);
/* A masked client frame with payload shorter than 64 KiB. */
void raw_frame(int fd, unsigned char first, const void *, size_t);
/* Upgrades to a websocket; the status. */
int raw_upgrade(int fd, const char *path, const char *headers, char *out, size_t room);
