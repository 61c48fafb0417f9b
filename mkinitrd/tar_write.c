/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tar_write.c - entries of a manifest as a tar (see tar_write.h)
 *
 * In:    entries
 * Out:   the archive's bytes; size and SHA-256 into the entries
 * Not:   how a record looks (tar.c), where the bytes go (cmd_tar.c, oci_write.c)
 * Facts: pax(1): two blocks of zeros end an archive; a hard link's member has no content
 */
#include <errno.h>
#include <sys/stat.h>

#include "fail.h"
#include "progress.h"
#include "tar.h"
#include "tar_write.h"

static const unsigned char zeros[2 * TAR_BLOCK];

/* where one archive goes */
struct writer {
	const struct tar_job *job;
	sink_write *write;
	void *context;
	const struct entry *entry; /* at hand, for the progress line */
};

static int write_content(void *context, const void *bytes, size_t count)
{
	struct writer *writer = context;

	*writer->job->done += count;
	progress_step(*writer->job->done, writer->job->total, writer->entry->path);
	return writer->write(writer->context, bytes, count);
}

static int write_header(const struct writer *writer, const struct tar_member *member)
{
	CLEANUP(text_free) struct text header = TEXT_EMPTY;
	int r = tar_format(member, &header);

	if (r < 0)
		return fail(r, "cannot write %s", writer->job->label);
	return writer->write(writer->context, text_string(&header), header.length);
}

static enum tar_type member_type(const struct entry *entry)
{
	static const enum tar_type types[] = {
		[ENTRY_FILE] = TAR_FILE,          [ENTRY_DIRECTORY] = TAR_DIRECTORY,
		[ENTRY_SYMLINK] = TAR_SYMLINK,    [ENTRY_CHARACTER] = TAR_CHARACTER,
		[ENTRY_BLOCK] = TAR_BLOCK_DEVICE, [ENTRY_FIFO] = TAR_FIFO,
	};

	return entry->link ? TAR_LINK : types[entry->type];
}

/* the size that its header says must be that of what is read after it */
static int source_size(const struct entry *entry, uint64_t *ret_size)
{
	CLEANUP(fd_close) int fd = -1;
	struct stat status;
	int r = entry_open_status(entry, &fd, &status);

	if (r == 0)
		*ret_size = (uint64_t)status.st_size;
	return r;
}

static int write_file(struct writer *writer, struct content_reader *reader, struct entry *entry,
		      struct tar_member *member)
{
	int r = source_size(entry, &member->size);

	if (r == 0)
		r = write_header(writer, member);
	if (r == 0)
		r = content_read(reader, entry, write_content, writer);
	if (r < 0)
		return r;
	if (entry->size != member->size)
		return content_fail(-ESTALE, entry, "it changed while it was read");
	return writer->write(writer->context, zeros, tar_padding(entry->size));
}

static int write_entry(struct writer *writer, struct content_reader *reader, struct entry *entry)
{
	struct tar_member member = {
		.path = entry->path,
		.type = member_type(entry),
		.mode = entry->type == ENTRY_SYMLINK ? 0777 : entry->mode,
		.uid = entry->uid,
		.gid = entry->gid,
		.mtime = writer->job->mtime,
		.target = entry->link ? entry->link->path : entry->target,
		.device_major = entry->device_major,
		.device_minor = entry->device_minor,
		.xattrs = entry->link ? NULL : &entry->xattrs,
	};

	writer->entry = entry;
	if (entry->type == ENTRY_FILE && !entry->link)
		return write_file(writer, reader, entry, &member);
	if (entry->link) {
		entry->size = entry->link->size;
		entry->is_hashed = true;
		for (size_t i = 0; i < SHA256_SIZE; i++)
			entry->sha256[i] = entry->link->sha256[i];
	}
	return write_header(writer, &member);
}

int tar_write(const struct tar_job *job, struct content_reader *reader, sink_write *write,
	      void *context)
{
	struct writer writer = { .job = job, .write = write, .context = context };
	const struct tar_member end = {
		.path = COMPLETE_PATH, .type = TAR_FILE, .mode = 0444, .mtime = job->mtime
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < job->count; i++)
		r = write_entry(&writer, reader, job->entries[i]);
	if (r == 0 && job->has_end)
		r = write_header(&writer, &end);
	return r < 0 ? r : write(context, zeros, sizeof(zeros));
}
