/* SPDX-License-Identifier: Apache-2.0 */
/* A network namespace of the test's own, with lo up and ping sockets open to everybody. */
#pragma once

/* Enter it, or end the case as skipped with the reason. */
void netns_enter(void);
/* Echo requests to the prefix ("127.0.0.9", "fd00::/8") vanish without a word. */
void netns_blackhole(const char *prefix);
/* Run a command with a fixed argument list; ends the case as failed when it fails. */
void netns_run(const char *const argv[]);
