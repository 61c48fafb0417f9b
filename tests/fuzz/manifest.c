/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest.c - manifest.json: any text is refused or is a manifest; JSON -> manifest -> JSON
 * settles at once; paths lie below the root, sorted; every chain of reasons ends
 */
#include "fuzz.h"
#include "mkinitrd/manifest.h"

static void check_entries(const struct manifest *manifest)
{
	for (size_t i = 0; i < manifest_count(manifest); i++) {
		CLEANUP(text_free) struct text text = TEXT_EMPTY;
		struct entry *entry = manifest_at(manifest, i);

		REQUIRE(fuzz_path_is_below(entry->path));
		REQUIRE(i == 0 || strcmp(manifest_at(manifest, i - 1)->path, entry->path) < 0);
		REQUIRE(manifest_find(manifest, entry->path) == entry);
		REQUIRE((entry->type == ENTRY_SYMLINK) == (entry->target != NULL));
		REQUIRE(entry->reason_count > 0);
		manifest_chain(manifest, entry, i % 2, &text);
		entry_describe_source(entry, &text);
		REQUIRE(!text.failed);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(manifest_cleanup) struct manifest *manifest = NULL, *again = NULL;
	CLEANUP(text_free) struct text text = TEXT_EMPTY, second = TEXT_EMPTY;
	CLEANUP(memory_free) char *release = NULL, *profile = NULL, *error = NULL;
	CLEANUP(memory_free) char *release_again = NULL, *profile_again = NULL;

	if (manifest_from_json((const char *)data, size, &manifest, &release, &profile, &error) <
	    0) {
		REQUIRE(error && *error && !manifest && !release && !profile);
		return 0;
	}
	check_entries(manifest);
	REQUIRE(manifest_to_json(manifest, release, profile, &text) == 0);
	REQUIRE(manifest_from_json(text_string(&text), text.length, &again, &release_again,
				   &profile_again, &error) == 0);
	REQUIRE(text_equal(release, release_again) && text_equal(profile, profile_again));
	REQUIRE(manifest_count(manifest) == manifest_count(again));
	REQUIRE(manifest_to_json(again, release_again, profile_again, &second) == 0);
	REQUIRE(text.length == second.length);
	REQUIRE(memcmp(text_string(&text), text_string(&second), text.length) == 0);
	if (manifest_finish(again, NULL, NULL) == 0)
		check_entries(again);
	return 0;
}
