/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_http.c - a small HTTP/1.1 client, for a local daemon and for a cloud's metadata
 *
 * In:    a request, with a file as its body or without one
 * Out:   status and body of the answer: with a length, chunked, or up to the end of the connection
 * Not:   what the answers mean (agent_docker.c); TLS, redirects, keep-alive
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
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "lib/unix_socket.h"

#define TRANSFER_SIZE (64u << 10)

/* the framing that the header announces */
struct framing {
	bool is_chunked, has_length;
	size_t length;
};

void http_response_free(struct http_response *response)
{
	text_free(&response->body);
	response->status = 0;
}

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

/* ---- reading an answer ---- */

/* digits of @base up to @end or a character that is none; at least one, and no overflow */
static int digits_parse(const char *from, const char *end, unsigned base, const char **ret_after,
			size_t *ret_number)
{
	const char *at = from;
	size_t number = 0;

	for (; at < end && isxdigit((unsigned char)*at); at++) {
		unsigned digit = isdigit((unsigned char)*at)
					 ? (unsigned)(*at - '0')
					 : (unsigned)(tolower((unsigned char)*at) - 'a') + 10;

		if (digit >= base)
			break;
		if (__builtin_mul_overflow(number, (size_t)base, &number) ||
		    __builtin_add_overflow(number, (size_t)digit, &number))
			return -EMSGSIZE;
	}
	if (at == from)
		return -EPROTO;
	*ret_after = at;
	*ret_number = number;
	return 0;
}

/* "HTTP/1.1 200 OK" */
static int status_parse(const char *line, size_t length, int *ret_status)
{
	static const char versions[][10] = { "HTTP/1.1 ", "HTTP/1.0 " };
	const char *after;
	size_t number;

	for (size_t i = 0; i < COUNT_OF(versions); i++) {
		if (length < 12 || memcmp(line, versions[i], 9) != 0)
			continue;
		if (digits_parse(line + 9, line + 12, 10, &after, &number) < 0 ||
		    after != line + 12 || number < 100 || number > 599)
			return -EPROTO;
		*ret_status = (int)number;
		return 0;
	}
	return -EPROTO;
}

/* the field's value when @line is a header of @name, with blanks skipped, else NULL */
static const char *header_value(const char *line, size_t length, const char *name)
{
	size_t name_length = strlen(name);

	if (length <= name_length || strncasecmp(line, name, name_length) != 0 ||
	    line[name_length] != ':')
		return NULL;
	line += name_length + 1;
	while (*line == ' ' || *line == '\t')
		line++;
	return line;
}

static int header_line(const char *line, size_t length, struct framing *framing)
{
	const char *value, *after;
	int r;

	value = header_value(line, length, "Transfer-Encoding");
	if (value) {
		/* we announce no other coding, so none may come */
		if (strncasecmp(value, "chunked\r\n", 9) != 0)
			return -EPROTO;
		framing->is_chunked = true;
	}
	value = header_value(line, length, "Content-Length");
	if (value) {
		r = digits_parse(value, line + length, 10, &after, &framing->length);
		if (r < 0)
			return r;
		framing->has_length = true;
	}
	return 0;
}

/* status line and headers. Return: bytes they take with the empty line, 0 for more, or -errno */
static ssize_t head_parse(const char *bytes, size_t length, struct framing *framing,
			  int *ret_status)
{
	const char *end = memmem(bytes, length, "\r\n\r\n", 4), *line = bytes;
	size_t head_length;
	int r;

	if (!end && length < HTTP_HEADER_LIMIT) {
		/* say at once that this is no HTTP, instead of waiting for more of it */
		if (memcmp(bytes, "HTTP/1.", length < 7 ? length : 7) != 0)
			return -EPROTO;
		return 0;
	}
	if (!end || (size_t)(end - bytes) > HTTP_HEADER_LIMIT)
		return -EMSGSIZE;
	head_length = (size_t)(end - bytes) + 4;

	r = status_parse(bytes, head_length, ret_status);
	while (r >= 0 && line < end) {
		const char *next = memmem(line, head_length - (size_t)(line - bytes), "\r\n", 2);

		if (line != bytes)
			r = header_line(line, (size_t)(next - line), framing);
		line = next + 2;
	}
	return r < 0 ? r : (ssize_t)head_length;
}

/* RFC 9112 section 7.1. Return: 1 complete, 0 more is needed, or -errno */
static int chunks_parse(const char *bytes, size_t length, struct text *body)
{
	const char *at = bytes, *end = bytes + length;

	for (;;) {
		const char *line_end = memmem(at, (size_t)(end - at), "\r\n", 2), *after;
		size_t size;
		int r;

		if (!line_end)
			return (size_t)(end - at) > HTTP_HEADER_LIMIT ? -EPROTO : 0;
		r = digits_parse(at, line_end, 16, &after, &size);
		if (r < 0)
			return r;
		if (after != line_end && *after != ';' && *after != ' ')
			return -EPROTO;
		if (size == 0)
			return 1; /* trailers have nothing for us */
		if (size > HTTP_BODY_LIMIT - body->length)
			return -EMSGSIZE;
		at = line_end + 2;
		if ((size_t)(end - at) < size + 2)
			return 0;
		if (memcmp(at + size, "\r\n", 2) != 0)
			return -EPROTO;
		text_add_bytes(body, at, size);
		at += size + 2;
	}
}

static int body_parse(const char *bytes, size_t length, bool is_end, const struct framing *framing,
		      struct http_response *response)
{
	if (response->status == 204 || response->status == 304)
		return 1;
	if (framing->is_chunked)
		return chunks_parse(bytes, length, &response->body);
	if (framing->has_length) {
		if (framing->length > HTTP_BODY_LIMIT)
			return -EMSGSIZE;
		if (length < framing->length)
			return 0;
		text_add_bytes(&response->body, bytes, framing->length);
		return 1;
	}
	if (length > HTTP_BODY_LIMIT)
		return -EMSGSIZE;
	if (is_end)
		text_add_bytes(&response->body, bytes, length);
	return is_end;
}

int http_parse(const char *bytes, size_t length, bool is_end, struct http_response *response)
{
	struct framing framing = { 0 };
	ssize_t head_length;
	int r;

	text_clear(&response->body);
	response->status = 0;
	for (;;) {
		head_length = head_parse(bytes, length, &framing, &response->status);
		if (head_length <= 0 || response->status >= 200)
			break;
		/* 100 Continue and its like come before the answer */
		bytes += head_length;
		length -= (size_t)head_length;
		framing = (struct framing){ 0 };
	}
	if (head_length < 0)
		return (int)head_length;
	if (head_length == 0)
		return is_end ? -EPROTO : 0;

	r = body_parse(bytes + head_length, length - (size_t)head_length, is_end, &framing,
		       response);
	if (r == 0 && is_end)
		return -EPROTO;
	if (r == 1 && response->body.failed)
		return -ENOMEM;
	return r;
}

/* ---- the connection ---- */

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
