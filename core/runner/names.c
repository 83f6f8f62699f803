/* SPDX-License-Identifier: Apache-2.0 */
/* The cache of reverse names. Owns its entries; one that is asked for stays until the resolver has
 * answered, whoever waits for it. Answers are given from an alarm, because who waits may ask again
 * or end its probe. Refuses names that are not plain host names: the holder of an address writes
 * them, and people paste them into terminals. */
#include "runner/names.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"

enum { NAME_BYTES = 254 };
#define KEEP_NS (300 * SONDE_NS_PER_S)
#define KEEP_NONE_NS (60 * SONDE_NS_PER_S)

struct key {
	uint8_t family, address[16];
};

struct sonde_kept_name {
	struct sonde_names *names;
	struct key key;
	enum { ASKED = 0, ANSWERED, SETTLED } state; /* ASKED: the resolver holds a pointer to this */
	int64_t until;
	TAILQ_HEAD(, sonde_name_wait) waits;
	TAILQ_ENTRY(sonde_kept_name) link; /* unless ASKED */
	char name[NAME_BYTES];             /* "" = none */
};

TAILQ_HEAD(kept, sonde_kept_name);

struct sonde_names {
	struct sonde_poller *poller;
	struct sonde_resolver *resolver;
	struct sonde_alarm alarm;
	struct sonde_map by_key;
	struct kept answered, settled; /* to be told; told, the oldest first */
	unsigned asked;
};

int sonde_names_new(struct sonde_poller *poller, struct sonde_resolver *resolver,
                    struct sonde_names **out)
{
	struct sonde_names *n = calloc(1, sizeof(*n));

	if (!n)
		return SONDE_ENOMEM;
	n->poller = poller;
	n->resolver = resolver;
	sonde_map_init(&n->by_key);
	TAILQ_INIT(&n->answered);
	TAILQ_INIT(&n->settled);
	*out = n;
	return SONDE_OK;
}

void sonde_names_free(struct sonde_names *n)
{
	struct sonde_kept_name *k;
	size_t at = 0;

	if (!n)
		return;
	sonde_poller_disarm(n->poller, &n->alarm);
	while ((k = sonde_map_next(&n->by_key, &at)))
		free(k);
	sonde_map_deinit(&n->by_key);
	free(n);
}

static bool is_plain(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                          "0123456789-_.");

	return len && !name[len] && len < NAME_BYTES;
}

static void tell(struct sonde_kept_name *k)
{
	struct sonde_name_wait *w;

	while ((w = TAILQ_FIRST(&k->waits))) {
		sonde_names_stop(w);
		w->run(w, k->name[0] ? k->name : NULL);
	}
}

static void on_alarm(struct sonde_alarm *a)
{
	struct sonde_names *n = (struct sonde_names *)((char *)a - offsetof(struct sonde_names, alarm));
	struct sonde_kept_name *k;

	while ((k = TAILQ_FIRST(&n->answered))) {
		tell(k);
		TAILQ_REMOVE(&n->answered, k, link);
		TAILQ_INSERT_TAIL(&n->settled, k, link);
		k->state = SETTLED;
	}
}

static void on_name(void *arg, const char *name)
{
	struct sonde_kept_name *k = arg;
	struct sonde_names *n = k->names;
	bool known = name && is_plain(name);

	if (known)
		memcpy(k->name, name, strlen(name) + 1);
	k->until = sonde_boottime_ns() + (known ? KEEP_NS : KEEP_NONE_NS);
	k->state = ANSWERED;
	n->asked--;
	TAILQ_INSERT_TAIL(&n->answered, k, link);
	if (sonde_poller_alarm(n->poller, &n->alarm, 0, on_alarm))
		sonde_log(SONDE_LOG_ERROR, "names", "out of memory"); /* told with the next */
}

static void forget(struct sonde_names *n, struct sonde_kept_name *k)
{
	sonde_map_take(&n->by_key, &k->key, sizeof(k->key));
	TAILQ_REMOVE(&n->settled, k, link);
	free(k);
}

static bool read_key(const struct sockaddr *sa, socklen_t len, struct key *key)
{
	const struct sockaddr_in *v4 = (const void *)sa;
	const struct sockaddr_in6 *v6 = (const void *)sa;

	*key = (struct key){ .family = (uint8_t)sa->sa_family };
	if (sa->sa_family == AF_INET && len >= sizeof(*v4))
		memcpy(key->address, &v4->sin_addr, 4);
	else if (sa->sa_family == AF_INET6 && len >= sizeof(*v6))
		memcpy(key->address, &v6->sin6_addr, 16);
	else
		return false;
	return true;
}

/* An entry that waits for the resolver, NULL when there is no room. */
static struct sonde_kept_name *add(struct sonde_names *n, const struct key *key)
{
	if (n->asked >= SONDE_NAMES_ASKED)
		return NULL;
	if (n->by_key.len >= SONDE_NAMES_KEPT && TAILQ_FIRST(&n->settled))
		forget(n, TAILQ_FIRST(&n->settled));
	if (n->by_key.len >= SONDE_NAMES_KEPT)
		return NULL;
	struct sonde_kept_name *k = calloc(1, sizeof(*k));
	if (!k || sonde_map_put(&n->by_key, key, sizeof(*key), k)) {
		free(k);
		return NULL;
	}
	k->names = n;
	k->key = *key;
	TAILQ_INIT(&k->waits);
	n->asked++;
	return k;
}

bool sonde_names_ask(struct sonde_names *n, const struct sockaddr *sa, socklen_t len,
                     struct sonde_name_wait *w,
                     void (*run)(struct sonde_name_wait *, const char *name))
{
	struct key key;

	*w = (struct sonde_name_wait){ .run = run };
	if (!read_key(sa, len, &key))
		return false;
	struct sonde_kept_name *k = sonde_map_get(&n->by_key, &key, sizeof(key));
	if (k && k->state == SETTLED && sonde_boottime_ns() >= k->until) {
		forget(n, k);
		k = NULL;
	}
	if (k && k->state != ASKED) {
		run(w, k->name[0] ? k->name : NULL);
		return true;
	}
	bool fresh = !k;
	if (fresh)
		k = add(n, &key);
	if (!k)
		return false;
	w->of = k;
	TAILQ_INSERT_TAIL(&k->waits, w, link);
	if (fresh)
		sonde_resolver_ask_name(n->resolver, sa, on_name, k);
	return true;
}

void sonde_names_stop(struct sonde_name_wait *w)
{
	if (!w->of)
		return;
	TAILQ_REMOVE(&w->of->waits, w, link);
	w->of = NULL;
}
