/* SPDX-License-Identifier: Apache-2.0 */
/* A bare libcurl multi program, the measuring stick of the http plugin: REQUESTS GETs of URL, each on a
 * connection of its own, PARALLEL at once, nothing kept of the answers. Prints one JSON line.
 *
 *	curl_floor URL REQUESTS PARALLEL [CA-FILE]
 *
 * With CA-FILE certificates are verified against it, as libcurl does it. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/clock.h"

static size_t drop(char *data, size_t size, size_t n, void *arg)
{
	return size * n;
}

static double cpu_seconds(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return r.ru_utime.tv_sec + r.ru_stime.tv_sec + (r.ru_utime.tv_usec + r.ru_stime.tv_usec) * 1e-6;
}

static void add(CURLM *multi, const char *url, const char *ca)
{
	CURL *c = curl_easy_init();

	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, drop);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(c, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(c, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, ca ? 1L : 0L);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, ca ? 2L : 0L);
	if (ca)
		curl_easy_setopt(c, CURLOPT_CAINFO, ca);
	curl_multi_add_handle(multi, c);
}

/* How many of the transfers that ended since the last call went well. */
static long reap(CURLM *multi, long *done)
{
	CURLMsg *m;
	long ok = 0;
	int left;

	while ((m = curl_multi_info_read(multi, &left))) {
		CURL *c = m->easy_handle;
		ok += !m->data.result;
		(*done)++;
		curl_multi_remove_handle(multi, c);
		curl_easy_cleanup(c);
	}
	return ok;
}

int main(int argc, char **argv)
{
	long total = argc >= 4 ? strtol(argv[2], NULL, 10) : 0;
	long parallel = argc >= 4 ? strtol(argv[3], NULL, 10) : 0;
	long started = 0, done = 0, ok = 0;
	int running;

	if (total < 1 || parallel < 1 || curl_global_init(CURL_GLOBAL_DEFAULT)) {
		fputs("usage: curl_floor url requests parallel [ca-file]\n", stderr);
		return 2;
	}
	CURLM *multi = curl_multi_init();
	double cpu = cpu_seconds();
	int64_t begin = sonde_boottime_ns();
	while (done < total) {
		for (; started < total && started - done < parallel; started++)
			add(multi, argv[1], argc > 4 ? argv[4] : NULL);
		if (curl_multi_perform(multi, &running) ||
		    curl_multi_poll(multi, NULL, 0, 1000, NULL))
			break;
		ok += reap(multi, &done);
	}
	printf("{\"requests\":%ld,\"ok\":%ld,\"cpu\":%.6f,\"seconds\":%.6f}\n", done, ok,
	       cpu_seconds() - cpu, (double)(sonde_boottime_ns() - begin) / 1e9);
	curl_multi_cleanup(multi);
	curl_global_cleanup();
	return ok == total ? 0 : 1;
}
