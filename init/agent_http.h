/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_http.h - one HTTP/1.1 request over a unix socket, or over TCP to an address
 *
 * Quiet. Answers are taken as untrusted: header and body are bounded, silence is too.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/text.h"

#define HTTP_HEADER_LIMIT (16u << 10)
#define HTTP_BODY_LIMIT (1u << 20)

struct http_request {
	const char *socket_path; /* NULL: over TCP */
	const char *address;     /* of IPv4, then; also the value of Host */
	const char *headers;     /* further ones, each with its "\r\n"; NULL: none */
	const char *method;
	const char *target;    /* "/_ping"; already percent-encoded */
	const char *body_type; /* Content-Type; NULL: no body */
	int body_fd;           /* a regular file, sent whole from its start */
	uint64_t silence_ms;   /* give up when the other side neither takes nor says anything */
	uint64_t total_ms;     /* give up even when it does; 0: never */
	size_t limit;          /* of the answer's body; 0: HTTP_BODY_LIMIT, which is the most */
};

struct http_response {
	int status;
	struct text body;
};

#define HTTP_RESPONSE_EMPTY ((struct http_response){ 0 })

void http_response_free(struct http_response *response);

/**
 * http_request() - connect, send, read the whole answer, close
 *
 * An answer that comes while the body is still being sent ends the sending: servers refuse early.
 *
 * Return: 0 with *response filled, -ETIMEDOUT after too long a silence, -EPROTO for what is not
 * HTTP or ends too early, -EMSGSIZE for an answer over the limits, -ESTALE when the body's file
 * became shorter, or the negative errno of the failed call (-ENOENT, -ECONNREFUSED: nobody there).
 */
int http_request(const struct http_request *request, struct http_response *response);

/**
 * http_parse() - (agent_http_parse.c) read an answer from the bytes that have arrived so far
 * @is_end: the other side has closed
 *
 * Return: 1 when complete (response is filled), 0 when more is needed, or -EPROTO, -EMSGSIZE,
 * -ENOMEM. Source: RFC 9112 sections 4 to 7.
 */
int http_parse(const char *bytes, size_t length, bool is_end, struct http_response *response);

/** http_encode() - add @string to a target, percent-encoded but for what a path or a name holds */
void http_encode(struct text *target, const char *string);

/** http_clock_ms() - CLOCK_MONOTONIC */
uint64_t http_clock_ms(void);
