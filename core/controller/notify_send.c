/* SPDX-License-Identifier: Apache-2.0 */
/* One try at one notifier, blocking, on its thread. Owns nothing past the call. */
#include "controller/notify_private.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/secret.h"
#include "param/param.h"

enum { COMMAND_S = 30, LOOK_MS = 20 };
static void sign(const struct notifier *n, const char *json, char *out, size_t room)
{
	char hex[2 * SONDE_HASH_BYTES + 1];
	uint8_t mac[SONDE_HASH_BYTES];
	struct sonde_buf b;
	long long now = (long long)(sonde_wall_ms() / 1000);

	sonde_buf_init(&b, 1 << 16);
	sonde_buf_printf(&b, "%lld.%s", now, json);
	sonde_secret_sign(n->secret, strlen(n->secret), b.data, b.len, mac);
	sonde_buf_deinit(&b);
	for (unsigned i = 0; i < sizeof(mac); i++)
		snprintf(hex + 2 * i, 3, "%02x", mac[i]);
	snprintf(out, room, "X-Sonde-Signature: t=%lld,v1=%s", now, hex);
}

static int webhook(struct notifier *n, const char *json, struct sonde_error *err)
{
	char signature[128] = "";
	const char *const headers[] = { signature, NULL };
	struct sonde_fetch_request req = { .url = n->where, .body = json, .len = strlen(json),
		.ca_file = *n->ca ? n->ca : NULL, .pins = n->pins, .timeout_ms = NOTIFY_TIMEOUT_MS,
		.stop = &n->stop };
	struct sonde_fetch_reply reply;

	if (*n->secret) {
		sign(n, json, signature, sizeof(signature));
		req.headers = headers;
	}
	int rc = sonde_fetch(n->fetcher, &req, &reply, err);
	if (rc != SONDE_OK)
		return rc;
	int status = reply.status;
	sonde_fetch_reply_deinit(&reply);
	if (status >= 200 && status < 300)
		return SONDE_OK;
	bool no_use = status >= 300 && status < 500 && status != 408 && status != 429;
	return sonde_fail(err, no_use ? SONDE_EINVAL : SONDE_EIO, "", "it answered %d", status);
}

/* A header is one line of ASCII. */
static void put_subject(struct sonde_buf *b, const char *text)
{
	for (; *text; text++)
		sonde_buf_char(b, *text >= 0x20 && *text < 0x7f ? *text : '?');
}

static const char *member(const json_t *doc, const char *key)
{
	const char *text = json_string_value(json_object_get(doc, key));

	return text ? text : "";
}

static void compose(struct sonde_buf *b, const struct notifier *n, const json_t *doc)
{
	time_t now = (time_t)(sonde_wall_ms() / 1000);
	const char *key;
	char date[64];
	struct tm tm;
	json_t *v;

	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000", gmtime_r(&now, &tm));
	sonde_buf_printf(b, "Date: %s\r\nFrom: %s\r\nTo: %s\r\nMessage-ID: <%s@sonde>\r\nSubject: [%s] ",
	                 date, n->from, n->to, member(doc, "id"), member(doc, "severity"));
	put_subject(b, member(doc, "text"));
	sonde_buf_str(b, "\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
	                 "Content-Transfer-Encoding: 8bit\r\nAuto-Submitted: auto-generated\r\n\r\n");
	sonde_buf_printf(b, "%s\r\n\r\n", member(doc, "text"));
	json_object_foreach((json_t *)doc, key, v)
		if (json_is_string(v) && strcmp(key, "text"))
			sonde_buf_printf(b, "%s: %s\r\n", key, json_string_value(v));
}

static int smtp(struct notifier *n, const char *json, struct sonde_error *err)
{
	json_t *doc = sonde_json_load(json, strlen(json), err);
	struct sonde_buf b;

	if (!doc)
		return SONDE_EINVAL;
	sonde_buf_init(&b, 1 << 16);
	compose(&b, n, doc);
	json_decref(doc);
	struct sonde_mail mail = { .url = n->where, .from = n->from, .to = n->to,
		.user = *n->user ? n->user : NULL, .password = n->password,
		.ca_file = *n->ca ? n->ca : NULL, .text = b.data, .len = b.len,
		.timeout_ms = NOTIFY_TIMEOUT_MS, .stop = &n->stop };
	int rc = b.failed ? SONDE_ENOMEM : sonde_mail_send(&mail, err);
	sonde_buf_deinit(&b);
	return rc;
}

static int wait_for(struct notifier *n, pid_t pid, struct sonde_error *err)
{
	const struct timespec look = { 0, LOOK_MS * 1000000 };
	int64_t end = sonde_boottime_ns() + COMMAND_S * SONDE_NS_PER_S;
	int status = 0;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (sonde_boottime_ns() > end || n->stop) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			return sonde_fail(err, SONDE_ETIMEOUT, "", "it did not end within %d s", COMMAND_S);
		}
		nanosleep(&look, NULL);
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return SONDE_OK;
	return sonde_fail(err, SONDE_EIO, "", "it ended with %d", WIFEXITED(status) ?
	                  WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* The event comes on its standard input; it fits into a pipe, so that writing never waits. */
static int command(struct notifier *n, const char *json, struct sonde_error *err)
{
	char *argv[] = { n->where, NULL };
	posix_spawn_file_actions_t actions;
	size_t len = strlen(json);
	pid_t pid = 0;
	int fd[2];

	if (pipe2(fd, O_CLOEXEC) != 0)
		return sonde_fail(err, SONDE_EIO, "", "no pipe: %s", strerror(errno));
	bool written = write(fd[1], json, len) == (ssize_t)len && write(fd[1], "\n", 1) == 1;
	close(fd[1]);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fd[0], STDIN_FILENO);
	int rc = written ? posix_spawn(&pid, n->where, &actions, NULL, argv, environ) : EIO;
	posix_spawn_file_actions_destroy(&actions);
	close(fd[0]);
	if (rc)
		return sonde_fail(err, SONDE_EIO, "", "cannot start: %s", strerror(rc));
	return wait_for(n, pid, err);
}

int notify_try(struct notifier *n, const char *json, struct sonde_error *err)
{
	static int (*const tries[])(struct notifier *, const char *, struct sonde_error *) = {
		[NOTIFY_WEBHOOK] = webhook, [NOTIFY_SMTP] = smtp, [NOTIFY_COMMAND] = command,
	};

	return tries[n->kind](n, json, err);
}
