/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_http_parse.c - an HTTP/1.1 answer, read from what has arrived of it (see agent_http.h)
 *
 * In:    untrusted bytes
 * Out:   status and body, when all is there
 * Not:   the connection (agent_http.c)
 * Facts: RFC 9112, sections 4 to 7
 */
#include "agent_http.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

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
