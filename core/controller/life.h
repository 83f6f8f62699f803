/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a node at the controller: who may connect, settings and keys on their way to it, what it
 * says of itself. A key's rotation: a new key is made and stored as a hash, sent over the open
 * connection, kept and confirmed by the node; the old one is good until the new one is used, and for a
 * day at most. A new key that never arrived is forgotten when the node comes with the old one. */
#pragma once
#include "controller/nodes.h"

struct controller;

enum { LIFE_BANNED = 4403, LIFE_OUTDATED = 4426, LIFE_OVERLAP_MS = 86400000 };

/* 0 when the node may connect with this version, else the close code and a sentence. */
unsigned life_refusal(struct controller *, struct node *, struct sonde_text version, char *why,
                      size_t room);
/* Whether the key of a hello is the node's: 0 no, 1 its key, 2 its next key. */
int life_key(const struct node *, struct sonde_text key);
/* After welcome; `key` as life_key said. */
void life_welcomed(struct controller *, struct node *, const struct sonde_msg_hello *, int key);
/* True when the message was one of these: configured, keyed, answer, health. */
bool life_message(struct controller *, struct node *, const struct sonde_msg *);
/* The node said more of itself than is kept: an event. */
void life_quota(struct controller *, struct node *);
/* rtt_ms below 0: not measured. */
void life_beat(struct controller *, struct node *, const struct sonde_msg_beat *, double rtt_ms);
/* Send the settings, if there are any and the node is connected. */
bool life_send_settings(struct node *);
/* Close a banned node's connection and give its tasks to others. */
void life_send_away(struct controller *, struct node *);
void life_tick(struct controller *, int64_t now_ns);
