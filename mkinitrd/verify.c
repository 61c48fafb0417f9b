/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify.c - an image read back and compared with its manifest; the manifest inside an image
 *
 * In:    a manifest whose sizes and hashes are known, an image
 * Out:   nothing, or the first difference
 */
#include <errno.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>

#include "fail.h"
#include "image.h"
#include "image_order.h"
#include "progress.h"

#define MANIFEST_SIZE_MOST ((size_t)256 << 20)

static void digest_cleanup(EVP_MD_CTX **digest)
{
	EVP_MD_CTX_free(*digest);
}

struct verification {
	const struct manifest *manifest;
	const struct image_order *order;
	const struct image_options *options;
	const char *label;
	struct image_reader *reader;
	EVP_MD_CTX *digest;
	size_t index;         /* entries so far */
	bool has_squashfs;    /* the record that carries it was seen */
	uint64_t done, total; /* bytes of content */
};

static int differs(const struct verification *verification, const char *path, const char *what)
{
	(void)fail(0, "image '%s' does not read back as it was written: '%s' differs in %s",
		   verification->label, path, what);
	return -EBADMSG;
}

/* the expected st_mode of an entry */
static mode_t full_mode(const struct entry *entry)
{
	static const mode_t types[] = {
		[ENTRY_FILE] = S_IFREG,      [ENTRY_DIRECTORY] = S_IFDIR, [ENTRY_SYMLINK] = S_IFLNK,
		[ENTRY_CHARACTER] = S_IFCHR, [ENTRY_BLOCK] = S_IFBLK,     [ENTRY_FIFO] = S_IFIFO,
	};

	return types[entry->type] | (entry->type == ENTRY_SYMLINK ? 0777 : entry->mode & 07777);
}

/* what every record has: its place, inode, links, time */
static const char *record_difference(struct verification *verification,
				     const struct image_entry *found, const char *path, mode_t mode,
				     uint32_t nlink)
{
	const struct image_order *order = verification->order;
	size_t early_count = order->early_count;
	size_t index = verification->index++;
	size_t inode = index < order->count ? order->places[index].inode : index - early_count + 1;
	bool is_early = index < early_count;
	bool is_carried = order->squashfs_count && !verification->options->squashfs_path;
	unsigned segment = is_early ? 0 : (early_count ? 1u : 0) + (is_carried ? 1u : 0);

	if (!text_equal(found->path, path))
		return "its place in the order of paths";
	if (found->mode != mode)
		return "type or mode";
	if (found->segment != segment)
		return "segment";
	if (found->compression != (is_early ? COMPRESS_NONE : verification->options->compression))
		return "compression";
	if (is_early && S_ISREG(mode) && found->size && found->offset % EARLY_ALIGNMENT)
		return "the place of its content";
	if (found->inode != inode)
		return "inode number";
	if (found->nlink != (S_ISDIR(mode) ? 2 : nlink))
		return "number of links";
	if (found->mtime != verification->options->mtime)
		return "time";
	return NULL;
}

static int read_digest(struct verification *verification, const char *path, unsigned char *digest)
{
	const unsigned char *piece;
	ssize_t count;

	if (!EVP_DigestInit_ex(verification->digest, EVP_sha256(), NULL))
		return fail(-ENOMEM, "cannot verify '%s'", verification->label);
	while ((count = image_read_piece(verification->reader, &piece)) > 0) {
		if (!EVP_DigestUpdate(verification->digest, piece, (size_t)count))
			return fail(-ENOMEM, "cannot verify '%s'", verification->label);
		verification->done += (uint64_t)count;
		progress_step(verification->done, verification->total, path);
	}
	if (count == 0 && !EVP_DigestFinal_ex(verification->digest, digest, NULL))
		return fail(-ENOMEM, "cannot verify '%s'", verification->label);
	return (int)count;
}

static int verify_entry(struct verification *verification, const struct entry *entry,
			const struct image_entry *found)
{
	bool has_content = verification->order->places[verification->index].has_content;
	const char *what =
		record_difference(verification, found, entry->path, full_mode(entry), entry->nlink);
	unsigned char digest[EVP_MAX_MD_SIZE];
	int r;

	if (!what && (found->uid != entry->uid || found->gid != entry->gid))
		what = "owner";
	if (!what && entry->type == ENTRY_SYMLINK && !text_equal(found->target, entry->target))
		what = "target";
	if (!what && (found->special_major != entry->device_major ||
		      found->special_minor != entry->device_minor))
		what = "device";
	if (!what && entry->type != ENTRY_FILE && entry->type != ENTRY_SYMLINK && found->size != 0)
		what = "size";
	if (!what && entry->type == ENTRY_FILE &&
	    (!entry->is_hashed || found->size != (has_content ? entry->size : 0)))
		what = "size";
	if (what)
		return differs(verification, entry->path, what);
	if (entry->type != ENTRY_FILE || !has_content)
		return 0;
	r = read_digest(verification, entry->path, digest);
	if (r == 0 && memcmp(digest, entry->sha256, SHA256_SIZE) != 0)
		r = differs(verification, entry->path, "content");
	return r;
}

/* the rest of the current entry's content */
static int read_all(struct image_reader *reader, const char *label, struct text *text)
{
	const unsigned char *piece;
	ssize_t count;

	while ((count = image_read_piece(reader, &piece)) > 0) {
		text_add_bytes(text, piece, (size_t)count);
		if (text->failed || text->length > MANIFEST_SIZE_MOST)
			return fail(text->failed ? -ENOMEM : -EFBIG, "cannot read '%s' in '%s'",
				    MANIFEST_PATH, label);
	}
	return (int)count;
}

static int parse(const struct text *text, const char *label, struct manifest **ret_manifest,
		 char **ret_release, char **ret_profile)
{
	CLEANUP(memory_free) char *error = NULL;
	int r = manifest_from_json(text_string(text), text->length, ret_manifest, ret_release,
				   ret_profile, &error);

	if (r == -EINVAL)
		return fail(0, "cannot read '%s' in '%s': %s", MANIFEST_PATH, label,
			    error ? error : "it is not of the form");
	return r < 0 ? fail(r, "cannot read '%s' in '%s'", MANIFEST_PATH, label) : 0;
}

/* the packed manifest says, byte by byte, what the one in memory says */
static int verify_manifest(const struct verification *verification)
{
	CLEANUP(text_free) struct text found = TEXT_EMPTY;
	CLEANUP(text_free) struct text expected = TEXT_EMPTY;
	CLEANUP(manifest_cleanup) struct manifest *manifest = NULL;
	CLEANUP(memory_free) char *release = NULL;
	CLEANUP(memory_free) char *profile = NULL;
	int r = read_all(verification->reader, verification->label, &found);

	if (r == 0)
		r = parse(&found, verification->label, &manifest, &release, &profile);
	if (r < 0)
		return r;
	r = manifest_to_json(verification->manifest, release, profile, &expected);
	if (r < 0)
		return fail(r, "cannot verify '%s'", verification->label);
	if (found.length != expected.length || memcmp(found.data, expected.data, found.length) != 0)
		return differs(verification, MANIFEST_PATH, "content");
	return 0;
}

/* the two entries that the writer adds */
static int verify_last(struct verification *verification, const struct image_entry *found)
{
	bool is_manifest = verification->index == verification->order->count;
	const char *path = is_manifest ? MANIFEST_PATH : COMPLETE_PATH;
	const char *what = record_difference(verification, found, path,
					     S_IFREG | (is_manifest ? 0644 : 0444), 1);

	if (!what && (found->uid || found->gid))
		what = "owner";
	if (!what && !is_manifest && found->size)
		what = "size";
	if (what)
		return differs(verification, path, what);
	return is_manifest ? verify_manifest(verification) : 0;
}

/* the record that carries it */
static int verify_squashfs(struct verification *verification, const struct image_entry *found)
{
	const char *what = !text_equal(found->path, SQUASHFS_NAME)
				   ? "its place in the order of paths"
			   : found->mode != (S_IFREG | SQUASHFS_MODE) ? "type or mode"
			   : found->compression != COMPRESS_NONE      ? "compression"
								      : NULL;

	return what ? differs(verification, SQUASHFS_NAME, what) : 0;
}

/* the reader is at entry number verification->index */
static int verify_next(struct verification *verification, const struct image_entry *found)
{
	const struct image_order *order = verification->order;

	if (order->squashfs_count && !verification->options->squashfs_path &&
	    !verification->has_squashfs && verification->index == order->early_count) {
		verification->has_squashfs = true;
		return verify_squashfs(verification, found);
	}
	if (verification->index < order->count)
		return verify_entry(verification, order->entries[verification->index], found);
	if (verification->index < order->count + 2)
		return verify_last(verification, found);
	return differs(verification, found->path, "being there at all");
}

int image_verify(const struct manifest *manifest, int fd, const char *label,
		 const struct image_options *options)
{
	CLEANUP(image_cleanup) struct image_reader *reader = NULL;
	CLEANUP(digest_cleanup) EVP_MD_CTX *digest = EVP_MD_CTX_new();
	CLEANUP(image_order_free) struct image_order order = IMAGE_ORDER_EMPTY;
	struct verification verification = {
		.manifest = manifest,
		.order = &order,
		.options = options,
		.label = label,
		.digest = digest,
	};
	struct image_entry found;
	int r = digest ? image_order_make(manifest, options, &order) : -ENOMEM;

	if (r < 0)
		return fail(r, "cannot verify '%s'", label);
	for (size_t i = 0; i < order.count; i++)
		verification.total += entry_own_size(order.entries[i]);
	r = image_open_fd(fd, label, &reader);
	verification.reader = reader;
	/* what is in the SquashFS: squashfs_verify.c */
	while (r == 0 && (r = image_next(reader, &found)) == 1)
		r = found.is_in_squashfs ? 0 : verify_next(&verification, &found);
	if (r == 0 && verification.index < order.count)
		r = differs(&verification, order.entries[verification.index]->path,
			    "not being there");
	else if (r == 0 && verification.index != order.count + 2)
		r = differs(&verification, COMPLETE_PATH, "not being there");
	else if (r == 0 && image_lacks_trailer(reader))
		r = fail(-EIO, "cannot verify '%s': an archive in it has no trailer", label);
	return r;
}

/* the last manifest.json, which counts, as for the kernel */
static int find_manifest(struct image_reader *reader, const char *label, struct text *text)
{
	struct image_entry entry;
	int r;

	while ((r = image_next(reader, &entry)) == 1) {
		if (!text_equal(entry.path, MANIFEST_PATH) || !S_ISREG(entry.mode))
			continue;
		text_clear(text);
		r = read_all(reader, label, text);
		if (r < 0)
			return r;
	}
	return r;
}

int image_read_manifest(const char *path, struct manifest **ret_manifest, char **ret_release,
			char **ret_profile)
{
	CLEANUP(image_cleanup) struct image_reader *reader = NULL;
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	int r = image_open(path, &reader);

	if (r == 0)
		r = find_manifest(reader, path, &text);
	if (r < 0)
		return r;
	if (text.length == 0) {
		(void)fail(0, "'%s' has no '%s': it was not made by mkinitrd", path, MANIFEST_PATH);
		return -ENODATA;
	}
	return parse(&text, path, ret_manifest, ret_release, ret_profile);
}

int image_peek_manifest(const char *path, struct manifest **ret_manifest)
{
	CLEANUP(image_cleanup) struct image_reader *reader = NULL;
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	int r = image_open(path, &reader);

	if (r < 0)
		return r;
	image_hush(reader);
	image_keep_parents(reader);
	r = find_manifest(reader, path, &text);
	if (r < 0 || text.length == 0)
		return r == -ENOMEM ? r : 0;
	return parse(&text, path, ret_manifest, NULL, NULL);
}
