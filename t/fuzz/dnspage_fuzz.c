/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: a DNS message as a result and as text for people: every section, every option. */
#include "fuzz_host.h"

#include "dns/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const sections[] = { [DNS_ANSWER] = "answers", [DNS_AUTHORITY] = "authority",
		                                [DNS_ADDITIONAL] = "additional" };
	static const struct dns_args args = { .nsid = 1, .expect_value = "1.2.3.4" };
	static struct dns_state state;
	struct sonde_probe probe = { .host = &fuzz_host, .args = &args, .state = &state,
		                     .target = "example.com" };
	struct dns_message m;
	struct dns_page page;

	if (!dns_message_read(data, size, &m))
		return 0;
	fuzz_host_begin();
	dns_page_init(&page, &probe);
	memset(&state, 0, sizeof(state));
	dns_edns_put(&page, &m);
	for (int section = DNS_ANSWER; section <= DNS_ADDITIONAL; section++) {
		fuzz_host.open(&probe, sections[section], '[');
		dns_rows_put(&page, &m, (enum dns_section)section);
		fuzz_host.close(&probe);
	}
	dns_page_flush(&page);
	fuzz_host_end();
	return 0;
}
