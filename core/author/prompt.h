/* SPDX-License-Identifier: Apache-2.0 */
/* Lines from a person or a pipe. A person at a terminal can edit them and has the earlier ones, when
 * this was built with libedit; they are kept in a file that only its owner reads. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct author_prompt;

/* history: the file of earlier lines, made when it is not there; NULL = none is kept. NULL: out of
 * memory. */
struct author_prompt *author_prompt_new(const char *history);
bool author_prompt_person(const struct author_prompt *);
/* The next line without its end, valid until the next call; NULL at the end of input. */
const char *author_prompt_line(struct author_prompt *, size_t *len);
/* Writes the history; NULL is fine. */
void author_prompt_free(struct author_prompt *);
