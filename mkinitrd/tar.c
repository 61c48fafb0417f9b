/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tar.c - how a record of a tar archive looks (see tar.h)
 *
 * In:    attributes of a member
 * Out:   its header
 * Not:   contents, and which members (tar_write.c)
 * Facts: pax(1) of POSIX: "ustar Interchange Format", and "pax Extended Header"; extended
 *        attributes as "SCHILY.xattr.NAME", as star, GNU tar, libarchive and Docker have them
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tar.h"

#define NAME_MOST 100
#define PREFIX_MOST 155
#define ID_MOST 07777777u                   /* seven octal digits */
#define SIZE_MOST ((UINT64_C(1) << 33) - 1) /* eleven */
#define PAX_FOLDER "PaxHeaders/"

/* ustar's header; every field is text */
struct header {
	char name[NAME_MOST];
	char mode[8], uid[8], gid[8];
	char size[12], mtime[12];
	char checksum[8];
	char type;
	char target[NAME_MOST];
	char magic[6], version[2];
	char user[32], group[32];
	char device_major[8], device_minor[8];
	char prefix[PREFIX_MOST];
	char padding[12];
};

_Static_assert(sizeof(struct header) == TAR_BLOCK, "a header is a block");

static void put_octal(char *field, size_t size, uint64_t value)
{
	char digits[24];

	(void)snprintf(digits, sizeof(digits), "%0*llo", (int)size - 1, (unsigned long long)value);
	memcpy(field, digits, size - 1);
}

/* as much as fits, without a NUL when all is used */
static void put_text(char *field, size_t size, const char *text, size_t length)
{
	memcpy(field, text, length < size ? length : size);
}

static void put_checksum(struct header *header)
{
	const unsigned char *bytes = (const void *)header;
	unsigned sum = 0;
	char digits[12];

	memset(header->checksum, ' ', sizeof(header->checksum));
	for (size_t i = 0; i < sizeof(*header); i++)
		sum += bytes[i];
	(void)snprintf(digits, sizeof(digits), "%06o", sum);
	memcpy(header->checksum, digits, 7);
}

/* where the name can be cut into prefix and name: the '/' between, or NULL */
static const char *cut_name(const char *path, size_t length)
{
	const char *slash;

	if (length > PREFIX_MOST + 1 + NAME_MOST)
		return NULL;
	slash = strchr(path + length - NAME_MOST - 1, '/');
	/* what is after it is not empty: a directory's name ends in '/' */
	return slash && slash != path && slash[1] && slash - path <= PREFIX_MOST ? slash : NULL;
}

/* Return: whether the name fits */
static bool put_name(struct header *header, const char *path, size_t length)
{
	const char *slash = length > NAME_MOST ? cut_name(path, length) : NULL;

	if (slash) {
		put_text(header->prefix, sizeof(header->prefix), path, (size_t)(slash - path));
		length -= (size_t)(slash + 1 - path);
		path = slash + 1;
	}
	put_text(header->name, sizeof(header->name), path, length);
	return length <= NAME_MOST;
}

/* "LENGTH KEY=VALUE\n", where LENGTH counts itself */
static void add_record(struct text *records, const char *key, const void *value, size_t size)
{
	size_t rest = 1 + strlen(key) + 1 + size + 1, digits = 1, length = rest + 1;

	for (size_t most = 10; length >= most; most *= 10)
		length = rest + ++digits;
	text_format(records, "%zu %s=", length, key);
	text_add_bytes(records, value, size);
	text_add_char(records, '\n');
}

static void add_number(struct text *records, const char *key, uint64_t value)
{
	char digits[24];

	(void)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value);
	add_record(records, key, digits, strlen(digits));
}

static void add_xattrs(struct text *records, const struct xattrs *xattrs)
{
	for (size_t i = 0; xattrs && i < xattrs->count; i++) {
		CLEANUP(text_free) struct text key = TEXT_EMPTY;

		text_format(&key, "SCHILY.xattr.%s", xattrs->items[i].name);
		add_record(records, text_string(&key), xattrs->items[i].value,
			   xattrs->items[i].size);
		records->failed |= key.failed;
	}
}

/* what every header has, whatever it is for */
static void put_common(struct header *header, const struct tar_member *member, uint64_t size)
{
	put_octal(header->mode, sizeof(header->mode), member->mode & 07777);
	put_octal(header->uid, sizeof(header->uid), member->uid <= ID_MOST ? member->uid : 0);
	put_octal(header->gid, sizeof(header->gid), member->gid <= ID_MOST ? member->gid : 0);
	put_octal(header->size, sizeof(header->size), size <= SIZE_MOST ? size : 0);
	put_octal(header->mtime, sizeof(header->mtime), (uint64_t)member->mtime);
	memcpy(header->magic, "ustar", sizeof(header->magic));
	memcpy(header->version, "00", sizeof(header->version));
	put_octal(header->device_major, sizeof(header->device_major), member->device_major);
	put_octal(header->device_minor, sizeof(header->device_minor), member->device_minor);
}

/* a member of its own before the one that it is about */
static void add_pax(const struct tar_member *member, const struct text *records, struct text *text)
{
	const struct tar_member about = { .mode = 0644, .mtime = member->mtime };
	struct header header = { .type = 'x' };
	static const char zeros[TAR_BLOCK];
	CLEANUP(text_free) struct text name = TEXT_EMPTY;

	text_format(&name, PAX_FOLDER "%s", base_name(member->path));
	put_text(header.name, sizeof(header.name), text_string(&name), name.length);
	put_common(&header, &about, records->length);
	put_checksum(&header);
	text_add_bytes(text, &header, sizeof(header));
	text_add_bytes(text, text_string(records), records->length);
	text_add_bytes(text, zeros, tar_padding(records->length));
	text->failed |= name.failed || records->failed;
}

int tar_format(const struct tar_member *member, struct text *text)
{
	CLEANUP(text_free) struct text records = TEXT_EMPTY, name = TEXT_EMPTY;
	struct header header = { .type = (char)member->type };
	size_t target = member->target ? strlen(member->target) : 0;

	text_format(&name, "%s%s", member->path, member->type == TAR_DIRECTORY ? "/" : "");
	if (!put_name(&header, text_string(&name), name.length))
		add_record(&records, "path", text_string(&name), name.length);
	if (target)
		put_text(header.target, sizeof(header.target), member->target, target);
	if (target > NAME_MOST)
		add_record(&records, "linkpath", member->target, target);
	if (member->size > SIZE_MOST)
		add_number(&records, "size", member->size);
	if (member->uid > ID_MOST)
		add_number(&records, "uid", member->uid);
	if (member->gid > ID_MOST)
		add_number(&records, "gid", member->gid);
	add_xattrs(&records, member->xattrs);
	put_common(&header, member, member->size);
	put_checksum(&header);
	if (records.length)
		add_pax(member, &records, text);
	text_add_bytes(text, &header, sizeof(header));
	return text->failed || name.failed || records.failed ? -ENOMEM : 0;
}

int tar_header_short(const struct tar_member *member, unsigned char ret_block[TAR_BLOCK])
{
	struct header header = { .type = (char)member->type };
	size_t length = strlen(member->path);

	if (length > NAME_MOST || member->size > SIZE_MOST)
		return -EFBIG;
	put_text(header.name, sizeof(header.name), member->path, length);
	put_common(&header, member, member->size);
	put_checksum(&header);
	memcpy(ret_block, &header, sizeof(header));
	return 0;
}
