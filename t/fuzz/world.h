/* SPDX-License-Identifier: Apache-2.0 */
/* A whole controller for fuzz targets: the real one, with a store of its own in memory, a node that
 * is connected, a user, a measurement and a schedule. Only net/ is another: requests, connections
 * and their answers are plain calls. After WORLD_LIFE inputs, or when many requests still wait, a
 * new world begins, so that what inputs leave behind stays bounded. */
#pragma once
#include "controller/controller.h"

enum { WORLD_LIFE = 2000 };

/* Begins an input: the world that it finds. Aborts when there cannot be one. */
struct controller *world_begin(void);
/* The text with "{node}", "{measurement}", "{finished}", "{schedule}", "{user}", "{key}", "{token}", "{admin}",
 * "{access}" and "{refresh}" replaced by what they are in this world. The caller frees. */
char *world_expand(const void *data, size_t size, size_t *len);
/* One request: "METHOD /path?query", lines "header: value", an empty line, the body. Without an
 * authorization line it comes from the administrator. What is answered at once must be well formed;
 * a request that waits is answered, or dropped with the world. */
void world_request(const char *text, size_t len);
/* A request that may make a measurement, which is cancelled then. */
void world_measure(const char *text, size_t len);
/* Lets what was asked for happen: commits, answers, timers that are due. */
void world_settle(void);
/* The same some milliseconds later, for timers. */
void world_pass(int64_t ms);
/* A connection of a node or of a live client; there until world_hang_up, which the
 * caller owes also when the controller closes it. */
struct sonde_conn *world_connect(const struct sonde_conn_events *);
/* One message, which is copied. False when the controller closes the connection for it. */
bool world_say(struct sonde_conn *, const char *text, size_t len);
void world_hang_up(struct sonde_conn *);
/* hello of the node that is enrolled. */
void world_hello(struct sonde_conn *);

/* Puts a record into the store, lets another controller load it all, asks for what shows it, and takes
 * it out again. */
void world_reload(enum sonde_table, struct sonde_slice key, struct sonde_slice value);
