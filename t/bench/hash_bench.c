/* SPDX-License-Identifier: Apache-2.0 */
/* The pure rate of the password hash on one thread, as one line of JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/secret.h"

enum { SECONDS_MAX = 60 };

int main(int argc, char **argv)
{
	static const char word[] = "a password";
	char hash[SONDE_PASSWORD_TEXT], *end = NULL;
	long seconds = argc > 1 ? strtol(argv[1], &end, 10) : 2;
	unsigned count = 0;

	if ((end && *end) || seconds < 1 || seconds > SECONDS_MAX)
		return 2;
	sonde_secret_init();
	int64_t start = sonde_boottime_ns(), took = 0;
	while (took < seconds * SONDE_NS_PER_S) {
		if (sonde_password_hash(word, strlen(word), hash))
			return 1;
		count++;
		took = sonde_boottime_ns() - start;
	}
	printf("{\"value\":%.1f,\"ms_each\":%.1f}\n", count * 1e9 / (double)took,
	       (double)took / 1e6 / count);
	return 0;
}
