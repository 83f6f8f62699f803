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

enum { OTHER_NODES = 3, WAITING_MAX = 48, TURNS = 100, PATIENCE = 200000, TEXT_MAX = 1 << 16 };

static const char runner[] =
	"#!/bin/sh\n"
	"cat <<'END'\n"
	"{\"plugins\":[{\"name\":\"ping\",\"version\":\"1\",\"summary\":\"s\",\"params\":["
	"{\"name\":\"packets\",\"type\":\"int\",\"default\":\"3\",\"min\":1,\"max\":1000},"
	"{\"name\":\"protocol\",\"type\":\"enum\",\"default\":\"ICMP\",\"enum\":[\"ICMP\",\"TCP\"]}]},"
	"{\"name\":\"dns\",\"version\":\"1\",\"params\":["
	"{\"name\":\"tries\",\"type\":\"int\",\"default\":\"2\",\"min\":1,\"max\":9},"
	"{\"name\":\"wait\",\"type\":\"duration\",\"default\":\"3s\"},"
	"{\"name\":\"resolver\",\"type\":\"string\",\"max\":255},"
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

/* What inputs have no name for, so that none sends them away. */
enum { TOKEN_OF_OURS = NAMES, OTHERS, ALL_NAMES = OTHERS + 2 * OTHER_NODES };

static struct world {
	struct controller c;
	char dir[64];
	bool up;
	unsigned inputs;
	struct name names[ALL_NAMES];
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

void world_measure(const char *text, size_t len)
{
	char cancel[80];
	struct sonde_buf b;
	struct sonde_error e;

	sonde_buf_init(&b, 1 << 20);
	json_t *doc = ask(text, len, &b, TURNS) ? sonde_json_load(b.data, b.len, &e) : NULL;
	const char *id = json_string_value(json_object_get(doc, "id"));
	if (id) {
		int n = snprintf(cancel, sizeof(cancel), "DELETE /v1/measurements/%.40s\n\n", id);
		ask(cancel, (size_t)n, NULL, TURNS);
	}
	json_decref(doc);
	sonde_buf_deinit(&b);
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

#define HELLO(version, plugins) \
	"\"version\":\"" version "\",\"epoch\":1,\"first\":1,\"last\":0,\"wallMs\":1," \
	"\"capacity\":4,\"plugins\":{\"plugins\":[" plugins "]}"
#define HAS(name) "{\"name\":\"" name "\",\"version\":\"1\"}"

void world_hello(struct sonde_conn *conn)
{
	static const char hello[] =
		"{\"t\":\"hello\",\"node\":\"{node}\",\"key\":\"{key}\","
		HELLO("0.1", HAS("ping") "," HAS("echo")) "}";

	say_expanded(conn, hello);
}

/* ---- the other nodes ---- */

/* Places, networks and tags that differ; the last one told nothing. */
static const struct other {
	const char *facts, *hello, *beat;
} others[OTHER_NODES] = {
	{ ",\"region\":\"us\",\"country\":\"US\",\"state\":\"NY\",\"continent\":\"NA\","
	  "\"city\":\"New York\",\"asn\":64497,\"network\":\"Big Cloud Inc\",\"latitude\":40.7,"
	  "\"longitude\":-74,\"tags\":[\"dc\",\"dc-east-1\",\"u-ada\"]",
	  HELLO("0.2.1", HAS("ping") "," HAS("dns") "," HAS("http") "," HAS("bandwidth") "," HAS("mtr"))
	  ",\"facts\":{\"ipv4\":true,\"ipv6\":false,\"cpus\":2,\"memoryMiB\":512}",
	  "\"load\":0.5,\"errorRate\":0.1" },
	{ ",\"country\":\"GB\",\"city\":\"London\",\"asn\":64498,\"network\":\"Home-Net\"",
	  HELLO("1.0", HAS("ping") "," HAS("bandwidth") "," HAS("echo") "," HAS("sweep"))
	  ",\"facts\":{\"ipv4\":true,\"ipv6\":true,\"cpus\":8,\"memoryMiB\":4096}",
	  "\"load\":3,\"errorRate\":0" },
	{ "", HELLO("", HAS("ping")), "\"load\":0,\"errorRate\":1" },
};

/* The message with the node's id and key in front, or without them. */
static void say_as(struct sonde_conn *conn, unsigned i, const char *kind, const char *rest)
{
	const struct name *id = &world.names[OTHERS + 2 * i];
	char text[1024], who[200];

	snprintf(who, sizeof(who), "\"node\":\"%.30s\",\"key\":\"%.80s\",", id[0].value, id[1].value);
	int n = snprintf(text, sizeof(text), "{\"t\":\"%s\",%s%s}", kind,
	                 strcmp(kind, "hello") ? "" : who, rest);
	world_say(conn, text, (size_t)n);
}

static void connect_others(void)
{
	char beat[256];

	for (unsigned i = 0; i < OTHER_NODES; i++) {
		struct sonde_conn *conn = fuzz_net_connect(&link_events, &world.c);
		say_as(conn, i, "hello", others[i].hello);
		snprintf(beat, sizeof(beat), "%s,\"responseMs\":1,\"probes\":1,\"active\":0,\"queued\":0,"
		         "\"spoolBytes\":0,\"spoolCount\":0,\"wallMs\":1", others[i].beat);
		say_as(conn, i, "beat", beat);
	}
}

static void register_one(const char *name, const char *facts, int id, int key)
{
	char text[1024];

	snprintf(text, sizeof(text), "POST /v1/nodes/register\n\n{\"token\":\"%s\",\"name\":\"%s\"%s}",
	         world.names[TOKEN_OF_OURS].value, name, facts);
	learn(text, "id", id, "key", key);
}

static const char first_facts[] =
	",\"region\":\"eu\",\"country\":\"DE\",\"continent\":\"EU\",\"city\":\"Berlin\",\"asn\":64496,"
	"\"network\":\"Net\",\"latitude\":52.5,\"longitude\":13.4,\"tags\":[\"dc\"]";

static void register_nodes(void)
{
	char name[8];

	register_one("n1", first_facts, NODE, KEY);
	for (int i = 0; i < OTHER_NODES; i++) {
		snprintf(name, sizeof(name), "o%d", i);
		register_one(name, others[i].facts, OTHERS + 2 * i, OTHERS + 2 * i + 1);
	}
}

static bool is_there(void)
{
	const struct node *n = nodes_find(&world.c.nodes, world.names[NODE].value);

	return n && node_is_ready(&world.c.nodes, n);
}

/* An input may have sent the node away, for now or for ever. */
static void mend(void)
{
	char name[24] = "n1";

	if (is_there())
		return;
	world_hello(fuzz_net_connect(&link_events, &world.c));
	if (is_there())
		return;
	if (nodes_find(&world.c.nodes, name))
		snprintf(name, sizeof(name), "n%u", world.inputs);
	register_one(name, first_facts, NODE, KEY);
	world_hello(fuzz_net_connect(&link_events, &world.c));
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
	learn("POST /v1/registration-tokens\n\n{\"uses\":3000,\"approve\":true}", "token",
	      TOKEN_OF_OURS, NULL, 0);
	register_nodes();
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
	/* Last, so that the measurements above are the first node's. */
	connect_others();
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
	if (world.inputs % 128 == 127)
		connect_others();
	mend();
	return &world.c;
}

/* A world keeps what it made (decisions, garbage of Lua), so that libFuzzer would look for leaks after
 * each input, at ten times its cost; they are looked for at the end, once. */
static void look_for_leaks_once(int *argc, char ***argv)
{
	static char option[] = "-detect_leaks=0";
	static char **all;

	all = calloc((size_t)*argc + 2, sizeof(*all));
	if (!all)
		abort();
	all[0] = (*argv)[0];
	all[1] = option;
	memcpy(all + 2, *argv + 1, (size_t)(*argc - 1) * sizeof(*all));
	*argv = all;
	++*argc;
}

int LLVMFuzzerInitialize(int *argc, char ***argv);

/* The controller makes a backup with a second process of its own program. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	int code = archive_command(*argc - 1, *argv + 1);

	if (code >= 0)
		_exit(code);
	look_for_leaks_once(argc, argv);
	/* The first world is not on the clock of an input. */
	world_begin();
	return 0;
}
