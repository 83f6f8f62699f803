/* SPDX-License-Identifier: Apache-2.0 */
/* What the controller orders (settings, a new key, commands) and what the node tells of itself (the
 * self-test). An order is carried out, made durable where it must be, and only then confirmed. What
 * the node's owner has set is never widened here. Owns the self-test and
 * the watch over addresses; the rest lies in the node. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "node/node_private.h"

enum { LOG_BYTES = 64 << 10, PATH_BYTES = 1024 + 16 };

int64_t sonde_life_capacity(const struct sonde_node *node)
{
	return sonde_narrower(node->options->capacity, node->settings.settings.capacity);
}

int64_t sonde_life_packets(const struct sonde_node *node)
{
	return sonde_narrower(node->options->packets_per_second,
	                      node->settings.settings.packets_per_second);
}

/* ---- telling ---- */

static void send_report(struct sonde_node *node)
{
	struct sonde_msg m = { .kind = SONDE_MSG_HEALTH,
		               .report = sonde_selftest_report(node->selftest) };

	if (m.report.len)
		sonde_link_say(node->link, &m);
}

static void on_tested(void *arg)
{
	send_report(arg);
}

static void on_net_changed(void *arg)
{
	struct sonde_node *node = arg;

	sonde_selftest_changed(node->selftest);
}

void sonde_life_up(struct sonde_node *node)
{
	int64_t offset;

	if (sonde_link_offset(node->link, &offset))
		sonde_selftest_clock(node->selftest, offset);
	send_report(node);
}

void sonde_life_beat(struct sonde_node *node, struct sonde_msg_beat *beat)
{
	int64_t offset;

	beat->capacity = (uint32_t)sonde_life_capacity(node);
	beat->uplink = sonde_selftest_uplink(node->selftest);
	if (sonde_link_offset(node->link, &offset))
		sonde_selftest_clock(node->selftest, offset);
}

/* ---- settings ---- */

static void apply_settings(struct sonde_node *node)
{
	const struct sonde_settings *s = &node->settings.settings;

	sonde_log_level(sonde_settings_log_level(s, sonde_node_log_level(node->options)));
	sonde_selftest_every(node->selftest, s->self_test_ns ? s->self_test_ns :
	                                                       node->options->self_test);
	sonde_link_set_beat(node->link, s->beat_ns);
	sonde_link_set_config(node->link, node->settings.version);
}

static void confirm(struct sonde_node *node, enum sonde_msg_kind kind, uint64_t serial,
                    const char *problem)
{
	struct sonde_msg m = { .kind = kind,
		               .confirm = { serial, { problem, strlen(problem) } } };

	sonde_link_say(node->link, &m);
}

static void on_config(struct sonde_node *node, const struct sonde_msg_config *m)
{
	char path[PATH_BYTES], problem[sizeof(((struct sonde_error *)0)->text) + 100] = "";
	struct sonde_error e = { "", "" };

	snprintf(path, sizeof(path), "%s/config.json", node->options->state);
	if (sonde_node_settings_set(&node->settings, path, m, &e)) {
		snprintf(problem, sizeof(problem), "%s%s%s", e.path, *e.path ? " " : "", e.text);
		sonde_log(SONDE_LOG_ERROR, "config", "version %" PRIu64 " is not used: %s", m->version,
		          problem);
	} else {
		apply_settings(node);
		sonde_log(SONDE_LOG_INFO, "config", "version %" PRIu64 " is in force", m->version);
	}
	confirm(node, SONDE_MSG_CONFIGURED, m->version, problem);
	sonde_link_send_beat(node->link);
}

/* ---- key ---- */

static void on_key(struct sonde_node *node, const struct sonde_msg_key *m)
{
	struct sonde_identity fresh = { .id = node->identity.id };
	struct sonde_error e = { "", "" };
	char path[PATH_BYTES];

	if (!m->key.len || m->key.len >= sizeof(fresh.key) || memchr(m->key.s, '\n', m->key.len)) {
		confirm(node, SONDE_MSG_KEYED, m->serial, "That is no key.");
		return;
	}
	memcpy(fresh.key, m->key.s, m->key.len);
	snprintf(path, sizeof(path), "%s/node.key", node->options->state);
	if (sonde_identity_save(path, &fresh, &e)) {
		sonde_log(SONDE_LOG_ERROR, "key", "the new key is not used: %s", e.text);
	} else {
		node->identity = fresh;
		sonde_log(SONDE_LOG_INFO, "key", "the key was replaced");
	}
	sonde_secret_wipe(&fresh, sizeof(fresh));
	confirm(node, SONDE_MSG_KEYED, m->serial, e.text);
}

/* ---- commands ---- */

static void answer_logs(struct sonde_node *node, const struct sonde_msg_command *m,
                        struct sonde_msg *answer)
{
	struct sonde_buf lines;

	sonde_buf_init(&lines, SONDE_RING_LINES * (SONDE_RING_LINE + 1));
	answer->answer.next = sonde_ring_read(node->ring, m->after, m->lines, &lines);
	size_t skip = lines.len > LOG_BYTES ? lines.len - LOG_BYTES : 0;
	const char *cut = skip ? memchr(lines.data + skip, '\n', lines.len - skip) : NULL;
	if (cut)
		skip = (size_t)(cut + 1 - lines.data);
	answer->answer.text = (struct sonde_text){ lines.data + skip, lines.len - skip };
	sonde_link_say(node->link, answer);
	sonde_buf_deinit(&lines);
}

static bool text_is(struct sonde_text t, const char *word)
{
	return t.len == strlen(word) && !memcmp(t.s, word, t.len);
}

static void on_command(struct sonde_node *node, const struct sonde_msg_command *m)
{
	struct sonde_msg answer = { .kind = SONDE_MSG_ANSWER, .answer = { .id = m->id } };

	if (text_is(m->what, "logs") && node->ring) {
		answer_logs(node, m, &answer);
		return;
	}
	if (text_is(m->what, "selftest")) {
		sonde_selftest_run(node->selftest);
	} else if (text_is(m->what, "restart-runner")) {
		sonde_log(SONDE_LOG_WARN, "runner", "restarted as the controller asked");
		sonde_super_restart(node->super);
	} else {
		answer.answer.problem = SONDE_TEXT("The node does not know this command.");
	}
	sonde_link_say(node->link, &answer);
}

void sonde_life_order(void *arg, const struct sonde_msg *m)
{
	struct sonde_node *node = arg;

	if (m->kind == SONDE_MSG_CONFIG)
		on_config(node, &m->config);
	else if (m->kind == SONDE_MSG_KEY)
		on_key(node, &m->key);
	else if (m->kind == SONDE_MSG_COMMAND)
		on_command(node, &m->command);
}

/* ---- start and stop ---- */

int sonde_life_start(struct sonde_node *node, struct sonde_error *e)
{
	const struct sonde_node_options *o = node->options;
	const struct sonde_selftest_options test = {
		.controller = o->controller, .name = o->self_test_name, .uplinks = o->uplink_targets,
		.quorum = o->uplink_quorum, .every_ns = o->self_test,
	};
	struct sonde_error why = { "", "" };
	char path[PATH_BYTES];

	if (sonde_selftest_new(&node->loop, &test, on_tested, node, &node->selftest))
		return sonde_fail(e, SONDE_ENOMEM, NULL, "out of memory");
	if (sonde_netwatch_new(&node->loop, on_net_changed, node, &node->netwatch))
		sonde_log(SONDE_LOG_WARN, "selftest", "the kernel does not tell of changed addresses: they "
		          "are looked at with each self-test");
	sonde_node_settings_describe(&node->settings, node->plugins.data, node->plugins.len);
	snprintf(path, sizeof(path), "%s/config.json", o->state);
	/* Settings that cannot be read are no reason to be silent: the controller sends them again. */
	if (sonde_node_settings_load(&node->settings, path, &why))
		sonde_log(SONDE_LOG_ERROR, "config", "%s", why.text);
	apply_settings(node);
	return SONDE_OK;
}

void sonde_life_stop(struct sonde_node *node)
{
	sonde_netwatch_close(node->netwatch);
	node->netwatch = NULL;
	if (node->selftest)
		sonde_selftest_close(node->selftest);
	node->selftest = NULL;
}
