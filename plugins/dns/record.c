/* SPDX-License-Identifier: Apache-2.0 */
/* Walks the rdata of a record along ldns' description of its type. Each field is bounded before it
 * is written; a record that does not fit its description is written as hex. Nothing is kept. */
#include "record.h"

#include <arpa/inet.h>
#include <ldns/ldns.h>
#include <stdio.h>
#include <string.h>

const char *dns_type_text(unsigned type, char out[16])
{
	const ldns_rr_descriptor *d = ldns_rr_descript((uint16_t)type);

	if (type == 255)
		return "ANY";
	if (d && d->_name && (unsigned)d->_type == type && strncmp(d->_name, "TYPE", 4))
		return d->_name;
	snprintf(out, 16, "TYPE%u", type);
	return out;
}

const char *dns_class_text(unsigned class, char out[16])
{
	static const char *const names[] = { [1] = "IN", [3] = "CH", [4] = "HS", [254] = "NONE",
		                             [255] = "ANY" };

	if (class < sizeof(names) / sizeof(names[0]) && names[class])
		return names[class];
	snprintf(out, 16, "CLASS%u", class);
	return out;
}

const char *dns_rcode_text(unsigned rcode, char out[16])
{
	static const char *const names[] = {
		"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN",
		"YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE", [16] = "BADVERS", [23] = "BADCOOKIE",
	};

	if (rcode < sizeof(names) / sizeof(names[0]) && names[rcode])
		return names[rcode];
	snprintf(out, 16, "RCODE%u", rcode);
	return out;
}

/* ---- fields ---- */

struct field {
	const struct dns_message *m;
	ldns_rdf_type type;
	size_t at, len;
	bool in_cert; /* of a CERT record */
};

static unsigned get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static const uint8_t *bytes_of(const struct field *f)
{
	return f->m->data + f->at;
}

static void put_number(struct dns_text *t, const struct field *f)
{
	uint32_t v = 0;

	for (size_t i = 0; i < f->len; i++)
		v = v << 8 | bytes_of(f)[i];
	dns_putf(t, "%u", (unsigned)v);
}

static void put_name(struct dns_text *t, const struct field *f)
{
	char text[DNS_NAME_TEXT];
	struct dns_name name;

	if (dns_name_read(f->m->data, f->m->len, f->at, &name, NULL))
		dns_put(t, text, dns_name_text(&name, text));
}

/* By ldns; false when it refuses. */
static bool put_other(struct dns_text *t, const struct field *f)
{
	ldns_rdf *rdf = ldns_rdf_new_frm_data(f->type, f->len, bytes_of(f));
	ldns_buffer *b = ldns_buffer_new(256);
	bool ok = rdf && b && ldns_rdf2buffer_str(b, rdf) == LDNS_STATUS_OK;

	if (ok) {
		const char *s = (const char *)ldns_buffer_begin(b);
		size_t n = ldns_buffer_position(b);
		while (n && s[n - 1] == ' ') /* a list of types ends so */
			n--;
		dns_put(t, s, n);
	}
	ldns_buffer_free(b);
	ldns_rdf_deep_free(rdf);
	return ok;
}

/* ---- the walk ---- */

/* Whether the gateway of IPSECKEY or AMTRELAY is no name, or an uncompressed one: ldns would
 * follow pointers for long. */
static bool plain_gateway(const struct field *f)
{
	bool relay = f->type == LDNS_RDF_TYPE_AMTRELAY;
	size_t head = relay ? 2 : 3;
	const uint8_t *p = bytes_of(f);

	if (f->len < head)
		return false;
	if ((p[1] & (relay ? 0x7f : 0xff)) != 3)
		return true;
	for (size_t at = head; at < f->len; at += p[at] + 1u) {
		if (p[at] > 63)
			return false;
		if (!p[at])
			return true;
	}
	return false;
}

/* Octets that are shown as they are, in one of the ways of writing octets. */
static bool put_octets(struct dns_text *t, const struct field *f)
{
	const uint8_t *p = bytes_of(f);

	switch (f->type) {
	case LDNS_RDF_TYPE_STR:
		dns_put_quoted(t, p + 1, f->len - 1);
		return true;
	case LDNS_RDF_TYPE_LONG_STR:
		dns_put_quoted(t, p, f->len);
		return true;
	case LDNS_RDF_TYPE_HEX:
		dns_put_hex(t, p, f->len);
		return true;
	case LDNS_RDF_TYPE_NSEC3_SALT:
		if (f->len > 1)
			dns_put_hex(t, p + 1, f->len - 1);
		else
			dns_put(t, "-", 1);
		return true;
	case LDNS_RDF_TYPE_NSEC3_NEXT_OWNER:
		dns_put_base32(t, p + 1, f->len - 1);
		return true;
	case LDNS_RDF_TYPE_B64:
		dns_put_base64(t, p, f->len);
		return true;
	default:
		return false;
	}
}

static bool put_field(struct dns_text *t, const struct field *f)
{
	const uint8_t *p = bytes_of(f);

	switch (f->type) {
	case LDNS_RDF_TYPE_A:
		dns_put_address(t, AF_INET, p);
		return true;
	case LDNS_RDF_TYPE_AAAA:
		dns_put_address(t, AF_INET6, p);
		return true;
	case LDNS_RDF_TYPE_DNAME:
		put_name(t, f);
		return true;
	case LDNS_RDF_TYPE_INT8:
	case LDNS_RDF_TYPE_INT16:
	case LDNS_RDF_TYPE_INT32:
	case LDNS_RDF_TYPE_PERIOD:
		put_number(t, f);
		return true;
	case LDNS_RDF_TYPE_ALG:
		if (f->in_cert)
			dns_put_algorithm(t, *p);
		else
			put_number(t, f);
		return true;
	case LDNS_RDF_TYPE_ILNP64:
		dns_put_locator(t, p);
		return true;
	case LDNS_RDF_TYPE_LOC:
		return dns_put_loc(t, p, f->len);
	case LDNS_RDF_TYPE_APL:
		return dns_put_apl(t, p, f->len);
	case LDNS_RDF_TYPE_SVCPARAMS:
		return dns_put_svc(t, p, f->len);
	case LDNS_RDF_TYPE_IPSECKEY:
	case LDNS_RDF_TYPE_AMTRELAY:
		return plain_gateway(f) && put_other(t, f);
	default:
		return put_octets(t, f) || put_other(t, f);
	}
}

static size_t fixed_size(ldns_rdf_type type)
{
	switch (type) {
	case LDNS_RDF_TYPE_INT8:
	case LDNS_RDF_TYPE_ALG:
	case LDNS_RDF_TYPE_CERTIFICATE_USAGE:
	case LDNS_RDF_TYPE_SELECTOR:
	case LDNS_RDF_TYPE_MATCHING_TYPE:
		return 1;
	case LDNS_RDF_TYPE_INT16:
	case LDNS_RDF_TYPE_TYPE:
	case LDNS_RDF_TYPE_CLASS:
	case LDNS_RDF_TYPE_CERT_ALG:
		return 2;
	case LDNS_RDF_TYPE_INT32:
	case LDNS_RDF_TYPE_TIME:
	case LDNS_RDF_TYPE_PERIOD:
	case LDNS_RDF_TYPE_A:
		return 4;
	case LDNS_RDF_TYPE_TSIGTIME:
	case LDNS_RDF_TYPE_EUI48:
		return 6;
	case LDNS_RDF_TYPE_ILNP64:
	case LDNS_RDF_TYPE_EUI64:
		return 8;
	case LDNS_RDF_TYPE_AAAA:
	case LDNS_RDF_TYPE_LOC:
		return 16;
	default:
		return 0;
	}
}

/* The length of the field at f->at, at most `left`; false when it does not fit. */
static bool measure(struct field *f, size_t left)
{
	const uint8_t *p = bytes_of(f);
	struct dns_name name;
	size_t end;

	switch (f->type) {
	case LDNS_RDF_TYPE_DNAME:
		if (!dns_name_read(f->m->data, f->m->len, f->at, &name, &end))
			return false;
		f->len = end - f->at;
		break;
	case LDNS_RDF_TYPE_STR:
	case LDNS_RDF_TYPE_TAG:
	case LDNS_RDF_TYPE_NSEC3_SALT:
	case LDNS_RDF_TYPE_NSEC3_NEXT_OWNER:
		if (!left)
			return false;
		f->len = p[0] + 1u;
		break;
	case LDNS_RDF_TYPE_INT16_DATA:
		if (left < 2)
			return false;
		f->len = get16(p) + 2;
		break;
	case LDNS_RDF_TYPE_HIP:
		if (left < 4)
			return false;
		f->len = 4u + p[0] + get16(p + 2);
		break;
	default:
		f->len = fixed_size(f->type) ? fixed_size(f->type) : left;
	}
	return f->len <= left;
}

/* Which may be empty: a service without parameters, a name without types. */
static bool ends_with_list(unsigned type)
{
	static const uint16_t types[] = { LDNS_RR_TYPE_SVCB, LDNS_RR_TYPE_HTTPS,
		                          LDNS_RR_TYPE_NSEC, LDNS_RR_TYPE_NSEC3,
		                          LDNS_RR_TYPE_CSYNC };

	for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (types[i] == type)
			return true;
	return false;
}

static bool put_fields(struct dns_text *t, const struct dns_message *m, const struct dns_record *r)
{
	const ldns_rr_descriptor *d = ldns_rr_descript(r->type);
	size_t at = r->rdata, end = r->rdata + r->rdlen, n = 0;

	if (!d || (unsigned)d->_type != r->type || !r->rdlen)
		return false;
	size_t most = ldns_rr_descriptor_maximum(d), least = ldns_rr_descriptor_minimum(d);
	for (; at < end && n < most && !t->full; n++) {
		struct field f = { m, ldns_rr_descriptor_field_type(d, n), at, 0,
			           r->type == LDNS_RR_TYPE_CERT };
		if (f.type == LDNS_RDF_TYPE_UNKNOWN || !measure(&f, end - at))
			return false;
		if (n)
			dns_put(t, " ", 1);
		if (!put_field(t, &f))
			return false;
		at += f.len;
	}
	return t->full || (at == end && (n >= least || (n + 1 == most && ends_with_list(r->type))));
}

void dns_put_value(struct dns_text *t, const struct dns_message *m, const struct dns_record *r)
{
	size_t before = t->len;

	if (put_fields(t, m, r))
		return;
	t->len = before;
	t->full = false;
	dns_putf(t, "\\# %zu%s", r->rdlen, r->rdlen ? " " : "");
	dns_put_hex(t, m->data + r->rdata, r->rdlen);
}
