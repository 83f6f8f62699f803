/* SPDX-License-Identifier: Apache-2.0 */
/* The queue of password hashing. Owns no job: each is the asker's, in the queue by link. Workers
 * take the lowest priority, so that the loop and the writer come first on a busy machine. */
#include "controller/passwords.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/status.h"

enum { NICEST = 19 };

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

/* Those that every list of leaked passwords begins with; at least SONDE_PASSWORD_MIN long. */
static const char *const common[] = {
	"password", "password1", "password12", "password123", "passw0rd", "p@ssw0rd", "p@ssword",
	"12345678", "123456789", "1234567890", "123123123", "11111111", "00000000", "87654321",
	"88888888", "12341234", "11223344", "1q2w3e4r", "1q2w3e4r5t", "1qaz2wsx", "q1w2e3r4",
	"qwertyui", "qwertyuiop", "qwerty123", "qwerty12", "asdfghjk", "asdfghjkl", "zxcvbnm1",
	"iloveyou", "iloveyou1", "princess", "princess1", "sunshine", "sunshine1", "football",
	"football1", "baseball", "baseball1", "superman", "superman1", "batman123", "starwars",
	"trustno1", "whatever", "computer", "internet", "michelle", "jennifer", "jessica1",
	"corvette", "mercedes", "midnight", "changeme", "changeme1", "changeit", "letmein1",
	"letmein123", "welcome1", "welcome123", "admin123", "admin1234", "administrator",
	"adminadmin", "rootroot", "testtest", "test1234", "guest123", "default1", "secret123",
	"abcd1234", "abcdefgh", "abc12345", "a1b2c3d4", "aaaaaaaa", "dragon123", "monkey123",
	"master123", "shadow123", "michael1", "charlie1", "pokemon1", "samsung1", "blink182",
	"liverpool", "manchester", "chelsea1", "arsenal1", "juventus", "december", "november",
	"september", "february", "hello123", "hellohello", "lovelove", "loveyou1", "freedom1",
	"nintendo", "playstation", "minecraft", "facebook", "linkedin", "google123", "sondesonde",
	NULL,
};

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
	for (unsigned i = 0; common[i]; i++)
		if (!strcasecmp(password, common[i]))
			return "is one of the passwords that are tried first; take another";
	return NULL;
}
