/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oci_store.c - the files of a container image, in a directory or in a tar (see oci.h)
 *
 * In:    blobs, of which the digest is known when they are there
 * Out:   files that go by it
 * Not:   what is in them (oci_write.c, oci_describe.c)
 * Facts: OCI image-spec, image-layout.md: blobs/sha256/HEX
 *
 * The header of a member of the tar is written when what follows it is there.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "container_archive.h"
#include "fail.h"
#include "oci.h"
#include "tar.h"
#include "../init/lib/file.h"

#define FOLDER "blobs/sha256"
#define PARTIAL FOLDER "/.partial"

static int fail_store(const struct oci_store *store, int r)
{
	return fail(r, "cannot write %s", store->label);
}

/* a member without content, at the end of the tar */
static int put_header(const struct oci_store *store, const struct tar_member *member)
{
	unsigned char block[TAR_BLOCK];
	int r = tar_header_short(member, block);

	return r < 0 ? r : file_write_fd(store->fd, block, sizeof(block));
}

static int put_folder(const struct oci_store *store, const char *path)
{
	const struct tar_member member = {
		.path = path, .type = TAR_DIRECTORY, .mode = 0755, .mtime = store->mtime
	};

	if (store->output)
		return put_header(store, &member);
	return mkdirat(store->directory_fd, path, 0755) < 0 ? -errno : 0;
}

int oci_store_begin(struct oci_store *store)
{
	int r;

	store->fd = store->output ? store->output->fd : -1;
	r = put_folder(store, "blobs");
	if (r == 0)
		r = put_folder(store, FOLDER);
	return r < 0 ? fail_store(store, r) : 0;
}

/* a new file of the directory */
static int open_new(struct oci_store *store, const char *path)
{
	store->fd = openat(store->directory_fd, path,
			   O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	store->offset = 0;
	return store->fd < 0 || fchmod(store->fd, 0644) < 0 ? -errno : 0;
}

/* room for the header of a member whose size nobody knows yet */
static int reserve(struct oci_store *store)
{
	off_t end = lseek(store->fd, TAR_BLOCK, SEEK_CUR);

	if (end < 0)
		return -errno;
	store->offset = (uint64_t)end;
	return 0;
}

int oci_blob_begin(struct oci_store *store)
{
	int r = store->output ? reserve(store) : open_new(store, PARTIAL);

	return r < 0 ? fail_store(store, r) : 0;
}

/* header and padding of the member that is at the end of the tar */
static int close_member(struct oci_store *store, const char *path, uint64_t size)
{
	static const unsigned char zeros[TAR_BLOCK];
	const struct tar_member member = {
		.path = path, .type = TAR_FILE, .mode = 0644, .size = size, .mtime = store->mtime
	};
	unsigned char block[TAR_BLOCK];
	int r = tar_header_short(&member, block);

	if (r == 0)
		r = file_write_at(store->fd, block, sizeof(block), store->offset - sizeof(block));
	return r < 0 ? r : file_write_fd(store->fd, zeros, tar_padding(size));
}

/* the file of the directory gets its name; what has the digest already is the same */
static int close_file(struct oci_store *store, const char *path)
{
	struct timespec times[2] = { { .tv_sec = store->mtime }, { .tv_sec = store->mtime } };

	if (futimens(store->fd, times) < 0 || fsync(store->fd) < 0 ||
	    renameat(store->directory_fd, PARTIAL, store->directory_fd, path) < 0)
		return -errno;
	return 0;
}

int oci_blob_end(struct oci_store *store, const struct oci_blob *blob)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	int r;

	text_format(&path, FOLDER "/%s", blob->hex);
	r = path.failed     ? -ENOMEM
	    : store->output ? close_member(store, text_string(&path), blob->size)
			    : close_file(store, text_string(&path));
	if (r == -EFBIG)
		return fail(r, "a layer of %s has more than 8 GiB", store->label);
	return r < 0 ? fail_store(store, r) : 0;
}

int oci_blob_put(struct oci_store *store, const struct text *bytes, struct oci_blob *ret_blob)
{
	int r = sha256_hex(text_string(bytes), bytes->length, ret_blob->hex);

	ret_blob->size = bytes->length;
	if (r < 0)
		return fail_store(store, r);
	r = oci_blob_begin(store);
	if (r < 0)
		return r;
	r = file_write_fd(store->fd, text_string(bytes), bytes->length);
	if (r < 0)
		return fail_store(store, r);
	r = oci_blob_end(store, ret_blob);
	if (!store->output)
		fd_close(&store->fd);
	return r;
}

int oci_file_put(struct oci_store *store, const char *name, const struct text *bytes)
{
	struct timespec times[2] = { { .tv_sec = store->mtime }, { .tv_sec = store->mtime } };
	int r = store->output ? reserve(store) : open_new(store, name);

	if (r == 0)
		r = file_write_fd(store->fd, text_string(bytes), bytes->length);
	if (r == 0 && store->output)
		r = close_member(store, name, bytes->length);
	else if (r == 0 && (futimens(store->fd, times) < 0 || fsync(store->fd) < 0))
		r = -errno;
	if (!store->output)
		fd_close(&store->fd);
	return r < 0 ? fail_store(store, r) : 0;
}

int oci_store_end(struct oci_store *store)
{
	static const unsigned char zeros[2 * TAR_BLOCK];
	int r = store->output ? file_write_fd(store->fd, zeros, sizeof(zeros)) : 0;

	return r < 0 ? fail_store(store, r) : 0;
}
