/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.c - what Docker's socket answers: bounded, and the same whether it comes at once or in
 * pieces
 */
#include "fuzz.h"
#include "init/agent_http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* one that is complete stays so, with the same answer, when more arrives */
	for (size_t length = size / 2; length <= size;
	     length += size - length ? size - length : 1) {
		CLEANUP(http_response_free) struct http_response open = HTTP_RESPONSE_EMPTY;
		CLEANUP(http_response_free) struct http_response closed = HTTP_RESPONSE_EMPTY;
		CLEANUP(memory_free) char *copy = fuzz_string(data, length);
		int r = http_parse(copy, length, false, &open);
		int end = http_parse(copy, length, true, &closed);

		REQUIRE(r <= 1 && end <= 1 && end != 0);
		REQUIRE(r != 1 || (end == 1 && open.status == closed.status &&
				   open.body.length == closed.body.length));
		REQUIRE(end != 1 || (closed.status >= 100 && closed.status <= 999));
		REQUIRE(closed.body.length <= HTTP_BODY_LIMIT);
	}
	return 0;
}
