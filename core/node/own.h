/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses that probes must not reach unless the operator allows them: those of this machine
 * and of the controller. A list for the guard, of SONDE_GUARD_OWN_TEXT bytes. */
#pragma once

/* The interfaces' addresses, and what the controller's name resolves to; blocks for that. */
void sonde_own_init(char *own, const char *controller_url);
