/* SPDX-License-Identifier: Apache-2.0 */
/* An act is remembered when its request comes and recorded when it is answered, with the status.
 * Refused log-ins are a log line and no record: a record a guess would let guesses fill the store. */
#include "controller/audit.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/rng.h"
#include "controller/api/api.h"
#include "controller/members.h"
#include "controller/puts.h"

struct audit {
	char who[USER_NAME_MAX + 16], role[12], from[64], path[160], note[256];
	const char *method, *what;
	bool sign_in;
};

static const char *method_name(enum sonde_method m)
{
	static const char *const names[] = { "?", "GET", "POST", "PUT", "PATCH", "DELETE" };

	return m < sizeof(names) / sizeof(names[0]) ? names[m] : "?";
}

static bool is_recorded(const struct route *r)
{
	if (r->method == SONDE_GET || !strcmp(r->path, "/v1/auth/refresh"))
		return false;
	return r->role >= ROLE_OPERATOR || !strncmp(r->path, "/v1/auth/", 9);
}

void audit_begin(struct call *call, const struct route *r)
{
	struct trace *t = sonde_req_room(call->req);
	struct accounts *a = &call->c->accounts;

	if (!a->request_base)
		sonde_random_bytes(&a->request_base, sizeof(a->request_base));
	snprintf(t->id, sizeof(t->id), "%016" PRIx64, a->request_base + ++a->request_count);
	if (!r || !is_recorded(r))
		return;
	struct audit *audit = calloc(1, sizeof(*audit));
	if (!audit)
		return;
	snprintf(audit->who, sizeof(audit->who), "%s", call->who.name ? call->who.name : "anonymous");
	snprintf(audit->role, sizeof(audit->role), "%s", role_name(call->who.role));
	snprintf(audit->from, sizeof(audit->from), "%s", call->view->peer ? call->view->peer : "");
	snprintf(audit->path, sizeof(audit->path), "%s", call->view->path);
	audit->method = method_name(r->method);
	audit->what = r->summary;
	audit->sign_in = !strcmp(r->path, "/v1/auth/login") || !strcmp(r->path, "/v1/auth/register");
	t->audit = audit;
}

void audit_note(struct call *call, const char *fmt, ...)
{
	struct trace *t = sonde_req_room(call->req);
	va_list ap;

	if (!t->audit)
		return;
	size_t n = strlen(t->audit->note);
	va_start(ap, fmt);
	vsnprintf(t->audit->note + n, sizeof(t->audit->note) - n, fmt, ap);
	va_end(ap);
}

static void stored(struct puts *p, int status)
{
	(void)p;
	if (status != SONDE_OK)
		sonde_log(SONDE_LOG_ERROR, "audit", "a record could not be stored: %s",
		          sonde_strstatus(status));
}

static void write_record(const struct audit *a, const struct trace *t, unsigned status,
                         struct sonde_buf *b)
{
	struct sonde_json j;

	sonde_json_init(&j, b);
	sonde_json_open(&j, NULL, '{');
	member_time(&j, "at", sonde_wall_ms());
	sonde_json_str(&j, "who", a->who);
	sonde_json_str(&j, "role", a->role);
	sonde_json_str(&j, "from", a->from);
	sonde_json_str(&j, "what", a->what);
	sonde_json_str(&j, "method", a->method);
	sonde_json_str(&j, "path", a->path);
	sonde_json_str(&j, "note", *a->note ? a->note : NULL);
	sonde_json_int(&j, "status", status);
	sonde_json_str(&j, "request", t->id);
	sonde_json_close(&j);
}

void audit_end(struct controller *c, struct trace *t, unsigned status)
{
	struct audit *a = t->audit;
	struct sonde_id id;

	t->audit = NULL;
	if (status >= 500)
		sonde_log(SONDE_LOG_WARN, "api", "request %s was answered %u", t->id, status);
	if (!a)
		return;
	sonde_log(SONDE_LOG_INFO, "audit", "%s from %s: %s %s: %u (request %s)", a->who, a->from,
	          a->method, a->path, status, t->id);
	bool guess = a->sign_in && status >= 400;
	struct puts *p = c->store && !guess && status != 401 ? puts_new(c, NULL, stored, 0) : NULL;
	if (p) {
		sonde_id_make(&c->ids, &id);
		write_record(a, t, status,
		             puts_add(p, SONDE_TABLE_AUDIT, id.b, sizeof(id.b), true));
		puts_submit(p);
	}
	free(a);
}
