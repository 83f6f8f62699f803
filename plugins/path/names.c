/* SPDX-License-Identifier: Apache-2.0 */
/* Names of those who answered. Each address is asked for once, when its first answer comes, so that
 * most names are there before the path is; those that are not are waited for a little. The texts
 * live in the probe's memory. A host that knows no reverse lookup leaves all nameless. */
#include <string.h>

#include "path/path.h"

#define PATIENCE_NS INT64_C(1000000000)

int path_names_init(struct sonde_probe *p, struct path *s)
{
	if (!s->config.names || !SONDE_HOST_HAS(p->host, reverse))
		return 0;
	s->names = p->host->alloc(p, PATH_NAMES * sizeof(*s->names));
	return s->names ? 0 : -1;
}

static struct path_name *find(const struct path *s, const uint8_t *address)
{
	for (unsigned i = 0; i < s->n_names; i++)
		if (!memcmp(s->names[i].address, address, s->family == AF_INET ? 4 : 16))
			return &s->names[i];
	return NULL;
}

const char *path_name(const struct path *s, const uint8_t *address)
{
	const struct path_name *n = find(s, address);

	return n ? n->text : NULL;
}

static void named(struct sonde_probe *p, void *arg, const char *text)
{
	struct path_name *n = arg;
	struct path *s = n->path;
	size_t bytes = text ? strlen(text) + 1 : 0;
	char *copy = bytes ? p->host->alloc(p, bytes) : NULL;

	if (copy)
		memcpy(copy, text, bytes);
	n->text = copy;
	s->unnamed--;
	if (s->naming && !s->unnamed)
		path_names_over(p, s);
}

static void fill(const struct path *s, const uint8_t *address, struct sockaddr_storage *sa)
{
	struct sockaddr_in *v4 = (void *)sa;
	struct sockaddr_in6 *v6 = (void *)sa;

	memset(sa, 0, sizeof(*sa));
	sa->ss_family = (sa_family_t)s->family;
	if (s->family == AF_INET)
		memcpy(&v4->sin_addr, address, 4);
	else
		memcpy(&v6->sin6_addr, address, 16);
}

void path_names_ask(struct sonde_probe *p, struct path *s, const uint8_t *address)
{
	struct sockaddr_storage sa;

	if (!s->names || s->n_names == PATH_NAMES || find(s, address))
		return;
	struct path_name *n = &s->names[s->n_names++];
	*n = (struct path_name){ .path = s };
	memcpy(n->address, address, s->family == AF_INET ? 4 : 16);
	fill(s, address, &sa);
	s->unnamed++;
	if (!p->host->reverse(p, (struct sockaddr *)&sa, sizeof(sa), named, n))
		return;
	s->unnamed--;
}

static void waited(struct sonde_probe *p, void *arg)
{
	struct path *s = arg;

	s->timer = NULL;
	path_names_over(p, s);
}

bool path_names_wait(struct sonde_probe *p, struct path *s)
{
	if (!s->unnamed)
		return false;
	path_close_all(p, s);
	if (s->timer)
		p->host->timer_stop(p, s->timer);
	s->timer = p->host->timer_start(p, PATIENCE_NS, waited, s);
	s->naming = s->timer != NULL;
	return s->naming;
}

void path_names_over(struct sonde_probe *p, struct path *s)
{
	s->naming = false;
	s->over(p, s, SONDE_FAIL_NONE, NULL);
}
