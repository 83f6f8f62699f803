/* SPDX-License-Identifier: Apache-2.0 */
/* What a client says to an echo server, and what it must hear. Words, parted by spaces:
 *
 *   XX PAYLOAD   a frame: its first byte in hex; what is sent has a mask
 *                PAYLOAD: - nothing, @N that many stars, 'text, #hex
 *   ~HEX         these bytes as they are
 *   %N           what follows is sent in writes of N bytes
 *   *N           the next frame that many times
 *   /N           between first byte and PAYLOAD: the message in frames of N bytes
 *   !N           the server closes with this code, and then the connection
 *
 * Where no ! is expected, the client closes with 1000 at the end and hears 1000. */
#pragma once

struct frames_case {
	const char *name, *say, *hear;
};

extern const struct frames_case frames_cases[]; /* ends with a NULL name */
