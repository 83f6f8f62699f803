/* SPDX-License-Identifier: Apache-2.0 */
/* The own account, and the administration of all. */
#include <stdlib.h>
#include <string.h>

#include "controller/api/account.h"

enum { BODY_POOL = 16384 };

#define ROW(s, n, t, m, h, ...) \
	{ .name = n, .type = SONDE_TYPE_##t, .offset = offsetof(struct s, m), .help = h, \
	  __VA_ARGS__ }

static void put_user(const struct user *user, struct sonde_json *j)
{
	sonde_json_open(j, NULL, '{');
	user_describe(user, j);
	sonde_json_close(j);
}

static void show(struct call *call, const struct user *user)
{
	struct sonde_buf b;
	struct sonde_json j;

	sonde_buf_init(&b, 1 << 14);
	sonde_json_init(&j, &b);
	put_user(user, &j);
	answer_json(call->c, call->req, 200, &b, NULL);
}

void api_get_me(struct call *call)
{
	struct sonde_buf b;
	struct sonde_json j;

	if (call->who.user) {
		show(call, call->who.user);
		return;
	}
	sonde_buf_init(&b, 1 << 12);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '{');
	sonde_json_str(&j, "name", call->who.name);
	sonde_json_str(&j, "role", "admin");
	sonde_json_close(&j);
	answer_json(call->c, call->req, 200, &b, NULL);
}

struct profile {
	const char *display, *email;
};

static const struct sonde_param profile_rows[] = {
	ROW(profile, "display", STRING, display, "as shown", .max = 128),
	ROW(profile, "email", STRING, email, "to be reached at", .max = 254),
	{ 0 },
};

static void take_profile(struct user_change *ch, const char *display, const char *email)
{
	if (display)
		ch->facts.display = *display ? display : NULL;
	if (email)
		ch->facts.email = *email ? email : NULL;
}

void api_patch_me(struct call *call)
{
	struct user *user = account_own(call);
	struct profile asked = { 0 };
	struct user_change *ch;
	struct puts *p = user ? change_user(call, user, &ch) : NULL;

	if (!p)
		return;
	if (!account_body(call, SONDE_ROWS(profile_rows), &asked, &p->pool)) {
		puts_free(p);
		return;
	}
	take_profile(ch, asked.display, asked.email);
	change_user_save(p, false);
}

void api_delete_me(struct call *call)
{
	struct user *user = account_own(call);
	struct user_change *ch;
	struct puts *p = user ? change_user(call, user, &ch) : NULL;

	if (!p)
		return;
	ch->facts.disabled = 1;
	ch->facts.version++;
	change_user_save(p, true);
}

/* ---- administration ---- */

void api_list_users(struct call *call)
{
	struct user *user;
	struct sonde_buf b;
	struct sonde_json j;
	size_t at = 0;

	sonde_buf_init(&b, REPLY_MAX);
	sonde_json_init(&j, &b);
	sonde_json_open(&j, NULL, '[');
	while ((user = sonde_map_next(&call->c->accounts.users.by_name, &at)))
		put_user(user, &j);
	sonde_json_close(&j);
	answer_json(call->c, call->req, 200, &b, NULL);
}

static struct user *named(struct call *call)
{
	struct user *user = users_find(&call->c->accounts.users, call->param);

	if (!user)
		answer_not_found(call, "user");
	return user;
}

void api_get_user(struct call *call)
{
	const struct user *user = named(call);

	if (user)
		show(call, user);
}

static const struct sonde_param create_rows[] = {
	ROW(new_user, "name", STRING, name, "to log in with", .max = USER_NAME_MAX,
	    .flags = SONDE_PARAM_REQUIRED),
	ROW(new_user, "password", STRING, password, "8 to 1024 bytes", .max = SONDE_PASSWORD_MAX,
	    .flags = SONDE_PARAM_REQUIRED | SONDE_PARAM_SECRET),
	ROW(new_user, "display", STRING, display, "as shown", .max = 128),
	ROW(new_user, "email", STRING, email, "to be reached at", .max = 254),
	ROW(new_user, "tier", STRING, tier, "its limits", .def = "free", .max = TIER_NAME_MAX),
	ROW(new_user, "role", ENUM, role, "what it may do", .def = "user", .names = user_roles),
	{ 0 },
};

static bool is_tier(struct call *call, const char *name)
{
	struct sonde_error e;

	if (tiers_check(&call->c->accounts.tiers, name, &e) == SONDE_OK)
		return true;
	answer_invalid(call, &e);
	return false;
}

void api_create_user(struct call *call)
{
	struct new_user asked = { 0 };
	struct sonde_pool pool;

	sonde_pool_init(&pool, BODY_POOL);
	if (account_body(call, SONDE_ROWS(create_rows), &asked, &pool) && is_tier(call, asked.tier))
		account_create(call, &asked);
	sonde_pool_deinit(&pool);
}

static const char *const change_roles[] = { "unchanged", "viewer", "user", "operator", "admin",
	                                    NULL };
static const char *const switches[] = { "unchanged", "false", "true", NULL };

struct patch {
	const char *display, *email, *tier, *password;
	uint32_t role, disabled;
};

static const struct sonde_param patch_rows[] = {
	ROW(patch, "display", STRING, display, "as shown", .max = 128),
	ROW(patch, "email", STRING, email, "to be reached at", .max = 254),
	ROW(patch, "tier", STRING, tier, "its limits", .max = TIER_NAME_MAX),
	ROW(patch, "password", STRING, password, "a new one", .max = SONDE_PASSWORD_MAX,
	    .flags = SONDE_PARAM_SECRET),
	ROW(patch, "role", ENUM, role, "what it may do", .def = "unchanged", .names = change_roles),
	ROW(patch, "disabled", ENUM, disabled, "it may not log in", .def = "unchanged",
	    .names = switches),
	{ 0 },
};

/* A JSON boolean as well as its text. */
static json_t *patch_body(struct call *call)
{
	json_t *body = call_body(call), *v = json_object_get(body, "disabled");

	if (json_is_boolean(v))
		json_object_set_new(body, "disabled", json_string(json_is_true(v) ? "true" : "false"));
	return body;
}

static void take_patch(struct call *call, struct user_change *ch, const struct patch *asked)
{
	struct user_facts *f = &ch->facts;

	take_profile(ch, asked->display, asked->email);
	if (asked->tier) {
		f->tier = asked->tier;
		audit_note(call, "tier=%s ", asked->tier);
	}
	if (asked->role && asked->role - 1 != f->role) {
		f->role = asked->role - 1;
		f->version++;
		audit_note(call, "role=%s ", user_roles[f->role]);
	}
	if (asked->disabled && asked->disabled - 1 != f->disabled) {
		f->disabled = (uint8_t)(asked->disabled - 1);
		f->version++;
		audit_note(call, "disabled=%s ", switches[asked->disabled]);
	}
}

static int read_patch(struct call *call, struct patch *asked, struct sonde_pool *pool)
{
	struct sonde_error e;
	json_t *body = patch_body(call);

	if (!body)
		return SONDE_EINVAL;
	int rc = json_is_object(body) ? sonde_rows_fill(SONDE_ROWS(patch_rows), body, asked, pool, &e) :
		 sonde_fail(&e, SONDE_EINVAL, "", "The body must be a JSON object.");
	json_decref(body);
	if (rc == SONDE_OK && asked->password &&
	    (asked->display || asked->email || asked->tier || asked->role || asked->disabled))
		rc = sonde_fail(&e, SONDE_EINVAL, "password", "is changed alone");
	if (rc != SONDE_OK)
		answer_invalid(call, &e);
	else if (!is_tier(call, asked->tier))
		rc = SONDE_EINVAL;
	return rc;
}

void api_patch_user(struct call *call)
{
	struct user *user = named(call);
	struct patch asked = { 0 };
	struct user_change *ch;
	struct puts *p = user ? change_user(call, user, &ch) : NULL;

	if (!p)
		return;
	if (read_patch(call, &asked, &p->pool) != SONDE_OK) {
		puts_free(p);
	} else if (asked.password) {
		audit_note(call, "password ");
		account_set_password(call, user, asked.password);
		puts_free(p);
	} else {
		take_patch(call, ch, &asked);
		change_user_save(p, false);
	}
}
