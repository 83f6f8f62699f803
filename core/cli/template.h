/* SPDX-License-Identifier: Apache-2.0 */
/* The files of `sonde plugin new`, built in from sdk/template/. */
#pragma once

/* "@name@" stands for the plugin's name, in the file's name too. */
struct cli_template {
	const char *file, *text; /* NULL ends the list */
};

extern const struct cli_template cli_templates[];
