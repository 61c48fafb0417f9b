/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock_sntp.c - the applet sntp: asks NTP servers for the time, sets the clock, and stays
 *
 * In:    servers as arguments, addresses or names; their answers: untrusted
 * Out:   the clock, set at once when it is off by more than 128 ms, else adjusted slowly; a line
 * when the first server answers, and for each clock that was set Not:   being started again
 * (clock_keep.c); authentication: whoever can forge answers of the server sets the clock Facts: RFC
 * 4330 section 4 (packet), 5 (what a client does, which answers it drops); RFC 5905 section 11.3
 * (the threshold); seconds below 2^31 are those after 2036: RFC 4330 section 3
 */
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <poll.h>
#include <resolv.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#include "lib/network_address.h"
#include "machine.h"

#define PORT 123
#define ANSWER_MS 3000
#define STEP_SECONDS 0.128
#define FIRST_PAUSE_S 4
#define GOOD_PAUSE_S 64
#define MOST_PAUSE_S 2048
#define ERA_SECONDS 4294967296.0
#define SECONDS_1900_TO_1970 2208988800.0
#define CLIENT_V4 0x23 /* version 4, mode 3 */

struct packet {
	uint8_t flags; /* leap indicator, version, mode */
	uint8_t stratum, poll, precision;
	uint32_t root_delay, root_dispersion, reference;
	uint64_t reference_time, originate, receive, transmit;
} __attribute__((packed));

union endpoint {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* ---- names ---- */

static socklen_t endpoint_make(union endpoint *endpoint, int family, const void *address)
{
	memset(endpoint, 0, sizeof(*endpoint));
	endpoint->any.sa_family = (sa_family_t)family;
	if (family == AF_INET) {
		endpoint->v4.sin_port = htons(PORT);
		memcpy(&endpoint->v4.sin_addr, address, sizeof(endpoint->v4.sin_addr));
		return sizeof(endpoint->v4);
	}
	endpoint->v6.sin6_port = htons(PORT);
	memcpy(&endpoint->v6.sin6_addr, address, sizeof(endpoint->v6.sin6_addr));
	return sizeof(endpoint->v6);
}

/* the first address of a type that the name servers tell. Return: its length, or a negative errno
 */
static int look_up(const char *name, int type, int family, union endpoint *endpoint)
{
	unsigned char answer[4096];
	int length = res_search(name, ns_c_in, type, answer, sizeof(answer));
	ns_msg message;

	if (length < 0 || ns_initparse(answer, length, &message) < 0)
		return -ENOENT;
	for (int i = 0; i < ns_msg_count(message, ns_s_an); i++) {
		ns_rr record;

		if (ns_parserr(&message, ns_s_an, i, &record) == 0 &&
		    (int)ns_rr_type(record) == type &&
		    ns_rr_rdlen(record) == (family == AF_INET ? 4 : 16))
			return (int)endpoint_make(endpoint, family, ns_rr_rdata(record));
	}
	return -ENOENT;
}

/* Return: the length of *endpoint, or a negative errno */
static int resolve(const char *server, union endpoint *endpoint)
{
	struct network_address address;
	int r;

	if (network_address_parse(server, false, &address) == 0)
		return (int)endpoint_make(endpoint, address.family, address.bytes);
	/* resolv.conf may be another one by now */
	if (res_init() < 0)
		return -ENOENT;
	r = look_up(server, ns_t_a, AF_INET, endpoint);
	return r > 0 ? r : look_up(server, ns_t_aaaa, AF_INET6, endpoint);
}

/* ---- one question ---- */

static double now(void)
{
	struct timespec time;

	(void)clock_gettime(CLOCK_REALTIME, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* an NTP timestamp in seconds since 1970 */
static double timestamp(uint64_t network_order)
{
	uint64_t value = be64toh(network_order);
	double seconds = (double)(value >> 32);

	if (seconds < ERA_SECONDS / 2)
		seconds += ERA_SECONDS;
	return seconds - SECONDS_1900_TO_1970 + (double)(value & UINT32_MAX) / ERA_SECONDS;
}

static bool is_answer(const struct packet *packet, ssize_t length, uint64_t cookie)
{
	return length >= (ssize_t)sizeof(*packet) && (packet->flags & 7) == 4 &&
	       packet->flags >> 6 != 3 && packet->stratum >= 1 && packet->stratum <= 15 &&
	       packet->originate == cookie && packet->transmit != 0 && packet->receive != 0;
}

/* Return: 0 with how far the clock is behind, or a negative errno */
static int ask(const union endpoint *endpoint, socklen_t length, double *ret_offset)
{
	CLEANUP(fd_close) int fd = socket(endpoint->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct packet packet = { .flags = CLIENT_V4 };
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	uint64_t cookie, end_ms = clock_ms() + ANSWER_MS;
	double sent;

	/* no time of ours: what an answer must bring back is what nobody else knows */
	if (getrandom(&cookie, sizeof(cookie), 0) != sizeof(cookie))
		return -EIO;
	packet.transmit = cookie;
	if (fd < 0 || connect(fd, &endpoint->any, length) < 0)
		return -errno;
	sent = now();
	if (send(fd, &packet, sizeof(packet), MSG_NOSIGNAL) < 0)
		return -errno;
	for (uint64_t at; (at = clock_ms()) < end_ms;) {
		ssize_t count;
		double received;

		if (poll(&pollfd, 1, (int)(end_ms - at)) <= 0)
			continue;
		count = recv(fd, &packet, sizeof(packet), MSG_DONTWAIT);
		received = now();
		if (count < 0 && errno != EAGAIN)
			return -errno;
		if (!is_answer(&packet, count, cookie))
			continue;
		*ret_offset =
			(timestamp(packet.receive) - sent + timestamp(packet.transmit) - received) /
			2;
		return 0;
	}
	return -ETIMEDOUT;
}

/* ---- setting ---- */

static int step(double offset)
{
	double wanted = now() + offset;
	struct timespec time = { .tv_sec = (time_t)wanted };

	if (wanted < 0)
		return -ERANGE;
	time.tv_nsec = (long)((wanted - (double)time.tv_sec) * 1e9);
	return clock_settime(CLOCK_REALTIME, &time) < 0 ? -errno : 0;
}

static int slew(double offset)
{
	const struct timeval delta = { .tv_usec = (suseconds_t)(offset * 1e6) };
	struct timeval positive = delta;

	if (delta.tv_usec < 0)
		positive = (struct timeval){ .tv_sec = -1, .tv_usec = delta.tv_usec + 1000000 };
	return adjtime(&positive, NULL) < 0 ? -errno : 0;
}

static int correct(const char *server, double offset, bool is_first)
{
	bool is_step = fabs(offset) >= STEP_SECONDS;
	int r = is_step ? step(offset) : slew(offset);

	if (r < 0)
		(void)dprintf(STDERR_FILENO, "mkinitrd: clock: cannot be set: %s\n", strerror(-r));
	else if (is_step || is_first)
		(void)dprintf(STDERR_FILENO, "mkinitrd: clock: off by %+.3f s says %s, %s\n",
			      offset, server, is_step ? "set" : "adjusting");
	return r;
}

/* ask one after another. Return: 0 when one answered and was believed */
static int ask_all(char **servers, bool is_first)
{
	for (char **server = servers; *server; server++) {
		union endpoint endpoint;
		double offset = 0;
		int length = resolve(*server, &endpoint);
		int r = length < 0 ? length : ask(&endpoint, (socklen_t)length, &offset);

		if (r == 0)
			return correct(*server, offset, is_first);
		/* said when it is a mistake that stays, and in any case to rd.debug */
		(void)dprintf(STDERR_FILENO, "%s: %s\n", *server, strerror(-r));
	}
	return -ENOENT;
}

int applet_sntp(int argc, char **argv)
{
	unsigned pause = FIRST_PAUSE_S;
	bool is_first = true;

	if (argc < 2)
		return 2;
	for (;;) {
		int r = ask_all(argv + 1, is_first);

		if (r == 0 && is_first) {
			is_first = false;
			pause = GOOD_PAUSE_S;
		}
		(void)sleep(pause);
		pause = pause > MOST_PAUSE_S / 2 ? MOST_PAUSE_S : pause * 2;
	}
}
