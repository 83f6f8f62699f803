/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin that misbehaves in a way that its parameter names, for tests of what contains it. Each
 * way is one function in a table. Not meant for a production node. */
#include "faulty.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int way_ok(struct sonde_probe *p)
{
	p->host->put_text(p, "how", "ok", 2);
	p->host->done(p, SONDE_FAIL_NONE, NULL);
	return 0;
}

static void end_late(struct sonde_probe *p, void *arg)
{
	way_ok(p);
}

static int way_delay(struct sonde_probe *p)
{
	const struct faulty_args *a = p->args;
	return p->host->timer_start(p, a->delay, end_late, NULL) ? 0 : -1;
}

static int way_error(struct sonde_probe *p)
{
	p->host->done(p, SONDE_FAIL_PROTOCOL, "it was asked to fail");
	return 0;
}

static int way_nostart(struct sonde_probe *p)
{
	return -1;
}

static int way_crash(struct sonde_probe *p)
{
	/* A real fault, which a sanitizer would only report. */
	signal(SIGSEGV, SIG_DFL);
	raise(SIGSEGV);
	return 0;
}

static int way_divide(struct sonde_probe *p)
{
	signal(SIGFPE, SIG_DFL);
	raise(SIGFPE);
	return 0;
}

static int way_abort(struct sonde_probe *p)
{
	abort();
}

static int way_exit(struct sonde_probe *p)
{
	exit(0);
}

static int way_spin(struct sonde_probe *p)
{
	for (volatile unsigned long n = 0;; n++)
		;
	return 0;
}

static int way_hang(struct sonde_probe *p)
{
	for (;;)
		pause();
	return 0;
}

/* Nothing but SIGKILL ends it. */
static int way_mask(struct sonde_probe *p)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	for (;;)
		pause();
	return 0;
}

/* Runs on, whatever it is told. */
static int way_deaf(struct sonde_probe *p)
{
	return 0;
}

static int way_garbage(struct sonde_probe *p)
{
	static const char junk[] = "\xff\xfe\"}\x01 not JSON \xc3";

	p->host->print(p, junk, sizeof(junk) - 1);
	p->host->put_text(p, "text", junk, sizeof(junk) - 1);
	p->host->put_raw(p, "raw", junk, sizeof(junk) - 1);
	p->host->close(p);
	p->host->put_int(p, NULL, 1);
	p->host->done(p, SONDE_FAIL_NONE, junk);
	p->host->done(p, SONDE_FAIL_NONE, "once more");
	return 0;
}

static int way_flood(struct sonde_probe *p)
{
	static char block[64 << 10];

	memset(block, 'x', sizeof(block));
	for (unsigned i = 0; i < 1000; i++) {
		p->host->put_text(p, "x", block, sizeof(block));
		p->host->print(p, block, sizeof(block));
	}
	p->host->done(p, SONDE_FAIL_NONE, NULL);
	return 0;
}

static int way_leak(struct sonde_probe *p)
{
	enum { BYTES = 100 << 20 };
	char *block = malloc(BYTES);

	if (block)
		memset(block, 1, BYTES);
	return way_ok(p);
}

static int way_hog(struct sonde_probe *p)
{
	/* More than any runner has: either the allocations fail or the process ends. */
	for (unsigned i = 0; i < 4096; i++) {
		char *block = malloc(1 << 20);
		if (!block)
			break;
		memset(block, 1, 1 << 20);
	}
	return way_ok(p);
}

static int way_files(struct sonde_probe *p)
{
	while (dup(0) >= 0)
		;
	return way_ok(p);
}

static int eat_stack(unsigned frames)
{
	volatile char frame[4096];

	frame[0] = (char)frames;
	return frames ? eat_stack(frames - 1) + frame[0] : frame[0];
}

static int way_stack(struct sonde_probe *p)
{
	return eat_stack(1u << 20); /* 4 GiB */
}

static int way_close(struct sonde_probe *p)
{
	for (int fd = 0; fd < 64; fd++)
		close(fd);
	return way_ok(p);
}

static int way_scribble(struct sonde_probe *p)
{
	static const char junk[] = "\xff\xff\xff\x7f garbage on every descriptor";

	for (int fd = 3; fd < 64; fd++)
		if (write(fd, junk, sizeof(junk)) < 0)
			continue;
	return way_ok(p);
}

static int way_fork(struct sonde_probe *p)
{
	unsigned made = 0;

	for (unsigned i = 0; i < 64; i++) {
		pid_t child = fork();
		if (child == 0) {
			sleep(20);
			_exit(0);
		}
		made += child > 0;
	}
	p->host->put_int(p, "made", made);
	p->host->done(p, SONDE_FAIL_NONE, NULL);
	return 0;
}

static const char *const names[] = {
	"ok", "delay", "error", "nostart", "crash", "divide", "abort", "exit", "spin", "hang",
	"mask", "deaf", "garbage", "flood", "leak", "hog", "files", "stack", "close",
	"scribble", "fork", "escape", NULL,
};

/* In the order of names. */
static int (*const starts[])(struct sonde_probe *) = {
	way_ok, way_delay, way_error, way_nostart, way_crash, way_divide, way_abort, way_exit,
	way_spin, way_hang, way_mask, way_deaf, way_garbage, way_flood, way_leak, way_hog,
	way_files, way_stack, way_close, way_scribble, way_fork, faulty_escape,
};

static const struct sonde_param params[] = {
	{ "how", SONDE_TYPE_ENUM, offsetof(struct faulty_args, how), "what goes wrong",
	  .def = "ok", .names = names },
	{ "delay", SONDE_TYPE_DURATION, offsetof(struct faulty_args, delay),
	  "how long delay waits", .unit = "ms", .def = "1s", .min = 0, .max = 600000 },
	{ "path", SONDE_TYPE_STRING, offsetof(struct faulty_args, path),
	  "file that escape tries to read", .max = 1024 },
	{ "spool", SONDE_TYPE_STRING, offsetof(struct faulty_args, spool),
	  "another one", .max = 1024 },
	{ NULL },
};

static const struct sonde_field fields[] = {
	{ "how", SONDE_TYPE_STRING, "what it did" },
	{ "made", SONDE_TYPE_INT, "processes that fork could make" },
	{ "tried", SONDE_TYPE_ROWS, "names of the ways out that escape tried" },
	{ "escaped", SONDE_TYPE_ROWS, "names of the ways out that were open" },
	{ NULL },
};

static int start(struct sonde_probe *p)
{
	const struct faulty_args *a = p->args;
	return starts[a->how](p);
}

static void cancel(struct sonde_probe *p, enum sonde_why why)
{
	const struct faulty_args *a = p->args;

	if (starts[a->how] == way_deaf)
		return;
	p->host->done(p, why == SONDE_WHY_TIMEOUT ? SONDE_FAIL_TIMEOUT : SONDE_FAIL_CANCELLED,
	              "it was told to end");
}

static void finish(struct sonde_probe *p)
{
}

SONDE_PLUGIN = {
	SONDE_PLUGIN_HEAD,
	.name = "faulty",
	.version = "1.0",
	.summary = "Misbehaves as asked, for tests of what contains a plugin",
	.license = "Apache-2.0",
	.args_size = sizeof(struct faulty_args),
	.params = params,
	.fields = fields,
	.start = start,
	.cancel = cancel,
	.finish = finish,
	.target = SONDE_TARGET_IS_TEXT,
};
