/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle_archive.c - the archive of a bundle
 *
 * In:    bytes, untrusted
 * Out:   entries
 * Not:   whether they are what the manifest says (bundle_manifest.c)
 * Facts: newc: kernel Documentation/driver-api/early-userspace/buffer-format.rst
 */
#include <errno.h>
#include <string.h>

#include "bundle.h"
#include "lib/bundle_path.h"

#define MAGIC "070701"
#define HEADER_BYTES 110
#define NAME_MOST 2048
#define TRAILER "TRAILER!!!"
#define MANIFEST "usr/lib/mkinitrd/manifest.json"
#define COMPLETE "usr/lib/mkinitrd/complete"

enum { INODE, MODE, UID, GID, LINKS, MTIME, SIZE, MAJOR, MINOR, RMAJOR, RMINOR, NAME_SIZE, CHECK };

struct reader {
	const unsigned char *bytes;
	size_t length, at;
	struct bundle *bundle;
	struct text *why;
};

/* what the header at hand says */
struct header {
	uint32_t fields[CHECK + 1];
	const char *name;
	const unsigned char *content;
};

static int bad(struct text *why, const char *problem)
{
	text_add(why, problem);
	return -EBADMSG;
}

static int bad_entry(struct text *why, const char *name, const char *problem)
{
	text_format(why, "holds '%s', which %s", name, problem);
	return -EBADMSG;
}

static bool read_field(const unsigned char *digits, uint32_t *ret_value)
{
	uint32_t value = 0;

	for (size_t i = 0; i < 8; i++) {
		unsigned char digit = digits[i];

		if (digit >= '0' && digit <= '9')
			digit = (unsigned char)(digit - '0');
		else if ((digit | 0x20) >= 'a' && (digit | 0x20) <= 'f')
			digit = (unsigned char)((digit | 0x20) - 'a' + 10);
		else
			return false;
		value = value << 4 | digit;
	}
	*ret_value = value;
	return true;
}

/* Is there so much left? Everything but the trailer's name is padded to 4 */
static bool take(struct reader *reader, size_t count, const unsigned char **ret_bytes)
{
	if (count > reader->length - reader->at)
		return false;
	*ret_bytes = reader->bytes + reader->at;
	reader->at += count;
	while (reader->at % 4 && reader->at < reader->length)
		reader->at++;
	return true;
}

/* Return: 0 or -EBADMSG */
static int read_header(struct reader *reader, struct header *header)
{
	const unsigned char *bytes;
	size_t name_size;

	if (reader->length - reader->at < HEADER_BYTES)
		return bad(reader->why, "is cut short");
	bytes = reader->bytes + reader->at;
	if (memcmp(bytes, MAGIC, strlen(MAGIC)) != 0)
		return bad(reader->why,
			   reader->at ? "is damaged" : "is no bundle: no newc archive begins it");
	for (size_t i = 0; i <= CHECK; i++)
		if (!read_field(bytes + strlen(MAGIC) + 8 * i, &header->fields[i]))
			return bad(reader->why, "is damaged");
	name_size = header->fields[NAME_SIZE];
	if (name_size < 2 || name_size > NAME_MOST)
		return bad(reader->why, "has a name of a wrong length");
	if (!take(reader, HEADER_BYTES + name_size, &bytes))
		return bad(reader->why, "is cut short");
	header->name = (const char *)bytes + HEADER_BYTES;
	if (strnlen(header->name, name_size) != name_size - 1)
		return bad(reader->why, "has a name of a wrong length");
	if (!take(reader, header->fields[SIZE], &header->content))
		return bad(reader->why, "is cut short");
	return 0;
}

static int check_target(const struct header *header, const char **ret_problem)
{
	size_t size = header->fields[SIZE];

	*ret_problem = size == 0 || size >= 4096 || memchr(header->content, 0, size)
			       ? "is a symlink to nothing"
			       : NULL;
	return *ret_problem ? -EBADMSG : 0;
}

static int add_entry(struct reader *reader, const struct header *header)
{
	struct bundle *bundle = reader->bundle;
	mode_t mode = header->fields[MODE];
	const char *problem = bundle_path_problem(header->name, S_ISDIR(mode));
	struct bundle_entry *entries;

	if (!problem && !S_ISREG(mode) && !S_ISDIR(mode) && !S_ISLNK(mode))
		problem = "is no file, directory or symlink";
	if (!problem && mode & ~(mode_t)(S_IFMT | 07777))
		problem = "has a wrong mode";
	if (!problem && S_ISREG(mode) && header->fields[LINKS] > 1)
		problem = "is a hard link";
	if (!problem && S_ISDIR(mode) && header->fields[SIZE])
		problem = "is a directory with content";
	if (!problem && S_ISLNK(mode))
		(void)check_target(header, &problem);
	if (problem)
		return bad_entry(reader->why, header->name, problem);
	if (bundle->count == BUNDLE_ENTRIES_MOST)
		return bad(reader->why, "has too many entries");
	entries = reallocarray(bundle->entries, bundle->count + 1, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	bundle->entries = entries;
	entries[bundle->count] = (struct bundle_entry){
		.path = strdup(header->name),
		.mode = mode,
		.uid = header->fields[UID],
		.gid = header->fields[GID],
		.mtime = header->fields[MTIME],
		.content = header->content,
		.size = header->fields[SIZE],
	};
	return entries[bundle->count].path ? (bundle->count++, 0) : -ENOMEM;
}

/* mkinitrd's own two, which are not unpacked. Return: whether it is one */
static bool take_own(struct bundle *bundle, const struct header *header)
{
	if (!S_ISREG((mode_t)header->fields[MODE]))
		return false;
	if (text_equal(header->name, MANIFEST) && !bundle->manifest) {
		bundle->manifest = header->content;
		bundle->manifest_size = header->fields[SIZE];
		return true;
	}
	if (!text_equal(header->name, COMPLETE) || header->fields[SIZE] || !bundle->manifest)
		return false;
	bundle->is_complete = true;
	return true;
}

/* only zeros follow: a second archive would be a part that nobody signed for, or looks at */
static int check_end(const struct reader *reader)
{
	for (size_t i = reader->at; i < reader->length; i++)
		if (reader->bytes[i])
			return bad(reader->why, "has something behind its end");
	return reader->bundle->is_complete ? 0
					   : bad(reader->why, "is no bundle: it has no manifest");
}

int bundle_parse(struct bundle *bundle, const void *bytes, size_t length, struct text *why)
{
	struct reader reader = { .bytes = bytes, .length = length, .bundle = bundle, .why = why };

	if (length > BUNDLE_BYTES_MOST)
		return bad(why, "is too large: 16 MiB are the most");
	for (;;) {
		struct header header;
		int r = read_header(&reader, &header);

		if (r < 0)
			return r;
		if (text_equal(header.name, TRAILER))
			return check_end(&reader);
		if (bundle->is_complete)
			return bad_entry(why, header.name, "stands behind its end");
		if (!take_own(bundle, &header))
			r = add_entry(&reader, &header);
		if (r < 0)
			return r;
	}
}

void bundle_free(struct bundle *bundle)
{
	for (size_t i = 0; i < bundle->count; i++)
		free(bundle->entries[i].path);
	free(bundle->entries);
	*bundle = BUNDLE_EMPTY;
}

static bool is_name(const char *name, size_t length)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";

	return length > 0 && length <= 64 && strspn(name, letters) >= length && *name != '-' &&
	       *name != '.';
}

int bundle_hostname(const struct bundle *bundle, char **ret_hostname, struct text *why)
{
	for (size_t i = 0; i < bundle->count; i++) {
		const struct bundle_entry *entry = &bundle->entries[i];
		CLEANUP(memory_free) char *line = NULL;

		if (!text_equal(entry->path, "etc/hostname") || !S_ISREG(entry->mode))
			continue;
		line = strndup((const char *)entry->content, entry->size < 256 ? entry->size : 256);
		if (!line)
			return -ENOMEM;
		line[strcspn(line, "\n")] = '\0';
		if (!is_name(line, strlen(line)))
			return bad_entry(why, entry->path, "is no name of a host");
		*ret_hostname = text_pointer_take(&line);
		return 0;
	}
	return 0;
}
