/* SPDX-License-Identifier: Apache-2.0 */
/* A DNS message as it came, read in place. Nothing here allocates, and every answer is bounded: a
 * compression pointer must point before the labels it continues, and a name has 255 bytes. What
 * is returned points into the message, which must outlive it. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	DNS_HEADER = 12,
	DNS_NAME_MAX = 255,
	DNS_MESSAGE_MAX = 65535,
	DNS_NAME_TEXT = 4 * DNS_NAME_MAX + 2, /* each byte as \DDD */
};

enum { DNS_QR = 0x8000, DNS_AA = 0x0400, DNS_TC = 0x0200, DNS_RD = 0x0100, DNS_RA = 0x0080,
       DNS_AD = 0x0020, DNS_CD = 0x0010 };

enum { DNS_TYPE_A = 1, DNS_TYPE_NS = 2, DNS_TYPE_PTR = 12, DNS_TYPE_AAAA = 28, DNS_TYPE_OPT = 41 };
enum { DNS_OPTION_NSID = 3, DNS_OPTION_EDE = 15 };

enum dns_section { DNS_QUESTION, DNS_ANSWER, DNS_AUTHORITY, DNS_ADDITIONAL, DNS_SECTIONS };

/* Uncompressed, with the root's zero byte; len >= 1. */
struct dns_name {
	unsigned len;
	uint8_t wire[DNS_NAME_MAX];
};

struct dns_edns {
	bool present, dnssec;
	uint8_t version;
	uint16_t size;
	const uint8_t *options;
	size_t options_len;
};

struct dns_message {
	const uint8_t *data;
	size_t len;
	uint16_t id, flags; /* flags: the header's word, with opcode and the low bits of rcode */
	unsigned rcode;     /* with the high bits of EDNS */
	unsigned counts[DNS_SECTIONS];
	size_t question, records; /* where they begin */
	struct dns_edns edns;
};

struct dns_record {
	enum dns_section section;
	size_t owner; /* offset of the name */
	uint16_t type, class;
	uint32_t ttl;
	size_t rdata, rdlen; /* offset and length */
};

struct dns_cursor {
	size_t at;
	enum dns_section section;
	unsigned left; /* in the section */
};

/* False when it is malformed. Bytes after the last record are ignored. */
bool dns_message_read(const uint8_t *data, size_t len, struct dns_message *);
/* Whether this is a reply to the query of ours: id, opcode, and the question, its letters in the
 * same case when `exact`. A server that could not read the query may leave the question out. */
bool dns_message_answers(const struct dns_message *, const uint8_t *query, size_t len, bool exact);

/* All records behind the question, OPT included, of a message that dns_message_read took. */
void dns_records_begin(const struct dns_message *, struct dns_cursor *);
bool dns_records_next(const struct dns_message *, struct dns_cursor *, struct dns_record *);

/* EDNS option `code`: NULL when it is not there. */
const uint8_t *dns_option_find(const struct dns_edns *, unsigned code, size_t *len);

/* The name at `at`; *end (may be NULL) is where the bytes after it begin. */
bool dns_name_read(const uint8_t *data, size_t len, size_t at, struct dns_name *, size_t *end);
bool dns_name_equal(const struct dns_name *, const struct dns_name *); /* without case */
/* Whether `name` is `zone` or below it. */
bool dns_name_within(const struct dns_name *name, const struct dns_name *zone);
/* Presentation form with the trailing dot; the length. */
size_t dns_name_text(const struct dns_name *, char out[DNS_NAME_TEXT]);
