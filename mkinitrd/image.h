/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image.h - an image as a file: writing it from a manifest, reading it back
 */
#pragma once

#include "manifest.h"

enum compression {
	COMPRESS_NONE,
	COMPRESS_ZSTD,
	COMPRESS_GZIP,
	COMPRESS_XZ,
	COMPRESS_LZ4,
	COMPRESS_BZIP2, /* from here on: only read */
	COMPRESS_LZMA,
	COMPRESS_LZOP,
};

struct squashfs_made;

/* how a SquashFS is made */
struct squashfs_form {
	enum compression compression; /* ZSTD, XZ, GZIP or LZ4 */
	int level;                    /* of the algorithm's own scale */
	uint32_t block_size;          /* bytes; a power of two from 4 KiB to 1 MiB */
};

#define SQUASHFS_NAME "root.squashfs" /* the file that carries it in an image */
#define SQUASHFS_MODE 0400

struct image_options {
	enum compression compression;
	int level;                            /* of the algorithm's own scale */
	const struct squashfs_form *squashfs; /* what does not depend on the kernel goes into one;
					       * NULL: layout cpio */
	const char *squashfs_path; /* a file of its own for it; NULL: the image carries it */
	bool verity;               /* with a hash tree behind it */
	const char *shell;         /* a path in the image that, with all that it needs, is in the
				    * archive too: where the SquashFS is found, it may be missing.
				    * NULL: none */
	/* called when the SquashFS is there and the boot plan is not packed yet; speaks; may be
	 * NULL */
	int (*squashfs_made)(void *context, const struct squashfs_made *made);
	void *context;
	unsigned jobs;       /* threads; the bytes do not depend on it */
	uint64_t limit;      /* bytes that the file may have; 0: no limit. Over it: an error that
			      * names the ten largest entries and who wanted them */
	bool is_forced;      /* over the limit: a warning */
	int64_t mtime;       /* of every entry: SOURCE_DATE_EPOCH or 0; within 32 bits */
	const char *release; /* kernel release, into manifest.json */
	const char *profile; /* profile name, into manifest.json */
};

struct image_result {
	uint64_t files;     /* entries written */
	uint64_t bytes_in;  /* of the cpio archive before compression */
	uint64_t bytes_out; /* of the file */
	uint64_t content;   /* bytes of file content: what the rootfs will hold */
	uint64_t squashfs;  /* bytes of the SquashFS, which are among these when it is carried; 0:
			     * there is none */
	bool is_reused;     /* it was taken over from the image before */
};

/** compression_parse() - "zstd", "zstd:19", "gzip:9", "none"; speaks (what, and what is known) */
int compression_parse(const char *string, enum compression *ret_compression, int *ret_level);

struct kernel_config;

/** compression_check_kernel() - whether a kernel unpacks it; speaks, naming what the kernel unpacks
 * @is_forced: a warning instead. Return: 0 or -ENOTSUP */
int compression_check_kernel(enum compression compression, const struct kernel_config *config,
			     const char *release, bool is_forced);

/** compression_list() - what compression_parse() knows: "none, zstd:1-19, gzip:1-9" */
void compression_list(struct text *text);

/**
 * image_publish() - write @manifest as an image at @path, read it back, compare, rename; speaks
 *
 * One pass over each source: read, hashed and compressed at once; size and sha256 of the entries
 * are filled in. The temporary file stands beside @path, mode 0600, and is removed on failure and
 * on SIGINT and SIGTERM; an old image at @path survives every failure. A source that changes while
 * it is read is an error. Free space is checked before and ENOSPC survived during.
 */
int image_publish(struct manifest *manifest, const char *path, const struct image_options *options,
		  struct image_result *ret_result);

/* ---- reading: any number of segments, of any compression that the kernel knows. What the SquashFS
 * holds that one of them carries follows behind the file that it is; a file that is a SquashFS as a
 * whole is read like one that carries it. ---- */

struct image_entry {      /* valid until the next call of image_next() */
	const char *path; /* as stored, without leading "/" or "./" */
	mode_t mode;      /* file type and permission bits */
	uint32_t uid, gid;
	uint32_t nlink;
	uint64_t inode, device;                /* hard links have both in common, and the segment */
	uint32_t special_major, special_minor; /* of what a device node stands for */
	int64_t mtime;
	uint64_t size;
	const char *target; /* symlinks */
	unsigned segment;   /* from 0 */
	const char *name;   /* as stored, byte by byte */
	uint64_t offset; /* in the file, of the segment's archive or of the compressed part that it
			  * lies in */
	enum compression compression; /* of that part, or of the SquashFS */
	bool is_in_squashfs;
	bool is_carrier; /* the file that carries it: what it holds comes next */
};

struct image_reader;

/** image_open() - speaks. A hostile file gives an error, never a crash, never unbounded memory */
int image_open(const char *path, struct image_reader **ret_reader);
int image_open_fd(int fd, const char *label, struct image_reader **ret_reader);
void image_close(struct image_reader *reader);
static inline void image_cleanup(struct image_reader **reader)
{
	image_close(*reader);
	*reader = NULL;
}

/** image_keep_parents() - hand out paths with ".." in them, as stored, which are an error else:
 * for those who only look, and those who judge each entry by itself */
void image_keep_parents(struct image_reader *reader);

/** image_hush() - from now on the reader says nothing: another one does, of the same image */
void image_hush(struct image_reader *reader);

/** image_lacks_trailer() - whether an archive so far ended without one, which was a warning */
bool image_lacks_trailer(const struct image_reader *reader);

/** image_next() - the next entry of any segment (trailers are not entries); what is unread of the
 * last one's content is skipped. Return: 1, 0 at the end, or a negative errno (spoken) */
int image_next(struct image_reader *reader, struct image_entry *ret_entry);

/** image_read() - content of the current entry. Return: bytes (0 at its end) or -errno (spoken) */
ssize_t image_read(struct image_reader *reader, void *buffer, size_t size);

/** image_read_piece() - the same without a copy: the bytes are valid until the next call */
ssize_t image_read_piece(struct image_reader *reader, const unsigned char **ret_piece);

/** image_xattrs() - extended attributes of the current entry; the caller frees them; speaks */
int image_xattrs(struct image_reader *reader, struct xattrs *ret_xattrs);

/**
 * image_read_manifest() - find and parse manifest.json in the image at @path; speaks
 *
 * -ENODATA when the image has none (it was not made by mkinitrd).
 */
int image_read_manifest(const char *path, struct manifest **ret_manifest, char **ret_release,
			char **ret_profile);

/** image_peek_manifest() - the same for those who go through the image themselves, too: there is
 * none
 * (*ret_manifest is left alone) and something else is wrong with the image are 0 here; speaks of a
 * damaged manifest alone */
int image_peek_manifest(const char *path, struct manifest **ret_manifest);

struct bootplan;

/** image_read_plan() - the boot plan in the image at @path; @ret_plan stays empty when it has none;
 * speaks */
int image_read_plan(const char *path, struct bootplan *ret_plan);

/** image_verify() - read the image in @fd back and compare every entry's place, type, mode, owner,
 * time, size, SHA-256 and target with @manifest and @options, the segments and how they are
 * compressed, and that the last two entries are manifest.json and complete; speaks, naming the
 * first difference */
int image_verify(const struct manifest *manifest, int fd, const char *label,
		 const struct image_options *options);
