/* SPDX-License-Identifier: Apache-2.0 */
/* The queue of password hashing. Owns no job: each is the asker's, in the queue by link. Workers
 * take the lowest priority, so that the loop and the writer come first on a busy machine. Refuses new
 * passwords that a list of common ones knows. */
#include "controller/passwords.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/status.h"
#include "controller/common_passwords.h"

enum { NICEST = 19 };
enum { COMMON_MAX = 32, TAIL_MAX = 6 };

void passwords_init(struct passwords *p, uv_loop_t *loop, unsigned running_max)
{
	*p = (struct passwords){ .loop = loop, .running_max = running_max ? running_max : 1 };
	p->last = &p->first;
}

static void on_work(uv_work_t *work)
{
	struct password_job *job = work->data;

	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICEST);
	if (job->verify)
		job->matched = sonde_password_verify(job->hash, job->password, job->len);
	if (job->make && (!job->verify || job->matched) &&
	    (job->always_make || sonde_password_is_old(job->hash)))
		job->made = sonde_password_hash(job->password, job->len, job->hash) == SONDE_OK;
	sonde_secret_wipe(job->password, sizeof(job->password));
}

static void next(struct passwords *p);

static void on_done(uv_work_t *work, int status)
{
	struct password_job *job = work->data;
	struct passwords *p = job->owner;

	(void)status;
	p->running--;
	p->hashed++;
	next(p);
	job->done(job);
}

static void next(struct passwords *p)
{
	while (p->first && p->running < p->running_max) {
		struct password_job *job = p->first;
		p->first = job->next;
		if (!p->first)
			p->last = &p->first;
		p->waiting--;
		p->running++;
		job->work.data = job;
		uv_queue_work(p->loop, &job->work, on_work, on_done);
	}
}

int passwords_submit(struct passwords *p, struct password_job *job)
{
	if (p->waiting >= PASSWORDS_WAITING_MAX) {
		p->refused++;
		return SONDE_EFULL;
	}
	job->owner = p;
	job->next = NULL;
	*p->last = job;
	p->last = &job->next;
	p->waiting++;
	next(p);
	return SONDE_OK;
}

void passwords_stop(struct passwords *p)
{
	struct password_job *job = p->first;

	p->first = NULL;
	p->last = &p->first;
	p->waiting = 0;
	while (job) {
		struct password_job *following = job->next;
		sonde_secret_wipe(job->password, sizeof(job->password));
		job->done(job);
		job = following;
	}
}

static int compare(const void *word, const void *entry)
{
	return strcmp(word, *(const char *const *)entry);
}

static bool is_common(const char *word)
{
	return bsearch(word, common_passwords, common_password_count, sizeof(common_passwords[0]),
	               compare) != NULL;
}

/* A list of words knows "dragon"; people who must have eight letters take "Dragon123!". */
static bool begins_common(const char *password, size_t len)
{
	char word[COMMON_MAX + TAIL_MAX + 1];
	bool found = false;

	if (len >= sizeof(word))
		return false;
	for (size_t i = 0; i <= len; i++)
		word[i] = (char)tolower((unsigned char)password[i]);
	for (unsigned cut = 0; !found && len; cut++) {
		found = is_common(word);
		if (cut == TAIL_MAX || isalpha((unsigned char)word[len - 1]))
			break;
		word[--len] = '\0';
	}
	sonde_secret_wipe(word, sizeof(word));
	return found;
}

const char *password_refusal(const char *password, size_t len, const char *user)
{
	if (len < SONDE_PASSWORD_MIN)
		return "must be at least 8 bytes long";
	if (len > SONDE_PASSWORD_MAX)
		return "must be at most 1024 bytes long";
	if (memchr(password, '\0', len))
		return "must not hold a NUL byte";
	if (user && !strcasecmp(password, user))
		return "must not be the user's name";
	return begins_common(password, len) ?
		"is one of the passwords that are tried first; take another" : NULL;
}
