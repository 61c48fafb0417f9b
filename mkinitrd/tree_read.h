/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree_read.h - directories and archives, untrusted, into a tree
 *
 * Whatever names and numbers an archive has, nothing is written but into the spool. All speak: one
 * line that names the archive and the entry.
 */
#pragma once

#include "image_config.h"
#include "spool.h"
#include "tree.h"

struct tree_reader {
	struct tree *tree;
	struct spool *spool;
	const char *name;  /* of the tree in the profile */
	const char *label; /* for messages: "'rootfs.tar' (tree 'base', site.yaml:3)" */
	const char *at;    /* what stands before each path: "" or "opt/base" */
	const char *image; /* NAME:TAG of the image to take out of an archive of several, or NULL */
	uint64_t limit;    /* bytes of content, of all of it */
	uint64_t size;     /* so far */
	struct image_config *config; /* where to put what an image says about running it, or NULL */
	bool only_config;            /* nothing else is read, and no tree made */
	const char *asked_by; /* how to say which image is meant; NULL: "'image: NAME:TAG'" */
	bool is_layer;        /* of an image: ".wh." names take away what lower layers have */
};

/** tree_read_directory() - what is in the directory @fd, on its own file system. Content stays
 * where it is: @fd is to stay open as long as the tree */
int tree_read_directory(struct tree_reader *reader, int fd);

/** tree_read_file() - a tar of any compression, or an image: an archive of "docker save", an OCI
 * layout in a tar. @fd: at its start, is read as a stream unless it is an image */
int tree_read_file(struct tree_reader *reader, int fd);

/** tree_read_tar() - one tar, of any compression */
int tree_read_tar(struct tree_reader *reader, int fd);

/** tree_is_image() - whether the directory @fd is an OCI layout or an unpacked "docker save" */
bool tree_is_image(int fd);

/** image_architecture() - GOARCH of this machine */
const char *image_architecture(void);

/** tree_read_image() - the layers of the image in such a directory, digests checked */
int tree_read_image(struct tree_reader *reader, int fd);

/** tree_fail() - "cannot take 'PATH' of LABEL: it WHAT". Return: @error */
int tree_fail(const struct tree_reader *reader, int error, const char *path, const char *what);

/** tree_place() - the path in the tree of an entry called @name: "./a//b/" is "a/b"
 * @ret_path: the caller frees it; "" for the top itself, of which there is no entry
 *
 * Return: 0, or -EXDEV: absolute, or with "..", which is spoken; -ENOMEM
 */
int tree_place(const struct tree_reader *reader, const char *name, char **ret_path);

/** tree_add() - tree_put() at the place of @path, with the label of the source; speaks */
int tree_add(struct tree_reader *reader, const char *path, struct tree_object *object);

/** tree_grow() - @size more bytes of content, within the limit; speaks */
int tree_grow(struct tree_reader *reader, const char *path, uint64_t size);

struct archive;

/** tar_open() - a reader of tar over @fd, of any compression that needs no other program; NULL: out
 * of memory. With @is_raw: of any content */
struct archive *tar_open(int fd, bool is_raw);
void tar_close(struct archive **archive);

struct archive_entry;

/** tree_acl_read() - the ACLs of an entry of an archive, as the attributes that the kernel keeps
 * them in. Quiet: 0 or -ENOMEM */
int tree_acl_read(struct archive_entry *entry, struct xattrs *xattrs);
