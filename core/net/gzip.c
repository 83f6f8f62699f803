/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies as gzip, for peers that ask for it. One deflate state serves all replies of a net, since
 * a reply is put together in one go; it is made with the first such reply. The fastest level: the
 * loop has one thread, and JSON shrinks to a fifth with it too. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#include "net/private.h"

enum { GZIP_MIN = 1024, GZIP_WINDOW = 15 + 16, GZIP_MEMORY = 8 };

struct gzip {
	z_stream stream;
};

/* The element of the list that begins at p, without parameters, is the word. */
static bool is_coding(const char *p, size_t len, const char *word)
{
	return len == strlen(word) && !strncasecmp(p, word, len);
}

/* "q=0", "q=0.000": not wanted at all. */
static bool is_refused(const char *p, size_t len)
{
	const char *q = memchr(p, ';', len);

	if (!q)
		return false;
	q += 1 + strspn(q + 1, " ");
	if ((*q | 32) != 'q' || q[1] != '=' || q[2] != '0')
		return false;
	q += 3;
	if (*q == '.')
		q += 1 + strspn(q + 1, "0");
	return *q < '1' || *q > '9';
}

bool gzip_accepted(const char *header)
{
	bool any = false;

	for (const char *p = header; *p;) {
		p += strspn(p, " ,\t");
		size_t len = strcspn(p, ","), name = strcspn(p, ",; \t");
		if (is_coding(p, name, "gzip"))
			return !is_refused(p, len);
		if (is_coding(p, name, "*"))
			any = !is_refused(p, len);
		p += len;
	}
	return any;
}

bool gzip_worthwhile(const struct sonde_reply *r)
{
	return r->len > GZIP_MIN && r->type && r->status < 300 &&
	       (!strncmp(r->type, "application/json", 16) || !strncmp(r->type, "text/", 5) ||
	        !strncmp(r->type, "application/x-ndjson", 20) ||
	        !strncmp(r->type, "application/yaml", 16));
}

static struct gzip *state_of(struct sonde_net *net)
{
	if (net->gzip)
		return deflateReset(&net->gzip->stream) == Z_OK ? net->gzip : NULL;
	struct gzip *g = calloc(1, sizeof(*g));
	if (g && deflateInit2(&g->stream, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
	                      Z_DEFAULT_STRATEGY) != Z_OK) {
		free(g);
		return NULL;
	}
	net->gzip = g;
	return g;
}

bool gzip_pack(struct sonde_net *net, struct sonde_buf *to, const void *data, size_t len)
{
	struct gzip *g = len < UINT32_MAX / 2 ? state_of(net) : NULL;

	if (!g)
		return false;
	size_t room = deflateBound(&g->stream, (uLong)len);
	char *at = sonde_buf_reserve(to, room);
	if (!at)
		return false;
	g->stream.next_in = (Bytef *)(uintptr_t)data;
	g->stream.avail_in = (uInt)len;
	g->stream.next_out = (Bytef *)at;
	g->stream.avail_out = (uInt)room;
	if (deflate(&g->stream, Z_FINISH) != Z_STREAM_END)
		return false;
	to->len += room - g->stream.avail_out;
	return true;
}

void gzip_free(struct gzip *g)
{
	if (g)
		deflateEnd(&g->stream);
	free(g);
}
