/* SPDX-License-Identifier: Apache-2.0 */
/* A path of routers in one thread, behind a TUN device in the test's own network namespace: reads
 * probes, counts them, and answers as routers and as a target would, or as a forger would.
 *
 * The router of TTL t is 10.2.0.t or fd02::t (with .128+t beside it where paths part), the target
 * 10.3.0.1 or fd03::1. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PATHSIM_TARGET4 "10.3.0.1"
#define PATHSIM_TARGET6 "fd03::1"

enum pathsim_forgery {
	PATHSIM_HONEST = 0,
	PATHSIM_COOKIE,   /* one bit of the quoted or returned payload is another */
	PATHSIM_SEQUENCE, /* another probe's number beside our cookie */
	PATHSIM_SOURCE,   /* echo replies come from another address than the target's */
	PATHSIM_CHECKSUM, /* quotes of eight bytes, with another checksum */
	PATHSIM_ELSEWHERE, /* quotes of a probe to another target */
};

struct pathsim {
	/* Set before start. Bit t of a mask is about TTL t. */
	unsigned distance;      /* of the target */
	uint64_t silent;        /* who never answers, the target too */
	uint64_t once;          /* routers that answer each second probe, as a rate limit does */
	uint64_t labelled;      /* routers that tell a stack of two MPLS labels */
	uint64_t old_labelled;  /* the same without saying where it begins */
	uint64_t parted;        /* of two routers there, the flow chooses one */
	unsigned loop;          /* from there on two routers send to each other, 0 = none */
	unsigned stop;          /* a router that says host unreachable, 0 = none */
	unsigned barrier;       /* answer nothing before a probe with this TTL was seen */
	bool short_quotes;      /* IPv4: routers quote eight bytes */
	bool open_port;         /* TCP: accepts */
	enum pathsim_forgery forgery;
	/* Filled while it runs. */
	unsigned seen[256];     /* probes by TTL */
	unsigned flows;         /* different ones, by what routers hash; at most 64 are counted */
	unsigned strangers;     /* probes to another address than the target's */
	/* Its own. */
	uint64_t flow[64];
	int fd, stop_fd;
	void *thread, *held;
	unsigned n_held;
};

/* In a namespace of the test's own (netns_enter); ends the case as skipped without /dev/net/tun. */
void pathsim_start(struct pathsim *);
/* Ends the case as failed when a probe went elsewhere than to the target. */
void pathsim_stop(struct pathsim *);
