/* SPDX-License-Identifier: Apache-2.0 */
/* Length-prefixed frames between node and runner. The peer is not trusted: a length is checked
 * before anything is kept for it. */
#include "wire/wire.h"

#include "base/status.h"

void sonde_frame_encode(struct sonde_buf *b, const struct sonde_msg *m)
{
	static const char blank[SONDE_FRAME_HEAD];
	size_t start = b->len;

	sonde_buf_add(b, blank, sizeof(blank));
	sonde_msg_encode(b, m);
	if (b->failed)
		return;
	size_t n = b->len - start - SONDE_FRAME_HEAD;
	for (int i = 0; i < SONDE_FRAME_HEAD; i++)
		b->data[start + i] = (char)(n >> (8 * i));
}

int sonde_frame_next(struct sonde_buf *b, size_t *at, char **text, size_t *len)
{
	if (b->len - *at < SONDE_FRAME_HEAD)
		return 0;
	const unsigned char *p = (const unsigned char *)b->data + *at;
	size_t n = p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
	if (n > SONDE_MSG_MAX)
		return SONDE_EINVAL;
	if (b->len - *at - SONDE_FRAME_HEAD < n)
		return 0;
	*text = b->data + *at + SONDE_FRAME_HEAD;
	*len = n;
	*at += SONDE_FRAME_HEAD + n;
	return 1;
}
