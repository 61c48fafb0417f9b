/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entry.c - the content of one entry, wherever it comes from
 *
 * In:    an entry's source
 * Out:   an open descriptor; words for messages
 * Not:   the header in the archive, hashes (archive.c)
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "decompress.h"
#include "entry.h"
#include "fail.h"
#include "../init/lib/file.h"

bool path_is_canonical(const char *path)
{
	for (;;) {
		size_t length = strcspn(path, "/");

		if (length == 0 || (length == 1 && path[0] == '.') ||
		    (length == 2 && path[0] == '.' && path[1] == '.'))
			return false;
		if (path[length] == '\0')
			return true;
		path += length + 1;
	}
}

void reason_format(const struct reason *reason, struct text *text)
{
	text_add(text, reason->relation);
	if (reason->by)
		text_format(text, " of %s", reason->by);
	else if (reason->at.file && reason->at.line)
		text_format(text, " (%s:%u)", reason->at.file, reason->at.line);
	else
		text_format(text, " (%s)", reason->at.file ? reason->at.file : "mkinitrd itself");
}

void entry_describe_source(const struct entry *entry, struct text *text)
{
	static const char *const formats[] = {
		[SOURCE_NONE] = "an empty file",
		[SOURCE_ROOT] = "'%s' in the root",
		[SOURCE_TOOL] = "mkinitrd's own '%s'",
		[SOURCE_PROFILE] = "'%s' beside the profile",
		[SOURCE_CONTENT] = "given content ('%s')",
		[SOURCE_TREE] = "'%s' of a tree",
	};
	const char *path = entry->source.path ? entry->source.path : "";
	const char *percent;

	if (entry->type == ENTRY_DIRECTORY) {
		text_add(text, "a directory");
	} else if (entry->type == ENTRY_SYMLINK) {
		text_format(text, "a symlink to '%s'", entry->target);
	} else if (entry->type == ENTRY_FIFO) {
		text_add(text, "a fifo");
	} else if (entry->type != ENTRY_FILE) {
		text_format(text, "the %s device %u:%u",
			    entry->type == ENTRY_BLOCK ? "block" : "character", entry->device_major,
			    entry->device_minor);
	} else {
		percent = strchr(formats[entry->source.kind], '%');
		text_add_bytes(text, formats[entry->source.kind],
			       percent ? (size_t)(percent - formats[entry->source.kind])
				       : strlen(formats[entry->source.kind]));
		if (percent) {
			text_add(text, path);
			text_add(text, percent + 2);
		}
	}
}

/* "cannot WHAT SOURCE, for 'PATH', REASON" */
static int fail_entry(int error, const char *what, const struct entry *entry)
{
	CLEANUP(text_free) struct text source = TEXT_EMPTY;
	CLEANUP(text_free) struct text reason = TEXT_EMPTY;

	entry_describe_source(entry, &source);
	if (entry->reason_count) {
		text_add(&reason, ", ");
		reason_format(&entry->reasons[0], &reason);
	}
	return fail(error, "cannot %s %s (for '%s'%s)", what, text_string(&source), entry->path,
		    text_string(&reason));
}

/* @bytes as an unnamed file in memory */
static int open_memory(const struct entry *entry, const char *bytes, size_t count, int *ret_fd)
{
	CLEANUP(fd_close) int fd = memfd_create("mkinitrd", MFD_CLOEXEC);
	int r;

	if (fd < 0)
		return fail_entry(-errno, "make room in memory for", entry);
	r = count ? file_write_fd(fd, bytes, count) : 0;
	if (r < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return fail_entry(r < 0 ? r : -errno, "make room in memory for", entry);
	*ret_fd = fd_take(&fd);
	return 0;
}

static int open_unpacked(const struct entry *entry, int packed_fd, int *ret_fd)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	int r = decompress_fd(packed_fd, DECOMPRESS_LIMIT, &text);

	if (r == 0 && text.failed)
		r = -ENOMEM;
	if (r < 0)
		return fail_entry(r, "unpack", entry);
	return open_memory(entry, text_string(&text), text.length, ret_fd);
}

int entry_fail_changed(const struct entry *entry)
{
	(void)fail(0, "'%s' changed while it was read; run again",
		   entry->source.path ? entry->source.path : entry->path);
	return -ESTALE;
}

/* what was there when it was looked at */
static int fail_vanished(const struct entry *entry)
{
	(void)fail(0, "'%s' vanished while the image was made; run again", entry->source.path);
	return -ESTALE;
}

static bool is_as_seen(const struct source *source, const struct stat *status)
{
	return !source->is_seen || (source->seen_size == (uint64_t)status->st_size &&
				    source->seen_time.tv_sec == status->st_mtim.tv_sec &&
				    source->seen_time.tv_nsec == status->st_mtim.tv_nsec);
}

int entry_open(const struct entry *entry, int *ret_fd)
{
	const struct source *source = &entry->source;
	/* O_NONBLOCK: a FIFO in the place of a file must not hang us */
	const struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	CLEANUP(fd_close) int fd = -1;
	struct stat status;

	if (source->kind == SOURCE_NONE || source->kind == SOURCE_CONTENT ||
	    (source->kind == SOURCE_TREE && !source->stored)) /* empty ones are not unpacked */
		return open_memory(entry, source->bytes, source->byte_count, ret_fd);
	fd = (int)syscall(SYS_openat2, source->directory_fd,
			  source->stored ? source->stored : source->path, &how, sizeof(how));
	if (fd < 0 && errno == ENOENT)
		return fail_vanished(entry);
	if (fd < 0 || fstat(fd, &status) < 0)
		return fail_entry(-errno, "read", entry);
	if (!S_ISREG(status.st_mode))
		return fail_entry(0, "pack what is no regular file:", entry);
	if (!is_as_seen(source, &status))
		return entry_fail_changed(entry);
	if (source->decompress)
		return open_unpacked(entry, fd, ret_fd);
	*ret_fd = fd_take(&fd);
	return 0;
}

int entry_open_status(const struct entry *entry, int *ret_fd, struct stat *ret_status)
{
	CLEANUP(fd_close) int fd = -1;
	int r = entry_open(entry, &fd);

	if (r < 0)
		return r;
	if (fstat(fd, ret_status) < 0)
		return fail_entry(-errno, "read", entry);
	*ret_fd = fd_take(&fd);
	return 0;
}

/* up to @size bytes, fewer only at the end of the file */
static ssize_t read_full(int fd, char *bytes, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t count = read(fd, bytes + done, size - done);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -errno;
		if (count == 0)
			break;
		done += (size_t)count;
	}
	return (ssize_t)done;
}

int entry_same_content(const struct entry *entry, const struct addition *addition)
{
	const struct entry other = {
		.path = entry->path,
		.type = addition->type,
		.source = addition->source,
	};
	CLEANUP(fd_close) int first_fd = -1;
	CLEANUP(fd_close) int second_fd = -1;
	char first[16384], second[sizeof(first)];
	ssize_t count;
	int r;

	if (entry->type != ENTRY_FILE || addition->type != ENTRY_FILE)
		return 0;
	r = entry_open(entry, &first_fd);
	if (r == 0)
		r = entry_open(&other, &second_fd);
	if (r < 0)
		return r;
	do {
		count = read_full(first_fd, first, sizeof(first));
		if (count < 0)
			return fail_entry((int)count, "read", entry);
		if (read_full(second_fd, second, sizeof(second)) != count ||
		    memcmp(first, second, (size_t)count) != 0)
			return 0;
	} while (count > 0);
	return 1;
}
