/* SPDX-License-Identifier: Apache-2.0 */
/* The stored versions of policies, and which of them a start begins with. The stored form: 8 bytes
 * of wall time, then the source. */
#include "controller/policies_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"

enum { HEAD = 8 };

size_t policy_key(char key[POLICY_KEY_MAX], const char *name, uint32_t version)
{
	size_t n = strlen(name) + 1;

	memcpy(key, name, n);
	for (int i = 0; i < 4; i++)
		key[n + i] = (char)(version >> (24 - 8 * i));
	return n + 4;
}

static bool read_version(struct sonde_slice key, struct sonde_slice value, const char **name,
                         struct policy_version *out)
{
	const uint8_t *k = key.data, *v = value.data;

	if (key.len < 6 || key.len > POLICY_KEY_MAX || value.len < HEAD || k[key.len - 5])
		return false;
	*name = key.data;
	*out = (struct policy_version){ .source = (const char *)v + HEAD, .len = value.len - HEAD };
	for (int i = 0; i < 4; i++)
		out->version = out->version << 8 | k[key.len - 4 + i];
	for (int i = 0; i < HEAD; i++)
		out->created_ms = (int64_t)((uint64_t)out->created_ms << 8 | v[i]);
	return true;
}

int policy_put_version(struct sonde_write *w, const char *name, uint32_t version, int64_t created_ms,
                       const char *source, size_t len)
{
	struct sonde_buf value;
	char key[POLICY_KEY_MAX];

	sonde_buf_init(&value, POLICY_SOURCE_MAX + HEAD);
	for (int i = 0; i < HEAD; i++)
		sonde_buf_char(&value, (char)(created_ms >> (56 - 8 * i)));
	sonde_buf_add(&value, source, len);
	int rc = value.failed ? SONDE_ENOMEM :
		 sonde_write_put(w, SONDE_TABLE_POLICIES,
		                 (struct sonde_slice){ key, policy_key(key, name, version) },
		                 (struct sonde_slice){ value.data, value.len });
	sonde_buf_deinit(&value);
	return rc;
}

struct walk {
	const char *name;
	int (*fn)(void *, const struct policy_version *);
	void *arg;
};

static int walk_one(void *arg, struct sonde_slice key, struct sonde_slice value)
{
	struct walk *w = arg;
	struct policy_version v;
	const char *name;

	if (!read_version(key, value, &name, &v) || strcmp(name, w->name))
		return 1;
	return w->fn(w->arg, &v) ? 2 : 0;
}

int policies_versions(const struct policies *p, struct sonde_read *read, const char *name,
                      int (*fn)(void *, const struct policy_version *), void *arg)
{
	struct walk w = { name, fn, arg };
	char key[POLICY_KEY_MAX];

	(void)p;
	if (strlen(name) > POLICY_NAME_MAX)
		return SONDE_ENOENT;
	int rc = sonde_read_each(read, SONDE_TABLE_POLICIES,
	                         (struct sonde_slice){ key, policy_key(key, name, 0) }, walk_one, &w);
	return rc < 0 ? rc : SONDE_OK;
}

/* ---- the start ---- */

struct newest {
	struct policies *p;
	char name[POLICY_NAME_MAX + 1];
	struct policy_version v; /* of this name so far; version 0 = none */
	char *source;
};

static void load_newest(struct newest *n)
{
	struct sonde_error err = { { 0 }, { 0 } };
	char file[96];

	if (!n->v.version)
		return;
	bool older = policy_file_changed_ms(n->p, n->name) > n->v.created_ms;
	snprintf(file, sizeof(file), "policies/%s.lua", n->name);
	/* A newer file is the version after the stored ones. */
	if (!older && sonde_policy_load(n->p->live, n->name, file, n->source, n->v.len, &err) != SONDE_OK)
		sonde_log(SONDE_LOG_ERROR, "policy", "stored version %u: %s", n->v.version, err.text);
	sonde_policy_set_version(n->p->live, n->name, n->v.version + older);
	n->v.version = 0;
}

static int note_version(void *arg, struct sonde_slice key, struct sonde_slice value)
{
	struct newest *n = arg;
	struct policy_version v;
	const char *name;

	if (!read_version(key, value, &name, &v))
		return 0;
	if (strcmp(name, n->name))
		load_newest(n);
	snprintf(n->name, sizeof(n->name), "%s", name);
	char *source = realloc(n->source, v.len + 1);
	if (!source)
		return SONDE_ENOMEM;
	memcpy(source, v.source, v.len);
	n->source = source;
	n->v = v;
	return 0;
}

int policies_start(struct policies *p)
{
	struct newest n = { .p = p };
	struct sonde_read *read;

	policy_files_note(p);
	int rc = sonde_read_begin(p->store, &read);
	if (rc != SONDE_OK)
		return rc;
	rc = sonde_read_each(read, SONDE_TABLE_POLICIES, (struct sonde_slice){ NULL, 0 }, note_version,
	                     &n);
	sonde_read_end(read);
	load_newest(&n);
	free(n.source);
	return rc;
}
