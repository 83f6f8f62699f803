/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the one world of a fuzz process: its directory, its controller, and the names of what is in
 * it. Everything in it was made through the API and the node's websocket. */
#include "world.h"

#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "config/config.h"
#include "controller/api/api.h"
#include "controller/archive.h"
#include "controller/link.h"
#include "world_net.h"

enum { WAITING_MAX = 48, TURNS = 100, PATIENCE = 200000, TEXT_MAX = 1 << 16 };

static const char runner[] =
	"#!/bin/sh\n"
	"cat <<'END'\n"
	"{\"plugins\":[{\"name\":\"ping\",\"version\":\"1\",\"summary\":\"s\",\"params\":["
	"{\"name\":\"packets\",\"type\":\"int\",\"default\":\"3\",\"min\":1,\"max\":1000},"
	"{\"name\":\"protocol\",\"type\":\"enum\",\"default\":\"ICMP\",\"enum\":[\"ICMP\",\"TCP\"]}]},"
	"{\"name\":\"dns\",\"version\":\"1\",\"params\":["
	"{\"name\":\"tries\",\"type\":\"int\",\"default\":\"2\",\"min\":1,\"max\":9},"
	"{\"name\":\"wait\",\"type\":\"duration\",\"default\":\"3s\"},"
	"{\"name\":\"trace\",\"type\":\"bool\"}]},"
	"{\"name\":\"http\",\"version\":\"1\",\"params\":["
	"{\"name\":\"request.headers\",\"type\":\"map\",\"max\":8},"
	"{\"name\":\"wait\",\"type\":\"duration\",\"default\":\"10s\"}]},"
	"{\"name\":\"mtr\",\"version\":\"1\",\"params\":["
	"{\"name\":\"packets\",\"type\":\"int\",\"default\":\"3\",\"min\":1,\"max\":16}]},"
	"{\"name\":\"traceroute\",\"version\":\"1\",\"params\":[]},"
	"{\"name\":\"sweep\",\"version\":\"1\",\"target\":\"list\",\"params\":[]},"
	"{\"name\":\"bandwidth\",\"version\":\"1\",\"target\":\"node\",\"params\":["
	"{\"name\":\"duration\",\"type\":\"duration\",\"default\":\"5s\"}]},"
	"{\"name\":\"echo\",\"version\":\"1\",\"target\":\"text\",\"params\":["
	"{\"name\":\"text\",\"type\":\"string\",\"max\":64,\"secret\":true}]}],\"refused\":[]}\n"
	"END\n";

static const char policy[] =
	"return { api = 1, summary = \"s\", params = { n = { type = \"int\", default = 1 } },\n"
	"  pick = function(req, nodes) return lb.sample(nodes, req.want) end }\n";

/* Raises and clears by what the result says. */
static const char verdict[] =
	"return { api = 1, summary = \"s\", on_result = function(req, result)\n"
	"  if (result.rtt or 0) > 100 then lb.raise(\"slow\", \"warning\", \"slow\")\n"
	"  else lb.clear(\"slow\") end\n"
	"end }\n";

struct name {
	const char *name;
	char value[2048];
};

enum { ADMIN, NODE, KEY, TOKEN, USER, ACCESS, REFRESH, MEASUREMENT, FINISHED, SCHEDULE, NAMES };

static struct world {
	struct controller c;
	char dir[64];
	bool up;
	unsigned inputs;
	struct name names[NAMES];
} world = { .names = { [ADMIN] = { "{admin}", "" }, [NODE] = { "{node}", "" }, [KEY] = { "{key}", "" },
	               [TOKEN] = { "{token}", "" }, [USER] = { "{user}", "" },
	               [ACCESS] = { "{access}", "" }, [REFRESH] = { "{refresh}", "" },
	               [MEASUREMENT] = { "{measurement}", "" },
	               [FINISHED] = { "{finished}", "" }, [SCHEDULE] = { "{schedule}", "" } } };

/* ---- the directory ---- */

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

static void remove_dir(void)
{
	nftw(world.dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void write_file(const char *name, const char *text, mode_t mode)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", world.dir, name);
	FILE *f = fopen(path, "w");
	if (!f || fputs(text, f) < 0 || fclose(f) || chmod(path, mode))
		abort();
}

static void make_dir(void)
{
	/* In memory: a commit that waits for a disk costs a hundred inputs. */
	snprintf(world.dir, sizeof(world.dir), "%s/sonde-fuzz-XXXXXX",
	         access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(world.dir))
		abort();
	write_file("runner", runner, 0700);
	write_file("plain.lua", policy, 0600);
	write_file("watch.lua", verdict, 0600);
}

/* ---- requests ---- */

static void turn(void)
{
	uv_run(&world.c.loop, UV_RUN_NOWAIT);
	fuzz_net_sweep(false);
}

void world_settle(void)
{
	for (int i = 0; i < 4; i++)
		turn();
}

void world_pass(int64_t ms)
{
	const struct timespec t = { .tv_nsec = ms * 1000000 };

	nanosleep(&t, NULL);
	world_settle();
}

static const struct {
	const char *name;
	enum sonde_method method;
} methods[] = {
	{ "GET", SONDE_GET }, { "POST", SONDE_POST }, { "PUT", SONDE_PUT }, { "PATCH", SONDE_PATCH },
	{ "DELETE", SONDE_DELETE }, { "OPTIONS", SONDE_OPTIONS },
};

static enum sonde_method method_of(const char *text)
{
	for (unsigned i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (!strcmp(methods[i].name, text))
			return methods[i].method;
	return 0;
}

/* What net/ promises of a path and of a query. */
static bool is_line(const char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text > '~')
			return false;
	return true;
}

static void add_header(struct sonde_req *r, char *line)
{
	char *colon = strchr(line, ':');

	if (!colon || r->header_count == sizeof(r->headers) / sizeof(r->headers[0]))
		return;
	*colon++ = '\0';
	colon += strspn(colon, " ");
	struct fuzz_header *h = &r->headers[r->header_count++];
	snprintf(h->name, sizeof(h->name), "%s", line);
	snprintf(h->value, sizeof(h->value), "%s", colon);
}

/* The head of a request, which is cut into pieces; what is behind it, or NULL when it is none. */
static char *read_head(struct sonde_req *r, char *text, size_t len)
{
	char *line = text, *end;
	bool first = true;

	for (; (end = memchr(line, '\n', len - (size_t)(line - text))); line = end + 1) {
		*end = '\0';
		if (memchr(line, '\r', (size_t)(end - line)) || strlen(line) != (size_t)(end - line))
			return NULL;
		if (first) {
			char *path = strchr(line, ' '), *query = path ? strchr(path, '?') : NULL;
			if (!path || path[1] != '/')
				return NULL;
			*path++ = '\0';
			if (query)
				*query++ = '\0';
			r->view.method = method_of(line);
			r->view.path = path;
			r->view.query = query ? query : "";
			if (!r->view.method || !is_line(r->view.query))
				return NULL;
			first = false;
		} else if (!*line) {
			return end + 1;
		} else {
			add_header(r, line);
		}
	}
	return NULL;
}

static struct sonde_req *request_new(const char *text, size_t len)
{
	struct sonde_req *r = calloc(1, sizeof(*r));
	struct fuzz_header *who = r ? &r->headers[0] : NULL;

	if (!r || !(r->memory = malloc(len + 1)))
		abort();
	memcpy(r->memory, text, len);
	r->memory[len] = '\0';
	char *body = read_head(r, r->memory, len);
	if (!body) {
		free(r->memory);
		free(r);
		return NULL;
	}
	r->view.body = body;
	r->view.body_len = len - (size_t)(body - r->memory);
	r->view.peer = "192.0.2.1";
	char given[8];
	if (sonde_req_header(r, "authorization", given, sizeof(given)) < 0 && !who->name[0]) {
		snprintf(who->name, sizeof(who->name), "authorization");
		snprintf(who->value, sizeof(who->value), "Bearer %s", world.names[ADMIN].value);
		r->header_count = 1;
	}
	if (r->header_count < 8 && sonde_req_header(r, "content-type", given, sizeof(given)) < 0)
		r->headers[r->header_count++] = (struct fuzz_header){ "content-type", "application/json" };
	return r;
}

static bool ask(const char *text, size_t len, struct sonde_buf *answer, int turns)
{
	struct sonde_req *r = request_new(text, len);
	const struct timespec little = { .tv_nsec = 20000 };
	bool answered = false;

	if (!r)
		return false;
	r->answer = answer;
	r->answered = &answered;
	fuzz_net_add(r);
	api_handle(r, &world.c);
	for (int i = 0; i < turns && !answered; i++) {
		turn();
		if (!answered)
			nanosleep(&little, NULL);
	}
	if (!answered) {
		r->answered = NULL;
		r->answer = NULL;
	}
	return answered;
}

void world_request(const char *text, size_t len)
{
	if (len < TEXT_MAX)
		ask(text, len, NULL, TURNS);
}

static void keep(const json_t *answer, const char *key, int name)
{
	const char *value = json_string_value(json_object_get(answer, key));

	if (!value)
		abort();
	snprintf(world.names[name].value, sizeof(world.names[name].value), "%s", value);
}

/* Members of an answer, which must be there. */
static void learn(const char *request, const char *key, int name, const char *key2, int name2)
{
	struct sonde_buf b;
	struct sonde_error e;
	size_t len;
	char *text = world_expand(request, strlen(request), &len);

	sonde_buf_init(&b, 1 << 20);
	if (!ask(text, len, &b, PATIENCE))
		abort();
	json_t *doc = sonde_json_load(b.data, b.len, &e);
	if (!json_object_get(doc, key))
		fprintf(stderr, "%.*s\n-> %.*s\n", (int)len, text, (int)b.len, b.data);
	keep(doc, key, name);
	if (key2)
		keep(doc, key2, name2);
	json_decref(doc);
	sonde_buf_deinit(&b);
	free(text);
}

/* ---- connections ---- */

struct sonde_conn *world_connect(const struct sonde_conn_events *events)
{
	struct sonde_conn *conn = fuzz_net_connect(events, &world.c);

	conn->held = true;
	return conn;
}

bool world_say(struct sonde_conn *conn, const char *text, size_t len)
{
	if (conn->closing)
		return false;
	char *copy = malloc(len ? len : 1);
	if (!copy)
		abort();
	memcpy(copy, text, len);
	conn->events->message(conn, conn->arg, copy, len);
	free(copy);
	return !conn->closing;
}

void world_hang_up(struct sonde_conn *conn)
{
	bool gone = conn->gone;

	conn->closing = true;
	conn->held = false;
	if (gone)
		free(conn);
	else
		fuzz_net_sweep(false);
}

static void say_expanded(struct sonde_conn *conn, const char *message)
{
	size_t len;
	char *text = world_expand(message, strlen(message), &len);

	world_say(conn, text, len);
	free(text);
}

void world_hello(struct sonde_conn *conn)
{
	static const char hello[] =
		"{\"t\":\"hello\",\"node\":\"{node}\",\"key\":\"{key}\",\"version\":\"0.1\",\"epoch\":1,"
		"\"first\":1,\"last\":0,\"wallMs\":1,\"capacity\":4,\"plugins\":{\"plugins\":["
		"{\"name\":\"ping\",\"version\":\"1\"},{\"name\":\"echo\",\"version\":\"1\"}]}}";

	say_expanded(conn, hello);
}

/* ---- the world ---- */

char *world_expand(const void *data, size_t size, size_t *len)
{
	struct sonde_buf b;
	const char *text = data;

	sonde_buf_init(&b, 4 << 20);
	for (size_t i = 0; i < size;) {
		const struct name *n = text[i] == '{' ? world.names : NULL;
		for (; n && n < world.names + NAMES; n++)
			if (size - i >= strlen(n->name) && !memcmp(n->name, text + i, strlen(n->name)))
				break;
		if (n && n < world.names + NAMES) {
			sonde_buf_str(&b, n->value);
			i += strlen(n->name);
		} else {
			sonde_buf_char(&b, text[i++]);
		}
	}
	*len = b.len;
	char *out = malloc(b.len + 1);
	if (!out || b.failed)
		abort();
	memcpy(out, b.len ? b.data : "", b.len);
	out[b.len] = '\0';
	sonde_buf_deinit(&b);
	return out;
}

static void read_admin(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/admin", world.dir);
	for (int i = 0; i < PATIENCE && access(path, R_OK); i++) {
		turn();
		nanosleep(&(struct timespec){ .tv_nsec = 20000 }, NULL);
	}
	FILE *f = fopen(path, "r");
	char *value = world.names[ADMIN].value;
	if (!f || !fgets(value, sizeof(world.names[ADMIN].value), f))
		abort();
	fclose(f);
	value[strcspn(value, "\n")] = '\0';
}

static void populate(void)
{
	read_admin();
	learn("POST /v1/registration-tokens\n\n{\"uses\":5,\"approve\":true}", "token", TOKEN, NULL, 0);
	learn("POST /v1/nodes/register\n\n{\"token\":\"{token}\",\"name\":\"n1\",\"region\":\"eu\","
	      "\"country\":\"DE\",\"continent\":\"EU\",\"city\":\"Berlin\",\"asn\":64496,"
	      "\"network\":\"Net\",\"latitude\":52.5,\"longitude\":13.4,\"tags\":[\"dc\"]}",
	      "id", NODE, "key", KEY);
	learn("POST /v1/users\n\n{\"name\":\"ada\",\"password\":\"correct horse\",\"role\":\"operator\"}",
	      "id", USER, NULL, 0);
	learn("POST /v1/auth/login\n\n{\"name\":\"ada\",\"password\":\"correct horse\"}",
	      "refreshToken", REFRESH, "token", ACCESS);
	struct sonde_conn *conn = fuzz_net_connect(&link_events, &world.c);
	world_hello(conn);
	learn("POST /v1/measurements\n\n{\"type\":\"ping\",\"target\":\"192.0.2.6\"}",
	      "id", FINISHED, NULL, 0);
	say_expanded(conn, "{\"t\":\"results\",\"epoch\":1,\"items\":[{\"seq\":1,\"m\":\"{finished}\","
	                   "\"i\":0,\"a\":1,\"startedMs\":1,\"tookUs\":9,\"body\":{\"rawOutput\":"
	                   "\"text\",\"stats\":{\"avg\":1.5,\"loss\":0}}}]}");
	learn("POST /v1/measurements\n\n{\"type\":\"ping\",\"target\":\"192.0.2.7\"}",
	      "id", MEASUREMENT, NULL, 0);
	learn("POST /v1/schedules\n\n{\"name\":\"s\",\"type\":\"ping\",\"target\":\"192.0.2.7\","
	      "\"interval\":\"60s\"}", "id", SCHEDULE, NULL, 0);
}

static void start(void)
{
	char state[80], run[80], admin[80];
	struct sonde_error e = { "", "" };
	int rest;

	make_dir();
	snprintf(state, sizeof(state), "%s/state", world.dir);
	snprintf(run, sizeof(run), "%s/runner", world.dir);
	snprintf(admin, sizeof(admin), "%s/admin", world.dir);
	char *argv[] = { "--state", state, "--runner", run, "--policies", world.dir, "--policy", "plain", "--verdicts", "watch",
		         "--admin-token-file", admin, "--registration", "open", "--anonymous",
		         "--store-map", "67108864", "--queue-max", "2000", "--limit-logins", "1000000",
		         "--limit-anonymous", "1000000000", "--limit-target", "0", "--plugins", world.dir,
		         "--lua", world.dir, "--web", "/nonexistent", "--guard-allow", "192.0.2.0/24" };
	memset(&world.c, 0, sizeof(world.c));
	sonde_pool_init(&world.c.pool, 1 << 20);
	if (sonde_config_load(controller_option_rows(), &world.c.options, &world.c.pool, NULL,
	                      sizeof(argv) / sizeof(argv[0]), argv, &rest, &e) ||
	    controller_start(&world.c, &e)) {
		fprintf(stderr, "%s: %s\n", e.path, e.text);
		abort();
	}
	populate();
	world.up = true;
	world.inputs = 0;
}

static void stop(void)
{
	controller_stop(&world.c);
	uv_run(&world.c.loop, UV_RUN_DEFAULT);
	controller_deinit(&world.c);
	if (fuzz_net_waiting())
		abort(); /* an answer was forgotten */
	remove_dir();
	world.up = false;
}

struct controller *world_begin(void)
{
	static bool registered;

	if (!registered) {
		registered = true;
		/* Where the controller tells its first token. */
		if (!freopen("/dev/null", "w", stdout))
			abort();
		sonde_log_level(-1);
		if (atexit(remove_dir))
			abort();
	}
	if (world.up && (++world.inputs > WORLD_LIFE || fuzz_net_waiting() > WAITING_MAX))
		stop();
	if (!world.up)
		start();
	/* An input may have sent the node away. */
	if (world.inputs % 128 == 127)
		world_hello(fuzz_net_connect(&link_events, &world.c));
	return &world.c;
}

int LLVMFuzzerInitialize(int *argc, char ***argv);

/* The controller makes a backup with a second process of its own program. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	int code = archive_command(*argc - 1, *argv + 1);

	if (code >= 0)
		_exit(code);
	/* The first world is not on the clock of an input. */
	world_begin();
	return 0;
}
