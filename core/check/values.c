/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters and targets for one run, drawn from a seeded generator: limits of a row as often as
 * values between them, and texts that break careless code. What a row refuses keeps its default. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/internal.h"
#include "param/param.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum { TEXT = 4097, TRIES = 8 };

static const char *const texts[] = {
	"", "a", "0", "-1", "127.0.0.1", "::1", "known.example", "unknown.example", "%s%n%d",
	"a b\tc\nd", "../../etc/passwd", "\"\\", "*", "(", "[", "\xc3\xa9\xf0\x9f\x98\x80", "a=b&c=d",
	"X-Name: value\nOther: text", "/", "443", "{\"a\":1}", "\r\n\r\n",
};

static const char *const hosts[] = {
	"127.0.0.1", "::1", "known.example", "unknown.example", "192.0.2.1", "2001:db8::1", "",
	"-", "a..b", "127.0.0.1:80", "[::1]:80", "http://known.example/", "known.example.",
	"%s%n%d", "\xc3\xa9.example",
};

static const char *const lists[] = {
	"127.0.0.1", "127.0.0.1,127.0.0.2", "127.0.0.0/29", "::1", "192.0.2.0/28", "", ",", "x",
	"127.0.0.1,", "127.0.0.1/33", "::1/128,127.0.0.1", "%s%n%d",
};

static const char *one_of(const char *const *list, size_t n, struct sonde_rng *rng)
{
	return list[sonde_rng_below(rng, n)];
}

const char *check_target(const struct sonde_plug *plug, struct sonde_rng *rng)
{
	switch (plug->desc.target) {
	case SONDE_TARGET_IS_LIST:
		return one_of(lists, COUNT(lists), rng);
	case SONDE_TARGET_IS_TEXT:
	case SONDE_TARGET_IS_NODE:
		return one_of(texts, COUNT(texts), rng);
	default:
		return one_of(hosts, COUNT(hosts), rng);
	}
}

/* A number of the row's range; its ends come often. */
static int64_t whole(const struct sonde_param *row, struct sonde_rng *rng)
{
	bool open_ended = !row->min && !row->max;
	int64_t min = open_ended ? INT32_MIN : row->min, max = open_ended ? INT32_MAX : row->max;
	uint64_t span = (uint64_t)max - (uint64_t)min;

	switch (sonde_rng_below(rng, 4)) {
	case 0:
		return min;
	case 1:
		return max;
	case 2: /* small values, where behaviour changes */
		return (int64_t)((uint64_t)min + sonde_rng_below(rng, span < 8 ? span + 1 : 9));
	default:
		return (int64_t)((uint64_t)min +
		                 (span == UINT64_MAX ? sonde_rng_next(rng)
		                                     : sonde_rng_below(rng, span + 1)));
	}
}

static void long_text(const struct sonde_param *row, struct sonde_rng *rng, char out[TEXT])
{
	size_t max = row->max > 0 && row->max < TEXT ? (size_t)row->max : 1024;
	size_t n = sonde_rng_below(rng, 2) ? max : sonde_rng_below(rng, max + 1);

	for (size_t i = 0; i < n; i++)
		out[i] = (char)(' ' + sonde_rng_below(rng, 95));
	out[n] = '\0';
}

/* Many texts are addresses: one that answers comes more often than the rest. */
static void choose_text(const struct sonde_param *row, struct sonde_rng *rng, char out[TEXT])
{
	switch (sonde_rng_below(rng, 4)) {
	case 0:
		snprintf(out, TEXT, "127.0.0.1");
		break;
	case 1:
		long_text(row, rng, out);
		break;
	default:
		snprintf(out, TEXT, "%s", one_of(texts, COUNT(texts), rng));
	}
}

static void choose(const struct sonde_param *row, struct sonde_rng *rng, char out[TEXT])
{
	size_t n = 0;

	switch (row->type) {
	case SONDE_TYPE_BOOL:
		snprintf(out, TEXT, "%s", sonde_rng_below(rng, 2) ? "true" : "false");
		break;
	case SONDE_TYPE_INT:
		snprintf(out, TEXT, "%" PRId64, whole(row, rng));
		break;
	case SONDE_TYPE_NUMBER:
		snprintf(out, TEXT, "%.3f", (double)whole(row, rng));
		break;
	case SONDE_TYPE_DURATION:
		snprintf(out, TEXT, "%lldms", llabs(whole(row, rng)));
		break;
	case SONDE_TYPE_ENUM:
		while (row->names[n])
			n++;
		snprintf(out, TEXT, "%s", row->names[sonde_rng_below(rng, n)]);
		break;
	default:
		choose_text(row, rng, out);
	}
}

void check_vary(const struct sonde_plug *plug, struct fakehost *h, struct sonde_rng *rng,
                struct sonde_buf *words)
{
	struct sonde_param row;
	char text[TEXT];

	for (unsigned i = 0; sonde_row_at(plug->params, i, &row); i++) {
		bool needed = row.flags & SONDE_PARAM_REQUIRED;
		if (!needed && sonde_rng_below(rng, 2))
			continue;
		for (unsigned try = 0; try < TRIES; try++) {
			choose(&row, rng, text);
			if (fakehost_set(h, row.name, text) == 0) {
				sonde_buf_printf(words, " %s=%.40s", row.name, text);
				break;
			}
		}
	}
}
