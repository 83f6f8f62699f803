/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at files and owns nothing. Refuses a start with a secret file that others can read. */
#include "controller/own_files.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/private.h"
#include "base/trust.h"
#include "config/config.h"

#define CREDENTIAL "sonde.secret"
enum { USAGE = 2 };

void own_secret_path(const struct controller_options *o, char *out, size_t room)
{
	if (o->secret_file)
		snprintf(out, room, "%s", o->secret_file);
	else if (!sonde_private_credential(CREDENTIAL, out, room))
		snprintf(out, room, "%s/secret", o->state);
}

int own_files_check(const struct controller_options *o, struct sonde_error *e)
{
	const char *const files[] = { o->key, o->admin_token_file };

	for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		int rc = files[i] ? sonde_private_check_path(files[i], e) : SONDE_OK;
		if (rc != SONDE_OK)
			return rc;
	}
	return SONDE_OK;
}

void own_pin_log(const struct controller_options *o)
{
	char pin[SONDE_PIN_TEXT];
	struct sonde_error e;

	if (o->cert && sonde_pin_of_file(o->cert, pin, &e) == SONDE_OK)
		sonde_log(SONDE_LOG_INFO, "controller", "the pin of the certificate is %s", pin);
}

static int say(int code, const char *text)
{
	fprintf(stderr, "sonde-controller: %s\n", text);
	return code;
}

/* The certificate of the configuration, when no file is named. */
static int configured(struct controller_options *o, struct sonde_pool *pool, int argc, char **argv,
                      struct sonde_error *e)
{
	int rest;
	int rc = sonde_config_load(controller_option_rows(), o, pool, sonde_config_path(argc, argv), argc,
	                           argv, &rest, e);

	if (rc == SONDE_OK && rest < argc)
		return sonde_fail(e, SONDE_EINVAL, NULL, "unexpected argument %s", argv[rest]);
	if (rc == SONDE_OK && !o->cert)
		return sonde_fail(e, SONDE_EINVAL, NULL,
		                  "there is no certificate: give --cert FILE, or its configuration");
	return rc;
}

int own_pin_command(int argc, char **argv)
{
	struct controller_options o = { 0 };
	struct sonde_error e = { "", "" };
	struct sonde_pool pool;
	char pin[SONDE_PIN_TEXT];

	if (!argc || strcmp(argv[0], "pin"))
		return -1;
	bool named = argc == 2 && argv[1][0] != '-';
	sonde_pool_init(&pool, 1 << 20);
	int rc = named ? SONDE_OK : configured(&o, &pool, argc - 1, argv + 1, &e);
	int code = rc != SONDE_OK ? say(USAGE, e.text) : 0;
	if (!code && sonde_pin_of_file(named ? argv[1] : o.cert, pin, &e) != SONDE_OK)
		code = say(1, e.text);
	else if (!code)
		puts(pin);
	sonde_pool_deinit(&pool);
	return code;
}
