/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_http.c - a small HTTP/1.1 client, for a local daemon and for a cloud's metadata
 *
 * In:    a request, with a file as its body or without one
 * Out:   status and body of the answer: with a length, chunked, or up to the end of the connection
 * Not:   reading an answer (agent_http_parse.c), what it means (agent_docker.c); TLS, redirects,
 *        keep-alive
 * Facts: RFC 9112; unix(7): a non-blocking connect that finds the backlog full is EAGAIN
 */
#include "agent_http.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "lib/unix_socket.h"

#define TRANSFER_SIZE (64u << 10)

uint64_t http_clock_ms(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_MONOTONIC, &now) < 0)
		return 0;
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void http_encode(struct text *target, const char *string)
{
	for (; *string != '\0'; string++) {
		if (isalnum((unsigned char)*string) || strchr("-._~/:@", *string))
			text_add_char(target, *string);
		else
			text_format(target, "%%%02X", (unsigned)(unsigned char)*string);
	}
}

/* what is still to be sent: a buffer, refilled from the body's file */
struct sending {
	struct text buffer;
	size_t sent;
	int fd;
	uint64_t left; /* bytes of the file not yet in the buffer */
};

static void sending_free(struct sending *sending)
{
	text_free(&sending->buffer);
}

static int sending_start(const struct http_request *request, struct sending *sending)
{
	struct stat status;

	text_format(&sending->buffer, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s",
		    request->method, request->target,
		    request->socket_path ? "docker" : request->address,
		    request->headers ? request->headers : "");
	if (request->body_type) {
		if (fstat(request->body_fd, &status) < 0)
			return -errno;
		if (!S_ISREG(status.st_mode))
			return -EINVAL;
		sending->left = (uint64_t)status.st_size;
		sending->fd = request->body_fd;
		text_format(&sending->buffer, "Content-Type: %s\r\n", request->body_type);
	}
	/* a POST without a body says so too */
	text_format(&sending->buffer, "Content-Length: %llu\r\n\r\n",
		    (unsigned long long)sending->left);
	return sending->buffer.failed ? -ENOMEM : 0;
}

static bool sending_is_done(const struct sending *sending)
{
	return sending->sent == sending->buffer.length && sending->left == 0;
}

static int sending_refill(struct sending *sending)
{
	char buffer[TRANSFER_SIZE];
	size_t wanted = sizeof(buffer);
	ssize_t count;

	if (sending->left < wanted)
		wanted = (size_t)sending->left;
	count = read(sending->fd, buffer, wanted);
	if (count < 0)
		return -errno;
	if (count == 0)
		return -ESTALE;
	sending->left -= (uint64_t)count;
	sending->sent = 0;
	text_clear(&sending->buffer);
	text_add_bytes(&sending->buffer, buffer, (size_t)count);
	return sending->buffer.failed ? -ENOMEM : 0;
}

static int sending_continue(struct sending *sending, int socket_fd)
{
	ssize_t count;
	int r;

	if (sending->sent == sending->buffer.length) {
		r = sending_refill(sending);
		if (r < 0)
			return r;
	}
	count = send(socket_fd, sending->buffer.data + sending->sent,
		     sending->buffer.length - sending->sent, MSG_NOSIGNAL);
	if (count < 0 && (errno == EPIPE || errno == ECONNRESET)) {
		/* it does not want the rest; its answer says why */
		sending->left = 0;
		sending->sent = sending->buffer.length;
		return 0;
	}
	if (count < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	sending->sent += (size_t)count;
	return 0;
}

/* Return: 1 when the answer is complete, 0 when not, or -errno */
static int answer_continue(int socket_fd, size_t limit, struct text *raw,
			   struct http_response *response)
{
	char buffer[TRANSFER_SIZE];
	ssize_t count = recv(socket_fd, buffer, sizeof(buffer), 0);
	int r;

	if (count < 0 && errno == ECONNRESET)
		count = 0; /* closed without reading all that we sent; what it said has arrived */
	if (count < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	text_add_bytes(raw, buffer, (size_t)count);
	if (raw->failed)
		return -ENOMEM;
	/* chunk headers of one byte each are the worst that still makes sense */
	if (raw->length > HTTP_HEADER_LIMIT + 8 * limit)
		return -EMSGSIZE;
	r = http_parse(text_string(raw), raw->length, count == 0, response);
	return r == 1 && response->body.length > limit ? -EMSGSIZE : r;
}

/* begun; that it is not done yet shows when the request is to be sent */
static int tcp_connect(const char *address, int *ret_fd)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(80) };
	CLEANUP(fd_close) int fd = -1;

	if (inet_pton(AF_INET, address, &to.sin_addr) != 1)
		return -EINVAL;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS)
		return -errno;
	*ret_fd = fd_take(&fd);
	return 0;
}

/* how long to wait for the next thing to happen: -ETIMEDOUT when there is no time left */
static int wait_ms(const struct http_request *request, uint64_t start_ms)
{
	uint64_t wait = request->silence_ms;

	if (request->total_ms) {
		uint64_t spent_ms = http_clock_ms() - start_ms;

		if (spent_ms >= request->total_ms)
			return -ETIMEDOUT;
		if (request->total_ms - spent_ms < wait)
			wait = request->total_ms - spent_ms;
	}
	return wait > INT32_MAX ? INT32_MAX : (int)wait;
}

int http_request(const struct http_request *request, struct http_response *response)
{
	CLEANUP(sending_free) struct sending sending = { .fd = -1 };
	CLEANUP(text_free) struct text raw = TEXT_EMPTY;
	CLEANUP(fd_close) int fd = -1;
	uint64_t start_ms = http_clock_ms();
	size_t limit = request->limit ? request->limit : HTTP_BODY_LIMIT;
	int r;

	r = sending_start(request, &sending);
	if (r >= 0)
		r = request->socket_path
			    ? unix_connect(request->socket_path, SOCK_STREAM | SOCK_NONBLOCK, &fd)
			    : tcp_connect(request->address, &fd);
	while (r == 0) {
		struct pollfd pollfd = { .fd = fd, .events = POLLIN };
		int timeout_ms = wait_ms(request, start_ms);

		if (timeout_ms < 0)
			return timeout_ms;
		if (!sending_is_done(&sending))
			pollfd.events = POLLIN | POLLOUT;
		r = poll(&pollfd, 1, timeout_ms);
		if (r < 0 && errno != EINTR)
			return -errno;
		if (r == 0)
			return -ETIMEDOUT;
		r = 0;
		if (pollfd.revents & (POLLIN | POLLHUP | POLLERR))
			r = answer_continue(fd, limit, &raw, response);
		if (r == 0 && (pollfd.revents & POLLOUT) && !sending_is_done(&sending))
			r = sending_continue(&sending, fd);
	}
	return r < 0 ? r : 0;
}
