/* SPDX-License-Identifier: Apache-2.0 */
/* Owns one probe at a time: its timers (a plain list), its watches, its memory (a pool), and the
 * bytes it wrote. Refuses what a real host would refuse and notes each breach in `broken`. The
 * caller frees the host; the plugin stays open, as in the runner. */
#include "plug/fakehost.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/pool.h"
#include "base/rng.h"

enum { MAX_WATCHES = 64, MAX_NAMES = 16, MAX_CALLS = 16, GRACE_NS = 2000000000 };

struct sonde_timer {
	struct sonde_timer *next;
	int64_t due;
	uint64_t order; /* timers of one instant run in the order they were started */
	sonde_timer_fn *fn;
	void *arg;
};

struct sonde_watch {
	int fd;
	unsigned events;
	sonde_watch_fn *fn;
	void *arg;
	bool used;
};

struct name_row {
	char name[128];
	struct sonde_addr addr;
};

struct call_row {
	int64_t at;
	void (*fn)(void *);
	void *arg;
	bool ran;
};

struct fakehost {
	struct sonde_probe probe; /* first: the plugin's pointer is ours */
	const struct sonde_plugin *plugin;
	void *args;
	struct sonde_pool arg_pool, pool;
	struct sonde_buf json_buf, raw_buf;
	struct sonde_json json;
	struct sonde_timer *timers;
	struct sonde_watch watches[MAX_WATCHES];
	struct name_row names[MAX_NAMES], refused[MAX_NAMES];
	struct call_row calls[MAX_CALLS];
	unsigned n_names, n_refused, n_calls;
	bool virtual_clock, is_done, resolving, leaves_uncounted;
	uint64_t order;
	int64_t clock, start, end, timeout, cancel_at;
	enum sonde_why cancel_why, why_due;
	int64_t cancel_due;
	bool cancelled;
	int sockets;
	void (*on_socket)(void *, int, int);
	void *on_socket_arg;
	enum sonde_failure failure;
	char why[256], broken[256];
	struct sonde_error error;
	struct sonde_addr found[MAX_NAMES];
	unsigned n_found;
	sonde_resolved_fn *resolved;
	void *resolved_arg;
	size_t memory;
};

static void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

static void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("# fakehost: ");
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
	fflush(stdout);
	_exit(1);
}

static struct fakehost *host_of(struct sonde_probe *p)
{
	return (struct fakehost *)p;
}

static void note(struct fakehost *h, const char *what)
{
	if (!h->broken[0])
		snprintf(h->broken, sizeof(h->broken), "%s", what);
}

static int64_t host_now(struct sonde_probe *p)
{
	struct fakehost *h = host_of(p);
	return h->virtual_clock ? h->clock : sonde_boottime_ns();
}

static struct sonde_timer *host_timer_start(struct sonde_probe *p, int64_t delay,
                                            sonde_timer_fn *fn, void *arg)
{
	struct fakehost *h = host_of(p);
	struct sonde_timer *t = calloc(1, sizeof(*t));

	if (delay < 0)
		note(h, "timer_start with a negative delay");
	if (!t)
		return NULL;
	*t = (struct sonde_timer){ h->timers, host_now(p) + delay, h->order++, fn, arg };
	h->timers = t;
	return t;
}

static void host_timer_stop(struct sonde_probe *p, struct sonde_timer *t)
{
	struct fakehost *h = host_of(p);

	for (struct sonde_timer **at = &h->timers; *at; at = &(*at)->next) {
		if (*at == t) {
			*at = t->next;
			free(t);
			return;
		}
	}
	note(h, "timer_stop of a dead timer");
}

static struct sonde_watch *host_watch_start(struct sonde_probe *p, int fd, unsigned events,
                                            sonde_watch_fn *fn, void *arg)
{
	struct fakehost *h = host_of(p);
	struct sonde_watch *free_one = NULL;

	for (int i = 0; i < MAX_WATCHES; i++) {
		if (h->watches[i].used && h->watches[i].fd == fd)
			note(h, "two watches of one descriptor");
		if (!h->watches[i].used && !free_one)
			free_one = &h->watches[i];
	}
	if (free_one)
		*free_one = (struct sonde_watch){ fd, events, fn, arg, true };
	return free_one;
}

static int host_watch_change(struct sonde_probe *p, struct sonde_watch *w, unsigned events)
{
	if (!w->used)
		note(host_of(p), "watch_change of a stopped watch");
	w->events = events;
	return 0;
}

static void host_watch_stop(struct sonde_probe *p, struct sonde_watch *w)
{
	if (!w->used)
		note(host_of(p), "watch_stop of a stopped watch");
	w->used = false;
}

static bool parse_address(const char *text, struct sonde_addr *out)
{
	struct sockaddr_in *v4 = (void *)&out->sa;
	struct sockaddr_in6 *v6 = (void *)&out->sa;

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		out->len = sizeof(*v4);
		return true;
	}
	if (inet_pton(AF_INET6, text, &v6->sin6_addr) != 1)
		return false;
	v6->sin6_family = AF_INET6;
	out->len = sizeof(*v6);
	return true;
}

static bool same_host(const struct sockaddr *a, const struct sockaddr_storage *b)
{
	if (a->sa_family != b->ss_family)
		return false;
	if (a->sa_family == AF_INET)
		return !memcmp(&((const struct sockaddr_in *)a)->sin_addr,
		               &((const struct sockaddr_in *)b)->sin_addr, 4);
	return !memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr,
	               &((const struct sockaddr_in6 *)b)->sin6_addr, 16);
}

static int host_allowed(struct sonde_probe *p, const struct sockaddr *sa, socklen_t len)
{
	struct fakehost *h = host_of(p);

	for (unsigned i = 0; i < h->n_refused; i++)
		if (same_host(sa, &h->refused[i].addr.sa))
			return 0;
	return 1;
}

static void answer_resolve(struct fakehost *h)
{
	h->resolving = false;
	for (unsigned i = 0; i < h->n_found; i++) {
		if (!host_allowed(&h->probe, (struct sockaddr *)&h->found[i].sa, h->found[i].len)) {
			h->resolved(&h->probe, h->resolved_arg, SONDE_FAIL_GUARD, NULL, 0, 0,
			            "the guard refuses the address");
			return;
		}
	}
	h->resolved(&h->probe, h->resolved_arg, h->n_found ? SONDE_FAIL_NONE : SONDE_FAIL_RESOLVE,
	            h->n_found ? h->found : NULL, h->n_found, 0,
	            h->n_found ? NULL : "no such name");
}

static void resolve_later(struct sonde_probe *p, void *arg)
{
	answer_resolve(host_of(p));
}

static int host_resolve(struct sonde_probe *p, const char *name, int family,
                        sonde_resolved_fn *fn, void *arg)
{
	struct fakehost *h = host_of(p);
	struct sonde_addr literal;

	if (h->resolving) {
		note(h, "two pending lookups");
		return -1;
	}
	h->resolved = fn;
	h->resolved_arg = arg;
	h->resolving = true;
	h->n_found = 0;
	if (parse_address(name, &literal)) {
		if (family == AF_UNSPEC || family == literal.sa.ss_family)
			h->found[h->n_found++] = literal;
		answer_resolve(h);
		return 0;
	}
	for (unsigned i = 0; i < h->n_names; i++)
		if (!strcasecmp(name, h->names[i].name) &&
		    (family == AF_UNSPEC || family == h->names[i].addr.sa.ss_family))
			h->found[h->n_found++] = h->names[i].addr;
	return host_timer_start(p, 0, resolve_later, NULL) ? 0 : -1;
}

static int host_socket(struct sonde_probe *p, int domain, int type, int protocol, int *is_raw)
{
	struct fakehost *h = host_of(p);
	const int flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
	bool icmp = !type && (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6);
	int raw = 0, fd = -1;

	if (!icmp) {
		fd = socket(domain, type | flags, protocol);
	} else {
		errno = EACCES;
		if (h->sockets != FAKEHOST_RAW_SOCKET)
			fd = socket(domain, SOCK_DGRAM | flags, protocol);
		if (fd < 0 && h->sockets != FAKEHOST_PING_SOCKET) {
			fd = socket(domain, SOCK_RAW | flags, protocol);
			raw = fd >= 0;
		}
	}
	if (fd < 0)
		return -errno;
	if (is_raw)
		*is_raw = raw;
	if (h->on_socket)
		h->on_socket(h->on_socket_arg, fd, raw);
	return fd;
}

static void *host_alloc(struct sonde_probe *p, size_t n)
{
	return sonde_pool_alloc(&host_of(p)->pool, n);
}

static void host_open(struct sonde_probe *p, const char *key, char bracket)
{
	sonde_json_open(&host_of(p)->json, key, bracket);
}

static void host_close(struct sonde_probe *p)
{
	struct fakehost *h = host_of(p);

	if (h->json.depth < 2)
		note(h, "close of what was not opened");
	else
		sonde_json_close(&h->json);
}

static void host_put_int(struct sonde_probe *p, const char *key, int64_t v)
{
	sonde_json_int(&host_of(p)->json, key, v);
}

static void host_put_number(struct sonde_probe *p, const char *key, double v, int digits)
{
	sonde_json_number(&host_of(p)->json, key, v, digits);
}

static void host_put_text(struct sonde_probe *p, const char *key, const char *text, size_t len)
{
	sonde_json_text(&host_of(p)->json, key, text, len);
}

static void host_put_bool(struct sonde_probe *p, const char *key, int v)
{
	sonde_json_bool(&host_of(p)->json, key, v);
}

static void host_put_null(struct sonde_probe *p, const char *key)
{
	sonde_json_null(&host_of(p)->json, key);
}

static void host_put_raw(struct sonde_probe *p, const char *key, const char *json, size_t len)
{
	sonde_json_raw(&host_of(p)->json, key, json, len);
}

static void host_print(struct sonde_probe *p, const char *text, size_t len)
{
	sonde_buf_add(&host_of(p)->raw_buf, text, len);
}

static void host_log(struct sonde_probe *p, int level, const char *text)
{
	printf("# log %d: %s\n", level, text);
}

static void host_done(struct sonde_probe *p, enum sonde_failure failure, const char *why)
{
	struct fakehost *h = host_of(p);

	if (h->is_done)
		note(h, "done() twice");
	if (!failure != !why)
		note(h, "done() needs a sentence for a failure, and none for a success");
	h->is_done = true;
	h->failure = failure;
	snprintf(h->why, sizeof(h->why), "%s", why ? why : "");
	h->end = host_now(p);
}

static uint64_t host_random(struct sonde_probe *p)
{
	uint64_t v;
	sonde_random_bytes(&v, sizeof(v));
	return v;
}

static const struct sonde_host host_table = {
	.size = sizeof(struct sonde_host),
	.now = host_now,
	.timer_start = host_timer_start,
	.timer_stop = host_timer_stop,
	.watch_start = host_watch_start,
	.watch_change = host_watch_change,
	.watch_stop = host_watch_stop,
	.resolve = host_resolve,
	.allowed = host_allowed,
	.socket = host_socket,
	.alloc = host_alloc,
	.open = host_open,
	.close = host_close,
	.put_int = host_put_int,
	.put_number = host_put_number,
	.put_text = host_put_text,
	.put_bool = host_put_bool,
	.put_null = host_put_null,
	.put_raw = host_put_raw,
	.print = host_print,
	.log = host_log,
	.done = host_done,
	.random = host_random,
};

/* Text of a user into args, by the row. */

static int parse_ns(const char *text, int64_t *out)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = { { "", 1e9 }, { "s", 1e9 }, { "ms", 1e6 }, { "us", 1e3 }, { "m", 6e10 } };
	char *end;
	double v = strtod(text, &end);

	if (end == text)
		return -1;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (!strcmp(end, units[i].unit)) {
			*out = (int64_t)(v * units[i].ns + 0.5);
			return 0;
		}
	}
	return -1;
}

static int parse_int(const char *text, int64_t *out)
{
	char *end;

	errno = 0;
	long long v = strtoll(text, &end, 10);
	if (errno || end == text || *end)
		return -1;
	*out = v;
	return 0;
}

static int set_enum(const struct sonde_param *row, void *at, const char *text)
{
	for (uint32_t i = 0; row->names[i]; i++) {
		if (!strcasecmp(text, row->names[i])) {
			memcpy(at, &i, sizeof(i));
			return 0;
		}
	}
	return -1;
}

/* Lines "name: text". */
static int set_map(struct fakehost *h, void *at, const char *text)
{
	enum { PAIRS = 128 };
	struct sonde_pair *pairs = sonde_pool_alloc(&h->arg_pool, (PAIRS + 1) * sizeof(*pairs));

	for (unsigned n = 0; *text; n++) {
		size_t len = strcspn(text, "\n");
		const char *colon = memchr(text, ':', len);
		if (!pairs || !colon || n == PAIRS)
			return -1;
		const char *value = colon + 1 + (colon[1] == ' ');
		pairs[n].name = sonde_pool_strndup(&h->arg_pool, text, (size_t)(colon - text));
		pairs[n].value = sonde_pool_strndup(&h->arg_pool, value, (size_t)(text + len - value));
		text += len + (text[len] == '\n');
	}
	memcpy(at, &pairs, sizeof(pairs));
	return 0;
}

static int set_row(struct fakehost *h, const struct sonde_param *row, const char *text)
{
	void *at = (char *)h->args + row->offset;
	int64_t i = 0;
	double d;
	const char *s;

	switch (row->type) {
	case SONDE_TYPE_BOOL:
		*(uint8_t *)at = !strcmp(text, "true");
		return strcmp(text, "true") && strcmp(text, "false") ? -1 : 0;
	case SONDE_TYPE_INT:
		if (parse_int(text, &i) || i < row->min || i > row->max)
			return -1;
		memcpy(at, &i, sizeof(i));
		return 0;
	case SONDE_TYPE_DURATION:
		if (parse_ns(text, &i) || i < row->min * SONDE_NS_PER_MS ||
		    i > row->max * SONDE_NS_PER_MS)
			return -1;
		memcpy(at, &i, sizeof(i));
		return 0;
	case SONDE_TYPE_NUMBER:
		d = strtod(text, NULL);
		memcpy(at, &d, sizeof(d));
		return 0;
	case SONDE_TYPE_STRING:
		s = sonde_pool_strndup(&h->arg_pool, text, strlen(text));
		memcpy(at, &s, sizeof(s));
		return 0;
	case SONDE_TYPE_ENUM:
		return set_enum(row, at, text);
	case SONDE_TYPE_MAP:
		return set_map(h, at, text);
	}
	return -1;
}

static const struct sonde_param *row_at(const struct fakehost *h, unsigned i)
{
	const char *first = (const char *)h->plugin->params;
	return (const void *)(first + (size_t)i * h->plugin->param_size);
}

int fakehost_set(struct fakehost *h, const char *name, const char *value)
{
	for (unsigned i = 0; row_at(h, i)->type != SONDE_TYPE_END; i++)
		if (!strcmp(row_at(h, i)->name, name))
			return set_row(h, row_at(h, i), value);
	return -1;
}

struct fakehost *fakehost_new_linked(const struct sonde_plugin *plugin)
{
	struct fakehost *h = calloc(1, sizeof(*h));

	if (!h || plugin->abi != SONDE_PLUGIN_ABI || plugin->size < sizeof(*plugin))
		die("no memory or a plugin of another ABI");
	h->plugin = plugin;
	h->timeout = 10 * SONDE_NS_PER_S;
	h->memory = 64 << 20;
	sonde_pool_init(&h->arg_pool, 1 << 20);
	h->args = calloc(1, plugin->args_size ? plugin->args_size : 1);
	if (!h->args)
		die("no memory");
	for (unsigned i = 0; row_at(h, i)->type != SONDE_TYPE_END; i++) {
		const struct sonde_param *row = row_at(h, i);
		if (row->def && set_row(h, row, row->def))
			die("%s: the default of %s does not parse", plugin->name, row->name);
	}
	sonde_buf_init(&h->json_buf, 64 << 20);
	sonde_buf_init(&h->raw_buf, 1 << 20);
	return h;
}

struct fakehost *fakehost_new(const char *path)
{
	char full[PATH_MAX];
	const char *top = getenv("top_builddir");

	snprintf(full, sizeof(full), "%s/%s", top && strncmp(path, "/", 1) ? top : ".", path);
	void *so = dlopen(*path == '/' ? path : full, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!so)
		die("%s", dlerror());
	const struct sonde_plugin *plugin = dlsym(so, "sonde_plugin");
	if (!plugin)
		die("%s exports no sonde_plugin", path);
	dlclose(so); /* NODELETE: stays mapped */
	return fakehost_new_linked(plugin);
}

void fakehost_free(struct fakehost *h)
{
	sonde_buf_deinit(&h->json_buf);
	sonde_buf_deinit(&h->raw_buf);
	sonde_pool_deinit(&h->arg_pool);
	free(h->args);
	free(h);
}

void fakehost_virtual_clock(struct fakehost *h, bool on)
{
	h->virtual_clock = on;
}

void fakehost_count_descriptors(struct fakehost *h, bool on)
{
	h->leaves_uncounted = !on;
}

void fakehost_timeout(struct fakehost *h, int64_t ns)
{
	h->timeout = ns;
}

void fakehost_cancel_at(struct fakehost *h, int64_t ns, enum sonde_why why)
{
	h->cancel_at = ns;
	h->cancel_why = why;
}

void fakehost_memory(struct fakehost *h, size_t bytes)
{
	h->memory = bytes;
}

void fakehost_ip_version(struct fakehost *h, unsigned version)
{
	h->probe.ip_version = version;
}

static void add_name(struct name_row *rows, unsigned *n, const char *name, const char *address)
{
	if (*n == MAX_NAMES || !parse_address(address, &rows[*n].addr))
		die("too many names, or no address: %s", address);
	snprintf(rows[*n].name, sizeof(rows[*n].name), "%s", name);
	(*n)++;
}

void fakehost_resolve_add(struct fakehost *h, const char *name, const char *address)
{
	add_name(h->names, &h->n_names, name, address);
}

void fakehost_refuse(struct fakehost *h, const char *address)
{
	add_name(h->refused, &h->n_refused, "", address);
}

void fakehost_icmp_sockets(struct fakehost *h, int which)
{
	h->sockets = which;
}

void fakehost_on_socket(struct fakehost *h, void (*fn)(void *, int, int), void *arg)
{
	h->on_socket = fn;
	h->on_socket_arg = arg;
}

void fakehost_at(struct fakehost *h, int64_t ns, void (*fn)(void *), void *arg)
{
	if (h->n_calls == MAX_CALLS)
		die("too many calls");
	h->calls[h->n_calls++] = (struct call_row){ ns, fn, arg, false };
}

/* The loop. */

static struct sonde_timer *earliest(struct fakehost *h)
{
	struct sonde_timer *best = NULL;

	for (struct sonde_timer *t = h->timers; t; t = t->next)
		if (!best || t->due < best->due || (t->due == best->due && t->order < best->order))
			best = t;
	return best;
}

static void run_due_timers(struct fakehost *h)
{
	/* Timers started by a callback wait for the next turn, as in libuv. */
	uint64_t limit = h->order;
	int64_t now = host_now(&h->probe);
	struct sonde_timer *t;

	while (!h->is_done && (t = earliest(h)) && t->due <= now && t->order < limit) {
		struct sonde_timer due = *t;
		host_timer_stop(&h->probe, t);
		due.fn(&h->probe, due.arg);
	}
}

static void run_calls(struct fakehost *h)
{
	int64_t passed = host_now(&h->probe) - h->start;

	for (unsigned i = 0; i < h->n_calls; i++) {
		struct call_row *c = &h->calls[i];
		if (!c->ran && passed >= c->at) {
			c->ran = true;
			c->fn(c->arg);
		}
	}
	int64_t late = host_now(&h->probe) - h->cancel_due;
	if (late < 0 || h->is_done)
		return;
	if (h->cancelled && late > GRACE_NS)
		die("%s does not end after cancel()", h->plugin->name);
	if (h->cancelled)
		return;
	h->cancelled = true;
	h->plugin->cancel(&h->probe, h->why_due);
}

static int64_t next_call(const struct fakehost *h)
{
	int64_t at = h->cancelled ? h->cancel_due + GRACE_NS + 1 : h->cancel_due;

	for (unsigned i = 0; i < h->n_calls; i++)
		if (!h->calls[i].ran && h->start + h->calls[i].at < at)
			at = h->start + h->calls[i].at;
	return at;
}

static unsigned to_poll(unsigned events)
{
	return (events & SONDE_READABLE ? POLLIN : 0) | (events & SONDE_WRITABLE ? POLLOUT : 0);
}

static unsigned from_poll(unsigned revents, unsigned asked)
{
	return ((revents & (POLLIN | POLLHUP) ? SONDE_READABLE : 0) |
	        (revents & POLLOUT ? SONDE_WRITABLE : 0) |
	        (revents & POLLERR ? SONDE_ERRQUEUE : 0)) & (asked | SONDE_ERRQUEUE);
}

static void poll_once(struct fakehost *h, int64_t until)
{
	struct pollfd fds[MAX_WATCHES];
	struct sonde_watch *who[MAX_WATCHES];
	unsigned n = 0;
	int64_t left = until - host_now(&h->probe);

	for (int i = 0; i < MAX_WATCHES; i++) {
		if (!h->watches[i].used || !h->watches[i].events)
			continue;
		who[n] = &h->watches[i];
		fds[n++] = (struct pollfd){ h->watches[i].fd, to_poll(h->watches[i].events), 0 };
	}
	left = left < 0 || h->virtual_clock ? 0 : left;
	struct timespec wait = { left / SONDE_NS_PER_S, left % SONDE_NS_PER_S };
	int ready = ppoll(fds, n, &wait, NULL);
	for (unsigned i = 0; ready > 0 && i < n && !h->is_done; i++) {
		unsigned events = who[i]->used ? from_poll(fds[i].revents, who[i]->events) : 0;
		if (events)
			who[i]->fn(&h->probe, who[i]->arg, fds[i].fd, events);
	}
	if (h->virtual_clock && ready <= 0 && until > h->clock)
		h->clock = until;
}

static bool has_watch(const struct fakehost *h)
{
	for (int i = 0; i < MAX_WATCHES; i++)
		if (h->watches[i].used && h->watches[i].events)
			return true;
	return false;
}

static void loop(struct fakehost *h)
{
	while (!h->is_done) {
		struct sonde_timer *t = earliest(h);
		int64_t until = next_call(h);
		if (!t && !has_watch(h))
			die("%s waits for nothing", h->plugin->name);
		if (t && t->due < until)
			until = t->due;
		poll_once(h, until);
		run_due_timers(h);
		run_calls(h);
	}
}

static int open_descriptors(const struct fakehost *h)
{
	int n = 0;

	if (h->leaves_uncounted)
		return 0;
	for (int fd = 0; fd < 256; fd++)
		n += lseek(fd, 0, SEEK_CUR) != -1 || errno != EBADF;
	return n;
}

static void begin(struct fakehost *h, const char *target)
{
	sonde_pool_init(&h->pool, h->memory);
	sonde_buf_reset(&h->json_buf);
	sonde_buf_reset(&h->raw_buf);
	sonde_json_init(&h->json, &h->json_buf);
	sonde_json_open(&h->json, NULL, '{');
	h->is_done = h->resolving = false;
	h->failure = SONDE_FAIL_NONE;
	h->why[0] = h->broken[0] = 0;
	h->clock = SONDE_NS_PER_S;
	for (unsigned i = 0; i < h->n_calls; i++)
		h->calls[i].ran = false;
	h->probe.host = &host_table;
	h->probe.args = h->args;
	h->probe.target = target;
	h->probe.timeout_ns = h->timeout;
	h->start = host_now(&h->probe);
	bool early = h->cancel_why && h->cancel_at < h->timeout;
	h->cancelled = false;
	h->cancel_due = h->start + (early ? h->cancel_at : h->timeout);
	h->why_due = early ? h->cancel_why : SONDE_WHY_TIMEOUT;
}

static void end(struct fakehost *h, int descriptors)
{
	for (int i = 0; i < MAX_WATCHES; i++) {
		if (h->watches[i].used)
			note(h, "a watch was left after finish()");
		h->watches[i].used = false;
	}
	/* A pending timer at done() is the host's to drop. */
	while (h->timers)
		host_timer_stop(&h->probe, h->timers);
	if (open_descriptors(h) != descriptors)
		note(h, "a descriptor was left open");
	if (h->json.depth != 1)
		note(h, "the result has an open bracket");
	else
		sonde_json_close(&h->json);
	sonde_pool_deinit(&h->pool);
	free(h->probe.state);
	h->probe.state = NULL;
}

int fakehost_run(struct fakehost *h, const char *target)
{
	memset(&h->error, 0, sizeof(h->error));
	if (h->plugin->check && h->plugin->check(h->args, target, &h->error))
		return 1;
	begin(h, target);
	h->probe.state = calloc(1, h->plugin->state_size ? h->plugin->state_size : 1);
	if (!h->probe.state)
		die("no memory");
	int descriptors = open_descriptors(h);
	int rc = h->plugin->start(&h->probe);
	if (!rc) {
		loop(h);
		h->plugin->finish(&h->probe);
	}
	end(h, descriptors);
	return rc ? 2 : 0;
}

enum sonde_failure fakehost_failure(const struct fakehost *h)
{
	return h->failure;
}

const char *fakehost_why(const struct fakehost *h)
{
	return h->why;
}

const char *fakehost_json(const struct fakehost *h)
{
	return sonde_buf_cstr((struct sonde_buf *)&h->json_buf);
}

const char *fakehost_raw(const struct fakehost *h)
{
	return sonde_buf_cstr((struct sonde_buf *)&h->raw_buf);
}

const struct sonde_error *fakehost_error(const struct fakehost *h)
{
	return &h->error;
}

int64_t fakehost_took_ns(const struct fakehost *h)
{
	return h->end - h->start;
}

const char *fakehost_broken(const struct fakehost *h)
{
	return h->broken;
}
