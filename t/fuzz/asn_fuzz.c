/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: the database of autonomous systems that an operator names. */
#include "fuzz_dir.h"

#include <sys/socket.h>

#include "mtr/asn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* It forgets the names of languages where a database's description of itself is cut. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libmaxminddb";
}

static _Alignas(16) char memory[4096];

static void *give(struct sonde_probe *p, size_t n)
{
	return n <= sizeof(memory) ? memory : NULL;
}

static void say(struct sonde_probe *p, int level, const char *text)
{
	if (strlen(text) > 250)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct sonde_host host = { .size = sizeof(host), .alloc = give, .log = say };
	static const uint8_t addresses[][16] = { { 10, 2, 0, 1 }, { 10, 3, 1, 1 }, { 255, 255, 255, 255 },
		                                 { 0x20, 0x01, 0x0d, 0xb8 } };
	struct sonde_probe probe = { .host = &host };
	char path[128];

	snprintf(path, sizeof(path), "%s/asn", fuzz_dir());
	fuzz_dir_write("asn", data, size, 0600);
	if (setenv("SONDE_ASN_DATABASE", path, 1))
		abort();
	struct asn *a = asn_open(&probe);
	for (unsigned i = 0; a && i < 4; i++) {
		asn_find(a, AF_INET, addresses[i]);
		asn_find(a, AF_INET6, addresses[i]);
	}
	asn_close(a);
	return 0;
}
