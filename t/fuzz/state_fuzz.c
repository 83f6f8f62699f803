/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: what a controller finds in its store when it starts and while it runs. The first line
 * is the table's letter and the key, in which names of the world may stand; the rest is the value.
 * "id:" before a key says that it is one, in letters; "hex:" that its bytes are. Nothing that is
 * stored may keep a controller from starting. */
#include <stdlib.h>
#include <string.h>

#include "world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { KEY_MAX = 400 };

static const enum sonde_table tables[] = {
	SONDE_TABLE_META, SONDE_TABLE_NODES, SONDE_TABLE_TOKENS, SONDE_TABLE_MEASUREMENTS,
	SONDE_TABLE_POLICIES, SONDE_TABLE_SCHEDULES, SONDE_TABLE_MEMBERS, SONDE_TABLE_EVENTS,
	SONDE_TABLE_ROLLUPS, SONDE_TABLE_USERS, SONDE_TABLE_SESSIONS, SONDE_TABLE_TIERS,
	SONDE_TABLE_LEDGER, SONDE_TABLE_AUDIT, SONDE_TABLE_DECISIONS, SONDE_TABLE_OPEN,
};

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One or two ids, or bytes, or the text itself; its length. */
static size_t make_key(const char *text, size_t len, uint8_t out[KEY_MAX])
{
	size_t n = 0;

	if (len > 3 && !memcmp(text, "id:", 3)) {
		struct sonde_id id;
		for (text += 3, len -= 3; len >= SONDE_ID_TEXT - 1 && n + 16 <= KEY_MAX;
		     text += SONDE_ID_TEXT - 1, len -= SONDE_ID_TEXT - 1, n += 16)
			if (!sonde_id_parse(text, SONDE_ID_TEXT - 1, &id))
				return 0;
			else
				memcpy(out + n, id.b, 16);
	} else if (len > 4 && !memcmp(text, "hex:", 4)) {
		for (text += 4, len -= 4; len >= 2 && n < KEY_MAX; text += 2, len -= 2)
			out[n++] = (uint8_t)((digit(text[0]) & 15) * 16 + (digit(text[1]) & 15));
		return n;
	}
	/* What is left stands as it is. */
	if (len > KEY_MAX - n)
		len = KEY_MAX - n;
	memcpy(out + n, text, len);
	return n + len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t key[KEY_MAX];
	size_t len;

	world_begin();
	char *text = world_expand(data, size, &len);
	char *nl = len > 2 ? memchr(text, '\n', len) : NULL;
	size_t n = nl && nl > text ? make_key(text + 1, (size_t)(nl - text - 1), key) : 0;
	if (n)
		world_reload(tables[((unsigned char)text[0] - 'a') % (sizeof(tables) / sizeof(tables[0]))],
		             (struct sonde_slice){ key, n },
		             (struct sonde_slice){ nl + 1, len - (size_t)(nl + 1 - text) });
	free(text);
	return 0;
}
