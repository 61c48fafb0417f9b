/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree_file.c - a file, untrusted, into a tree: is it a tar of files, or an image in a tar?
 *
 * In:    an open file
 * Out:   members of the tree; of an image its parts, in a folder of the spool on the way
 * Not:   a tar of files (tree_archive.c), an image's parts (tree_image.c)
 *
 * Docker and others put nothing into such an archive but what is_part() knows, while no root file
 * system begins so: the first name decides.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>

#include "beneath.h"
#include "fail.h"
#include "tree_read.h"

#define HEX "0123456789abcdef"
#define HEX_LENGTH 64
#define PARTS_MOST 20000
#define JSON_MOST (4 << 20)

static size_t hex_length(const char *text)
{
	return strspn(text, HEX);
}

/* whether an entry @path of an archive can be a part of an image */
static bool is_part(const char *path)
{
	static const char *const files[] = { "manifest.json", "repositories", "index.json",
					     "oci-layout",    "blobs",        "blobs/sha256",
					     "ingest" };
	static const char *const rests[] = { "",      "/layer.tar", "/json",  "/VERSION",
					     ".json", ".tar",       ".tar.gz" };
	const char *blob = text_after(path, "blobs/sha256/");

	for (size_t i = 0; i < COUNT_OF(files); i++)
		if (text_equal(path, files[i]))
			return true;
	if (blob)
		return hex_length(blob) == HEX_LENGTH && blob[HEX_LENGTH] == '\0';
	for (size_t i = 0; i < COUNT_OF(rests) && hex_length(path) == HEX_LENGTH; i++)
		if (text_equal(path + HEX_LENGTH, rests[i]))
			return true;
	return false;
}

/* the current entry's content as @path in the folder */
static int store_content(struct tree_reader *reader, struct beneath *beneath,
			 struct archive *archive, const char *path)
{
	const char *name;
	int parent_fd = beneath_parent(beneath, path, &name);
	CLEANUP(fd_close)
	int fd = parent_fd < 0 ? parent_fd : beneath_begin(beneath, parent_fd, name);
	const void *bytes;
	size_t count;
	la_int64_t offset;
	int status = ARCHIVE_OK, r = fd < 0 ? fd : 0;

	while (r == 0 &&
	       (status = archive_read_data_block(archive, &bytes, &count, &offset)) == ARCHIVE_OK) {
		r = tree_grow(reader, path, count);
		if (r < 0)
			return r;
		r = spool_write(reader->spool, fd, bytes, count, (uint64_t)offset);
	}
	if (r == 0 && status != ARCHIVE_EOF)
		return tree_fail(reader, -EBADMSG, path, archive_error_string(archive));
	if (r == 0)
		r = beneath_publish(parent_fd, name);
	return r < 0 ? tree_fail(reader, r, path, strerror(-r)) : 0;
}

static int store_part(struct tree_reader *reader, struct beneath *beneath, struct archive *archive,
		      struct archive_entry *header)
{
	const char *stored = archive_entry_pathname(header);
	const char *target = archive_entry_symlink(header);
	CLEANUP(memory_free) char *path = NULL;
	const char *name;
	int parent_fd, r = stored ? tree_place(reader, stored, &path) : -EBADMSG;

	if (r < 0)
		return stored ? r : fail(0, "%s has an entry without a name", reader->label);
	if (!*path || archive_entry_filetype(header) == AE_IFDIR)
		return 0;
	if (!is_part(path) || archive_entry_hardlink(header))
		return tree_fail(reader, -EBADMSG, path, "is no part of a container image");
	/* what is larger is no JSON */
	if (reader->only_config && archive_entry_filetype(header) == AE_IFREG &&
	    archive_entry_size(header) > JSON_MOST)
		return 0;
	if (archive_entry_filetype(header) == AE_IFREG)
		return store_content(reader, beneath, archive, path);
	if (archive_entry_filetype(header) != AE_IFLNK || !target)
		return tree_fail(reader, -EBADMSG, path, "is no part of a container image");
	/* a layer that is there already; it is only ever opened as in a root of its own */
	parent_fd = beneath_parent(beneath, path, &name);
	r = parent_fd < 0 ? parent_fd : beneath_clear(beneath, parent_fd, name);
	if (r == 0 && symlinkat(target, parent_fd, name) < 0)
		r = -errno;
	return r < 0 ? tree_fail(reader, r, path, strerror(-r)) : 0;
}

static int read_image(struct tree_reader *reader, struct archive *archive,
		      struct archive_entry *header)
{
	CLEANUP(beneath_close) struct beneath beneath = BENEATH_EMPTY;
	CLEANUP(text_free) struct text folder = TEXT_EMPTY;
	/* what is packed and what is unpacked are bounded each */
	struct tree_reader parts = *reader;
	int status = ARCHIVE_OK, r;

	parts.size = 0;
	text_format(&folder, "image-%llu", (unsigned long long)reader->spool->names++);
	if (mkdirat(reader->spool->fd, text_string(&folder), 0700) < 0)
		return fail(-errno, "cannot unpack %s", reader->label);
	beneath.top_fd =
		openat(reader->spool->fd, text_string(&folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = beneath.top_fd < 0 ? fail(-errno, "cannot unpack %s", reader->label) : 0;
	for (size_t count = 0; r == 0 && status == ARCHIVE_OK; count++) {
		if (count > PARTS_MOST)
			return fail(0, "%s has too many parts for an image", reader->label);
		r = store_part(&parts, &beneath, archive, header);
		if (r == 0)
			status = archive_read_next_header(archive, &header);
	}
	if (r == 0 && status != ARCHIVE_EOF)
		return fail(0, "cannot read %s: %s", reader->label, archive_error_string(archive));
	if (r == 0)
		r = tree_read_image(reader, beneath.top_fd);
	if (beneath.top_fd >= 0)
		remove_all(beneath.top_fd);
	return r;
}

/* whether the first entry of an archive is called so because it is an image */
static bool begins_image(const char *name)
{
	size_t length = name ? strlen(name) : 0;
	CLEANUP(memory_free) char *path = NULL;

	if (length && name[length - 1] == '/')
		length--;
	path = strndup(name ? name : "", length);
	return path && is_part(path);
}

int tree_read_file(struct tree_reader *reader, int fd)
{
	CLEANUP(tar_close) struct archive *archive = tar_open(fd, false);
	struct archive_entry *header;
	size_t before = tree_count(reader->tree);
	int r;

	while (archive && archive_read_next_header(archive, &header) == ARCHIVE_OK) {
		const char *name = archive_entry_pathname(header);

		if (name && text_after(name, "./"))
			name += 2;
		if (name && !*name)
			continue; /* the top itself: the next one decides */
		if (begins_image(name))
			return read_image(reader, archive, header);
		break;
	}
	tar_close(&archive);
	if (reader->only_config)
		return 0;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return fail(-errno, "cannot read %s", reader->label);
	r = tree_read_tar(reader, fd);
	if (r == 0 && tree_count(reader->tree) == before)
		return fail(0, "%s holds nothing", reader->label);
	return r;
}
