/* SPDX-License-Identifier: Apache-2.0 */
/* Every result in a store, in ingest order, one line each:
 * node epoch seq late received_ms body */
#include <inttypes.h>
#include <stdio.h>

#include "store/store.h"

static int print(void *arg, uint64_t ingest, const struct sonde_result *r)
{
	char id[SONDE_ID_TEXT];

	sonde_id_format(&r->node, id);
	printf("%s %" PRIu64 " %" PRIu64 " %u %" PRId64 " %.*s\n", id, r->epoch, r->seq, r->late,
	       r->received_ms, (int)r->body.len, (const char *)r->body.data);
	return 0;
}

int main(int argc, char **argv)
{
	struct sonde_store_options o = { .dir = argv[1], .no_writer = true };
	struct sonde_store *store;
	struct sonde_error e;
	struct sonde_read *r;
	uint64_t next;

	if (argc != 2 || sonde_store_open(&o, &store, &e) != SONDE_OK) {
		fprintf(stderr, "dump: %s\n", argc == 2 ? e.text : "usage: dump STORE");
		return 2;
	}
	int rc = sonde_read_begin(store, &r);
	if (rc == SONDE_OK) {
		rc = sonde_read_results(r, 1, print, NULL, &next);
		sonde_read_end(r);
	}
	sonde_store_close(store);
	return rc ? 1 : 0;
}
