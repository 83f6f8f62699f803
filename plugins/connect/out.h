/* SPDX-License-Identifier: Apache-2.0 */
/* Short hands for what a probe writes. Shared by the plugins tcp, udp and ntp. */
#pragma once
#include <sonde/plugin.h>
#include <stdbool.h>
#include <stdint.h>

#include "connect/say.h"

/* Nanoseconds (>= 0) as milliseconds with three decimals, for a line: a quarter of what %f costs.
 * Returns out. */
enum { SONDE_MS_TEXT = 32 };
const char *sonde_ms_text(double ns, char out[SONDE_MS_TEXT]);
/* The share of total that is not rcv, in percent; returns out. */
const char *sonde_loss_text(unsigned total, unsigned rcv, char out[SONDE_MS_TEXT]);
/* Text, or null for NULL. */
void sonde_put_str(struct sonde_probe *, const char *key, const char *text);
/* Nanoseconds as milliseconds with six decimals; null when not known. */
void sonde_put_ms(struct sonde_probe *, const char *key, bool known, double ns);
/* resolvedAddress, and resolvedHostname: null when the target is the address itself. */
void sonde_put_target(struct sonde_probe *, const char *address);

/* Sums of round trips in nanoseconds. */
struct sonde_sums {
	unsigned total, rcv;
	double min, max, sum, squares;
};
void sonde_sums_add(struct sonde_sums *, double ns);
double sonde_sums_deviation(const struct sonde_sums *);
/* "stats": min avg max stddev (null without a reply), total rcv drop loss. */
void sonde_put_stats(struct sonde_probe *, const struct sonde_sums *);

/* Field rows of the above, of requests. */
#define SONDE_STATS_FIELDS \
	{ "stats", SONDE_TYPE_OBJECT, "sums", NULL, 0 }, \
	{ "stats.min", SONDE_TYPE_NUMBER, "shortest time", "ms", 0 }, \
	{ "stats.avg", SONDE_TYPE_NUMBER, "mean time", "ms", 0 }, \
	{ "stats.max", SONDE_TYPE_NUMBER, "longest time", "ms", 0 }, \
	{ "stats.stddev", SONDE_TYPE_NUMBER, "standard deviation", "ms", 0 }, \
	{ "stats.total", SONDE_TYPE_INT, "requests", NULL, 0 }, \
	{ "stats.rcv", SONDE_TYPE_INT, "answers", NULL, 0 }, \
	{ "stats.drop", SONDE_TYPE_INT, "requests without an answer", NULL, 0 }, \
	{ "stats.loss", SONDE_TYPE_NUMBER, "share without an answer", "%", 0 }
