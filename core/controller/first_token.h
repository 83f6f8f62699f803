/* SPDX-License-Identifier: Apache-2.0 */
/* The token a controller that has none begins with. */
#pragma once

struct controller;

/* It is told after its commit. A status when it could not be asked for; a failure of the store later
 * is logged, and the next start tries again. */
int first_token_make(struct controller *);
