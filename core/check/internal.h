/* SPDX-License-Identifier: Apache-2.0 */
/* Inside check/ only. check.c is the process that reports; everything else runs in its child. */
#pragma once
#include <sonde/fakehost.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/rng.h"
#include "check/check.h"
#include "plug/plugset.h"

/* What the child writes into the pipe, one fixed struct each. The reader trusts none of it. */
enum check_kind { CHECK_STEP = 1, CHECK_ERROR, CHECK_WARNING, CHECK_END };
struct check_record {
	uint32_t kind;
	uint32_t step;
	char what[480]; /* STEP: the run in words; ERROR and WARNING: the finding */
};

/* The child's side: where it writes and what it works on. */
struct check {
	const struct sonde_check *asked;
	int out;
	uint32_t step;    /* what runs now; the first is 0 */
	const char *page; /* NUL-terminated text, NULL = none */
	struct sonde_plug plug;
	bool starved;     /* this run has less memory than a probe may ask for */
	bool cancelled;   /* cancel() was called in some run */
};

void check_say(struct check *, enum check_kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* child.c: all steps from number `from` on. */
void check_child(struct check *, uint32_t from);

/* values.c */
/* Give parameters of the host values of the generator's choice; words get the text for people. */
void check_vary(const struct sonde_plug *, struct fakehost *, struct sonde_rng *,
                struct sonde_buf *words);
const char *check_target(const struct sonde_plug *, struct sonde_rng *);

/* fields.c: the result's members against the rows. */
void check_fields(struct check *, const char *json);
/* page.c: the user's page against the rows. */
void check_page(struct check *);

/* elf.c */
/* Calls fn for each global dynamic symbol of an ELF file of this machine's class. SONDE_EINVAL when
 * the bytes are none, or damaged; fn may have been called by then. */
int check_elf_symbols(const uint8_t *data, size_t len,
                      void (*fn)(void *arg, const char *name, bool defined), void *arg);

/* contain.c: a network of the process's own with lo up. False when the kernel gives none. */
bool check_contain(void);
