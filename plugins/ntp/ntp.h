/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the plugin `ntp` only. */
#pragma once
#include "connect/rounds.h"
#include "ntp/packet.h"

enum { NTP_SAMPLES_MAX = 16 };

struct ntp_args {
	int64_t port, samples, interval, wait, version, max_stratum;
	int64_t max_offset; /* ns, 0 = none */
	const char *source;
};

struct ntp_sample {
	int64_t offset, delay; /* ns; offset > 0: the server is ahead of this node */
};

struct ntp_state {
	struct sonde_rounds rounds; /* first */
	uint64_t nonce[NTP_SAMPLES_MAX];
	struct ntp_packet packet[NTP_SAMPLES_MAX]; /* the answers */
	struct ntp_sample sample[NTP_SAMPLES_MAX];
	struct ntp_packet last; /* the latest answer, good or bad */
	int64_t last_at;        /* when it came, 0 = none; wall clock */
	char kiss[5];
	char note[40];
	char why[120];
};

/* result.c: rawOutput as it happens, and the result. */
void ntp_print_sample(struct sonde_probe *, unsigned i);
enum sonde_failure ntp_report(struct sonde_probe *, enum sonde_failure, const char **why);
