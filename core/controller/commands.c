/* SPDX-License-Identifier: Apache-2.0 */
/* A small fixed table of waiting commands. A node answers only what it was asked: an answer with
 * another's id is dropped. */
#include "controller/commands.h"

#include "base/clock.h"
#include "controller/controller.h"
#include "controller/link.h"

static void end(struct controller *c, struct command *row, const struct sonde_msg_answer *answer,
                const char *why)
{
	struct command was = *row;

	*row = (struct command){ 0 };
	was.done(c, was.arg, answer, why);
}

int commands_send(struct controller *c, struct node *node, const struct sonde_msg_command *what,
                  command_fn *done, void *arg)
{
	struct sonde_msg m = { .kind = SONDE_MSG_COMMAND, .command = *what };
	struct command *row = NULL;

	if (!node->conn)
		return SONDE_EGONE;
	for (unsigned i = 0; i < COMMANDS_MAX && !row; i++)
		if (!c->commands.rows[i].id)
			row = &c->commands.rows[i];
	if (!row)
		return SONDE_EFULL;
	c->commands.c = c;
	m.command.id = ++c->commands.last;
	if (!link_send(node, &m))
		return SONDE_EFULL;
	*row = (struct command){ .id = m.command.id, .node = node->id, .done = done, .arg = arg,
		                 .until_ns = sonde_boottime_ns() + COMMANDS_WAIT_S * SONDE_NS_PER_S };
	return SONDE_OK;
}

void commands_answer(struct controller *c, const struct node *node,
                     const struct sonde_msg_answer *answer)
{
	for (unsigned i = 0; i < COMMANDS_MAX; i++) {
		struct command *row = &c->commands.rows[i];
		if (answer->id && row->id == answer->id && sonde_id_equal(&row->node, &node->id)) {
			end(c, row, answer, NULL);
			return;
		}
	}
}

void commands_node_gone(struct controller *c, const struct node *node)
{
	for (unsigned i = 0; i < COMMANDS_MAX; i++) {
		struct command *row = &c->commands.rows[i];
		if (row->id && sonde_id_equal(&row->node, &node->id))
			end(c, row, NULL, "The node went away before it answered.");
	}
}

void commands_tick(struct commands *cs, int64_t now)
{
	for (unsigned i = 0; i < COMMANDS_MAX; i++)
		if (cs->rows[i].id && cs->rows[i].until_ns <= now)
			end(cs->c, &cs->rows[i], NULL, "The node did not answer in time.");
}

void commands_deinit(struct commands *cs)
{
	for (unsigned i = 0; i < COMMANDS_MAX; i++)
		if (cs->rows[i].id)
			end(cs->c, &cs->rows[i], NULL, "The controller stops.");
}
