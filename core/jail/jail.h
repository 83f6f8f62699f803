/* SPDX-License-Identifier: Apache-2.0 */
/* What a process that runs plugins gives up before it opens one: privileges for ever, resources,
 * the file system, dangerous system calls. What the kernel cannot do is left out and told. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct sonde_jail {
	uint64_t memory;      /* bytes of address space, 0 = no limit; not under AddressSanitizer */
	uint32_t files;       /* descriptors, 0 = leave */
	uint32_t processes;   /* of the user, 0 = leave; not under AddressSanitizer */
	bool keep_raw;        /* keep CAP_NET_RAW when it is there */
	uid_t uid;            /* switch to this user and group, 0 = stay; needs to be root */
	gid_t gid;
	const char *read_paths; /* "PATH:PATH" that may be read and mapped, beside the system's */
};

/* What is in force after sonde_jail_enter. */
struct sonde_jail_report {
	unsigned landlock; /* its ABI, 0 = the kernel has none */
	bool seccomp, raw; /* raw: CAP_NET_RAW is held */
};

/* Enter it; one thread only, before any plugin. Fails (SONDE_EIO, with a sentence) when a limit,
 * the switch of user or no_new_privs fails; seccomp and Landlock are best effort. */
int sonde_jail_enter(const struct sonde_jail *, struct sonde_jail_report *, struct sonde_error *);

/* Parts, each usable alone. */
int sonde_jail_drop_bounding(bool keep_raw); /* 0, or -1 with errno; before a switch of user */
int sonde_jail_drop_caps(bool keep_raw, bool *has_raw); /* 0, or -1 with errno */
unsigned sonde_jail_landlock(const char *read_paths); /* ABI in force, 0 = none */
bool sonde_jail_seccomp(void);
