/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xattr.h - extended attributes of an entry, file capabilities and POSIX ACLs among them
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define XATTR_CAPABILITY "security.capability"
#define XATTR_ACL_ACCESS "system.posix_acl_access"
#define XATTR_ACL_DEFAULT "system.posix_acl_default"
#define XATTR_VALUE_MOST 65536 /* XATTR_SIZE_MAX of the kernel's include/uapi/linux/limits.h */
#define XATTR_NAME_MOST 255    /* XATTR_NAME_MAX, the same */

struct xattr {
	char *name; /* with its namespace: "user.origin" */
	unsigned char *value;
	size_t size;
};

/* sorted by name, each once */
struct xattrs {
	struct xattr *items;
	size_t count;
};

#define XATTRS_EMPTY ((struct xattrs){ 0 })

void xattrs_free(struct xattrs *xattrs);

/** xattrs_set() - add one, or give the one of this name another value. Quiet: 0 or -ENOMEM */
int xattrs_set(struct xattrs *xattrs, const char *name, const void *value, size_t size);

/** xattrs_copy() - into @ret, which is empty. Quiet: 0 or -ENOMEM, with nothing copied */
int xattrs_copy(const struct xattrs *xattrs, struct xattrs *ret);
bool xattrs_equal(const struct xattrs *a, const struct xattrs *b);

/** xattrs_find() - the one called @name, or NULL */
const struct xattr *xattrs_find(const struct xattrs *xattrs, const char *name);

/**
 * xattr_is_kept() - whether an attribute of this name belongs to a tree
 *
 * user.*, trusted.*, file capabilities and POSIX ACLs do. Labels of the machine that the tree lay
 * on (SELinux, IMA) do not, nor what overlayfs noted there for itself.
 */
bool xattr_is_kept(const char *name);

/**
 * xattrs_read() - those of an open file that a tree keeps; quiet
 * @fd: may be one of O_PATH
 *
 * Return: 0 (also where the file system has none), or a negative errno
 */
int xattrs_read(int fd, struct xattrs *ret);

struct manifest;

/** xattrs_warn() - one line when entries of @manifest have attributes, capabilities aside, that
 * @where ("a cpio image") cannot keep; with -v each
 * @keeps: whether it keeps the attribute of this name; NULL: none */
void xattrs_warn(const struct manifest *manifest, const char *where,
		 bool (*keeps)(const char *name));
