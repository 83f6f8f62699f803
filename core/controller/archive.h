/* SPDX-License-Identifier: Apache-2.0 */
/* `sonde-controller backup FILE` and `sonde-controller restore FILE`: the store as one file, with the
 * options of the controller behind it (--state, --config). FILE "-" is stdout or stdin. */
#pragma once

enum { ARCHIVE_NO_SPACE = 3 }; /* an exit code beside 0, 1 and 2 */

/* argv[0] is the verb. The exit code, or -1 when it is none of the two. */
int archive_command(int argc, char **argv);
