/* SPDX-License-Identifier: Apache-2.0 */
/* Between the three files of /v1/live: live.c has the connections and reads their messages,
 * live_topics.c what may be asked for and how, live_feed.c tells. A subscription belongs to its
 * connection; it is freed by live_drop, at the latest when the connection closes. */
#pragma once
#include <jansson.h>

#include "controller/accounts.h"
#include "controller/api/results.h"
#include "controller/live.h"

enum {
	LIVE_SOON_MS = 10, /* what happens within is told together */
	LIVE_ID_MAX = 64,
};

enum live_kind { LIVE_NONE, LIVE_RESULTS, LIVE_NODES, LIVE_EVENTS, LIVE_STATS, LIVE_MEASUREMENT };

struct live_topic {
	const char *name;
	enum live_kind kind;
	enum role least;
};

struct subscription {
	enum live_kind kind;
	char id[LIVE_ID_MAX + 1];
	struct result_reader reader;  /* results, measurement */
	uint64_t missed;              /* not told yet */
	int64_t every_ns, due_ns;     /* stats */
	bool current;                 /* has been up to date */
	bool finished;                /* of a measurement: over, the end is to be told */
};

struct live_conn {
	struct live_conn *prev, *next;
	struct live *live;
	struct sonde_conn *conn;
	struct credential credential;
	enum role role; /* as the credential was at the last look */
	bool reads;     /* its scopes let it */
	bool ended;     /* the credential does not hold any more */
	bool spoke;     /* logged in or subscribed, and so counted */
	int64_t quiet_ns; /* since when it has neither */
	unsigned count;
	struct subscription *subs[LIVE_SUBSCRIPTIONS];
};

/* live_topics.c */

/* NULL when there is none of that name (NULL = no name). */
const struct live_topic *live_topic_find(const char *name);
/* The text of a field, 0 to room - 1 bytes and a NUL; false when it is no text or too long. */
bool live_take_text(const json_t *, const char *key, char *out, size_t room);
/* Fill in what a message asks for; kind and id are there already. A sentence when it is wrong. */
const char *live_subscription_read(struct controller *, const json_t *, struct subscription *);

/* live_feed.c */

/* The ingest number that the next result will get. */
uint64_t live_head(struct controller *);
/* {"id":...,KEY:TEXT}; id NULL = of the connection. What cannot be sent is dropped. */
void live_say(struct live_conn *, const char *id, const char *key, const char *text);
/* The measurement as it is now. */
void live_tell_measurement(struct live_conn *, struct subscription *);
/* Look at every subscription at the latest after so long. */
void live_arm(struct live *, uint64_t ms);
/* Free the i-th subscription; the last one takes its place. */
void live_drop(struct live_conn *, unsigned i);
