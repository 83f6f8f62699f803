/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of unknown length: each time the socket has taken what was written, the handler is asked
 * for the next piece; nothing more is kept than that one. Chunked, or ended by closing for HTTP/1.0.
 * Owns the stream from sonde_req_stream to its close call. */
#include <string.h>

#include "net/private.h"

enum { PIECE_KEEP = 256 << 10 };

static const char chunk_end[] = "\r\n", last_chunk[] = "0\r\n\r\n";

static void stream_end(struct sonde_req *s)
{
	void (*close)(void *) = s->stream.close;

	s->stream.more = NULL;
	s->state = SESSION_IDLE; /* nothing is owed any more, whole or not */
	if (close)
		close(s->stream.arg);
}

void stream_gone(struct sonde_req *s)
{
	if (s->stream.more)
		stream_end(s);
}

static int next_piece(struct sonde_req *s, struct sonde_buf *b)
{
	struct sonde_buf *piece = &s->net->packed;

	sonde_buf_reset(piece);
	int rc = s->stream.more(s->stream.arg, piece);
	if (piece->failed)
		rc = -1;
	sonde_buf_reset(b);
	if (piece->len && s->chunked)
		sonde_buf_printf(b, "%zx\r\n", piece->len);
	sonde_buf_add(b, piece->data, piece->len);
	if (piece->len && s->chunked)
		sonde_buf_add(b, chunk_end, sizeof(chunk_end) - 1);
	if (!rc && s->chunked)
		sonde_buf_add(b, last_chunk, sizeof(last_chunk) - 1);
	if (piece->cap > PIECE_KEEP)
		sonde_buf_deinit(piece);
	return b->failed ? -1 : rc;
}

int stream_writable(struct sonde_req *s)
{
	struct sonde_buf *b = &s->net->out;

	if (!s->stream.more)
		return 0;
	sonde_buf_reset(b);
	int rc = s->head_only ? 0 : next_piece(s, b);
	if (b->len && rc >= 0 &&
	    lws_write(s->wsi, (unsigned char *)b->data, b->len, LWS_WRITE_HTTP) < 0)
		rc = -1;
	if (rc > 0) {
		lws_set_timeout(s->wsi, PENDING_TIMEOUT_HTTP_CONTENT, STALL_S);
		lws_callback_on_writable(s->wsi);
		return 0;
	}
	stream_end(s);
	if (rc < 0) /* a cut answer must not look whole */
		return -1;
	return reply_finish(s);
}

void sonde_req_stream(struct sonde_req *s, const struct sonde_reply *head,
                      const struct sonde_stream *stream)
{
	if (!s->wsi) {
		stream->close(stream->arg);
		sonde_req_reply(s, head);
		return;
	}
	s->stream = *stream;
	s->chunked = s->keep;
	/* lws asks for no more while it must not read. */
	if ((!s->inside && lws_rx_flow_control(s->wsi, 1)) || reply_head(s, head) < 0) {
		stream_end(s);
		lws_set_timeout(s->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
		return;
	}
	lws_set_timeout(s->wsi, PENDING_TIMEOUT_HTTP_CONTENT, STALL_S);
	lws_callback_on_writable(s->wsi);
	s->net->kick = true;
}
