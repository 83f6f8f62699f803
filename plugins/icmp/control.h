/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says beside a packet, in the control messages of recvmsg. Each looks at kind and length;
 * the data of a message may be read when its kind was told. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

bool sonde_control_is_stamp(const struct cmsghdr *);
/* Its software stamp: CLOCK_REALTIME in ns. */
int64_t sonde_control_stamp(const struct cmsghdr *);
/* Whether it holds a struct sock_extended_err, of the error queue. */
bool sonde_control_is_error(const struct cmsghdr *);
