/* SPDX-License-Identifier: Apache-2.0 */
/* What system errors mean for a result. Shared by all types that open sockets. */
#pragma once
#include <sonde/plugin.h>

/* What an errno of connect, send or receive says about the target; NONE for 0. */
enum sonde_failure sonde_errno_failure(int error);
/* A lower-case phrase for it. */
const char *sonde_errno_phrase(int error);
