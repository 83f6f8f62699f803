/* SPDX-License-Identifier: Apache-2.0 */
/* Whether this build is made with the address sanitizer: its shadow memory is terabytes, its leak check
 * traces its own process, and everything is slower. */
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define SONDE_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SONDE_SANITIZED 1
#endif
#endif
#ifndef SONDE_SANITIZED
#define SONDE_SANITIZED 0
#endif
