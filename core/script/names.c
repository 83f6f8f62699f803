/* SPDX-License-Identifier: Apache-2.0 */
/* The entry points and fields of a policy file, and the search for a name over all rows. */
#include "script/names.h"

#include <string.h>

#include "base/error.h"

const struct sonde_entry_row sonde_entry_rows[SONDE_ENTRY_COUNT] = {
	[SONDE_ENTRY_PICK] = {
		"pick", "req: request, set: set, view: view", "set|position, string?",
		"Which nodes take the measurement: at most req.want of the set, best first. May also be "
		"the name of a rule (\"least_load\"): then it never enters Lua. The second answer is the "
		"reason, at most 159 bytes. Without it the built-in decides among what the other entries "
		"left: highest priority, then least load." },
	[SONDE_ENTRY_NARROW] = {
		"narrow", "req: request, set: set, view: view", "set, string?",
		"Which candidates the next policy of a chain shall see. Answer with at least req.want "
		"where there are so many. Only a policy with narrow can stand before another one." },
	[SONDE_ENTRY_ROUTE] = {
		"route", "req: request, view: view", "string[]",
		"Which regions stand in for req.region when it has too few nodes, best first." },
	[SONDE_ENTRY_ADMIT] = {
		"admit", "req: request, view: view", "boolean|integer, string?",
		"Whether the measurement is taken: true, false, or a number of nodes that is less than "
		"req.want. It can only narrow. When it fails the measurement is refused." },
	[SONDE_ENTRY_RETRY] = {
		"retry", "req: request, set: set, view: view", "position|set|false, string?",
		"Which node takes a task whose node failed; false gives up. The node that failed is not in "
		"the set. Asked only for causes on the node's side, at most twice a task. Without it pick "
		"is asked for one node." },
	[SONDE_ENTRY_ASSIGN] = {
		"assign", "req: request, set: set, view: view", "set, string?",
		"Which nodes run a schedule. req.current are those that run it now: keep them where you "
		"can, each change costs a gap. Without it pick is asked." },
	[SONDE_ENTRY_PEERS] = {
		"peers", "req: request, set: set, view: view", "table<position, set>, string?",
		"Who probes whom in a mesh: from each node to a list of others. A node never probes "
		"itself. Without it everybody probes everybody." },
	[SONDE_ENTRY_ON_RESULT] = {
		"on_result", "req: request, result: result, view: view", "nil",
		"Called after a result of a schedule is stored, when the policy is one of the controller's "
		"`verdicts`. It looks, remembers (lb.window, lb.tally, lb.remember) and calls lb.raise, "
		"lb.clear or lb.deepen." },
	[SONDE_ENTRY_ON_NODE] = {
		"on_node", "req: request, node: node, view: view", "nil",
		"Called when a node's status changed; as on_result." },
};

const struct sonde_name_row sonde_policy_fields[] = {
	{ "api", "1", "version of this contract" },
	{ "summary", "string", "one line, shown in lists" },
	{ "params", "table<string, param>?", "what a request may set; see param" },
	{ NULL, NULL, NULL },
};

const struct sonde_name_row sonde_param_fields[] = {
	{ "type", "\"bool\"|\"int\"|\"number\"|\"string\"|\"enum\"|\"duration\"", "durations are ms in Lua" },
	{ "default", "any", "as a user would write it: \"80ms\"" },
	{ "help", "string?", "one line" },
	{ "unit", "string?", "shown behind the value" },
	{ "min", "integer?", "least value; shortest length of a string" },
	{ "max", "integer?", "greatest value; longest length of a string" },
	{ "names", "string[]?", "the values of an enum" },
	{ NULL, NULL, NULL },
};

enum { NAMES_MAX = 128 };

struct list {
	const char *name[NAMES_MAX + 1];
	unsigned n;
};

static void add(struct list *l, const char *name)
{
	if (l->n < NAMES_MAX)
		l->name[l->n++] = name;
}

static void add_lb(struct list *l)
{
	for (const struct sonde_lb_row *r = sonde_lb_rows; r->name; r++)
		add(l, r->name);
}

static void add_view(struct list *l)
{
	for (unsigned i = 0; i < SONDE_COL_ALL; i++)
		add(l, sonde_column_infos[i].name);
}

static void add_req(struct list *l)
{
	for (const struct sonde_request_row *r = sonde_request_rows; r->name; r++)
		add(l, r->name);
}

static void add_policy(struct list *l)
{
	for (unsigned i = 0; i < SONDE_ENTRY_COUNT; i++)
		add(l, sonde_entry_rows[i].name);
	for (const struct sonde_name_row *r = sonde_policy_fields; r->name; r++)
		add(l, r->name);
}

static const struct {
	const char *group;
	void (*add)(struct list *);
} groups[] = { { "lb", add_lb }, { "view", add_view }, { "req", add_req }, { "policy", add_policy } };

/* Names of one of Lua's libraries, or those without a library. */
static void add_library(struct list *l, const char *group)
{
	size_t n = strlen(group);

	for (unsigned i = 0; sonde_sandbox_names[i]; i++) {
		const char *name = sonde_sandbox_names[i], *dot = strchr(name, '.');
		if (!n && !dot)
			add(l, name);
		else if (n && dot && (size_t)(dot - name) == n && !strncmp(name, group, n))
			add(l, dot + 1);
	}
	if (!n)
		add(l, "lb");
}

static void collect(const char *group, struct list *l)
{
	for (unsigned i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (!strcmp(groups[i].group, group)) {
			groups[i].add(l);
			return;
		}
	add_library(l, group);
}

bool sonde_names_group(const char *group)
{
	struct list l = { .n = 0 };

	collect(group, &l);
	return l.n && *group;
}

const char *sonde_names_nearest(const char *group, const char *word, bool *known)
{
	struct list l = { .n = 0 };

	collect(group, &l);
	*known = false;
	for (unsigned i = 0; i < l.n; i++)
		*known |= !strcmp(l.name[i], word);
	return sonde_nearest(word, l.name);
}
