/* SPDX-License-Identifier: Apache-2.0 */
/* SMTP by libcurl, one handle a message. Refuses addresses with anything but visible ASCII, since they
 * become lines of the dialogue. */
#include "fetch/mail.h"

#include <stdio.h>
#include <string.h>

#include <curl/curl.h>

#include "base/status.h"

enum { TO_MAX = 16, ADDRESS_MAX = 256 };

struct sending {
	const struct sonde_mail *mail;
	size_t at;
};

static size_t on_read(char *to, size_t size, size_t n, void *arg)
{
	struct sending *s = arg;
	size_t left = s->mail->len - s->at, room = size * n;

	room = room < left ? room : left;
	memcpy(to, s->mail->text + s->at, room);
	s->at += room;
	return room;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const struct sonde_mail *m = arg;

	(void)a, (void)b, (void)c, (void)d;
	return m->stop && atomic_load(m->stop);
}

static bool is_address(const char *text, size_t len)
{
	if (!len || len >= ADDRESS_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (text[i] < 0x21 || text[i] > 0x7e || text[i] == '<' || text[i] == '>')
			return false;
	return true;
}

static int add_recipients(const char *to, struct curl_slist **list, struct sonde_error *err)
{
	char address[ADDRESS_MAX];

	for (unsigned i = 0; *to; i++) {
		size_t n = strcspn(to, ";");
		if (!is_address(to, n) || i == TO_MAX)
			return sonde_fail(err, SONDE_EINVAL, "", "a recipient is no address, or there are "
			                  "more than %d", TO_MAX);
		snprintf(address, sizeof(address), "%.*s", (int)n, to);
		struct curl_slist *more = curl_slist_append(*list, address);
		if (!more)
			return sonde_fail(err, SONDE_ENOMEM, "", "out of memory");
		*list = more;
		to += n + (to[n] == ';');
	}
	return SONDE_OK;
}

static void set_options(CURL *c, struct sending *s, struct curl_slist *to, char *why)
{
	const struct sonde_mail *m = s->mail;
	bool local = strstr(m->url, "//127.0.0.1") || strstr(m->url, "//[::1]") ||
		     strstr(m->url, "//localhost");

	curl_easy_setopt(c, CURLOPT_URL, m->url);
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
#else
	curl_easy_setopt(c, CURLOPT_PROTOCOLS, (long)(CURLPROTO_SMTP | CURLPROTO_SMTPS));
#endif
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)m->timeout_ms);
	curl_easy_setopt(c, CURLOPT_MAIL_FROM, m->from);
	curl_easy_setopt(c, CURLOPT_MAIL_RCPT, to);
	curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(c, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(c, CURLOPT_READDATA, s);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, why);
	curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(c, CURLOPT_XFERINFODATA, (void *)m);
	curl_easy_setopt(c, CURLOPT_USE_SSL, (long)(m->user && !local ? CURLUSESSL_ALL : CURLUSESSL_TRY));
	curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (m->ca_file)
		curl_easy_setopt(c, CURLOPT_CAINFO, m->ca_file);
	if (m->user) {
		curl_easy_setopt(c, CURLOPT_USERNAME, m->user);
		curl_easy_setopt(c, CURLOPT_PASSWORD, m->password);
	}
}

static int explain(CURL *c, CURLcode code, const char *why, struct sonde_error *err)
{
	long said = 0;
	int rc = SONDE_EIO;

	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &said);
	if (code == CURLE_OPERATION_TIMEDOUT)
		rc = SONDE_ETIMEOUT;
	else if (code == CURLE_PEER_FAILED_VERIFICATION)
		rc = SONDE_EDENIED;
	else if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL || said >= 500)
		rc = SONDE_EINVAL;
	return sonde_fail(err, rc, "", "%s", *why ? why : curl_easy_strerror(code));
}

int sonde_mail_send(const struct sonde_mail *m, struct sonde_error *err)
{
	char why[CURL_ERROR_SIZE] = "";
	struct sending s = { m, 0 };
	struct curl_slist *to = NULL;
	CURL *c = NULL;

	if (!is_address(m->from, strlen(m->from)))
		return sonde_fail(err, SONDE_EINVAL, "", "the sender is no address");
	int rc = add_recipients(m->to, &to, err);
	if (rc == SONDE_OK && !(c = curl_easy_init()))
		rc = sonde_fail(err, SONDE_ENOMEM, "", "out of memory");
	if (rc == SONDE_OK) {
		set_options(c, &s, to, why);
		CURLcode code = curl_easy_perform(c);
		rc = code ? explain(c, code, why, err) : SONDE_OK;
	}
	curl_easy_cleanup(c);
	curl_slist_free_all(to);
	return rc;
}
