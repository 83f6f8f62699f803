/* SPDX-License-Identifier: Apache-2.0 */
/* Changed frames against a controller, through real sockets: SLOTS connections at a time to
 * /v1/live and /v1/nodes/connect, some without a credential, some with a token or as an enrolled
 * node. Half of the frames have a right header and changed JSON, so that the readers of messages
 * are reached; the others are changed in the header, cut or put into pieces. A connection lives
 * until it is closed or has had its share. The same seed sends the same bytes, though which of them
 * are read before a close is the scheduler's. One JSON object at the end.
 *
 *   storm -t TOKEN -f NODES [-s SEED] [-n FRAMES] HOST PORT       NODES: lines "ID KEY" */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rng.h"
#include "bench/load.h"
#include "wire/wire.h"

enum { SLOTS = 32, NODES_MAX = SLOTS / 4, SHARE = 40, BURST = 3, TEXT_MAX = 16384, KEY_TEXT = 80,
       SEEDS_MAX = 64, CODES = 65536, WAIT_MS = 20000 };

enum kind { LIVE_NOBODY, LIVE_TOKEN, NODE_NOBODY, NODE_KEY, KINDS };

static const char *const paths[] = { "/v1/live", "/v1/nodes/connect" };
static const char *const protocols[] = { "sonde.live.v1", "sonde.node.v1" };

struct slot {
	int fd; /* -1: none */
	enum kind kind;
	unsigned node, share;
	/* the server's frame that is being read */
	unsigned char head[10], text[64];
	size_t have, kept;
	uint64_t left;
};

struct texts {
	char *all[SEEDS_MAX];
	size_t len[SEEDS_MAX];
	unsigned count;
};

struct storm {
	const char *host, *token;
	uint16_t port;
	uint64_t seed, want, frames, connections, resets, answers, entered[KINDS];
	unsigned codes[CODES];
	struct sonde_rng rng;
	struct texts texts[2]; /* of /v1/live, of nodes */
	struct {
		struct sonde_id id;
		char key[KEY_TEXT];
	} nodes[NODES_MAX];
	unsigned node_count;
	uint64_t seq;
	struct slot slots[SLOTS];
};

static uint64_t below(struct storm *s, uint64_t n)
{
	return sonde_rng_below(&s->rng, n);
}

/* -------- what is changed -------- */

static const char *const live_texts[] = {
	"{\"op\":\"subscribe\",\"id\":\"a\",\"topic\":\"results\",\"cursor\":1,\"filter\":{\"type\":"
	"\"ping\",\"region\":\"eu-west\",\"status\":\"ok\"}}",
	"{\"op\":\"subscribe\",\"id\":\"b\",\"topic\":\"nodes\"}",
	"{\"op\":\"subscribe\",\"id\":\"c\",\"topic\":\"events\"}",
	"{\"op\":\"subscribe\",\"id\":\"d\",\"topic\":\"stats\",\"every\":1}",
	"{\"op\":\"subscribe\",\"id\":\"e\",\"topic\":\"measurement\",\"measurement\":"
	"\"0193a0b1-0000-7000-8000-000000000001\"}",
	"{\"op\":\"unsubscribe\",\"id\":\"a\"}",
	"{\"op\":\"unsubscribe\",\"id\":\"d\"}",
	"{\"op\":\"subscribe\",\"id\":\"\\u00e9\\ud83d\\ude00\",\"topic\":\"results\"}",
	"{\"op\":\"dance\",\"id\":\"f\"}",
};

static void add_text(struct texts *t, const char *text, size_t len)
{
	char *copy = t->count < SEEDS_MAX ? malloc(len + 1) : NULL;

	if (!copy)
		load_die("no room for another text");
	memcpy(copy, text, len);
	copy[len] = '\0';
	t->all[t->count] = copy;
	t->len[t->count++] = len;
}

static void add_message(struct texts *t, const struct sonde_msg *m)
{
	struct sonde_buf b;

	sonde_buf_init(&b, TEXT_MAX / 2);
	sonde_msg_encode(&b, m);
	if (b.failed)
		load_die("a message is too long");
	add_text(t, b.data, b.len);
	sonde_buf_deinit(&b);
}

static struct sonde_msg hello_of(struct storm *s, unsigned node)
{
	return (struct sonde_msg){
		.kind = SONDE_MSG_HELLO,
		.hello = { .node = s->nodes[node].id,
		           .key = { s->nodes[node].key, strlen(s->nodes[node].key) },
		           .version = SONDE_TEXT(SONDE_VERSION), .epoch = 1, .first = 1, .capacity = 8,
		           .wall_ms = sonde_wall_ms(), .plugins = SONDE_TEXT("{\"plugins\":[]}") },
	};
}

static void add_results(struct storm *s, struct texts *t, unsigned count)
{
	struct sonde_msg_result items[8] = { 0 };
	struct sonde_msg m = { .kind = SONDE_MSG_RESULTS, .list = { .epoch = 1, .count = count } };

	for (unsigned i = 0; i < count; i++)
		items[i] = (struct sonde_msg_result){
			.seq = ++s->seq, .attempt = 1, .took_us = 1234, .started_ms = 1763719200000,
			.failure = (uint8_t)(i % 3), .why = SONDE_TEXT("it \"said\" \n so"),
			.measurement = { { 1, 0x93, 0xa0, 0xb1, 0, 0, 0x70, 0, 0x80 } },
			.body = SONDE_TEXT("{\"rawOutput\":\"x\\u0001y\",\"stats\":{\"min\":1.5}}"),
		};
	m.list.results = items;
	add_message(t, &m);
}

static void make_texts(struct storm *s)
{
	struct texts *t = &s->texts[1];
	struct sonde_msg_accept accept = { .task = 1, .attempt = 1 };
	struct sonde_msg messages[] = {
		{ .kind = SONDE_MSG_BEAT, .beat = { .load = 0.25, .response_ms = 12.5, .capacity = 3 } },
		{ .kind = SONDE_MSG_ACCEPT, .list = { .count = 1, .accepts = &accept } },
		{ .kind = SONDE_MSG_SCHEDULED, .scheduled = { .version = 7 } },
		{ .kind = SONDE_MSG_PROGRESS, .progress = { .task = 1, .text = SONDE_TEXT("half") } },
		{ .kind = SONDE_MSG_TYPES, .types = { .plugins = SONDE_TEXT("{\"plugins\":[]}") } },
		{ .kind = SONDE_MSG_CONFIGURED, .confirm = { .serial = 3 } },
		{ .kind = SONDE_MSG_KEYED, .confirm = { .serial = 3, .problem = SONDE_TEXT("no") } },
		{ .kind = SONDE_MSG_ANSWER, .answer = { .id = 9, .text = SONDE_TEXT("a\nb\n") } },
		{ .kind = SONDE_MSG_HEALTH,
		  .report = SONDE_TEXT("{\"icmp\":{\"ok\":true,\"why\":\"ping sockets\"}}") },
		{ .kind = SONDE_MSG_BYE },
	};

	for (unsigned i = 0; i < sizeof(live_texts) / sizeof(live_texts[0]); i++)
		add_text(&s->texts[0], live_texts[i], strlen(live_texts[i]));
	for (unsigned i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
		add_message(t, &messages[i]);
	add_results(s, t, 1);
	add_results(s, t, 8);
	struct sonde_msg hello = hello_of(s, 0);
	hello.hello.key = SONDE_TEXT("node_wrong");
	add_message(t, &hello);
}

/* -------- changes -------- */

static const char *const numbers[] = { "-1", "0", "1e308", "9223372036854775808", "-0.0", "1e-400",
	                               "18446744073709551615", "null", "[]", "{}", "\"\"", "true" };
static const char bytes[] = "\"\\{}[]:,0-e.\0\x01\x7f\x80\xc3\xed\xf4\xff u";

static size_t replace(char *text, size_t len, size_t at, size_t cut, const char *with, size_t n)
{
	if (len - cut + n > TEXT_MAX)
		return len;
	memmove(text + at + n, text + at + cut, len - at - cut);
	memcpy(text + at, with, n);
	return len - cut + n;
}

/* Where a number begins, by chance; len where there is none. */
static size_t some_number(struct storm *s, const char *text, size_t len)
{
	size_t from = below(s, len);

	for (size_t i = from; i < len; i++)
		if (text[i] >= '0' && text[i] <= '9')
			return i;
	return len;
}

static size_t change_once(struct storm *s, const struct texts *t, char *text, size_t len)
{
	size_t at = len ? below(s, len) : 0;
	unsigned other = (unsigned)below(s, t->count);
	const char *number = numbers[below(s, sizeof(numbers) / sizeof(numbers[0]))];

	if (!len)
		return len;
	switch (below(s, 8)) {
	case 0:
		text[at] = (char)(text[at] ^ (char)(1 << below(s, 8)));
		return len;
	case 1:
		text[at] = bytes[below(s, sizeof(bytes) - 1)];
		return len;
	case 2:
		return replace(text, len, at, 1, "", 0);
	case 3:
		return replace(text, len, at, 0, &bytes[below(s, sizeof(bytes) - 1)], 1);
	case 4:
		return at;
	case 5: /* the end of another one */
		if (at < t->len[other])
			return replace(text, len, at, len - at, t->all[other] + at, t->len[other] - at);
		return len;
	default:
		at = some_number(s, text, len);
		return at < len ? replace(text, len, at, strspn(text + at, "0123456789"), number,
		                          strlen(number)) : len;
	}
}

/* Now and then as it was: what is right must go on being taken. */
static size_t changed_text(struct storm *s, const struct texts *t, char *text)
{
	unsigned i = (unsigned)below(s, t->count);
	size_t len = t->len[i];

	memcpy(text, t->all[i], len + 1);
	for (uint64_t n = below(s, 4); n > 0; n--) {
		len = change_once(s, t, text, len);
		text[len < TEXT_MAX ? len : TEXT_MAX] = '\0';
	}
	return len;
}

static size_t put_frame(struct storm *s, unsigned char *to, unsigned first, const char *text, size_t len)
{
	size_t n = len < 126 ? 2 : 4;
	unsigned char *mask;

	to[0] = (unsigned char)first;
	to[1] = (unsigned char)(0x80 | (n == 2 ? len : 126));
	if (n == 4) {
		to[2] = (unsigned char)(len >> 8);
		to[3] = (unsigned char)len;
	}
	mask = to + n;
	for (unsigned i = 0; i < 4; i++)
		mask[i] = (unsigned char)below(s, 256);
	for (size_t i = 0; i < len; i++)
		mask[4 + i] = (unsigned char)text[i] ^ mask[i & 3];
	return n + 4 + len;
}

/* In pieces, pings between them. */
static size_t put_pieces(struct storm *s, unsigned char *to, const char *text, size_t len)
{
	size_t at = 0, n = 0;

	for (unsigned i = 0; i < 6 && at < len; i++) {
		size_t piece = i == 5 ? len - at : below(s, len - at + 1);
		bool last = at + piece == len;
		n += put_frame(s, to + n, (i ? 0 : 1) | (last ? 0x80 : 0), text + at, piece);
		at += piece;
		if (below(s, 3) == 0)
			n += put_frame(s, to + n, 0x89 + (unsigned)below(s, 2), text, len < 100 ? len : 100);
	}
	return n;
}

/* A frame that is wrong in its header, or that is no text. */
static size_t put_wrong(struct storm *s, unsigned char *to, const char *text, size_t len)
{
	size_t n, bits;

	switch (below(s, 5)) {
	case 0:
		return put_pieces(s, to, text, len);
	case 1: /* a control frame */
		return put_frame(s, to, 0x88 + (unsigned)below(s, 3), text, len < 125 ? len : 125);
	case 2: /* any first byte */
		return put_frame(s, to, (unsigned)below(s, 256), text, len);
	case 3: /* cut */
		n = put_frame(s, to, 0x81, text, len);
		return 1 + below(s, n);
	default: /* bits of the header */
		n = put_frame(s, to, 0x81, text, len);
		for (bits = 1 + below(s, 3); bits > 0; bits--)
			to[below(s, 4)] ^= (unsigned char)(1 << below(s, 8));
		return n;
	}
}

/* -------- connections -------- */

static bool send_all(struct storm *s, struct slot *c, const void *data, size_t len)
{
	const char *at = data;

	while (len > 0) {
		ssize_t n = send(c->fd, at, len, MSG_NOSIGNAL);
		if (n <= 0) {
			s->resets++;
			return false;
		}
		at += n;
		len -= (size_t)n;
	}
	return true;
}

static void hang_up(struct slot *c)
{
	close(c->fd);
	c->fd = -1;
}

static bool send_text(struct storm *s, struct slot *c, const char *text, size_t len)
{
	unsigned char frame[TEXT_MAX + 8];

	return send_all(s, c, frame, put_frame(s, frame, 0x81, text, len));
}

static bool enter(struct storm *s, struct slot *c)
{
	char text[256];
	struct sonde_buf b;

	if (c->kind == LIVE_TOKEN) {
		int n = snprintf(text, sizeof(text), "{\"op\":\"auth\",\"token\":\"%s\"}", s->token);
		return send_text(s, c, text, (size_t)n);
	}
	if (c->kind != NODE_KEY)
		return true;
	struct sonde_msg hello = hello_of(s, c->node);
	sonde_buf_init(&b, TEXT_MAX);
	sonde_msg_encode(&b, &hello);
	bool sent = send_text(s, c, b.data, b.len);
	sonde_buf_deinit(&b);
	return sent;
}

static bool shake_hands(struct storm *s, struct slot *c)
{
	bool node = c->kind >= NODE_NOBODY;
	char text[512];
	size_t got = 0;
	int n = snprintf(text, sizeof(text),
	                 "GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
	                 "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
	                 "Sec-WebSocket-Key: c29uZGUgYmVuY2ggbm9kZQ==\r\n"
	                 "Sec-WebSocket-Protocol: %s\r\n\r\n", paths[node], protocols[node]);

	if (!send_all(s, c, text, (size_t)n))
		return false;
	/* Nothing follows it: a server speaks second. */
	while (got < 4 || memcmp(text + got - 4, "\r\n\r\n", 4) != 0) {
		ssize_t more = got < sizeof(text) ? recv(c->fd, text + got, sizeof(text) - got, 0) : 0;
		if (more <= 0)
			load_die("connection %" PRIu64 ": no answer to an upgrade", s->connections);
		got += (size_t)more;
	}
	if (memcmp(text, "HTTP/1.1 101", 12) != 0)
		load_die("an upgrade was refused: %.40s", text);
	return true;
}

static void open_slot(struct storm *s, struct slot *c)
{
	struct timeval limit = { .tv_sec = WAIT_MS / 1000 };
	unsigned i = (unsigned)(c - s->slots);

	*c = (struct slot){ .kind = (enum kind)(i % KINDS), .node = i / KINDS % s->node_count,
		            .share = 1 + (unsigned)below(s, SHARE) };
	c->fd = load_connect(s->host, s->port);
	int flags = fcntl(c->fd, F_GETFL);
	fcntl(c->fd, F_SETFL, flags & ~O_NONBLOCK);
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	s->connections++;
	if (!shake_hands(s, c) || !enter(s, c))
		hang_up(c);
}

/* -------- answers -------- */

static void on_frame(struct storm *s, struct slot *c)
{
	if (c->head[0] == 0x88) {
		s->codes[c->kept >= 2 ? c->text[0] << 8 | c->text[1] : 1005]++;
		hang_up(c);
		return;
	}
	s->answers++;
	const char *text = (const char *)c->text;
	if (memmem(text, c->kept, "\"ok\":\"auth\"", 11) || memmem(text, c->kept, "\"welcome\"", 9))
		s->entered[c->kind]++;
}

static size_t head_length(const struct slot *c)
{
	return c->have < 2 || c->head[1] < 126 ? 2 : c->head[1] == 126 ? 4 : 10;
}

static void take(struct storm *s, struct slot *c, const unsigned char *at, size_t len)
{
	while (len > 0 && c->fd >= 0) {
		if (c->have < head_length(c)) {
			c->head[c->have++] = *at++;
			len--;
			if (c->have < 2 || c->have < head_length(c))
				continue;
			c->left = c->have == 2 ? c->head[1] : 0;
			for (size_t i = 2; i < c->have; i++)
				c->left = c->left << 8 | c->head[i];
			c->kept = 0;
		} else {
			size_t n = len < c->left ? len : (size_t)c->left;
			size_t keep = n < sizeof(c->text) - c->kept ? n : sizeof(c->text) - c->kept;
			memcpy(c->text + c->kept, at, keep);
			c->kept += keep;
			c->left -= n;
			at += n;
			len -= n;
		}
		if (!c->left) {
			c->have = 0;
			on_frame(s, c);
		}
	}
}

static void listen_to(struct storm *s, struct slot *c)
{
	unsigned char in[65536];
	ssize_t n = 0;

	while (c->fd >= 0 && (n = recv(c->fd, in, sizeof(in), MSG_DONTWAIT)) > 0)
		take(s, c, in, (size_t)n);
	if (c->fd < 0 || (n < 0 && errno == EAGAIN))
		return;
	s->resets++; /* or the end without a close frame */
	hang_up(c);
}

/* -------- the run -------- */

static void turn(struct storm *s, struct slot *c)
{
	unsigned char out[BURST * 8 * (TEXT_MAX + 128)];
	char text[TEXT_MAX + 1];
	size_t n = 0;

	if (c->fd < 0)
		open_slot(s, c);
	else
		listen_to(s, c);
	if (c->fd < 0)
		return;
	for (int i = 0; i < BURST; i++) {
		size_t len = changed_text(s, &s->texts[c->kind >= NODE_NOBODY], text);
		n += below(s, 2) ? put_frame(s, out + n, 0x81, text, len) :
				   put_wrong(s, out + n, text, len);
		s->frames++;
	}
	if (!send_all(s, c, out, n) || c->share-- == 0)
		hang_up(c);
}

static void read_nodes(struct storm *s, const char *path)
{
	FILE *f = fopen(path, "re");
	char id[KEY_TEXT];

	while (f && s->node_count < NODES_MAX &&
	       fscanf(f, "%79s %79s", id, s->nodes[s->node_count].key) == 2) {
		if (!sonde_id_parse(id, strlen(id), &s->nodes[s->node_count].id))
			load_die("%s is no id", id);
		s->node_count++;
	}
	if (!s->node_count)
		load_die("no nodes in %s", path);
	fclose(f);
}

static void report(const struct storm *s)
{
	const char *comma = "";

	printf("{\"seed\":%" PRIu64 ",\"frames\":%" PRIu64 ",\"connections\":%" PRIu64
	       ",\"answers\":%" PRIu64 ",\"tokens\":%" PRIu64 ",\"welcomes\":%" PRIu64
	       ",\"resets\":%" PRIu64 ",\"closes\":{", s->seed, s->frames, s->connections, s->answers,
	       s->entered[LIVE_TOKEN], s->entered[NODE_KEY], s->resets);
	for (unsigned i = 0; i < CODES; i++) {
		if (s->codes[i]) {
			printf("%s\"%u\":%u", comma, i, s->codes[i]);
			comma = ",";
		}
	}
	printf("}}\n");
}

static void read_options(struct storm *s, int argc, char **argv)
{
	int opt;

	while ((opt = getopt(argc, argv, "t:f:s:n:")) != -1) {
		switch (opt) {
		case 't': s->token = optarg; break;
		case 'f': read_nodes(s, optarg); break;
		case 's': s->seed = load_number("-s", optarg, INT64_MAX); break;
		case 'n': s->want = load_number("-n", optarg, 1000000000); break;
		default: exit(2);
		}
	}
	if (argc - optind != 2 || !s->token || !s->node_count)
		load_die("usage: storm -t TOKEN -f NODES [-s SEED] [-n FRAMES] HOST PORT");
	s->host = argv[optind];
	s->port = (uint16_t)load_number("PORT", argv[optind + 1], 65535);
}

int main(int argc, char **argv)
{
	static struct storm s = { .seed = 1, .want = 100000 };

	read_options(&s, argc, argv);
	sonde_rng_seed(&s.rng, s.seed);
	make_texts(&s);
	for (unsigned i = 0; i < SLOTS; i++)
		s.slots[i].fd = -1;
	for (unsigned i = 0; s.frames < s.want; i = (i + 1) % SLOTS)
		turn(&s, &s.slots[i]);
	for (unsigned i = 0; i < SLOTS; i++)
		if (s.slots[i].fd >= 0)
			hang_up(&s.slots[i]);
	report(&s);
	for (unsigned i = 0; i < 2; i++)
		while (s.texts[i].count)
			free(s.texts[i].all[--s.texts[i].count]);
	return 0;
}
