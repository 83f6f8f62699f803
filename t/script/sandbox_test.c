/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that mean harm: each must end as a decision of the built-in, and leave the others be. */
#include <lauxlib.h>
#include <time.h>

#include "base/buf.h"
#include "base/sanitized.h"
#include "room.h"
#include "script/binding.h"
#include "script/lib.h"

/* What pick does, and what the reason must contain ("" = anything). */
struct hostile {
	const char *body, *reason;
};

static const struct hostile hostiles[] = {
	/* time */
	{ "while true do end", "limit reached" },
	{ "::a:: goto a", "limit reached" },
	{ "repeat local x = 1 until false", "limit reached" },
	{ "for i = 1, math.huge do end", "limit reached" },
	{ "local function f() return f() end return f()", "limit reached" },
	{ "local t = {1,2,3,4,5,6,7,8,9} table.sort(t, function() while true do end end)",
	  "limit reached" },
	{ "lb.by_priority(set, 1, function() while true do end end)", "limit reached" },
	{ "while true do lb.glob('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', '*a*a*a*a*a*b') end",
	  "limit reached" },
	{ "local t = {} for i = 1, 60000 do t[i] = -i end while true do table.sort(t) end",
	  "limit reached" },
	{ "local t = {} for i = 1, 60000 do t[i] = i end while true do table.insert(t, 1, 0) "
	  "table.remove(t, 1) end", "limit reached" },
	{ "local s = 'xxxxxxxxxxxxxxxx' for i = 1, 10 do s = s .. s end local t = {} "
	  "for i = 1, 4000 do t[i] = s end while true do table.concat(t) end", "" },
	{ "local s = 'x' for i = 1, 15 do s = s .. s end local a, b = s .. 'a', s .. 'b' "
	  "while true do local x = a < b end", "limit reached" },
	{ "while true do for k in pairs(view.name) do end end", "limit reached" },
	{ "local s = 'a' for i = 1, 15 do s = s .. s end while true do lb.glob(s, '*a*a*a*b') end",
	  "limit reached" },
	{ "local s = '1' for i = 1, 15 do s = s .. s end while true do local n = tonumber(s) end",
	  "limit reached" },
	{ "local s = '1' for i = 1, 15 do s = s .. s end while true do string.byte(s, 1, -1) end",
	  "limit reached" },
	{ "while true do lb.split(',,,,,,,,,,,,,,,,,,,,,,,,,,,,,') end", "limit reached" },
	{ "local t = {} for i = 1, 5e4 do t[i] = 1 end while true do lb.sample(t, 1) end", "" },
	/* memory */
	{ "local s = 'x' while true do s = s .. s end", "" },
	{ "local t = {} while true do t[#t + 1] = {} end", "limit reached" },
	{ "local t = {} for i = 1, 1e7 do t[i] = function() return i end end", "limit reached" },
	{ "local t = {} for i = 1, 1e7 do t[i] = 'text ' .. i end", "limit reached" },
	{ "local function f(n) return 1 + f(n + 1) end return f(1)", "" },
	{ "while true do lb.sample(set, 1) end", "" },
	{ "local function f() return lb.by_priority(set, 1, f) end return f()", "" },
	{ "return table.unpack({}, 1, 1e7)", "values to unpack" },
	{ "return table.unpack({}, math.mininteger, math.maxinteger)", "values to unpack" },
	{ "return table.concat({}, 'x', 1, 1e9)", "out of the list" },
	{ "return string.format('%1000d', 1)", "" },
	{ "lb.join(set, set, -1)", "" },
	{ "view.load[1e9] = 1", "read-only" },
	/* names */
	{ "return ('x'):rep(1 << 30)", "string.rep is not available in a policy" },
	{ "return string.rep('x', 1 << 30)", "string.rep is not available in a policy" },
	{ "return ('a'):find('.-.-.-b')", "string.find is not available in a policy" },
	{ "return ('a'):gsub('a', 'b')", "string.gsub is not available in a policy" },
	{ "return string.dump(function() end)", "string.dump is not available in a policy" },
	{ "table.move({}, 1, 5e7, 2)", "table.move is not available in a policy" },
	{ "pcall(error)", "pcall is not available in a policy" },
	{ "xpcall(error, print)", "xpcall is not available in a policy" },
	{ "coroutine.wrap(function() end)()", "coroutine is not available in a policy" },
	{ "load('return 1')()", "load is not available in a policy" },
	{ "require('io')", "require is not available in a policy" },
	{ "dofile('/etc/passwd')", "dofile is not available in a policy" },
	{ "setmetatable({}, {})", "setmetatable is not available in a policy" },
	{ "getmetatable('').__index = nil", "getmetatable is not available in a policy" },
	{ "rawset(string, 'sub', 1)", "rawset is not available in a policy" },
	{ "io.open('/etc/passwd')", "io is not available in a policy" },
	{ "os.execute('true')", "os is not available in a policy" },
	{ "debug.sethook()", "debug is not available in a policy" },
	{ "collectgarbage('stop')", "collectgarbage is not available in a policy" },
	{ "_G.io.open('x')", "_G is not available in a policy" },
	{ "return next({})", "next is not available in a policy" },
	{ "return math.random(3)", "math.random is not available in a policy" },
	{ "return _ENV.io", "io is not available in a policy" },
	{ "return lb.leest(set)", "lb.leest is not available" },
	{ "return view.lode[1]", "view.lode is not available" },
	{ "return misspelt", "unknown name 'misspelt'" },
	{ "return string.format('%p', 'x')", "%p is not available" },
	{ "return string.format('%s', {})", "can be formatted" },
	/* state */
	{ "counter = 1", "use a local" },
	{ "string.sub = nil", "read-only" },
	{ "lb.least = function() end", "read-only" },
	{ "lb = nil", "use a local" },
	{ "view.load = {}", "read-only" },
	{ "view.load[1] = 0", "read-only" },
	{ "table.insert(view.load, 1)", "read-only" },
	{ "table.sort(view.load)", "read-only" },
	{ "req.params.x = 1", "read-only" },
	/* answers */
	{ "return nil", "positions" },
	{ "return 'node1'", "positions" },
	{ "return true", "positions" },
	{ "return 0", "not a position" },
	{ "return -1", "not a position" },
	{ "return 9", "not a position" },
	{ "return 1.5", "not a position" },
	{ "return 0/0", "not a position" },
	{ "return math.maxinteger", "not a position" },
	{ "return {1, 1}", "twice" },
	{ "return {1, 'x'}", "not a position" },
	{ "return {1, {}}", "not a position" },
	{ "return {1 << 40}", "not a position" },
	{ "return view.load", "a list of positions" },
	{ "return lb", "a list of positions" },
	{ "return 1, {}", "reason" },
	{ "error({})", "string expected" },
	{ "error()", "string expected" },
	{ "error('mine')", "mine" },
	{ "assert(false, 'mine')", "mine" },
	/* helpers given nonsense */
	{ "return lb.least(set, set, 1)", "a column of numbers" },
	{ "return lb.least(set, view.region, 1)", "a column of numbers" },
	{ "return lb.equal(set, view.load, 'x')", "a column of texts" },
	{ "return lb.has(set, view.region, 'x')", "view.tags" },
	{ "return lb.least(set, { [0] = view.load[0] }, 1, {})", "a column of numbers" },
	{ "return lb.least({ 1e15 }, view.load, 1)", "not a position" },
	{ "return lb.least({ [0] = 65536 }, 1, 1)", "a column" },
	{ "return lb.least(view.load, view.load, 1)", "a list of positions" },
	{ "return lb.least(set, view.load, -1)", "a number of nodes" },
	{ "return lb.least(set, view.load, 0/0)", "" },
	{ "set[0] = 12345678 return lb.least(set, view.load, 1)", "an earlier decision" },
	{ "set[0] = {} return #set", "an earlier decision" },
	{ "return lb.by_priority(set, 2, function() return 'x' end)", "table expected" },
	{ "return lb.mix(set, 1, view.load)", "number expected" },
	{ "return lb.random(0)", "from 1 on" },
	{ "return lb.mesh(set, 0)", "a degree" },
	{ "while true do lb.mesh(set, 64) end", "" },
	{ "return lb.split('a', 'ab')", "one byte" },
};

static void every_hostile_program_falls_back(void)
{
	unsigned rows[ROOM_NODES];

	tap_limit(120);
	for (unsigned i = 0; i < sizeof(hostiles) / sizeof(hostiles[0]); i++) {
		const struct hostile *h = &hostiles[i];
		struct sonde_policies *ps = room_new(0);
		struct sonde_error err = { { 0 }, { 0 } };
		int rc = room_load_pick(ps, "bad", "", h->body, &err);
		if (rc != SONDE_OK)
			tap_fail(__FILE__, __LINE__, "%s: load: %s", h->body, err.text);
		EXPECT_INT(room_load(ps, "good",
		                     "return { api = 1, summary = 's', pick = 'least_load' }", &err),
		           SONDE_OK);
		struct sonde_decision d = room_pick(ps, "bad", 3, rows);
		if (!d.fallback || !strstr(d.reason, h->reason))
			tap_fail(__FILE__, __LINE__, "%s: fallback %d: %s", h->body, d.fallback,
			         d.reason);
		EXPECT_INT(d.count, 3);
		EXPECT(rows[0] == 7 && rows[1] == 6 && rows[2] == 5);
		d = room_pick(ps, "good", 1, rows);
		EXPECT(!d.fallback && d.count == 1 && rows[0] == 7);
		sonde_policies_free(ps);
	}
}

/* CPU, so that a busy machine fails nothing: what one decision keeps the loop from. */
static double cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

enum { SLOWER = SONDE_SANITIZED ? 10 : 1 };

/* The pass lines are a fallback within 60 ms at the 99th percentile, and no stall over 5 ms. The
 * best of some tries, each with a state of its own: what else runs here is not the policy's. */
static void a_fallback_comes_in_time(void)
{
	enum { COUNT = sizeof(hostiles) / sizeof(hostiles[0]), TRIES = 4 };
	static double took[COUNT];
	unsigned slowest = 0, rows[ROOM_NODES];

	tap_limit(240);
	for (unsigned i = 0; i < COUNT; i++) {
		took[i] = 1e9;
		for (unsigned k = 0; k < TRIES; k++) {
			struct sonde_policies *ps = room_new(0);
			struct sonde_error err = { { 0 }, { 0 } };
			EXPECT_INT(room_load_pick(ps, "bad", "", hostiles[i].body, &err), SONDE_OK);
			double start = cpu_ms();
			EXPECT(room_pick(ps, "bad", 3, rows).fallback);
			double one = cpu_ms() - start;
			took[i] = one < took[i] ? one : took[i];
			sonde_policies_free(ps);
		}
		slowest = took[i] > took[slowest] ? i : slowest;
	}
	printf("# slowest %.2f ms: %s\n", took[slowest], hostiles[slowest].body);
	qsort(took, COUNT, sizeof(took[0]), by_value);
	printf("# %u hostile programs: fallback p50 %.3f p99 %.2f max %.2f ms\n", COUNT, took[COUNT / 2],
	       took[COUNT * 99 / 100], took[COUNT - 1]);
	/* Under memcheck the figures are not ours. */
	if (!getenv("TAP_SLOW") &&
	    (took[COUNT * 99 / 100] > 60.0 || took[COUNT - 1] > 5.0 * SLOWER))
		tap_fail(__FILE__, __LINE__, "p99 %.2f max %.2f ms", took[COUNT * 99 / 100],
		         took[COUNT - 1]);
}

static void hostile_texts_do_not_load(void)
{
	static const struct hostile texts[] = {
		{ "", "must return a table" },
		{ "return", "must return a table" },
		{ "return 1", "must return a table" },
		{ "return {", "bad.lua:1:" },
		{ "while true do end", "limit reached" },
		{ "local t = {} while true do t[#t + 1] = {} end", "limit reached" },
		{ "string.x = 1", "read-only" },
		{ "lb = {}", "read-only" },
		{ "io.write('x')", "bad.lua:1: io is not available in a policy" },
		{ "return { api = 2, summary = 's', pick = 'sample' }", "api must be 1" },
		{ "return { api = 1, pick = 'sample' }", "summary" },
		{ "return { api = 1, summary = 's' }", "pick must be" },
		{ "return { api = 1, summary = 's', pick = 1 }", "pick must be" },
		{ "return { api = 1, summary = 's', pick = 'sampel' }", "did you mean 'sample'" },
		{ "return { api = 1, summary = 's', pick = lb.below }", "cannot decide alone" },
		{ "return { api = 1, summary = 's', pick = ipairs }", "pick must be" },
		{ "return { api = 1, summary = 's', pikc = 1, pick = 'hash' }", "unknown field" },
		{ "return { api = 1, summary = 's', pick = 'hash', [1] = 1 }", "named fields" },
		{ "return { api = 1, summary = 's', pick = 'hash', route = 1 }", "route" },
		{ "return { api = 1, summary = 's', pick = 'hash', params = 1 }", "params" },
		{ "return { api = 1, summary = 's', pick = 'hash', params = { x = 1 } }", "params" },
		{ "return { api = 1, summary = 's', pick = 'hash', params = { x = { type = 'y' } } }",
		  "type" },
		{ "return { api = 1, summary = 's', pick = 'hash', "
		  "params = { x = { type = 'int', default = 'y' } } }", "params" },
	};
	struct sonde_policies *ps = room_new(0);

	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct sonde_error err = { { 0 }, { 0 } };
		int rc = room_load(ps, "bad", texts[i].body, &err);
		if (rc == SONDE_OK || !strstr(err.text, texts[i].reason) ||
		    !strstr(err.text, "bad.lua"))
			tap_fail(__FILE__, __LINE__, "%s: %d: %s", texts[i].body, rc, err.text);
		EXPECT(!sonde_policy_exists(ps, "bad"));
	}
	sonde_policies_free(ps);
}

static void deep_nesting_does_not_load(void)
{
	struct sonde_policies *ps = room_new(0);
	struct sonde_error err;
	enum { DEPTH = 20000 };
	char *text = malloc(DEPTH + 8);

	for (const char *c = "({[-"; *c; c++) {
		memset(text, *c, DEPTH);
		memcpy(text, "return ", 7);
		text[DEPTH] = '\0';
		EXPECT(room_load(ps, "deep", text, &err) != SONDE_OK);
	}
	free(text);
	sonde_policies_free(ps);
}

struct dump {
	char bytes[8192];
	size_t len;
};

static int write_dump(lua_State *L, const void *p, size_t n, void *arg)
{
	struct dump *d = arg;

	if (n > sizeof(d->bytes) - d->len)
		return 1;
	memcpy(d->bytes + d->len, p, n);
	d->len += n;
	return 0;
}

static void bytecode_is_refused(void)
{
	struct sonde_policies *ps = room_new(0);
	struct sonde_error err;
	struct dump d = { .len = 0 };
	lua_State *L = luaL_newstate();

	EXPECT(luaL_loadstring(L, "return { api = 1, summary = 's', pick = 'hash' }") == LUA_OK);
	EXPECT(lua_dump(L, write_dump, &d, 0) == 0);
	lua_close(L);
	EXPECT_INT(sonde_policy_load(ps, "code", "code.lua", d.bytes, d.len, &err), SONDE_EINVAL);
	EXPECT(strstr(err.text, "binary"));
	sonde_policies_free(ps);
}

/* The allow-list */

static const char *const allowed[] = {
	"assert", "error", "ipairs", "lb", "lb.above", "lb.below", "lb.by_priority",
	"lb.cidr_match", "lb.clear", "lb.deepen", "lb.distance", "lb.ends_with", "lb.equal", "lb.first", "lb.glob", "lb.has", "lb.hash",
	"lb.join", "lb.least", "lb.leave", "lb.log", "lb.mesh", "lb.mix", "lb.most", "lb.nearest", "lb.raise", "lb.random",
	"lb.remember", "lb.round_robin",
	"lb.sample", "lb.split", "lb.spread_by", "lb.starts_with", "lb.tally", "lb.top",
	"lb.two_choices",
	"lb.unique", "lb.values", "lb.weighted", "lb.window", "lb.within", "lb.without", "math", "math.abs", "math.acos", "math.asin",
	"math.atan", "math.ceil", "math.cos", "math.deg", "math.exp", "math.floor", "math.fmod",
	"math.huge", "math.log", "math.max", "math.maxinteger", "math.min", "math.mininteger",
	"math.modf", "math.pi", "math.rad", "math.sin", "math.sqrt", "math.tan", "math.tointeger",
	"math.type", "math.ult", "pairs", "select", "string", "string.byte", "string.char",
	"string.format", "string.len", "string.lower", "string.reverse", "string.sub",
	"string.upper", "table", "table.concat", "table.insert", "table.remove", "table.sort",
	"table.unpack", "tonumber", "tostring", "type",
};
enum { ALLOWED = sizeof(allowed) / sizeof(allowed[0]) };

static unsigned expect_allowed(const char *group, const char *name)
{
	char full[64];

	snprintf(full, sizeof(full), "%s%s%s", group, *group ? "." : "", name);
	for (unsigned i = 0; i < ALLOWED; i++)
		if (!strcmp(allowed[i], full))
			return 1;
	tap_fail(__FILE__, __LINE__, "%s is there, but not in the list", full);
}

static unsigned walk(lua_State *L, const char *group)
{
	unsigned n = 0;
	int table = lua_gettop(L);

	for (lua_pushnil(L); lua_next(L, table); lua_settop(L, table + 1)) {
		const char *name = lua_tostring(L, table + 1);
		n += expect_allowed(group, name);
		if (!lua_istable(L, -1))
			continue;
		sonde_lib_real(L, -1);
		n += walk(L, name);
	}
	return n;
}

static void only_the_listed_names_exist(void)
{
	struct sonde_columns columns;
	struct sonde_scratch scratch;
	struct sonde_turns turns = { 0 };
	struct sonde_binding b;

	sonde_columns_init(&columns);
	sonde_scratch_init(&scratch, 1 << 20);
	struct sonde_past past = { .columns = &columns };
	EXPECT_INT(sonde_binding_init(&b, 1 << 20, &past, &scratch, &turns), SONDE_OK);
	lua_rawgetp(b.sandbox.L, LUA_REGISTRYINDEX, sonde_sandbox_names);
	EXPECT_INT(walk(b.sandbox.L, ""), ALLOWED);
	sonde_binding_deinit(&b);
	sonde_scratch_deinit(&scratch);
	sonde_columns_deinit(&columns);
}

/* State */

static void nothing_is_seen_by_another_policy(void)
{
	struct sonde_policies *ps = room_new(5000);
	struct sonde_error err = { { 0 }, { 0 } };
	unsigned rows[1];

	EXPECT_INT(room_load_pick(ps, "a", "shared = 1", "return shared", &err), SONDE_OK);
	EXPECT_INT(room_load_pick(ps, "b", "", "return shared", &err), SONDE_OK);
	EXPECT(!room_pick(ps, "a", 1, rows).fallback);
	struct sonde_decision d = room_pick(ps, "b", 1, rows);
	EXPECT(d.fallback && strstr(d.reason, "unknown name 'shared'"));
	sonde_policies_free(ps);
}

static void nothing_is_seen_by_the_next_request(void)
{
	static const char body[] =
		"assert(req.mark == nil and #set == 8 and set.mark == nil)\n"
		"req.mark = 1 set.mark = 1 table.remove(set) set[1] = set[2]\n"
		"n = n == nil and 1 or n return { set[3], set[4] }";
	struct sonde_policies *ps = room_new(5000);
	struct sonde_error err = { { 0 }, { 0 } };
	struct sonde_request req = { .type = "ping", .want = 2, .set_id = 42 };
	unsigned rows[2];
	struct sonde_decision d = { .rows = rows };

	EXPECT_INT(room_load_pick(ps, "a", "local n", body, &err), SONDE_OK);
	for (unsigned i = 0; i < 5; i++) {
		sonde_policy_pick(ps, "a", &req, room_all, ROOM_NODES, &d);
		if (d.fallback)
			tap_fail(__FILE__, __LINE__, "%s", d.reason);
		EXPECT(d.count == 2 && rows[0] == 2 && rows[1] == 3);
	}
	sonde_policies_free(ps);
}

static void a_list_of_an_earlier_decision_is_refused(void)
{
	struct sonde_policies *ps = room_new(5000);
	struct sonde_error err = { { 0 }, { 0 } };
	unsigned rows[2];

	EXPECT_INT(room_load_pick(ps, "a", "local kept",
	                          "if kept then return kept end kept = lb.sample(set, 2) return kept",
	                          &err), SONDE_OK);
	EXPECT(!room_pick(ps, "a", 2, rows).fallback);
	struct sonde_decision d = room_pick(ps, "a", 2, rows);
	EXPECT(d.fallback && strstr(d.reason, "an earlier decision"));
	sonde_policies_free(ps);
}

static long long described(struct sonde_policies *ps, const char *key)
{
	struct sonde_buf buf;
	struct sonde_json j;
	char *end;

	sonde_buf_init(&buf, 65536);
	sonde_json_init(&j, &buf);
	sonde_json_open(&j, NULL, '[');
	sonde_policies_describe(ps, &j);
	sonde_json_close(&j);
	const char *at = strstr(sonde_buf_cstr(&buf), key);
	EXPECT(at);
	long long v = strtoll(at + strlen(key), &end, 10);
	sonde_buf_deinit(&buf);
	return v;
}

static void a_state_stays_within_its_memory(void)
{
	struct sonde_policies *ps = room_new(5000);
	struct sonde_error err = { { 0 }, { 0 } };
	unsigned rows[1];

	EXPECT_INT(room_load_pick(ps, "a", "local t = {}",
	                          "for i = 1, 1e5 do t[#t + 1] = { i } end return 1", &err),
	           SONDE_OK);
	for (unsigned i = 0; i < 10; i++)
		room_pick(ps, "a", 1, rows);
	struct sonde_decision d = room_pick(ps, "a", 1, rows);
	EXPECT(d.fallback && strstr(d.reason, "memory limit reached"));
	EXPECT(described(ps, "\"memory\":") <= 16 << 20);
	sonde_policies_free(ps);
}

TAP_MAIN(CASE(every_hostile_program_falls_back), CASE(a_fallback_comes_in_time), CASE(hostile_texts_do_not_load),
         CASE(deep_nesting_does_not_load), CASE(bytecode_is_refused),
         CASE(only_the_listed_names_exist),
         CASE(nothing_is_seen_by_another_policy), CASE(nothing_is_seen_by_the_next_request),
         CASE(a_list_of_an_earlier_decision_is_refused), CASE(a_state_stays_within_its_memory))
