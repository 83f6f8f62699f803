/* SPDX-License-Identifier: Apache-2.0 */
/* The admin token of a first start: stored, then told in the file that the options name, or
 * else on standard output. The job owns the secret, which is wiped when it was told. */
#include "controller/first_token.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "controller/controller.h"

struct first_token {
	struct sonde_job job;
	struct controller *c;
	struct new_token token;
};

static int first_apply(struct sonde_write *w, struct sonde_job *job)
{
	struct first_token *t = (struct first_token *)job;
	struct sonde_buf value;

	sonde_buf_init(&value, 4096);
	token_write(&t->token.facts, &value);
	int rc = sonde_write_put(w, SONDE_TABLE_TOKENS,
	                         (struct sonde_slice){ t->token.hash, sizeof(t->token.hash) },
	                         (struct sonde_slice){ value.data, value.len });
	sonde_buf_deinit(&value);
	return rc;
}

static bool write_token_file(const char *path, const char *secret)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	ssize_t len = (ssize_t)strlen(secret);
	bool good = fd >= 0 && fchmod(fd, 0600) == 0 && write(fd, secret, (size_t)len) == len &&
	            write(fd, "\n", 1) == 1;

	if (!good)
		sonde_log(SONDE_LOG_ERROR, "controller", "cannot write %s: %m", path);
	if (fd >= 0)
		close(fd);
	return good;
}

/* What is printed goes into a journal that others may read: a file is better, where there is one. */
static void show_token(const struct controller *c, const char *secret)
{
	const char *file = c->options.admin_token_file;

	if (file && write_token_file(file, secret))
		printf("the admin token is in %s\n", file);
	else
		printf("admin token: %s\n", secret);
	fflush(stdout);
}

static void first_done(struct sonde_job *job, int status)
{
	struct first_token *t = (struct first_token *)job;

	if (status == SONDE_OK) {
		tokens_put(&t->c->tokens, t->token.hash, &t->token.facts);
		show_token(t->c, t->token.secret);
	} else {
		sonde_log(SONDE_LOG_ERROR, "controller", "no admin token could be stored: %s",
		          sonde_strstatus(status));
	}
	sonde_secret_wipe(t->token.secret, sizeof(t->token.secret));
	free(t);
}

int first_token_make(struct controller *c)
{
	struct first_token *t = calloc(1, sizeof(*t));

	if (!t)
		return SONDE_ENOMEM;
	token_make(&t->token, &c->ids, TOKEN_ADMIN, "sonde", 0);
	t->token.facts.description = "made at first start";
	t->c = c;
	t->job.apply = first_apply;
	t->job.done = first_done;
	int rc = sonde_store_submit(c->store, &t->job);
	if (rc != SONDE_OK)
		free(t);
	return rc;
}
