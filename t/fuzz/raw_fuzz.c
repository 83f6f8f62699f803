/* SPDX-License-Identifier: Apache-2.0 */
/* A head as it came: what is good has no line that ends in another way and no control characters, is
 * made zero, and is judged alike when it comes behind another request; of one that comes in parts nothing is
 * said. The first two bytes are the length of a body. */
#include <stdlib.h>
#include <string.h>

#include "net/private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char before[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

enum { TEXT_MAX = 8192 };

static void check_good(const uint8_t *head, size_t size, const char *base)
{
	const uint8_t *end = memmem(head, size, "\r\n\r\n", 4);
	size_t len = end ? (size_t)(end - head) + 4 : 0;

	if (!len || (len < size && (uint8_t)base[len] != head[len]))
		abort();
	for (size_t i = 0; i < len; i++) {
		bool line = head[i] == '\r' ? i + 1 < len && head[i + 1] == '\n' :
			    head[i] == '\n' ? i > 0 && head[i - 1] == '\r' :
					      head[i] == '\t' || (head[i] >= ' ' && head[i] != 0x7f);
		if (!line || base[i])
			abort();
	}
}

/* As lws finds it: the first word. */
static void method_of(const uint8_t *text, size_t len, char out[16])
{
	size_t n = 0;

	for (; n < len && n < 15 && text[n] >= 'A' && text[n] <= 'Z'; n++)
		out[n] = (char)text[n];
	out[n] = '\0';
}

/* The head at the base; with `lead` behind another request. */
static enum raw_head judge(struct sonde_net *net, const uint8_t *text, size_t len, int64_t body, bool lead)
{
	struct sonde_req s = { .net = net };
	char *base = (char *)net->rx_base, method[16];
	size_t at = lead ? sizeof(before) - 1 : 0;

	memset(base, 0, RX_BYTES);
	memcpy(base, before, at);
	memcpy(base + at, text, len);
	method_of(text, len, method);
	if (lead && raw_check(&s, "GET", 0) != RAW_GOOD)
		abort();
	if (lead) /* the turn is over */
		raw_settle(net);
	enum raw_head is = raw_check(&s, method, body);
	if (!lead && is == RAW_GOOD)
		check_good(text, len, base);
	if (s.behind.len > len)
		abort();
	sonde_buf_deinit(&s.behind);
	return is;
}

/* What was kept says nothing of a head whose end alone is at the base. */
static void check_parts(struct sonde_net *net, const uint8_t *text, size_t len)
{
	struct sonde_req s = { .net = net };
	char *base = (char *)net->rx_base, method[16];

	memset(base, 0, RX_BYTES);
	memcpy(base, before, sizeof(before) - 1);
	memcpy(base + sizeof(before) - 1, text, len);
	method_of(text, len, method);
	if (raw_check(&s, "GET", 0) != RAW_GOOD)
		abort();
	raw_settle(net);
	memcpy(base, "\r\n\r\n", 4);
	if (raw_check(&s, method, 0) != RAW_UNKNOWN)
		abort();
	sonde_buf_deinit(&s.behind);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sonde_net *net = calloc(1, sizeof(*net));

	if (!net || size < 2 || size > TEXT_MAX) {
		free(net);
		return 0;
	}
	net->rx_base = malloc(RX_BYTES);
	if (!net->rx_base)
		abort();
	int64_t body = data[0] << 8 | data[1];
	enum raw_head first = judge(net, data + 2, size - 2, body, false);
	enum raw_head second = judge(net, data + 2, size - 2, body, true);
	if (first != second && first != RAW_UNKNOWN && second != RAW_UNKNOWN)
		abort();
	check_parts(net, data + 2, size - 2);
	free((char *)net->rx_base);
	free(net);
	return 0;
}
