/* SPDX-License-Identifier: Apache-2.0 */
/* The Now view without a terminal: what the model keeps, the order of the matrix, foreign text, and
 * screens of every size. */
#include "cli/top.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "tap.h"

/* A message of /v1/live with one result; takes the result. */
static void feed(struct top_model *m, const char *node, const char *type, const char *target,
                 json_t *result)
{
	char now[SONDE_TIME_TEXT];

	sonde_format_time(now, sonde_wall_ms());
	json_t *message = json_pack("{s:s, s:[{s:s, s:s, s:s, s:s, s:s, s:o}], s:i}", "id", "results",
	                            "results", "receivedAt", now, "node", node, "nodeName", node, "type",
	                            type, "target", target, "result", result, "next", 7);
	top_model_message(m, message);
	json_decref(message);
}

static json_t *good(double ms, double loss)
{
	return json_pack("{s:s, s:{s:f, s:f}}", "status", "finished", "stats", "avg", ms, "loss", loss);
}

static json_t *failed(const char *failure, const char *source)
{
	return json_pack("{s:s, s:s, s:s, s:s}", "status", "failed", "failure", failure,
	                 "failureSource", source, "failureMessage", "why\nmore");
}

static void begin(struct top_model *m, unsigned nodes)
{
	json_t *list = json_array();
	char name[16];

	EXPECT_INT(top_model_init(m), SONDE_OK);
	for (unsigned i = 0; i < nodes; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "id", name, "name", name,
		                                      "status", "online"));
	}
	top_model_nodes(m, list);
}

static void the_worst_comes_first(void)
{
	struct top_filter all = { 0 };
	struct top_model m;
	struct top_grid g;

	begin(&m, 3);
	feed(&m, "n0", "ping", "a", good(1, 0));
	feed(&m, "n0", "tcp", "b", failed("overload", "internal"));
	feed(&m, "n1", "ping", "a", good(1, 0));
	feed(&m, "n1", "tcp", "b", failed("refused", "target"));
	feed(&m, "n2", "ping", "a", good(500, 20));
	feed(&m, "n2", "tcp", "b", good(1, 0));
	EXPECT_INT(top_grid_make(&g, &m, &all), SONDE_OK);
	EXPECT_INT(g.pairs, 6);
	EXPECT_INT(g.bad, 3);
	EXPECT_INT(g.failing, 2);
	EXPECT_STR(g.rows[0].key, "n1");
	EXPECT_STR(g.rows[1].key, "n0");
	EXPECT_STR(g.rows[2].key, "n2");
	EXPECT_STR(g.columns[0].key, "tcp b\t");
	EXPECT_INT(top_grid_pair(&m, "n0", "tcp b\t")->outcome, TOP_UNMEASURED);
	EXPECT_STR(top_grid_pair(&m, "n1", "tcp b\t")->why, "why");
	top_grid_free(&g);
	top_model_deinit(&m);
}

static void all_packets_lost_is_a_failure(void)
{
	struct top_model m;

	begin(&m, 1);
	feed(&m, "n0", "ping", "a", good(1, 100));
	const struct top_pair *p = top_grid_pair(&m, "n0", "ping a\t");
	EXPECT(p && p->outcome == TOP_FAILED);
	EXPECT_STR(p->failure, "no answer");
	EXPECT(isnan(p->latency));
	top_model_deinit(&m);
}

static void documents_of_any_shape(void)
{
	static const char *const texts[] = {
		"null", "[]", "\"x\"", "{\"results\":1}", "{\"results\":[1,null,{}]}", "{\"node\":[]}",
		"{\"results\":[{\"node\":1,\"type\":\"x\"}]}", "{\"next\":-1,\"missed\":-5}",
		"{\"stats\":{}}", "{\"stats\":{\"results\":{\"stored\":\"x\",\"next\":-4}}}",
		"{\"node\":{\"id\":\"n\",\"name\":7,\"status\":null}}",
		"{\"results\":[{\"node\":\"n\",\"type\":\"p\",\"target\":\"t\",\"receivedAt\":"
		"\"2026-11-21T07:00:00Z\",\"result\":[]}]}",
		"{\"results\":[{\"node\":\"n\",\"type\":\"p\",\"target\":\"t\",\"receivedAt\":"
		"\"2026-11-21T07:00:00Z\",\"result\":{\"hops\":[{\"timings\":[{\"rtt\":\"x\"},1]}]}}]}",
	};
	struct sonde_buf screen;
	struct top_model m;
	struct top_view v = { .url = "u", .rows = 24, .columns = 80, .live = true };

	begin(&m, 0);
	sonde_buf_init(&screen, 1 << 20);
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		json_t *doc = json_loads(texts[i], JSON_DECODE_ANY, NULL);
		EXPECT(doc != NULL);
		top_model_message(&m, doc);
		top_model_nodes(&m, json_incref(doc));
		top_model_schedules(&m, json_incref(doc));
		top_model_problems(&m, json_incref(doc));
		top_draw(&v, &m, &screen);
		json_decref(doc);
	}
	EXPECT(!screen.failed);
	top_view_deinit(&v);
	sonde_buf_deinit(&screen);
	top_model_deinit(&m);
}

/* The lines of a screen: each at most so wide, and no sequence but our own. */
static void check_screen(const struct sonde_buf *b, unsigned rows, unsigned columns)
{
	unsigned lines = 1, width = 0;

	for (size_t i = 0; i < b->len; i++) {
		if (b->data[i] == '\033') {
			size_t n = 2;
			while (i + n < b->len && strchr("0123456789;", b->data[i + n]))
				n++;
			EXPECT(b->data[i + 1] == '[' && strchr("HJKm", b->data[i + n]));
			i += n;
		} else if (b->data[i] == '\n') {
			lines++;
			width = 0;
		} else if (b->data[i] != '\r') {
			EXPECT((unsigned char)b->data[i] >= 0x20 && b->data[i] != 0x7f);
			width++;
		}
		if (width > columns)
			break;
	}
	EXPECT_INT(lines, rows);
	EXPECT(width <= columns);
}

static void screens_of_every_size(void)
{
	struct sonde_buf screen;
	struct top_model m;

	begin(&m, 40);
	top_model_problems(&m, json_pack("[{s:s, s:s, s:s, s:s}]", "state", "open", "severity", "error",
	                                 "at", "now", "text", "down\033[2J\a"));
	for (unsigned i = 0; i < 40; i++) {
		char node[8], target[64];
		snprintf(node, sizeof(node), "n%u", i);
		snprintf(target, sizeof(target), "t%u\033]0;x\a\r\n.example", i % 9);
		feed(&m, node, "ping", target, i % 3 ? good(i * 7.5, i) : failed("tim\033[31meout", "target"));
	}
	sonde_buf_init(&screen, 1 << 20);
	for (unsigned rows = 1; rows < 50; rows++) {
		for (unsigned columns = 1; columns < 140; columns += 1 + columns / 9) {
			struct top_view v = { .url = "http://x", .rows = rows, .columns = columns,
				              .colour = columns & 1, .live = rows & 1, .loss = columns & 2,
				              .help = rows % 5 == 0, .typing = rows % 7 == 0 };
			for (enum top_move move = TOP_UP; move <= TOP_END; move++) {
				sonde_buf_reset(&screen);
				top_move(&v, &m, move);
				top_draw(&v, &m, &screen);
				EXPECT(!screen.failed);
				check_screen(&screen, rows, columns);
			}
			top_view_deinit(&v);
		}
	}
	sonde_buf_deinit(&screen);
	top_model_deinit(&m);
}

static void press(struct top_view *v, const struct top_model *m, const char *keys)
{
	for (; *keys; keys++)
		EXPECT(top_key(v, m, (unsigned char)*keys));
}

static unsigned pairs_of(const struct top_view *v, const struct top_model *m)
{
	struct top_grid g;

	EXPECT_INT(top_grid_make(&g, m, &v->filter), SONDE_OK);
	unsigned pairs = g.pairs;
	top_grid_free(&g);
	return pairs;
}

static void a_filter_is_typed(void)
{
	struct top_view v = { .url = "http://x", .rows = 30, .columns = 100, .live = true };
	struct top_model m;

	begin(&m, 3);
	feed(&m, "n0", "ping", "one.example", good(1, 0));
	feed(&m, "n1", "ping", "one.example", good(1, 0));
	feed(&m, "n1", "tcp", "two.example", good(1, 0));
	feed(&m, "n2", "tcp", "z\xc3\xbcrich.example", good(1, 0));
	press(&v, &m, "/n1");
	EXPECT_INT(pairs_of(&v, &m), 2); /* by node, while it is typed */
	press(&v, &m, " TCP");
	EXPECT_INT(pairs_of(&v, &m), 1); /* and by type: every word */
	press(&v, &m, "\b\b\b\x7f\x7f\x7f\x7f\x7f");
	EXPECT_STR(v.filter.text, "");
	press(&v, &m, "two.q");
	EXPECT_STR(v.filter.text, "two.q"); /* q is a letter here */
	EXPECT_INT(pairs_of(&v, &m), 0);
	press(&v, &m, "\x7f\r");
	EXPECT(!v.typing);
	EXPECT_INT(pairs_of(&v, &m), 1);
	press(&v, &m, "l");
	EXPECT(v.loss); /* after Enter keys are keys again */
	press(&v, &m, "\033");
	EXPECT_INT(pairs_of(&v, &m), 4);
	press(&v, &m, "/z\xc3\xbc");
	EXPECT_INT(pairs_of(&v, &m), 1);
	press(&v, &m, "\x7f");
	EXPECT_STR(v.filter.text, "z"); /* a whole character */
	press(&v, &m, "\033");
	EXPECT(!v.typing && !*v.filter.text);
	press(&v, &m, "/");
	for (unsigned i = 0; i < 200; i++)
		press(&v, &m, "x");
	EXPECT_INT(strlen(v.filter.text), TOP_FILTER - 1);
	press(&v, &m, "\025\n?");
	EXPECT(v.help && !*v.filter.text);
	press(&v, &m, "l");
	EXPECT(!v.help && v.loss); /* the key only left the list */
	EXPECT(!top_key(&v, &m, 'q'));
	top_view_deinit(&v);
	top_model_deinit(&m);
}

static void pairs_are_bounded(void)
{
	struct top_model m;
	char target[32];

	begin(&m, 1);
	for (unsigned i = 0; i < TOP_PAIRS + 10; i++) {
		snprintf(target, sizeof(target), "t%u", i);
		feed(&m, "n0", "ping", target, good(1, 0));
	}
	EXPECT_INT(m.pairs.len, TOP_PAIRS);
	EXPECT_INT(m.left_out, 10);
	feed(&m, "n0", "ping", "t5", good(9, 0));
	EXPECT(top_grid_pair(&m, "n0", "ping t5\t")->latency > 8);
	EXPECT_INT(m.left_out, 10);
	top_model_deinit(&m);
}

TAP_MAIN(CASE(the_worst_comes_first), CASE(all_packets_lost_is_a_failure),
         CASE(documents_of_any_shape), CASE(screens_of_every_size), CASE(pairs_are_bounded),
         CASE(a_filter_is_typed))
