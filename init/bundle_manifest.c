/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle_manifest.c - is each file of a bundle what the manifest says?
 *
 * In:    a parsed bundle, untrusted
 * Out:   yes, or what differs
 * Not:   the form of the manifest in all its parts (mkinitrd/manifest_json.c writes it)
 */
#include <errno.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "bundle.h"
#include "lib/bundle_path.h"

#define MANIFEST_MOST ((size_t)2 << 20)
#define SHA256_BYTES 32

/* one entry as the manifest has it */
struct listed {
	const char *path;
	const json_t *json;
	bool is_seen;
};

struct listing {
	json_t *root;
	struct listed *items;
	size_t count;
};

static void listing_free(struct listing *listing)
{
	free(listing->items);
	json_decref(listing->root);
}

static int bad(struct text *why, const char *problem)
{
	text_add(why, problem);
	return -EBADMSG;
}

static int by_path(const void *left, const void *right)
{
	const struct listed *a = left, *b = right;

	return strcmp(a->path, b->path);
}

static int list(const struct bundle *bundle, struct listing *listing, struct text *why)
{
	const json_t *entries;

	if (bundle->manifest_size > MANIFEST_MOST)
		return bad(why, "has a manifest that is too large");
	listing->root = json_loadb((const char *)bundle->manifest, bundle->manifest_size,
				   JSON_REJECT_DUPLICATES, NULL);
	entries = json_object_get(listing->root, "entries");
	if (json_integer_value(json_object_get(listing->root, "format")) != 1 ||
	    !json_is_array(entries) || json_array_size(entries) > BUNDLE_ENTRIES_MOST)
		return bad(why, "has a manifest that is none");
	listing->items = calloc(json_array_size(entries) + 1, sizeof(*listing->items));
	if (!listing->items)
		return -ENOMEM;
	for (size_t i = 0; i < json_array_size(entries); i++) {
		const json_t *json = json_array_get(entries, i);
		const char *path = json_string_value(json_object_get(json, "path"));

		if (!path)
			return bad(why, "has a manifest that is none");
		listing->items[listing->count++] = (struct listed){ .path = path, .json = json };
	}
	qsort(listing->items, listing->count, sizeof(*listing->items), by_path);
	return 0;
}

static bool says(const struct listed *listed, const char *key, const char *value)
{
	const char *string = json_string_value(json_object_get(listed->json, key));

	return string && text_equal(string, value);
}

static bool counts(const struct listed *listed, const char *key, uint64_t value)
{
	const json_t *number = json_object_get(listed->json, key);

	return json_is_integer(number) && json_integer_value(number) == (json_int_t)value;
}

static bool same_digest(const struct listed *listed, const struct bundle_entry *entry)
{
	unsigned char digest[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1];

	if (EVP_Digest(entry->content, entry->size, digest, NULL, EVP_sha256(), NULL) != 1)
		return false;
	for (size_t i = 0; i < sizeof(digest); i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	return says(listed, "sha256", hex);
}

static const char *find_difference(const struct listed *listed, const struct bundle_entry *entry)
{
	const char *type = S_ISDIR(entry->mode)   ? "directory"
			   : S_ISLNK(entry->mode) ? "symlink"
						  : "file";
	CLEANUP(memory_free) char *target = NULL;
	char mode[8];

	(void)snprintf(mode, sizeof(mode), "%04o", (unsigned)entry->mode & 07777);
	if (!says(listed, "type", type) || !says(listed, "mode", mode) ||
	    !counts(listed, "uid", entry->uid) || !counts(listed, "gid", entry->gid))
		return "has another type, mode or owner than its manifest says";
	if (S_ISDIR(entry->mode))
		return NULL;
	if (S_ISREG(entry->mode))
		return counts(listed, "size", entry->size) && same_digest(listed, entry)
			       ? NULL
			       : "has another content than its manifest says (SHA-256)";
	target = strndup((const char *)entry->content, entry->size);
	return target && says(listed, "target", target) ? NULL
							: "leads elsewhere than its manifest says";
}

int bundle_check_manifest(const struct bundle *bundle, struct text *why)
{
	CLEANUP(listing_free) struct listing listing = { 0 };
	int r = list(bundle, &listing, why);

	for (size_t i = 0; r == 0 && i < bundle->count; i++) {
		const struct bundle_entry *entry = &bundle->entries[i];
		const struct listed wanted = { .path = entry->path };
		struct listed *listed =
			bsearch(&wanted, listing.items, listing.count, sizeof(wanted), by_path);
		const char *problem = !listed           ? "its manifest does not have"
				      : listed->is_seen ? "is there twice"
							: find_difference(listed, entry);

		if (problem) {
			text_format(why, "holds '%s', which %s", entry->path, problem);
			return -EBADMSG;
		}
		listed->is_seen = true;
	}
	for (size_t i = 0; r == 0 && i < listing.count; i++)
		if (!listing.items[i].is_seen) {
			text_format(why, "lacks '%s', which its manifest has",
				    listing.items[i].path);
			r = -EBADMSG;
		}
	return r;
}
