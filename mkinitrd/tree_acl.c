/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree_acl.c - POSIX ACLs as archives have them, as the attributes in which the kernel keeps them
 *
 * In:    an entry of libarchive
 * Out:   system.posix_acl_access, system.posix_acl_default
 * Facts: kernel include/uapi/linux/posix_acl_xattr.h and posix_acl.h: a version of 32 bits, then
 *        16 bits of tag, 16 of permissions and 32 of id each, little endian, in order of tag and
 * id; archive_entry_acl(3)
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>

#include "tree_read.h"

#define ACL_VERSION 2
#define ACL_ENTRIES_MOST 1024
#define NO_ID UINT32_MAX

struct acl_entry {
	uint16_t tag, permissions;
	uint32_t id;
};

/* the kernel's number of a tag, or 0; libarchive's numbers are another sort */
static uint16_t tag_of(int tag)
{
	static const struct {
		int theirs;
		uint16_t tag;
	} rows[] = {
		{ ARCHIVE_ENTRY_ACL_USER_OBJ, 0x01 },  { ARCHIVE_ENTRY_ACL_USER, 0x02 },
		{ ARCHIVE_ENTRY_ACL_GROUP_OBJ, 0x04 }, { ARCHIVE_ENTRY_ACL_GROUP, 0x08 },
		{ ARCHIVE_ENTRY_ACL_MASK, 0x10 },      { ARCHIVE_ENTRY_ACL_OTHER, 0x20 },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (rows[i].theirs == tag)
			return rows[i].tag;
	return 0;
}

static int entry_order(const void *left, const void *right)
{
	const struct acl_entry *a = left, *b = right;

	if (a->tag != b->tag)
		return a->tag < b->tag ? -1 : 1;
	return (a->id > b->id) - (a->id < b->id);
}

static int take_acl(struct archive_entry *entry, int type, const char *name, struct xattrs *xattrs)
{
	int count = archive_entry_acl_reset(entry, type);
	CLEANUP(memory_free) struct acl_entry *list = NULL;
	CLEANUP(memory_free) unsigned char *value = NULL;
	uint32_t version = htole32(ACL_VERSION);
	int their_type, permissions, their_tag, id;
	const char *who;
	size_t used = 0;

	/* an access ACL of three entries is but the mode */
	if (count <= (type == ARCHIVE_ENTRY_ACL_TYPE_ACCESS ? 3 : 0) || count > ACL_ENTRIES_MOST)
		return 0;
	list = calloc((size_t)count, sizeof(*list));
	value = malloc(sizeof(version) + (size_t)count * sizeof(*list));
	if (!list || !value)
		return -ENOMEM;
	while (used < (size_t)count &&
	       archive_entry_acl_next(entry, type, &their_type, &permissions, &their_tag, &id,
				      &who) == ARCHIVE_OK) {
		uint16_t tag = tag_of(their_tag);

		if (tag == 0)
			continue;
		list[used++] = (struct acl_entry){
			.tag = tag,
			.permissions = (uint16_t)(permissions & 7),
			.id = tag == 0x02 || tag == 0x08 ? (uint32_t)id : NO_ID,
		};
	}
	qsort(list, used, sizeof(*list), entry_order);
	for (size_t i = 0; i < used; i++) {
		list[i].tag = htole16(list[i].tag);
		list[i].permissions = htole16(list[i].permissions);
		list[i].id = htole32(list[i].id);
	}
	memcpy(value, &version, sizeof(version));
	memcpy(value + sizeof(version), list, used * sizeof(*list));
	return xattrs_set(xattrs, name, value, sizeof(version) + used * sizeof(*list));
}

int tree_acl_read(struct archive_entry *entry, struct xattrs *xattrs)
{
	int r = take_acl(entry, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, XATTR_ACL_ACCESS, xattrs);

	return r < 0 ? r
		     : take_acl(entry, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, XATTR_ACL_DEFAULT, xattrs);
}
