/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of what the controller judges about a node: versions, distances, bans, keys. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "controller/life.h"
#include "tap.h"

static void versions_are_compared_by_number(void)
{
	static const struct {
		const char *a, *b;
		int want;
	} rows[] = {
		{ "1.2.3", "1.2.3", 0 }, { "1.2", "1.10", -1 }, { "1.10", "1.9.9", 1 }, { "1", "1.0", 0 },
		{ "0.9", "1", -1 }, { "", "", 0 }, { "", "1", -1 }, { "2.0-rc1", "2.0", 0 },
		{ "99999999999999999999999", "1", 1 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		EXPECT_INT(version_compare(rows[i].a, rows[i].b), rows[i].want);
		EXPECT_INT(version_compare(rows[i].b, rows[i].a), -rows[i].want);
	}
}

static void light_is_not_outrun(void)
{
	struct nodes n = { .latitude = 50.11, .longitude = 8.68 }; /* Frankfurt */
	struct node node = { .facts = { .latitude = -33.87, .longitude = 151.21 } }; /* Sydney */

	EXPECT(node_too_far_km(&n, &node) == 0); /* not measured */
	node.rtt_min_ms = 10;
	EXPECT(node_too_far_km(&n, &node) > 14000);
	node.rtt_min_ms = 250;
	EXPECT(node_too_far_km(&n, &node) == 0);
	node.rtt_min_ms = 1;
	node.facts.latitude = 48.86; /* Paris, 480 km */
	node.facts.longitude = 2.35;
	EXPECT(node_too_far_km(&n, &node) > 20);
	node.rtt_min_ms = 3;
	EXPECT(node_too_far_km(&n, &node) == 0);
	n.latitude = n.longitude = 0;
	node.rtt_min_ms = 1;
	EXPECT(node_too_far_km(&n, &node) == 0);
	node.facts.latitude = node.facts.longitude = 0;
	EXPECT(node_too_far_km(&n, &node) == 0);
}

static void two_nodes_are_compared(void)
{
	struct node frankfurt = { .facts = { .latitude = 50.11, .longitude = 8.68, .name = "f" } };
	struct node sydney = { .facts = { .latitude = -33.87, .longitude = 151.21, .name = "s" } };
	const struct node *peer;
	struct nodes n = { 0 };

	frankfurt.id.b[0] = 1;
	sydney.id.b[0] = 2;
	sonde_map_init(&n.by_id);
	EXPECT_INT(sonde_map_put(&n.by_id, frankfurt.id.b, sizeof(frankfurt.id.b), &frankfurt), 0);
	EXPECT_INT(sonde_map_put(&n.by_id, sydney.id.b, sizeof(sydney.id.b), &sydney), 0);
	nodes_pair_seen(&frankfurt, &sydney, 250);
	EXPECT(node_too_far_from_peer_km(&n, &frankfurt, &peer) == 0);
	nodes_pair_seen(&frankfurt, &sydney, 4);
	EXPECT(node_too_far_from_peer_km(&n, &frankfurt, &peer) > 15000);
	EXPECT(peer == &sydney);
	EXPECT(node_too_far_from_peer_km(&n, &sydney, &peer) > 15000);
	frankfurt.facts.placed = 1; /* an operator says so */
	EXPECT(node_too_far_from_peer_km(&n, &frankfurt, &peer) == 0);
	EXPECT(node_too_far_from_peer_km(&n, &sydney, &peer) > 15000);
	sydney.facts.latitude = 50.2; /* corrected */
	sydney.facts.longitude = 8.7;
	EXPECT(node_too_far_from_peer_km(&n, &sydney, &peer) == 0);
	sonde_map_deinit(&n.by_id);
}

static void bans_end(void)
{
	struct node node = { .facts = { .banned = 1 } };

	EXPECT(node_is_banned(&node));
	node.facts.ban_until_ms = sonde_wall_ms() + 60000;
	EXPECT(node_is_banned(&node));
	node.facts.ban_until_ms = sonde_wall_ms() - 1;
	EXPECT(!node_is_banned(&node));
}

static void hash_of(const char *key, char hex[2 * SONDE_HASH_BYTES + 1])
{
	uint8_t hash[SONDE_HASH_BYTES];

	sonde_secret_hash(key, strlen(key), hash);
	for (int i = 0; i < SONDE_HASH_BYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", hash[i]);
}

static void keys_overlap_for_a_day(void)
{
	char old[2 * SONDE_HASH_BYTES + 1], fresh[2 * SONDE_HASH_BYTES + 1];
	struct node node = { 0 };

	hash_of("old", old);
	hash_of("new", fresh);
	EXPECT_INT(life_key(&node, SONDE_TEXT("old")), 0);
	node.facts.key_hash = old;
	EXPECT_INT(life_key(&node, SONDE_TEXT("old")), 1);
	EXPECT_INT(life_key(&node, SONDE_TEXT("new")), 0);
	node.facts.next_key_hash = fresh;
	node.facts.next_key_ms = sonde_wall_ms();
	EXPECT_INT(life_key(&node, SONDE_TEXT("old")), 1);
	EXPECT_INT(life_key(&node, SONDE_TEXT("new")), 2);
	node.facts.next_key_kept = 1;
	EXPECT_INT(life_key(&node, SONDE_TEXT("old")), 1);
	node.facts.next_key_ms -= LIFE_OVERLAP_MS + 1;
	EXPECT_INT(life_key(&node, SONDE_TEXT("old")), 0);
	EXPECT_INT(life_key(&node, SONDE_TEXT("new")), 2);
	node.facts.next_key_kept = 0; /* never arrived: the old one is all the node has */
	EXPECT_INT(life_key(&node, SONDE_TEXT("old")), 1);
	EXPECT_INT(life_key(&node, SONDE_TEXT("")), 0);
}

TAP_MAIN(CASE(versions_are_compared_by_number), CASE(light_is_not_outrun), CASE(two_nodes_are_compared), CASE(bans_end),
         CASE(keys_overlap_for_a_day))
