/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_docker.c - the file system that keeps Docker's data
 *
 * In:    a partition of a disk that nobody has mounted
 * Out:   ext4, the same bytes for the same ids, whatever the host's mke2fs.conf says
 * Facts: mke2fs(8): -O none, then the features by name; lazy_itable_init and lazy_journal_init
 * leave out what a file of holes reads as already. E2FSPROGS_FAKE_TIME is its clock (0: the real
 *        one), since 1.47.1 SOURCE_DATE_EPOCH, too
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "disk_docker.h"
#include "fail.h"
#include "file_zero.h"
#include "program.h"
#include "../init/lib/gpt.h"
#include "../init/lib/text.h"

#define BLOCK 4096
#define PIECE ((size_t)1 << 20)
/* on a device everything is overwritten: no more than this; the rest is for init, which grows it */
#define DEVICE_MOST ((uint64_t)4 << 30)
/* make it in @file, which is empty and as large as it is to be */
static int run_mke2fs(int file, const struct docker_form *form)
{
	CLEANUP(strings_free) struct strings argv = STRINGS_EMPTY;
	CLEANUP(strings_free) struct strings environment = STRINGS_EMPTY;
	long long time = form->mtime > 0 ? (long long)form->mtime : 1;
	char id[GPT_GUID_TEXT];
	static const char features[] = "none,has_journal,ext_attr,resize_inode,dir_index,filetype,"
				       "extent,64bit,flex_bg,sparse_super,large_file,huge_file,"
				       "dir_nlink,extra_isize,metadata_csum";
	const char *const words[] = {
		"mke2fs", "-q", "-F",    "-t", "ext4",   "-b", "4096",   "-I",
		"256",    "-i", "16384", "-O", features, "-L", "DOCKER", "-U"
	};
	int r = 0;

	gpt_guid_format(form->id, id);
	for (size_t i = 0; r == 0 && i < COUNT_OF(words); i++)
		r = strings_add(&argv, words[i]);
	if (r == 0)
		r = strings_add(&argv, id);
	if (r == 0)
		r = strings_add(&argv, "-E");
	if (r == 0)
		r = strings_add_format(&argv,
				       "hash_seed=%s,lazy_itable_init=1,lazy_journal_init=1,"
				       "nodiscard,root_owner=0:0",
				       id);
	if (r == 0)
		r = strings_add_format(&argv, "/proc/%d/fd/%d", (int)getpid(), file);
	if (r == 0)
		r = strings_add_format(&environment, "E2FSPROGS_FAKE_TIME=%lld", time);
	if (r == 0)
		r = strings_add_format(&environment, "SOURCE_DATE_EPOCH=%lld", time);
	if (r < 0)
		return fail(r, "cannot make a file system");
	return program_run(argv.items, "e2fsprogs", (const char *const *)environment.items, -1);
}

static int copy_range(int from, int to, uint64_t start, uint64_t end, uint64_t offset,
		      uint8_t *piece)
{
	while (start < end) {
		size_t want = end - start < PIECE ? (size_t)(end - start) : PIECE;
		ssize_t got = pread(from, piece, want, (off_t)start);

		if (got <= 0)
			return got < 0 ? -errno : -EIO;
		for (ssize_t done = 0; done < got;) {
			ssize_t put = pwrite(to, piece + done, (size_t)(got - done),
					     (off_t)(offset + start) + done);

			if (put < 0 && errno != EINTR)
				return -errno;
			if (put > 0)
				done += put;
		}
		start += (uint64_t)got;
	}
	return 0;
}

/* what is no hole */
static int copy_data(int from, int to, uint64_t bytes, uint64_t offset)
{
	CLEANUP(memory_free) uint8_t *piece = malloc(PIECE);
	off_t start = 0, end;
	int r = piece ? 0 : -ENOMEM;

	while (r == 0 && (start = lseek(from, start, SEEK_DATA)) >= 0) {
		end = lseek(from, start, SEEK_HOLE);
		if (end < 0)
			return -errno;
		r = copy_range(from, to, (uint64_t)start,
			       (uint64_t)end < bytes ? (uint64_t)end : bytes, offset, piece);
		start = end;
	}
	return r;
}

static uint64_t size_of(const struct docker_form *form)
{
	uint64_t bytes = form->bytes / BLOCK * BLOCK;

	return form->is_device && bytes > DEVICE_MOST ? DEVICE_MOST : bytes;
}

int disk_docker_make(const struct docker_form *form)
{
	CLEANUP(fd_close) int file = memfd_create("DOCKER", MFD_CLOEXEC);
	int r;

	if (file < 0 || ftruncate(file, (off_t)size_of(form)) < 0)
		return fail(-errno, "cannot make a file system");
	r = run_mke2fs(file, form);
	return r < 0 ? r : fd_take(&file);
}

int disk_docker_write(int fd, int file, const struct docker_form *form)
{
	int r = file_zero(fd, form->offset, size_of(form));

	return r < 0 ? r : copy_data(file, fd, size_of(form), form->offset);
}
