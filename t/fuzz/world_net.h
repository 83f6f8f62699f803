/* SPDX-License-Identifier: Apache-2.0 */
/* net/ as fuzz targets have it: a request is a struct, a connection keeps nothing that is sent. */
#pragma once
#include "net/net.h"

struct fuzz_header {
	char name[32];
	char value[1024];
};

struct sonde_req {
	struct sonde_req_view view;
	_Alignas(16) char room[SONDE_REQ_ROOM];
	struct fuzz_header headers[8];
	unsigned header_count;
	char *memory; /* path, query, body; freed with it */
	struct sonde_buf *answer; /* where the body goes; NULL = it is only checked */
	bool *answered;           /* set by the answer; may be NULL */
};

struct sonde_conn {
	const struct sonde_conn_events *events;
	void *arg;
	struct sonde_conn *next; /* of those that are open */
	bool closing;            /* no message is delivered any more */
	bool held;               /* by the target: it is not freed yet when it is swept */
	bool gone;               /* held, and its close callback has run */
	unsigned code;
	char reason[124];
};

/* Set where the store holds what no controller wrote: its bytes go out as they are. */
extern bool fuzz_net_any_json;
/* Requests that were not answered yet. */
unsigned fuzz_net_waiting(void);
void fuzz_net_add(struct sonde_req *);
/* Opens one, as its route's initial arg has it. */
struct sonde_conn *fuzz_net_connect(const struct sonde_conn_events *, void *arg);
/* Close callbacks of those that are closing; all = of every one. */
void fuzz_net_sweep(bool all);
