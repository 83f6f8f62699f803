/* Tests of @name@ on a fake host. The clock is virtual: it jumps to the next timer whenever nothing
 * is ready, so that waiting costs no time and every duration is exact. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sonde/fakehost.h>

#define MS INT64_C(1000000)

static int failed, count;

static void check(int ok, const char *what)
{
	printf("%sok %d - %s\n", ok ? "" : "not ", ++count, what);
	failed += !ok;
}

static int peer_open(char port[8])
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) ||
	    getsockname(fd, (struct sockaddr *)&at, &len))
		perror("peer");
	snprintf(port, 8, "%d", ntohs(at.sin_port));
	return fd;
}

static void peer_answer(void *arg)
{
	int fd = *(int *)arg;
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	char text[100];
	ssize_t n = recvfrom(fd, text, sizeof(text), 0, (struct sockaddr *)&from, &len);

	if (n > 0 && sendto(fd, text, (size_t)n, 0, (struct sockaddr *)&from, len) < 0)
		perror("peer");
}

static struct fakehost *host(const char *port)
{
	struct fakehost *h = fakehost_new("@name@.so");

	fakehost_virtual_clock(h, true);
	fakehost_set(h, "port", port);
	return h;
}

static void answered(void)
{
	char port[8];
	int peer = peer_open(port);
	struct fakehost *h = host(port);

	fakehost_resolve_add(h, "known.example", "127.0.0.1");
	fakehost_at(h, 20 * MS, peer_answer, &peer);
	check(fakehost_run(h, "known.example") == 0 && fakehost_failure(h) == SONDE_FAIL_NONE,
	      "an answer is a success");
	check(strstr(fakehost_json(h), "\"answer\":\"hello\"") != NULL, "the answer is told");
	check(strstr(fakehost_json(h), "\"rtt\":20") != NULL, "and its time");
	check(!*fakehost_broken(h), "the contract is kept");
	close(peer);
	fakehost_free(h);
}

static void silent(void)
{
	char port[8];
	int peer = peer_open(port);
	struct fakehost *h = host(port);

	fakehost_set(h, "wait", "3s");
	fakehost_run(h, "127.0.0.1");
	check(fakehost_failure(h) == SONDE_FAIL_TIMEOUT, "no answer is a timeout");
	check(fakehost_took_ns(h) == 3000 * MS, "after the time that was given");
	fakehost_cancel_at(h, 1000 * MS, SONDE_WHY_CANCELLED);
	fakehost_run(h, "127.0.0.1");
	check(fakehost_failure(h) == SONDE_FAIL_CANCELLED, "a cancelled probe ends");
	check(fakehost_took_ns(h) == 1000 * MS, "at once");
	check(!*fakehost_broken(h), "the contract is kept");
	close(peer);
	fakehost_free(h);
}

static void refused(void)
{
	char port[8];
	struct fakehost *h;

	close(peer_open(port));
	h = host(port);
	fakehost_run(h, "127.0.0.1");
	check(fakehost_failure(h) == SONDE_FAIL_REFUSED, "a closed port is refused");
	fakehost_refuse(h, "127.0.0.1");
	fakehost_run(h, "127.0.0.1");
	check(fakehost_failure(h) == SONDE_FAIL_GUARD, "what the guard refuses is not asked");
	check(fakehost_set(h, "port", "0") != 0, "port 0 is none");
	fakehost_free(h);
}

int main(void)
{
	answered();
	silent();
	refused();
	printf("1..%d\n", count);
	return failed ? 1 : 0;
}
