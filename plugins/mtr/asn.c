/* SPDX-License-Identifier: Apache-2.0 */
/* The only file that knows libmaxminddb. A database is mapped for the time of one probe, so that a
 * new one is used from the next probe on. */
#include "mtr/asn.h"

#include <maxminddb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct asn {
	MMDB_s db;
};

struct asn *asn_open(struct sonde_probe *p)
{
	const char *file = getenv("SONDE_ASN_DATABASE");
	char why[224];

	if (!file || !*file)
		return NULL;
	struct asn *a = p->host->alloc(p, sizeof(*a));
	if (!a)
		return NULL;
	int rc = MMDB_open(file, MMDB_MODE_MMAP, &a->db);
	if (rc == MMDB_SUCCESS)
		return a;
	snprintf(why, sizeof(why), "SONDE_ASN_DATABASE: %.120s: %s", file, MMDB_strerror(rc));
	p->host->log(p, 4, why);
	return NULL;
}

void asn_close(struct asn *a)
{
	if (a)
		MMDB_close(&a->db);
}

uint32_t asn_find(struct asn *a, int family, const uint8_t *address)
{
	struct sockaddr_storage sa = { .ss_family = (sa_family_t)family };
	MMDB_entry_data_s value;
	int error = MMDB_SUCCESS;

	if (!a)
		return 0;
	if (family == AF_INET)
		memcpy(&((struct sockaddr_in *)&sa)->sin_addr, address, 4);
	else
		memcpy(&((struct sockaddr_in6 *)&sa)->sin6_addr, address, 16);
	MMDB_lookup_result_s r = MMDB_lookup_sockaddr(&a->db, (struct sockaddr *)&sa, &error);
	if (error || !r.found_entry ||
	    MMDB_get_value(&r.entry, &value, "autonomous_system_number", NULL) || !value.has_data)
		return 0;
	return value.type == MMDB_DATA_TYPE_UINT32 ? value.uint32
		: value.type == MMDB_DATA_TYPE_UINT16 ? value.uint16 : 0;
}
