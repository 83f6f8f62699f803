/* SPDX-License-Identifier: Apache-2.0 */
/* Questions: names from what users type, and the bytes of a query. */
#pragma once
#include "message.h"

enum { DNS_QUERY_MAX = DNS_HEADER + DNS_NAME_MAX + 4 + 11 + 4 };

struct dns_question {
	const struct dns_name *name;
	uint16_t type, class;
	uint16_t flags;     /* DNS_RD, DNS_AD, DNS_CD */
	uint16_t edns_size; /* 0 = without EDNS */
	bool dnssec, nsid;  /* with EDNS only */
};

/* 0, or a sentence's second half ("is not a domain name: ..."). An address becomes its name under
 * in-addr.arpa or ip6.arpa when `reverse`. */
const char *dns_name_parse(const char *text, bool reverse, struct dns_name *);
/* The length of the query. */
size_t dns_query_write(const struct dns_question *, uint16_t id, uint8_t out[DNS_QUERY_MAX]);
