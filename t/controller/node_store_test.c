/* SPDX-License-Identifier: Apache-2.0 */
/* Stored nodes: what is sensitive stands encrypted, comes back with its key only, and an older value
 * in clear is found. */
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/change.h"
#include "controller/controller.h"
#include "tap.h"

static const uint8_t key[SONDE_KEY_BYTES] = "0123456789abcdef0123456789abcde";
static const uint8_t other[SONDE_KEY_BYTES] = "fedcba9876543210fedcba987654321";

static const struct node_facts facts = {
	.name = "n1", .region = "eu", .contact = "ring 555-0100", .remarks = "behind the \"red\" door",
	.address = "10.1.2.3", .owner = "01arz3ndektsv4rrffq69g5fav", .priority = 50,
};

static void write_it(const uint8_t *with, const struct node_facts *f, struct sonde_buf *b)
{
	struct nodes n = { .seal = with };

	sonde_buf_init(b, 1 << 17);
	node_write(&n, f, b);
	EXPECT(!b->failed);
}

static json_t *read_it(const uint8_t *with, const struct sonde_buf *b)
{
	struct nodes n = { .seal = with };
	struct sonde_error e = { "", "" };
	json_t *doc = node_stored(&n, b->data, b->len, &e);

	EXPECT(doc);
	return doc;
}

static const char *member(const json_t *doc, const char *name)
{
	return json_string_value(json_object_get(doc, name));
}

static void hides(void)
{
	struct sonde_buf b;

	write_it(key, &facts, &b);
	const char *text = sonde_buf_cstr(&b);
	EXPECT(strstr(text, "\"name\":\"n1\""));
	EXPECT(strstr(text, "\"sealed\":"));
	EXPECT(!strstr(text, "555-0100") && !strstr(text, "red") && !strstr(text, "10.1.2.3") &&
	       !strstr(text, facts.owner));
	json_t *doc = read_it(key, &b);
	EXPECT_STR(member(doc, "contact"), facts.contact);
	EXPECT_STR(member(doc, "remarks"), facts.remarks);
	EXPECT_STR(member(doc, "address"), facts.address);
	EXPECT_STR(member(doc, "owner"), facts.owner);
	EXPECT(!json_object_get(doc, "sealed"));
	json_decref(doc);
	sonde_buf_deinit(&b);
}

static void nothing_to_hide(void)
{
	const struct node_facts plain = { .name = "n1", .priority = 50 };
	struct sonde_buf b;

	write_it(key, &plain, &b);
	EXPECT(!strstr(sonde_buf_cstr(&b), "sealed"));
	json_decref(read_it(key, &b));
	sonde_buf_deinit(&b);
}

static void every_size(void)
{
	char note[65];

	for (size_t len = 1; len < sizeof(note); len++) {
		struct node_facts f = { .name = "n1", .remarks = note, .priority = 50 };
		struct sonde_buf b;
		memset(note, 'x', len);
		note[len] = '\0';
		write_it(key, &f, &b);
		json_t *doc = read_it(key, &b);
		EXPECT_STR(member(doc, "remarks"), note);
		json_decref(doc);
		sonde_buf_deinit(&b);
	}
}

static void wrong_key(void)
{
	struct sonde_buf b;

	write_it(key, &facts, &b);
	json_t *doc = read_it(other, &b);
	EXPECT_STR(member(doc, "name"), "n1");
	EXPECT(!member(doc, "contact") && !member(doc, "sealed"));
	json_decref(doc);
	sonde_buf_deinit(&b);
}

/* Any byte of it: nothing of the changed text comes back. (Of the last letter some bits are unused.) */
static void changed_bytes(void)
{
	struct sonde_buf b;

	write_it(key, &facts, &b);
	char *sealed = strstr(b.data, "\"sealed\":\"") + 10;
	size_t letters = strcspn(sealed, "\"");
	for (size_t i = 0; i + 1 < letters; i += 7) {
		char was = sealed[i];
		sealed[i] = was == 'A' ? 'B' : 'A';
		json_t *doc = read_it(key, &b);
		EXPECT(!member(doc, "contact"));
		json_decref(doc);
		sealed[i] = was;
	}
	sonde_buf_deinit(&b);
}

/* ---- with a store ---- */

static char dir[] = "/tmp/sonde-nodes-XXXXXX";

struct put {
	struct sonde_job job;
	struct sonde_slice value;
	int status;
};

static int put_apply(struct sonde_write *w, struct sonde_job *job)
{
	static const uint8_t id[16] = { 1 };
	return sonde_write_put(w, SONDE_TABLE_NODES, (struct sonde_slice){ id, sizeof(id) },
	                       ((struct put *)job)->value);
}

static void put_done(struct sonde_job *job, int status)
{
	((struct put *)job)->status = status;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static struct controller c;

static void open_store(void)
{
	struct sonde_store_options o = { .dir = dir, .map_bytes = 1 << 24, .queue_max = 1 << 10 };
	struct sonde_error e = { "", "" };

	EXPECT_INT(sonde_store_open(&o, &c.store, &e), SONDE_OK);
}

static void wait_idle(void)
{
	while (sonde_store_waiting(c.store)) {
		sonde_store_reap(c.store);
		usleep(1000);
	}
}

static int note_value(void *arg, struct sonde_slice k, struct sonde_slice value)
{
	struct sonde_buf *b = arg;

	(void)k;
	sonde_buf_add(b, value.data, value.len);
	return 0;
}

/* Found at the start, and written anew with nothing in clear. */
static void an_older_value(void)
{
	static const char old[] = "{\"name\":\"n1\",\"address\":\"10.1.2.3\",\"priority\":7}";
	struct put put = { .job = { .apply = put_apply, .done = put_done },
		           .value = { old, sizeof(old) - 1 }, .status = 1 };
	struct sonde_error e = { "", "" };
	struct sonde_read *r;
	struct sonde_buf b;

	EXPECT(mkdtemp(dir));
	open_store();
	EXPECT_INT(sonde_policies_new(NULL, &c.policies), SONDE_OK);
	EXPECT_INT(sonde_store_submit(c.store, &put.job), SONDE_OK);
	wait_idle();
	EXPECT_INT(put.status, SONDE_OK);
	nodes_init(&c.nodes, c.policies, &c.bus);
	c.nodes.seal = key;
	EXPECT_INT(nodes_load(&c.nodes, c.store, &e), SONDE_OK);
	const struct node *node = nodes_find(&c.nodes, "n1");
	EXPECT(node && node->unsealed);
	EXPECT_STR(node->facts.address, "10.1.2.3");
	nodes_seal(&c);
	wait_idle();
	sonde_buf_init(&b, 1 << 17);
	EXPECT_INT(sonde_read_begin(c.store, &r), SONDE_OK);
	sonde_read_each(r, SONDE_TABLE_NODES, (struct sonde_slice){ NULL, 0 }, note_value, &b);
	sonde_read_end(r);
	EXPECT(!strstr(sonde_buf_cstr(&b), "10.1.2.3"));
	json_t *doc = read_it(key, &b);
	EXPECT_STR(member(doc, "address"), "10.1.2.3");
	EXPECT_INT(json_integer_value(json_object_get(doc, "priority")), 7);
	json_decref(doc);
	sonde_buf_deinit(&b);
	nodes_deinit(&c.nodes);
	sonde_store_close(c.store);
	sonde_policies_free(c.policies);
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

TAP_MAIN(CASE(hides), CASE(nothing_to_hide), CASE(every_size), CASE(wrong_key),
         CASE(changed_bytes), CASE(an_older_value))
