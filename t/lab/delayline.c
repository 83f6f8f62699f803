/* SPDX-License-Identifier: Apache-2.0 */
/* A wire with a length: two TUN devices, each in a network namespace of its own, and between them
 * a delay, jitter and loss, the same both ways. For kernels without netem.
 *
 * A packet is read, given a due time, and waits in a heap; a timer at the earliest due time writes
 * it to the other side. With jitter packets may overtake each other, as they do in the world. Owns
 * the devices (they vanish when it ends) and the waiting packets, of which there are at most
 * QUEUE_MAX: what comes on top is dropped, as is what the other side does not take. Prints "ready"
 * when both devices exist; SIGTERM or SIGINT ends it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/rng.h"

enum { MTU_MAX = 2048, QUEUE_MAX = 16384, READ_BURST = 64 };

#define NS_PER_US INT64_C(1000)
#define NS_PER_S INT64_C(1000000000)
#define PPM 1000000u

struct packet {
	struct sonde_heap_entry due; /* first member: the heap gives back this */
	struct packet *next_free;
	int to;
	uint16_t len;
	uint8_t data[MTU_MAX];
};

struct line {
	int tun[2], timer, stop;
	int64_t delay_ns, jitter_ns;
	uint32_t loss_ppm;
	struct sonde_rng rng;
	struct sonde_heap waiting;
	struct packet *packets, *free;
	unsigned used; /* packets[used..] were never touched */
};

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static bool parse_count(const char *text, unsigned long max, unsigned long *out)
{
	char *end;

	errno = 0;
	*out = strtoul(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno && *out <= max;
}

/* The device `name` in the namespace `ns`; -1 with a message. The process stays in there: the
 * descriptors work from anywhere. */
static int open_tun(const char *ns, const char *name)
{
	char path[128];
	struct ifreq req = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int n = snprintf(path, sizeof(path), "/run/netns/%s", ns);

	if (n >= (int)sizeof(path) || strlen(name) >= sizeof(req.ifr_name)) {
		fprintf(stderr, "delayline: name too long: %s %s\n", ns, name);
		return -1;
	}
	memcpy(req.ifr_name, name, strlen(name));
	int in = open(path, O_RDONLY | O_CLOEXEC);
	if (in < 0 || setns(in, CLONE_NEWNET)) {
		fprintf(stderr, "delayline: %s: %s\n", path, strerror(errno));
		if (in >= 0)
			close(in);
		return -1;
	}
	close(in);
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &req)) {
		fprintf(stderr, "delayline: tun %s: %s\n", name, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

static void arm(struct line *l)
{
	struct sonde_heap_entry *first = sonde_heap_peek(&l->waiting);
	struct itimerspec at = { 0 };

	if (first) {
		at.it_value.tv_sec = first->key / NS_PER_S;
		at.it_value.tv_nsec = first->key % NS_PER_S;
	}
	timerfd_settime(l->timer, TFD_TIMER_ABSTIME, &at, NULL);
}

/* NULL when QUEUE_MAX packets are on their way. */
static struct packet *grab(struct line *l)
{
	struct packet *p = l->free;

	if (p)
		l->free = p->next_free;
	else if (l->used < QUEUE_MAX)
		p = &l->packets[l->used++];
	return p;
}

static void release(struct line *l, struct packet *p)
{
	p->next_free = l->free;
	l->free = p;
}

static void deliver_due(struct line *l)
{
	struct sonde_heap_entry *first;

	while ((first = sonde_heap_peek(&l->waiting)) && first->key <= now_ns()) {
		struct packet *p = (struct packet *)first;
		sonde_heap_remove(&l->waiting, first);
		/* A device that is down or full loses the packet, as a wire would. */
		ssize_t wrote = write(l->tun[p->to], p->data, p->len);
		(void)wrote;
		release(l, p);
	}
}

/* Uniform in -jitter..+jitter. */
static int64_t draw_jitter(struct line *l)
{
	if (!l->jitter_ns)
		return 0;
	return (int64_t)sonde_rng_below(&l->rng, 2 * (uint64_t)l->jitter_ns + 1) - l->jitter_ns;
}

static bool lost(struct line *l)
{
	return l->loss_ppm && sonde_rng_below(&l->rng, PPM) < l->loss_ppm;
}

static void take_in(struct line *l, int side)
{
	uint8_t data[MTU_MAX];

	for (int i = 0; i < READ_BURST; i++) {
		ssize_t n = read(l->tun[side], data, sizeof(data));
		if (n <= 0)
			return;
		struct packet *p = lost(l) ? NULL : grab(l);
		if (!p)
			continue;
		int64_t wait = l->delay_ns + draw_jitter(l);
		memcpy(p->data, data, (size_t)n);
		p->len = (uint16_t)n;
		p->to = !side;
		if (sonde_heap_set(&l->waiting, &p->due, now_ns() + (wait > 0 ? wait : 0)))
			release(l, p);
	}
}

static int run(struct line *l)
{
	struct pollfd fds[] = {
		{ .fd = l->tun[0], .events = POLLIN },
		{ .fd = l->tun[1], .events = POLLIN },
		{ .fd = l->timer, .events = POLLIN },
		{ .fd = l->stop, .events = POLLIN },
	};

	for (;;) {
		if (poll(fds, 4, -1) < 0 && errno != EINTR)
			return 1;
		if (fds[3].revents)
			return 0;
		for (int side = 0; side < 2; side++) {
			/* POLLERR: the device is gone with its namespace. */
			if (fds[side].revents & (POLLERR | POLLHUP | POLLNVAL))
				fds[side].fd = -1;
			else if (fds[side].revents)
				take_in(l, side);
		}
		if (fds[0].fd < 0 && fds[1].fd < 0)
			return 0;
		deliver_due(l);
		arm(l);
	}
}

static int prepare(struct line *l)
{
	sigset_t stop;

	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	sigprocmask(SIG_BLOCK, &stop, NULL);
	l->stop = signalfd(-1, &stop, SFD_CLOEXEC);
	l->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	l->packets = calloc(QUEUE_MAX, sizeof(*l->packets));
	if (l->stop < 0 || l->timer < 0 || !l->packets)
		return -1;
	sonde_heap_init(&l->waiting);
	/* A busy machine must not make the wire longer; where this is not allowed it goes without. */
	struct sched_param first = { .sched_priority = 1 };
	(void)!sched_setscheduler(0, SCHED_FIFO, &first);
	return prctl(PR_SET_TIMERSLACK, 1); /* the default of 50 us would be added to each way */
}

int main(int argc, char **argv)
{
	struct line l = { 0 };
	unsigned long delay_us, jitter_us, loss_ppm, seed = 1;

	if (argc < 8 || argc > 9 || !parse_count(argv[5], 60000000, &delay_us) ||
	    !parse_count(argv[6], 60000000, &jitter_us) || !parse_count(argv[7], PPM, &loss_ppm) ||
	    (argc == 9 && !parse_count(argv[8], ~0ul, &seed))) {
		fprintf(stderr, "usage: delayline NS DEVICE NS DEVICE DELAY_US JITTER_US LOSS_PPM [SEED]\n");
		return 2;
	}
	l.delay_ns = (int64_t)delay_us * NS_PER_US;
	l.jitter_ns = (int64_t)jitter_us * NS_PER_US;
	l.loss_ppm = (uint32_t)loss_ppm;
	sonde_rng_seed(&l.rng, seed);
	if (prepare(&l)) {
		perror("delayline");
		return 1;
	}
	for (int side = 0; side < 2; side++) {
		l.tun[side] = open_tun(argv[1 + 2 * side], argv[2 + 2 * side]);
		if (l.tun[side] < 0)
			return 1;
	}
	puts("ready");
	fflush(stdout);
	int rc = run(&l);
	sonde_heap_deinit(&l.waiting);
	free(l.packets);
	return rc;
}
