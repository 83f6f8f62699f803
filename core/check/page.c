/* SPDX-License-Identifier: Apache-2.0 */
/* The user's page must name every parameter and should name every part of a result, which also has
 * a row with words. Owns nothing. */
#include <ctype.h>
#include <string.h>

#include "check/internal.h"
#include "param/param.h"

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static bool names(const char *page, const char *word, size_t len)
{
	for (const char *at = page; (at = strchr(at, word[0])); at++)
		if (!strncmp(at, word, len) && !is_word(at[len]) &&
		    (at == page || !is_word(at[-1])))
			return true;
	return false;
}

void check_page(struct check *c)
{
	const char *first = (const char *)c->plug.desc.fields;
	struct sonde_param row;

	if (!c->page) {
		check_say(c, CHECK_WARNING, "there is no page for users (%s.md beside the file)",
		          c->plug.desc.name);
		return;
	}
	for (unsigned i = 0; sonde_row_at(c->plug.params, i, &row); i++)
		if (!(row.flags & SONDE_PARAM_INTERNAL) &&
		    !names(c->page, row.name, strlen(row.name)))
			check_say(c, CHECK_ERROR, "the page does not name the parameter %s", row.name);
	for (unsigned i = 0;; i++) {
		const struct sonde_field *f =
			(const void *)(first + (size_t)i * c->plug.desc.field_size);
		if (f->type == SONDE_TYPE_END)
			return;
		size_t top = strcspn(f->name, ".[");
		if (!names(c->page, f->name, top))
			check_say(c, CHECK_WARNING, "the page does not name the field %.*s", (int)top,
			          f->name);
	}
}
