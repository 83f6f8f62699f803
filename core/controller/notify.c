/* SPDX-License-Identifier: Apache-2.0 */
/* The list of notifiers, their queues and threads. The loop only takes a lock for the length of a
 * pointer's move. Owns the texts in the queues until they are sent or given up. */
#include "controller/notify.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/private.h"
#include "base/secret.h"
#include "base/trust.h"
#include "controller/controller.h"
#include "controller/notify_private.h"

enum { TRIES = 6, EVENT_MAX = 8192 };

static const char *const severities[] = { "info", "warning", "error", NULL };
static const char *const kinds[] = { "webhook", "smtp", "command", NULL };

struct notify {
	struct controller *c;
	struct notifier all[NOTIFIERS_MAX];
	unsigned count;
};

static int index_of(const char *const *names, const char *text, size_t len)
{
	for (int i = 0; names[i]; i++)
		if (strlen(names[i]) == len && !memcmp(names[i], text, len))
			return i;
	return -1;
}

/* ---- the thread ---- */

static char *take(struct notifier *n)
{
	char *json = NULL;

	uv_mutex_lock(&n->lock);
	while (!n->waiting && !n->stop)
		uv_cond_wait(&n->changed, &n->lock);
	if (!n->stop) {
		json = n->queue[n->first];
		n->first = (n->first + 1) % NOTIFY_QUEUE;
		n->waiting--;
	}
	uv_mutex_unlock(&n->lock);
	return json;
}

/* True when it is time to stop. */
static bool pause_s(struct notifier *n, unsigned seconds)
{
	int64_t end = sonde_boottime_ns() + seconds * SONDE_NS_PER_S;

	uv_mutex_lock(&n->lock);
	while (!n->stop && sonde_boottime_ns() < end)
		uv_cond_timedwait(&n->changed, &n->lock, (uint64_t)(end - sonde_boottime_ns()) + 1);
	uv_mutex_unlock(&n->lock);
	return n->stop;
}

static void count(struct notifier *n, uint64_t *counter)
{
	uv_mutex_lock(&n->lock);
	++*counter;
	uv_mutex_unlock(&n->lock);
}

static void deliver(struct notifier *n, const char *json)
{
	struct sonde_error err = { "", "" };
	int rc = SONDE_OK;

	for (unsigned i = 0; i < TRIES && !n->stop; i++) {
		rc = notify_try(n, json, &err);
		if (rc == SONDE_OK) {
			count(n, &n->sent);
			return;
		}
		if (rc == SONDE_EINVAL || i + 1 == TRIES || pause_s(n, 1u << i))
			break;
		count(n, &n->retried);
	}
	count(n, &n->failed);
	sonde_log(SONDE_LOG_ERROR, "notify", "%s %s was not told: %s", kinds[n->kind], n->shown,
	          rc == SONDE_OK ? "the controller stops" : err.text);
}

static void run(void *arg)
{
	struct notifier *n = arg;
	char *json;

	while ((json = take(n))) {
		deliver(n, json);
		free(json);
	}
}

/* ---- the loop's side ---- */

static void put(struct notifier *n, const char *json)
{
	char *copy = strdup(json);

	uv_mutex_lock(&n->lock);
	if (copy && n->waiting < NOTIFY_QUEUE) {
		n->queue[(n->first + n->waiting++) % NOTIFY_QUEUE] = copy;
		copy = NULL;
		uv_cond_signal(&n->changed);
	} else {
		n->dropped++;
	}
	uv_mutex_unlock(&n->lock);
	free(copy);
}

static void on_event(void *arg, enum topic topic, const void *what)
{
	const struct event *ev = what;
	struct notify *all = arg;
	const char *severity = ev->was ? ev->was : ev->severity;
	int level = index_of(severities, severity, strlen(severity));
	struct sonde_buf b;
	struct sonde_json j;

	(void)topic;
	if (ev->silenced)
		return;
	sonde_buf_init(&b, EVENT_MAX);
	sonde_json_init(&j, &b);
	event_write(&all->c->events, ev, &j);
	for (unsigned i = 0; i < all->count && !b.failed; i++)
		if (level >= all->all[i].least)
			put(&all->all[i], sonde_buf_cstr(&b));
	sonde_buf_deinit(&b);
}

/* ---- reading the list ---- */

static int set_word(struct notifier *n, const char *word, size_t len, struct sonde_error *err)
{
	const char *equals = memchr(word, '=', len);
	size_t key = equals ? (size_t)(equals - word) : 0;
	char value[NOTIFY_TEXT];
	const struct {
		const char *name;
		char *text;
		bool file;
	} words[] = {
		{ "secret", n->secret, true }, { "password", n->password, true }, { "from", n->from, false },
		{ "to", n->to, false }, { "user", n->user, false }, { "ca", n->ca, false },
		{ "pin", n->pins, false }, { "insecure", n->insecure, false },
	};

	if (!equals)
		return sonde_fail(err, SONDE_EINVAL, "notify", "\"%.*s\" must be KEY=VALUE", (int)len, word);
	if (len - key - 1 >= sizeof(value))
		return sonde_fail(err, SONDE_EINVAL, "notify", "a value is too long");
	snprintf(value, sizeof(value), "%.*s", (int)(len - key - 1), equals + 1);
	if (key == 8 && !memcmp(word, "severity", 8)) {
		n->least = index_of(severities, value, strlen(value));
		return n->least >= 0 ? SONDE_OK : sonde_fail(err, SONDE_EINVAL, "notify",
		                                             "severity is info, warning or error");
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strlen(words[i].name) != key || memcmp(words[i].name, word, key))
			continue;
		if (words[i].file)
			return sonde_private_read(value, words[i].text, NOTIFY_TEXT, err);
		memcpy(words[i].text, value, sizeof(value));
		return SONDE_OK;
	}
	return sonde_fail(err, SONDE_EINVAL, "notify", "\"%.*s\" is unknown", (int)key, word);
}

/* Many webhooks carry their secret in the path; a user name has no place in any of them. */
static void set_shown(struct notifier *n)
{
	const char *host = strstr(n->where, "://");
	size_t len = host ? (size_t)(host - n->where) + 3 : 0;

	if (n->kind != NOTIFY_COMMAND && host)
		snprintf(n->shown, sizeof(n->shown), "%.*s", (int)(len + strcspn(n->where + len, "/?#@")),
		         n->where);
	else
		snprintf(n->shown, sizeof(n->shown), "%s", n->kind == NOTIFY_COMMAND ? n->where : "");
}

static int set_where(struct notifier *n, const char *text, size_t len, struct sonde_error *err)
{
	snprintf(n->where, sizeof(n->where), "%.*s", (int)len, text);
	if (n->kind != NOTIFY_WEBHOOK || n->where[0] != '@')
		return SONDE_OK;
	char path[NOTIFY_TEXT];
	memcpy(path, n->where + 1, sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	return sonde_private_read(path, n->where, sizeof(n->where), err);
}

static int check_trust(struct notifier *n, struct sonde_error *err)
{
	struct sonde_pins pins;

	set_shown(n);
	if (n->kind == NOTIFY_WEBHOOK && sonde_url_in_clear(n->where) && strcmp(n->insecure, "yes"))
		return sonde_fail(err, SONDE_EINVAL, "notify", "%s is clear text to another machine: use "
		                  "https://, or say insecure=yes", n->shown);
	return sonde_pins_parse(&pins, n->pins, true, err);
}

static int read_one(struct notifier *n, const char *text, size_t len, struct sonde_error *err)
{
	const char *end = text + len;
	int rc = SONDE_OK;

	n->least = 1;
	for (unsigned i = 0; rc == SONDE_OK && text < end; i++) {
		size_t w = 0;
		while (text + w < end && text[w] != ' ')
			w++;
		int kind = i ? 0 : index_of(kinds, text, w);
		if (kind < 0 || w >= NOTIFY_TEXT)
			return sonde_fail(err, SONDE_EINVAL, "notify",
			                  "an entry begins with webhook, smtp or command");
		if (i == 0)
			n->kind = (enum notify_kind)kind;
		else if (i == 1)
			rc = set_where(n, text, w, err);
		else if (w)
			rc = set_word(n, text, w, err);
		text += w + (text + w < end);
	}
	if (rc == SONDE_OK && (!*n->where || (n->kind == NOTIFY_SMTP && (!*n->from || !*n->to))))
		rc = sonde_fail(err, SONDE_EINVAL, "notify", n->kind == NOTIFY_SMTP ?
		                "smtp needs a URL, from= and to=" : "an entry needs a URL or a program");
	return rc == SONDE_OK ? check_trust(n, err) : rc;
}

static int start_one(struct notifier *n, struct sonde_error *err)
{
	uv_mutex_init(&n->lock);
	uv_cond_init(&n->changed);
	n->started = true;
	/* libcurl sets itself up in the first one, which no other thread may see. */
	if (sonde_fetcher_new(&n->fetcher) != SONDE_OK)
		return sonde_fail(err, SONDE_ENOMEM, "notify", "no memory for a notifier");
	return SONDE_OK;
}

int notify_start(struct notify **out, struct controller *c, const char *spec, struct sonde_error *err)
{
	struct notify *all = spec && *spec ? calloc(1, sizeof(*all)) : NULL;
	int rc = SONDE_OK;

	*out = all;
	if (!all)
		return SONDE_OK;
	all->c = c;
	for (const char *p = spec; rc == SONDE_OK && *p;) {
		size_t n = strcspn(p, ",");
		size_t blank = strspn(p, " ");
		if (all->count == NOTIFIERS_MAX)
			return sonde_fail(err, SONDE_EINVAL, "notify", "more than %d", NOTIFIERS_MAX);
		struct notifier *one = &all->all[all->count++];
		rc = read_one(one, p + blank, n > blank ? n - blank : 0, err);
		if (rc == SONDE_OK)
			rc = start_one(one, err);
		p += n + (p[n] == ',');
	}
	for (unsigned i = 0; rc == SONDE_OK && i < all->count; i++)
		if (uv_thread_create(&all->all[i].thread, run, &all->all[i]) == 0)
			all->all[i].running = true;
		else
			rc = sonde_fail(err, SONDE_ENOMEM, "notify", "no thread for a notifier");
	if (rc == SONDE_OK && bus_subscribe(&c->bus, TOPIC_EVENT, on_event, all) != SONDE_OK)
		rc = sonde_fail(err, SONDE_EFULL, "notify", "the bus has no place");
	return rc;
}

static void stop_one(struct notifier *n)
{
	if (!n->started)
		return;
	uv_mutex_lock(&n->lock);
	n->stop = true;
	uv_cond_signal(&n->changed);
	uv_mutex_unlock(&n->lock);
	if (n->running)
		uv_thread_join(&n->thread);
	if (n->waiting)
		sonde_log(SONDE_LOG_WARN, "notify", "%u events were not told to %s", n->waiting, n->shown);
	for (; n->waiting; n->waiting--, n->first = (n->first + 1) % NOTIFY_QUEUE)
		free(n->queue[n->first]);
	sonde_fetcher_free(n->fetcher);
	uv_cond_destroy(&n->changed);
	uv_mutex_destroy(&n->lock);
	sonde_secret_wipe(n->where, sizeof(n->where));
	sonde_secret_wipe(n->secret, sizeof(n->secret));
	sonde_secret_wipe(n->password, sizeof(n->password));
}

void notify_free(struct notify *all)
{
	for (unsigned i = 0; all && i < all->count; i++)
		stop_one(&all->all[i]);
	free(all);
}

void notify_metrics(struct notify *all, struct sonde_buf *b)
{
	if (!all)
		return;
	sonde_buf_str(b, "# HELP sonde_notifications_total Events told, by notifier and outcome.\n"
	                 "# TYPE sonde_notifications_total counter\n");
	for (unsigned i = 0; i < all->count; i++) {
		struct notifier *n = &all->all[i];
		uv_mutex_lock(&n->lock);
		const struct { const char *name; uint64_t value; } rows[] = {
			{ "sent", n->sent }, { "failed", n->failed }, { "retried", n->retried },
			{ "dropped", n->dropped } };
		uv_mutex_unlock(&n->lock);
		for (unsigned k = 0; k < 4; k++)
			sonde_buf_printf(b, "sonde_notifications_total{notifier=\"%u\",kind=\"%s\","
			                 "outcome=\"%s\"} %llu\n", i, kinds[n->kind], rows[k].name,
			                 (unsigned long long)rows[k].value);
	}
}
