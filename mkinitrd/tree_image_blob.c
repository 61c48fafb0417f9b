/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree_image_blob.c - the files of a container image, untrusted: JSON and layers, with their
 * digests (see tree_image.h)
 *
 * In:    a folder, names of files in it, digests that they must have
 * Out:   JSON; a layer's members in the tree
 * Not:   which files they are (tree_image.c)
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>
#include <openssl/evp.h>

#include "container_archive.h"
#include "tree_image.h"
#include "../init/lib/file.h"

#define JSON_MOST ((size_t)4 << 20)
#define DIGEST "sha256:"

const char *image_digest_hex(const char *digest)
{
	const char *hex = digest ? text_after(digest, DIGEST) : NULL;

	return hex && strlen(hex) == HEX_LENGTH && strspn(hex, "0123456789abcdef") == HEX_LENGTH
		       ? hex
		       : NULL;
}

/* a regular file of the folder. Return: a descriptor, or -errno */
static int open_file(const struct image *image, const char *path)
{
	CLEANUP(text_free) struct text absolute = TEXT_EMPTY;
	CLEANUP(fd_close) int fd = -1;
	struct stat status;

	text_format(&absolute, "/%s", path);
	if (absolute.failed)
		return -ENOMEM;
	fd = sysroot_open(&image->folder, text_string(&absolute), O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return fd;
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
		return -ENOENT;
	return fd_take(&fd);
}

int image_read_json(const struct image *image, const char *path, const char *hex, json_t **ret)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	CLEANUP(fd_close) int fd = open_file(image, path);
	char found[HEX_LENGTH + 1];
	json_error_t error;
	int r = fd < 0 ? fd : file_read_fd(fd, JSON_MOST, &text);

	if (r == -ENOENT)
		return fail_image(image, "lacks '%s'", path);
	if (r == 0 && hex)
		r = sha256_hex(text_string(&text), text.length, found);
	if (r < 0)
		return fail(r, "cannot read '%s' of %s", path, image->reader->label);
	if (hex && !text_equal(found, hex))
		return fail_image(image, "is damaged: '%s' has the digest sha256:%s", path, found);
	*ret = json_loadb(text_string(&text), text.length, JSON_REJECT_DUPLICATES, &error);
	return *ret ? 0
		    : fail_image(image, "has no JSON in '%s': line %d: %s", path, error.line,
				 error.text);
}

int image_blob_path(const struct image *image, const char *digest, struct text *path)
{
	const char *hex = image_digest_hex(digest);

	if (!hex)
		return fail_image(image, "names the digest '%s', which is none that is known",
				  digest ? digest : "");
	text_format(path, "blobs/sha256/%s", hex);
	return path->failed ? -ENOMEM : 0;
}

int image_read_blob(const struct image *image, const json_t *descriptor, json_t **ret)
{
	const char *digest = json_string_value(json_object_get(descriptor, "digest"));
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	int r = image_blob_path(image, digest, &path);

	return r < 0 ? r
		     : image_read_json(image, text_string(&path), image_digest_hex(digest), ret);
}

/* the digest of what @fd holds when it is unpacked, which may be as it is */
static int unpacked_hex(int fd, char ret_hex[HEX_LENGTH + 1])
{
	CLEANUP(tar_close) struct archive *archive = NULL;
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	unsigned char bytes[SHA256_SIZE] = { 0 };
	struct archive_entry *header;
	const void *piece;
	size_t count;
	la_int64_t offset;
	int status;

	if (digest && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) && lseek(fd, 0, SEEK_SET) == 0)
		archive = tar_open(fd, true);
	status = archive ? archive_read_next_header(archive, &header) : ARCHIVE_FATAL;
	while (status == ARCHIVE_OK &&
	       (status = archive_read_data_block(archive, &piece, &count, &offset)) == ARCHIVE_OK)
		if (!EVP_DigestUpdate(digest, piece, count))
			status = ARCHIVE_FATAL;
	if (status == ARCHIVE_EOF && !EVP_DigestFinal_ex(digest, bytes, NULL))
		status = ARCHIVE_FATAL;
	EVP_MD_CTX_free(digest);
	for (size_t i = 0; i < SHA256_SIZE; i++)
		(void)snprintf(ret_hex + 2 * i, 3, "%02x", (unsigned)bytes[i]);
	return status == ARCHIVE_EOF ? 0 : -EBADMSG;
}

int image_take_layer(const struct image *image, const char *path, const char *digest,
		     const char *diff_id)
{
	CLEANUP(text_free) struct text label = TEXT_EMPTY;
	CLEANUP(fd_close) int fd = open_file(image, path);
	struct tree_reader reader = *image->reader;
	char found[HEX_LENGTH + 1] = "";
	const char *wanted = digest ? image_digest_hex(digest) : image_digest_hex(diff_id);
	int r;

	if (fd == -ENOENT)
		return fail_image(image, "lacks the layer '%s'", path);
	r = fd < 0 ? fd : sha256_hex_fd(fd, found);
	if (r == 0 && !digest && wanted && !text_equal(found, wanted) &&
	    unpacked_hex(fd, found) < 0)
		r = -EBADMSG;
	if (r < 0)
		return fail(r, "cannot read the layer '%s' of %s", path, image->reader->label);
	if (!wanted || !text_equal(found, wanted))
		return fail_image(image, "is damaged: the layer '%s' has the digest sha256:%s",
				  path, found);
	if (lseek(fd, 0, SEEK_SET) < 0)
		return fail(-errno, "cannot read the layer '%s'", path);
	text_format(&label, "layer '%s' of %s", path, image->reader->label);
	reader.label = text_string(&label);
	reader.is_layer = true;
	tree_level(reader.tree);
	r = tree_read_tar(&reader, fd);
	image->reader->size = reader.size;
	return r;
}
