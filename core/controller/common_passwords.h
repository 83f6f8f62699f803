/* SPDX-License-Identifier: Apache-2.0 */
/* The words of common_passwords.txt, as that file sorts them; the table is made at build time. */
#pragma once
#include <stddef.h>

extern const char *const common_passwords[];
extern const size_t common_password_count;
