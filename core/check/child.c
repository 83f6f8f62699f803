/* SPDX-License-Identifier: Apache-2.0 */
/* The process in which the plugin is tried. Order: a network of its own, the jail, then the file
 * is opened. Steps: 0 the file and its rows, 1 the self-test, 2 a run with the defaults, then runs
 * with generated parameters. Each run depends on the seed and its number only, so that a new
 * process can go on behind a step that killed this one. */
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "check/internal.h"

enum { STEP_ROWS, STEP_SELF_TEST, STEP_DEFAULTS, STEP_VARIED };
enum { FILE_MAX = 256 << 20 };

static void send_record(struct check *c, enum check_kind kind, const char *fmt, va_list ap)
{
	struct check_record r = { .kind = kind, .step = c->step };

	vsnprintf(r.what, sizeof(r.what), fmt, ap);
	if (write(c->out, &r, sizeof(r)) != (ssize_t)sizeof(r))
		_exit(1);
}

void check_say(struct check *c, enum check_kind kind, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	send_record(c, kind, fmt, ap);
	va_end(ap);
}

static void check_step(struct check *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* What comes until the next one is about this step. */
static void check_step(struct check *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	send_record(c, CHECK_STEP, fmt, ap);
	va_end(ap);
}

/* Symbols that compilers, linkers and sanitizers add. */
static bool is_tooling(const char *name)
{
	static const char *const begins[] = {
		"__asan", "__odr_asan", "__ubsan", "__lsan", "__sanitizer", "__sancov", "__gcov",
		"__llvm", "__start_", "__stop_", "__bss_start", "_edata", "_end", "_init", "_fini",
	};

	for (unsigned i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
		if (!strncmp(name, begins[i], strlen(begins[i])))
			return true;
	return false;
}

static void check_symbol(void *arg, const char *name, bool defined)
{
	struct check *c = arg;

	if (!name[0] || is_tooling(name) || (defined && !strcmp(name, "sonde_plugin")))
		return;
	if (defined)
		check_say(c, CHECK_ERROR,
		          "it exports %.100s; only sonde_plugin may be seen (-fvisibility=hidden)",
		          name);
	else if (!strncmp(name, "sonde_", 6))
		check_say(c, CHECK_ERROR, "it needs the symbol %.100s; a host exports none", name);
}

static void check_symbols(struct check *c)
{
	struct stat st;
	int fd = open(c->asked->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	size_t len = fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size <= FILE_MAX
	                     ? (size_t)st.st_size : 0;
	void *data = len ? mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;

	if (fd >= 0)
		close(fd);
	if (data == MAP_FAILED)
		return; /* sonde_plug_open will say why */
	if (check_elf_symbols(data, len, check_symbol, c))
		check_say(c, CHECK_WARNING, "its symbols cannot be read, so none was checked");
	munmap(data, len);
}

static bool open_plugin(struct check *c, uint32_t from)
{
	struct sonde_error e = { 0 };

	c->step = STEP_ROWS;
	check_step(c, "while it is opened");
	if (from == STEP_ROWS)
		check_symbols(c);
	if (sonde_plug_open(c->asked->path, UINT32_MAX, &c->plug, &e)) {
		check_say(c, CHECK_ERROR, "%s", e.text);
		return false;
	}
	if (from == STEP_ROWS)
		check_page(c);
	return true;
}

static void self_test(struct check *c)
{
	struct sonde_error e = { 0 };

	c->step = STEP_SELF_TEST;
	check_step(c, "in the self-test");
	if (!c->plug.desc.self_test)
		return;
	if (c->plug.desc.self_test(&e)) {
		e.path[sizeof(e.path) - 1] = e.text[sizeof(e.text) - 1] = '\0';
		check_say(c, CHECK_ERROR, "the self-test fails: %s%s%s", e.path,
		          e.path[0] ? " " : "", e.text[0] ? e.text : "without a sentence");
	}
}

static void judge(struct check *c, struct fakehost *h, int outcome, bool defaults)
{
	const struct sonde_error *e = fakehost_error(h);

	if (outcome == 1 && !memchr(e->text, '\0', sizeof(e->text)))
		check_say(c, CHECK_ERROR, "check() leaves a sentence without an end");
	else if (outcome == 1 && !e->text[0])
		check_say(c, CHECK_ERROR, "check() refuses without a sentence");
	if (outcome == 2 && !c->starved)
		check_say(c, defaults ? CHECK_ERROR : CHECK_WARNING,
		          "start() fails, which is for a lack of memory only");
	if (*fakehost_broken(h))
		check_say(c, CHECK_ERROR, "%s", fakehost_broken(h));
	if (outcome == 0)
		check_fields(c, fakehost_json(h));
	c->cancelled |= outcome != 1 && fakehost_cancelled(h);
}

static struct fakehost *new_host(struct check *c, uint64_t seed)
{
	struct sonde_error e = { 0 };
	struct fakehost *h = fakehost_try_new(&c->plug.desc, &e);

	if (!h) {
		check_say(c, CHECK_ERROR, "%s", e.text);
		return NULL;
	}
	fakehost_virtual_clock(h, true);
	fakehost_step(h, SONDE_NS_PER_MS);
	fakehost_seed(h, seed | 1);
	fakehost_only_loopback(h, true);
	fakehost_resolve_add(h, "known.example", "127.0.0.1");
	fakehost_resolve_add(h, "known.example", "::1");
	fakehost_reverse_add(h, "127.0.0.1", "known.example");
	fakehost_resolve_delay(h, 20 * SONDE_NS_PER_MS);
	return h;
}

/* A target that any plugin of the kind must take; of hosts, by name or by address. */
static const char *usual_target(const struct check *c, bool by_name)
{
	switch (c->plug.desc.target) {
	case SONDE_TARGET_IS_TEXT:
		return "hello";
	case SONDE_TARGET_IS_NODE:
		return "other-node";
	case SONDE_TARGET_IS_LIST:
		return "127.0.0.1";
	default:
		return by_name ? "known.example" : "127.0.0.1";
	}
}

/* The defaults, to their end; cancelled at once; cancelled while the name is looked up. */
static void run_defaults(struct check *c)
{
	struct fakehost *h = new_host(c, c->asked->seed);

	if (!h)
		return;
	c->step = STEP_DEFAULTS;
	for (unsigned way = 0; way < 3; way++) {
		const char *target = usual_target(c, way == 2);
		check_step(c, "in a run with the defaults: target=%s%s", target,
		           way ? " (cancelled at once)" : "");
		fakehost_cancel_at(h, 0, way ? SONDE_WHY_CANCELLED : 0);
		judge(c, h, fakehost_try(h, target), true);
	}
	fakehost_free(h);
}

static void vary_host(struct check *c, struct fakehost *h, struct sonde_rng *rng,
                      struct sonde_buf *words)
{
	static const int64_t timeouts_ms[] = { 1, 100, 1000, 10000, 60000 };
	static const unsigned versions[] = { 0, 0, 4, 6 };
	int64_t timeout = timeouts_ms[sonde_rng_below(rng, 5)];
	unsigned version = versions[sonde_rng_below(rng, 4)];

	fakehost_timeout(h, timeout * SONDE_NS_PER_MS);
	fakehost_ip_version(h, version);
	sonde_buf_printf(words, " (timeout %d ms", (int)timeout);
	if (version)
		sonde_buf_printf(words, ", IPv%u", version);
	if (sonde_rng_below(rng, 2)) {
		/* One more than there is: a later host may have another reason. */
		enum sonde_why why = (enum sonde_why)(1 + sonde_rng_below(rng, SONDE_WHY_SHUTDOWN + 1));
		int64_t at = (int64_t)sonde_rng_below(rng, (uint64_t)timeout + 1);
		fakehost_cancel_at(h, at * SONDE_NS_PER_MS, why);
		sonde_buf_printf(words, ", cancelled after %d ms", (int)at);
	}
	c->starved = sonde_rng_below(rng, 8) == 0;
	if (c->starved) {
		size_t bytes = sonde_rng_below(rng, 4096);
		fakehost_memory(h, bytes);
		sonde_buf_printf(words, ", %zu bytes of memory", bytes);
	}
	sonde_buf_char(words, ')');
}

static void run_varied(struct check *c, uint32_t number)
{
	uint64_t seed = c->asked->seed + number * UINT64_C(0x9e3779b97f4a7c15);
	struct fakehost *h = new_host(c, seed);
	struct sonde_buf words;
	struct sonde_rng rng;

	if (!h)
		return;
	sonde_rng_seed(&rng, seed);
	sonde_buf_init(&words, 64 << 10);
	bool by_name = sonde_rng_below(&rng, 2);
	const char *target = sonde_rng_below(&rng, 2) ? usual_target(c, by_name)
	                                              : check_target(&c->plug, &rng);
	vary_host(c, h, &rng, &words);
	check_vary(&c->plug, h, &rng, &words);
	check_step(c, "in run %u: target=%s%s", number, target, sonde_buf_cstr(&words));
	judge(c, h, fakehost_try(h, target), false);
	c->starved = false;
	sonde_buf_deinit(&words);
	fakehost_free(h);
}

static void be_quiet(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		close(null);
	}
}

static bool enter_jail(struct check *c, uint32_t from)
{
	struct sonde_jail jail = c->asked->jail;
	struct sonde_jail_report report;
	struct sonde_error e = { 0 };
	bool alone = check_contain();

	if (from == 0 && !alone)
		check_say(c, CHECK_WARNING, "the kernel gives no private network: its packets to "
		                            "loopback addresses are real");
	jail.keep_raw = alone;
	if (sonde_jail_enter(&jail, &report, &e)) {
		check_say(c, CHECK_ERROR, "it cannot be tried: %s", e.text);
		return false;
	}
	return true;
}

void check_child(struct check *c, uint32_t from)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	be_quiet();
	c->step = from;
	if (!enter_jail(c, from) || !open_plugin(c, from)) {
		check_say(c, CHECK_END, "refused");
		_exit(0);
	}
	if (from <= STEP_SELF_TEST)
		self_test(c);
	if (from <= STEP_DEFAULTS)
		run_defaults(c);
	for (c->step = from > STEP_VARIED ? from : STEP_VARIED;
	     c->step < STEP_VARIED + c->asked->runs; c->step++)
		run_varied(c, c->step - STEP_VARIED + 1);
	c->step = 0;
	check_step(c, "at the end");
	if (from == 0 && !c->cancelled)
		check_say(c, CHECK_WARNING, "no run was long enough to be cancelled, so cancel() "
		                            "was not tried");
	check_say(c, CHECK_END, " ");
	_exit(0);
}
