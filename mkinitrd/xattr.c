/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xattr.c - extended attributes of an entry (see xattr.h)
 *
 * In:    open files; names and values
 * Out:   sorted lists; a warning where a format loses them
 * Not:   capabilities as text (capability.c), ACLs of archives (tree_acl.c)
 * Facts: xattr(7), listxattr(2); an O_PATH descriptor has attributes only by its name in /proc
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "fail.h"
#include "manifest.h"
#include "xattr.h"

void xattrs_free(struct xattrs *xattrs)
{
	for (size_t i = 0; i < xattrs->count; i++) {
		free(xattrs->items[i].name);
		free(xattrs->items[i].value);
	}
	free(xattrs->items);
	*xattrs = XATTRS_EMPTY;
}

/* an own copy, never NULL for 0 bytes */
static unsigned char *copy_value(const void *value, size_t size)
{
	unsigned char *copy = malloc(size ? size : 1);

	if (copy && size)
		memcpy(copy, value, size);
	return copy;
}

int xattrs_set(struct xattrs *xattrs, const char *name, const void *value, size_t size)
{
	CLEANUP(memory_free) unsigned char *copy = copy_value(value, size);
	CLEANUP(memory_free) char *name_copy = strdup(name);
	struct xattr *items;
	size_t at = 0;
	int order = 1;

	if (!copy || !name_copy)
		return -ENOMEM;
	while (at < xattrs->count && (order = strcmp(xattrs->items[at].name, name)) < 0)
		at++;
	if (at < xattrs->count && order == 0) {
		free(xattrs->items[at].value);
	} else {
		items = reallocarray(xattrs->items, xattrs->count + 1, sizeof(*items));
		if (!items)
			return -ENOMEM;
		xattrs->items = items;
		memmove(&items[at + 1], &items[at], (xattrs->count - at) * sizeof(*items));
		xattrs->count++;
		items[at].name = text_pointer_take(&name_copy);
	}
	xattrs->items[at].value = copy;
	xattrs->items[at].size = size;
	copy = NULL;
	return 0;
}

int xattrs_copy(const struct xattrs *xattrs, struct xattrs *ret)
{
	int r = 0;

	*ret = XATTRS_EMPTY;
	for (size_t i = 0; r == 0 && i < xattrs->count; i++)
		r = xattrs_set(ret, xattrs->items[i].name, xattrs->items[i].value,
			       xattrs->items[i].size);
	if (r < 0)
		xattrs_free(ret);
	return r;
}

bool xattrs_equal(const struct xattrs *a, const struct xattrs *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!text_equal(a->items[i].name, b->items[i].name) ||
		    a->items[i].size != b->items[i].size ||
		    memcmp(a->items[i].value, b->items[i].value, a->items[i].size) != 0)
			return false;
	return true;
}

const struct xattr *xattrs_find(const struct xattrs *xattrs, const char *name)
{
	for (size_t i = 0; i < xattrs->count; i++)
		if (text_equal(xattrs->items[i].name, name))
			return &xattrs->items[i];
	return NULL;
}

bool xattr_is_kept(const char *name)
{
	if (text_after(name, "user.overlay.") || text_after(name, "trusted.overlay."))
		return false;
	return text_after(name, "user.") || text_after(name, "trusted.") ||
	       text_equal(name, XATTR_CAPABILITY) || text_equal(name, XATTR_ACL_ACCESS) ||
	       text_equal(name, XATTR_ACL_DEFAULT);
}

/* one attribute's value. Return: 0, also when it has just gone, or -errno */
static int read_one(const char *path, const char *name, struct xattrs *ret)
{
	CLEANUP(memory_free) unsigned char *value = malloc(XATTR_VALUE_MOST);
	ssize_t size;

	if (!value)
		return -ENOMEM;
	size = getxattr(path, name, value, XATTR_VALUE_MOST);
	if (size < 0)
		return errno == ENODATA || errno == ENOTSUP ? 0 : -errno;
	return xattrs_set(ret, name, value, (size_t)size);
}

int xattrs_read(int fd, struct xattrs *ret)
{
	CLEANUP(memory_free) char *names = NULL;
	char path[32];
	ssize_t size;
	int r = 0;

	*ret = XATTRS_EMPTY;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	size = listxattr(path, NULL, 0);
	if (size < 0)
		return errno == ENOTSUP || errno == EPERM ? 0 : -errno;
	if (size == 0)
		return 0;
	names = malloc((size_t)size);
	if (!names)
		return -ENOMEM;
	size = listxattr(path, names, (size_t)size);
	if (size < 0)
		return errno == ENOTSUP ? 0 : -errno;
	for (const char *name = names; r == 0 && name < names + size; name += strlen(name) + 1)
		if (xattr_is_kept(name))
			r = read_one(path, name, ret);
	if (r < 0)
		xattrs_free(ret);
	return r;
}

void xattrs_warn(const struct manifest *manifest, const char *where,
		 bool (*keeps)(const char *name))
{
	const struct entry *first = NULL;
	const char *first_name = NULL;
	size_t count = 0;

	for (size_t i = 0; i < manifest_count(manifest); i++) {
		const struct entry *entry = manifest_at(manifest, i);
		size_t before = count;

		for (size_t j = 0; j < entry->xattrs.count; j++) {
			const char *name = entry->xattrs.items[j].name;

			if (text_equal(name, XATTR_CAPABILITY) || (keeps && keeps(name)))
				continue;
			if (!first) {
				first = entry;
				first_name = name;
			}
			count = before + 1;
			note("'%s' has the attribute '%s', which %s cannot keep", entry->path, name,
			     where);
		}
	}
	if (count == 1)
		warn("'%s' has extended attributes ('%s'), which %s cannot keep", first->path,
		     first_name, where);
	else if (count)
		warn("%zu entries have extended attributes, which %s cannot keep, the first '%s' "
		     "('%s') (-v lists them)",
		     count, where, first->path, first_name);
}
