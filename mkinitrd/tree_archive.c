/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree_archive.c - a tar, untrusted, into a tree
 *
 * In:    a stream; of an image's layer, names that take away what lower layers have
 * Out:   members of the tree, contents in the spool
 * Not:   which layers an image has (tree_image.c)
 * Facts: tar(5) of libarchive; OCI image-spec, layer.md: ".wh.NAME" whites out NAME of lower
 *        layers, ".wh..wh..opq" all that they have in the directory; other names that begin with
 *        ".wh..wh." are of AUFS and nothing to others; pax(1), "ustar Interchange Format": two
 *        blocks of zeros end an archive
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "fail.h"
#include "tree_read.h"

#define BLOCK ((size_t)256 << 10)
#define WHITEOUT ".wh."
#define WHITEOUT_META ".wh..wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"

struct archive *tar_open(int fd, bool is_raw)
{
	struct archive *archive = archive_read_new();

	if (!archive)
		return NULL;
	if (is_raw)
		(void)archive_read_support_format_raw(archive);
	else
		(void)archive_read_support_format_tar(archive);
	/* never archive_read_support_filter_all(): for lrzip, lzop and grzip it runs programs of
	 * this machine on what is in the file */
	(void)archive_read_support_filter_gzip(archive);
	(void)archive_read_support_filter_bzip2(archive);
	(void)archive_read_support_filter_compress(archive);
	(void)archive_read_support_filter_lz4(archive);
	(void)archive_read_support_filter_lzma(archive);
	(void)archive_read_support_filter_xz(archive);
	(void)archive_read_support_filter_zstd(archive);
	(void)archive_read_open_fd(archive, fd, BLOCK);
	return archive;
}

void tar_close(struct archive **archive)
{
	if (*archive)
		(void)archive_read_free(*archive);
	*archive = NULL;
}

static void object_cleanup(struct tree_object **object)
{
	tree_object_release(object);
}

/* the one that can be said in this locale, which is "C" in all but names of pax headers */
static const char *either(const char *bytes, const char *utf8)
{
	return bytes ? bytes : utf8;
}

static int fail_archive(const struct tree_reader *reader, struct archive *archive, const char *path)
{
	const char *why = archive_error_string(archive);
	CLEANUP(text_free) struct text what = TEXT_EMPTY;

	if (!why)
		why = "it is damaged";
	if (!path)
		return fail(0, "cannot read %s: %s", reader->label, why);
	text_format(&what, "cannot be read: %s", why);
	return tree_fail(reader, -EBADMSG, path, text_string(&what));
}

/* all bytes of the entry into one file of the spool, holes left out */
static int spool_content(struct tree_reader *reader, struct archive *archive, const char *path,
			 struct tree_object *object)
{
	CLEANUP(fd_close) int fd = spool_file(reader->spool, &object->source.stored);
	const void *bytes;
	size_t count;
	la_int64_t offset;
	uint64_t end = 0;
	int r = fd < 0 ? fd : 0, status = ARCHIVE_OK;

	while (r == 0 &&
	       (status = archive_read_data_block(archive, &bytes, &count, &offset)) == ARCHIVE_OK) {
		if (offset < 0 || (uint64_t)offset + count > object->size)
			return tree_fail(reader, -EBADMSG, path, "has more content than it says");
		r = spool_write(reader->spool, fd, bytes, count, (uint64_t)offset);
		end = (uint64_t)offset + count;
	}
	if (r == 0 && status != ARCHIVE_EOF)
		return fail_archive(reader, archive, path);
	if (r == 0 && end < object->size && ftruncate(fd, (off_t)object->size) < 0)
		r = -errno;
	object->source.directory_fd = reader->spool->fd;
	if (r == -ENOSPC)
		return tree_fail(reader, r, path,
				 "does not fit where it is unpacked; name another "
				 "place with TMPDIR");
	return r < 0 ? fail(r, "cannot unpack '%s' of %s in '%s'", path, reader->label,
			    reader->spool->path)
		     : 0;
}

static int take_xattrs(struct archive_entry *header, struct xattrs *xattrs)
{
	const char *name;
	const void *value;
	size_t size;
	int r = tree_acl_read(header, xattrs);

	(void)archive_entry_xattr_reset(header);
	while (r == 0 && archive_entry_xattr_next(header, &name, &value, &size) == ARCHIVE_OK) {
		if (!xattr_is_kept(name) || size > XATTR_VALUE_MOST ||
		    strlen(name) > XATTR_NAME_MOST)
			continue;
		r = xattrs_set(xattrs, name, value, size);
	}
	return r;
}

/* a further name of what is there */
static int take_hard_link(struct tree_reader *reader, const char *path, const char *name)
{
	CLEANUP(memory_free) char *target = NULL;
	CLEANUP(text_free) struct text place = TEXT_EMPTY;
	CLEANUP(object_cleanup) struct tree_object *object = NULL;
	struct tree_member *member;
	int r = tree_place(reader, name, &target);

	if (r < 0)
		return r;
	text_format(&place, "%s%s%s", reader->at, *reader->at ? "/" : "", target);
	member = tree_get(reader->tree, text_string(&place));
	if (!member || member->object->type == ENTRY_DIRECTORY)
		return tree_fail(reader, -EBADMSG, path,
				 member ? "is a hard link of a directory"
					: "is a hard link of what is not in the tree");
	object = member->object;
	object->references++;
	return tree_add(reader, path, object);
}

static const struct {
	unsigned theirs;
	enum entry_type type;
} types[] = {
	{ AE_IFREG, ENTRY_FILE },      { AE_IFDIR, ENTRY_DIRECTORY }, { AE_IFLNK, ENTRY_SYMLINK },
	{ AE_IFCHR, ENTRY_CHARACTER }, { AE_IFBLK, ENTRY_BLOCK },     { AE_IFIFO, ENTRY_FIFO },
};

static int take_owner(struct tree_reader *reader, struct archive_entry *header, const char *path,
		      struct tree_object *object)
{
	la_int64_t uid = archive_entry_uid(header), gid = archive_entry_gid(header);

	if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
		return tree_fail(reader, -ERANGE, path, "has an owner out of range");
	object->uid = (uint32_t)uid;
	object->gid = (uint32_t)gid;
	return 0;
}

static int fill_object(struct tree_reader *reader, struct archive *archive,
		       struct archive_entry *header, const char *path, struct tree_object *object)
{
	const char *target =
		either(archive_entry_symlink(header), archive_entry_symlink_utf8(header));
	la_int64_t size = archive_entry_size(header);
	int r = take_owner(reader, header, path, object);

	if (r == 0 && take_xattrs(header, &object->xattrs) < 0)
		return fail(-ENOMEM, "cannot read %s", reader->label);
	if (r < 0)
		return r;
	switch (object->type) {
	case ENTRY_SYMLINK:
		if (!target || !*target)
			return tree_fail(reader, -EBADMSG, path, "is a symlink without a target");
		object->target = strdup(target);
		return object->target ? 0 : fail(-ENOMEM, "cannot read %s", reader->label);
	case ENTRY_CHARACTER:
	case ENTRY_BLOCK:
		object->device_major = (uint32_t)archive_entry_rdevmajor(header);
		object->device_minor = (uint32_t)archive_entry_rdevminor(header);
		return 0;
	case ENTRY_FILE:
		if (size < 0)
			return tree_fail(reader, -EBADMSG, path, "has a size below zero");
		object->size = (uint64_t)size;
		r = tree_grow(reader, path, object->size);
		return r < 0 || size == 0 ? r : spool_content(reader, archive, path, object);
	case ENTRY_DIRECTORY:
	case ENTRY_FIFO:
		return 0;
	}
	return 0;
}

/* whether @path was one of the names that white out; what they name goes from lower layers */
static int take_whiteout(struct tree_reader *reader, const char *path, bool *ret_is_one)
{
	const char *name = base_name(path);
	const char *gone = text_after(name, WHITEOUT);
	CLEANUP(text_free) struct text place = TEXT_EMPTY;
	bool is_opaque = text_equal(name, WHITEOUT_OPAQUE);

	*ret_is_one = reader->is_layer && gone;
	if (!*ret_is_one || (text_after(name, WHITEOUT_META) && !is_opaque))
		return 0;
	if (!is_opaque && (!*gone || text_equal(gone, ".") || text_equal(gone, "..")))
		return tree_fail(reader, -EBADMSG, path, "whites out nothing that can be");
	text_format(&place, "%s%s%.*s%s", reader->at, *reader->at ? "/" : "", (int)(name - path),
		    path, is_opaque ? "" : gone);
	while (place.length && place.data[place.length - 1] == '/')
		place.data[--place.length] = '\0';
	if (place.failed)
		return fail(-ENOMEM, "cannot read %s", reader->label);
	tree_white_out(reader->tree, text_string(&place), is_opaque);
	return 0;
}

static int take_entry(struct tree_reader *reader, struct archive *archive,
		      struct archive_entry *header, const char *name)
{
	const char *link =
		either(archive_entry_hardlink(header), archive_entry_hardlink_utf8(header));
	CLEANUP(object_cleanup) struct tree_object *object = NULL;
	CLEANUP(memory_free) char *path = NULL;
	unsigned type = archive_entry_filetype(header);
	bool is_whiteout = false;
	size_t i = 0;
	int r = tree_place(reader, name, &path);

	if (r == 0)
		r = take_whiteout(reader, path, &is_whiteout);
	if (r < 0 || is_whiteout || !*path)
		return r;
	if (link)
		return take_hard_link(reader, path, link);
	while (i < COUNT_OF(types) && types[i].theirs != type)
		i++;
	if (i == COUNT_OF(types)) {
		warn("'%s' of %s is of a type that no tree can have, skipping", path,
		     reader->label);
		return 0;
	}
	object = tree_object_new(types[i].type, archive_entry_perm(header));
	if (!object)
		return fail(-ENOMEM, "cannot read %s", reader->label);
	r = fill_object(reader, archive, header, path, object);
	return r < 0 ? r : tree_add(reader, path, object);
}

/* The reader takes an archive that stops between two entries for a whole one. The end of a whole
 * one is a block of zeros, of which it has read one at least: its own stream is further than where
 * it looked for a header. */
static bool has_end(struct archive *archive)
{
	return archive_filter_bytes(archive, 0) > archive_read_header_position(archive);
}

/* what has no end may have been cut, but not where a digest or the end of a compressed stream says
 * that nothing is missing */
static int check_end(const struct tree_reader *reader, struct archive *archive, const char *last)
{
	if (has_end(archive) || reader->is_layer)
		return 0;
	if (archive_filter_code(archive, 0) == ARCHIVE_FILTER_NONE)
		return tree_fail(reader, -EBADMSG, last,
				 "is followed by nothing, not even the mark of an archive's end: "
				 "the archive is cut short; make it again");
	warn("%s lacks the mark of an archive's end after '%s': if it was cut before it was "
	     "compressed, what followed is missing",
	     reader->label, last);
	return 0;
}

int tree_read_tar(struct tree_reader *reader, int fd)
{
	CLEANUP(tar_close) struct archive *archive = tar_open(fd, false);
	CLEANUP(memory_free) char *last = NULL;
	struct archive_entry *header;
	int status, r = archive ? 0 : fail(-ENOMEM, "cannot read %s", reader->label);

	while (r == 0) {
		const char *name;

		status = archive_read_next_header(archive, &header);
		if (status == ARCHIVE_EOF)
			return last ? check_end(reader, archive, last) : 0;
		if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
			return fail_archive(reader, archive, last);
		name = either(archive_entry_pathname(header), archive_entry_pathname_utf8(header));
		if (!name)
			return tree_fail(reader, -EBADMSG, last ? last : "",
					 "is followed by an "
					 "entry without a name");
		memory_free(&last);
		last = strdup(name);
		r = take_entry(reader, archive, header, name);
	}
	return r;
}
