/* SPDX-License-Identifier: Apache-2.0 */
/* Writing. A value that was not measured is null, never 0. Owns nothing. */
#include "connect/out.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const char *sonde_ms_text(double ns, char out[SONDE_MS_TEXT])
{
	uint64_t us = ns > 0 ? (uint64_t)(ns / 1000 + 0.5) : 0;
	char *at = out + SONDE_MS_TEXT - 1;

	/* Backwards, because printf is what a probe would mostly do. */
	*at = '\0';
	for (unsigned i = 0; i < 3; i++, us /= 10)
		*--at = (char)('0' + us % 10);
	*--at = '.';
	do
		*--at = (char)('0' + us % 10);
	while (us /= 10);
	return at;
}

const char *sonde_loss_text(unsigned total, unsigned rcv, char out[SONDE_MS_TEXT])
{
	if (!total || rcv >= total)
		return "0";
	if (!rcv)
		return "100";
	snprintf(out, SONDE_MS_TEXT, "%.4g", 100.0 * (total - rcv) / total);
	return out;
}

void sonde_put_str(struct sonde_probe *p, const char *key, const char *text)
{
	if (text)
		p->host->put_text(p, key, text, strlen(text));
	else
		p->host->put_null(p, key);
}

void sonde_put_ms(struct sonde_probe *p, const char *key, bool known, double ns)
{
	if (known)
		p->host->put_number(p, key, ns / 1e6, 6);
	else
		p->host->put_null(p, key);
}

void sonde_put_target(struct sonde_probe *p, const char *address)
{
	sonde_put_str(p, "resolvedAddress", address);
	sonde_put_str(p, "resolvedHostname", strcmp(address, p->target) ? p->target : NULL);
}

void sonde_sums_add(struct sonde_sums *s, double ns)
{
	if (!s->rcv || ns < s->min)
		s->min = ns;
	if (!s->rcv || ns > s->max)
		s->max = ns;
	s->sum += ns;
	s->squares += ns * ns;
	s->rcv++;
}

double sonde_sums_deviation(const struct sonde_sums *s)
{
	double mean = s->rcv ? s->sum / s->rcv : 0;
	double variance = s->rcv ? s->squares / s->rcv - mean * mean : 0;

	return variance > 0 ? sqrt(variance) : 0;
}

void sonde_put_stats(struct sonde_probe *p, const struct sonde_sums *s)
{
	bool any = s->rcv > 0;

	p->host->open(p, "stats", '{');
	sonde_put_ms(p, "min", any, s->min);
	sonde_put_ms(p, "avg", any, any ? s->sum / s->rcv : 0);
	sonde_put_ms(p, "max", any, s->max);
	sonde_put_ms(p, "stddev", any, sonde_sums_deviation(s));
	p->host->put_int(p, "total", s->total);
	p->host->put_int(p, "rcv", s->rcv);
	p->host->put_int(p, "drop", s->total - s->rcv);
	if (s->total)
		p->host->put_number(p, "loss", 100.0 * (s->total - s->rcv) / s->total, 2);
	else
		p->host->put_null(p, "loss");
	p->host->close(p);
}
