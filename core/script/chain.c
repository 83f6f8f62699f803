/* SPDX-License-Identifier: Apache-2.0 */
/* "regional,least_load": names into policies, and the params of each. Owns the texts of params
 * until the chain is closed. Refuses names that are not there and policies that cannot stand
 * before another one. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "param/param.h"
#include "script/policies.h"

static int add_name(const struct sonde_policies *ps, const char *name, size_t len,
                    struct sonde_chain *c, struct sonde_error *err)
{
	char one[SONDE_POLICY_NAME + 1];

	if (c->n == SONDE_CHAIN)
		return sonde_fail(err, SONDE_EINVAL, "policy", "more than %d in a chain", SONDE_CHAIN);
	size_t n = len < sizeof(one) ? len : 0;
	memcpy(one, name, n);
	one[n] = '\0';
	struct sonde_policy *p = sonde_policies_find(ps, one);
	if (!p)
		return sonde_fail(err, SONDE_ENOENT, "policy", "no policy is named %.*s",
		                  (int)(len < 64 ? len : 64), name);
	for (unsigned i = 0; i < c->n; i++)
		if (c->policy[i] == p)
			return sonde_fail(err, SONDE_EINVAL, "policy", "%s stands twice", one);
	c->policy[c->n++] = p;
	return SONDE_OK;
}

/* Each policy's own member; a member that names none of them is an error. */
static int split_params(const char *json, struct sonde_chain *c, struct sonde_error *err)
{
	json_t *all = sonde_json_load(json, strlen(json), err), *one;
	const char *key;
	int rc = SONDE_OK;

	if (!json_is_object(all)) {
		json_decref(all);
		return sonde_fail(err, SONDE_EINVAL, "params", "must be an object by policy name");
	}
	json_object_foreach(all, key, one) {
		unsigned i = 0;
		while (i < c->n && strcmp(c->policy[i]->name, key))
			i++;
		if (i < c->n && json_is_object(one))
			c->params[i] = json_dumps(one, JSON_COMPACT);
		else
			rc = sonde_fail(err, SONDE_EINVAL, key, i < c->n ? "must be an object"
			                : "is no policy of the chain; its params are by policy name");
	}
	json_decref(all);
	return rc;
}

int sonde_chain_open(const struct sonde_policies *ps, const char *names, const char *params_json,
                     struct sonde_chain *c, struct sonde_error *err)
{
	*c = (struct sonde_chain){ .single = params_json };
	for (const char *at = names ? names : "";;) {
		size_t len = strcspn(at, ",");
		int rc = add_name(ps, at, len, c, err);
		if (rc != SONDE_OK)
			return rc;
		if (!at[len])
			break;
		at += len + 1;
	}
	for (unsigned i = 0; i + 1 < c->n; i++)
		if (!sonde_program_has(c->policy[i]->program, SONDE_ENTRY_NARROW))
			return sonde_fail(err, SONDE_EINVAL, "policy",
			                  "%s cannot stand before another policy: it has no narrow()",
			                  c->policy[i]->name);
	return c->n > 1 && params_json ? split_params(params_json, c, err) : SONDE_OK;
}

void sonde_chain_close(struct sonde_chain *c)
{
	for (unsigned i = 0; i < c->n; i++)
		free(c->params[i]);
}
