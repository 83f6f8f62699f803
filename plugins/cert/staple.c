/* SPDX-License-Identifier: Apache-2.0 */
/* Reads an OCSP answer with OpenSSL. It comes from the target and is believed only as far as its
 * signature goes, which is told beside it. Keeps no reference. */
#include "cert/staple.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>

#include "cert/facts.h"

/* The certificate that signed the leaf, among those the peer sent. */
static X509 *issuer_of(X509 *leaf, STACK_OF(X509) *chain)
{
	for (int i = 0; chain && i < sk_X509_num(chain) && i < CERT_CHAIN_MAX; i++)
		if (X509_check_issued(sk_X509_value(chain, i), leaf) == X509_V_OK)
			return sk_X509_value(chain, i);
	return NULL;
}

static void read_single(struct cert_staple *s, OCSP_BASICRESP *basic, X509 *leaf, X509 *issuer)
{
	static const char *const names[] = { [V_OCSP_CERTSTATUS_GOOD] = "good",
		                             [V_OCSP_CERTSTATUS_REVOKED] = "revoked",
		                             [V_OCSP_CERTSTATUS_UNKNOWN] = "unknown" };
	ASN1_GENERALIZEDTIME *revoked, *now, *next;
	OCSP_CERTID *id = OCSP_cert_to_id(NULL, leaf, issuer);
	int status = -1, reason;

	if (!id || !OCSP_resp_find_status(basic, id, &status, &reason, &revoked, &now, &next))
		s->why = "it is about another certificate";
	else if (status >= 0 && status <= V_OCSP_CERTSTATUS_UNKNOWN)
		s->status = names[status];
	if (s->status) {
		s->has_dates = cert_seconds(now, &s->this_update);
		if (!next || !cert_seconds(next, &s->next_update))
			s->next_update = 0;
	}
	OCSP_CERTID_free(id);
}

void cert_staple_read(struct cert_staple *s, const unsigned char *der, size_t len, X509 *leaf,
                      STACK_OF(X509) *chain, X509_STORE *store)
{
	const unsigned char *at = der;
	OCSP_RESPONSE *response = len <= INT_MAX ? d2i_OCSP_RESPONSE(NULL, &at, (long)len) : NULL;
	OCSP_BASICRESP *basic = NULL;
	X509 *issuer = issuer_of(leaf, chain);

	*s = (struct cert_staple){ 0 };
	if (!response)
		s->why = "it cannot be read";
	else if (OCSP_response_status(response) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
		s->why = "it says that there is no answer";
	else if (!(basic = OCSP_response_get1_basic(response)))
		s->why = "it cannot be read";
	else if (!issuer)
		s->why = "the peer did not send the issuer's certificate";
	else
		read_single(s, basic, leaf, issuer);
	if (s->status)
		s->signed_well = OCSP_basic_verify(basic, chain, store, 0) > 0;
	OCSP_BASICRESP_free(basic);
	OCSP_RESPONSE_free(response);
	ERR_clear_error();
}
