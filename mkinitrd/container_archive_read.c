/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container_archive_read.c - which image is in an archive of "docker save"?
 *
 * In:    an archive that somebody else made
 * Out:   the id of the image; digests
 * Not:   the layers, which Docker checks when it loads them
 * Facts: the Docker Image Specification v1.2 (manifest.json)
 */
#include "container_archive.h"

#include <errno.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>
#include <jansson.h>
#include <openssl/evp.h>

#include "fail.h"

#define COPY_SIZE (64u << 10)
#define JSON_LIMIT (4u << 20)
#define HEX_SIZE (SHA256_SIZE * 2 + 1)

static void json_release(json_t **json)
{
	json_decref(*json);
	*json = NULL;
}

static void archive_read_release(struct archive **archive)
{
	(void)archive_read_free(*archive);
	*archive = NULL;
}

static void digest_release(EVP_MD_CTX **context)
{
	EVP_MD_CTX_free(*context);
	*context = NULL;
}

/* ---- digests ---- */

static void hex_format(const unsigned char digest[SHA256_SIZE], char ret_hex[HEX_SIZE])
{
	for (size_t i = 0; i < SHA256_SIZE; i++)
		(void)snprintf(ret_hex + 2 * i, 3, "%02x", (unsigned)digest[i]);
}

int sha256_hex(const void *bytes, size_t count, char ret_hex[HEX_SIZE])
{
	unsigned char digest[SHA256_SIZE];

	if (EVP_Digest(bytes, count, digest, NULL, EVP_sha256(), NULL) != 1)
		return -EIO;
	hex_format(digest, ret_hex);
	return 0;
}

int sha256_hex_fd(int fd, char ret_hex[HEX_SIZE])
{
	CLEANUP(digest_release) EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned char digest[SHA256_SIZE], buffer[COPY_SIZE];
	off_t offset = 0;
	ssize_t count;

	if (!context || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1)
		return -ENOMEM;
	while ((count = pread(fd, buffer, sizeof(buffer), offset)) > 0) {
		if (EVP_DigestUpdate(context, buffer, (size_t)count) != 1)
			return -EIO;
		offset += count;
	}
	if (count < 0)
		return -errno;
	if (EVP_DigestFinal_ex(context, digest, NULL) != 1)
		return -EIO;
	hex_format(digest, ret_hex);
	return 0;
}

/* ---- members ---- */

/* one small member of an archive; speaks. Return: 0, -ENOENT (not spoken) when there is none, or
 * -errno */
static int member_read(int fd, const char *label, const char *name, struct text *ret_content)
{
	CLEANUP(archive_read_release) struct archive *archive = archive_read_new();
	struct archive_entry *header;
	int r;

	if (!archive || lseek(fd, 0, SEEK_SET) < 0)
		return fail(archive ? -errno : -ENOMEM, "cannot read container archive %s", label);
	(void)archive_read_support_format_tar(archive);
	/* what Docker loads. Never archive_read_support_filter_all(): for lrzip, lzop and grzip it
	 * runs programs of this machine on what is in the file */
	(void)archive_read_support_filter_gzip(archive);
	(void)archive_read_support_filter_bzip2(archive);
	(void)archive_read_support_filter_xz(archive);
	(void)archive_read_support_filter_zstd(archive);
	r = archive_read_open_fd(archive, fd, COPY_SIZE);
	while (r == ARCHIVE_OK && (r = archive_read_next_header(archive, &header)) == ARCHIVE_OK) {
		const char *path = archive_entry_pathname(header);

		if (!path || !text_equal(path, name))
			continue;
		for (;;) {
			char buffer[4096];
			la_ssize_t count = archive_read_data(archive, buffer, sizeof(buffer));

			if (count == 0)
				return 0;
			if (count < 0 || ret_content->length > JSON_LIMIT)
				return fail(0, "cannot read '%s' in %s: %s", name, label,
					    count < 0 ? archive_error_string(archive)
						      : "it is too large");
			text_add_bytes(ret_content, buffer, (size_t)count);
		}
	}
	if (r == ARCHIVE_EOF)
		return -ENOENT;
	return fail(0, "cannot read container archive %s: %s", label,
		    archive_error_string(archive));
}

/* the element of manifest.json that has @tag; @tags collects what else there is */
static const json_t *image_find(const json_t *images, const char *tag, struct text *tags)
{
	const json_t *image;
	size_t i, j;

	json_array_foreach(images, i, image)
	{
		const json_t *name, *names = json_object_get(image, "RepoTags");

		json_array_foreach(names, j, name)
		{
			const char *string = json_string_value(name);

			if (string && text_equal(string, tag))
				return image;
			if (string)
				text_format(tags, "%s'%s'", tags->length > 0 ? ", " : "", string);
		}
	}
	return NULL;
}

int container_archive_id(int fd, const char *label, const char *tag, char **ret_id)
{
	CLEANUP(text_free) struct text list = TEXT_EMPTY, settings = TEXT_EMPTY;
	CLEANUP(text_free) struct text tags = TEXT_EMPTY, id = TEXT_EMPTY;
	CLEANUP(json_release) json_t *images = NULL;
	char config_hex[HEX_SIZE];
	const json_t *image;
	const char *config;
	int r;

	r = member_read(fd, label, "manifest.json", &list);
	if (r == -ENOENT)
		return fail(0,
			    "container archive %s has no manifest.json; make one with "
			    "'docker save'",
			    label);
	if (r < 0)
		return r;
	images = json_loadb(text_string(&list), list.length, 0, NULL);
	image = image_find(images, tag, &tags);
	if (!image)
		return fail(0, "container archive %s holds %s, not '%s'", label,
			    tags.length > 0 ? text_string(&tags) : "no tagged image", tag);
	config = json_string_value(json_object_get(image, "Config"));
	r = config ? member_read(fd, label, config, &settings) : -ENOENT;
	if (r == -ENOENT)
		return fail(0, "container archive %s lacks the configuration of '%s'", label, tag);
	if (r == 0)
		r = sha256_hex(text_string(&settings), settings.length, config_hex);
	if (r < 0)
		return r;
	text_format(&id, "sha256:%s", config_hex);
	return text_take(&id, ret_id);
}
