/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of nodes: into the C columns first, then into the states of the policies that read the
 * column in Lua. Owns nothing. */
#include "script/policies.h"

static void changed(struct sonde_policies *ps, unsigned column, unsigned at)
{
	struct sonde_policy *p;

	if (!ps->past.mirrored[column])
		return;
	for (size_t i = 0; (p = sonde_map_next(&ps->map, &i));) {
		sonde_binding_changed(&p->program->binding, column, at);
		if (p->shadow)
			sonde_binding_changed(&p->shadow->program->binding, column, at);
	}
}

int sonde_column_number(struct sonde_policies *ps, unsigned at, enum sonde_column column, double v)
{
	int rc = sonde_columns_number(&ps->columns, at, column, v);

	if (rc != SONDE_OK)
		return rc;
	changed(ps, column, at);
	if (column == SONDE_COL_LOAD || column == SONDE_COL_ACTIVE || column == SONDE_COL_CAPACITY)
		changed(ps, SONDE_COL_PRESSURE, at);
	return SONDE_OK;
}

int sonde_column_text(struct sonde_policies *ps, unsigned at, enum sonde_column column,
                      const char *text)
{
	int rc = sonde_columns_text(&ps->columns, at, column, text);

	if (rc == SONDE_OK)
		changed(ps, column, at);
	return rc;
}

static int list_column(struct sonde_policies *ps, unsigned at, unsigned column,
                       const char *const *words, unsigned n)
{
	int rc = sonde_columns_list(&ps->columns, at, column, words, n);

	if (rc != SONDE_OK)
		return rc;
	changed(ps, column, at);
	changed(ps, SONDE_COL_CAPABILITIES, at);
	return SONDE_OK;
}

int sonde_column_tags(struct sonde_policies *ps, unsigned at, const char *const *tags, unsigned n)
{
	return list_column(ps, at, SONDE_COL_TAGS, tags, n);
}

int sonde_column_types(struct sonde_policies *ps, unsigned at, const char *const *types, unsigned n)
{
	return list_column(ps, at, SONDE_COL_TYPES, types, n);
}

void sonde_column_clear(struct sonde_policies *ps, unsigned at)
{
	if (at >= ps->columns.rows)
		return;
	sonde_columns_clear(&ps->columns, at);
	sonde_history_forget(&ps->history, at);
	for (unsigned i = 0; i < SONDE_COL_ALL; i++)
		changed(ps, i, at);
}

int sonde_policy_note(struct sonde_policies *ps, const struct sonde_outcome *o)
{
	if (o->row >= ps->columns.rows || !ps->columns.used[o->row] || !o->type)
		return SONDE_EINVAL;
	return sonde_history_note(&ps->history, o);
}

const char *sonde_column_peek_text(const struct sonde_policies *ps, unsigned at,
                                   enum sonde_column column)
{
	size_t len;

	if (at >= ps->columns.rows || column < SONDE_COL_FIRST_TEXT || column >= SONDE_COL_COUNT)
		return "";
	return sonde_intern_text(&ps->columns.intern,
	                         sonde_columns_texts(&ps->columns, column)[at], &len);
}
