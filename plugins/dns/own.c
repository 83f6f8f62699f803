/* SPDX-License-Identifier: Apache-2.0 */
/* The resolvers that the operator gave this node, from resolv.conf as libc reads it. The file is
 * small and changes while a node lives, so that it is read for each probe that needs it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "dns.h"

enum { FILE_MAX = 8192, LINE_LEN = 128 };

static size_t read_file(char out[FILE_MAX])
{
	int fd = open("/etc/resolv.conf", O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = 0;

	if (fd < 0)
		return 0;
	while (len < FILE_MAX - 1) {
		n = read(fd, out + len, FILE_MAX - 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	close(fd);
	return len;
}

static bool take_line(const char *line, size_t n, struct sonde_addr *out)
{
	static const char word[] = "nameserver";
	char text[LINE_LEN];

	if (n <= sizeof(word) || n >= sizeof(text) || memcmp(line, word, sizeof(word) - 1) ||
	    (line[sizeof(word) - 1] != ' ' && line[sizeof(word) - 1] != '\t'))
		return false;
	memcpy(text, line, n);
	text[n] = '\0';
	char *address = text + sizeof(word) - 1;
	address += strspn(address, " \t");
	address[strcspn(address, " \t\r%")] = '\0';
	return sonde_address_parse(address, out);
}

unsigned dns_own_resolvers(struct sonde_addr *out, unsigned max)
{
	char text[FILE_MAX];
	size_t len = read_file(text), n;
	unsigned count = 0;

	for (size_t at = 0; at < len && count < max; at += n + 1) {
		const char *end = memchr(text + at, '\n', len - at);
		n = end ? (size_t)(end - (text + at)) : len - at;
		count += take_line(text + at, n, &out[count]);
	}
	/* As libc does without a line. */
	if (!count)
		count += sonde_address_parse("127.0.0.1", &out[0]);
	return count;
}
