/* SPDX-License-Identifier: Apache-2.0 */
/*
 * squashfs_inodes.c - the inodes, directories and tables of a SquashFS
 *
 * In:    the tree of a SquashFS whose data is written
 * Out:   all that comes behind the data
 * Not:   their bytes (libsquashfs)
 * Facts: kernel Documentation/filesystems/squashfs.rst: a directory has where its entries' inodes
 *        lie, so these are written before it; names in it are sorted by bytes; device numbers are
 *        those of new_encode_dev() (include/linux/kdev_t.h)
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sqfs/dir_writer.h>
#include <sqfs/error.h>
#include <sqfs/id_table.h>
#include <sqfs/meta_writer.h>
#include <sqfs/xattr_writer.h>

#include "layout.h"
#include "squashfs_private.h"

#define ROOT_MODE 0755
#define NO_XATTRS 0xFFFFFFFF

/* what the metadata of one SquashFS is written with */
struct metadata {
	struct squashfs *squashfs;
	sqfs_meta_writer_t *inodes, *directories;
	sqfs_dir_writer_t *directory;
	sqfs_id_table_t *ids;
	sqfs_xattr_writer_t *xattrs;
	bool has_xattrs;
};

static mode_t node_mode(const struct squashfs_node *node)
{
	static const mode_t types[] = {
		[ENTRY_FILE] = S_IFREG,      [ENTRY_DIRECTORY] = S_IFDIR, [ENTRY_SYMLINK] = S_IFLNK,
		[ENTRY_CHARACTER] = S_IFCHR, [ENTRY_BLOCK] = S_IFBLK,     [ENTRY_FIFO] = S_IFIFO,
	};

	if (!node->entry)
		return S_IFDIR | ROOT_MODE;
	return types[node->entry->type] |
	       (node->entry->type == ENTRY_SYMLINK ? 0777 : node->entry->mode & 07777);
}

static sqfs_inode_generic_t *inode_new(size_t payload)
{
	return calloc(1, sizeof(sqfs_inode_generic_t) + payload);
}

static sqfs_inode_generic_t *symlink_inode(const struct squashfs_node *node)
{
	size_t length = strlen(node->entry->target);
	sqfs_inode_generic_t *inode = inode_new(length + 1);

	if (!inode)
		return NULL;
	inode->base.type = SQFS_INODE_SLINK;
	inode->data.slink.nlink = 1;
	inode->data.slink.target_size = (sqfs_u32)length;
	memcpy(inode->extra, node->entry->target, length);
	return inode;
}

static sqfs_inode_generic_t *device_inode(const struct squashfs_node *node)
{
	uint32_t major = node->entry->device_major, minor = node->entry->device_minor;
	sqfs_inode_generic_t *inode = inode_new(0);

	if (!inode)
		return NULL;
	inode->base.type = node->entry->type == ENTRY_BLOCK ? SQFS_INODE_BDEV : SQFS_INODE_CDEV;
	inode->data.dev.nlink = 1;
	inode->data.dev.devno = (minor & 0xff) | major << 8 | (minor & ~UINT32_C(0xff)) << 12;
	return inode;
}

static sqfs_inode_generic_t *fifo_inode(void)
{
	sqfs_inode_generic_t *inode = inode_new(0);

	if (!inode)
		return NULL;
	inode->base.type = SQFS_INODE_FIFO;
	inode->data.ipc.nlink = 1;
	return inode;
}

/* the listing, whose entries' inodes are written. Return: 0 or an SQFS_ERROR */
static int directory_inode(struct metadata *metadata, struct squashfs_node *node, uint32_t xattrs)
{
	/* its own two names, and the ".." of each directory in it */
	size_t nlink = 2;
	int r = sqfs_dir_writer_begin(metadata->directory, 0);

	for (const struct squashfs_node *child = node->first_child; r == 0 && child;
	     child = child->next) {
		const char *slash = strrchr(child->entry->path, '/');

		nlink += child->entry->type == ENTRY_DIRECTORY;
		r = sqfs_dir_writer_add_entry(
			metadata->directory, slash ? slash + 1 : child->entry->path,
			child->file->number, child->file->reference, (sqfs_u16)node_mode(child));
	}
	if (r == 0)
		r = sqfs_dir_writer_end(metadata->directory);
	if (r < 0)
		return r;
	/* the root's parent is a number that no inode has */
	node->inode = sqfs_dir_writer_create_inode(
		metadata->directory, nlink, xattrs,
		node->parent ? node->parent->number : metadata->squashfs->super.inode_count + 1);
	return node->inode ? 0 : SQFS_ERROR_ALLOC;
}

static int xattrs_number(struct metadata *metadata, const struct squashfs_node *node,
			 uint32_t *ret_number)
{
	const struct xattrs *xattrs = node->entry ? &node->entry->xattrs : NULL;
	int r;

	*ret_number = NO_XATTRS;
	if (!xattrs || xattrs->count == 0)
		return 0;
	metadata->has_xattrs = true;
	r = sqfs_xattr_writer_begin(metadata->xattrs, 0);
	for (size_t i = 0; r == 0 && i < xattrs->count; i++)
		r = !layout_keeps_xattr(xattrs->items[i].name)
			    ? 0
			    : sqfs_xattr_writer_add(metadata->xattrs, xattrs->items[i].name,
						    xattrs->items[i].value, xattrs->items[i].size);
	return r < 0 ? r : sqfs_xattr_writer_end(metadata->xattrs, ret_number);
}

static int node_inode(struct metadata *metadata, struct squashfs_node *node, uint32_t xattrs)
{
	if (!node->entry || node->entry->type == ENTRY_DIRECTORY)
		return directory_inode(metadata, node, xattrs);
	switch (node->entry->type) {
	case ENTRY_SYMLINK:
		node->inode = symlink_inode(node);
		break;
	case ENTRY_CHARACTER:
	case ENTRY_BLOCK:
		node->inode = device_inode(node);
		break;
	case ENTRY_FIFO:
		node->inode = fifo_inode();
		break;
	case ENTRY_FILE: /* made with its data */
	case ENTRY_DIRECTORY:
		break;
	}
	return node->inode ? 0 : SQFS_ERROR_ALLOC;
}

static int node_write(struct metadata *metadata, struct squashfs_node *node)
{
	const struct entry *entry = node->entry;
	sqfs_inode_generic_t *inode;
	uint32_t xattrs = NO_XATTRS, offset;
	uint64_t block;
	int r = xattrs_number(metadata, node, &xattrs);

	if (r == 0)
		r = node_inode(metadata, node, xattrs);
	if (r < 0)
		return r;
	inode = node->inode;
	inode->base.mode = (sqfs_u16)node_mode(node);
	inode->base.mod_time = (sqfs_u32)metadata->squashfs->job->mtime;
	inode->base.inode_number = node->number;
	r = sqfs_id_table_id_to_index(metadata->ids, entry ? entry->uid : 0, &inode->base.uid_idx);
	if (r == 0)
		r = sqfs_id_table_id_to_index(metadata->ids, entry ? entry->gid : 0,
					      &inode->base.gid_idx);
	if (r == 0 && node->nlink > 1) {
		r = sqfs_inode_make_extended(inode);
		inode->data.file_ext.nlink = node->nlink;
	}
	if (r == 0 && xattrs != NO_XATTRS)
		r = sqfs_inode_set_xattr_index(inode, xattrs);
	sqfs_meta_writer_get_position(metadata->inodes, &block, &offset);
	node->reference = block << 16 | offset;
	node->is_placed = true;
	if (r == 0)
		r = sqfs_meta_writer_write_inode(metadata->inodes, inode);
	free(inode);
	node->inode = NULL;
	return r;
}

/* backwards: what is in a directory comes behind it in the order of paths */
static int nodes_write(struct metadata *metadata)
{
	struct squashfs *squashfs = metadata->squashfs;
	int r = 0;

	squashfs->super.inode_table_start = squashfs->file.size;
	for (size_t i = squashfs->job->count + 1; r == 0 && i-- > 0;) {
		struct squashfs_node *node = squashfs->nodes[i].file;

		if (!node->is_placed)
			r = node_write(metadata, node);
	}
	squashfs->super.root_inode_ref = squashfs->nodes[0].reference;
	if (r == 0)
		r = sqfs_meta_writer_flush(metadata->inodes);
	squashfs->super.directory_table_start = squashfs->file.size;
	if (r == 0)
		r = sqfs_meta_writer_flush(metadata->directories);
	return r < 0 ? r : sqfs_meta_write_write_to_file(metadata->directories);
}

static int tables_write(struct metadata *metadata)
{
	struct squashfs *squashfs = metadata->squashfs;
	sqfs_file_t *file = &squashfs->file.base;
	int r = sqfs_frag_table_write(squashfs->fragments, file, &squashfs->super,
				      squashfs->compressor);

	if (r == 0)
		r = sqfs_id_table_write(metadata->ids, file, &squashfs->super,
					squashfs->compressor);
	if (r == 0 && metadata->has_xattrs)
		r = sqfs_xattr_writer_flush(metadata->xattrs, file, &squashfs->super,
					    squashfs->compressor);
	return r;
}

static void metadata_free(struct metadata *metadata)
{
	sqfs_destroy(metadata->xattrs);
	sqfs_destroy(metadata->ids);
	sqfs_destroy(metadata->directory);
	sqfs_destroy(metadata->directories);
	sqfs_destroy(metadata->inodes);
}

int squashfs_inodes_write(struct squashfs *squashfs)
{
	sqfs_file_t *file = &squashfs->file.base;
	CLEANUP(metadata_free) struct metadata metadata = { .squashfs = squashfs };
	int r;

	metadata.inodes = sqfs_meta_writer_create(file, squashfs->compressor, 0);
	metadata.directories = sqfs_meta_writer_create(file, squashfs->compressor,
						       SQFS_META_WRITER_KEEP_IN_MEMORY);
	metadata.directory =
		metadata.directories ? sqfs_dir_writer_create(metadata.directories, 0) : NULL;
	metadata.ids = sqfs_id_table_create(0);
	metadata.xattrs = sqfs_xattr_writer_create(0);
	if (!metadata.inodes || !metadata.directory || !metadata.ids || !metadata.xattrs)
		return -ENOMEM;
	r = nodes_write(&metadata);
	if (r == 0)
		r = tables_write(&metadata);
	return squashfs_error(&squashfs->file, r);
}
