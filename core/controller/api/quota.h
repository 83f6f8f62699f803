/* SPDX-License-Identifier: Apache-2.0 */
/* What a measurement costs and whether its caller may have it: the tier, the hourly points of the
 * user or address, the points of the target over all users, and credits beyond the free ones. One
 * test on one node is one point. An administrator is not limited. */
#pragma once
#include "controller/api/api.h"
#include "controller/api/request.h"

enum { QUOTA_HEADERS = 8 };

struct quota {
	struct controller *c;
	struct user *user;           /* NULL = anonymous, or not limited */
	const struct tier *tier;     /* NULL = not limited, or anonymous */
	char key[LIMIT_KEY_MAX];
	bool unlimited;
	int64_t limit, cost, points, credits; /* cost = points + credits */
	const char *why;             /* after a refusal: the type of the error */
	char text[QUOTA_HEADERS][24];
	struct sonde_header headers[QUOTA_HEADERS + 1];
};

void quota_begin(struct quota *, const struct call *);
/* What can be said before nodes are chosen; may set the policy. SONDE_EINVAL with the field. */
int quota_allows(struct quota *, struct measurement_request *, bool policy_given,
                 struct sonde_error *);
/* Take the points for `tests` on the target; SONDE_EDENIED with `why` and a sentence. */
int quota_take(struct quota *, const struct measurement_request *, unsigned tests,
               struct sonde_error *);
/* Nothing came of it: give all back. */
void quota_return(struct quota *);
/* The ledger entry of what was spent: key and value; nothing when no credit was. */
bool quota_entry(const struct quota *, struct sonde_id *, struct sonde_buf *);
/* X-RateLimit-* and X-Credits-*: up to QUOTA_HEADERS, ends with {NULL}. */
const struct sonde_header *quota_headers(struct quota *);
/* type, limit, remaining, reset into an open object. */
void quota_describe(const struct quota *, struct sonde_json *);
/* Answer 429 with the headers. */
void quota_refuse(struct quota *, struct sonde_req *, const struct sonde_error *);

/* Tests an hour that a schedule plans, without its windows and whether it is paused or not: both end when
 * its owner likes. */
double schedule_per_hour(const struct controller *, const struct schedule_facts *);
/* The tier against a schedule: its type, the time between its runs, its nodes, and what it plans beside
 * the other schedules of its owner. SONDE_EINVAL with the field. Its runs cost no points: nodes run them
 * without asking, and a result that came is never refused; what they may cost is bounded by this.
 * self: the schedule that is changed, NULL = a new one. */
int schedule_tier_allows(const struct controller *, const struct schedule_facts *,
                         const struct tier *, const char *owner, const struct schedule *self,
                         struct sonde_error *);
