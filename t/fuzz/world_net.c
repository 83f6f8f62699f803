/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in for core/net in targets that hold a whole controller: nothing goes over a wire, and each
 * answer is checked as it comes. Connections are freed when they are swept. */
#include "world_net.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { STREAM_PIECES = 64, STREAM_MAX = 8 << 20 };

struct sonde_net {
	struct sonde_net_counts counts;
};

static struct sonde_conn *first;
static unsigned waiting;

unsigned fuzz_net_waiting(void)
{
	return waiting;
}

/* ---- requests ---- */

void fuzz_net_add(struct sonde_req *r)
{
	waiting++;
}

const struct sonde_req_view *sonde_req_view(struct sonde_req *r)
{
	return &r->view;
}

void *sonde_req_room(struct sonde_req *r)
{
	return r->room;
}

int sonde_req_header(struct sonde_req *r, const char *name, char *out, size_t room)
{
	for (unsigned i = 0; i < r->header_count; i++) {
		size_t len = strlen(r->headers[i].value);
		if (strcmp(r->headers[i].name, name))
			continue;
		if (len >= room)
			return -1;
		memcpy(out, r->headers[i].value, len + 1);
		return (int)len;
	}
	return -1;
}

bool fuzz_net_any_json;

static void check_json(const char *text, size_t len)
{
	json_error_t e;
	json_t *doc = json_loadb(text, len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &e);

	if (!doc && !fuzz_net_any_json) {
		fprintf(stderr, "not JSON: %s at %d: %.*s\n", e.text, e.position, (int)len, text);
		abort();
	}
	json_decref(doc);
}

static void check_reply(const struct sonde_reply *r, const char *body, size_t len)
{
	if (r->status < 200 || r->status > 599 || r->status == 500 || (len && !r->type))
		abort();
	for (const struct sonde_header *h = r->headers; h && h->name; h++)
		if (!h->value)
			abort();
	if (len && !strncmp(r->type, "application/json", 16))
		check_json(body, len);
}

static void finish(struct sonde_req *r)
{
	if (r->answered)
		*r->answered = true;
	waiting--;
	free(r->memory);
	free(r);
}

void sonde_req_reply(struct sonde_req *r, const struct sonde_reply *reply)
{
	check_reply(reply, reply->body, reply->len);
	if (r->answer)
		sonde_buf_add(r->answer, reply->body ? reply->body : "", reply->body ? reply->len : 0);
	finish(r);
}

void sonde_req_stream(struct sonde_req *r, const struct sonde_reply *head,
                      const struct sonde_stream *s)
{
	struct sonde_buf b;

	check_reply(head, NULL, 0);
	sonde_buf_init(&b, STREAM_MAX);
	int rc = 1;
	for (int i = 0; i < STREAM_PIECES && rc > 0; i++)
		rc = s->more(s->arg, &b);
	if (rc == 0 && !b.failed)
		check_reply(head, b.data, b.len);
	sonde_buf_deinit(&b);
	if (s->close)
		s->close(s->arg);
	finish(r);
}

/* ---- connections ---- */

struct sonde_conn *fuzz_net_connect(const struct sonde_conn_events *events, void *arg)
{
	struct sonde_conn *c = calloc(1, sizeof(*c));

	if (!c)
		abort();
	*c = (struct sonde_conn){ .events = events, .arg = arg, .next = first, .code = 1006 };
	first = c;
	events->open(c, arg);
	return c;
}

void fuzz_net_sweep(bool all)
{
	struct sonde_conn **at = &first;

	while (*at) {
		struct sonde_conn *c = *at;
		if (!c->closing && !all) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		c->events->close(c, c->arg, c->code, c->reason);
		c->closing = c->gone = true;
		if (!c->held)
			free(c);
	}
}

int sonde_conn_send(struct sonde_conn *c, struct sonde_buf *b)
{
	if (c->closing)
		return -1;
	check_json(b->data, b->len);
	return 0;
}

void sonde_conn_close(struct sonde_conn *c, unsigned code, const char *reason)
{
	if (c->closing)
		return;
	c->closing = true;
	c->code = code;
	snprintf(c->reason, sizeof(c->reason), "%s", reason);
}

void sonde_conn_set_arg(struct sonde_conn *c, void *arg)
{
	c->arg = arg;
}

void *sonde_conn_arg(struct sonde_conn *c)
{
	return c->arg;
}

const char *sonde_conn_peer(struct sonde_conn *c)
{
	return "192.0.2.9";
}

size_t sonde_conn_queued(struct sonde_conn *c)
{
	return 0;
}

void sonde_conn_set_max_message(struct sonde_conn *c, size_t bytes)
{
}

/* ---- the net ---- */

int sonde_net_new(uv_loop_t *loop, const struct sonde_net_options *o, struct sonde_net **out,
                  struct sonde_error *e)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -1;
}

int sonde_net_listen(struct sonde_net *n, const struct sonde_listen *l, struct sonde_error *e)
{
	return 0;
}

void sonde_net_close(struct sonde_net *n, void (*done)(void *), void *arg)
{
	fuzz_net_sweep(true);
	free(n);
	done(arg);
}

int sonde_net_reload_certs(struct sonde_net *n, struct sonde_error *e)
{
	return 0;
}

const struct sonde_net_counts *sonde_net_counts(const struct sonde_net *n)
{
	return &n->counts;
}
