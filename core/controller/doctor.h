/* SPDX-License-Identifier: Apache-2.0 */
/* `sonde-controller doctor [options]`: whether this machine is fit for a controller with these
 * options. A line each: ok, warn or FAIL, what was looked at, what was found and how to mend it.
 * Changes nothing; may run beside a controller. */
#pragma once

/* What follows the verb. The exit code: 1 when a line says FAIL. */
int doctor_command(int argc, char **argv);
