/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metadata.c - the answers of a metadata service: what is taken is safe where it goes, into a
 *              header, the host's name, and a file of keys
 */
#include <ctype.h>

#include "fuzz.h"
#include "init/agent_metadata.h"
#include "init/lib/host_name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(memory_free) char *bytes = fuzz_string(data, size);
	CLEANUP(memory_free) char *token = NULL;
	CLEANUP(memory_free) char *name = NULL;
	CLEANUP(strings_free) struct strings keys = STRINGS_EMPTY;
	CLEANUP(text_free) struct text text = TEXT_EMPTY;

	if (metadata_token_parse(bytes, size, &token) == 0)
		for (const char *at = token; *at; at++)
			REQUIRE(isgraph((unsigned char)*at));
	if (metadata_label_parse(bytes, size, &name) == 0)
		REQUIRE(host_name_is_valid(name));
	if (metadata_keys_parse(bytes, size, &keys) < 0)
		REQUIRE(keys.count == 0);
	for (size_t i = 0; i < keys.count; i++) {
		REQUIRE(keys.items[i][0] == 's' || keys.items[i][0] == 'e');
		for (const char *at = keys.items[i]; *at; at++)
			REQUIRE((unsigned char)*at >= ' ' && *at != 0x7f);
	}
	if (metadata_data_parse(bytes, size, &text) == 0)
		REQUIRE(text.length <= size / 4 * 3 + 2);
	return 0;
}
