/* SPDX-License-Identifier: Apache-2.0 */
/* What the load generators share: figures of processes, percentiles, connecting. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* CPU microseconds (user and system, all threads) of a process; -1 when it cannot be read. */
int64_t load_cpu_us(pid_t);
int64_t load_own_cpu_us(void);
/* Resident set of a process in KiB; -1 when it cannot be read. */
long load_rss_kb(pid_t);
int64_t load_now_ns(void);
/* Sorts and gives the value below which `share` (0..1) of the samples are. */
uint32_t load_percentile(uint32_t *samples, size_t count, double share);
/* A connected, non-blocking TCP socket with TCP_NODELAY to an IPv4 address; exits on failure. */
int load_connect(const char *address, uint16_t port);
/* A whole positive number of at most max; exits with a sentence otherwise. */
uint64_t load_number(const char *option, const char *text, uint64_t max);
void load_die(const char *what, ...) __attribute__((format(printf, 1, 2), noreturn));
