/* SPDX-License-Identifier: Apache-2.0 */
/* A small websocket client for load generators: raw sockets, text messages, zero masks. It trusts
 * its peer and ends the program where something goes wrong. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct ws {
	int fd;
	struct sonde_buf in, out;
};

typedef void ws_message_fn(void *arg, char *text, size_t len);

/* Connects and shakes hands (blocking); non-blocking after it. */
void ws_open(struct ws *, const char *host, uint16_t port, const char *path,
             const char *subprotocol);
void ws_close(struct ws *);
/* Puts a message after those that wait; ws_flush sends. */
void ws_put(struct ws *, const char *text, size_t len);
/* True when all was sent; else call it again when the socket is writable. */
bool ws_flush(struct ws *);
/* Reads what is there and calls back for each whole message. The bytes are the callee's. */
void ws_read(struct ws *, ws_message_fn *, void *arg);
