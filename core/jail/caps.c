/* SPDX-License-Identifier: Apache-2.0 */
/* Capabilities by the bare system calls: libcap would be one more library in the runner. */
#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "jail/jail.h"

int sonde_jail_drop_bounding(bool keep_raw)
{
	for (int cap = 0; cap < 64; cap++) {
		if (keep_raw && cap == CAP_NET_RAW)
			continue;
		if (!prctl(PR_CAPBSET_DROP, cap, 0, 0, 0))
			continue;
		if (errno == EINVAL) /* past the last capability of this kernel */
			return 0;
		if (errno == EPERM) /* not privileged: no_new_privs closes the same door */
			return 0;
		return -1;
	}
	return 0;
}

int sonde_jail_drop_caps(bool keep_raw, bool *has_raw)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 } };
	const uint32_t raw = 1u << CAP_NET_RAW;

	*has_raw = false;
	if (syscall(SYS_capget, &head, data))
		return -1;
	*has_raw = keep_raw && (data[0].permitted & raw);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	data[0].permitted = data[0].effective = *has_raw ? raw : 0;
	data[0].inheritable = data[1].permitted = data[1].effective = data[1].inheritable = 0;
	return (int)syscall(SYS_capset, &head, data);
}
