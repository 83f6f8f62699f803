/* SPDX-License-Identifier: Apache-2.0 */
/* The free text of a location, as Globalping reads it: up to four parts joined by '+', all of which
 * must hold. Each node has slots: country code, three-letter code, name and other names, city, state
 * (NY, US-NY, New York), continent, region (UN M49, and the operator's), AS number, tags and their
 * beginnings, words of the network's name, and of ours the node's name and id. A part that is the
 * whole of a slot of any node that is ready means that slot; else it is looked for inside of all
 * slots. A hyphen also stands for a space. */
#pragma once
#include "controller/nodes.h"

enum { MAGIC_PARTS = 4, MAGIC_TEXT = 129 };

struct magic {
	unsigned count;
	struct {
		char text[MAGIC_TEXT], spaced[MAGIC_TEXT];
		int slot; /* -1 = a part of any */
		bool world;
	} parts[MAGIC_PARTS];
};

/* Splits the text (as checked by the request: at most 128 bytes, 4 parts) and looks at all nodes. */
void magic_read(struct magic *, const char *text, const struct nodes *);
bool magic_matches(const struct magic *, const struct node *);
/* A region by name: the operator's, or the M49 region of the node's country. */
bool node_in_region(const struct node *, const char *region);
/* The continent's code, given or from the country; NULL when neither is known. */
const char *node_continent(const struct node *);
