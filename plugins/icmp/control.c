/* SPDX-License-Identifier: Apache-2.0 */
/* Owns nothing. */
#include "icmp/control.h"

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <string.h>
#include <time.h>

bool sonde_control_is_stamp(const struct cmsghdr *c)
{
	return c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPING &&
	       c->cmsg_len >= CMSG_LEN(sizeof(struct timespec));
}

int64_t sonde_control_stamp(const struct cmsghdr *c)
{
	struct timespec t;

	memcpy(&t, CMSG_DATA(c), sizeof(t)); /* the first of three is the software stamp */
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

bool sonde_control_is_error(const struct cmsghdr *c)
{
	return c->cmsg_len >= CMSG_LEN(sizeof(struct sock_extended_err)) &&
	       ((c->cmsg_level == SOL_IP && c->cmsg_type == IP_RECVERR) ||
	        (c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_RECVERR));
}
