/* SPDX-License-Identifier: Apache-2.0 */
/* Records as text, in the form that dig prints. ldns knows the layout of each type and writes the
 * rarer fields; it is only given single fields that were cut out here, never the message. */
#pragma once
#include "message.h"
#include "text.h"

/* "MX", or "TYPE65280". */
const char *dns_type_text(unsigned type, char out[16]);
const char *dns_class_text(unsigned class, char out[16]);
const char *dns_rcode_text(unsigned rcode, char out[16]);

/* The rdata. What is not of its type's form is written as "\# LENGTH HEX" (RFC 3597). */
void dns_put_value(struct dns_text *, const struct dns_message *, const struct dns_record *);
/* rare.c; false when they are malformed. */
bool dns_put_loc(struct dns_text *, const uint8_t *, size_t);
bool dns_put_apl(struct dns_text *, const uint8_t *, size_t);
void dns_put_locator(struct dns_text *, const uint8_t[8]);
void dns_put_algorithm(struct dns_text *, uint8_t);
/* The parameters of a service record (svcb.c); false when they are malformed. */
bool dns_put_svc(struct dns_text *, const uint8_t *, size_t);
