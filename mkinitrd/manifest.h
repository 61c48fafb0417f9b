/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest.h - what goes into an image, and who wanted it: the one truth after resolution
 *
 * Paths are relative ("usr/sbin/dockerd"), canonical (no symlink of the root inside them, except
 * the entry itself when it is one), unique. Resolvers only add. manifest_finish() adds what is
 * implied (parent directories) and sorts; from then on the manifest is const but for what the
 * writer fills in (size, sha256).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "value.h"
#include "xattr.h"
#include "../init/lib/text.h"

#define MANIFEST_PATH "usr/lib/mkinitrd/manifest.json"
#define COMPLETE_PATH "usr/lib/mkinitrd/complete"
#define SHA256_SIZE 32

enum entry_type {
	ENTRY_FILE,
	ENTRY_DIRECTORY,
	ENTRY_SYMLINK,
	ENTRY_CHARACTER, /* devices: they come from trees alone */
	ENTRY_BLOCK,
	ENTRY_FIFO,
};

/* where an entry's content comes from */
enum source_kind {
	SOURCE_NONE,    /* directories, symlinks, empty files */
	SOURCE_ROOT,    /* a path in --root */
	SOURCE_TOOL,    /* one of mkinitrd's own files: init, agent */
	SOURCE_PROFILE, /* a file beside a profile */
	SOURCE_CONTENT, /* bytes that the profile or the builder made */
	SOURCE_TREE,    /* a file of a foreign tree, in its directory or unpacked into a spool */
};

struct source {
	enum source_kind kind;
	int directory_fd; /* ROOT, TOOL, PROFILE: opened from here with openat2(RESOLVE_IN_ROOT);
			   * lives as long as the manifest, owned by who opened it */
	char *path;       /* ROOT: as seen in the root, with leading '/'; else a short label
			   * that is also relative to directory_fd. CONTENT: what made it, "boot plan".
			   * TREE: "NAME:PATH", the tree's name and the path in it */
	char *stored;     /* TREE: where its bytes are, relative to directory_fd; holes stay holes
			   * there. NULL: an empty file. Else NULL */
	bool decompress;  /* the file is a .ko.xz, .ko.zst, .ko.gz and goes in unpacked */
	bool is_seen;     /* size and time are of the file as resolution saw it: it must not change
			   * before it is packed */
	uint64_t seen_size;
	struct timespec seen_time;
	char *bytes; /* CONTENT: owned */
	size_t byte_count;
};

/* Who wanted an entry: another entry, or a line of a profile. A chain of them ends at a line. */
struct reason {
	char *relation;   /* "program 'dockerd'", "library", "interpreter", "symlink target",
			   * "parent directory", "module dependency", "softdep", "firmware", ... */
	char *by;         /* path of the entry that wanted it, or NULL */
	struct origin at; /* when @by is NULL: the line of a profile (file NULL: the builder) */
};

struct entry {
	char *path;
	enum entry_type type;
	mode_t mode; /* permission bits, set-id and sticky included */
	uint32_t uid, gid;
	char *target;                        /* symlinks */
	uint32_t device_major, device_minor; /* ENTRY_CHARACTER, ENTRY_BLOCK */
	struct xattrs xattrs;                /* what the format does not keep is said: xattr.h */
	char *capabilities;  /* of the source, as text: capability.h; NULL: none. For who reads; of
			      * an entry that has the attribute it is made from that */
	uint32_t link_group; /* hard links of one file have one number in common; 0: none. Until
			      * manifest_finish(), which gives the next two */
	struct entry *link;  /* files: the entry of lowest path that this one is a hard link of;
			      * NULL: none, or it is that one itself. All of them have the same
			      * attributes, source, size and sha256 */
	uint32_t nlink;      /* files: how many entries are that file; else 1 */
	struct source source;
	uint64_t size; /* of the content as packed; before writing: the source's st_size or
			* byte_count, which resolvers fill in as an estimate */
	unsigned char
		sha256[SHA256_SIZE]; /* files: of the content as packed; known after writing */
	bool is_named;               /* a profile names this path: wins over derived sources */
	bool is_tree;                /* of a foreign tree, or made by a script in it */
	bool is_hashed;              /* size and sha256 are valid */
	bool is_early;               /* goes into the first segment, which is not compressed: what
				      * the kernel reads there before it unpacks anything */
	struct reason *reasons;
	size_t reason_count;
};

struct manifest;
struct stat;

struct manifest *manifest_new(void);
void manifest_free(struct manifest *manifest);
static inline void manifest_cleanup(struct manifest **manifest)
{
	manifest_free(*manifest);
	*manifest = NULL;
}

/* What manifest_add() takes: the strings and bytes are copied, but source.bytes is taken over
 * (and freed also on failure). reason is the first reason. */
struct addition {
	const char *path;
	enum entry_type type;
	mode_t mode;
	uint32_t uid, gid;
	const char *target;
	uint32_t device_major, device_minor;
	struct xattrs xattrs; /* copied */
	const char *capabilities;
	uint32_t link_group;
	struct source source; /* path and stored are copied */
	bool is_named, is_tree;
	bool is_early;
	const char *relation; /* the reason */
	const char *by;       /* the reason: path of an entry, or NULL */
	struct origin at;     /* the reason: when by is NULL */
};

/**
 * manifest_add() - add an entry, or a reason to one that is there; speaks
 * @ret_entry: when not NULL, the entry; valid until manifest_free()
 *
 * The same path with the same type and source gains a reason. A named addition replaces a derived
 * one and is not replaced by one. Otherwise a different source is a conflict: -EEXIST, and the
 * line names both and who wanted each. (Two derived sources of equal bytes are no conflict. Two
 * named additions of the same source that differ in mode or owner are one: neither may be dropped
 * silently.) What a tree brings keeps its attributes when it is wanted again, and stands back for
 * what mkinitrd makes itself (SOURCE_TOOL, SOURCE_CONTENT). A replaced entry keeps its place in the
 * order of addition: add what profiles name before resolve_closure() has passed it. Paths and
 * targets must be UTF-8, as manifest.json is.
 *
 * Return: 1 when new (its content has not been looked at yet), 0 when it was there, or -errno.
 */
int manifest_add(struct manifest *manifest, const struct addition *addition,
		 struct entry **ret_entry);

/** manifest_replace() - put @addition in the place of what is there, reasons included; takes what
 * manifest_add() takes; speaks. Return: 0 or -errno */
int manifest_replace(struct manifest *manifest, const struct addition *addition,
		     struct entry **ret_entry);

/** manifest_drop() - take out every entry that @is_gone says so of. Before resolve_closure() */
void manifest_drop(struct manifest *manifest,
		   bool (*is_gone)(const struct entry *entry, void *context), void *context);

/** entry_own_size() - size, for sums: hard links of one file count once, as the first of them */
static inline uint64_t entry_own_size(const struct entry *entry)
{
	return entry->link ? 0 : entry->size;
}

/** manifest_find() - the entry at @path (without leading '/'), or NULL */
struct entry *manifest_find(const struct manifest *manifest, const char *path);

size_t manifest_count(const struct manifest *manifest);

/**
 * manifest_at() - entry number @index: in order of addition before manifest_finish() (resolvers
 * run "for i < count" until nothing is added), sorted by path bytes after it
 */
struct entry *manifest_at(const struct manifest *manifest, size_t index);

/**
 * manifest_finish() - add missing parents (0755, or the mode that add_parent gives), sort; speaks
 * @parent_mode: called for each missing parent directory to ask its mode; may be NULL (0755)
 *
 * Hard links that are left of a group find each other. Reasons are sorted too, so that the order of
 * discovery does not show. A parent that only early entries have is early too. May be called again
 * after further additions. An entry below something that is no directory is -ENOTDIR.
 */
int manifest_finish(struct manifest *manifest,
		    mode_t (*parent_mode)(const char *path, void *context), void *context);

/**
 * manifest_chain() - the chain of reasons of @entry as text, a line each, the last one ends at a
 * profile's line: what `why` prints, and what errors quote
 * @one_line: " <- " between the links instead of newlines and indentation
 *
 * Without the entry's own path. Of several chains the shortest. The two forms:
 *
 *	  library of usr/sbin/dockerd
 *	  program 'dockerd' (docker.yaml:12)
 *
 *	library of usr/sbin/dockerd <- program 'dockerd' (docker.yaml:12)
 */
void manifest_chain(const struct manifest *manifest, const struct entry *entry, bool one_line,
		    struct text *text);

/** reason_format() - one link: "library of usr/sbin/dockerd" or "program 'dockerd'
 * (docker.yaml:12)" or, when the builder itself wanted it, "boot plan (mkinitrd itself)" */
void reason_format(const struct reason *reason, struct text *text);

/**
 * entry_open() - the content of a file entry as it goes into the image, from offset 0; speaks
 *
 * A path is opened inside its directory and never outside. Content made by the builder and what is
 * to be unpacked comes as an unnamed file in memory.
 *
 * Return: 0, or a negative errno (the line names entry, source and who wanted it)
 */
int entry_open(const struct entry *entry, int *ret_fd);

/** entry_open_status() - entry_open(), with the size of the content and what else fstat(2) says */
int entry_open_status(const struct entry *entry, int *ret_fd, struct stat *ret_status);

/** entry_describe_source() - "'/usr/bin/ls' in the root", "'boot plan', made by mkinitrd" */
void entry_describe_source(const struct entry *entry, struct text *text);

/* a finding of 'mkinitrd check' that the profile accepts */
struct manifest_acceptance {
	char *key;    /* CODE or CODE:PATH-GLOB */
	char *reason; /* not empty */
	struct origin at;
};

/** manifest_accept() - add one; quiet. Return: 0 or -ENOMEM */
int manifest_accept(struct manifest *manifest, const char *key, const char *reason,
		    const struct origin *at);

/** manifest_acceptance_at() - in order of key after manifest_finish() */
size_t manifest_acceptance_count(const struct manifest *manifest);
const struct manifest_acceptance *manifest_acceptance_at(const struct manifest *manifest,
							 size_t index);

/* the SquashFS with what of the entries does not depend on the kernel */
struct manifest_squashfs {
	char form[32];                        /* how it is made: "zstd:9 131072" */
	int64_t time;                         /* of all in it */
	uint64_t entries;                     /* how many it has */
	uint64_t size;                        /* bytes, without a hash tree behind it */
	unsigned char sha256[SHA256_SIZE];    /* of these */
	unsigned char root_hash[SHA256_SIZE]; /* of the hash tree (dm-verity) */
	bool has_root_hash;
	bool is_beside; /* a file of its own; else the image carries it */
};

/** manifest_squashfs() - that of the image; NULL: there is none */
const struct manifest_squashfs *manifest_squashfs(const struct manifest *manifest);
void manifest_set_squashfs(struct manifest *manifest, const struct manifest_squashfs *squashfs);

/**
 * manifest_canonical() - where @path leads to in the image as it is so far; quiet
 * @follow:   a symlink at its end, too
 * @ret_path: without leading '/'; "" for the root; what is not there is taken literally. The caller
 *            frees it
 *
 * Return: 0, -ELOOP after 40 symlinks, -ENOMEM
 */
int manifest_canonical(const struct manifest *manifest, const char *path, bool follow,
		       char **ret_path);

/** manifest_text_fits() - whether a string can stand in manifest.json: it is UTF-8 */
bool manifest_text_fits(const char *string);

/** manifest_file_label() - a copy of an origin's file name that lives as long as @manifest; NULL:
 * out of memory */
const char *manifest_file_label(struct manifest *manifest, const char *file, size_t length);

/** manifest_to_json() - the exact text form, deterministic, ends in a newline */
int manifest_to_json(const struct manifest *manifest, const char *release, const char *profile,
		     struct text *text);

/**
 * manifest_from_json() - the inverse; untrusted input
 * @ret_release, @ret_profile: when not NULL, strings that the caller frees
 * @ret_error: on -EINVAL, what is wrong; the caller frees it
 */
int manifest_from_json(const char *string, size_t length, struct manifest **ret_manifest,
		       char **ret_release, char **ret_profile, char **ret_error);
