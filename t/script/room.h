/* SPDX-License-Identifier: Apache-2.0 */
/* A set of policies with eight nodes, for the tests of this room. */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "script/policy.h"
#include "tap.h"

enum { ROOM_NODES = 8 };
static const unsigned room_all[ROOM_NODES] = { 0, 1, 2, 3, 4, 5, 6, 7 };

/* wall_ms 0 = the default, for programs that shall run into it. */
static inline struct sonde_policies *room_new(unsigned wall_ms)
{
	struct sonde_policy_limits limits = { .wall_ms = wall_ms };
	struct sonde_policies *ps = NULL;
	char name[16];

	EXPECT_INT(sonde_policies_new(&limits, &ps), SONDE_OK);
	for (unsigned i = 0; i < ROOM_NODES; i++) {
		snprintf(name, sizeof(name), "node%u", i);
		EXPECT_INT(sonde_column_text(ps, i, SONDE_COL_NAME, name), SONDE_OK);
		EXPECT_INT(sonde_column_number(ps, i, SONDE_COL_LOAD, 1 - i / 10.0), SONDE_OK);
	}
	return ps;
}

static inline int room_load(struct sonde_policies *ps, const char *name, const char *text,
                            struct sonde_error *err)
{
	char file[64];

	snprintf(file, sizeof(file), "policies/%s.lua", name);
	return sonde_policy_load(ps, name, file, text, strlen(text), err);
}

/* A policy whose pick has this body. */
static inline int room_load_pick(struct sonde_policies *ps, const char *name, const char *head,
                                 const char *body, struct sonde_error *err)
{
	char text[8192];

	snprintf(text, sizeof(text),
	         "%s\nreturn { api = 1, summary = 's', pick = function(req, set, view)\n%s\nend }",
	         head, body);
	return room_load(ps, name, text, err);
}

static inline struct sonde_decision room_pick(struct sonde_policies *ps, const char *name,
                                              unsigned want, unsigned *rows)
{
	struct sonde_request req = { .type = "ping", .want = want, .seed = 7 };
	struct sonde_decision d = { .rows = rows };

	sonde_policy_pick(ps, name, &req, room_all, ROOM_NODES, &d);
	return d;
}
