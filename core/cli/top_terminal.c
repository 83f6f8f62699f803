/* SPDX-License-Identifier: Apache-2.0 */
/* A terminal taken for a whole-screen view and given back: its modes, its size, its keys as a table of
 * ANSI sequences. */
#include "cli/top.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* The other screen, no wrapping at the right end, no cursor; and back. */
static const char take[] = "\033[?1049h\033[?7l\033[?25l\033[2J";
static const char give[] = "\033[0m\033[?25h\033[?7h\033[?1049l";

enum { GONE_MS = 2000 };

int top_terminal_take(struct top_terminal *t)
{
	struct termios now;

	if (tcgetattr(t->in, &t->before))
		return -errno;
	now = t->before;
	now.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	now.c_cc[VMIN] = 0;
	now.c_cc[VTIME] = 0;
	if (tcsetattr(t->in, TCSADRAIN, &now))
		return -errno;
	t->taken = true;
	t->typed_len = 0;
	top_terminal_write(t, take, sizeof(take) - 1);
	return 0;
}

void top_terminal_give(struct top_terminal *t)
{
	if (!t->taken)
		return;
	top_terminal_write(t, give, sizeof(give) - 1);
	tcsetattr(t->in, TCSAFLUSH, &t->before);
	t->taken = false;
}

void top_terminal_size(const struct top_terminal *t, unsigned *rows, unsigned *columns)
{
	struct winsize w;
	bool known = !ioctl(t->out, TIOCGWINSZ, &w) && w.ws_row && w.ws_col;

	*rows = known ? w.ws_row : 24;
	*columns = known ? w.ws_col : 80;
}

bool top_terminal_write(const struct top_terminal *t, const char *text, size_t len)
{
	struct pollfd p = { .fd = t->out, .events = POLLOUT };

	while (len) {
		ssize_t n = write(t->out, text, len);
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			if (poll(&p, 1, GONE_MS) <= 0)
				return false;
		} else if (errno != EINTR) {
			return false;
		}
	}
	return true;
}

static const struct {
	const char *bytes;
	int key;
} keys[] = {
	{ "\033[A", TOP_KEY_MOVE + TOP_UP },        { "\033OA", TOP_KEY_MOVE + TOP_UP },
	{ "\033[B", TOP_KEY_MOVE + TOP_DOWN },      { "\033OB", TOP_KEY_MOVE + TOP_DOWN },
	{ "\033[C", TOP_KEY_MOVE + TOP_RIGHT },     { "\033OC", TOP_KEY_MOVE + TOP_RIGHT },
	{ "\033[D", TOP_KEY_MOVE + TOP_LEFT },      { "\033OD", TOP_KEY_MOVE + TOP_LEFT },
	{ "\033[5~", TOP_KEY_MOVE + TOP_PAGE_UP },  { "\033[6~", TOP_KEY_MOVE + TOP_PAGE_DOWN },
	{ "\033[H", TOP_KEY_MOVE + TOP_HOME },      { "\033OH", TOP_KEY_MOVE + TOP_HOME },
	{ "\033[1~", TOP_KEY_MOVE + TOP_HOME },     { "\033[F", TOP_KEY_MOVE + TOP_END },
	{ "\033OF", TOP_KEY_MOVE + TOP_END },       { "\033[4~", TOP_KEY_MOVE + TOP_END },
};

/* Takes one key from what was typed; 0 = there is none that is whole. */
static int next_key(struct top_terminal *t)
{
	int key = 0;
	size_t used = 0;

	if (t->typed_len && t->typed[0] != '\033') {
		key = (unsigned char)t->typed[0];
		used = 1;
	}
	for (unsigned i = 0; !used && t->typed_len && i < sizeof(keys) / sizeof(keys[0]); i++) {
		size_t len = strlen(keys[i].bytes);
		size_t common = len < t->typed_len ? len : t->typed_len;
		if (memcmp(keys[i].bytes, t->typed, common))
			continue;
		if (common < len)
			return 0;
		key = keys[i].key;
		used = len;
	}
	if (!used && t->typed_len) {
		key = '\033';
		used = 1;
	}
	t->typed_len -= (unsigned)used;
	memmove(t->typed, t->typed + used, t->typed_len);
	return key;
}

bool top_terminal_read(struct top_terminal *t, void (*key)(void *, int), void *arg)
{
	int k;

	/* Keys are at most four bytes long: there is always room for one more. */
	ssize_t n = read(t->in, t->typed + t->typed_len, sizeof(t->typed) - t->typed_len);
	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	t->typed_len += (unsigned)n;
	while (t->typed_len && (k = next_key(t)))
		key(arg, k);
	return true;
}

void top_terminal_settle(struct top_terminal *t, void (*key)(void *, int), void *arg)
{
	if (t->typed_len != 1 || t->typed[0] != '\033')
		return;
	t->typed_len = 0;
	key(arg, '\033');
}
