/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_disk.c - the disk that `mkinitrd run` attaches
 *
 * In:    a path, and a size when it may be made
 * Out:   a file with an ext4 labelled DOCKER, whole or not at all, and the format it has
 * Not:   disks with partitions or a boot loader
 * Facts: QEMU's docs/interop/qcow2.txt: a qcow2 file begins with "QFI\xfb"
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "fail.h"
#include "program.h"
#include "run_disk.h"
#include "../init/lib/number.h"
#include "../init/lib/text.h"

#define SIZE_LEAST (UINT64_C(8) << 20)

/* @fd: of a new file @temporary */
static int fill_disk(int fd, const char *temporary, uint64_t size)
{
	CLEANUP(strings_free) struct strings argv = STRINGS_EMPTY;
	static const char *const words[] = { "mke2fs", "-q", "-t", "ext4", "-L", "DOCKER", "--" };
	int r;

	if (size > INT64_MAX || ftruncate(fd, (off_t)size) < 0)
		return fail(size > INT64_MAX ? -EFBIG : -errno, "cannot make a disk of that size");
	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (strings_add(&argv, words[i]) < 0)
			return fail(-ENOMEM, "cannot make a disk");
	if (strings_add(&argv, temporary) < 0)
		return fail(-ENOMEM, "cannot make a disk");
	r = program_run(argv.items, "e2fsprogs", NULL, -1);
	if (r < 0)
		return r;
	if (fsync(fd) < 0)
		return fail(-errno, "cannot write '%s'", temporary);
	return 0;
}

/* Make an empty disk: whole under its name, or not at all. INT and TERM wait until the temporary
 * file is gone; mke2fs itself they end at once. */
static int make_disk(const char *path, uint64_t size)
{
	CLEANUP(text_free) struct text temporary = TEXT_EMPTY;
	CLEANUP(fd_close) int fd = -1;
	sigset_t held, old;
	int r;

	text_format(&temporary, "%s.XXXXXX", path);
	if (temporary.failed)
		return fail(-ENOMEM, "cannot make disk '%s'", path);
	sigemptyset(&held);
	sigaddset(&held, SIGINT);
	sigaddset(&held, SIGTERM);
	sigaddset(&held, SIGHUP);
	sigprocmask(SIG_BLOCK, &held, &old);
	fd = mkostemp(temporary.data, O_CLOEXEC);
	if (fd < 0) {
		r = fail(-errno, "cannot make disk '%s'", path);
	} else {
		r = fill_disk(fd, temporary.data, size);
		if (r == 0 && rename(temporary.data, path) < 0)
			r = fail(-errno, "cannot make disk '%s'", path);
		if (r < 0)
			(void)unlink(temporary.data);
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	return r;
}

/* "raw" or "qcow2", by what the file begins with */
static int detect_format(const char *path, const char **ret_format)
{
	CLEANUP(fd_close) int fd = open(path, O_RDWR | O_CLOEXEC);
	char magic[4] = { 0 };

	if (fd < 0)
		return fail(-errno, "cannot use disk '%s'%s", path,
			    errno == ENOENT ? "; --disk-size 2G makes it" : "");
	if (read(fd, magic, sizeof(magic)) < 0)
		return fail(-errno, "cannot read disk '%s'", path);
	*ret_format = memcmp(magic, "QFI\xfb", 4) == 0 ? "qcow2" : "raw";
	return 0;
}

int run_disk_prepare(const char *path, const char *size_text, const char **ret_format)
{
	uint64_t size;
	int r;

	if (size_text) {
		r = size_parse(size_text, &size);
		if (r < 0 || size < SIZE_LEAST)
			return fail(0, "--disk-size '%s' is no size of 8M or more, such as 2G",
				    size_text);
		if (access(path, F_OK) == 0) {
			say("disk '%s' is there, left as it is", path);
		} else {
			r = make_disk(path, size);
			if (r < 0)
				return r;
			say("made disk '%s', %s, ext4, labelled DOCKER", path, size_text);
		}
	}
	return detect_format(path, ret_format);
}
