/* SPDX-License-Identifier: Apache-2.0 */
/* Files that hold a secret: a program uses none that others could have read. What systemd hands over in
 * $CREDENTIALS_DIRECTORY it keeps from others itself; there only "others" of the mode counts. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* A plain file of this user with no right for group and others, else SONDE_EDENIED and a sentence that
 * names the file and the command that mends it. */
int sonde_private_check(int fd, const char *path, struct sonde_error *e);
/* The same for a path; a file that does not exist is none of its business: SONDE_OK. */
int sonde_private_check_path(const char *path, struct sonde_error *e);
/* The first line of such a file without its end. SONDE_EIO when it cannot be read, SONDE_EINVAL when it
 * is empty or does not fit. The caller wipes `out`. */
int sonde_private_read(const char *path, char *out, size_t room, struct sonde_error *e);
/* The path of what systemd hands over under a name; false when it hands over none. */
bool sonde_private_credential(const char *name, char *out, size_t room);
/* Look at files as the one who will use them: where root asks about a directory of another user, that user's
 * rights hold until sonde_private_as_self. Does nothing for anybody else. */
void sonde_private_as_owner(const char *dir);
void sonde_private_as_self(void);
/* No core file of this process and its children holds a secret, and no other process of the same user
 * may look into this one. Failure is a warning in the log. */
void sonde_private_memory(void);
