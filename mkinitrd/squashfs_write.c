/* SPDX-License-Identifier: Apache-2.0 */
/*
 * squashfs_write.c - entries of a manifest as a SquashFS (see squashfs.h)
 *
 * In:    sorted entries
 * Out:   superblock, data, padding
 * Not:   inodes and tables (squashfs_inodes.c), the bytes of a part (libsquashfs)
 *
 * libsquashfs compresses blocks on threads of its own and puts them down in the order in which they
 * were given, so that the bytes do not depend on their number.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sqfs/block.h>
#include <sqfs/block_processor.h>
#include <sqfs/block_writer.h>

#include "compress.h"
#include "content.h"
#include "fail.h"
#include "path_map.h"
#include "progress.h"
#include "squashfs_private.h"

#define BACKLOG_BYTES ((size_t)32 << 20) /* of blocks that wait for a thread or for their turn */

/* ---- the tree ---- */

static void child_add(struct squashfs_node *parent, struct squashfs_node *node)
{
	node->parent = parent;
	if (parent->last_child)
		parent->last_child->next = node;
	else
		parent->first_child = node;
	parent->last_child = node;
}

/* the directory of @path: those of all entries are known by then */
static struct squashfs_node *parent_find(const struct path_map *places, struct squashfs_node *root,
					 const char *path)
{
	const char *slash = strrchr(path, '/');
	CLEANUP(memory_free) char *directory = NULL;

	if (!slash)
		return root;
	directory = strndup(path, (size_t)(slash - path));
	return directory ? path_map_get(places, directory) : NULL;
}

static int node_place(struct squashfs *squashfs, struct path_map *places, size_t index)
{
	struct squashfs_node *node = &squashfs->nodes[index + 1], *parent, *first;

	node->entry = squashfs->job->entries[index];
	node->file = node;
	node->nlink = 1;
	first = node->entry->link ? path_map_get(places, node->entry->link->path) : NULL;
	if (first) {
		node->file = first;
		first->nlink++;
	}
	parent = parent_find(places, &squashfs->nodes[0], node->entry->path);
	if (!parent)
		return -ENOMEM;
	child_add(parent, node);
	return path_map_put(places, node->entry->path, node, NULL);
}

static int tree_make(struct squashfs *squashfs)
{
	size_t count = squashfs->job->count;
	struct path_map places = { 0 };
	uint32_t number = 0;
	int r = 0;

	squashfs->nodes = calloc(count + 1, sizeof(*squashfs->nodes));
	if (!squashfs->nodes)
		return -ENOMEM;
	squashfs->nodes[0].file = &squashfs->nodes[0];
	for (size_t i = 0; r == 0 && i < count; i++)
		r = node_place(squashfs, &places, i);
	path_map_free(&places);
	for (size_t i = 0; r == 0 && i <= count; i++)
		if (squashfs->nodes[i].file == &squashfs->nodes[i])
			squashfs->nodes[i].number = ++number;
	squashfs->super.inode_count = number;
	return r;
}

/* ---- data ---- */

// clang-format off
static const struct {
	enum compression compression;
	SQFS_COMPRESSOR id;
} compressors[] = {
	{ COMPRESS_ZSTD, SQFS_COMP_ZSTD },
	{ COMPRESS_GZIP, SQFS_COMP_GZIP },
	{ COMPRESS_XZ,   SQFS_COMP_XZ },
	{ COMPRESS_LZ4,  SQFS_COMP_LZ4 },
};
// clang-format on

/* a compressor, and a superblock that says so */
static int start(struct squashfs *squashfs)
{
	const struct squashfs_form *form = squashfs->job->form;
	uint32_t count = squashfs->super.inode_count;
	sqfs_compressor_config_t config;
	size_t row = 0;
	int r;

	while (row + 1 < COUNT_OF(compressors) && compressors[row].compression != form->compression)
		row++;
	r = sqfs_compressor_config_init(&config, compressors[row].id, form->block_size, 0);
	if (form->compression != COMPRESS_LZ4)
		config.level = (sqfs_u32)form->level;
	if (r == 0)
		r = sqfs_compressor_create(&config, &squashfs->compressor);
	config.flags |= SQFS_COMP_FLAG_UNCOMPRESS;
	if (r == 0)
		r = sqfs_compressor_create(&config, &squashfs->unpacker);
	if (r == 0)
		r = sqfs_super_init(&squashfs->super, form->block_size,
				    (sqfs_u32)squashfs->job->mtime, compressors[row].id);
	squashfs->super.inode_count = count;
	if (r == 0)
		r = sqfs_super_write(&squashfs->super, &squashfs->file.base);
	if (r == 0) {
		r = squashfs->compressor->write_options(squashfs->compressor, &squashfs->file.base);
		if (r > 0)
			squashfs->super.flags |= SQFS_FLAG_COMPRESSOR_OPTIONS;
	}
	return squashfs_error(&squashfs->file, r);
}

/* one file that is being handed to libsquashfs */
struct feed {
	const struct squashfs *squashfs;
	sqfs_block_processor_t *processor;
	const char *path;
};

static int feed_piece(void *context, const void *bytes, size_t count)
{
	const struct feed *feed = context;
	const struct squashfs_job *job = feed->squashfs->job;
	int r = sqfs_block_processor_append(feed->processor, bytes, count);

	*job->content_done += count;
	progress_step(*job->content_done, job->content_most, feed->path);
	return squashfs_error(&feed->squashfs->file, r);
}

/* Return: 0, an error that was spoken, or with *ret_is_quiet one that was not */
static int write_file(struct squashfs *squashfs, sqfs_block_processor_t *processor,
		      struct content_reader *reader, struct squashfs_node *node, bool *ret_is_quiet)
{
	struct feed feed = { squashfs, processor, node->entry->path };
	int r = sqfs_block_processor_begin_file(processor, &node->inode, NULL, 0);

	*ret_is_quiet = true;
	r = squashfs_error(&squashfs->file, r);
	if (r == 0) {
		r = content_read(reader, node->entry, feed_piece, &feed);
		*ret_is_quiet = squashfs->file.error || r == -ENOMEM;
	}
	if (r == 0) {
		r = squashfs_error(&squashfs->file, sqfs_block_processor_end_file(processor));
		*ret_is_quiet = true;
	}
	return r;
}

/* Return: as write_file() */
static int write_files(struct squashfs *squashfs, sqfs_block_processor_t *processor,
		       bool *ret_is_quiet)
{
	CLEANUP(content_reader_cleanup)
	struct content_reader *reader = content_reader_new(squashfs->job->output);
	int r = reader ? 0 : -ENOMEM;

	*ret_is_quiet = true;
	for (size_t i = 1; r == 0 && i <= squashfs->job->count; i++) {
		struct squashfs_node *node = &squashfs->nodes[i];

		if (node->entry->type != ENTRY_FILE)
			continue;
		if (node->file == node) {
			r = write_file(squashfs, processor, reader, node, ret_is_quiet);
			continue;
		}
		node->entry->size = node->file->entry->size;
		memcpy(node->entry->sha256, node->file->entry->sha256, SHA256_SIZE);
		node->entry->is_hashed = true;
	}
	if (r == 0)
		r = squashfs_error(&squashfs->file, sqfs_block_processor_finish(processor));
	return r;
}

/* libsquashfs 1.2 does not free the blocks that its threads still have when it is ended early: they
 * are waited for, to go nowhere. Each failed call is one block less */
static void give_up(struct squashfs *squashfs, sqfs_block_processor_t *processor, size_t backlog)
{
	squashfs->file.is_given_up = true;
	for (size_t i = 0; i <= backlog && sqfs_block_processor_sync(processor) != 0; i++)
		;
}

/* Return: as write_file() */
static int write_data(struct squashfs *squashfs, bool *ret_is_quiet)
{
	const struct squashfs_job *job = squashfs->job;
	sqfs_block_writer_t *writer = sqfs_block_writer_create(&squashfs->file.base, 0, 0);
	sqfs_block_processor_t *processor = NULL;
	const sqfs_block_processor_desc_t description = {
		.size = sizeof(description),
		.max_block_size = job->form->block_size,
		.num_workers = job->jobs,
		.max_backlog = (sqfs_u32)(BACKLOG_BYTES / job->form->block_size) + job->jobs,
		.cmp = squashfs->compressor,
		.wr = writer,
		.tbl = squashfs->fragments,
		/* ends of files that look alike are compared: without these, by checksums alone */
		.file = &squashfs->file.base,
		.uncmp = squashfs->unpacker,
	};
	int r = writer ? sqfs_block_processor_create_ex(&description, &processor) : -ENOMEM;

	*ret_is_quiet = true;
	r = writer ? squashfs_error(&squashfs->file, r) : r;
	if (r == 0)
		r = write_files(squashfs, processor, ret_is_quiet);
	if (r < 0 && processor)
		give_up(squashfs, processor, description.max_backlog);
	sqfs_destroy(processor);
	sqfs_destroy(writer);
	return r;
}

/* ---- the whole ---- */

static void squashfs_free(struct squashfs *squashfs)
{
	for (size_t i = 0; squashfs->nodes && i <= squashfs->job->count; i++)
		free(squashfs->nodes[i].inode);
	free(squashfs->nodes);
	sqfs_destroy(squashfs->fragments);
	sqfs_destroy(squashfs->unpacker);
	sqfs_destroy(squashfs->compressor);
}

/* zeros to a multiple of what a device has as a block */
static int pad(struct squashfs *squashfs)
{
	static const unsigned char zeros[SQUASHFS_PADDING];
	uint64_t size = squashfs->file.size;

	return squashfs_error(&squashfs->file,
			      squashfs->file.base.write_at(&squashfs->file.base, size, zeros,
							   (size_t)(-size % SQUASHFS_PADDING)));
}

int squashfs_write(const struct squashfs_job *job, uint64_t *ret_size)
{
	CLEANUP(squashfs_free) struct squashfs squashfs = { .job = job };
	bool is_quiet = true;
	int r;

	squashfs_file_open(&squashfs.file, job->fd, job->offset, job->most);
	squashfs.fragments = sqfs_frag_table_create(0);
	r = squashfs.fragments ? tree_make(&squashfs) : -ENOMEM;
	if (r == 0)
		r = start(&squashfs);
	if (r == 0)
		r = write_data(&squashfs, &is_quiet);
	if (r == 0)
		r = squashfs_inodes_write(&squashfs);
	if (r == 0) {
		squashfs.super.bytes_used = squashfs.file.size;
		r = squashfs_error(&squashfs.file,
				   sqfs_super_write(&squashfs.super, &squashfs.file.base));
	}
	if (r == 0)
		r = pad(&squashfs);
	if (r == -EOVERFLOW && squashfs.file.error == -EOVERFLOW)
		return r;
	if (r < 0)
		return is_quiet ? fail(r,
				       "cannot write the SquashFS of '%s' after %llu MB; nothing "
				       "else was changed",
				       job->label,
				       (unsigned long long)(squashfs.file.size / 1000000))
				: r;
	*ret_size = squashfs.file.size;
	return 0;
}
