/* SPDX-License-Identifier: Apache-2.0 */
/* Static files, read once when the listener starts and served from memory: one hash lookup and
 * one write a request. Refuses hidden names, links, and more than the limits below. */
#include "net/private.h"

#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/secret.h"

enum { MAX_FILES = 1024, MAX_FILE = 16 << 20, MAX_TOTAL = 64 << 20, TAG_TEXT = 20 };

struct file {
	struct file *next;
	char *data;
	size_t len;
	const char *type;
	char tag[TAG_TEXT];
	char url[];
};

struct static_files {
	struct sonde_map by_url;
	struct file *all;
	size_t count, bytes;
	char *url; /* without a slash at its end */
	char *home; /* with one: where "/" and url redirect to */
};

static const struct {
	const char *suffix, *type;
} types[] = {
	{ ".html", "text/html; charset=utf-8" },
	{ ".js", "text/javascript; charset=utf-8" },
	{ ".mjs", "text/javascript; charset=utf-8" },
	{ ".css", "text/css; charset=utf-8" },
	{ ".json", "application/json" },
	{ ".map", "application/json" },
	{ ".webmanifest", "application/manifest+json" },
	{ ".svg", "image/svg+xml" },
	{ ".png", "image/png" },
	{ ".jpg", "image/jpeg" },
	{ ".webp", "image/webp" },
	{ ".ico", "image/x-icon" },
	{ ".woff2", "font/woff2" },
	{ ".wasm", "application/wasm" },
	{ ".txt", "text/plain; charset=utf-8" },
	{ ".yaml", "application/yaml" },
};

static const char *type_of(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		size_t n = strlen(types[i].suffix);
		if (len > n && !strcasecmp(name + len - n, types[i].suffix))
			return types[i].type;
	}
	return "application/octet-stream";
}

static char *read_file(const char *path, size_t len)
{
	char *data = malloc(len + 1);
	FILE *f = data ? fopen(path, "rb") : NULL;
	size_t got = f ? fread(data, 1, len + 1, f) : 0;

	if (f)
		fclose(f);
	if (!f || got != len) {
		free(data);
		return NULL;
	}
	return data;
}

static void make_tag(struct file *f)
{
	uint8_t hash[SONDE_HASH_BYTES];

	sonde_secret_hash(f->data, f->len, hash);
	snprintf(f->tag, sizeof(f->tag), "\"%02x%02x%02x%02x%02x%02x%02x%02x\"", hash[0], hash[1],
		 hash[2], hash[3], hash[4], hash[5], hash[6], hash[7]);
}

static int add_file(struct static_files *s, const char *path, const char *inside, size_t len)
{
	size_t room = strlen(s->url) + strlen(inside) + 2;
	struct file *f = malloc(sizeof(*f) + room);

	if (!f)
		return SONDE_ENOMEM;
	f->next = s->all;
	f->len = len;
	f->type = type_of(inside);
	f->data = read_file(path, len);
	snprintf(f->url, room, "%s/%s", s->url, inside);
	if (!f->data) {
		free(f);
		return SONDE_EIO;
	}
	make_tag(f);
	s->all = f;
	s->count++;
	s->bytes += len;
	return sonde_map_put(&s->by_url, f->url, strlen(f->url), f);
}

static bool is_index(const char *name)
{
	return !strcmp(name, "index.html");
}

/* One entry of the walk; SONDE_OK also for what is passed over. */
static int take_entry(struct static_files *s, FTS *walk, FTSENT *at, size_t root,
                      struct sonde_error *e)
{
	const char *inside = at->fts_path + root;
	size_t len = (size_t)(at->fts_statp ? at->fts_statp->st_size : 0);
	int rc;

	if (at->fts_level > 0 && at->fts_name[0] == '.') {
		fts_set(walk, at, FTS_SKIP);
		return SONDE_OK;
	}
	if (at->fts_info == FTS_DNR || at->fts_info == FTS_ERR || at->fts_info == FTS_NS)
		return sonde_fail(e, SONDE_EIO, "static_dir", "cannot read %s", at->fts_path);
	if (at->fts_info != FTS_F)
		return SONDE_OK;
	if (s->count >= MAX_FILES || len > MAX_FILE || s->bytes + len > MAX_TOTAL)
		return sonde_fail(e, SONDE_EFULL, "static_dir", "%s: too many or too large files "
				  "(at most %d, %d MB each, %d MB together)", at->fts_path,
				  MAX_FILES, MAX_FILE >> 20, MAX_TOTAL >> 20);
	inside += strspn(inside, "/");
	rc = add_file(s, at->fts_path, inside, len);
	if (rc != SONDE_OK)
		return sonde_fail(e, rc, "static_dir", "cannot read %s", at->fts_path);
	if (is_index(at->fts_name)) {
		struct file *f = s->all;
		return sonde_map_put(&s->by_url, f->url, strlen(f->url) - strlen(at->fts_name), f);
	}
	return SONDE_OK;
}

static int walk_dir(struct static_files *s, const char *dir, struct sonde_error *e)
{
	char *roots[] = { (char *)dir, NULL };
	FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	int rc = SONDE_OK;
	FTSENT *at;

	if (!walk)
		return sonde_fail(e, SONDE_EIO, "static_dir", "cannot read %s", dir);
	while (rc == SONDE_OK && (at = fts_read(walk)))
		rc = take_entry(s, walk, at, strlen(dir), e);
	fts_close(walk);
	return rc;
}

int static_load(const char *dir, const char *url, struct static_files **out, struct sonde_error *e)
{
	struct static_files *s = calloc(1, sizeof(*s));
	size_t len = url ? strlen(url) : 0;
	int rc;

	if (!s)
		return sonde_fail(e, SONDE_ENOMEM, NULL, "out of memory");
	*out = s; /* freed with the listener */
	sonde_map_init(&s->by_url);
	while (len > 0 && url[len - 1] == '/')
		len--;
	s->url = strndup(url ? url : "", len);
	s->home = s->url ? malloc(len + 2) : NULL;
	if (!s->home)
		return sonde_fail(e, SONDE_ENOMEM, NULL, "out of memory");
	snprintf(s->home, len + 2, "%s/", s->url);
	rc = walk_dir(s, dir, e);
	return rc;
}

void static_free(struct static_files *s)
{
	if (!s)
		return;
	while (s->all) {
		struct file *f = s->all;
		s->all = f->next;
		free(f->data);
		free(f);
	}
	sonde_map_deinit(&s->by_url);
	free(s->url);
	free(s->home);
	free(s);
}

static int redirect(struct static_files *s, struct sonde_req *req)
{
	const struct sonde_header headers[] = { { "Location", s->home }, { NULL, NULL } };

	return reply_now(req, &(struct sonde_reply){ .status = 302, .headers = headers });
}

static bool has_tag(struct sonde_req *req, const char *tag)
{
	char sent[256];

	return sonde_req_header(req, "if-none-match", sent, sizeof(sent)) > 0 &&
	       (strstr(sent, tag) || !strcmp(sent, "*"));
}

bool static_serve(struct static_files *s, struct sonde_req *req, int *rc)
{
	const char *path = req->view.path;

	if (!s)
		return false;
	if (s->url[0] && (!strcmp(path, "/") || !strcmp(path, s->url))) {
		*rc = redirect(s, req);
		return true;
	}
	const struct file *f = sonde_map_get(&s->by_url, path, strlen(path));
	if (!f)
		return false;
	const struct sonde_header headers[] = {
		{ "ETag", f->tag },
		{ "Cache-Control", "no-cache" },
		{ "Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'; "
		                             "base-uri 'none'; form-action 'self'" },
		{ NULL, NULL },
	};
	struct sonde_reply r = { .status = 200, .type = f->type, .headers = headers,
				 .body = f->data, .len = f->len };
	if (has_tag(req, f->tag))
		r = (struct sonde_reply){ .status = 304, .headers = headers };
	*rc = reply_now(req, &r);
	return true;
}
