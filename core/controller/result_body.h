/* SPDX-License-Identifier: Apache-2.0 */
/* The members that a plugin adds to a result. Pure; a fuzz target. */
#pragma once
#include "base/buf.h"
#include "wire/wire.h"

/* Appends the members of body, a JSON object that was checked, and the closing brace to an object
 * that is open and has members. What the controller itself says of a result (status, failure, times
 * ...) is left out: a node does not say it a second time. */
void result_body_add(struct sonde_buf *, struct sonde_text body);
