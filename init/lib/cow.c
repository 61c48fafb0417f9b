/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cow.c - where changes of a root go that is only read
 *
 * In:    a text of a profile, a plan or the command line
 * Out:   what it says
 * Not:   mounting it (init/root_cow.c)
 * Facts: the mount options of overlayfs part at ',' and ':', and '\' quotes: kernel
 *        Documentation/filesystems/overlayfs.rst
 */
#include <errno.h>
#include <string.h>

#include "cow.h"
#include "find.h"

/* 64M, 25%: digits and one letter of mount(8) */
static bool is_size(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	return digits > 0 && digits < 16 && strlen(text + digits) <= 1 &&
	       (text[digits] == '\0' || strchr("kKmMgG%", text[digits]));
}

static bool is_directory(const char *path)
{
	if (!*path || strpbrk(path, ",:\\"))
		return false;
	for (const char *part = path; part; part = strchr(part, '/')) {
		part += strspn(part, "/");
		if (text_after(part, "..") && (part[2] == '/' || part[2] == '\0'))
			return false;
	}
	return true;
}

static int parse_disk(const char *text, struct cow *cow)
{
	const char *colon = strchr(text, ':'), *directory = colon ? colon + 1 : COW_DIRECTORY;
	enum find_kind kind;
	const char *value;
	size_t length;

	directory += strspn(directory, "/");
	length = strlen(directory);
	while (length > 0 && directory[length - 1] == '/')
		length--;
	cow->kind = COW_DISK;
	cow->find = colon ? strndup(text, (size_t)(colon - text)) : strdup(text);
	cow->directory = strndup(directory, length);
	if (!cow->find || !cow->directory)
		return -ENOMEM;
	return find_parse(cow->find, &kind, &value) && kind != FIND_NONE &&
			       is_directory(cow->directory)
		       ? 0
		       : -EINVAL;
}

int cow_parse(const char *text, struct cow *cow)
{
	const char *size = text_after(text, "tmpfs:");

	*cow = COW_EMPTY;
	if (text_equal(text, "none")) {
		cow->kind = COW_NONE;
		return 0;
	}
	if (text_equal(text, "tmpfs"))
		return 0;
	if (!size)
		return parse_disk(text, cow);
	if (!is_size(size))
		return -EINVAL;
	cow->size = strdup(size);
	return cow->size ? 0 : -ENOMEM;
}

void cow_free(struct cow *cow)
{
	free(cow->size);
	free(cow->find);
	free(cow->directory);
	*cow = COW_EMPTY;
}
