/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve.c - what files of the manifest need, until nothing is missing; the end of resolution
 *
 * In:    a manifest that grows
 * Out:   libraries, interpreters; parents with the root's modes
 * Not:   how ELF files and scripts say what they need (resolve_elf.c, resolve_program.c)
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "elf_object.h"
#include "fail.h"
#include "resolve_elf.h"
#include "resolve_path.h"
#include "resolve_trees.h"

#define LINE_MOST 256 /* of "#!": BINPRM_BUF_SIZE in the kernel's include/uapi/linux/binfmts.h */

void resolve_free(struct resolve *resolve)
{
	kernel_free(&resolve->kernel);
	strings_free(&resolve->missing.modules);
	strings_free(&resolve->missing.firmware);
	strings_free(&resolve->missing.programs);
	strings_free(&resolve->missing.files);
	path_map_free(&resolve->trees);
	elf_cache_free(resolve->elf);
	resolve->elf = NULL;
	foreign_free(resolve->foreign);
	resolve->foreign = NULL;
}

static mode_t parent_mode(const char *path, void *context)
{
	const struct resolve *resolve = context;
	CLEANUP(text_free) struct text absolute = TEXT_EMPTY;
	struct stat status;

	text_format(&absolute, "/%s", path);
	if (absolute.failed ||
	    sysroot_stat(resolve->root, text_string(&absolute), false, &status) < 0 ||
	    !S_ISDIR(status.st_mode))
		return 0755;
	return status.st_mode & 07777;
}

int resolve_finish(struct resolve *resolve)
{
	return manifest_finish(resolve->manifest, parent_mode, resolve);
}

/* kernel modules, firmware, detached debug information: ELF perhaps, but nothing that ld.so sees */
static bool entry_is_skipped(const struct entry *entry)
{
	static const char *const folders[] = { "lib/firmware/", "usr/lib/firmware/",
					       "usr/lib/debug/" };
	static const char *const suffixes[] = { ".ko", ".ko.xz", ".ko.zst", ".ko.gz" };

	for (size_t i = 0; i < COUNT_OF(folders); i++)
		if (text_after(entry->path, folders[i]))
			return true;
	for (size_t i = 0; i < COUNT_OF(suffixes); i++)
		if (text_ends_with(entry->path, suffixes[i]))
			return true;
	return false;
}

/* open the content of @entry; what the root refuses is said with what to do about it */
static int open_content(const struct resolve *resolve, const struct entry *entry, int *ret_fd)
{
	CLEANUP(text_free) struct text chain = TEXT_EMPTY;
	int fd;

	if (entry->source.kind != SOURCE_ROOT || entry->source.decompress)
		return entry_open(entry, ret_fd);
	fd = sysroot_open(resolve->root, entry->source.path, O_RDONLY | O_NONBLOCK);
	if (fd >= 0) {
		*ret_fd = fd;
		return 0;
	}
	manifest_chain(resolve->manifest, entry, true, &chain);
	return fail(fd, "cannot read '%s' in the root '%s', %s%s", entry->source.path,
		    resolve->root->path, text_string(&chain),
		    fd == -EACCES ? "; make it readable, or run as a user who may read it" : "");
}

static bool bytes_are_code(const struct source *source)
{
	return (source->byte_count >= 4 && memcmp(source->bytes, "\177ELF", 4) == 0) ||
	       (source->byte_count >= 2 && memcmp(source->bytes, "#!", 2) == 0);
}

/* open @entry once, and note or follow what it is */
static int look_at(struct resolve *resolve, const struct entry *entry)
{
	CLEANUP(fd_close) int fd = -1;
	char start[LINE_MOST + 1];
	ssize_t count;
	int r;

	/* much of it may be archives: not worth a copy */
	if (entry->source.kind == SOURCE_CONTENT && !bytes_are_code(&entry->source))
		return 0;
	r = open_content(resolve, entry, &fd);
	if (r < 0)
		return r;
	count = pread(fd, start, LINE_MOST, 0);
	if (count < 0) {
		CLEANUP(text_free) struct text source = TEXT_EMPTY;

		r = -errno;
		entry_describe_source(entry, &source);
		return fail(r, "cannot read %s (for '%s')", text_string(&source), entry->path);
	}
	start[count] = '\0';
	if (count >= 4 && memcmp(start, "\177ELF", 4) == 0)
		return elf_look(resolve, entry, fd);
	/* without an x bit the kernel does not run it, and its first line is but a hint to editors
	 */
	if (count >= 2 && memcmp(start, "#!", 2) == 0 && (entry->mode & 0111))
		return resolve_script(resolve, entry, &start[2]);
	return 0;
}

int resolve_closure(struct resolve *resolve)
{
	while (resolve->closed < manifest_count(resolve->manifest)) {
		size_t start = resolve->closed, end = manifest_count(resolve->manifest);
		int r = 0;

		for (size_t i = start; r == 0 && i < end; i++) {
			const struct entry *entry = manifest_at(resolve->manifest, i);

			if (entry->type == ENTRY_FILE && entry->source.kind != SOURCE_NONE &&
			    entry->source.kind != SOURCE_TREE && /* complete by itself */
			    !entry_is_skipped(entry) && !elf_is_known(resolve, entry))
				r = look_at(resolve, entry);
		}
		/* programs first: they say where the libraries that they load find theirs */
		for (size_t i = start; r == 0 && i < end; i++)
			if (elf_is_program(resolve, manifest_at(resolve->manifest, i)))
				r = resolve_elf(resolve, manifest_at(resolve->manifest, i), -1);
		for (size_t i = start; r == 0 && i < end; i++)
			r = resolve_elf(resolve, manifest_at(resolve->manifest, i), -1);
		if (r < 0)
			return r;
		resolve->closed = end;
	}
	return 0;
}
