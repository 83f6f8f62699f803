/* SPDX-License-Identifier: Apache-2.0 */
/* Reading lines: libedit for a person, getline for the rest, and for all where there is no libedit.
 * Owns the line and the history. */
#include "author/prompt.h"

#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef SONDE_LIBEDIT
#include <histedit.h>
#endif

enum { HISTORY_LINES = 1000 };

struct author_prompt {
	bool person;
	char *line; /* of getline */
	size_t room;
#ifdef SONDE_LIBEDIT
	const char *file;
	EditLine *edit;
	History *history;
	char text[1 << 16]; /* the line of libedit without its end */
#endif
};

#ifdef SONDE_LIBEDIT
static char *prompt_text(EditLine *edit)
{
	static char text[] = "> ";

	return text;
}

static void edit_begin(struct author_prompt *p)
{
	HistEvent event;

	/* It counts columns by the locale; numbers stay those of "C". */
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		setlocale(LC_CTYPE, "");
	p->edit = el_init("sonde-policy", stdin, stdout, stderr);
	p->history = history_init();
	if (!p->edit || !p->history)
		return;
	history(p->history, &event, H_SETSIZE, HISTORY_LINES);
	history(p->history, &event, H_SETUNIQUE, 1);
	if (p->file)
		history(p->history, &event, H_LOAD, p->file);
	el_set(p->edit, EL_PROMPT, prompt_text);
	el_set(p->edit, EL_EDITOR, "emacs");
	el_set(p->edit, EL_HIST, history, p->history);
	/* ^C takes the line away and does not end the console. */
	el_set(p->edit, EL_SETTY, "-d", "-isig", NULL);
	el_set(p->edit, EL_BIND, "^C", "em-kill-line", NULL);
	el_set(p->edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
}

static const char *edit_line(struct author_prompt *p, size_t *len)
{
	HistEvent event;
	int n = 0;

	const char *line = el_gets(p->edit, &n);
	if (!line || n <= 0)
		return NULL;
	if ((size_t)n >= sizeof(p->text))
		n = sizeof(p->text) - 1;
	memcpy(p->text, line, (size_t)n);
	p->text[n] = '\0';
	*len = strcspn(p->text, "\r\n");
	p->text[*len] = '\0';
	if (p->text[strspn(p->text, " \t")])
		history(p->history, &event, H_ENTER, p->text);
	return p->text;
}

static void save(struct author_prompt *p)
{
	int fd = open(p->file, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
	HistEvent event;

	if (f)
		history(p->history, &event, H_SAVE_FP, f);
	if (f)
		fclose(f);
	else if (fd >= 0)
		close(fd);
}

static void edit_end(struct author_prompt *p)
{
	if (p->edit && p->history && p->file)
		save(p);
	if (p->history)
		history_end(p->history);
	if (p->edit)
		el_end(p->edit);
}
#endif

struct author_prompt *author_prompt_new(const char *history)
{
	struct author_prompt *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->person = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
#ifdef SONDE_LIBEDIT
	p->file = history;
	if (p->person)
		edit_begin(p);
#endif
	return p;
}

bool author_prompt_person(const struct author_prompt *p)
{
	return p->person;
}

static const char *plain_line(struct author_prompt *p, size_t *len)
{
	if (p->person)
		fputs("> ", stdout);
	fflush(stdout);
	ssize_t n = getline(&p->line, &p->room, stdin);
	if (n < 0)
		return NULL;
	while (n && strchr("\r\n", p->line[n - 1]))
		p->line[--n] = '\0';
	*len = (size_t)n;
	return p->line;
}

const char *author_prompt_line(struct author_prompt *p, size_t *len)
{
#ifdef SONDE_LIBEDIT
	if (p->edit && p->history)
		return edit_line(p, len);
#endif
	return plain_line(p, len);
}

void author_prompt_free(struct author_prompt *p)
{
	if (!p)
		return;
#ifdef SONDE_LIBEDIT
	edit_end(p);
#endif
	free(p->line);
	free(p);
}
