/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of spec.yaml, each with its newline; the build writes them. */
#pragma once

extern const char *const api_spec_lines[]; /* ends with NULL */
