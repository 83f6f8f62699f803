/* SPDX-License-Identifier: Apache-2.0 */
/* The host for plugin tests is installed for everybody: sonde/fakehost.h. */
#pragma once
#include <sonde/fakehost.h>
