/* SPDX-License-Identifier: Apache-2.0 */
/* Looks for names that no policy can use. It reads tokens, not grammar: a name that is declared
 * anywhere in the file (local, function, parameter, loop) counts as known in all of it, so that it
 * never complains wrongly; what it misses fails when it runs. Owns the list of declared names. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "author/author.h"
#include "script/reference.h"

enum { DECLARED_MAX = 4096, WORD_MAX = 64 };
enum kind { END, WORD, OTHER };

struct token {
	enum kind kind;
	const char *at;
	size_t len;
	unsigned line;
};

struct lint {
	const char *file, *at, *end;
	unsigned line, found;
	struct token *declared;
	unsigned count;
};

/* Length of "[==[" at p, 0 when there is none; *level = number of '='. */
static size_t long_bracket(const char *p, const char *end, size_t *level)
{
	size_t n = 1;

	if (p >= end || *p != '[')
		return 0;
	while (p + n < end && p[n] == '=')
		n++;
	*level = n - 1;
	return p + n < end && p[n] == '[' ? n + 1 : 0;
}

static void skip_to(struct lint *l, const char *to)
{
	for (; l->at < to; l->at++)
		l->line += *l->at == '\n';
}

static void skip_long(struct lint *l, size_t level)
{
	const char *p = l->at;

	for (; p < l->end; p++) {
		size_t n = 0;
		if (*p != ']')
			continue;
		while (p + 1 + n < l->end && p[1 + n] == '=')
			n++;
		if (n == level && p + 1 + n < l->end && p[1 + n] == ']') {
			skip_to(l, p + n + 2);
			return;
		}
	}
	skip_to(l, l->end);
}

static void skip_quoted(struct lint *l)
{
	const char *p = l->at + 1;

	while (p < l->end && *p != *l->at)
		p += *p == '\\' ? 2 : 1;
	skip_to(l, p < l->end ? p + 1 : l->end);
}

/* Blanks and comments; true while there was one. */
static bool skip_blank(struct lint *l)
{
	size_t level, n;

	if (isspace((unsigned char)*l->at)) {
		skip_to(l, l->at + 1);
		return true;
	}
	if (l->end - l->at < 2 || strncmp(l->at, "--", 2))
		return false;
	n = long_bracket(l->at + 2, l->end, &level);
	if (n) {
		skip_to(l, l->at + 2 + n);
		skip_long(l, level);
		return true;
	}
	const char *line = memchr(l->at, '\n', (size_t)(l->end - l->at));
	skip_to(l, line ? line : l->end);
	return true;
}

static struct token next(struct lint *l)
{
	size_t level, n;

	while (l->at < l->end && skip_blank(l))
		;
	struct token t = { END, l->at, 0, l->line };
	if (l->at == l->end)
		return t;
	const char *p = l->at;
	t.kind = OTHER;
	if (*p == '"' || *p == '\'') {
		skip_quoted(l);
	} else if ((n = long_bracket(p, l->end, &level)) > 0) {
		l->at += n;
		skip_long(l, level);
	} else if (isalpha((unsigned char)*p) || *p == '_') {
		t.kind = WORD;
		while (l->at < l->end && (isalnum((unsigned char)*l->at) || *l->at == '_'))
			l->at++;
	} else if (isdigit((unsigned char)*p)) {
		while (l->at < l->end && (isalnum((unsigned char)*l->at) || *l->at == '.'))
			l->at++;
	} else {
		/* "..", "..." and "::" are one, so that no '.' or ':' of them looks like an index. */
		l->at++;
		while (l->at < l->end && *l->at == *p && strchr(".:", *p))
			l->at++;
	}
	t.len = (size_t)(l->at - t.at);
	return t;
}

static bool is(struct token t, const char *text)
{
	return t.len == strlen(text) && !strncmp(t.at, text, t.len);
}

static bool is_keyword(struct token t)
{
	static const char *const words[] = {
		"and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto",
		"if", "in", "local", "nil", "not", "or", "repeat", "return", "then", "true",
		"until", "while",
	};

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (is(t, words[i]))
			return true;
	return false;
}

static void declare(struct lint *l, struct token t)
{
	if (t.kind == WORD && !is_keyword(t) && l->count < DECLARED_MAX)
		l->declared[l->count++] = t;
}

static bool is_declared(const struct lint *l, struct token t)
{
	for (unsigned i = 0; i < l->count; i++)
		if (l->declared[i].len == t.len && !memcmp(l->declared[i].at, t.at, t.len))
			return true;
	return false;
}

/* Names between here and the token that ends the list. */
static void declare_list(struct lint *l, const char *stop_at)
{
	for (struct token t = next(l); t.kind != END; t = next(l)) {
		if (t.kind == OTHER && strchr(stop_at, *t.at))
			return;
		if (t.kind == WORD && is_keyword(t))
			return;
		declare(l, t);
	}
}

static void declare_all(struct lint *l)
{
	struct token last = { OTHER, "", 0, 0 };

	for (struct token t = next(l); t.kind != END; last = t, t = next(l)) {
		struct lint ahead;
		if (is(t, "local") || is(t, "for")) {
			ahead = *l;
			struct token word = next(&ahead);
			/* `local function f(`: the name is declared, the rest is the next case's. */
			if (is(word, "function"))
				continue;
			declare_list(l, "=;");
		} else if (is(t, "function")) {
			ahead = *l;
			struct token word = next(&ahead);
			declare(l, word);
			while (word.kind != END && !is(word, "("))
				word = next(&ahead);
			l->at = ahead.at;
			l->line = ahead.line;
			declare_list(l, ")");
		} else if (t.kind == OTHER && is(t, "=") && last.kind == WORD) {
			/* A global assigned at load, or a key: either way a name of the file. */
			declare(l, last);
		} else if (is(t, "::") || is(t, "goto")) {
			declare(l, next(l));
		}
	}
}

static void complain(struct lint *l, struct token t, const char *group, const char *word)
{
	bool known;
	const char *near = sonde_names_nearest(group, word, &known);

	if (known)
		return;
	l->found++;
	fprintf(stderr, "%s:%u: unknown name '%s%s%s'%s%s%s\n", l->file, t.line, group,
	        *group ? "." : "", word, near ? "; did you mean '" : "", near ? near : "",
	        near ? "'?" : "");
}

static void copy_word(struct token t, char out[WORD_MAX])
{
	snprintf(out, WORD_MAX, "%.*s", (int)(t.len < WORD_MAX ? t.len : WORD_MAX - 1), t.at);
}

/* A word that is not behind '.' or ':', and is no key of a table. */
static void look_at(struct lint *l, struct token t)
{
	char group[WORD_MAX], word[WORD_MAX];
	struct lint ahead = *l;
	struct token dot = next(&ahead), member = next(&ahead);
	bool ours = !strncmp(t.at, "req", t.len) || !strncmp(t.at, "view", t.len);

	copy_word(t, group);
	if (!is(dot, ".") || member.kind != WORD) {
		if (!is_declared(l, t))
			complain(l, t, "", group);
		return;
	}
	/* `req` and `view` are parameters by these names; other groups only when nobody made a
	 * local of that name. */
	if (sonde_names_group(group) && strcmp(group, "policy") && (ours || !is_declared(l, t))) {
		copy_word(member, word);
		complain(l, member, group, word);
	} else if (!is_declared(l, t)) {
		complain(l, t, "", group);
	}
}

static void look_at_all(struct lint *l)
{
	struct token last = { OTHER, "", 0, 0 };

	for (struct token t = next(l); t.kind != END; last = t, t = next(l)) {
		if (t.kind == WORD && !is_keyword(t) && !is(last, ".") && !is(last, ":"))
			look_at(l, t);
	}
}

unsigned author_lint(const char *file, const char *text, size_t len)
{
	struct lint l = { .file = file, .at = text, .end = text + len, .line = 1 };

	l.declared = calloc(DECLARED_MAX, sizeof(*l.declared));
	if (!l.declared)
		return 0;
	declare_all(&l);
	l.at = text;
	l.line = 1;
	look_at_all(&l);
	free(l.declared);
	return l.found;
}
