/* SPDX-License-Identifier: Apache-2.0 */
/* sonde-node: options, identity, then the node. Exit codes: 0 stopped by a signal, 1 failure, 2
 * wrong usage. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/private.h"
#include "config/config.h"
#include "node/doctor.h"
#include "node/node.h"

enum { POOL_BYTES = 1 << 20, EXIT_WRONG = 2 };

static int complain(const struct sonde_error *e, int code)
{
	fprintf(stderr, "sonde-node: %s\n", e->text);
	return code;
}

/* True when a flag that needs no configuration was answered. */
static bool answered(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			sonde_config_help(sonde_node_rows(), "sonde-node",
			                  "Runs probes for a Sonde controller. `sonde-node doctor` with the "
			                  "same options looks whether it could here.");
			return true;
		}
		if (!strcmp(argv[i], "--version")) {
			puts("sonde-node " SONDE_VERSION);
			return true;
		}
	}
	return false;
}

static int identify(const struct sonde_node_options *o, struct sonde_identity *identity,
                    struct sonde_error *e)
{
	char path[1024 + 16], id[SONDE_ID_TEXT];

	snprintf(path, sizeof(path), "%s/node.key", o->state);
	int rc = sonde_identity_load(path, identity, e);
	if (rc != SONDE_ENOENT)
		return rc;
	*e = (struct sonde_error){ 0 };
	rc = sonde_enrol(o, identity, e);
	if (!rc)
		rc = sonde_identity_save(path, identity, e);
	if (rc)
		return rc;
	sonde_id_format(&identity->id, id);
	sonde_log(SONDE_LOG_INFO, "enrol", "registered as %s", id);
	return SONDE_OK;
}

int main(int argc, char **argv)
{
	struct sonde_node_options options = { 0 };
	struct sonde_identity identity;
	struct sonde_error e = { 0 };
	struct sonde_pool pool;

	if (answered(argc, argv))
		return 0;
	signal(SIGPIPE, SIG_IGN);
	if (argc > 1 && (!strcmp(argv[1], "doctor") || !strcmp(argv[1], "--doctor")))
		return sonde_node_doctor(argc - 2, argv + 2);
	signal(SIGHUP, SIG_IGN); /* until the node can look at its plugins again */
	sonde_private_memory();
	sonde_pool_init(&pool, POOL_BYTES);
	int code = EXIT_WRONG;
	if (!sonde_node_options_load(&options, &pool, argc - 1, argv + 1, &e)) {
		code = 1;
		sonde_log_level(sonde_node_log_level(&options));
		if (!sonde_node_lock(&options, &e) && !identify(&options, &identity, &e))
			code = sonde_node_run(&options, &identity, &e);
		sonde_secret_wipe(&identity, sizeof(identity));
	}
	if (code && *e.text)
		complain(&e, code);
	sonde_pool_deinit(&pool);
	return code;
}
