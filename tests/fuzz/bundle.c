/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle.c - a host's bundle, as it lies on a disk: what would be unpacked lies below the target,
 *            has a kind that it may have, and holds bytes of the bundle alone
 */
#include "fuzz.h"
#include "init/bundle.h"
#include "init/lib/bundle_path.h"

static void check_entry(const struct bundle_entry *entry, const uint8_t *data, size_t size)
{
	REQUIRE(fuzz_path_is_below(entry->path));
	REQUIRE(S_ISREG(entry->mode) || S_ISDIR(entry->mode) || S_ISLNK(entry->mode));
	REQUIRE(S_ISDIR(entry->mode) || !text_after(entry->path, "usr/lib/mkinitrd/"));
	REQUIRE(entry->content >= data && entry->size <= size - (size_t)(entry->content - data));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(bundle_free) struct bundle bundle = BUNDLE_EMPTY;
	CLEANUP(text_free) struct text why = TEXT_EMPTY;
	CLEANUP(memory_free) char *hostname = NULL;
	int r = bundle_parse(&bundle, data, size, &why);

	REQUIRE(bundle.count <= BUNDLE_ENTRIES_MOST);
	REQUIRE(r == 0 || why.length);
	for (size_t i = 0; i < bundle.count; i++)
		check_entry(&bundle.entries[i], data, size);
	if (r < 0)
		return 0;
	r = bundle_check_manifest(&bundle, &why);
	REQUIRE((r == 0) == (why.length == 0));
	if (bundle_hostname(&bundle, &hostname, &why) == 0 && hostname)
		REQUIRE(*hostname && strlen(hostname) <= 64 && !strpbrk(hostname, " \n\x1b/"));
	return 0;
}
