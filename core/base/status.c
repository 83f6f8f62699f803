/* SPDX-License-Identifier: Apache-2.0 */
/* Phrases for status codes. */
#include "base/status.h"

#include <stddef.h>

static const char *const phrases[] = {
	"ok",          "out of memory", "invalid input", "not found", "already exists", "full",
	"input/output error", "denied", "timed out",   "gone",     "conflict",       "wrong version",
};

const char *sonde_strstatus(int status)
{
	size_t i = status <= 0 ? (size_t)-status : sizeof(phrases);
	return i < sizeof(phrases) / sizeof(phrases[0]) ? phrases[i] : "unknown status";
}
