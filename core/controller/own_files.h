/* SPDX-License-Identifier: Apache-2.0 */
/* The controller's own files beside the store: that nobody else can read the secret ones, and the pin of
 * its certificate, by which others know it. */
#pragma once
#include "base/error.h"
#include "controller/options.h"

/* The path of the secret: as configured, else what systemd hands over as "sonde.secret", else in the
 * state directory. */
void own_secret_path(const struct controller_options *, char *out, size_t room);
/* Of the TLS key and the admin token, where they are there; the secret is checked where it is read. */
int own_files_check(const struct controller_options *, struct sonde_error *);
/* The pin of the certificate in one log line; nothing without TLS. */
void own_pin_log(const struct controller_options *);
/* `sonde-controller pin [FILE]` prints it; the exit code, or -1 when argv asks for something else. */
int own_pin_command(int argc, char **argv);
